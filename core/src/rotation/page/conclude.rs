//! What an answer about a dependent means.
//!
//! For a kind with a re-wrap step, key-id equality alone is never `already` (R10): it takes a work request
//! of ours that was accepted after the new version was in use, and the key read back.

use std::time::Duration;

use super::absence::{Answered, missing};
use super::fact::{PageFact, StepBegun, StepCompleted, StepFailed, StepSettled};
use super::state::{State, StepState};
use crate::model::{
    EnrolledFrom, Etag, Evidence, Grade, KeyId, KeyVersionId, Outcome, RequestId, StepKind, Timestamp, WorkRequestId,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Landed, Retry};

/// The service accepted a step.
#[must_use]
pub fn conclude_begun(
    item: u32,
    work_request: Option<WorkRequestId>,
    etag: Option<Etag>,
    request_id: Option<RequestId>,
) -> Vec<PageFact> {
    vec![PageFact::StepBegun(StepBegun { item, work_request, etag, request_id })]
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Later {
    /// After a failure.
    pub retry: Timestamp,
    /// The local clock now.
    pub now: Timestamp,
    /// How far two 404s must lie apart to mean anything (R10).
    pub absence_settle: Duration,
    /// Its place does not answer at all: that says nothing about a dependent, and counts against none.
    pub is_outage: bool,
}

/// A call about a dependent failed: try again later, settle, or give up.
#[must_use]
pub fn conclude_failure(state: &State, item: u32, error: &Error, later: &Later) -> Vec<PageFact> {
    let was_intended = state.at(item).is_some_and(|progress| matches!(progress.step, StepState::Intended));
    let in_doubt = was_intended && error.landed() != Landed::No;
    if error.retry() == Retry::Never && !in_doubt && !later.is_outage {
        return match error.kind() {
            // Gone, or not permitted: whoever can still read it afterwards may not change it.
            ErrorKind::NotFound if !state.at(item).is_some_and(|progress| progress.is_seen_again) => {
                missing(state, item, false, Answered::Change, later)
            }
            _ => vec![PageFact::Outcome { item, outcome: Outcome::Blocked { why: error.to_string() } }],
        };
    }
    failed(item, error, in_doubt, later)
}

/// A read that should settle a step or judge its effect failed: what was in doubt stays so.
#[must_use]
pub fn conclude_unread(state: &State, item: u32, error: &Error, later: &Later) -> Vec<PageFact> {
    match state.at(item).map(|progress| &progress.step) {
        Some(StepState::Intended) => failed(item, error, true, later),
        _ => conclude_failure(state, item, error, later),
    }
}

fn failed(item: u32, error: &Error, in_doubt: bool, later: &Later) -> Vec<PageFact> {
    let counted = error.kind() != ErrorKind::Throttled && !later.is_outage;
    vec![PageFact::StepFailed(StepFailed {
        item,
        error: error.to_string(),
        in_doubt,
        counted,
        is_busy: false,
        is_missing: false,
        not_before: later.retry,
    })]
}

/// What the service shows for a step in doubt: work requests accepted since the intent, live or completed.
#[must_use]
pub fn conclude_found(item: u32, live_or_completed: Option<WorkRequestId>) -> Vec<PageFact> {
    vec![PageFact::StepSettled(StepSettled { item, adopted: live_or_completed, is_done: false })]
}

/// Where a work request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Polled {
    /// It completed.
    Completed {
        /// Accepted, by the service's clock.
        accepted_at: Option<Timestamp>,
        /// Ended, by the service's clock.
        finished_at: Option<Timestamp>,
    },
    /// It failed, was cancelled, or is not shown any more.
    Failed(String),
    /// It goes on.
    Working,
}

/// A work request was looked at. One accepted before the new version was in use does not count.
#[must_use]
pub fn conclude_polled(item: u32, polled: &Polled, in_use_since: Timestamp, later: &Later) -> Vec<PageFact> {
    match polled {
        Polled::Working => Vec::new(),
        Polled::Completed { accepted_at: Some(accepted), .. } if *accepted < in_use_since => {
            vec![PageFact::StepFailed(StepFailed {
                item,
                error: format!("the work request was accepted at {accepted}, before the new version was in use"),
                in_doubt: false,
                counted: true,
                is_busy: false,
                is_missing: false,
                not_before: later.retry,
            })]
        }
        Polled::Completed { accepted_at, finished_at } => {
            vec![PageFact::StepCompleted(StepCompleted { item, accepted_at: *accepted_at, finished_at: *finished_at })]
        }
        Polled::Failed(why) => vec![PageFact::StepFailed(StepFailed {
            item,
            error: why.clone(),
            in_doubt: false,
            counted: true,
            is_busy: false,
            is_missing: false,
            not_before: later.retry,
        })],
    }
}

