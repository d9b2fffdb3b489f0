//! What an answer about a page's dependents means: which of them are free again, and the facts that follow.
//!
//! From answers to the pure conclusions of `rotation::page`; nothing is asked, waited for or written here.

use super::Engine;
use super::read_back::Shown;
use crate::model::{Etag, KeyId, ResourceId, StepKind, Timestamp, WorkRequestId};
use crate::ports::{Begun, Observation, Presence, Reply, TicketReport, TicketState};
use crate::rotation::page::{
    self, Goal, Later, Listed, Looked, PageFact, Polled, ReadBack, conclude_begun, conclude_failure, conclude_found,
    conclude_listed, conclude_looked, conclude_observed, conclude_polled, conclude_sought, conclude_unlisted,
    conclude_unread,
};
use crate::{Error, ErrorKind, Result};

/// What the page's driver must know of its leg.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) goal: Goal,
    pub(super) in_use_since: Timestamp,
}

/// A work request of an item.
pub(super) type Asked = (u32, WorkRequestId, ResourceId);

/// A step that may be intended, with the etag it was read with.
pub(super) type Ready = (u32, StepKind, Option<Etag>);

/// What came back from the world.
pub(super) enum Answer {
    Begun(u32, Result<Reply<Begun>>),
    Looked(u32, Result<Reply<Observation>>),
    Found(u32, Result<Reply<Vec<TicketReport>>>),
    Observed(u32, Result<Reply<Observation>>),
    ReadBack(Vec<u32>, Result<Shown>),
    Sought(u32, Result<Reply<Observation>>),
    Listed(Vec<u32>, Result<Listed>),
    Polled(Vec<Asked>, Result<Reply<Vec<TicketReport>>>),
}

impl Answer {
    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Self::Begun(_, answer) => answer.as_ref().err(),
            Self::Found(_, answer) | Self::Polled(_, answer) => answer.as_ref().err(),
            Self::Looked(_, answer) | Self::Observed(_, answer) | Self::Sought(_, answer) => answer.as_ref().err(),
            Self::Listed(_, answer) => answer.as_ref().err(),
            Self::ReadBack(_, answer) => answer.as_ref().err(),
        }
    }

    /// What was said where nobody answered; `None`: somebody did.
    pub(super) fn silence(&self) -> Option<String> {
        match self {
            Self::Listed(_, Ok(listed)) => listed.silence().map(|hole| format!("{} could not be reached", hole.region)),
            _ => self.error().filter(|error| error.is_out_of_reach()).map(ToString::to_string),
        }
    }
}

/// What a listing that names the key says of a dependent. It names no version.
fn shown_under(key: &KeyId) -> ReadBack {
    let (is_terminated, is_invisible, is_busy) = (false, false, false);
    ReadBack { is_terminated, is_invisible, is_busy, key: Some(key.clone()), version: None, server_date: None }
}

fn read_back(reply: Reply<Observation>) -> ReadBack {
    let Observation { presence, key, version, .. } = reply.value;
    ReadBack {
        is_terminated: presence == Presence::Terminated,
        is_invisible: presence == Presence::NotVisible,
        is_busy: presence == Presence::Busy,
        key,
        version,
        server_date: reply.server_date,
    }
}

impl Engine {
    /// The step that a look allows, with the etag it was read with; any other answer comes back.
    pub(super) fn conclude_look(
        &self,
        state: &page::State,
        answer: Answer,
        target: &Target,
    ) -> Result<Ready, Box<Answer>> {
        if let Answer::Looked(item, Ok(reply)) = &answer {
            let later = self.later(state, *item, None);
            let looked =
                conclude_looked(state, *item, &read_back(reply.clone()), reply.etag.clone(), &target.goal, &later);
            if let (Looked::Go(etag), Some(step)) = (looked, state.step_of(*item)) {
                return Ok((*item, step, etag));
            }
        }
        Err(Box::new(answer))
    }

