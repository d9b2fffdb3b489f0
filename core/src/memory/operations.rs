//! The operations World serves, each with its service and what it costs.
//!
//! Only these exist: nothing here deletes, exports or decrypts.

use super::limits::RateClass;

/// One operation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) service: &'static str,
    pub(super) is_write: bool,
    pub(super) class: Option<RateClass>,
}

macro_rules! operations {
    ($($id:ident = $name:literal $service:literal $kind:ident $class:expr;)*) => {
        $(pub(super) static $id: Operation =
            Operation { name: $name, service: $service, is_write: operations!(@ $kind), class: $class };)*
        static ALL: &[&Operation] = &[$(&$id),*];
    };
    (@ read) => { false };
    (@ write) => { true };
}

operations! {
    LIST_VAULTS = "list_vaults" "kms" read Some(RateClass::ProvisioningRead);
    GET_VAULT = "get_vault" "kms" read Some(RateClass::ProvisioningRead);
    GET_VAULT_USAGE = "get_vault_usage" "kms" read Some(RateClass::ProvisioningRead);
    LIST_VAULT_REPLICAS = "list_vault_replicas" "kms" read Some(RateClass::ProvisioningWrite);
    LIST_KEYS = "list_keys" "kms" read Some(RateClass::ManagementRead);
    GET_KEY = "get_key" "kms" read Some(RateClass::ManagementRead);
    LIST_KEY_VERSIONS = "list_key_versions" "kms" read Some(RateClass::ManagementRead);
    GET_KEY_VERSION = "get_key_version" "kms" read Some(RateClass::ManagementRead);
    GET_REPLICATION_STATUS = "get_replication_status" "kms" read Some(RateClass::ManagementRead);
    CREATE_KEY = "create_key" "kms" write Some(RateClass::ManagementWrite);
    CREATE_KEY_VERSION = "create_key_version" "kms" write Some(RateClass::ManagementWrite);
    UPDATE_KEY = "update_key" "kms" write Some(RateClass::ManagementWrite);
    GET_NAMESPACE = "get_namespace" "objectstorage" read None;
    LIST_BUCKETS = "list_buckets" "objectstorage" read None;
    GET_BUCKET = "get_bucket" "objectstorage" read None;
    UPDATE_BUCKET = "update_bucket" "objectstorage" write None;
    REENCRYPT_BUCKET = "reencrypt_bucket" "objectstorage" write None;
    GET_WORK_REQUEST = "get_work_request" "objectstorage" read None;
    LIST_WORK_REQUESTS = "list_work_requests" "objectstorage" read None;
    PUT_OBJECT = "put_object" "objectstorage" write None;
    GET_OBJECT = "get_object" "objectstorage" read None;
    HEAD_OBJECT = "head_object" "objectstorage" read None;
    LIST_OBJECTS = "list_objects" "objectstorage" read None;
    LIST_RETENTION_RULES = "list_retention_rules" "objectstorage" read None;
    PUT_LOGS = "put_logs" "logging" write None;
    GET_VOLUME = "get_volume" "iaas" read None;
    LIST_VOLUMES = "list_volumes" "iaas" read None;
    UPDATE_VOLUME_KMS_KEY = "update_volume_kms_key" "iaas" write None;
    GET_BOOT_VOLUME = "get_boot_volume" "iaas" read None;
    LIST_BOOT_VOLUMES = "list_boot_volumes" "iaas" read None;
    UPDATE_BOOT_VOLUME_KMS_KEY = "update_boot_volume_kms_key" "iaas" write None;
    GET_VOLUME_BACKUP = "get_volume_backup" "iaas" read None;
    LIST_VOLUME_BACKUPS = "list_volume_backups" "iaas" read None;
    UPDATE_VOLUME_BACKUP = "update_volume_backup" "iaas" write None;
    GET_BOOT_VOLUME_BACKUP = "get_boot_volume_backup" "iaas" read None;
    LIST_BOOT_VOLUME_BACKUPS = "list_boot_volume_backups" "iaas" read None;
    UPDATE_BOOT_VOLUME_BACKUP = "update_boot_volume_backup" "iaas" write None;
    GET_CLUSTER = "get_cluster" "containerengine" read None;
    LIST_CLUSTERS = "list_clusters" "containerengine" read None;
    GET_NODE_POOL = "get_node_pool" "containerengine" read None;
    LIST_NODE_POOLS = "list_node_pools" "containerengine" read None;
    UPDATE_NODE_POOL = "update_node_pool" "containerengine" write None;
    GET_CLUSTER_WORK_REQUEST = "get_cluster_work_request" "containerengine" read None;
    LIST_CLUSTER_WORK_REQUESTS = "list_cluster_work_requests" "containerengine" read None;
    GET_INSTANCE_CONFIGURATION = "get_instance_configuration" "iaas" read None;
    LIST_INSTANCE_CONFIGURATIONS = "list_instance_configurations" "iaas" read None;
    GET_BLOCK_VOLUME_REPLICA = "get_block_volume_replica" "iaas" read None;
    LIST_BLOCK_VOLUME_REPLICAS = "list_block_volume_replicas" "iaas" read None;
    GET_BOOT_VOLUME_REPLICA = "get_boot_volume_replica" "iaas" read None;
    LIST_BOOT_VOLUME_REPLICAS = "list_boot_volume_replicas" "iaas" read None;
    LIST_VOLUME_BACKUP_POLICIES = "list_volume_backup_policies" "iaas" read None;
    GET_VOLUME_BACKUP_POLICY = "get_volume_backup_policy" "iaas" read None;
    GET_VOLUME_BACKUP_POLICY_ASSET_ASSIGNMENT = "get_volume_backup_policy_asset_assignment" "iaas" read None;
    GET_VOLUME_BACKUP_POLICY_ASSIGNMENT = "get_volume_backup_policy_assignment" "iaas" read None;
    LIST_VOLUME_GROUPS = "list_volume_groups" "iaas" read None;
    SEARCH_RESOURCES = "search_resources" "search" read None;
    LIST_RESOURCE_TYPES = "list_resource_types" "search" read None;
    GET_TENANCY = "get_tenancy" "identity" read None;
    GET_COMPARTMENT = "get_compartment" "identity" read None;
    LIST_COMPARTMENTS = "list_compartments" "identity" read None;
    LIST_AVAILABILITY_DOMAINS = "list_availability_domains" "identity" read None;
    LIST_POLICIES = "list_policies" "identity" read None;
    LIST_REGION_SUBSCRIPTIONS = "list_region_subscriptions" "identity" read None;
    GET_TOPIC = "get_topic" "ons" read None;
    LIST_EVENTS = "list_events" "audit" read None;
    POST_METRIC_DATA = "post_metric_data" "monitoring" write None;
    PUBLISH_MESSAGE = "publish_message" "ons" write None;
}

/// The names of all operations.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|operation| operation.name)
}

/// The operation of this name.
pub(super) fn named(name: &str) -> Option<&'static Operation> {
    ALL.iter().copied().find(|operation| operation.name == name)
}
