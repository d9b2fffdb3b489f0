"""Block storage: volumes, boot volumes and their backups are listed, read and given another key."""

import oci
from lab import FACTS, holds, refused, regional

models = oci.core.models
every = oci.pagination.list_call_get_all_results
blocks = regional(oci.core.BlockstorageClient)
compartment, key, successor = FACTS["compartment"], FACTS["key"], FACTS["successor"]

volumes = every(blocks.list_volumes, compartment_id=compartment, limit=2).data
holds("list_volumes with limit 2 pages through every volume", [v.id for v in volumes] == FACTS["volumes"])
holds("a listing names the key of each", all(v.kms_key_id == key for v in volumes))
domain = volumes[0].availability_domain
narrowed = blocks.list_volumes(compartment_id=compartment, availability_domain=domain).data
holds("an availability domain narrows it", 0 < len(narrowed) < len(volumes) and all(v.availability_domain == domain for v in narrowed))
boots = blocks.list_boot_volumes(compartment_id=compartment, availability_domain=domain).data
holds("list_boot_volumes lists those of a domain", [v.id for v in boots] == [FACTS["boot"]])
backups = blocks.list_volume_backups(compartment).data
holds("list_volume_backups says whose they are", [(b.id, b.volume_id) for b in backups] == [(FACTS["backup"], FACTS["volumes"][0])])
boot_backups = blocks.list_boot_volume_backups(compartment).data
holds("list_boot_volume_backups too", [(b.id, b.boot_volume_id) for b in boot_backups] == [(FACTS["boot_backup"], FACTS["boot"])])

volume = FACTS["volumes"][0]
before = blocks.get_volume(volume)
holds("get_volume names key, state and etag", before.data.kms_key_id == key and before.data.lifecycle_state == "AVAILABLE" and before.headers["etag"])
holds("get_volume_kms_key names the same key", blocks.get_volume_kms_key(volume).data.kms_key_id == key)
change = models.UpdateVolumeKmsKeyDetails(kms_key_id=successor)
updated = blocks.update_volume_kms_key(volume, change, if_match=before.headers["etag"])
holds("update_volume_kms_key answers at once with the key and a new etag",
      updated.data.kms_key_id == successor and updated.headers["etag"] not in (None, before.headers["etag"]))
after = blocks.get_volume(volume)
holds("get_volume says so too", (after.data.kms_key_id, after.headers["etag"]) == (successor, updated.headers["etag"]))
refused("a stale etag is refused", 412, "NoEtagMatch", blocks.update_volume_kms_key, volume, change, if_match=before.headers["etag"])
refused("a key that is not there is refused by name", 400, "RelatedResourceNotAuthorizedOrNotFound", blocks.update_volume_kms_key, volume,
        models.UpdateVolumeKmsKeyDetails(kms_key_id=key + "x"))
refused("the key of a volume cannot be deleted here", 405, "MethodNotAllowed", blocks.delete_volume_kms_key, volume)
refused("what is being made takes no key", 409, "IncorrectState", blocks.update_volume_kms_key, FACTS["young"], change)
holds("and says that it is being made", blocks.get_volume(FACTS["young"]).data.lifecycle_state == "PROVISIONING")
refused("a boot volume is no volume", 404, "NotAuthorizedOrNotFound", blocks.get_volume, FACTS["boot"])

boot = blocks.get_boot_volume(FACTS["boot"])
holds("get_boot_volume names the key", boot.data.kms_key_id == key == blocks.get_boot_volume_kms_key(FACTS["boot"]).data.kms_key_id)
moved = blocks.update_boot_volume_kms_key(FACTS["boot"], models.UpdateBootVolumeKmsKeyDetails(kms_key_id=successor), if_match=boot.headers["etag"])
holds("update_boot_volume_kms_key gives it another", moved.data.kms_key_id == successor and blocks.get_boot_volume(FACTS["boot"]).data.kms_key_id == successor)

backup = blocks.get_volume_backup(FACTS["backup"])
holds("a backup stays on the key it was taken with", backup.data.kms_key_id == key and backup.headers["etag"])
change = models.UpdateVolumeBackupDetails(kms_key_id=successor)
silent = blocks.update_volume_backup(FACTS["backup"], change, if_match=backup.headers["etag"])
holds("update_volume_backup may answer 200 and change nothing", silent.status == 200 and blocks.get_volume_backup(FACTS["backup"]).data.kms_key_id == key)
moved = blocks.update_volume_backup(FACTS["backup"], change, if_match=backup.headers["etag"])
holds("the next one moves it", moved.data.kms_key_id == successor and moved.headers["etag"] != backup.headers["etag"])
refused("a stale etag of a backup is refused", 412, "NoEtagMatch", blocks.update_volume_backup, FACTS["backup"], change, if_match=backup.headers["etag"])
boot_backup = blocks.get_boot_volume_backup(FACTS["boot_backup"])
moved = blocks.update_boot_volume_backup(FACTS["boot_backup"], models.UpdateBootVolumeBackupDetails(kms_key_id=successor), if_match=boot_backup.headers["etag"])
holds("update_boot_volume_backup moves one", (boot_backup.data.kms_key_id, moved.data.kms_key_id) == (key, successor))
refused("what the emulator cannot change it does not pretend to", 501, "MethodNotImplemented", blocks.update_volume_backup, FACTS["backup"],
        models.UpdateVolumeBackupDetails(display_name="n"))

search = regional(oci.resource_search.ResourceSearchClient)
types = [t.name for t in search.list_resource_types().data]
holds("Search knows the four types", {"Volume", "BootVolume", "VolumeBackup", "BootVolumeBackup"} <= set(types))
query = oci.resource_search.models.StructuredSearchDetails(query="query volume, bootvolume resources")
found = every(search.search_resources, query).data
holds("and says where a volume is", {(r.resource_type, r.availability_domain) for r in found if r.identifier in (volume, FACTS["boot"])}
      == {("Volume", domain), ("BootVolume", domain)})
