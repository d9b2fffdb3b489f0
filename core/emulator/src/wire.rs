//! From an operation to the file of its service, and from what World told to an HTTP answer.
//!
//! Decides nothing: World does. What the wire adds (array or `items`, header names) is in `wire_*`.

use std::sync::Arc;

use jiff::Timestamp;
use keywheel::adapters::operation::Operation;
use keywheel::memory::{Listing, Told};
use keywheel::model::Kind;
use serde_json::Value;

use crate::asked::Asked;
use crate::errors::{Answered, Failure, HttpAnswer, HttpRefusal, REQUEST_ID};
use crate::route::{Call, Only};
use crate::shared::Shared;
use crate::{
    wire_audit, wire_backup_policies, wire_blocks, wire_buckets, wire_holders, wire_identity, wire_kms, wire_logging,
    wire_monitoring, wire_objects, wire_ons, wire_search,
};

/// Serves one operation.
pub(crate) fn answer(shared: &Arc<Shared>, call: Call, asked: &Asked<'_>) -> Answered {
    let world = &*shared.world;
    match call {
        Call::Only(Only::GetCompartment) => wire_identity::get_compartment(world, asked),
        Call::Only(Only::GetBootVolumeKmsKey) => wire_blocks::get_key_of(world, asked, &Kind::BootVolume),
        Call::Only(Only::GetVolumeKmsKey) => wire_blocks::get_key_of(world, asked, &Kind::BlockVolume),
        Call::Only(Only::ListWorkRequestErrors) => wire_buckets::list_work_request_errors(world, asked),
        Call::Only(Only::ListWorkRequestLogs) => wire_buckets::list_work_request_logs(world, asked),
        Call::Table(operation) => match operation {
            Operation::GetTenancy => wire_identity::get_tenancy(world, asked),
            Operation::ListCompartments => wire_identity::list_compartments(world, asked),
            Operation::ListPolicies => wire_identity::list_policies(world, asked),
            Operation::ListAvailabilityDomains => wire_identity::list_availability_domains(world, asked),
            Operation::ListRegionSubscriptions => wire_identity::list_region_subscriptions(world, asked),
            Operation::ListVaults => wire_kms::list_vaults(shared, asked),
            Operation::GetVault => wire_kms::get_vault(shared, asked),
            Operation::GetVaultUsage => wire_kms::get_vault_usage(world, asked),
            Operation::ListVaultReplicas => wire_kms::list_vault_replicas(shared, asked),
            Operation::ListKeys => wire_kms::list_keys(world, asked),
            Operation::CreateKey => wire_kms::create_key(world, asked),
            Operation::GetKey => wire_kms::get_key(world, asked),
            Operation::UpdateKey => wire_kms::update_key(world, asked),
            Operation::ListKeyVersions => wire_kms::list_key_versions(world, asked),
            Operation::CreateKeyVersion => wire_kms::create_key_version(world, asked),
            Operation::GetKeyVersion => wire_kms::get_key_version(world, asked),
            Operation::GetReplicationStatus => wire_kms::get_replication_status(world, asked),
            Operation::SearchResources => wire_search::search_resources(world, asked),
            Operation::ListResourceTypes => wire_search::list_resource_types(world, asked),
            Operation::GetNamespace => wire_buckets::get_namespace(world, asked),
            Operation::ListBuckets => wire_buckets::list_buckets(world, asked),
            Operation::GetBucket => wire_buckets::get_bucket(world, asked),
            Operation::UpdateBucket => wire_buckets::update_bucket(world, asked),
            Operation::ReencryptBucket => wire_buckets::reencrypt_bucket(world, asked),
            Operation::ListWorkRequests => wire_buckets::list_work_requests(world, asked),
            Operation::GetWorkRequest => wire_buckets::get_work_request(world, asked),
            Operation::ListObjects => wire_objects::list_objects(world, asked),
            Operation::GetObject => wire_objects::get_object(world, asked),
            Operation::HeadObject => wire_objects::head_object(world, asked),
            Operation::ListRetentionRules => wire_buckets::list_retention_rules(world, asked),
            Operation::PutLogs => wire_logging::put_logs(world, asked),
            Operation::PutObject => wire_objects::put_object(world, asked),
            Operation::ListVolumes => wire_blocks::list(world, asked, &Kind::BlockVolume),
            Operation::GetVolume => wire_blocks::get(world, asked, &Kind::BlockVolume),
            Operation::UpdateVolumeKmsKey => wire_blocks::update_volume_key(world, asked, &Kind::BlockVolume),
            Operation::ListBootVolumes => wire_blocks::list(world, asked, &Kind::BootVolume),
            Operation::GetBootVolume => wire_blocks::get(world, asked, &Kind::BootVolume),
            Operation::UpdateBootVolumeKmsKey => wire_blocks::update_volume_key(world, asked, &Kind::BootVolume),
            Operation::ListVolumeBackups => wire_blocks::list(world, asked, &Kind::BlockVolumeBackup),
            Operation::GetVolumeBackup => wire_blocks::get(world, asked, &Kind::BlockVolumeBackup),
            Operation::UpdateVolumeBackup => wire_blocks::update_backup(world, asked, &Kind::BlockVolumeBackup),
            Operation::ListBootVolumeBackups => wire_blocks::list(world, asked, &Kind::BootVolumeBackup),
            Operation::GetBootVolumeBackup => wire_blocks::get(world, asked, &Kind::BootVolumeBackup),
            Operation::UpdateBootVolumeBackup => wire_blocks::update_backup(world, asked, &Kind::BootVolumeBackup),
            Operation::ListVolumeBackupPolicies => wire_backup_policies::list_policies(world, asked),
            Operation::GetVolumeBackupPolicy => wire_backup_policies::get_policy(world, asked),
            Operation::GetVolumeBackupPolicyAssetAssignment => wire_backup_policies::list_assignments(world, asked),
            Operation::GetVolumeBackupPolicyAssignment => wire_backup_policies::get_assignment(world, asked),
            Operation::ListVolumeGroups => wire_backup_policies::list_groups(world, asked),
            Operation::ListClusters => wire_holders::list(world, asked, &Kind::Cluster),
            Operation::GetCluster => wire_holders::get(world, asked, &Kind::Cluster),
            Operation::ListBlockVolumeReplicas => wire_blocks::list(world, asked, &Kind::BlockVolumeReplica),
            Operation::GetBlockVolumeReplica => wire_blocks::get(world, asked, &Kind::BlockVolumeReplica),
            Operation::ListBootVolumeReplicas => wire_blocks::list(world, asked, &Kind::BootVolumeReplica),
            Operation::GetBootVolumeReplica => wire_blocks::get(world, asked, &Kind::BootVolumeReplica),
            Operation::ListNodePools => wire_holders::list(world, asked, &Kind::NodePool),
            Operation::GetNodePool => wire_holders::get(world, asked, &Kind::NodePool),
            Operation::UpdateNodePool => wire_holders::update_node_pool(world, asked),
            Operation::ListClusterWorkRequests => wire_holders::list_work_requests(world, asked),
            Operation::GetClusterWorkRequest => wire_holders::get_work_request(world, asked),
            Operation::ListInstanceConfigurations => wire_holders::list(world, asked, &Kind::InstanceConfiguration),
            Operation::GetInstanceConfiguration => wire_holders::get(world, asked, &Kind::InstanceConfiguration),
            Operation::GetTopic => wire_ons::get_topic(shared, asked),
            Operation::ListEvents => wire_audit::list_events(world, asked),
            Operation::PostMetricData => wire_monitoring::post_metric_data(world, asked),
            Operation::PublishMessage => wire_ons::publish_message(shared, asked),
            other => {
                let message = format!("the emulator does not serve {} yet", other.name());
                Err(HttpRefusal::new(501, "MethodNotImplemented", message).into())
            }
        },
    }
}

