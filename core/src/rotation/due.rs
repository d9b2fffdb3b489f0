//! What is owed to a key (rule R1), and whether a wish may be granted (rule R2).
//!
//! Age is measured on the current *version*, never on the key: a key rotated by hand yesterday is young.

use super::preflight::Seen;
use crate::model::{
    Due, DueState, KeyId, KeyState, KeyVersionId, Origin, ProtectionMode, RotationId, Settings, Timestamp, VaultState,
    VaultType, When,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, Result};

/// What one must know to say what is owed.
#[derive(Debug, Clone)]
pub struct DueView<'a> {
    /// The cloud's side.
    pub seen: &'a Seen,
    /// An open rotation of the key's lineage.
    pub open: Option<RotationId>,
    /// A cancelled rotation holds `due` back until then.
    pub not_before: Option<Timestamp>,
    /// The newest earlier version that data may still hang on, if the key is behind.
    pub behind: Option<KeyVersionId>,
    /// The head of the lineage, if a rotation ended that left nothing on this key.
    pub successor: Option<KeyId>,
}

/// Says what is owed.
#[must_use]
pub fn due(view: &DueView<'_>, settings: &Settings, now: Timestamp) -> Due {
    let (key, vault) = (&view.seen.key, &view.seen.vault);
    let verdict = |state, why: String| Due { state, next: None, why };
    if vault.is_primary == Some(false) || key.is_primary == Some(false) {
        return verdict(DueState::Replica, format!("a replica in {}; counted at its primary", key.region));
    }
    if let Some(rid) = &view.open {
        return verdict(DueState::Open(rid.clone()), format!("rotation {rid} is open"));
    }
    if let Some(successor) = &view.successor {
        let why = format!("{successor} took over; this key is retained for what it once protected");
        return verdict(DueState::Predecessor, why);
    }
    let is_external = vault.vault_type == VaultType::External || key.is_external;
    if is_external || key.protection == ProtectionMode::External {
        return verdict(DueState::Manual, "the key lives in an external key manager".to_owned());
    }
    if key.shape.algorithm != "AES" {
        return verdict(DueState::Manual, format!("an asymmetric key ({})", key.shape.algorithm));
    }
    if view.seen.versions.iter().any(|version| version.origin == Origin::External) {
        return verdict(DueState::Manual, "its material was imported".to_owned());
    }
    if key.state != KeyState::Enabled || vault.state != VaultState::Active {
        return verdict(DueState::Blocked, format!("the key is {:?}, its vault {:?}", key.state, vault.state));
    }
    let is_held_back = view.not_before.is_some_and(|until| now < until);
    let behind = view.behind.as_ref().filter(|_| !is_held_back && is_on(Safeguard::Behind));
    let is_behind = |earlier: &KeyVersionId| {
        format!(
            "no rotation ended on its current version; data may hang on {earlier}: a sweep moves it, nothing is minted"
        )
    };
    if key.auto_rotation.as_ref().is_some_and(|auto| auto.enabled) {
        return match behind {
            Some(earlier) => verdict(DueState::Behind, format!("OCI rotates it by itself; {}", is_behind(earlier))),
            None => verdict(DueState::AutoRotated, "OCI rotates it by itself".to_owned()),
        };
    }
    let Some(current) = view.seen.versions.iter().find(|version| version.id == key.current_version) else {
        return verdict(DueState::Blocked, "its current version is not listed".to_owned());
    };
    let falls_due = current.time_created + settings.policy.cryptoperiod;
    let next = falls_due.max(view.not_before.unwrap_or(falls_due));
    let days = |duration: jiff::SignedDuration| duration.as_hours() / 24;
    if now >= next {
        let age = now.duration_since(current.time_created);
        let period = settings.policy.cryptoperiod.as_secs() / 86_400;
        let why = format!("the current version is {} days old, the cryptoperiod is {period}", days(age));
        return Due { state: DueState::Due, next: Some(next), why };
    }
    if let Some(earlier) = behind {
        return Due { state: DueState::Behind, next: Some(next), why: is_behind(earlier) };
    }
    let why = format!("{} days left", days(next.duration_since(now)));
    Due { state: DueState::Waiting, next: Some(next), why }
}

/// Grants or refuses a wish to rotate now (R2). `IfDue` is never refused here.
pub fn grant(key: &KeyId, when: &When, view: &DueView<'_>, settings: &Settings, now: Timestamp) -> Result<()> {
    let When::Now { supersedes, request_id } = when else {
        return Ok(());
    };
    let current = &view.seen.key.current_version;
    if let Some(named) = supersedes {
        if named == current {
            return Ok(());
        }
        return Err(Error::refused("start", "the version you name is not current any more: somebody rotated already")
            .with("key", key)
            .with("named", named)
            .with("current", current));
    }
    if request_id.is_some() {
        return Ok(());
    }
    let Some(version) = view.seen.versions.iter().find(|version| version.id == *current) else {
        return Err(Error::refused("start", "the current version is not listed").with("key", key));
    };
    let age = now.duration_since(version.time_created);
    if age.unsigned_abs() < settings.policy.min_age {
        return Err(Error::refused(
            "start",
            "the current version is younger than policy.min_age: name the version to supersede, or a request id (R2)",
        )
        .with("key", key)
        .with("age_hours", age.as_hours()));
    }
    Ok(())
}
