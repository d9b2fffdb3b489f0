//! Which permission each call needs, after Oracle's policy reference (oci-api §8.1): World's own copy.
//!
//! Written down from that table, never from the adapters'. What the table does not list is as keywheel's authors
//! expect it, and says so.

pub(super) const KEY_ASSOCIATE: &str = "KEY_ASSOCIATE";
pub(super) const VAULT_CREATE_KEY: &str = "VAULT_CREATE_KEY";

/// Nobody has it: a call that is not in the table is refused.
const UNKNOWN: &[&str] = &["(unknown)"];

/// What a call needs in the compartment of what it is about.
pub(super) fn needed(operation: &str) -> &'static [&'static str] {
    match operation {
        "list_vaults" | "list_vault_replicas" => &["VAULT_INSPECT"],
        "get_vault" | "get_vault_usage" => &["VAULT_READ"],
        "list_keys" | "list_key_versions" => &["KEY_INSPECT"],
        // GetReplicationStatus is not listed.
        "get_key" | "get_key_version" | "get_replication_status" => &["KEY_READ"],
        "create_key_version" => &["KEY_ROTATE"],
        "update_key" => &["KEY_UPDATE"],
        "create_key" => &["KEY_CREATE"],
        "list_buckets" => &["BUCKET_INSPECT"],
        "get_bucket" => &["BUCKET_READ"],
        "update_bucket" | "reencrypt_bucket" => &["BUCKET_UPDATE"],
        "get_work_request" | "get_object" | "head_object" => &["OBJECT_READ"],
        "list_work_requests" | "list_objects" => &["OBJECT_INSPECT"],
        "put_object" => &["OBJECT_CREATE"],
        "get_volume" | "list_volumes" | "get_boot_volume" | "list_boot_volumes" => &["VOLUME_INSPECT"],
        // Not listed for the two key calls; UpdateVolume's is expected.
        "update_volume_kms_key" | "update_boot_volume_kms_key" => &["VOLUME_UPDATE"],
        "get_volume_backup" | "list_volume_backups" => &["VOLUME_BACKUP_INSPECT"],
        "update_volume_backup" => &["VOLUME_BACKUP_UPDATE", "VOLUME_INSPECT"],
        "get_boot_volume_backup" | "list_boot_volume_backups" => &["BOOT_VOLUME_BACKUP_INSPECT"],
        "update_boot_volume_backup" => &["BOOT_VOLUME_BACKUP_UPDATE", "VOLUME_INSPECT"],
        // Replicas, backup policies, volume groups, clusters, node pools and instance configurations are not in oci-api §8.1: names by their pattern.
        "get_block_volume_replica"
        | "list_block_volume_replicas"
        | "get_boot_volume_replica"
        | "list_boot_volume_replicas" => &["VOLUME_REPLICA_INSPECT"],
        "list_volume_backup_policies" | "get_volume_backup_policy" => &["BACKUP_POLICIES_INSPECT"],
        "get_volume_backup_policy_asset_assignment" | "get_volume_backup_policy_assignment" => {
            &["BACKUP_POLICY_ASSIGNMENT_INSPECT"]
        }
        "list_volume_groups" => &["VOLUME_GROUP_INSPECT"],
        "list_clusters" => &["CLUSTER_INSPECT"],
        "get_cluster" => &["CLUSTER_READ"],
        "list_node_pools" => &["CLUSTER_NODE_POOL_INSPECT"],
        "get_node_pool" => &["CLUSTER_NODE_POOL_READ"],
        "update_node_pool" => &["CLUSTER_NODE_POOL_UPDATE"],
        "list_cluster_work_requests" => &["CLUSTER_WORK_REQUEST_INSPECT"],
        "get_cluster_work_request" => &["CLUSTER_WORK_REQUEST_READ"],
        "list_instance_configurations" => &["INSTANCE_CONFIGURATION_INSPECT"],
        "get_instance_configuration" => &["INSTANCE_CONFIGURATION_READ"],
        "get_compartment" | "list_compartments" | "list_availability_domains" => &["COMPARTMENT_INSPECT"],
        "get_tenancy" | "list_region_subscriptions" => &["TENANCY_INSPECT"],
        "list_policies" => &["POLICY_READ"],
        "list_events" => &["AUDIT_EVENT_READ"],
        // ListRetentionRules is not listed; reading the bucket is expected.
        "list_retention_rules" => &["BUCKET_READ"],
        "put_logs" => &["LOG_CONTENT_PUSH"],
        "get_topic" => &["ONS_TOPIC_READ"],
        "publish_message" => &["ONS_TOPIC_PUBLISH"],
        "post_metric_data" => &["METRIC_WRITE"],
        // SearchResources needs nothing by itself; the namespace may be read by everybody.
        "search_resources" | "list_resource_types" | "get_namespace" => &[],
        _ => UNKNOWN,
    }
}

