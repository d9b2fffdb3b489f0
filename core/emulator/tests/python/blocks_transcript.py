"""Makes each call of block storage once, against a far end that only keeps what arrives."""

import oci
from lab import FACTS, holds, regional

models = oci.core.models
every = oci.pagination.list_call_get_all_results
blocks = regional(oci.core.BlockstorageClient)
compartment, key, id, etag = FACTS["compartment"], FACTS["key"], FACTS["id"], FACTS["etag"]

CALLS = [
    lambda: every(blocks.list_volumes, compartment_id=compartment, limit=1000),
    lambda: blocks.get_volume(id),
    lambda: blocks.update_volume_kms_key(id, models.UpdateVolumeKmsKeyDetails(kms_key_id=key), if_match=etag),
    lambda: every(blocks.list_boot_volumes, compartment_id=compartment, limit=1000),
    lambda: blocks.get_boot_volume(id),
    lambda: blocks.update_boot_volume_kms_key(id, models.UpdateBootVolumeKmsKeyDetails(kms_key_id=key), if_match=etag),
    lambda: every(blocks.list_volume_backups, compartment, limit=1000),
    lambda: blocks.get_volume_backup(id),
    lambda: blocks.update_volume_backup(id, models.UpdateVolumeBackupDetails(kms_key_id=key), if_match=etag),
    lambda: every(blocks.list_boot_volume_backups, compartment, limit=1000),
    lambda: blocks.get_boot_volume_backup(id),
    lambda: blocks.update_boot_volume_backup(id, models.UpdateBootVolumeBackupDetails(kms_key_id=key), if_match=etag),
    lambda: every(blocks.list_block_volume_replicas, compartment_id=compartment, limit=1000),
    lambda: blocks.get_block_volume_replica(id),
    lambda: every(blocks.list_boot_volume_replicas, compartment_id=compartment, limit=1000),
    lambda: blocks.get_boot_volume_replica(id),
]
for call in CALLS:
    try:
        call()
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
holds("every call of block storage was sent", len(CALLS) == 16)
