"""What keywheel finds and only reads: clusters."""

import oci
from lab import FACTS, holds, refused, regional

every = oci.pagination.list_call_get_all_results
oke = regional(oci.container_engine.ContainerEngineClient)
compartment, key = FACTS["compartment"], FACTS["key"]

found = every(oke.list_clusters, compartment, limit=2).data
holds("list_clusters with limit 2 pages through every cluster", [c.id for c in found] == FACTS["clusters"] + [FACTS["oracles"]])
holds("each is ACTIVE and has a name", all(c.lifecycle_state == "ACTIVE" and c.name for c in found))
read = oke.get_cluster(FACTS["clusters"][0])
holds("get_cluster names the key and carries an etag", read.data.kms_key_id == key and read.headers["etag"])
holds("a cluster under Oracle's key names none", oke.get_cluster(FACTS["oracles"]).data.kms_key_id is None)
refused("what is not there is not found", 404, "NotAuthorizedOrNotFound", oke.get_cluster, FACTS["oracles"] + "x")
