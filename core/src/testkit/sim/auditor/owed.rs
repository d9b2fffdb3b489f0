//! I12, I13: a sweep never mints, and what a stranger minted is followed by one.

use super::Evidence;
use crate::memory::VersionTruth;
use crate::model::{KeyVersionId, Timestamp};
use crate::rotation::Fact;
use crate::rotation::history::KeyFact;
use crate::rotation::registry::RegistryFact;

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    if evidence.is_restored() {
        return;
    }
    never_mints(evidence);
    is_swept(evidence);
}

/// I12: the stream of a sweep knows no intent of a mint; without one nothing may be sent (I4).
fn never_mints(evidence: &mut Evidence<'_>) {
    for (rid, lines) in &evidence.books.main {
        let is_sweep = lines.iter().any(|line| matches!(&line.fact, Fact::Opened(opened) if opened.is_sweep));
        if is_sweep && lines.iter().any(|line| matches!(line.fact, Fact::MintIntended(_))) {
            evidence.fail("I12 a sweep never mints", rid.to_string());
        }
    }
}

/// I13: whoever looked last saw a current version that some rotation had ended on, or that was current when the key
/// was first seen.
fn is_swept(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    let truths = stage.world.version_truths(&stage.key);
    let mut looks = evidence
        .log
        .iter()
        .filter(|entry| entry.operation == "get_key" && entry.status == 200 && &*entry.principal == "keywheel");
    let Some(current) = looks.next_back().and_then(|look| current_at(&truths, look.at)) else { return };
    let of_the_key = evidence.books.keys.get(stage.key.as_str()).map(Vec::as_slice).unwrap_or_default();
    let first_seen = of_the_key.iter().find_map(|line| match &line.fact {
        KeyFact::FirstSeen(seen) => Some(&seen.current),
        _ => None,
    });
    let is_first = first_seen == Some(current);
    let is_ended_on = evidence.books.main.values().any(|lines| {
        let is_completed = lines.iter().any(|line| matches!(line.fact, Fact::Completed(_)));
        is_completed && lines.iter().any(|line| matches!(&line.fact, Fact::InUse(in_use) if in_use.version == *current))
    });
    // A predecessor is exempt: nothing that could be swept is on it.
    let is_predecessor = evidence
        .books
        .registry
        .iter()
        .any(|line| matches!(&line.fact, RegistryFact::RotationClosed { target_key: Some(_), .. }));
    if !is_first && !is_ended_on && !is_predecessor {
        evidence.fail("I13 a key that is behind is swept", format!("no rotation ended on {current}"));
    }
}

/// Which version was current then.
pub(super) fn current_at(truths: &[VersionTruth], at: Timestamp) -> Option<&KeyVersionId> {
    let flipped = |v: &&VersionTruth| v.flips <= at && v.condemned.is_none_or(|condemned| condemned > at);
    truths.iter().rfind(flipped).map(|v| &v.id)
}
