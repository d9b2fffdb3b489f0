//! What KMS remembers: vaults, keys, versions as instants, tokens.
//!
//! States are worked out from the present; nothing here serves a call.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::kms::VersionInfo;
use crate::model::{
    AutoRotation, CompartmentId, Etag, Key, KeyId, KeyShape, KeyState, KeyVersion, KeyVersionId, Origin,
    ProtectionMode, Region, Tags, Timestamp, Vault, VaultId,
};

#[derive(Debug)]
pub(super) struct VaultRecord {
    pub(super) vault: Vault,
    pub(super) is_replicable: bool,
    pub(super) tags: Tags,
    pub(super) etag: u64,
}

#[derive(Debug)]
pub(super) struct VersionRecord {
    pub(super) id: KeyVersionId,
    /// A state that time does not change any more.
    pub(super) fixed: Option<KeyState>,
    pub(super) origin: Origin,
    pub(super) is_auto_rotated: bool,
    pub(super) created: Timestamp,
    pub(super) enabled: Timestamp,
    pub(super) flips: Timestamp,
    pub(super) listed: Timestamp,
    /// Operation that carries it to the replica, and when it arrives.
    pub(super) replication: Option<(String, Timestamp)>,
    pub(super) deletion: Option<Timestamp>,
    pub(super) minted_by: Arc<str>,
    /// The retry token that made it.
    pub(super) token: Option<String>,
}

impl VersionRecord {
    pub(super) fn state(&self, now: Timestamp) -> KeyState {
        self.fixed.unwrap_or(if now >= self.enabled { KeyState::Enabled } else { KeyState::Creating })
    }
}

#[derive(Debug)]
pub(super) struct KeyRecord {
    pub(super) id: KeyId,
    pub(super) vault: VaultId,
    pub(super) compartment: CompartmentId,
    pub(super) name: String,
    pub(super) state: KeyState,
    pub(super) shape: KeyShape,
    pub(super) protection: ProtectionMode,
    pub(super) auto_rotation: Option<AutoRotation>,
    pub(super) is_external: bool,
    pub(super) created: Timestamp,
    pub(super) deletion: Option<Timestamp>,
    pub(super) tags: Tags,
    pub(super) etag: u64,
    pub(super) versions: Vec<VersionRecord>,
}

impl KeyRecord {
    /// Place of the version that new wraps use: of those whose flip has passed, the last that was made. A flip that
    /// comes late never takes new wraps back to older material.
    pub(super) fn current(&self, now: Timestamp) -> usize {
        let flipped = |v: &VersionRecord| v.flips <= now && !v.fixed.is_some_and(KeyState::is_going);
        self.versions.iter().rposition(flipped).unwrap_or(0)
    }

    /// A key that was just created is not ENABLED at once.
    pub(super) fn state_at(&self, now: Timestamp) -> KeyState {
        let is_coming = self.versions.first().is_some_and(|first| first.flips > now);
        if self.state == KeyState::Enabled && is_coming { KeyState::Creating } else { self.state }
    }

    /// Whether lists show the key yet.
    pub(super) fn is_listed(&self, now: Timestamp) -> bool {
        self.versions.first().is_none_or(|first| first.listed <= now)
    }

    pub(super) fn current_id(&self, now: Timestamp) -> &KeyVersionId {
        &self.versions[self.current(now)].id
    }

    /// Whether a version is on its way to being current.
    pub(super) fn is_flip_pending(&self, now: Timestamp) -> bool {
        self.versions.iter().any(|v| v.flips > now && !v.fixed.is_some_and(KeyState::is_going))
    }

    /// Changes with every update and with the flip.
    pub(super) fn etag(&self, now: Timestamp) -> Etag {
        Etag::parse(format!("k{}-{}", self.etag, self.current(now))).expect("letters and digits")
    }

    /// How many versions it counts for in its vault's quota (oci-api §0 fact 8).
    pub(super) fn quota(&self) -> u32 {
        let weight = if self.shape.algorithm == "AES" { 1 } else { 2 };
        let held = self.versions.iter().filter(|v| v.fixed != Some(KeyState::Deleted)).count();
        weight * u32::try_from(held).expect("a vault's limit is far below")
    }

    pub(super) fn version_model(&self, version: &VersionRecord, now: Timestamp) -> KeyVersion {
        KeyVersion {
            id: version.id.clone(),
            key: self.id.clone(),
            state: version.state(now),
            origin: version.origin,
            is_auto_rotated: version.is_auto_rotated,
            time_created: version.created,
            time_of_deletion: version.deletion,
            replication_id: version.replication.as_ref().map(|(id, _)| id.clone()),
        }
    }

    pub(super) fn model(&self, region: &Region, is_primary: bool, now: Timestamp) -> Key {
        Key {
            id: self.id.clone(),
            vault: self.vault.clone(),
            compartment: self.compartment.clone(),
            region: region.clone(),
            name: self.name.clone(),
            state: self.state_at(now),
            shape: self.shape.clone(),
            protection: self.protection,
            current_version: self.current_id(now).clone(),
            is_primary: Some(is_primary),
            auto_rotation: self.auto_rotation.clone(),
            is_external: self.is_external,
            time_created: self.created,
            time_of_deletion: self.deletion,
            tags: self.tags.clone(),
        }
    }

    pub(super) fn version_info(&self, version: &VersionRecord, is_primary: bool, now: Timestamp) -> VersionInfo {
        VersionInfo {
            version: self.version_model(version, now),
            vault: self.vault.clone(),
            compartment: self.compartment.clone(),
            is_primary,
        }
    }
}

/// What a retry token once made.
#[derive(Debug)]
pub(super) struct TokenUse<T> {
    pub(super) at: Timestamp,
    pub(super) made: T,
}

/// Principal, key or vault, token.
pub(super) type TokenName = (Arc<str>, String, String);

/// Vaults and keys.
#[derive(Debug, Default)]
pub(super) struct Kms {
    pub(super) vaults: HashMap<VaultId, VaultRecord>,
    /// Vaults and replicas by where they are listed.
    pub(super) listed: BTreeMap<(Region, CompartmentId), Vec<VaultId>>,
    pub(super) keys: HashMap<KeyId, KeyRecord>,
    pub(super) keys_of: BTreeMap<(VaultId, CompartmentId), Vec<KeyId>>,
    pub(super) replications: HashMap<String, (KeyId, usize)>,
    pub(super) version_tokens: HashMap<TokenName, TokenUse<usize>>,
    pub(super) key_tokens: HashMap<TokenName, TokenUse<KeyId>>,
}
