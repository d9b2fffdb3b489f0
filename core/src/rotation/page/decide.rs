//! What comes next for the dependents of a page.

use std::collections::BTreeSet;

use super::fact::{PageFact, StepIntended};
use super::state::{Progress, State, StepState};
use crate::model::{Etag, Outcome, RekeyClass, ResourceId, Settings, StepKind, Timestamp, WorkRequestId};
use crate::safeguard::{Safeguard, is_on};

/// What to ask of the world about dependents, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageEffect {
    /// Read the resource, for its key and etag, before a conditional step is intended.
    Look {
        /// Index.
        item: u32,
    },
    /// Perform a step. The intent is journaled first; only this process performs it, once.
    Begin {
        /// Index.
        item: u32,
        /// Which step.
        step: StepKind,
    },
    /// Read a resource again that the last answer did not show.
    Seek {
        /// Index.
        item: u32,
    },
    /// List the place of resources that stayed unseen for as long as absence takes to settle (R10).
    List {
        /// Indexes.
        items: Vec<u32>,
    },
    /// Settle a step in doubt: look for its work request, or re-read the resource.
    Find {
        /// Index.
        item: u32,
        /// Accepted at or after, by the service's clock.
        since: Timestamp,
    },
    /// Read the resource after its last step.
    Observe {
        /// Index.
        item: u32,
    },
    /// Read these after their last step, with one listing.
    ReadBack {
        /// Indexes.
        items: Vec<u32>,
    },
    /// Ask where work requests stand, together.
    Poll {
        /// Index and work request.
        tickets: Vec<(u32, WorkRequestId, ResourceId)>,
    },
}

/// What the page's driver shall do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageDecision {
    /// Facts that follow from facts alone.
    pub record: Vec<PageFact>,
    /// Effects, at most as many as may be in flight. `List`, `ReadBack` and `Poll` come at the end, one of each, and are paced by the driver.
    pub effects: Vec<PageEffect>,
    /// The earliest time at which something held back may be tried again.
    pub next: Option<Timestamp>,
}

/// Decides. `in_flight` are items this very process is working on: their open intents are not in doubt. `alone`: where the
/// kind's listing names the key, the items that it did not show; the others are read back together.
#[must_use]
pub fn decide(
    state: &State,
    in_flight: &BTreeSet<u32>,
    alone: Option<&BTreeSet<u32>>,
    settings: &Settings,
    now: Timestamp,
) -> PageDecision {
    let mut decision = PageDecision::default();
    let (mut tickets, mut unseen, mut together) = (Vec::new(), Vec::new(), Vec::new());
    let room = settings.budgets.in_flight.saturating_sub(in_flight.len());
    for (item, progress) in (0..).zip(&state.progress) {
        if progress.outcome.is_some() || in_flight.contains(&item) {
            continue;
        }
        if let Some(outcome) = given_up(state, item, progress, settings, now) {
            decision.record.push(PageFact::Outcome { item, outcome });
            continue;
        }
        if let Some(held) = progress.not_before.filter(|held| *held > now) {
            decision.next = Some(decision.next.map_or(held, |next| next.min(held)));
            continue;
        }
        if progress.missing_since.is_some() {
            match is_absent(progress, settings) {
                true => unseen.push(item),
                false if decision.effects.len() < room => decision.effects.push(PageEffect::Seek { item }),
                false => {}
            }
            continue;
        }
        if let StepState::Begun(begun) = &progress.step {
            match &begun.work_request {
                Some(work_request) => {
                    let id = state.inventory.items[item as usize].dependent.id.clone();
                    tickets.push((item, work_request.clone(), id));
                }
                None => decision.record.push(PageFact::StepCompleted(super::fact::StepCompleted {
                    item,
                    accepted_at: None,
                    finished_at: None,
                })),
            }
            continue;
        }
        let effect = next_effect(state, item, progress);
        if matches!(effect, PageEffect::Observe { .. }) && alone.is_some_and(|alone| !alone.contains(&item)) {
            together.push(item);
        } else if decision.effects.len() < room {
            decision.effects.push(effect);
        }
    }
    if !together.is_empty() {
        decision.effects.push(PageEffect::ReadBack { items: together });
    }
    if !unseen.is_empty() {
        decision.effects.push(PageEffect::List { items: unseen });
    }
    if !tickets.is_empty() {
        decision.effects.push(PageEffect::Poll { tickets });
    }
    decision
}

