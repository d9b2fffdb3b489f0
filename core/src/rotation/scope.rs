//! Kinds that the owner does not want looked at: when that may be, and what is said of it.
//!
//! A kind that forbids several versions and is not looked at may hide what a new version would leave undefined (R4). So
//! leaving it out takes the owner's own statement that nothing of it is under these keys; one dependent disproves it.

use super::fact::Paused;
use crate::model::{Coverage, CoverageState, Finding, FindingKind, Kind, Settings};

/// Whether the owner answers for what could not be seen here: it was left out, and nothing of it is said to be there.
pub(super) fn is_answered_for(hole: &Coverage, settings: &Settings, is_seen: impl Fn(&Kind) -> bool) -> bool {
    let is_stated = |kind: &Kind| settings.scope.nothing_under_keys.contains(kind) && !is_seen(kind);
    hole.state == CoverageState::LeftOut && hole.kind.as_ref().is_some_and(is_stated)
}

/// Asks a person for a statement about a kind that was left out.
pub(super) fn left_out_at(kind: &Kind, settings: &Settings) -> Paused {
    let word = kind.word();
    let why = match settings.scope.nothing_under_keys.contains(kind) {
        true => format!("scope.nothing_under_keys says that no {kind} is under these keys, and one is"),
        false => format!("scope.kinds leaves {kind}s out; one under this key would be left on a key with two versions"),
    };
    let do_next = format!(
        "add {word:?} to scope.kinds, or to scope.nothing_under_keys if you know that none is under keys in scope; then resume"
    );
    Paused::new(why, do_next)
}

/// Every kind that was not looked at, by name: once, whatever the number of regions.
pub(super) fn left_out_findings(holes: &[Coverage]) -> Vec<Finding> {
    let left_out = holes.iter().filter(|hole| hole.state == CoverageState::LeftOut);
    let mut findings: Vec<Finding> = left_out
        .filter_map(|hole| hole.kind.as_ref())
        .map(|kind| Finding {
            kind: FindingKind::KindLeftOut,
            subject: kind.word().to_owned(),
            text: "not looked at: scope.kinds leaves it out; what of it is under the key is not known".to_owned(),
        })
        .collect();
    findings.sort();
    findings.dedup();
    findings
}
