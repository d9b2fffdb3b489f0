//! Checked: may this key be rotated, and how. The same pure function serves `plan`, which writes nothing.
//!
//! Each refusal is distinct and says what to do. Rules R3 (budgets) and R4 (coverage); `legs` has R5.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::{Override, impossible, override_findings};
use super::fact::{Checked, PassEnded, Paused};
use super::fast::token_is_trusted;
use super::legs::{Classes, legs, sources_left, unseen};
use super::scope::left_out_findings;
use super::vault::Ledger;
use crate::Error;
use crate::model::{
    Ambiguity, Finding, FindingKind, Key, KeyId, KeyState, KeyVersion, Kind, Origin, ProtectionMode, Risk, Settings,
    StrategyPolicy, Timestamp, Vault, VaultState, VaultType, VaultUsage,
};

/// What was read before anything is written.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The key.
    pub key: Key,
    /// Its vault.
    pub vault: Vault,
    /// All its versions.
    pub versions: Vec<KeyVersion>,
    /// What the vault holds.
    pub usage: VaultUsage,
    /// Versions other rotations have reserved in the vault.
    pub ledger: Ledger,
    /// Offset of the local clock against the server's, where it could be measured.
    pub clock_offset: Option<jiff::SignedDuration>,
    /// The local clock.
    pub now: Timestamp,
    /// Promises of the key store that are missing.
    pub missing_promises: BTreeSet<Risk>,
    /// The head of the key's lineage, if that is another key.
    pub head: Option<KeyId>,
    /// Classes that the settings name.
    pub overrides: Vec<Override>,
    /// Whether the key store changes tags only under the etag that was read.
    pub keeps_if_match: bool,
}

/// What a rotation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To supersede the current version: mints.
    Rotate,
    /// To move data to the version that is current: never mints.
    Sweep,
    /// To move what a predecessor still protects to the head of its lineage: never mints.
    ToHead,
}

/// Whether the rotation may go on.
#[derive(Debug, Clone, PartialEq)]
pub enum Preflight {
    /// It may.
    Go(Box<Checked>),
    /// A person must act first.
    Stop(Paused),
}

/// Says why a key cannot be rotated, before anything is opened. `None`: nothing speaks against it.
#[must_use]
pub fn refusal(seen: &Seen, purpose: Purpose, settings: &Settings) -> Option<Error> {
    let mints = purpose == Purpose::Rotate;
    let (key, vault) = (&seen.key, &seen.vault);
    if let Some(error) = promise_refusal(seen, settings).filter(|_| mints) {
        return Some(error);
    }
    let refuse = |message: String| Some(Error::refused("preflight", message).with("key", &key.id));
    if let Some(offset) = seen.clock_offset.filter(|offset| offset.unsigned_abs() > settings.margins.clock_offset_max) {
        return refuse(format!(
            "the local clock is {} s off the server's; requests more than 5 minutes off are refused: set the clock",
            offset.as_secs()
        ));
    }
    if vault.is_primary == Some(false) || key.is_primary == Some(false) {
        return refuse(format!(
            "this is a replica in {}; a replica refuses every management call: rotate the key at its primary vault",
            key.region
        ));
    }
    if vault.vault_type == VaultType::External || key.is_external || key.protection == ProtectionMode::External {
        return refuse(
            "the key lives in an external key manager: rotate it there, then register its version".to_owned(),
        );
    }
    if vault.state.is_going() || key.state.is_going() {
        return refuse(format!(
            "the key or its vault is scheduled for deletion{}: cancel the deletion, or leave the key out of scope",
            key.time_of_deletion.or(vault.time_of_deletion).map(|at| format!(" on {at}")).unwrap_or_default()
        ));
    }
    if vault.state != VaultState::Active {
        return refuse(format!("the vault {} is not ACTIVE: wait or look at it in the Console", vault.id));
    }
    if matches!(key.state, KeyState::Disabled | KeyState::Disabling) {
        return refuse("the key is disabled: enable it, or leave it out of scope".to_owned());
    }
    if key.state != KeyState::Enabled {
        return refuse(format!("the key is {:?}: wait until it is ENABLED", key.state));
    }
    if key.shape.algorithm != "AES" {
        return refuse(format!(
            "an asymmetric key ({}) signs or wraps for others; whoever holds its public half must be told first: rotate it by hand",
            key.shape.algorithm
        ));
    }
    if let Some(version) = seen.versions.iter().find(|version| version.origin == Origin::External) {
        return refuse(format!(
            "version {} was imported; OCI cannot make its like: import new material by hand",
            version.id
        ));
    }
    if let Some(why) = impossible(&seen.overrides, settings) {
        return refuse(why);
    }
    // What follows speaks against a mint only.
    if !mints {
        return None;
    }
    if key.auto_rotation.as_ref().is_some_and(|auto| auto.enabled) {
        return refuse(
            "OCI rotates this key by itself; two rotators would compete: turn auto-rotation off, or leave the key to it"
                .to_owned(),
        );
    }
    if let Some(version) = seen.versions.iter().find(|version| version.state.is_going() && is_newer(version, seen)) {
        return refuse(format!(
            "version {}, newer than the current one, is scheduled for deletion: settle that first",
            version.id
        ));
    }
    quota_refusal(seen, settings).and_then(refuse)
}

