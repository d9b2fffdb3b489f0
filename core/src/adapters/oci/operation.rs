//! The operations table: every call keywheel can make to OCI, and nothing else.
//!
//! The transport accepts only these. What would delete, export, decrypt or disable material has no
//! row here and must never get one. This file imports nothing, so that the emulator may read it alone:
//! there it takes service, method and path, and keeps its own opinion of everything else.

/// Who answers: it decides which endpoint a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Audit events; read only.
    Audit,
    /// Block storage, a part of OCI's core services.
    BlockStorage,
    /// Instance configurations, a part of OCI's core services.
    Compute,
    /// Kubernetes clusters and their node pools.
    ContainerEngine,
    /// Compartments, regions, availability domains.
    Identity,
    /// Entries of custom logs.
    LogIngestion,
    /// Keys and versions; its endpoint is the vault's own and comes from GetVault.
    KmsManagement,
    /// Vaults; a regional endpoint.
    KmsVault,
    /// Custom metrics; only what takes them in.
    Monitoring,
    /// Notifications.
    Notifications,
    /// Buckets, objects and their work requests.
    ObjectStorage,
    /// Resource Search.
    Search,
}

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "HTTP's own words; DELETE is left out on purpose, so the list is complete")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// What one may do after an attempt whose answer did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resend {
    /// Nothing changes however often it is sent.
    Freely,
    /// Never by the transport: whoever asked settles it first.
    Never,
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    #[cfg(test)]
    operation: Operation,
    name: &'static str,
    service: Service,
    method: Method,
    path: &'static str,
    permissions: &'static [&'static str],
    retry_token: bool,
    if_match: bool,
    mutates: bool,
}

const NO: bool = false;
const YES: bool = true;

macro_rules! table {
    ($($(#[$doc:meta])* $op:ident, $name:literal, $service:ident, $method:ident, $path:literal,
       [$($permission:literal),*], $token:ident, $if_match:ident, $mutates:ident;)*) => {
        /// A call keywheel can make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $($(#[$doc])* $op,)*
        }

        const TABLE: &[Row] = &[
            $(Row {
                #[cfg(test)]
                operation: Operation::$op,
                name: $name,
                service: Service::$service,
                method: Method::$method,
                path: $path,
                permissions: &[$($permission),*],
                retry_token: $token,
                if_match: $if_match,
                mutates: $mutates,
            },)*
        ];

        const ALL: &[Operation] = &[$(Operation::$op,)*];
    };
}

