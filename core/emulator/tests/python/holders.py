"""What keywheel finds and reads: clusters, node pools, instance configurations. A pool gets another key."""

import oci
from lab import FACTS, holds, refused, regional

every = oci.pagination.list_call_get_all_results
oke = regional(oci.container_engine.ContainerEngineClient)
compute = regional(oci.core.ComputeManagementClient)
models = oci.container_engine.models
compartment, key, successor = FACTS["compartment"], FACTS["key"], FACTS["successor"]

found = every(oke.list_clusters, compartment, limit=2).data
holds("list_clusters with limit 2 pages through every cluster", [c.id for c in found] == FACTS["clusters"] + [FACTS["oracles"]])
holds("each is ACTIVE and has a name", all(c.lifecycle_state == "ACTIVE" and c.name for c in found))
read = oke.get_cluster(FACTS["clusters"][0])
holds("get_cluster names the key and carries an etag", read.data.kms_key_id == key and read.headers["etag"])
holds("a cluster under Oracle's key names none", oke.get_cluster(FACTS["oracles"]).data.kms_key_id is None)
refused("what is not there is not found", 404, "NotAuthorizedOrNotFound", oke.get_cluster, FACTS["oracles"] + "x")

pools = every(oke.list_node_pools, compartment, limit=1).data
holds("list_node_pools names the key of each", [(p.id, p.node_config_details.kms_key_id) for p in pools] == [(p, key) for p in FACTS["pools"]])
pool = oke.get_node_pool(FACTS["pools"][0])
was = pool.data.node_config_details
holds("get_node_pool shows what its nodes are made with", (was.size, was.kms_key_id) == (3, key) and pool.headers["etag"])
details = models.UpdateNodePoolNodeConfigDetails(size=was.size, kms_key_id=successor)
change = models.UpdateNodePoolDetails(node_config_details=details)
begun = oke.update_node_pool(FACTS["pools"][0], change, if_match=pool.headers["etag"])
work = begun.headers["opc-work-request-id"]
done = oci.wait_until(oke, oke.get_work_request(work), "status", "SUCCEEDED", max_interval_seconds=1, max_wait_seconds=60).data
holds("update_node_pool goes on under a work request", (done.operation_type, done.resources[0].identifier) == ("NODEPOOL_UPDATE", FACTS["pools"][0]))
listed = every(oke.list_work_requests, compartment, resource_id=FACTS["pools"][0], resource_type="NODEPOOL").data
holds("list_work_requests shows it", [w.id for w in listed] == [work])
holds("of no other pool", every(oke.list_work_requests, compartment, resource_id=FACTS["pools"][1]).data == [])
now = oke.get_node_pool(FACTS["pools"][0]).data.node_config_details
holds("then the pool names the other key, and the rest is as it was", (now.size, now.kms_key_id) == (3, successor))
refused("a stale etag is refused", 412, "NoEtagMatch", oke.update_node_pool, FACTS["pools"][0], change, if_match=pool.headers["etag"])

configurations = every(compute.list_instance_configurations, compartment, limit=1).data
holds("list_instance_configurations lists them", [c.id for c in configurations] == [FACTS["configuration"]])
launch = compute.get_instance_configuration(FACTS["configuration"]).data.instance_details
holds("get_instance_configuration names the keys of what it launches",
      (launch.launch_details.source_details.kms_key_id, launch.block_volumes[0].create_details.kms_key_id) == (key, successor))
