//! What a fact does to a page. FROZEN, like its parent's `apply`.

use super::fact::PageFact;
use super::state::{Progress, State, StepState};
use crate::model::{LineHash, Timestamp};

/// A fact that cannot follow on the page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a page's fact cannot follow: {0}")]
pub struct PageViolation(pub &'static str);

/// Applies one fact written at `at` with `hash`.
pub fn apply(state: Option<State>, at: Timestamp, hash: &LineHash, fact: &PageFact) -> Result<State, PageViolation> {
    let mut state = match (state, fact) {
        (None, PageFact::PageInventory(inventory)) => {
            let progress = inventory.items.iter().map(|_| Progress::new()).collect();
            return Ok(State { inventory: (**inventory).clone(), progress, head: hash.clone() });
        }
        (None, _) => return Err(PageViolation("the first fact is not `page_inventory`")),
        (Some(_), PageFact::PageInventory(_)) => return Err(PageViolation("it has its inventory already")),
        (Some(state), _) => state,
    };
    let item = match fact {
        PageFact::PageInventory(_) => return Err(PageViolation("it has its inventory already")),
        PageFact::StepIntended(f) => f.item,
        PageFact::StepBegun(f) => f.item,
        PageFact::StepFailed(f) => f.item,
        PageFact::StepSettled(f) => f.item,
        PageFact::StepCompleted(f) => f.item,
        PageFact::Outcome { item, .. } | PageFact::SeenAgain { item } => *item,
    };
    let steps = state.inventory.steps.len();
    let Some(progress) = state.progress.get_mut(item as usize) else {
        return Err(PageViolation("no such dependent"));
    };
    if progress.outcome.is_some() {
        return Err(PageViolation("the dependent has its outcome already"));
    }
    apply_to_item(progress, at, steps, fact)?;
    state.head = hash.clone();
    Ok(state)
}

fn apply_to_item(progress: &mut Progress, at: Timestamp, steps: usize, fact: &PageFact) -> Result<(), PageViolation> {
    match fact {
        PageFact::StepIntended(intended) => {
            if !matches!(progress.step, StepState::Idle) || progress.steps_done >= steps {
                return Err(PageViolation("a step is open, or none is left"));
            }
            progress.step = StepState::Intended;
            progress.attempts = intended.attempt;
            progress.intended_at = Some(progress.intended_at.unwrap_or(intended.server_time));
            progress.not_before = None;
        }
        PageFact::StepBegun(begun) => {
            if !matches!(progress.step, StepState::Intended) {
                return Err(PageViolation("no intent"));
            }
            progress.etag = begun.etag.clone();
            progress.begun_at = Some(at);
            progress.busy_since = None;
            progress.failures = 0;
            progress.step = StepState::Begun(begun.clone());
        }
        PageFact::StepFailed(failed) => {
            progress.error = Some(failed.error.clone());
            progress.not_before = Some(failed.not_before);
            progress.busy_since = progress.busy_since.or(Some(at)).filter(|_| failed.is_busy);
            progress.missing_since = progress.missing_since.or(Some(at)).filter(|_| failed.is_missing);
            progress.missing_at = Some(at).filter(|_| failed.is_missing);
            match (&progress.step, failed.in_doubt) {
                // A read failed, or a doubt stays one: the step keeps its place.
                (StepState::Intended, true) | (StepState::Completed(..), _) => {
                    progress.failures += u32::from(failed.counted);
                }
                (StepState::Idle, _) => progress.failures += u32::from(failed.counted),
                // Refused, or its work request failed or was lost: the step is to be done again.
                (StepState::Intended | StepState::Begun(_), _) => {
                    progress.attempts = progress.attempts.saturating_sub(u32::from(!failed.counted));
                    progress.step = StepState::Idle;
                }
            }
        }
        PageFact::StepSettled(settled) => {
            if !matches!(progress.step, StepState::Intended) {
                return Err(PageViolation("nothing was in doubt"));
            }
            progress.failures = 0;
            progress.step = match &settled.adopted {
                Some(work_request) => {
                    progress.begun_at = Some(at);
                    StepState::Begun(super::fact::StepBegun {
                        item: settled.item,
                        work_request: Some(work_request.clone()),
                        etag: None,
                        request_id: None,
                    })
                }
                None if settled.is_done => {
                    progress.begun_at = Some(at);
                    StepState::Begun(super::fact::StepBegun {
                        item: settled.item,
                        work_request: None,
                        etag: None,
                        request_id: None,
                    })
                }
                None => StepState::Idle,
            };
        }
        PageFact::StepCompleted(completed) => {
            let StepState::Begun(begun) = &progress.step else {
                return Err(PageViolation("nothing was begun"));
            };
            progress.witness = Some((begun.clone(), completed.clone()));
            progress.steps_done += 1;
            progress.failures = 0;
            progress.not_before = None;
            progress.step = if progress.steps_done < steps {
                progress.attempts = 0;
                progress.intended_at = None;
                StepState::Idle
            } else {
                StepState::Completed(begun.clone(), completed.clone())
            };
        }
        PageFact::SeenAgain { .. } => {
            if progress.missing_since.take().is_none() {
                return Err(PageViolation("it was not missing"));
            }
            progress.missing_at = None;
            progress.is_seen_again = true;
            progress.not_before = None;
            // Counted: what comes and goes is not waited for without end.
            progress.failures += 1;
        }
        PageFact::Outcome { outcome, .. } => progress.outcome = Some(outcome.clone()),
        PageFact::PageInventory(_) => return Err(PageViolation("it has its inventory already")),
    }
    Ok(())
}
