//! Re-keying: drives pages until each dependent has an outcome. Several pages at once, a few effects each.
//!
//! Per dependent: intent on disk, then the step, then its answer on disk. A page's driver keeps in memory
//! only which items it is working on; everybody else sees their open intents as in doubt.

use std::collections::BTreeSet;

use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::backoff::Pace;
use super::book::Book;
use super::claim::Held;
use super::progress::Progress;
use super::progress::name_of;
use super::{Done, Engine};
use crate::model::{KeyId, KeyVersionId, ResourceId, RotationId, Settings, Timestamp, WorkRequestId};
use crate::ports::{Begun, Observation, Presence, Reply, StepRequest, Ticket, TicketReport, TicketState};
use crate::rotation::page::{
    self, PageEffect, PageFact, Polled, ReadBack, conclude_begun, conclude_failure, conclude_found, conclude_observed,
    conclude_polled,
};
use crate::rotation::{Fact, PageClosed, State};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

/// Pages driven at once.
const PAGES_AT_ONCE: usize = 8;

/// What the page's driver must know of its leg.
#[derive(Clone)]
struct Target {
    version: KeyVersionId,
    in_use_since: Timestamp,
}

/// What came back from the world.
enum Answer {
    Begun(u32, Result<Reply<Begun>>),
    Found(u32, Result<Reply<Vec<TicketReport>>>),
    Observed(u32, Result<Reply<Observation>>),
    Polled(Vec<(u32, WorkRequestId, ResourceId)>, Result<Reply<Vec<TicketReport>>>),
}

/// What a dependent would say if it had moved: for a build without read-back.
fn unread(key: KeyId) -> Observation {
    Observation { presence: Presence::Ready, key: Some(key), version: None, held: Vec::new() }
}

impl Answer {
    fn error(&self) -> Option<&Error> {
        match self {
            Self::Begun(_, answer) => answer.as_ref().err(),
            Self::Found(_, answer) | Self::Polled(_, answer) => answer.as_ref().err(),
            Self::Observed(_, answer) => answer.as_ref().err(),
        }
    }
}

