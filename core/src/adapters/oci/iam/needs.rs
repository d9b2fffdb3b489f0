//! Which calls a config needs, and what each is for. Permissions come from the operations table and nowhere else.

use super::{IamWants, may_have_successor};
use crate::adapters::oci::operation::Operation;
use crate::model::{Kind, RekeyClass};

/// What a statement is about: calls about one thing share a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    AuditEvents,
    BackupAssignments,
    BackupPolicies,
    Backups,
    BlockKey,
    BackupKey,
    Bucket,
    BucketKey,
    BucketPoll,
    Clusters,
    Configurations,
    Delegate,
    Keys,
    Metrics,
    Mint,
    Pools,
    Policies,
    PoolKey,
    Register,
    Replicas,
    Successor,
    Tenancy,
    Topic,
    TrailBucket,
    TrailLog,
    Vaults,
    Volumes,
}

impl About {
    pub(super) fn is_about_keys(self) -> bool {
        matches!(
            self,
            Self::AuditEvents
                | Self::Delegate
                | Self::Keys
                | Self::Mint
                | Self::Register
                | Self::Successor
                | Self::Vaults
        )
    }

    /// Whether the permission would let more through than keywheel's calls, so that they are named.
    pub(super) fn is_narrowed(self) -> bool {
        matches!(
            self,
            Self::BackupKey | Self::BlockKey | Self::BucketKey | Self::BucketPoll | Self::PoolKey | Self::Register
        )
    }

    /// What Oracle does not document about such a statement.
    pub(super) fn doubt(self, is_unconditional: bool) -> Option<&'static str> {
        match self {
            Self::BlockKey => Some(
                "the permission of UpdateVolumeKmsKey and UpdateBootVolumeKmsKey is not in Oracle's table; UpdateVolume's is \
                 expected",
            ),
            Self::BucketPoll => Some(
                "that request.operation narrows OBJECT_READ to work requests was not tried; without the condition it would \
                 let objects be read",
            ),
            Self::TrailBucket => Some(
                "the permission of ListRetentionRules is not in Oracle's table; reading the bucket is expected; \
                 that target.bucket.name narrows all of these calls was not tried",
            ),
            Self::BackupAssignments
            | Self::BackupPolicies
            | Self::Clusters
            | Self::Configurations
            | Self::Pools
            | Self::PoolKey
            | Self::Replicas => Some("permission names by their pattern; not checked against Oracle's table"),
            Self::Mint if !is_unconditional => {
                Some("that conditions on the target hold for CreateKeyVersion was not tried")
            }
            _ => None,
        }
    }
}

/// One call that is needed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) operation: Operation,
    pub(super) about: About,
    pub(super) reason: &'static str,
}

impl Need {
    /// The call's permissions, without those on the key that a resource is given: `key-delegate` has these.
    pub(super) fn permissions(&self) -> impl Iterator<Item = &'static str> {
        let of_keys = |permission: &&str| !matches!(*permission, "KEY_ASSOCIATE" | "KEY_DISASSOCIATE");
        self.operation.permissions().iter().copied().filter(of_keys)
    }
}

