"""A peer of keywheel's: the rotation script that everybody writes, with the official SDK in a pool of threads.

It mints a version (or, for volumes, a successor), lists what is under the key and moves each, and counts what failed. It has no
journal: whatever it did not move, nobody knows. Reads where to go from the file named first; prints one line of JSON.
"""

import concurrent.futures
import json
import sys
import time

import oci
from oci._vendor import requests

place = json.load(open(sys.argv[1]))
threads, retries = int(sys.argv[2]), sys.argv[3]
config = oci.config.from_file(place["config"])
strategy = oci.retry.DEFAULT_RETRY_STRATEGY if retries == "default" else oci.retry.NoneRetryStrategy()
more = {"retry_strategy": strategy, "circuit_breaker_strategy": oci.circuit_breaker.NoCircuitBreakerStrategy()}
url, key = place["url"], place["key"]
identity = oci.identity.IdentityClient(config, service_endpoint=url, **more)
storage = oci.object_storage.ObjectStorageClient(config, service_endpoint=url, **more)
blocks = oci.core.BlockstorageClient(config, service_endpoint=url, **more)
keys = oci.key_management.KmsManagementClient(config, place["vault_url"], **more)
# As many connections as threads, or the pool throws them away.
for client in (identity, storage, blocks, keys):
    client.base_client.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=threads))
failures = []


def tried(call, *arguments, **named):
    """What the call returns, or None once it is given up."""
    try:
        return call(*arguments, **named)
    except Exception as error:  # noqa: BLE001: a script that goes on, whatever happens
        failures.append(type(error).__name__ + " " + str(getattr(error, "status", "")))
        return None


def everything(call, *arguments, **named):
    answer = tried(oci.pagination.list_call_get_all_results, call, *arguments, **named)
    return answer.data if answer else []


def move_bucket(namespace, name):
    bucket = tried(storage.get_bucket, namespace, name)
    if not bucket or bucket.data.kms_key_id != key:
        return False
    asked = tried(storage.reencrypt_bucket, namespace, name)
    while asked:
        work = tried(storage.get_work_request, asked.headers["opc-work-request-id"])
        if not work or work.data.status in ("FAILED", "CANCELED"):
            return False
        if work.data.status == "COMPLETED":
            return True
        time.sleep(1)
    return False


def move_block(update, details, one, successor):
    return tried(update, one.id, details(kms_key_id=successor)) is not None


def signed_calls():
    """What a signed call costs in CPU, beside a bare signature with the same key in this process."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    sample, calls = place["sample"], 3000
    read = lambda _: storage.get_bucket(sample["namespace"], sample["name"])  # noqa: E731
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    list(pool.map(read, range(200)))
    spent = time.process_time()
    list(pool.map(read, range(calls)))
    call = (time.process_time() - spent) / calls
    private = serialization.load_pem_private_key(open(config["key_file"], "rb").read(), None)
    spent = time.process_time()
    for number in range(1000):
        private.sign(str(number).encode(), padding.PKCS1v15(), hashes.SHA256())
    print(json.dumps({"calls": calls, "call_cpu": call, "signature_cpu": (time.process_time() - spent) / 1000}))


def main():
    compartments = [place["tenancy"]] + [
        one.id for one in everything(identity.list_compartments, place["tenancy"])
    ]
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    began, spent = time.monotonic(), time.process_time()
    if place["size"]["kind"] == "buckets":
        before = keys.get_key(key).data.current_key_version
        keys.create_key_version(key)
        while keys.get_key(key).data.current_key_version == before:
            time.sleep(0.5)
        namespace = storage.get_namespace().data
        found = [(namespace, one.name) for place_ in compartments for one in everything(storage.list_buckets, namespace, place_)]
        moved = sum(pool.map(lambda one: move_bucket(*one), found))
    else:
        old = keys.get_key(key).data
        model = oci.key_management.models
        shape = model.KeyShape(algorithm=old.key_shape.algorithm, length=old.key_shape.length)
        successor = keys.create_key(
            model.CreateKeyDetails(compartment_id=old.compartment_id, display_name="successor", key_shape=shape,
                                   protection_mode=old.protection_mode)
        ).data
        while keys.get_key(successor.id).data.lifecycle_state != "ENABLED":
            time.sleep(0.5)
        core = oci.core.models
        work = []
        for one in compartments:
            volumes = everything(blocks.list_volumes, compartment_id=one)
            backups = everything(blocks.list_volume_backups, compartment_id=one)
            work += [(blocks.update_volume_kms_key, core.UpdateVolumeKmsKeyDetails, v) for v in volumes if v.kms_key_id == key]
            work += [(blocks.update_volume_backup, core.UpdateVolumeBackupDetails, b) for b in backups if b.kms_key_id == key]
        moved = sum(pool.map(lambda one: move_block(*one, successor.id), work))
    kinds = {}
    for failure in failures:
        kinds[failure] = kinds.get(failure, 0) + 1
    print(json.dumps({
        "moved": moved, "failed": len(failures), "failures": kinds,
        "seconds": time.monotonic() - began, "cpu": time.process_time() - spent,
    }))


signed_calls() if retries == "calls" else main()
