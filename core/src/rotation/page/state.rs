//! What a page's facts add up to: one small record per dependent.

use super::fact::{Inventory, StepBegun, StepCompleted};
use crate::model::{Counts, Etag, LineHash, Outcome, StepKind, Timestamp};

/// Where the current step of a dependent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepState {
    /// Accepted; goes on or was done at once.
    Begun(StepBegun),
    /// Done, says the service.
    Completed(StepBegun, StepCompleted),
    /// No step is open.
    Idle,
    /// INTENT without outcome: in doubt, unless this very process has it in flight.
    Intended,
}

/// One dependent on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Steps that are done.
    pub steps_done: usize,
    /// The current step.
    pub step: StepState,
    /// When the current step was first intended, by our estimate of the server's time.
    pub intended_at: Option<Timestamp>,
    /// When it was begun, by the runner's clock.
    pub begun_at: Option<Timestamp>,
    /// Tries of the current step.
    pub attempts: u32,
    /// Since when it has been in a state that refuses changes.
    pub busy_since: Option<Timestamp>,
    /// Since when every answer about it was a 404.
    pub missing_since: Option<Timestamp>,
    /// The last of these answers.
    pub missing_at: Option<Timestamp>,
    /// It was shown again after a 404.
    pub is_seen_again: bool,
    /// Failed reads since anything else moved.
    pub failures: u32,
    /// Nothing before this.
    pub not_before: Option<Timestamp>,
    /// What was said last.
    pub error: Option<String>,
    /// The last etag we saw of it.
    pub etag: Option<Etag>,
    /// The step whose completion is the witness.
    pub witness: Option<(StepBegun, StepCompleted)>,
    /// What became of it.
    pub outcome: Option<Outcome>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            steps_done: 0,
            step: StepState::Idle,
            intended_at: None,
            begun_at: None,
            busy_since: None,
            missing_since: None,
            missing_at: None,
            is_seen_again: false,
            attempts: 0,
            failures: 0,
            not_before: None,
            error: None,
            etag: None,
            witness: None,
            outcome: None,
        }
    }
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Its first fact.
    pub inventory: Inventory,
    /// Its dependents on their way, by index.
    pub progress: Vec<Progress>,
    /// Hash of its last fact.
    pub head: LineHash,
}

impl State {
    /// Whether every dependent has an outcome.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.progress.iter().all(|progress| progress.outcome.is_some())
    }

    /// Outcomes and grades so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for outcome in self.progress.iter().filter_map(|progress| progress.outcome.as_ref()) {
            counts.add(&self.inventory.kind, outcome);
        }
        counts
    }

    /// The step that a dependent is at.
    #[must_use]
    pub fn step_of(&self, item: u32) -> Option<StepKind> {
        self.inventory.steps.get(self.at(item)?.steps_done).copied()
    }

    pub(super) fn at(&self, item: u32) -> Option<&Progress> {
        self.progress.get(item as usize)
    }
}
