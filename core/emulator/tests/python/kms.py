"""Vaults, keys, versions, replication: the path from a vault to a version that is in use."""

import oci
from lab import CONFIG, FACTS, PLAIN, holds, refused, regional, until

models = oci.key_management.models
every = oci.pagination.list_call_get_all_results

vaults = regional(oci.key_management.KmsVaultClient)
listed = every(vaults.list_vaults, FACTS["compartment"], limit=1).data
holds("list_vaults pages through every vault", sorted(v.id for v in listed) == sorted(FACTS["vaults"]))
vault = vaults.get_vault(FACTS["vault"])
holds("get_vault says it is the primary and has an etag", vault.data.is_primary and vault.headers["etag"])
summary = next(v for v in listed if v.id == FACTS["vault"])
holds("both name the same endpoint", summary.management_endpoint == vault.data.management_endpoint)
replicas = vaults.list_vault_replicas(FACTS["vault"]).data
holds("list_vault_replicas names the replica's region", [r.region for r in replicas] == [FACTS["away"]])

keys = oci.key_management.KmsManagementClient(CONFIG, vault.data.management_endpoint, **PLAIN)
paged = every(keys.list_keys, FACTS["compartment"], limit=2).data
holds("list_keys with limit 2 pages through this vault's keys only", sorted(k.id for k in paged) == sorted(FACTS["keys"]))
holds("a key's summary says when it was made", all(k.time_created and k.protection_mode == "SOFTWARE" for k in paged))

before = keys.get_key(FACTS["key"])
holds("get_key has a current version and an etag", before.data.current_key_version and before.headers["etag"])
first = keys.create_key_version(FACTS["key"], opc_retry_token="one-rotation").data
again = keys.create_key_version(FACTS["key"], opc_retry_token="one-rotation").data
holds("create_key_version twice with one retry token makes one version", first.id == again.id)
holds("a fresh version is CREATING and belongs to the key", first.lifecycle_state == "CREATING" and first.key_id == FACTS["key"])
holds("the key still names the earlier version", keys.get_key(FACTS["key"]).data.current_key_version == before.data.current_key_version)


def shown():
    try:
        return keys.get_key_version(FACTS["key"], first.id)
    except oci.exceptions.ServiceError as error:
        assert error.status == 404, error
        return None


until("get_key_version shows the version once it is listed", shown)
done = oci.wait_until(keys, shown(), "lifecycle_state", "ENABLED", max_interval_seconds=1)
holds("wait_until sees the version ENABLED", done.data.lifecycle_state == "ENABLED" and done.data.origin == "INTERNAL")
until("the key names the new version after the flip", lambda: keys.get_key(FACTS["key"]).data.current_key_version == first.id)
versions = every(keys.list_key_versions, FACTS["key"], limit=1).data
holds("list_key_versions shows both", {v.id for v in versions} == {before.data.current_key_version, first.id})
holds("a version of a listing does not say how it is replicated", not hasattr(versions[0], "replica_details"))
usage = vaults.get_vault_usage(FACTS["vault"]).data
holds("get_vault_usage counts the versions", usage.software_key_version_count == len(FACTS["keys"]) + 1)


def replicated():
    status = keys.get_replication_status(first.replica_details.replication_id).data
    return [(r.region, r.status) for r in status.replica_details] == [(FACTS["away"], "REPLICATED")]


holds("replication is not done at once", until("get_replication_status reaches REPLICATED", replicated) > 0)

replica = oci.key_management.KmsManagementClient(CONFIG, replicas[0].management_endpoint, **PLAIN)
holds("a replica shows the key as not primary", replica.get_key(FACTS["key"]).data.is_primary is False)
refused("a replica mints nothing", 409, "IncorrectState", replica.create_key_version, FACTS["key"])

fresh = keys.get_key(FACTS["key"]).headers["etag"]
tagged = keys.update_key(FACTS["key"], models.UpdateKeyDetails(freeform_tags={"owner": "pay"}), if_match=fresh)
holds("update_key with if_match sets tags", tagged.data.freeform_tags == {"owner": "pay"})
stale = models.UpdateKeyDetails(freeform_tags={})
refused("update_key with a stale etag is refused", 412, "NoEtagMatch", keys.update_key, FACTS["key"], stale, if_match=fresh)

shape = models.KeyShape(algorithm="AES", length=32)
details = models.CreateKeyDetails(compartment_id=FACTS["compartment"], display_name="made", key_shape=shape, protection_mode="SOFTWARE")
made = keys.create_key(details, opc_retry_token="one-key").data
holds("create_key twice with one retry token makes one key", keys.create_key(details, opc_retry_token="one-key").data.id == made.id)
holds("the new key is as asked", made.key_shape.length == 32 and made.protection_mode == "SOFTWARE")
refused("a key that is not there is 404", 404, "NotAuthorizedOrNotFound", keys.get_key, made.id + "x")
