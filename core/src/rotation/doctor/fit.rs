//! Whether a key may be used up: doctor's versions can never be taken off a vault's quota again.

use std::time::Duration;

use crate::error::Error;
use crate::model::{
    Forecast, Key, KeyId, KeyState, KeyVersion, Origin, ProtectionMode, Settings, THROW_AWAY_TAG, THROW_AWAY_VALUE,
    Timestamp, Vault, VaultUsage,
};

/// What is known of a key that somebody wants to throw away.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The key.
    pub key: &'a Key,
    /// Its vault.
    pub vault: &'a Vault,
    /// Its versions.
    pub versions: &'a [KeyVersion],
    /// What the vault holds.
    pub usage: VaultUsage,
    /// Versions that open rotations have reserved in the vault.
    pub reserved: u32,
    /// Resources seen under the key.
    pub dependents: u64,
    /// Whether the journal knows a rotation of it.
    pub was_rotated: bool,
    /// When a checkup of it that was killed, or runs, was last heard of.
    pub unfinished: Option<Timestamp>,
    /// The server's time.
    pub now: Timestamp,
}

/// Why this key cannot be used, or `None`.
#[must_use]
pub fn unfit(subject: &Subject<'_>, settings: &Settings) -> Option<Error> {
    let Subject { key, vault, .. } = subject;
    let refuse = |why: String| Some(Error::refused("doctor", why).with("key", &key.id));
    if key.tags.freeform.get(THROW_AWAY_TAG).map(String::as_str) != Some(THROW_AWAY_VALUE) {
        return refuse(format!(
            "the key is not marked as a throw-away one: versions made here can never be removed from the vault's quota. \
             Make a key that protects nothing (AES, protection mode SOFTWARE, free-form tag {THROW_AWAY_TAG} = \
             {THROW_AWAY_VALUE}) and name that one"
        ));
    }
    if subject.was_rotated {
        return refuse("keywheel has rotated this key, so something hung on it; make one that protects nothing".into());
    }
    if subject.dependents > 0 {
        let seen = subject.dependents;
        return refuse(format!("{seen} resources are under this key; make one that protects nothing"));
    }
    if key.state != KeyState::Enabled {
        return refuse(format!("the key is {:?}, not ENABLED", key.state));
    }
    if key.is_primary == Some(false) || vault.is_primary == Some(false) {
        return refuse("the key is a replica; name its primary".into());
    }
    let is_made_by_oci = subject.versions.iter().all(|version| version.origin == Origin::Internal);
    if key.is_external || !is_made_by_oci || key.shape.algorithm != "AES" {
        return refuse("the key is not an AES key whose material OCI made; keywheel rotates no other".into());
    }
    if key.auto_rotation.as_ref().is_some_and(|auto| auto.enabled) {
        return refuse(
            "OCI rotates this key by itself, which would be counted as a mint of ours; turn that off".into(),
        );
    }
    let held = match key.protection {
        ProtectionMode::Software => subject.usage.software_key_versions,
        _ => subject.usage.key_versions,
    };
    let (limit, wanted) = (settings.budgets.versions_per_vault, Forecast::of(&settings.margins).versions_max);
    if held + subject.reserved + wanted > limit {
        return refuse(format!(
            "the vault holds {held} of {limit} versions and {} are reserved; up to {wanted} more do not fit",
            subject.reserved
        ));
    }
    busy(key.id.clone(), subject.unfinished, subject.now, settings)
}

/// Whether another checkup of this key may still act: it runs, or was killed.
#[must_use]
pub fn busy(key: KeyId, unfinished: Option<Timestamp>, now: Timestamp, settings: &Settings) -> Option<Error> {
    let end = unfinished.map(|date| date + settings.margins.quiet_period()).filter(|end| *end >= now)?;
    let left = end.duration_since(now).unsigned_abs() + Duration::from_secs(1);
    let why = "another checkup mints on this key, or was killed: what it sent may still act";
    Some(Error::refused("doctor", why).with("key", key).with("until", end).retry_later(Some(left)))
}
