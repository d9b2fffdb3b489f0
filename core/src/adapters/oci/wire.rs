//! Bodies as OCI writes them (oci-api §9.7), and how they become the model's nouns.
//!
//! Fields that this version does not use are not named; unknown words of an enum become `Unknown`. Shared
//! with nothing: the emulator writes the same bodies from its own reading of the documents.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{self, CompartmentId, KeyId, KeyShape, KeyVersionId, Region, ResourceId, Timestamp, VaultId};
use crate::ports::Copies;

type Freeform = BTreeMap<String, String>;
type Defined = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

/// Reads tags that may be absent or null.
pub(crate) fn tags(freeform: Option<Freeform>, defined: Option<Defined>) -> model::Tags {
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    model::Tags {
        freeform: freeform.unwrap_or_default(),
        defined: defined
            .unwrap_or_default()
            .into_iter()
            .map(|(namespace, keys)| (namespace, keys.into_iter().map(|(key, value)| (key, text(value))).collect()))
            .collect(),
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tenancy {
    pub name: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegionSubscription {
    pub region_name: Region,
    pub status: Option<String>,
    #[serde(default)]
    pub is_home_region: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compartment {
    pub id: CompartmentId,
    /// The one that holds it.
    pub compartment_id: Option<CompartmentId>,
    pub name: String,
    pub lifecycle_state: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    pub id: ResourceId,
    pub compartment_id: CompartmentId,
    pub name: String,
    pub statements: Vec<String>,
    pub lifecycle_state: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VaultSummary {
    pub id: VaultId,
    pub compartment_id: CompartmentId,
    pub display_name: String,
    pub lifecycle_state: model::VaultState,
    pub vault_type: model::VaultType,
    pub management_endpoint: String,
}

impl VaultSummary {
    pub(crate) fn into_model(self, region: &Region) -> model::VaultSummary {
        model::VaultSummary {
            id: self.id,
            compartment: self.compartment_id,
            region: region.clone(),
            name: self.display_name,
            state: self.lifecycle_state,
            vault_type: self.vault_type,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vault {
    #[serde(flatten)]
    pub summary: VaultSummary,
    pub is_primary: Option<bool>,
    pub time_created: Timestamp,
    pub time_of_deletion: Option<Timestamp>,
}

impl Vault {
    pub(crate) fn into_model(self, region: &Region, replicas: Vec<Region>) -> model::Vault {
        let summary = self.summary.into_model(region);
        model::Vault {
            id: summary.id,
            compartment: summary.compartment,
            region: summary.region,
            name: summary.name,
            state: summary.state,
            vault_type: summary.vault_type,
            is_primary: self.is_primary,
            replicas,
            time_created: self.time_created,
            time_of_deletion: self.time_of_deletion,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VaultReplica {
    pub region: Region,
    pub status: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VaultUsage {
    pub key_count: u32,
    pub key_version_count: u32,
    pub software_key_count: Option<u32>,
    pub software_key_version_count: Option<u32>,
}

impl From<VaultUsage> for model::VaultUsage {
    fn from(usage: VaultUsage) -> Self {
        Self {
            keys: usage.key_count,
            key_versions: usage.key_version_count,
            software_keys: usage.software_key_count.unwrap_or_default(),
            software_key_versions: usage.software_key_version_count.unwrap_or_default(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeySummary {
    pub id: KeyId,
    pub compartment_id: CompartmentId,
    pub vault_id: VaultId,
    pub display_name: String,
    pub lifecycle_state: model::KeyState,
    pub algorithm: Option<String>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

impl From<KeySummary> for model::KeySummary {
    fn from(key: KeySummary) -> Self {
        Self {
            id: key.id,
            compartment: key.compartment_id,
            vault: key.vault_id,
            name: key.display_name,
            state: key.lifecycle_state,
            algorithm: key.algorithm.unwrap_or_default(),
            tags: tags(key.freeform_tags, key.defined_tags),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    pub id: KeyId,
    pub vault_id: VaultId,
    pub compartment_id: CompartmentId,
    pub display_name: String,
    pub lifecycle_state: model::KeyState,
    pub key_shape: Shape,
    pub protection_mode: Option<model::ProtectionMode>,
    pub current_key_version: KeyVersionId,
    pub is_primary: Option<bool>,
    pub is_auto_rotation_enabled: Option<bool>,
    pub auto_key_rotation_details: Option<AutoRotation>,
    pub external_key_reference_details: Option<serde_json::Value>,
    pub time_created: Timestamp,
    pub time_of_deletion: Option<Timestamp>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shape {
    pub algorithm: String,
    pub length: u32,
    pub curve_id: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AutoRotation {
    pub rotation_interval_in_days: Option<u32>,
}

impl Key {
    pub(crate) fn into_model(self, region: &Region) -> model::Key {
        let interval = self.auto_key_rotation_details.and_then(|details| details.rotation_interval_in_days);
        model::Key {
            id: self.id,
            vault: self.vault_id,
            compartment: self.compartment_id,
            region: region.clone(),
            name: self.display_name,
            state: self.lifecycle_state,
            shape: KeyShape {
                algorithm: self.key_shape.algorithm,
                length: self.key_shape.length,
                curve: self.key_shape.curve_id,
            },
            protection: self.protection_mode.unwrap_or(model::ProtectionMode::Unknown),
            current_version: self.current_key_version,
            is_primary: self.is_primary,
            auto_rotation: self
                .is_auto_rotation_enabled
                .map(|enabled| model::AutoRotation { enabled, interval_days: interval }),
            is_external: self.external_key_reference_details.is_some(),
            time_created: self.time_created,
            time_of_deletion: self.time_of_deletion,
            tags: tags(self.freeform_tags, self.defined_tags),
        }
    }
}

/// KeyVersion and KeyVersionSummary; the summary lacks the replica details.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyVersion {
    pub id: KeyVersionId,
    pub key_id: KeyId,
    pub lifecycle_state: Option<model::KeyState>,
    pub origin: Option<model::Origin>,
    pub is_auto_rotated: Option<bool>,
    pub time_created: Timestamp,
    pub time_of_deletion: Option<Timestamp>,
    pub replica_details: Option<ReplicaDetails>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaDetails {
    pub replication_id: Option<String>,
}

impl From<KeyVersion> for model::KeyVersion {
    fn from(version: KeyVersion) -> Self {
        Self {
            id: version.id,
            key: version.key_id,
            state: version.lifecycle_state.unwrap_or(model::KeyState::Unknown),
            origin: version.origin.unwrap_or(model::Origin::Unknown),
            is_auto_rotated: version.is_auto_rotated.unwrap_or_default(),
            time_created: version.time_created,
            time_of_deletion: version.time_of_deletion,
            replication_id: version.replica_details.and_then(|details| details.replication_id),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicationStatus {
    #[serde(default)]
    pub replica_details: Vec<ReplicationOfRegion>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicationOfRegion {
    pub region: Region,
    pub status: model::ReplicaState,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateKey<'a> {
    pub freeform_tags: &'a Freeform,
    pub defined_tags: &'a BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StructuredSearch<'a> {
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub query: &'a str,
    pub matching_context_type: &'static str,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Found {
    #[serde(default)]
    pub items: Vec<FoundResource>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundResource {
    pub resource_type: String,
    pub identifier: String,
    pub compartment_id: CompartmentId,
    pub display_name: Option<String>,
    pub availability_domain: Option<String>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
    #[serde(default)]
    pub additional_details: Option<BTreeMap<String, serde_json::Value>>,
}

/// Bucket and BucketSummary; the summary has neither id nor key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bucket {
    pub name: String,
    pub id: Option<ResourceId>,
    pub compartment_id: CompartmentId,
    pub time_created: Option<Timestamp>,
    pub etag: Option<String>,
    pub kms_key_id: Option<String>,
    pub is_read_only: Option<bool>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateBucket<'a> {
    pub kms_key_id: &'a KeyId,
}

/// A key as a body names it; none or the empty text is Oracle's own.
pub(crate) fn key(id: Option<&str>) -> Result<Option<KeyId>, String> {
    id.filter(|id| !id.is_empty()).map(KeyId::parse).transpose().map_err(|why| why.to_string())
}

/// What is read of Volume, BootVolume, their backups and their replicas; listings send the same.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Block {
    pub id: ResourceId,
    pub compartment_id: CompartmentId,
    pub display_name: Option<String>,
    pub lifecycle_state: String,
    pub kms_key_id: Option<String>,
    pub availability_domain: Option<String>,
    pub block_volume_replicas: Option<Vec<ReplicaInfo>>,
    pub boot_volume_replicas: Option<Vec<ReplicaInfo>>,
    pub source_volume_backup_id: Option<String>,
    pub source_boot_volume_backup_id: Option<String>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

/// BlockVolumeReplicaInfo and BootVolumeReplicaInfo.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplicaInfo {
    #[serde(alias = "bootVolumeReplicaId")]
    pub block_volume_replica_id: Option<String>,
    pub kms_key_id: Option<String>,
}

impl Block {
    /// What it says of copies in other regions.
    pub(crate) fn copies(&self) -> Copies {
        let replicas = self.block_volume_replicas.iter().chain(&self.boot_volume_replicas).flatten();
        let bare = replicas.filter(|replica| replica.kms_key_id.as_deref().is_none_or(str::is_empty));
        let under_oracles_key = bare.filter_map(|replica| replica.block_volume_replica_id.clone()).collect();
        let of = self.source_volume_backup_id.as_deref().or(self.source_boot_volume_backup_id.as_deref());
        Copies { under_oracles_key, of: of.and_then(|id| ResourceId::parse(id).ok()) }
    }

    /// The key; none or the empty text is Oracle's own.
    pub(crate) fn key(&self) -> Result<Option<KeyId>, String> {
        key(self.kms_key_id.as_deref())
    }

    /// Whether the service shows it and it is gone.
    pub(crate) fn is_terminated(&self) -> bool {
        self.lifecycle_state == "TERMINATED"
    }
}

/// What is read of Cluster and ClusterSummary; the summary lacks the key.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cluster {
    pub id: ResourceId,
    pub compartment_id: CompartmentId,
    pub name: Option<String>,
    pub lifecycle_state: Option<String>,
    pub kms_key_id: Option<String>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

/// What is read of InstanceConfiguration and its summary; the summary lacks the details.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstanceConfiguration {
    pub id: ResourceId,
    pub compartment_id: CompartmentId,
    pub display_name: Option<String>,
    /// Read as it is: a configuration comes in two shapes, and the one with options nests the other.
    pub instance_details: Option<serde_json::Value>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

/// What is read of NodePool and NodePoolSummary.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodePool {
    pub id: ResourceId,
    pub compartment_id: CompartmentId,
    pub name: Option<String>,
    pub lifecycle_state: Option<String>,
    /// Kept whole, fields unknown to us included: an update sends it back.
    pub node_config_details: Option<serde_json::Map<String, serde_json::Value>>,
    pub node_pool_cycling_details: Option<NodePoolCycling>,
    pub freeform_tags: Option<Freeform>,
    pub defined_tags: Option<Defined>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodePoolCycling {
    pub is_node_cycling_enabled: Option<bool>,
}

/// The part of UpdateNodePoolDetails that is sent.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateNodePool {
    pub node_config_details: serde_json::Map<String, serde_json::Value>,
}

/// UpdateVolumeKmsKeyDetails, UpdateBootVolumeKmsKeyDetails, and the one field that is sent of
/// UpdateVolumeBackupDetails and UpdateBootVolumeBackupDetails.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateBlockKey<'a> {
    pub kms_key_id: &'a KeyId,
}

/// An Object Storage work request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkRequest {
    pub id: model::WorkRequestId,
    pub operation_type: Option<String>,
    pub status: String,
    #[serde(default)]
    pub resources: Option<Vec<WorkRequestResource>>,
    pub time_accepted: Option<Timestamp>,
    pub time_finished: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkRequestResource {
    pub identifier: Option<String>,
    pub entity_uri: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Message<'a> {
    pub title: &'a str,
    pub body: &'a str,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Published {
    pub message_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_key_with_unknown_words_is_read_and_never_acted_on() {
        let key: Key = serde_json::from_str(
            r#"{"id":"ocid1.key.oc1.iad.v.k","vaultId":"ocid1.vault.oc1.iad.v.x","compartmentId":"ocid1.compartment.oc1..c",
                "displayName":"k","lifecycleState":"HIBERNATING","keyShape":{"algorithm":"AES","length":32,"curveId":null},
                "protectionMode":"QUANTUM","currentKeyVersion":"ocid1.keyversion.oc1.iad.v.1","timeCreated":"2026-01-01T00:00:00.000Z",
                "definedTags":{"ops":{"rotate":true,"days":90}},"freeformTags":null,"novelty":{"a":1}}"#,
        )
        .expect("readable");
        let key = key.into_model(&Region::parse("us-ashburn-1").expect("a region"));
        assert_eq!((key.state, key.protection), (model::KeyState::Unknown, model::ProtectionMode::Unknown));
        assert_eq!((key.is_primary, key.auto_rotation, key.is_external), (None, None, false));
        assert_eq!(key.tags.defined["ops"]["rotate"], "true");
    }

    #[test]
    fn a_version_summary_without_origin_is_not_usable() {
        let version: KeyVersion = serde_json::from_str(
            r#"{"id":"ocid1.keyversion.oc1.iad.v.1","keyId":"ocid1.key.oc1.iad.v.k","timeCreated":"2026-01-01T00:00:00Z"}"#,
        )
        .expect("readable");
        assert!(!model::KeyVersion::from(version).is_usable());
    }
}