/// What the owning service says after the last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBack {
    /// The service says terminated or deleted.
    pub is_terminated: bool,
    /// The service does not show it: gone, or not ours to see.
    pub is_invisible: bool,
    /// It is in a state that refuses changes.
    pub is_busy: bool,
    /// The key it uses; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// The version, where the service says one.
    pub version: Option<KeyVersionId>,
    /// The service's clock.
    pub server_date: Option<Timestamp>,
}

/// What a page's dependents move to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The key that they shall use: their own, or its successor.
    pub key: KeyId,
    /// The version that was in use when re-keying began.
    pub version: KeyVersionId,
    /// Whether that key had no other version then: its id then tells the version too.
    pub is_only_version: bool,
}

/// The owning service's own word for gone.
pub(super) fn terminated(item: u32) -> Vec<PageFact> {
    let how = "the owning service says it is terminated".to_owned();
    vec![PageFact::Outcome { item, outcome: Outcome::Gone { how } }]
}

/// What a look before a conditional step means.
#[derive(Debug, Clone, PartialEq)]
pub enum Looked {
    /// The step is to be intended, with this etag.
    Go(Option<Etag>),
    /// Facts follow instead.
    Facts(Vec<PageFact>),
}

/// Reads a dependent before it is assigned a key, or after an assignment whose answer was lost. A tag never causes a
/// mutation: only the key that the owning service names does.
#[must_use]
pub fn conclude_looked(
    state: &State,
    item: u32,
    seen: &ReadBack,
    etag: Option<Etag>,
    goal: &Goal,
    later: &Later,
) -> Looked {
    let was_intended = state.at(item).is_some_and(|progress| matches!(progress.step, StepState::Intended));
    let outcome = |outcome| Looked::Facts(vec![PageFact::Outcome { item, outcome }]);
    if seen.is_terminated {
        return Looked::Facts(terminated(item));
    }
    if seen.is_invisible {
        return Looked::Facts(missing(state, item, was_intended, Answered::Read, later));
    }
    if seen.is_busy {
        // Not counted while it is busy: what is being created becomes ready by itself, within a deadline.
        return Looked::Facts(vec![PageFact::StepFailed(StepFailed {
            item,
            error: "it is in a state that refuses changes".to_owned(),
            in_doubt: was_intended,
            counted: false,
            is_busy: true,
            is_missing: false,
            not_before: later.retry,
        })]);
    }
    let source = &state.inventory.key;
    let is_again = state.step_of(item) == Some(StepKind::Reassign);
    if is_again && goal.key != *source {
        let why = "its kind was classed otherwise when it was recorded; resume, and it is looked at again";
        return outcome(Outcome::Blocked { why: why.to_owned() });
    }
    let enrolled = state.inventory.enrolled_from.as_ref();
    if enrolled.is_some() && goal.key == *source && state.inventory.steps == [StepKind::AssignKey] {
        let remedy = "its kind forbids several versions of a key, and no successor was made by this rotation; the next \
                      rotation that makes one enrolls it, or move it by hand";
        return outcome(Outcome::Manual { remedy: remedy.to_owned() });
    }
    if goal.key == *source && !is_again && enrolled.is_none() {
        let remedy = "it wants a key of its own version history, and no successor was made for it by this rotation; \
                      rotate the key again, or move it by hand";
        return outcome(Outcome::Manual { remedy: remedy.to_owned() });
    }
    match &seen.key {
        // Reading cannot tell whether the same key again took effect. Each time makes the data key anew, so once more.
        Some(key) if *key == goal.key && is_again => match was_intended {
            true => Looked::Facts(conclude_found(item, None)),
            false => Looked::Go(etag),
        },
        Some(key) if *key == goal.key && was_intended => {
            Looked::Facts(vec![PageFact::StepSettled(StepSettled { item, adopted: None, is_done: true })])
        }
        Some(key) if *key == goal.key && state.inventory.steps.len() == 1 => {
            outcome(Outcome::Already { evidence: evidence(state, seen, goal, None) })
        }
        key if is_source(state, key.as_ref()) || key.as_ref() == Some(&goal.key) => match was_intended {
            true => Looked::Facts(conclude_found(item, None)),
            false => Looked::Go(etag),
        },
        Some(key) => outcome(Outcome::Blocked { why: format!("somebody moved it to {key} meanwhile") }),
        None => outcome(Outcome::Blocked { why: "somebody moved it to Oracle's own key meanwhile".to_owned() }),
    }
}