// Columns: name, our name of the call in errors, service, method, path, permissions (oci-api §8.1),
// takes opc-retry-token, takes if-match, mutates.
table! {
    /// Reads the tenancy's name and home region.
    GetTenancy, "get_tenancy", Identity, Get, "/20160918/tenancies/{tenancyId}", ["TENANCY_INSPECT"], NO, NO, NO;
    /// Lists compartments; with the subtree only from the root.
    ListCompartments, "list_compartments", Identity, Get, "/20160918/compartments", ["COMPARTMENT_INSPECT"], NO, NO, NO;
    /// Lists the IAM policies attached to one compartment, their statements included.
    ListPolicies, "list_policies", Identity, Get, "/20160918/policies", ["POLICY_READ"], NO, NO, NO;
    /// Lists availability domains.
    ListAvailabilityDomains, "list_availability_domains", Identity, Get, "/20160918/availabilityDomains",
        ["COMPARTMENT_INSPECT"], NO, NO, NO;
    /// Lists the regions a tenancy subscribes to.
    ListRegionSubscriptions, "list_region_subscriptions", Identity, Get,
        "/20160918/tenancies/{tenancyId}/regionSubscriptions", ["TENANCY_INSPECT"], NO, NO, NO;

    /// Lists the vaults of one compartment.
    ListVaults, "list_vaults", KmsVault, Get, "/20180608/vaults", ["VAULT_INSPECT"], NO, NO, NO;
    /// Reads a vault; the only source of its management endpoint.
    GetVault, "get_vault", KmsVault, Get, "/20180608/vaults/{vaultId}", ["VAULT_READ"], NO, NO, NO;
    /// Counts a vault's keys and versions.
    GetVaultUsage, "get_vault_usage", KmsVault, Get, "/20180608/vaults/{vaultId}/usage", ["VAULT_READ"], NO, NO, NO;
    /// Lists the regions that hold a replica of a vault.
    ListVaultReplicas, "list_vault_replicas", KmsVault, Get, "/20180608/vaults/{vaultId}/actions/listReplicas",
        ["VAULT_INSPECT"], NO, NO, NO;

    /// Lists the keys of the endpoint's vault in one compartment.
    ListKeys, "list_keys", KmsManagement, Get, "/20180608/keys", ["KEY_INSPECT"], NO, NO, NO;
    /// Mints a key.
    CreateKey, "create_key", KmsManagement, Post, "/20180608/keys", ["KEY_CREATE", "VAULT_CREATE_KEY"], YES, NO, YES;
    /// Reads a key.
    GetKey, "get_key", KmsManagement, Get, "/20180608/keys/{keyId}", ["KEY_READ"], NO, NO, NO;
    /// Replaces a key's tags.
    UpdateKey, "update_key", KmsManagement, Put, "/20180608/keys/{keyId}", ["KEY_UPDATE"], NO, YES, YES;
    /// Lists a key's versions.
    ListKeyVersions, "list_key_versions", KmsManagement, Get, "/20180608/keys/{keyId}/keyVersions",
        ["KEY_INSPECT"], NO, NO, NO;
    /// Mints a key version. It cannot be undone.
    CreateKeyVersion, "create_key_version", KmsManagement, Post, "/20180608/keys/{keyId}/keyVersions",
        ["KEY_ROTATE"], YES, NO, YES;
    /// Reads a key version.
    GetKeyVersion, "get_key_version", KmsManagement, Get, "/20180608/keys/{keyId}/keyVersions/{keyVersionId}",
        ["KEY_READ"], NO, NO, NO;
    /// Says how far a replication operation is in each replica region.
    GetReplicationStatus, "get_replication_status", KmsManagement, Get,
        "/20180608/replicaOperations/{replicationId}/status", ["KEY_READ"], NO, NO, NO;

    /// Searches resources. A POST that changes nothing.
    SearchResources, "search_resources", Search, Post, "/20180409/resources", [], NO, NO, NO;
    /// Lists the types Search knows.
    ListResourceTypes, "list_resource_types", Search, Get, "/20180409/resourceTypes", [], NO, NO, NO;

    /// Reads the tenancy's Object Storage namespace.
    GetNamespace, "get_namespace", ObjectStorage, Get, "/n", [], NO, NO, NO;
    /// Lists the buckets of one compartment; the summary does not name the key.
    ListBuckets, "list_buckets", ObjectStorage, Get, "/n/{namespaceName}/b", ["BUCKET_INSPECT"], NO, NO, NO;
    /// Reads a bucket, its key included.
    GetBucket, "get_bucket", ObjectStorage, Get, "/n/{namespaceName}/b/{bucketName}", ["BUCKET_READ"], NO, NO, NO;
    /// Says which key a bucket uses.
    UpdateBucket, "update_bucket", ObjectStorage, Post, "/n/{namespaceName}/b/{bucketName}",
        ["BUCKET_UPDATE", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"], NO, YES, YES;
    /// Wraps a bucket's data keys anew under its key's current version.
    ReencryptBucket, "reencrypt_bucket", ObjectStorage, Post, "/n/{namespaceName}/b/{bucketName}/actions/reencrypt",
        ["BUCKET_UPDATE"], NO, NO, YES;
    /// Lists the work requests of one compartment.
    ListWorkRequests, "list_work_requests", ObjectStorage, Get, "/workRequests", ["OBJECT_INSPECT"], NO, NO, NO;
    /// Reads a work request.
    GetWorkRequest, "get_work_request", ObjectStorage, Get, "/workRequests/{workRequestId}", ["OBJECT_READ"], NO, NO, NO;
    /// Lists objects by prefix.
    ListObjects, "list_objects", ObjectStorage, Get, "/n/{namespaceName}/b/{bucketName}/o",
        ["OBJECT_INSPECT"], NO, NO, NO;
    /// Reads an object.
    GetObject, "get_object", ObjectStorage, Get, "/n/{namespaceName}/b/{bucketName}/o/{objectName}",
        ["OBJECT_READ"], NO, YES, NO;
    /// Reads an object's headers.
    HeadObject, "head_object", ObjectStorage, Head, "/n/{namespaceName}/b/{bucketName}/o/{objectName}",
        ["OBJECT_READ"], NO, YES, NO;
    /// Writes an object; `if-none-match: *` creates only. Its signature covers no body headers (oci-api §1.1).
    PutObject, "put_object", ObjectStorage, Put, "/n/{namespaceName}/b/{bucketName}/o/{objectName}",
        ["OBJECT_CREATE"], NO, YES, YES;

    /// Lists a bucket's retention rules. keywheel has no call that makes, changes or removes one.
    ListRetentionRules, "list_retention_rules", ObjectStorage, Get, "/n/{namespaceName}/b/{bucketName}/retentionRules",
        ["BUCKET_READ"], NO, NO, NO;

    /// Puts entries into a custom log. No retry token: an entry's id is its identity (oci-api §6.5).
    PutLogs, "put_logs", LogIngestion, Post, "/20200831/logs/{logId}/actions/push", ["LOG_CONTENT_PUSH"], NO, NO, YES;

    /// Lists the volumes of one compartment; the listing names the key.
    ListVolumes, "list_volumes", BlockStorage, Get, "/20160918/volumes", ["VOLUME_INSPECT"], NO, NO, NO;
    /// Reads a volume, its key included.
    GetVolume, "get_volume", BlockStorage, Get, "/20160918/volumes/{volumeId}", ["VOLUME_INSPECT"], NO, NO, NO;
    /// Says which key a volume uses. Its permission is not in Oracle's table (oci-api §8.1).
    UpdateVolumeKmsKey, "update_volume_kms_key", BlockStorage, Put, "/20160918/volumes/{volumeId}/kmsKey",
        ["VOLUME_UPDATE", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"], NO, YES, YES;
    /// Lists the boot volumes of one compartment; the listing names the key.
    ListBootVolumes, "list_boot_volumes", BlockStorage, Get, "/20160918/bootVolumes", ["VOLUME_INSPECT"], NO, NO, NO;
    /// Reads a boot volume, its key included.
    GetBootVolume, "get_boot_volume", BlockStorage, Get, "/20160918/bootVolumes/{bootVolumeId}",
        ["VOLUME_INSPECT"], NO, NO, NO;
    /// Says which key a boot volume uses. Its permission is not in Oracle's table (oci-api §8.1).
    UpdateBootVolumeKmsKey, "update_boot_volume_kms_key", BlockStorage, Put,
        "/20160918/bootVolumes/{bootVolumeId}/kmsKey", ["VOLUME_UPDATE", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"],
        NO, YES, YES;
    /// Lists the volume backups of one compartment; the listing names the key.
    ListVolumeBackups, "list_volume_backups", BlockStorage, Get, "/20160918/volumeBackups",
        ["VOLUME_BACKUP_INSPECT"], NO, NO, NO;
    /// Reads a volume backup, its key included.
    GetVolumeBackup, "get_volume_backup", BlockStorage, Get, "/20160918/volumeBackups/{volumeBackupId}",
        ["VOLUME_BACKUP_INSPECT"], NO, NO, NO;
    /// Says which key a volume backup uses; keywheel sends nothing else of it.
    UpdateVolumeBackup, "update_volume_backup", BlockStorage, Put, "/20160918/volumeBackups/{volumeBackupId}",
        ["VOLUME_BACKUP_UPDATE", "VOLUME_INSPECT", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"], NO, YES, YES;
    /// Lists the boot volume backups of one compartment; the listing names the key.
    ListBootVolumeBackups, "list_boot_volume_backups", BlockStorage, Get, "/20160918/bootVolumeBackups",
        ["BOOT_VOLUME_BACKUP_INSPECT"], NO, NO, NO;
    /// Reads a boot volume backup, its key included.
    GetBootVolumeBackup, "get_boot_volume_backup", BlockStorage, Get,
        "/20160918/bootVolumeBackups/{bootVolumeBackupId}", ["BOOT_VOLUME_BACKUP_INSPECT"], NO, NO, NO;
    /// Says which key a boot volume backup uses; keywheel sends nothing else of it.
    UpdateBootVolumeBackup, "update_boot_volume_backup", BlockStorage, Put,
        "/20160918/bootVolumeBackups/{bootVolumeBackupId}",
        ["BOOT_VOLUME_BACKUP_UPDATE", "VOLUME_INSPECT", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"], NO, YES, YES;

    /// Lists the block volume replicas that one compartment has in this region; the listing names the key.
    ListBlockVolumeReplicas, "list_block_volume_replicas", BlockStorage, Get, "/20160918/blockVolumeReplicas",
        ["VOLUME_REPLICA_INSPECT"], NO, NO, NO;
    /// Reads a block volume replica, its key included.
    GetBlockVolumeReplica, "get_block_volume_replica", BlockStorage, Get,
        "/20160918/blockVolumeReplicas/{blockVolumeReplicaId}", ["VOLUME_REPLICA_INSPECT"], NO, NO, NO;
    /// Lists the boot volume replicas that one compartment has in this region; the listing names the key.
    ListBootVolumeReplicas, "list_boot_volume_replicas", BlockStorage, Get, "/20160918/bootVolumeReplicas",
        ["VOLUME_REPLICA_INSPECT"], NO, NO, NO;
    /// Reads a boot volume replica, its key included.
    GetBootVolumeReplica, "get_boot_volume_replica", BlockStorage, Get,
        "/20160918/bootVolumeReplicas/{bootVolumeReplicaId}", ["VOLUME_REPLICA_INSPECT"], NO, NO, NO;

    /// Lists the volume backup policies of one compartment; without one, those that Oracle defined.
    ListVolumeBackupPolicies, "list_volume_backup_policies", BlockStorage, Get, "/20160918/volumeBackupPolicies",
        ["BACKUP_POLICIES_INSPECT"], NO, NO, NO;
    /// Reads a volume backup policy, with the region that it copies to.
    GetVolumeBackupPolicy, "get_volume_backup_policy", BlockStorage, Get, "/20160918/volumeBackupPolicies/{policyId}",
        ["BACKUP_POLICIES_INSPECT"], NO, NO, NO;
    /// Lists the assignment, none or one, of a volume or volume group.
    GetVolumeBackupPolicyAssetAssignment, "get_volume_backup_policy_asset_assignment", BlockStorage, Get,
        "/20160918/volumeBackupPolicyAssignments", ["BACKUP_POLICY_ASSIGNMENT_INSPECT"], NO, NO, NO;
    /// Reads an assignment of a backup policy, with the key of copies in another region.
    GetVolumeBackupPolicyAssignment, "get_volume_backup_policy_assignment", BlockStorage, Get,
        "/20160918/volumeBackupPolicyAssignments/{policyAssignmentId}", ["BACKUP_POLICY_ASSIGNMENT_INSPECT"],
        NO, NO, NO;
    /// Lists the volume groups of one compartment.
    ListVolumeGroups, "list_volume_groups", BlockStorage, Get, "/20160918/volumeGroups", ["VOLUME_GROUP_INSPECT"],
        NO, NO, NO;

    /// Lists the clusters of one compartment; the listing does not name the key.
    ListClusters, "list_clusters", ContainerEngine, Get, "/20180222/clusters", ["CLUSTER_INSPECT"], NO, NO, NO;
    /// Reads a cluster, its key included.
    GetCluster, "get_cluster", ContainerEngine, Get, "/20180222/clusters/{clusterId}", ["CLUSTER_READ"], NO, NO, NO;

    /// Lists the node pools of one compartment; the listing names the key.
    ListNodePools, "list_node_pools", ContainerEngine, Get, "/20180222/nodePools", ["CLUSTER_NODE_POOL_INSPECT"],
        NO, NO, NO;
    /// Reads a node pool, with everything its nodes are made with.
    GetNodePool, "get_node_pool", ContainerEngine, Get, "/20180222/nodePools/{nodePoolId}",
        ["CLUSTER_NODE_POOL_READ"], NO, NO, NO;
    /// Says which key the boot volumes of new nodes are under; the rest is sent back as it was read.
    UpdateNodePool, "update_node_pool", ContainerEngine, Put, "/20180222/nodePools/{nodePoolId}",
        ["CLUSTER_NODE_POOL_UPDATE", "KEY_ASSOCIATE", "KEY_DISASSOCIATE"], NO, YES, YES;
    /// Lists the work requests of clusters and node pools in one compartment.
    ListClusterWorkRequests, "list_cluster_work_requests", ContainerEngine, Get, "/20180222/workRequests",
        ["CLUSTER_WORK_REQUEST_INSPECT"], NO, NO, NO;
    /// Reads a work request of a cluster or node pool.
    GetClusterWorkRequest, "get_cluster_work_request", ContainerEngine, Get, "/20180222/workRequests/{workRequestId}",
        ["CLUSTER_WORK_REQUEST_READ"], NO, NO, NO;

    /// Lists the instance configurations of one compartment; the listing does not name keys.
    ListInstanceConfigurations, "list_instance_configurations", Compute, Get, "/20160918/instanceConfigurations",
        ["INSTANCE_CONFIGURATION_INSPECT"], NO, NO, NO;
    /// Reads an instance configuration, with the keys of what it launches.
    GetInstanceConfiguration, "get_instance_configuration", Compute, Get,
        "/20160918/instanceConfigurations/{instanceConfigurationId}", ["INSTANCE_CONFIGURATION_READ"], NO, NO, NO;

    /// Lists the audit events of one compartment by the minute they were processed in.
    ListEvents, "list_events", Audit, Get, "/20190901/auditEvents", ["AUDIT_EVENT_READ"], NO, NO, NO;

    /// Sends custom metrics; a 200 may refuse some of them.
    PostMetricData, "post_metric_data", Monitoring, Post, "/20180401/metrics", ["METRIC_WRITE"], NO, NO, YES;

    /// Reads a topic.
    GetTopic, "get_topic", Notifications, Get, "/20181201/topics/{topicId}", ["ONS_TOPIC_READ"], NO, NO, NO;
    /// Publishes a message; once more is a second message.
    PublishMessage, "publish_message", Notifications, Post, "/20181201/topics/{topicId}/messages",
        ["ONS_TOPIC_PUBLISH"], NO, NO, YES;
}

impl Operation {
    /// Every operation there is.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL
    }

    const fn row(self) -> &'static Row {
        // The table is written by the macro in the order of the enum; a test holds it to that.
        &TABLE[self as usize]
    }

    /// The name by which errors and metrics speak of it, `create_key_version`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Who answers.
    #[must_use]
    pub const fn service(self) -> Service {
        self.row().service
    }

    /// The HTTP method.
    #[must_use]
    pub const fn method(self) -> Method {
        self.row().method
    }

    /// The path, API date included, with `{placeholders}` in OCI's spelling.
    #[must_use]
    pub const fn path(self) -> &'static str {
        self.row().path
    }

    /// The IAM permissions the caller needs; none for Search, which filters silently instead.
    #[must_use]
    pub const fn permissions(self) -> &'static [&'static str] {
        self.row().permissions
    }

    /// Whether `opc-retry-token` means something to it.
    #[must_use]
    pub const fn takes_retry_token(self) -> bool {
        self.row().retry_token
    }

    /// Whether `if-match` means something to it.
    #[must_use]
    pub const fn takes_if_match(self) -> bool {
        self.row().if_match
    }

    /// Whether it changes anything in the tenancy.
    #[must_use]
    pub const fn mutates(self) -> bool {
        self.row().mutates
    }

    /// What one may do when no answer came.
    #[must_use]
    pub const fn resend(self) -> Resend {
        if self.row().mutates { Resend::Never } else { Resend::Freely }
    }

    /// Whether it makes material: sent at most once, on a connection of its own (A7).
    #[must_use]
    pub const fn mints(self) -> bool {
        matches!(self, Self::CreateKey | Self::CreateKeyVersion)
    }

    /// Whether the signature covers the body's length, type and hash.
    #[must_use]
    pub const fn signs_body(self) -> bool {
        matches!(self.method(), Method::Post | Method::Put) && !matches!(self, Self::PutObject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_finds_its_own_row() {
        assert_eq!(Operation::all().len(), TABLE.len());
        for operation in Operation::all() {
            assert_eq!(operation.row().operation, *operation);
        }
    }

    #[test]
    fn nothing_here_deletes_exports_decrypts_or_disables() {
        let forbidden = [
            "delete",
            "deletion",
            "export",
            "decrypt",
            "generatedataencryptionkey",
            "disable",
            "import",
            "secretbundle",
            "restore",
            "actions/",
            "backup_key",
            "backup_vault",
            "create_volume",
            "create_boot",
            "purge",
            "terminate",
        ];
        for row in TABLE {
            let text = format!("{} {} {:?}", row.name, row.path, row.operation).to_lowercase();
            for word in forbidden {
                // These actions read, re-wrap and put log entries; every other action is refused with the word.
                let text = ["listreplicas", "reencrypt", "push"]
                    .iter()
                    .fold(text.clone(), |text, allowed| text.replace(&format!("actions/{allowed}"), ""));
                assert!(!text.contains(word), "{text} contains {word}");
            }
        }
    }

    #[test]
    fn the_key_of_block_storage_is_replaced_and_never_taken_away() {
        let blocks = TABLE.iter().filter(|row| row.service == Service::BlockStorage && row.mutates);
        let changes: Vec<_> = blocks.map(|row| (row.method, row.if_match, row.name)).collect();
        assert_eq!(changes.len(), 4);
        for (method, if_match, name) in changes {
            assert!(method == Method::Put && if_match && name.starts_with("update_"), "{name}");
        }
    }

    #[test]
    fn what_changes_something_is_never_resent_by_the_transport() {
        for operation in Operation::all() {
            assert_eq!(operation.mutates(), operation.resend() == Resend::Never, "{operation:?}");
            assert!(!operation.mints() || operation.takes_retry_token(), "{operation:?}");
            if matches!(operation.method(), Method::Get | Method::Head) {
                assert!(!operation.mutates(), "{operation:?}");
            }
        }
    }

    #[test]
    fn no_two_operations_share_method_and_path() {
        for (i, a) in TABLE.iter().enumerate() {
            for b in &TABLE[i + 1..] {
                assert!(a.method != b.method || a.path != b.path, "{:?} and {:?}", a.operation, b.operation);
            }
        }
    }
}