/// Whether two 404s lie far enough apart. They alone prove nothing: what is not ours to see answers so for ever.
fn is_absent(progress: &Progress, settings: &Settings) -> bool {
    let apart = progress.missing_since.zip(progress.missing_at).map(|(first, last)| last.duration_since(first));
    apart.is_some_and(|apart| apart.unsigned_abs() >= settings.margins.absence_settle && apart.is_positive())
}

fn next_effect(state: &State, item: u32, progress: &Progress) -> PageEffect {
    match &progress.step {
        // A conditional step in doubt is settled by reading the resource, which has no work request for it.
        StepState::Intended if state.step_of(item).is_some_and(StepKind::is_conditional) => PageEffect::Look { item },
        StepState::Intended => PageEffect::Find { item, since: progress.intended_at.unwrap_or(Timestamp::UNIX_EPOCH) },
        StepState::Completed(..) => PageEffect::Observe { item },
        StepState::Idle if !is_on(Safeguard::WitnessedRewrap) => PageEffect::Observe { item },
        StepState::Idle | StepState::Begun(_) => match state.inventory.steps.get(progress.steps_done) {
            Some(step) if step.is_conditional() => PageEffect::Look { item },
            Some(step) => PageEffect::Begin { item, step: *step },
            None => PageEffect::Observe { item },
        },
    }
}

/// Outcomes that need no look at the world: policy, no adapter, a spent budget.
fn given_up(state: &State, item: u32, progress: &Progress, settings: &Settings, now: Timestamp) -> Option<Outcome> {
    let dependent = &state.inventory.items[item as usize].dependent;
    if progress.attempts == 0 && settings.policy.exclude.contains(&dependent.id) {
        return Some(Outcome::Excluded { policy: "policy.exclude".to_owned() });
    }
    let kind = &state.inventory.kind;
    if state.inventory.steps.is_empty() && settings.policy.classes.get(kind) == Some(&RekeyClass::Tolerates) {
        return Some(Outcome::Excluded { policy: format!("kinds.{} = \"tolerates\"", kind.word()) });
    }
    if state.inventory.steps.is_empty() {
        let unknown = || format!("no adapter moves a {kind}; move it with its own service");
        return Some(Outcome::Manual { remedy: state.inventory.remedy.clone().unwrap_or_else(unknown) });
    }
    let said = || progress.error.clone().unwrap_or_else(|| "no answer".to_owned());
    let is_idle = matches!(progress.step, StepState::Idle);
    if is_idle && progress.missing_since.is_none() && progress.attempts >= settings.budgets.attempts {
        return Some(Outcome::Blocked { why: format!("{} tries, last: {}", progress.attempts, said()) });
    }
    if progress.failures >= settings.budgets.attempts {
        return Some(Outcome::Blocked { why: format!("it could not be read back: {}", said()) });
    }
    let busy = progress.busy_since.map(|since| now.duration_since(since).unsigned_abs());
    if busy > Some(settings.margins.flip_deadline) {
        return Some(Outcome::Blocked {
            why: format!("it was in a state that refuses changes for {:?}", settings.margins.flip_deadline),
        });
    }
    let waited = progress.begun_at.map(|at| now.duration_since(at).unsigned_abs());
    if matches!(progress.step, StepState::Begun(_)) && waited > Some(settings.margins.work_request_deadline) {
        return Some(Outcome::Blocked {
            why: format!("its work request did not end within {:?}", settings.margins.work_request_deadline),
        });
    }
    None
}

/// The intent of a step, to be journaled before it is performed.
#[must_use]
pub fn intent(state: &State, item: u32, step: StepKind, if_match: Option<Etag>, server_time: Timestamp) -> PageFact {
    let progress = state.at(item);
    PageFact::StepIntended(StepIntended {
        item,
        step,
        // Counted before the call: a crash must not refill the budget.
        attempt: progress.map_or(0, |progress| progress.attempts) + 1,
        server_time,
        if_match,
    })
}