/// Fence and token: full. One of them: only with the named risk accepted. Neither: no mint, whatever is accepted.
fn promise_refusal(seen: &Seen, settings: &Settings) -> Option<Error> {
    let refuse = |message: String| Some(Error::refused("preflight", message).with("key", &seen.key.id));
    if seen.missing_promises.len() > 1 {
        return refuse("this key store promises neither retry tokens nor a date fence: nothing would guard against a second version".to_owned());
    }
    if settings.policy.ambiguity == Ambiguity::Fast && seen.missing_promises.contains(&Risk::NoRetryToken) {
        return refuse("policy.ambiguity = \"fast\" trusts retry tokens, and this key store makes no promise of them: write \"standard\"".to_owned());
    }
    if settings.policy.intent_register.is_some() && !seen.keeps_if_match {
        return refuse("policy.intent_register needs a key store whose set_tags honours if-match, and this one does not: remove it, or let all deployments share a journal".to_owned());
    }
    let missing = seen.missing_promises.difference(&settings.policy.accept_risks).next()?;
    refuse(format!("this key store lacks a promise ({missing:?}); name it in policy.accept_risks to do without it"))
}

fn is_newer(version: &KeyVersion, seen: &Seen) -> bool {
    let current = seen.versions.iter().find(|candidate| candidate.id == seen.key.current_version);
    current.is_some_and(|current| version.time_created > current.time_created)
}

/// Versions count per vault and protection mode; disabled ones count too (oci-api §2.3).
fn quota_refusal(seen: &Seen, settings: &Settings) -> Option<String> {
    let held = match seen.key.protection {
        ProtectionMode::Software => seen.usage.software_key_versions,
        _ => seen.usage.key_versions,
    };
    let reserved = seen.ledger.reserved();
    let limit = settings.budgets.versions_per_vault;
    if held + reserved >= limit {
        return Some(format!(
            "the vault holds {held} versions of {limit}, {reserved} more are reserved: ask for a higher limit, or move keys to another vault"
        ));
    }
    let today = seen.ledger.minted_since(seen.now - std::time::Duration::from_secs(86_400));
    if today >= settings.budgets.mints_per_vault_and_day {
        return Some(format!(
            "{today} versions were minted in this vault within a day; the budget is spent (R3): wait"
        ));
    }
    None
}

/// Decides strategy and legs from what the preflight's pass found.
#[must_use]
pub fn preflight(
    seen: &Seen,
    purpose: Purpose,
    pass: &PassEnded,
    dependents: &BTreeMap<Kind, u64>,
    classes: &Classes,
    settings: &Settings,
) -> Preflight {
    let stop = |why: String, do_next: &str| Preflight::Stop(Paused::new(why, do_next));
    if let Some(error) = refusal(seen, purpose, settings) {
        return stop(error.message().to_owned(), "mend this, then resume; or cancel");
    }
    let total: u64 = dependents.values().sum();
    if total > u64::from(settings.budgets.blast_radius) {
        return stop(
            format!("{total} dependents exceed the blast radius of {}", settings.budgets.blast_radius),
            "look at `plan`, raise limits.blast_radius, then resume; or cancel",
        );
    }
    if total == 0 && !settings.policy.rotate_when_empty {
        return stop(
            "the key protects nothing that can be seen".to_owned(),
            "check scope and permissions; set policy.rotate_when_empty to rotate all the same, or cancel",
        );
    }
    let kinds: BTreeSet<Kind> = dependents.keys().cloned().collect();
    let legs = legs(&kinds, classes, purpose, seen.head.is_some(), settings);
    if total == 0 && settings.policy.strategy == StrategyPolicy::NewKey {
        return stop(
            "nothing can be seen that a successor key would take over".to_owned(),
            "check scope and permissions, or cancel; a key without dependents gets no successor",
        );
    }
    if let Some(paused) = unseen(&legs, pass, dependents, classes, settings).filter(|_| purpose == Purpose::Rotate) {
        return Preflight::Stop(paused);
    }
    let mut findings = pass.findings.clone();
    findings.extend(override_findings(&seen.overrides));
    findings.extend(left_out_findings(&pass.holes));
    findings.extend(sources_left(&legs, dependents, classes));
    if seen.versions.len() > 1 && purpose == Purpose::Rotate {
        findings.push(Finding {
            kind: FindingKind::HistoryUnknown,
            subject: seen.key.id.to_string(),
            text: format!(
                "the key has {} versions; data may hang on an earlier one until this rotation moves it",
                seen.versions.len()
            ),
        });
    }
    let accepted = seen.missing_promises.iter().filter(|_| purpose == Purpose::Rotate);
    findings.extend(accepted.map(|risk| Finding {
        kind: FindingKind::RiskAccepted,
        subject: seen.key.id.to_string(),
        text: format!("{risk:?}: the owner accepted to mint with one guard instead of two (policy.accept_risks)"),
    }));
    if settings.policy.ambiguity == Ambiguity::Fast && purpose == Purpose::Rotate {
        findings.push(token_is_trusted(seen.key.id.to_string()));
    }
    Preflight::Go(Box::new(Checked {
        legs,
        dependents: total,
        replicas: seen.vault.replicas.iter().cloned().collect(),
        versions: seen.versions.iter().map(|version| version.id.clone()).collect(),
        findings,
    }))
}
