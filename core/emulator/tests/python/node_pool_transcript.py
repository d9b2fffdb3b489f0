"""Reads a node pool and names another key in details that are otherwise the same, by the SDK's own models."""

import oci
from lab import FACTS, holds, regional

oke = regional(oci.container_engine.ContainerEngineClient)
models = oci.container_engine.models
pool = oke.get_node_pool(FACTS["id"]).data
was = pool.node_config_details
details = models.UpdateNodePoolNodeConfigDetails(
    size=was.size, nsg_ids=was.nsg_ids, kms_key_id=FACTS["key"],
    is_pv_encryption_in_transit_enabled=was.is_pv_encryption_in_transit_enabled,
    freeform_tags=was.freeform_tags, defined_tags=was.defined_tags, placement_configs=was.placement_configs,
    node_pool_pod_network_option_details=was.node_pool_pod_network_option_details)
holds("what an update takes is what reading shows, but for the compute cluster",
      set(was.attribute_map) - set(details.attribute_map) == {"compute_cluster_id"})
oke.update_node_pool(FACTS["id"], models.UpdateNodePoolDetails(node_config_details=details), if_match=FACTS["etag"])
holds("the update was sent", True)