/// Turns what World told into an answer: `show` makes the body, the witnesses come from World.
pub(crate) fn heard<T>(told: Told<T>, show: impl FnOnce(T) -> Result<HttpAnswer, Failure>) -> Answered {
    match told {
        Ok(answer) => {
            let shown = show(answer.value)?;
            Ok(shown.maybe("etag", answer.etag.map(String::from)).with(REQUEST_ID, answer.request_id.as_str()))
        }
        Err(refusal) if refusal.is_silence() => Err(Failure::HangUp),
        Err(refusal) => Err(Failure::Refused(HttpRefusal {
            status: refusal.status,
            code: refusal.code.to_owned(),
            message: refusal.message,
            request_id: Some(refusal.request_id.into()),
        })),
    }
}

/// The same for an answer that cannot fail to be shown.
pub(crate) fn heard_json<T>(told: Told<T>, show: impl FnOnce(T) -> Value) -> Answered {
    heard(told, |value| Ok(HttpAnswer::json(&show(value))))
}

/// A listing as a bare array with `opc-next-page`.
pub(crate) fn heard_array<T>(told: Told<Listing<T>>, show: impl FnMut(T) -> Value) -> Answered {
    heard(told, |listing| {
        let items: Vec<Value> = listing.items.into_iter().map(show).collect();
        Ok(HttpAnswer::json(&items).maybe("opc-next-page", listing.next))
    })
}

/// An instant as OCI writes it in bodies.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{at:.3}")
}
