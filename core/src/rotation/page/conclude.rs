//! What an answer about a dependent means.
//!
//! For a kind with a re-wrap step, key-id equality alone is never `already` (R10): it takes a work request
//! of ours that was accepted after the new version was in use, and the key read back.

use super::fact::{PageFact, StepBegun, StepCompleted, StepFailed, StepSettled};
use super::state::{State, StepState};
use crate::model::{Etag, Evidence, Grade, KeyId, KeyVersionId, Outcome, RequestId, Timestamp, WorkRequestId};
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

/// A call about a dependent failed: try again later, settle, or give up.
#[must_use]
pub fn conclude_failure(state: &State, item: u32, error: &Error, not_before: Timestamp) -> Vec<PageFact> {
    let was_intended = state.at(item).is_some_and(|progress| matches!(progress.step, StepState::Intended));
    let in_doubt = was_intended && error.landed() != Landed::No;
    if error.retry() == Retry::Never && !in_doubt {
        return match error.kind() {
            ErrorKind::NotFound if state.at(item).is_some_and(|progress| progress.attempts <= 1) => {
                failed(item, error, false, not_before)
            }
            _ => vec![PageFact::Outcome { item, outcome: Outcome::Blocked { why: error.to_string() } }],
        };
    }
    failed(item, error, in_doubt, not_before)
}

fn failed(item: u32, error: &Error, in_doubt: bool, not_before: Timestamp) -> Vec<PageFact> {
    let counted = error.kind() != ErrorKind::Throttled;
    vec![PageFact::StepFailed(StepFailed { item, error: error.to_string(), in_doubt, counted, not_before })]
}

/// What the service shows for a step in doubt: work requests accepted since the intent, live or completed.
#[must_use]
pub fn conclude_found(item: u32, live_or_completed: Option<WorkRequestId>) -> Vec<PageFact> {
    vec![PageFact::StepSettled(StepSettled { item, adopted: live_or_completed })]
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
pub fn conclude_polled(item: u32, polled: &Polled, in_use_since: Timestamp, not_before: Timestamp) -> Vec<PageFact> {
    match polled {
        Polled::Working => Vec::new(),
        Polled::Completed { accepted_at: Some(accepted), .. } if *accepted < in_use_since => {
            vec![PageFact::StepFailed(StepFailed {
                item,
                error: format!("the work request was accepted at {accepted}, before the new version was in use"),
                in_doubt: false,
                counted: true,
                not_before,
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
            not_before,
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
    /// The key it uses; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// The version, where the service says one.
    pub version: Option<KeyVersionId>,
    /// The service's clock.
    pub server_date: Option<Timestamp>,
}

/// Reads a dependent back: the last thing before its outcome.
#[must_use]
pub fn conclude_observed(
    state: &State,
    item: u32,
    seen: &ReadBack,
    target: &KeyVersionId,
    not_before: Timestamp,
) -> Vec<PageFact> {
    let outcome = |outcome| vec![PageFact::Outcome { item, outcome }];
    if seen.is_terminated {
        return outcome(Outcome::Gone { how: "the owning service says it is terminated".to_owned() });
    }
    if seen.is_invisible {
        return vec![PageFact::StepFailed(StepFailed {
            item,
            error: "404: it is gone, or no longer visible to us".to_owned(),
            in_doubt: false,
            counted: true,
            not_before,
        })];
    }
    let expected = &state.inventory.key;
    match &seen.key {
        Some(key) if key == expected => {}
        Some(key) => {
            return outcome(Outcome::Blocked { why: format!("somebody moved it to {key} meanwhile") });
        }
        None => {
            return outcome(Outcome::Blocked { why: "somebody moved it to Oracle's own key meanwhile".to_owned() });
        }
    }
    let Some((begun, completed)) = state.at(item).and_then(|progress| progress.witness.clone()) else {
        return outcome(Outcome::Blocked { why: "no completed step of ours bears witness".to_owned() });
    };
    let grade = if seen.version.as_ref() == Some(target) { Grade::VersionSeen } else { Grade::ChangeSeen };
    let witness = begun.work_request.map(|id| id.to_string()).or_else(|| begun.etag.map(|etag| etag.to_string()));
    outcome(Outcome::Rekeyed {
        evidence: Evidence {
            grade,
            scope: state.inventory.scope,
            key: seen.key.clone(),
            version: seen.version.clone(),
            request_id: begun.request_id,
            witness,
            seen_at: completed.finished_at.or(seen.server_date),
        },
    })
}