impl Engine {
    /// Drives pages; returns when they are closed, time is up, or somebody paused.
    pub(super) async fn rekey_pages(
        &self,
        main: &mut Book<State>,
        held: &Held,
        pages: &[u32],
        deadline: Option<Timestamp>,
    ) -> Done {
        let state = self.state(main)?;
        let rid = state.rid.clone();
        let leg = state.active_leg().map(|(_, leg)| leg).or(state.legs.last());
        let in_use = leg.and_then(|leg| leg.in_use.as_ref());
        let in_use = in_use.ok_or_else(|| Error::bug("rekey_pages", "re-keying before the version is in use"))?;
        let target = Target { version: in_use.version.clone(), in_use_since: in_use.seen_at };
        let mut settings = self.settings.clone();
        settings.budgets.in_flight = (settings.budgets.in_flight / pages.len().clamp(1, PAGES_AT_ONCE)).max(1);
        let mut waiting = pages.iter().copied();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < PAGES_AT_ONCE {
                let Some(number) = waiting.next() else { break };
                running
                    .push(self.rekey_page(&rid, held, number, &target, &settings, deadline).map(move |r| (number, r)));
            }
            if running.is_empty() {
                return Ok(());
            }
            let renew = self.ports.clock.sleep_until(held.renew_at(self.settings.margins.claim_ttl));
            let finished = match select(running.next(), renew).await {
                Either::Left((finished, _)) => finished,
                Either::Right(_) => {
                    self.keep(held).await?;
                    continue;
                }
            };
            let Some((number, result)) = finished else { continue };
            let Some((head, counts)) = result? else { continue };
            self.record(main, held, vec![Fact::PageClosed(PageClosed { page: number, head, counts })]).await?;
            let state = self.state(main)?;
            let (done, total) = (state.counts.total(), state.dependents());
            self.say(Progress::Dependents { rotation: rid.clone(), done, total });
        }
    }

    /// Drives one page to its end; `None` if time was up.
    async fn rekey_page(
        &self,
        rid: &RotationId,
        held: &Held,
        number: u32,
        target: &Target,
        settings: &Settings,
        deadline: Option<Timestamp>,
    ) -> Result<Option<(crate::model::Head, crate::model::Counts)>> {
        let mut book: Book<page::State> = Book::open(self, crate::model::StreamId::page(rid, number)).await?;
        let mut in_flight = BTreeSet::new();
        let mut polling = false;
        let mut poll_at = self.ports.clock.now();
        let mut pace = Pace::default();
        let mut throttle = Pace::default();
        let mut cool_until = poll_at;
        let mut running = FuturesUnordered::new();
        loop {
            let now = self.ports.clock.now();
            let is_late = deadline.is_some_and(|deadline| now >= deadline);
            let decision = page::decide(self.page(&book)?, &in_flight, settings, now);
            if !decision.record.is_empty() {
                self.record_page(&mut book, held, rid, decision.record).await?;
                continue;
            }
            if self.page(&book)?.is_done() {
                let state = self.page(&book)?;
                return Ok(Some((book.head().clone(), state.counts())));
            }
            let mut next = decision.next;
            let mut to_begin = Vec::new();
            let is_cooling = now < cool_until;
            if is_cooling {
                next = Some(cool_until);
            }
            for effect in decision.effects.into_iter().filter(|_| !is_cooling) {
                match effect {
                    PageEffect::Begin { item, step } if !is_late => to_begin.push((item, step)),
                    PageEffect::Find { item, since } if !is_late => {
                        in_flight.insert(item);
                        let dependent = self.page(&book)?.inventory.items[item as usize].dependent.clone();
                        let since = since - self.settings.margins.clock_error;
                        running.push(
                            async move {
                                Answer::Found(item, self.learn(self.ports.rekeyer.find(&dependent, since)).await)
                            }
                            .boxed(),
                        );
                    }
                    PageEffect::Observe { item } if !is_late => {
                        in_flight.insert(item);
                        let key = self.page(&book)?.inventory.key.clone();
                        let dependent = self.page(&book)?.inventory.items[item as usize].dependent.clone();
                        running.push(
                            async move {
                                if !is_on(Safeguard::ReadBack) {
                                    return Answer::Observed(item, Ok(Reply::bare(unread(key))));
                                }
                                Answer::Observed(item, self.learn(self.ports.rekeyer.observe(&dependent)).await)
                            }
                            .boxed(),
                        );
                    }
                    PageEffect::Poll { tickets } if !polling && !is_late => {
                        if now < poll_at {
                            next = Some(next.map_or(poll_at, |next| next.min(poll_at)));
                            continue;
                        }
                        polling = true;
                        let items = &self.page(&book)?.inventory.items;
                        let dependents: Vec<_> =
                            tickets.iter().map(|(item, ..)| items[*item as usize].dependent.clone()).collect();
                        let asked: Vec<_> = tickets
                            .iter()
                            .map(|(_, work_request, id)| Ticket {
                                work_request: work_request.clone(),
                                dependent: id.clone(),
                            })
                            .collect();
                        running.push(
                            async move {
                                let call = self.ports.rekeyer.poll(&asked, &dependents);
                                Answer::Polled(tickets, self.learn(call).await)
                            }
                            .boxed(),
                        );
                    }
                    _ => {}
                }
            }
            if !to_begin.is_empty() {
                let server_time = self.server_time().at(self.ports.clock.now());
                let intents: Vec<_> = to_begin
                    .iter()
                    .map(|(item, step)| Ok(page::intent(self.page(&book)?, *item, *step, server_time)))
                    .collect::<Result<_>>()?;
                self.append_page(&mut book, held, rid, intents.clone()).await?;
                for ((item, step), intent) in to_begin.into_iter().zip(intents) {
                    in_flight.insert(item);
                    let PageFact::StepIntended(intent) = intent else {
                        return Err(Error::bug("rekey_page", "an intent that is none"));
                    };
                    let inventory = &self.page(&book)?.inventory;
                    let request = StepRequest {
                        dependent: inventory.items[item as usize].dependent.clone(),
                        step,
                        key: inventory.key.clone(),
                        if_match: intent.if_match,
                    };
                    running.push(
                        async move { Answer::Begun(item, self.learn(self.ports.rekeyer.begin(&request)).await) }
                            .boxed(),
                    );
                }
            }
            if running.is_empty() {
                if is_late {
                    return Ok(None);
                }
                let wake = next.unwrap_or(now + self.settings.margins.poll_min);
                self.ports.clock.sleep_until(deadline.map_or(wake, |deadline| wake.min(deadline))).await;
                continue;
            }
            let first = match next {
                None => running.next().await,
                Some(at) => match select(running.next(), self.ports.clock.sleep_until(at)).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => None,
                },
            };
            let mut facts = Vec::new();
            let mut answered = first;
            while let Some(answer) = answered {
                match answer.error() {
                    Some(error) if error.kind() == ErrorKind::Throttled => {
                        cool_until = cool_until.max(throttle.after_throttle(self, error));
                    }
                    _ => throttle.reset(),
                }
                let (done, came) = self.conclude_answer(self.page(&book)?, answer, target);
                if done.is_empty() {
                    polling = false;
                    poll_at = self.ports.clock.now() + pace.next(self);
                    if !came.is_empty() {
                        pace.reset();
                    }
                }
                for item in done {
                    in_flight.remove(&item);
                }
                facts.extend(came);
                // Whatever else is ready goes into the same append.
                answered = running.next().now_or_never().flatten();
            }
            if !facts.is_empty() {
                self.record_page(&mut book, held, rid, facts).await?;
            }
        }
    }

    /// Which items are free again, and what follows. A poll frees none.
    fn conclude_answer(&self, state: &page::State, answer: Answer, target: &Target) -> (Vec<u32>, Vec<PageFact>) {
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
            Answer::Observed(item, Ok(reply)) => {
                let Observation { presence, key, version, .. } = reply.value;
                let seen = ReadBack {
                    is_terminated: presence == Presence::Terminated,
                    is_invisible: presence == Presence::NotVisible,
                    key,
                    version,
                    server_date: reply.server_date,
                };
                let later = self.later(state, item, None);
                (vec![item], conclude_observed(state, item, &seen, &target.version, later))
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
                    facts.extend(conclude_polled(*item, &polled, target.in_use_since, later));
                }
                (Vec::new(), facts)
            }
            // A read that was throttled is simply asked again; only a refused step must be written down.
            Answer::Found(item, Err(error)) | Answer::Observed(item, Err(error))
                if error.kind() == ErrorKind::Throttled =>
            {
                (vec![item], Vec::new())
            }
            Answer::Begun(item, Err(error)) | Answer::Found(item, Err(error)) | Answer::Observed(item, Err(error)) => {
                let later = self.later(state, item, Some(&error));
                tracing::debug!(item, %error, "a dependent's effect failed");
                (vec![item], conclude_failure(state, item, &error, later))
            }
            // A poll that failed is asked again at the pace of polls.
            Answer::Polled(_, Err(error)) => {
                tracing::debug!(%error, "polling failed");
                (Vec::new(), Vec::new())
            }
        }
    }

    fn later(&self, state: &page::State, item: u32, error: Option<&Error>) -> Timestamp {
        let tries = state.progress.get(item as usize).map_or(0, |progress| progress.attempts + progress.failures);
        let throttled;
        let error = match error {
            Some(error) => error,
            None => {
                throttled = Error::new(ErrorKind::Unavailable, "poll", "");
                &throttled
            }
        };
        self.not_before(error, tries)
    }

    fn page<'b>(&self, book: &'b Book<page::State>) -> Result<&'b page::State> {
        book.state().ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "rekey_page", "a page that the rotation names has no lines")
                .with("stream", book.stream())
        })
    }

    async fn append_page(
        &self,
        book: &mut Book<page::State>,
        held: &Held,
        rid: &RotationId,
        facts: Vec<PageFact>,
    ) -> Done {
        book.append(self, Some(held.fence()), &facts).await?;
        let stream = book.stream().as_str().rsplit('/').next().unwrap_or_default();
        for fact in facts.iter().filter(|_| self.is_heard()) {
            self.say(Progress::Fact {
                rotation: rid.clone(),
                stream: format!("page {stream}"),
                fact: name_of(fact),
                phase: None,
            });
        }
        Ok(())
    }

    /// Appends what effects came to. A pause must not lose it: the epoch is read anew and the append tried once
    /// more, then the conflict is passed on so that the driver sees the pause.
    async fn record_page(
        &self,
        book: &mut Book<page::State>,
        held: &Held,
        rid: &RotationId,
        facts: Vec<PageFact>,
    ) -> Done {
        match self.append_page(book, held, rid, facts.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.renew(held).await?;
                book.catch_up(self).await?;
                self.append_page(book, held, rid, facts).await?;
                Err(error)
            }
            other => other,
        }
    }
}
