"""Buckets, their re-encryption, and objects with conditions."""

import oci
from lab import FACTS, holds, refused, regional, until

models = oci.object_storage.models
every = oci.pagination.list_call_get_all_results
storage = regional(oci.object_storage.ObjectStorageClient)

ns = storage.get_namespace().data
holds("get_namespace is a bare string", isinstance(ns, str) and ns)
listed = every(storage.list_buckets, ns, FACTS["compartment"], limit=2).data
holds("list_buckets with limit 2 pages through all", sorted(b.name for b in listed) == sorted(FACTS["buckets"]))
holds("tags come only when asked for", listed[0].freeform_tags is None)
with_tags = storage.list_buckets(ns, FACTS["compartment"], fields=["tags"]).data
holds("with fields=tags they come", all(b.freeform_tags is not None for b in with_tags))

name = FACTS["buckets"][0]
bucket = storage.get_bucket(ns, name)
holds("get_bucket names the key and has an etag", bucket.data.kms_key_id == FACTS["key"] and bucket.headers["etag"])
change = models.UpdateBucketDetails(kms_key_id=FACTS["key"])
updated = storage.update_bucket(ns, name, change, if_match=bucket.headers["etag"])
holds("update_bucket with if_match answers with a new etag", updated.headers["etag"] != bucket.headers["etag"])
refused("update_bucket with a stale etag is refused", 412, "NoEtagMatch", storage.update_bucket, ns, name, change, if_match=bucket.headers["etag"])
refused("a key that is not there is refused by name", 400, "RelatedResourceNotAuthorizedOrNotFound", storage.update_bucket, ns, name,
        models.UpdateBucketDetails(kms_key_id=FACTS["key"] + "x"))
refused("a bucket that is not there is 404", 404, "BucketNotFound", storage.get_bucket, ns, "none")

started = storage.reencrypt_bucket(ns, name)
work = started.headers["opc-work-request-id"]
holds("reencrypt_bucket answers with a work request", work and 200 <= started.status < 300)
first = storage.get_work_request(work)
holds("it is not done at once, and says when to ask again", first.data.status != "COMPLETED" and int(first.headers["retry-after"]) >= 0)
done = oci.wait_until(storage, first, "status", "COMPLETED", max_interval_seconds=1)
holds("wait_until sees it COMPLETED", done.data.percent_complete == 100 and done.data.operation_type == "REENCRYPT")
again = storage.list_work_requests(FACTS["compartment"]).data
holds("list_work_requests lists it", [w.id for w in again] == [work])
holds("it has no errors", storage.list_work_request_errors(work).data == [])
holds("its logs begin with acceptance", storage.list_work_request_logs(work).data[0].message == "accepted")

odd = "audit/2026 11/ü+x.json"
put = storage.put_object(ns, name, odd, b'{"a":1}', if_none_match="*")
holds("put_object with if_none_match creates", put.headers["etag"])
refused("a second creation is refused", 412, "IfNoneMatchFailed", storage.put_object, ns, name, odd, b"{}", if_none_match="*")
got = storage.get_object(ns, name, odd)
holds("get_object gives the bytes back", got.data.content == b'{"a":1}' and got.headers["etag"] == put.headers["etag"])
head = storage.head_object(ns, name, odd)
holds("head_object says length and etag", head.headers["content-length"] == "7" and head.headers["etag"] == put.headers["etag"])
swapped = storage.put_object(ns, name, odd, b"{}", if_match=put.headers["etag"])
holds("put_object with if_match replaces", swapped.headers["etag"] != put.headers["etag"])
refused("with a stale etag it does not", 412, "NoEtagMatch", storage.put_object, ns, name, odd, b"x", if_match=put.headers["etag"])
for n in range(3):
    storage.put_object(ns, name, f"page/{n}", b"x")
part = storage.list_objects(ns, name, prefix="page/", limit=2, fields="name,size,etag").data
holds("list_objects goes on by name", [o.name for o in part.objects] == ["page/0", "page/1"] and part.next_start_with == "page/2")
holds("the fields asked for are there", part.objects[0].size == 1 and part.objects[0].etag)
rest = oci.pagination.list_call_get_all_results(storage.list_objects, ns, name, limit=2).data
holds("and ends", len(rest.objects) == 4)
refused("an object that is not there is 404", 404, "ObjectNotFound", storage.get_object, ns, name, "none")
