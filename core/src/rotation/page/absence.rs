//! Gone, or not ours to see (R10): what a 404 means, and what proves that a dependent is no more.
//!
//! OCI says the same for `absent` and `not permitted` (oci-api §7.2). So a 404 alone is never absence, nor are two:
//! only two that lie apart *and* a List of its place, to the end, without it.

use std::collections::BTreeMap;

use super::conclude::{Later, ReadBack};
use super::fact::{PageFact, StepFailed};
use super::state::{State, StepState};
use crate::model::{CompartmentId, Coverage, CoverageState, Outcome, ResourceId};

/// What was answered with a 404.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// A change: one may be allowed to read and not to change.
    Change,
    /// A read.
    Read,
}

/// One more 404. Reads are not counted as tries: what settles them is time and a List.
pub(super) fn missing(state: &State, item: u32, in_doubt: bool, answered: Answered, later: &Later) -> Vec<PageFact> {
    let since = state.at(item).and_then(|progress| progress.missing_since);
    let settled = since.unwrap_or(later.now) + later.absence_settle;
    let not_before = match answered {
        Answered::Read => settled.max(later.retry),
        // Whether it can be read says at once which of the two it is.
        Answered::Change => later.retry,
    };
    vec![PageFact::StepFailed(StepFailed {
        item,
        error: "404: it is gone, or not ours to see".to_owned(),
        in_doubt,
        counted: answered == Answered::Change,
        is_busy: false,
        is_missing: true,
        not_before,
    })]
}

/// A resource that was not shown was read again.
#[must_use]
pub fn conclude_sought(state: &State, item: u32, seen: &ReadBack, later: &Later) -> Vec<PageFact> {
    if seen.is_terminated {
        return super::conclude::terminated(item);
    }
    if seen.is_invisible {
        let was_intended = state.at(item).is_some_and(|progress| matches!(progress.step, StepState::Intended));
        return missing(state, item, was_intended, Answered::Read, later);
    }
    vec![PageFact::SeenAgain { item }]
}

/// What the owning service lists of one kind in one region, over all compartments in scope.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Resources, with the compartment that holds them.
    pub found: BTreeMap<ResourceId, CompartmentId>,
    /// Compartments that were listed to the end.
    pub compartments: Vec<CompartmentId>,
    /// What could not be.
    pub holes: Vec<Coverage>,
}

impl Listed {
    /// A place that did not answer.
    #[must_use]
    pub fn silence(&self) -> Option<&Coverage> {
        self.holes.iter().find(|hole| hole.state == CoverageState::Unreachable)
    }
}

/// The place of a resource that stayed unseen was listed. What could not be listed proves nothing.
#[must_use]
pub fn conclude_listed(state: &State, item: u32, listed: &Listed, later: &Later) -> Vec<PageFact> {
    let Some((progress, found)) = state.at(item).zip(state.inventory.items.get(item as usize)) else {
        return Vec::new();
    };
    let dependent = &found.dependent;
    let blocked = |why: String| vec![PageFact::Outcome { item, outcome: Outcome::Blocked { why } }];
    if let Some(compartment) = listed.found.get(&dependent.id) {
        return blocked(format!(
            "reading it says 404, and {compartment} lists it: it is there and we may not read it; grant that, then resume"
        ));
    }
    if let Some(hole) = listed.silence() {
        return unlisted(state, item, &format!("{} could not be reached", place(hole)), later);
    }
    if let Some(hole) = listed.holes.first() {
        let is_its_own = hole.compartment.as_ref() == Some(&dependent.compartment);
        return blocked(match is_its_own {
            true => format!("404, and we may not list {}: it may be gone, or hidden from us", place(hole)),
            false => format!(
                "404, and {} does not list it; it may have moved to {}, which we may not list",
                dependent.compartment,
                place(hole)
            ),
        });
    }
    if !listed.compartments.contains(&dependent.compartment) {
        return blocked(format!("404, and its compartment {} is not shown to us any more", dependent.compartment));
    }
    let (first, last) = (progress.missing_since.unwrap_or(later.now), progress.missing_at.unwrap_or(later.now));
    let how = format!(
        "404 at {first} and at {last}; then {} and {} other compartments in scope were listed to the end without it",
        dependent.compartment,
        listed.compartments.len() - 1
    );
    vec![PageFact::Outcome { item, outcome: Outcome::Gone { how } }]
}

/// The place could not be listed this time: a counted try.
#[must_use]
pub fn conclude_unlisted(state: &State, item: u32, error: &crate::Error, later: &Later) -> Vec<PageFact> {
    unlisted(state, item, &error.to_string(), later)
}

fn unlisted(state: &State, item: u32, why: &str, later: &Later) -> Vec<PageFact> {
    let was_intended = state.at(item).is_some_and(|progress| matches!(progress.step, StepState::Intended));
    vec![PageFact::StepFailed(StepFailed {
        item,
        error: format!("404, and its compartment could not be listed: {why}"),
        in_doubt: was_intended,
        counted: !later.is_outage,
        is_busy: false,
        is_missing: true,
        not_before: later.retry,
    })]
}

fn place(hole: &Coverage) -> String {
    hole.compartment.as_ref().map_or_else(|| hole.region.to_string(), ToString::to_string)
}