/// Whether a key is one that a dependent of this page may be taken from: the rotation's own, or what it was enrolled from.
fn is_source(state: &State, key: Option<&KeyId>) -> bool {
    let enrolled = state.inventory.enrolled_from.as_ref();
    key == Some(&state.inventory.key) || enrolled.is_some_and(|from| from.key() == key)
}

/// What evidence of [`StepKind::Reassign`] says beside its grade.
const SAME_KEY: &str = "it was given the key again that it has; Oracle does not document what that does";

fn evidence(state: &State, seen: &ReadBack, goal: &Goal, witness: Option<&(StepBegun, StepCompleted)>) -> Evidence {
    // A re-wrap in place is not seen in the key's id, even if the key has one version.
    let is_assigned = state.inventory.steps == [StepKind::AssignKey];
    let grade = match (seen.version.as_ref() == Some(&goal.version), is_assigned && goal.is_only_version, witness) {
        (true, ..) | (_, true, _) => Grade::VersionSeen,
        (_, _, Some(_)) => Grade::ChangeSeen,
        _ => Grade::KeySeen,
    };
    let shown = |(begun, _): &(StepBegun, StepCompleted)| {
        let work_request = begun.work_request.as_ref().map(ToString::to_string);
        work_request.or_else(|| begun.etag.as_ref().map(ToString::to_string))
    };
    Evidence {
        grade,
        scope: state.inventory.scope,
        key: seen.key.clone(),
        version: seen.version.clone(),
        request_id: witness.and_then(|(begun, _)| begun.request_id.clone()),
        witness: witness.and_then(shown),
        seen_at: witness.and_then(|(_, completed)| completed.finished_at).or(seen.server_date),
        caveat: state.inventory.steps.contains(&StepKind::Reassign).then(|| SAME_KEY.to_owned()),
    }
}

/// Reads a dependent back: the last thing before its outcome.
#[must_use]
pub fn conclude_observed(state: &State, item: u32, seen: &ReadBack, goal: &Goal, later: &Later) -> Vec<PageFact> {
    let outcome = |outcome| vec![PageFact::Outcome { item, outcome }];
    let again = |error: String| {
        vec![PageFact::StepFailed(StepFailed {
            item,
            error,
            in_doubt: false,
            counted: true,
            is_busy: false,
            is_missing: false,
            not_before: later.retry,
        })]
    };
    if seen.is_terminated {
        return terminated(item);
    }
    if seen.is_invisible {
        return missing(state, item, false, Answered::Read, later);
    }
    match &seen.key {
        Some(key) if *key == goal.key => {}
        // Accepted, and nothing changed: the silent no-op. Read again, in case it only comes late.
        key if is_source(state, key.as_ref()) => {
            let from = EnrolledFrom::of(key.as_ref());
            return again(format!("the service accepted the change, and it is still under {from}"));
        }
        Some(key) => {
            return outcome(Outcome::Blocked { why: format!("somebody moved it to {key} meanwhile") });
        }
        None => {
            return outcome(Outcome::Blocked { why: "somebody moved it to Oracle's own key meanwhile".to_owned() });
        }
    }
    let Some(witness) = state.at(item).and_then(|progress| progress.witness.clone()) else {
        if !is_on(Safeguard::WitnessedRewrap) {
            return outcome(Outcome::Already { evidence: evidence(state, seen, goal, None) });
        }
        return outcome(Outcome::Blocked { why: "no completed step of ours bears witness".to_owned() });
    };
    outcome(Outcome::Rekeyed { evidence: evidence(state, seen, goal, Some(&witness)) })
}
