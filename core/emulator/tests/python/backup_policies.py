"""Backup policies that copy to another region, and the key that their copies get."""

import oci
from lab import FACTS, holds, refused, regional

every = oci.pagination.list_call_get_all_results
block = regional(oci.core.BlockstorageClient)
compartment, key = FACTS["compartment"], FACTS["key"]

policies = every(block.list_volume_backup_policies, compartment_id=compartment, limit=1).data
holds("list_volume_backup_policies names the region that each copies to",
      [(p.id, p.destination_region) for p in policies] == [(FACTS["policy"], FACTS["away"]), (FACTS["plain"], None)])
oracles = every(block.list_volume_backup_policies).data
holds("without a compartment those that Oracle defined are listed", [(p.id, p.compartment_id) for p in oracles] == [(FACTS["gold"], None)])
read = block.get_volume_backup_policy(FACTS["policy"])
holds("get_volume_backup_policy shows its schedules", read.data.schedules[0].period == "ONE_DAY" and read.headers["etag"])
of_volume = block.get_volume_backup_policy_asset_assignment(FACTS["volume"]).data
holds("get_volume_backup_policy_asset_assignment shows one at most",
      [(a.id, a.policy_id, a.xrc_kms_key_id) for a in of_volume] == [(FACTS["assignment"], FACTS["policy"], key)])
holds("none where none is assigned", block.get_volume_backup_policy_asset_assignment(FACTS["group"]).data == [])
holds("get_volume_backup_policy_assignment names the asset",
      block.get_volume_backup_policy_assignment(FACTS["assignment"]).data.asset_id == FACTS["volume"])
groups = every(block.list_volume_groups, compartment, limit=1).data
holds("list_volume_groups names the members", [(g.id, g.volume_ids) for g in groups] == [(FACTS["group"], [FACTS["volume"]])])
refused("what is not there is not found", 404, "NotAuthorizedOrNotFound", block.get_volume_backup_policy_assignment, FACTS["assignment"] + "x")