/// Every call that this config needs, in an order for people.
pub(super) fn needs(wants: &IamWants<'_>) -> Vec<Need> {
    use About as A;
    use Operation as O;
    let settings = wants.settings;
    let moves = may_have_successor(settings);
    let enrolls = settings.scope.enroll.is_some();
    let has = |kinds: &[Kind]| kinds.iter().any(|kind| settings.scope.wants(kind));
    let mut needs = Vec::new();
    let mut need = |is_needed: bool, about: About, reason: &'static str, operations: &[Operation]| {
        if is_needed {
            needs.extend(operations.iter().map(|operation| Need { operation: *operation, about, reason }));
        }
    };
    need(
        true,
        A::Tenancy,
        "find out which regions and compartments there are",
        &[O::GetTenancy, O::ListCompartments, O::ListRegionSubscriptions],
    );
    need(
        moves,
        A::Policies,
        "see whether a policy names the key by its OCID, before a successor takes over",
        &[O::ListPolicies],
    );
    need(
        true,
        A::Vaults,
        "find vaults, their endpoints, replicas and what room they have",
        &[O::ListVaults, O::GetVault, O::GetVaultUsage, O::ListVaultReplicas],
    );
    need(
        true,
        A::Keys,
        "find keys, their versions and which is current, also in replica regions",
        &[O::ListKeys, O::ListKeyVersions, O::GetKey, O::GetKeyVersion, O::GetReplicationStatus],
    );
    need(true, A::Mint, "mint a version", &[O::CreateKeyVersion]);
    need(moves, A::Successor, "mint a successor key", &[O::CreateKey]);
    let has_register = settings.policy.intent_register.is_some();
    need(has_register, A::Register, "announce mints in the intent register, a tag on the key", &[O::UpdateKey]);
    let blocks = [Kind::BlockVolume, Kind::BlockVolumeBackup, Kind::BootVolume, Kind::BootVolumeBackup];
    let assigned = [O::UpdateBucket, O::UpdateVolumeKmsKey, O::UpdateBootVolumeKmsKey, O::UpdateVolumeBackup];
    // What tolerates versions stays as it is; a volume that its owner says to wrap anew is given the key that it has.
    let stays = |kind: &Kind| settings.policy.classes.get(kind) == Some(&RekeyClass::Tolerates);
    let acts = |kind: Kind| settings.scope.wants(&kind) && !stays(&kind);
    let is_given_again =
        |kind: Kind| settings.scope.wants(&kind) && settings.policy.classes.get(&kind) == Some(&RekeyClass::Rewraps);
    let takes_keys = has(&[Kind::Bucket, Kind::NodePool]) || has(&blocks);
    let again = is_given_again(Kind::BlockVolume) || is_given_again(Kind::BootVolume);
    need(
        (moves || enrolls) && takes_keys || again,
        A::Delegate,
        "give a resource the successor key (KEY_ASSOCIATE)",
        &assigned,
    );

    let is_wanted = settings.scope.wants(&Kind::Bucket);
    need(is_wanted, A::Bucket, "find buckets and read which key they use", &[O::ListBuckets, O::GetBucket]);
    need(is_wanted, A::BucketKey, "wrap buckets anew", &[O::ReencryptBucket]);
    need(is_wanted && (moves || enrolls), A::BucketKey, "give buckets the successor key", &[O::UpdateBucket]);
    need(is_wanted, A::BucketPoll, "see whether a re-wrap has ended", &[O::GetWorkRequest, O::ListWorkRequests]);

    let (volumes, boot_volumes) = (has(&[Kind::BlockVolume]), has(&[Kind::BootVolume]));
    let (backups, boot_backups) = (has(&[Kind::BlockVolumeBackup]), has(&[Kind::BootVolumeBackup]));
    let look = "find volumes and read which key they use";
    let policies = has(&[Kind::BackupPolicyAssignment]);
    need(volumes, A::Volumes, look, &[O::ListVolumes, O::GetVolume]);
    need(boot_volumes, A::Volumes, look, &[O::ListBootVolumes, O::GetBootVolume]);
    let give = "give volumes the successor key";
    need(acts(Kind::BlockVolume), A::BlockKey, give, &[O::UpdateVolumeKmsKey]);
    need(acts(Kind::BootVolume), A::BlockKey, give, &[O::UpdateBootVolumeKmsKey]);
    let look = "find backups and read which key they use";
    need(backups, A::Backups, look, &[O::ListVolumeBackups, O::GetVolumeBackup]);
    need(boot_backups, A::Backups, look, &[O::ListBootVolumeBackups, O::GetBootVolumeBackup]);
    let give = "give backups the successor key";
    need(acts(Kind::BlockVolumeBackup), A::BackupKey, give, &[O::UpdateVolumeBackup]);
    need(acts(Kind::BootVolumeBackup), A::BackupKey, give, &[O::UpdateBootVolumeBackup]);
    let look = "find replicas of volumes and read which key they use";
    need(has(&[Kind::BlockVolumeReplica]), A::Replicas, look, &[O::ListBlockVolumeReplicas, O::GetBlockVolumeReplica]);
    need(has(&[Kind::BootVolumeReplica]), A::Replicas, look, &[O::ListBootVolumeReplicas, O::GetBootVolumeReplica]);

    // A volume may be assigned a policy of any compartment.
    let look = "see which backup policies copy to another region, so that not every volume is asked for its assignment";
    need(policies, A::BackupPolicies, look, &[O::ListVolumeBackupPolicies, O::GetVolumeBackupPolicy]);
    let assignments =
        [O::GetVolumeBackupPolicyAssetAssignment, O::GetVolumeBackupPolicyAssignment, O::ListVolumeGroups];
    let look = "find volumes with a backup policy that copies to another region, and the key that it is assigned with";
    need(policies, A::BackupAssignments, look, &assignments);
    let assets = [O::ListVolumes, O::ListBootVolumes];
    need(policies && !volumes && !boot_volumes, A::BackupAssignments, look, &assets);

    let look = "find clusters and read which key their secrets are under";
    need(has(&[Kind::Cluster]), A::Clusters, look, &[O::ListClusters, O::GetCluster]);
    let pools = has(&[Kind::NodePool]);
    need(
        pools,
        A::Pools,
        "find node pools and read what their nodes are made with",
        &[O::ListNodePools, O::GetNodePool],
    );
    // Lists of its work requests are not needed: an update in doubt is settled by reading the pool.
    let poll = [O::GetClusterWorkRequest];
    need(pools && moves, A::Pools, "see whether the change of a node pool has ended", &poll);
    need(pools && moves, A::PoolKey, "let new nodes be made under the successor key", &[O::UpdateNodePool]);
    need(
        has(&[Kind::InstanceConfiguration]),
        A::Configurations,
        "find instance configurations that name the key",
        &[O::ListInstanceConfigurations, O::GetInstanceConfiguration],
    );
    need(wants.has_topic, A::Topic, "send notices", &[O::PublishMessage]);
    need(wants.metrics.is_some(), A::Metrics, "send metrics", &[O::PostMetricData]);
    let ask = "ask the audit log who made a version";
    need(wants.reads_audit_events, A::AuditEvents, ask, &[O::ListEvents]);
    let (get, list) = ([O::GetBucket, O::ListRetentionRules, O::GetObject], [O::ListObjects, O::PutObject]);
    let copy = "copy the audit trail to a bucket and read back what is there";
    need(wants.audit_bucket.is_some(), A::TrailBucket, copy, &get);
    need(wants.audit_bucket.is_some(), A::TrailBucket, copy, &list);
    need(wants.has_audit_log, A::TrailLog, "copy the audit trail to a log", &[O::PutLogs]);
    needs
}
