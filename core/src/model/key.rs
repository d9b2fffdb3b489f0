//! Vaults, keys and key versions as OCI Vault describes them (oci-api §2).
//!
//! Enums that Oracle may extend have `Unknown`; whoever decides on one treats it as "do not act".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CompartmentId, KeyId, KeyVersionId, Region, Timestamp, VaultId};

/// Free-form and defined tags, the latter as namespace, key, value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tags {
    /// Free-form tags: anybody who may update the resource may write them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub freeform: BTreeMap<String, String>,
    /// Defined tags: namespace → key → value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defined: BTreeMap<String, BTreeMap<String, String>>,
}

/// What kind of vault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum VaultType {
    /// Virtual vault, shared partition.
    Default,
    /// Keys live in a key manager outside OCI.
    External,
    /// A partition of its own.
    VirtualPrivate,
    /// A type this version does not know.
    #[serde(other)]
    Unknown,
}

/// A vault's lifecycle, as far as it matters to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum VaultState {
    /// In use.
    Active,
    /// Its deletion is being cancelled.
    CancellingDeletion,
    /// It is being deleted.
    Deleting,
    /// Scheduled for deletion: its keys are unusable already.
    PendingDeletion,
    /// Its deletion is being scheduled.
    SchedulingDeletion,
    /// Any other state; not one to act in.
    #[serde(other)]
    Unknown,
}

impl VaultState {
    /// Whether the vault is on its way out.
    #[must_use]
    pub fn is_going(self) -> bool {
        matches!(self, Self::Deleting | Self::PendingDeletion | Self::SchedulingDeletion)
    }
}

/// One vault of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VaultSummary {
    /// The vault's OCID.
    pub id: VaultId,
    /// Compartment that holds the vault (its keys may be in others).
    pub compartment: CompartmentId,
    /// Region it was listed in.
    pub region: Region,
    /// Display name, foreign text.
    pub name: String,
    /// Lifecycle state.
    pub state: VaultState,
    /// Vault type.
    pub vault_type: VaultType,
}

/// A vault with what only GetVault tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vault {
    /// The vault's OCID.
    pub id: VaultId,
    /// Compartment that holds the vault.
    pub compartment: CompartmentId,
    /// Region of the answer.
    pub region: Region,
    /// Display name, foreign text.
    pub name: String,
    /// Lifecycle state.
    pub state: VaultState,
    /// Vault type.
    pub vault_type: VaultType,
    /// `false` for a replica: it refuses every management call (oci-api §2.4). `None`: not said.
    pub is_primary: Option<bool>,
    /// Regions that hold a replica of it, as ListVaultReplicas says.
    pub replicas: Vec<Region>,
    /// When it was created.
    pub time_created: Timestamp,
    /// When it will be deleted, if that is scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_of_deletion: Option<Timestamp>,
}

/// How many versions a vault holds (GetVaultUsage); they count against its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VaultUsage {
    /// HSM keys.
    pub keys: u32,
    /// Versions of HSM keys.
    pub key_versions: u32,
    /// Software keys.
    pub software_keys: u32,
    /// Versions of software keys.
    pub software_key_versions: u32,
}

/// A key's or key version's lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
#[allow(missing_docs, reason = "OCI's own words, oci-api §2.2")]
pub enum KeyState {
    BackupInProgress,
    CancellingDeletion,
    Creating,
    Deleted,
    Deleting,
    Disabled,
    Disabling,
    Enabled,
    Enabling,
    PendingDeletion,
    Restoring,
    SchedulingDeletion,
    Updating,
    /// A state this version does not know; never acted on.
    #[serde(other)]
    Unknown,
}

impl KeyState {
    /// Whether material in this state is on its way out or gone.
    #[must_use]
    pub fn is_going(self) -> bool {
        matches!(self, Self::PendingDeletion | Self::SchedulingDeletion | Self::Deleting | Self::Deleted)
    }
}

/// Where the material is processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ProtectionMode {
    /// Outside OCI.
    External,
    /// In a hardware security module.
    Hsm,
    /// In software.
    Software,
    /// A mode this version does not know.
    #[serde(other)]
    Unknown,
}

impl ProtectionMode {
    /// The mode in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Hsm => "hsm",
            Self::Software => "software",
            Self::Unknown => "unknown",
        }
    }
}

/// Algorithm and length in bytes, e.g. `AES` 32.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyShape {
    /// `AES`, `RSA` or `ECDSA`; kept as text because it is only compared.
    pub algorithm: String,
    /// Length in bytes.
    pub length: u32,
    /// Curve of an ECDSA key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
}

/// OCI's own rotation of a key in a private vault (oci-api §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AutoRotation {
    /// Whether it is on.
    pub enabled: bool,
    /// Interval in days, where said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_days: Option<u32>,
}

/// A key as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeySummary {
    /// The key's OCID.
    pub id: KeyId,
    /// Compartment that holds the key.
    pub compartment: CompartmentId,
    /// Vault that holds the key.
    pub vault: VaultId,
    /// Display name, foreign text.
    pub name: String,
    /// Lifecycle state.
    pub state: KeyState,
    /// Algorithm, such as `AES`; the listing says no more of the shape.
    pub algorithm: String,
    /// Its tags, foreign text.
    #[serde(default)]
    pub tags: Tags,
}

/// A key as GetKey describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Key {
    /// The key's OCID.
    pub id: KeyId,
    /// Vault that holds the key.
    pub vault: VaultId,
    /// Compartment that holds the key.
    pub compartment: CompartmentId,
    /// Region whose endpoint answered.
    pub region: Region,
    /// Display name, foreign text.
    pub name: String,
    /// Lifecycle state.
    pub state: KeyState,
    /// Algorithm and length.
    pub shape: KeyShape,
    /// Where the material is processed.
    pub protection: ProtectionMode,
    /// The version that new wraps use. Changes only once OCI guarantees the new one (oci-api §2.2).
    pub current_version: KeyVersionId,
    /// `false` for a replica of the key. `None`: not said.
    pub is_primary: Option<bool>,
    /// OCI's own rotation, where said.
    pub auto_rotation: Option<AutoRotation>,
    /// Whether the key only refers to one in an external key manager.
    pub is_external: bool,
    /// When it was created.
    pub time_created: Timestamp,
    /// When it will be deleted, if that is scheduled.
    pub time_of_deletion: Option<Timestamp>,
    /// Its tags, foreign text.
    pub tags: Tags,
}

/// Who made the material of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum Origin {
    /// Imported by a customer.
    External,
    /// Made by OCI Vault.
    Internal,
    /// An origin this version does not know.
    #[serde(other)]
    Unknown,
}

/// One version of a key. Versions carry no tags (oci-api §2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyVersion {
    /// The version's OCID.
    pub id: KeyVersionId,
    /// The key it belongs to.
    pub key: KeyId,
    /// Lifecycle state.
    pub state: KeyState,
    /// Who made the material.
    pub origin: Origin,
    /// Whether OCI's auto-rotation made it.
    pub is_auto_rotated: bool,
    /// When it was created, by KMS's clock.
    pub time_created: Timestamp,
    /// When it will be deleted, if that is scheduled.
    pub time_of_deletion: Option<Timestamp>,
    /// The replication operation that carries it to the replica region.
    pub replication_id: Option<String>,
}

impl KeyVersion {
    /// Whether it may be or become current: ENABLED or CREATING, material made by OCI (design §6, step 2).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.state, KeyState::Enabled | KeyState::Creating) && self.origin == Origin::Internal
    }
}