    /// Which items are free again, and what follows. A poll frees none.
    pub(super) fn conclude_answer(
        &self,
        state: &page::State,
        answer: Answer,
        target: &Target,
        is_outage: bool,
    ) -> (Vec<u32>, Vec<PageFact>) {
        let failed = |item, error: &Error| Later { is_outage, ..self.later(state, item, Some(error)) };
        match answer {
            Answer::Begun(item, Ok(reply)) => {
                let work_request = match reply.value {
                    Begun::Done => None,
                    Begun::Working(id) => Some(id),
                };
                (vec![item], conclude_begun(item, work_request, reply.etag, reply.request_id))
            }
            Answer::Found(item, Ok(reply)) => {
                let counts = |report: &&TicketReport| {
                    matches!(report.state, TicketState::Working | TicketState::Completed)
                        && report.accepted_at.is_none_or(|at| at >= target.in_use_since)
                };
                let found = reply.value.iter().filter(counts).max_by_key(|report| report.accepted_at);
                (vec![item], conclude_found(item, found.map(|report| report.ticket.work_request.clone())))
            }
            Answer::Looked(item, Ok(reply)) => {
                let (etag, later) = (reply.etag.clone(), self.later(state, item, None));
                match conclude_looked(state, item, &read_back(reply), etag, &target.goal, &later) {
                    Looked::Facts(facts) => (vec![item], facts),
                    Looked::Go(_) => (vec![item], Vec::new()),
                }
            }
            Answer::Observed(item, Ok(reply)) => {
                let later = self.later(state, item, None);
                (vec![item], conclude_observed(state, item, &read_back(reply), &target.goal, &later))
            }
            Answer::ReadBack(items, answer) => {
                let shown = answer.unwrap_or_default();
                let read = |item: &u32| {
                    let id = &state.inventory.items.get(*item as usize)?.dependent.id;
                    let read_back = ReadBack { server_date: *shown.get(id)?, ..shown_under(&target.goal.key) };
                    Some(conclude_observed(state, *item, &read_back, &target.goal, &self.later(state, *item, None)))
                };
                let facts = items.iter().filter_map(read).flatten().collect();
                (items, facts)
            }
            Answer::Sought(item, Ok(reply)) => {
                let later = self.later(state, item, None);
                (vec![item], conclude_sought(state, item, &read_back(reply), &later))
            }
            Answer::Listed(items, answer) => {
                let conclude = |item: &u32| match &answer {
                    Ok(listed) => {
                        let later = Later { is_outage, ..self.later(state, *item, None) };
                        conclude_listed(state, *item, listed, &later)
                    }
                    Err(error) if error.kind() == ErrorKind::Throttled => Vec::new(),
                    Err(error) => conclude_unlisted(state, *item, error, &failed(*item, error)),
                };
                let facts = items.iter().flat_map(conclude).collect();
                (items, facts)
            }
            Answer::Polled(tickets, Ok(reply)) => {
                let mut facts = Vec::new();
                for report in reply.value {
                    let asked = tickets.iter().find(|(_, work_request, _)| *work_request == report.ticket.work_request);
                    let Some((item, ..)) = asked else { continue };
                    let polled = match report.state {
                        TicketState::Working => Polled::Working,
                        TicketState::Completed => {
                            Polled::Completed { accepted_at: report.accepted_at, finished_at: report.finished_at }
                        }
                        TicketState::Failed(why) => Polled::Failed(why),
                        TicketState::Lost => Polled::Failed("its work request is not shown any more".to_owned()),
                    };
                    let later = self.later(state, *item, None);
                    facts.extend(conclude_polled(*item, &polled, target.in_use_since, &later));
                }
                (Vec::new(), facts)
            }
            // A read that was throttled is simply asked again; only a refused step must be written down.
            Answer::Found(item, Err(error))
            | Answer::Looked(item, Err(error))
            | Answer::Observed(item, Err(error))
            | Answer::Sought(item, Err(error))
                if error.kind() == ErrorKind::Throttled =>
            {
                (vec![item], Vec::new())
            }
            Answer::Sought(item, Err(error)) => {
                (vec![item], conclude_unlisted(state, item, &error, &failed(item, &error)))
            }
            Answer::Found(item, Err(error)) | Answer::Looked(item, Err(error)) | Answer::Observed(item, Err(error)) => {
                (vec![item], conclude_unread(state, item, &error, &failed(item, &error)))
            }
            Answer::Begun(item, Err(error)) => {
                tracing::debug!(item, %error, "a dependent's effect failed");
                (vec![item], conclude_failure(state, item, &error, &failed(item, &error)))
            }
            // A poll that failed is asked again at the pace of polls.
            Answer::Polled(_, Err(error)) => {
                tracing::debug!(%error, "polling failed");
                (Vec::new(), Vec::new())
            }
        }
    }

    fn later(&self, state: &page::State, item: u32, error: Option<&Error>) -> Later {
        let tries = state.progress.get(item as usize).map_or(0, |progress| progress.attempts + progress.failures);
        let throttled;
        let error = match error {
            Some(error) => error,
            None => {
                throttled = Error::new(ErrorKind::Unavailable, "poll", "");
                &throttled
            }
        };
        Later {
            retry: self.not_before(error, tries),
            now: self.ports.clock.now(),
            absence_settle: self.settings.margins.absence_settle,
            is_outage: false,
        }
    }
}
