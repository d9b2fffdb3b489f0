//! Strategy and legs (rule R5): which dependents get a new version of their key, which a successor key.
//!
//! The successor first: what forbids or ignores versions has left the key before a version is minted on it.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{LegPlan, PassEnded, Paused};
use super::preflight::Purpose;
use super::scope::{is_answered_for, left_out_at};
use crate::model::{
    Coverage, CoverageState, Finding, FindingKind, Kind, RekeyClass, Risk, Settings, Strategy, StrategyPolicy,
};
use crate::safeguard::{Safeguard, is_on};

/// What each kind does with several versions; `None`: no adapter moves it.
pub type Classes = BTreeMap<Kind, Option<RekeyClass>>;

/// Whether dependents of this kind move to another key rather than to another version.
#[must_use]
pub fn wants_successor(class: Option<RekeyClass>, purpose: Purpose, policy: StrategyPolicy) -> bool {
    match class {
        Some(RekeyClass::Forbids | RekeyClass::Ignores | RekeyClass::Source) => true,
        Some(RekeyClass::Rewraps) => purpose == Purpose::ToHead || policy == StrategyPolicy::NewKey,
        // Nothing moves these; what is said of them does not depend on the strategy.
        _ => false,
    }
}

/// Divides kinds into legs, in the order they run.
#[must_use]
pub(super) fn legs(
    kinds: &BTreeSet<Kind>,
    classes: &Classes,
    purpose: Purpose,
    has_head: bool,
    settings: &Settings,
) -> Vec<LegPlan> {
    let class = |kind: &Kind| classes.get(kind).copied().flatten();
    let forbids = |kind: &&Kind| class(kind) == Some(RekeyClass::Forbids);
    let may_have_successor = purpose == Purpose::Rotate || has_head;
    let (leave, stay): (BTreeSet<Kind>, BTreeSet<Kind>) = kinds
        .iter()
        .cloned()
        .partition(|kind| may_have_successor && wants_successor(class(kind), purpose, settings.policy.strategy));
    // A source that nothing updates goes with the others, whichever way, and never makes a leg alone.
    let is_fixed = |kind: &&Kind| class(kind) == Some(RekeyClass::FixedSource);
    let (fixed, stay): (BTreeSet<Kind>, BTreeSet<Kind>) = stay.into_iter().partition(|kind| is_fixed(&kind));
    let mut legs = Vec::new();
    if !leave.is_empty() {
        // What leaves but was not seen yet may come late, and must then have left before a version is minted.
        let may_come = classes.keys().filter(|kind| wants_successor(class(kind), purpose, settings.policy.strategy));
        let leave: BTreeSet<Kind> = leave.into_iter().chain(may_come.cloned()).collect();
        let forbids = leave.iter().filter(forbids).cloned().collect();
        legs.push(LegPlan { strategy: Strategy::NewKey, kinds: leave, forbids });
    }
    let movable = |kind: &Kind| class(kind).is_some();
    if legs.is_empty() || stay.iter().any(movable) {
        legs.push(LegPlan { strategy: Strategy::NewVersion, kinds: stay, forbids: BTreeSet::new() });
    } else if let Some(leg) = legs.first_mut() {
        // Kinds that nothing moves make no leg of their own: no version is minted for them alone.
        leg.kinds.extend(stay);
    }
    if let Some(leg) = legs.first_mut() {
        leg.kinds.extend(fixed);
    }
    legs
}

/// Says which sources stay on a key that gets a version: what they create will be under several.
#[must_use]
pub(super) fn sources_left(legs: &[LegPlan], dependents: &BTreeMap<Kind, u64>, classes: &Classes) -> Vec<Finding> {
    let gets_version = legs.iter().any(|leg| leg.strategy == Strategy::NewVersion);
    let is_fixed = |kind: &Kind| classes.get(kind).copied().flatten() == Some(RekeyClass::FixedSource);
    let left = dependents.iter().filter(|(kind, count)| gets_version && **count > 0 && is_fixed(kind));
    let finding = |(kind, count): (&Kind, &u64)| Finding {
        kind: FindingKind::SourceLeft,
        subject: kind.to_string(),
        text: format!(
            "{count} name this key and no call updates them: the block storage they go on creating will be under a key with several versions, until a person replaces them"
        ),
    };
    left.map(finding).collect()
}

/// Why no version may be minted on the key before its parts are better known (R4).
#[must_use]
pub(super) fn unseen(
    legs: &[LegPlan],
    pass: &PassEnded,
    dependents: &BTreeMap<Kind, u64>,
    classes: &Classes,
    settings: &Settings,
) -> Option<Paused> {
    let mints_version = legs.iter().any(|leg| leg.strategy == Strategy::NewVersion);
    if !mints_version
        || !is_on(Safeguard::UnseenParts)
        || settings.policy.accept_risks.contains(&Risk::UnseenBlockStorage)
    {
        return None;
    }
    let is_forbidden = |kind: &Kind| classes.get(kind).copied().flatten() == Some(RekeyClass::Forbids);
    if let Some(paused) = too_old(pass, settings).filter(|_| classes.keys().any(is_forbidden)) {
        return Some(paused);
    }
    let is_seen = |kind: &Kind| dependents.contains_key(kind);
    let mut holes = pass
        .holes
        .iter()
        .filter(|hole| pass.may_hold(&hole.region))
        .filter(|hole| hole.state != CoverageState::Unsupported && !is_answered_for(hole, settings, is_seen));
    let hole = holes.find(|hole| hole.kind.as_ref().is_some_and(is_forbidden))?;
    Some(unseen_at(hole, settings))
}

/// Compartments that are remembered from too long ago: one made since may hold what forbids several versions.
pub(super) fn too_old(pass: &PassEnded, settings: &Settings) -> Option<Paused> {
    let remembered = pass.scopes.as_ref()?;
    let most = settings.margins.scopes_age_max;
    (remembered.age_s > most.as_secs()).then(|| {
        Paused::outage(format!(
            "{}; that is longer than {most:?} (margins.scopes_age_max), and block storage in a new compartment would be left on a key with two versions",
            remembered.finding().text
        ))
    })
}

/// Asks a person for what no pass could look at.
pub(super) fn unseen_at(hole: &Coverage, settings: &Settings) -> Paused {
    if let (CoverageState::LeftOut, Some(kind)) = (&hole.state, &hole.kind) {
        return left_out_at(kind, settings);
    }
    let kind = hole.kind.as_ref().map(ToString::to_string).unwrap_or_default();
    let place = hole.compartment.as_ref().map_or_else(|| hole.region.to_string(), ToString::to_string);
    let why = format!(
        "{kind}s in {place} could not be looked at ({:?}); one under this key would be left on a key with two versions",
        hole.state
    );
    if hole.state == CoverageState::Unreachable {
        return Paused::outage(why);
    }
    Paused::new(
        why,
        "let us list them (VOLUME_INSPECT, for replicas VOLUME_REPLICA_INSPECT), take the place out of scope, or name \"unseen_block_storage\" in policy.accept_risks; then resume",
    )
}