/// What Search wants before it shows a resource, by its spelling of the type.
pub(super) fn to_find(resource_type: &str) -> &'static str {
    match resource_type {
        "Bucket" => "BUCKET_INSPECT",
        "Volume" | "BootVolume" => "VOLUME_INSPECT",
        "VolumeBackup" => "VOLUME_BACKUP_INSPECT",
        "BootVolumeBackup" => "BOOT_VOLUME_BACKUP_INSPECT",
        "BlockVolumeReplica" | "BootVolumeReplica" => "VOLUME_REPLICA_INSPECT",
        "Key" => "KEY_INSPECT",
        "Vault" => "VAULT_INSPECT",
        "ClustersCluster" => "CLUSTER_INSPECT",
        "ClustersNodePool" => "CLUSTER_NODE_POOL_INSPECT",
        "InstanceConfiguration" => "INSTANCE_CONFIGURATION_INSPECT",
        _ => "(unknown)",
    }
}

/// Each verb of a family with what it adds to the one before it, in one text: a linker puts texts side by side, and two of
/// these names would then look like a path that no shipped program may have.
type Family = (&'static str, &'static [(&'static str, &'static str)]);

const FAMILIES: &[Family] = &[
    (
        "keys",
        &[
            ("inspect", "KEY_INSPECT"),
            ("read", "KEY_READ"),
            ("use", "KEY_ENCRYPT KEY_DECRYPT KEY_EXPORT KEY_SIGN KEY_VERIFY"),
            ("manage", "KEY_CREATE KEY_UPDATE KEY_ROTATE KEY_DELETE KEY_MOVE KEY_IMPORT KEY_BACKUP KEY_RESTORE"),
        ],
    ),
    (
        "vaults",
        &[
            ("inspect", "VAULT_INSPECT"),
            ("read", "VAULT_READ"),
            ("use", "VAULT_CREATE_KEY VAULT_IMPORT_KEY VAULT_CREATE_SECRET"),
            ("manage", ""),
        ],
    ),
    ("key-delegate", &[("use", "KEY_ASSOCIATE KEY_DISASSOCIATE")]),
];

/// Everything that a verb gives over a family; nothing where Oracle's table was not copied.
pub(super) fn of_verb(verb: &str, family: &str) -> impl Iterator<Item = &'static str> {
    let found = FAMILIES.iter().find(|(name, _)| *name == family);
    let upto = found.and_then(|(_, verbs)| Some(&verbs[..=verbs.iter().position(|(name, _)| *name == verb)?]));
    upto.into_iter().flatten().flat_map(|(_, permissions)| permissions.split_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::super::super::operations;
    use super::*;

    #[test]
    fn every_operation_of_world_has_a_row() {
        for name in operations::names() {
            assert_ne!(needed(name), UNKNOWN, "{name}");
        }
        assert_eq!(needed("delete_key"), UNKNOWN);
    }
}
