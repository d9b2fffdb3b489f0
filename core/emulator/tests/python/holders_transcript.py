"""Makes each call of what keywheel only reads once, against a far end that only keeps what arrives."""

import oci
from lab import FACTS, holds, regional

every = oci.pagination.list_call_get_all_results
oke = regional(oci.container_engine.ContainerEngineClient)
compute = regional(oci.core.ComputeManagementClient)
compartment, id = FACTS["compartment"], FACTS["id"]

CALLS = [
    lambda: every(oke.list_clusters, compartment, limit=1000),
    lambda: oke.get_cluster(id),
    lambda: every(oke.list_node_pools, compartment, limit=1000),
    lambda: oke.get_node_pool(id),
    lambda: oke.get_work_request("wr1"),
    lambda: every(oke.list_work_requests, compartment, resource_id=id, resource_type="NODEPOOL", limit=1000),
    lambda: every(compute.list_instance_configurations, compartment, limit=1000),
    lambda: compute.get_instance_configuration(id),
]
for call in CALLS:
    try:
        call()
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
holds("every call was sent", len(CALLS) == 8)
