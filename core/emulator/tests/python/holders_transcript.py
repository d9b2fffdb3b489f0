"""Makes each call of what keywheel only reads once, against a far end that only keeps what arrives."""

import oci
from lab import FACTS, holds, regional

every = oci.pagination.list_call_get_all_results
oke = regional(oci.container_engine.ContainerEngineClient)
compartment, id = FACTS["compartment"], FACTS["id"]

CALLS = [
    lambda: every(oke.list_clusters, compartment, limit=1000),
    lambda: oke.get_cluster(id),
]
for call in CALLS:
    try:
        call()
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
holds("every call was sent", len(CALLS) == 2)
