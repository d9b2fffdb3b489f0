"""Makes each call about backup policies once, against a far end that only keeps what arrives."""

import oci
from lab import FACTS, holds, regional

block = regional(oci.core.BlockstorageClient)
compartment, id = FACTS["compartment"], FACTS["id"]

CALLS = [
    lambda: block.list_volume_backup_policies(compartment_id=compartment, limit=1000),
    lambda: block.list_volume_backup_policies(limit=1000),
    lambda: block.get_volume_backup_policy(id),
    lambda: block.get_volume_backup_policy_asset_assignment(id),
    lambda: block.get_volume_backup_policy_assignment(id),
    lambda: block.list_volume_groups(compartment, limit=100),
]
for call in CALLS:
    try:
        call()
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
holds("every call was sent", len(CALLS) == 6)
