//! One page's driver: decides, starts, waits, concludes, records, until each dependent has an outcome.
//!
//! Per dependent: intent on disk, then the step, then its answer on disk. The driver keeps in memory only which
//! items it is working on; everybody else sees their open intents as in doubt.

use std::collections::BTreeSet;

use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::backoff::Pace;
use super::book::Book;
use super::claim::Held;
use super::progress::{Progress, name_of};
use super::turns::Worker;
use super::{Done, Engine};
use crate::model::{
    Counts, Dependent, Etag, Head, KeyId, ResourceId, RotationId, Settings, StepKind, StreamId, Timestamp,
    WorkRequestId,
};
use crate::ports::{Begun, Observation, Presence, Reply, StepRequest, Ticket, TicketReport, TicketState};
use crate::rotation::page::{
    self, Goal, Later, Listed, Looked, PageDecision, PageEffect, PageFact, Polled, ReadBack, conclude_begun,
    conclude_failure, conclude_found, conclude_listed, conclude_looked, conclude_observed, conclude_polled,
    conclude_sought, conclude_unlisted, conclude_unread,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

/// The operation of the error that ends a page's driver when its place does not answer.
pub(super) const SILENT: &str = "rekey_place";

/// What the page's driver must know of its leg.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) goal: Goal,
    pub(super) in_use_since: Timestamp,
}

/// A work request of an item.
type Asked = (u32, WorkRequestId, ResourceId);

/// A step that may be intended, with the etag it was read with.
type Ready = (u32, StepKind, Option<Etag>);

/// What came back from the world.
enum Answer {
    Begun(u32, Result<Reply<Begun>>),
    Looked(u32, Result<Reply<Observation>>),
    Found(u32, Result<Reply<Vec<TicketReport>>>),
    Observed(u32, Result<Reply<Observation>>),
    Sought(u32, Result<Reply<Observation>>),
    Listed(Vec<u32>, Result<Listed>),
    Polled(Vec<Asked>, Result<Reply<Vec<TicketReport>>>),
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
            Self::Looked(_, answer) | Self::Observed(_, answer) | Self::Sought(_, answer) => answer.as_ref().err(),
            Self::Listed(_, answer) => answer.as_ref().err(),
        }
    }

    /// What was said where nobody answered; `None`: somebody did.
    fn silence(&self) -> Option<String> {
        match self {
            Self::Listed(_, Ok(listed)) => listed.silence().map(|hole| format!("{} could not be reached", hole.region)),
            _ => self.error().filter(|error| error.is_out_of_reach()).map(ToString::to_string),
        }
    }
}

/// A page, what it is driven to, and the turn under which.
pub(super) struct Page<'a> {
    pub(super) number: u32,
    pub(super) target: &'a Target,
    pub(super) worker: Worker<'a>,
}

/// A page being driven.
pub(super) struct PageDriver<'a> {
    engine: &'a Engine,
    held: &'a Held,
    rid: &'a RotationId,
    target: &'a Target,
    worker: Worker<'a>,
    settings: &'a Settings,
    book: Book<page::State>,
    in_flight: BTreeSet<u32>,
    running: FuturesUnordered<BoxFuture<'a, Answer>>,
    is_listing: bool,
    is_polling: bool,
    poll_at: Timestamp,
    pace: Pace,
    throttle: Pace,
    cool_until: Timestamp,
    /// Its place does not answer: what is under way is waited for, and nothing more is begun.
    silent: Option<Error>,
}

impl<'a> PageDriver<'a> {
    /// Drives one page to its end; `None` if time was up.
    pub(super) async fn drive(
        engine: &'a Engine,
        held: &'a Held,
        rid: &'a RotationId,
        page: Page<'a>,
        settings: &'a Settings,
        deadline: Option<Timestamp>,
    ) -> Result<Option<(Head, Counts)>> {
        let Page { number, target, worker } = page;
        worker.stand_in_line().await;
        let now = engine.ports.clock.now();
        let driver = Self {
            book: Book::open(engine, StreamId::page(rid, number)).await?,
            engine,
            held,
            rid,
            target,
            worker,
            settings,
            in_flight: BTreeSet::new(),
            running: FuturesUnordered::new(),
            is_listing: false,
            is_polling: false,
            poll_at: now,
            pace: Pace::default(),
            throttle: Pace::default(),
            cool_until: now,
            silent: None,
        };
        driver.run(deadline).await
    }

    async fn run(mut self, deadline: Option<Timestamp>) -> Result<Option<(Head, Counts)>> {
        loop {
            let now = self.engine.ports.clock.now();
            let is_late = deadline.is_some_and(|deadline| now >= deadline);
            let decision = page::decide(self.state()?, &self.in_flight, self.settings, now);
            if !decision.record.is_empty() {
                self.record(decision.record).await?;
                continue;
            }
            if self.state()?.is_done() {
                return Ok(Some((self.book.head().clone(), self.state()?.counts())));
            }
            let ends = is_late || self.silent.is_some();
            let next = if ends { None } else { self.start(decision, now).await? };
            if self.running.is_empty() {
                if let Some(error) = self.silent.take() {
                    return Err(error);
                }
                if is_late {
                    return Ok(None);
                }
                let wake = next.unwrap_or(now + self.engine.settings.margins.poll_min);
                let wake = deadline.map_or(wake, |deadline| wake.min(deadline));
                self.worker.rest(self.engine.ports.clock.sleep_until(wake)).await;
                continue;
            }
            let (facts, ready) = self.answers(next).await?;
            if !facts.is_empty() {
                self.record(facts).await?;
            }
            // What was only looked at is looked at again; nothing of it was written down.
            if !ready.is_empty() && self.silent.is_none() {
                self.begin(ready).await?;
            }
        }
    }

    /// Starts what was decided; returns when there is more to start.
    async fn start(&mut self, decision: PageDecision, now: Timestamp) -> Result<Option<Timestamp>> {
        if now < self.cool_until {
            return Ok(Some(self.cool_until));
        }
        let mut next = decision.next;
        let mut steps = Vec::new();
        for effect in decision.effects {
            match effect {
                PageEffect::Begin { item, step } => steps.push((item, step, None)),
                PageEffect::Look { item } => self.look(item)?,
                PageEffect::Find { item, since } => self.find(item, since)?,
                PageEffect::Observe { item } => self.observe(item)?,
                PageEffect::Seek { item } => self.seek(item)?,
                PageEffect::List { .. } if self.is_listing => {}
                PageEffect::List { items } => self.list(items)?,
                PageEffect::Poll { .. } if self.is_polling => {}
                PageEffect::Poll { .. } if now < self.poll_at => {
                    next = Some(next.map_or(self.poll_at, |next| next.min(self.poll_at)));
                }
                PageEffect::Poll { tickets } => self.poll(tickets)?,
            }
        }
        if !steps.is_empty() {
            self.begin(steps).await?;
        }
        Ok(next)
    }

    fn find(&mut self, item: u32, since: Timestamp) -> Done {
        let dependent = self.dependent(item)?;
        let engine = self.engine;
        let since = since - engine.settings.margins.clock_error;
        self.in_flight.insert(item);
        let call = async move { engine.learn(engine.ports.rekeyer.find(&dependent, since)).await };
        self.running.push(call.map(move |answer| Answer::Found(item, answer)).boxed());
        Ok(())
    }

    fn look(&mut self, item: u32) -> Done {
        let dependent = self.dependent(item)?;
        let engine = self.engine;
        self.in_flight.insert(item);
        let call = async move { engine.learn(engine.ports.rekeyer.observe(&dependent)).await };
        self.running.push(call.map(move |answer| Answer::Looked(item, answer)).boxed());
        Ok(())
    }

    fn seek(&mut self, item: u32) -> Done {
        let dependent = self.dependent(item)?;
        let engine = self.engine;
        self.in_flight.insert(item);
        let call = async move { engine.learn(engine.ports.rekeyer.observe(&dependent)).await };
        self.running.push(call.map(move |answer| Answer::Sought(item, answer)).boxed());
        Ok(())
    }

    /// Lists the page's place once for all of its dependents that stayed unseen.
    fn list(&mut self, items: Vec<u32>) -> Done {
        let (engine, inventory) = (self.engine, &self.state()?.inventory);
        let (key, region, kind) = (inventory.key.clone(), inventory.region.clone(), inventory.kind.clone());
        self.is_listing = true;
        self.in_flight.extend(&items);
        let wanted = items.iter().map(|item| Ok(self.dependent(*item)?.id)).collect::<Result<_>>()?;
        let call = async move { engine.list_place(&key, &region, &kind, &wanted).await };
        self.running.push(call.map(move |answer| Answer::Listed(items, answer)).boxed());
        Ok(())
    }

    fn observe(&mut self, item: u32) -> Done {
        let dependent = self.dependent(item)?;
        let engine = self.engine;
        self.in_flight.insert(item);
        let key = self.target.goal.key.clone();
        let call = async move {
            if !is_on(Safeguard::ReadBack) {
                return Ok(Reply::bare(unread(key)));
            }
            engine.learn(engine.ports.rekeyer.observe(&dependent)).await
        };
        self.running.push(call.map(move |answer| Answer::Observed(item, answer)).boxed());
        Ok(())
    }

    fn poll(&mut self, tickets: Vec<Asked>) -> Done {
        let engine = self.engine;
        let dependents = tickets.iter().map(|(item, ..)| self.dependent(*item)).collect::<Result<Vec<_>>>()?;
        let ticket = |(_, work_request, dependent): &Asked| Ticket {
            work_request: work_request.clone(),
            dependent: dependent.clone(),
        };
        let asked: Vec<_> = tickets.iter().map(ticket).collect();
        self.is_polling = true;
        let call = async move { engine.learn(engine.ports.rekeyer.poll(&asked, &dependents)).await };
        self.running.push(call.map(move |answer| Answer::Polled(tickets, answer)).boxed());
        Ok(())
    }

    /// Journals the intents of several steps in one append, then performs them.
    async fn begin(&mut self, steps: Vec<Ready>) -> Done {
        let engine = self.engine;
        let server_time = engine.server_time().at(engine.ports.clock.now());
        let state = self.state()?;
        let intents: Vec<_> = steps
            .iter()
            .map(|(item, step, etag)| page::intent(state, *item, *step, etag.clone(), server_time))
            .collect();
        self.append(intents.clone()).await?;
        for ((item, step, _), intent) in steps.into_iter().zip(intents) {
            let PageFact::StepIntended(intent) = intent else {
                return Err(Error::bug("rekey_page", "an intent that is none"));
            };
            let key = self.target.goal.key.clone();
            let mut if_match = intent.if_match;
            if !is_on(Safeguard::IfMatch) {
                if_match = if_match.and_then(|_| Etag::parse("*").ok());
            }
            let request = StepRequest { dependent: self.dependent(item)?, step, key, if_match };
            self.in_flight.insert(item);
            let call = async move { engine.learn(engine.ports.rekeyer.begin(&request)).await };
            self.running.push(call.map(move |answer| Answer::Begun(item, answer)).boxed());
        }
        Ok(())
    }

    /// Waits for an answer, or until there is more to start; takes whatever else is ready along.
    async fn answers(&mut self, next: Option<Timestamp>) -> Result<(Vec<PageFact>, Vec<Ready>)> {
        let mut answered = match next {
            None => self.running.next().await,
            Some(at) => match select(self.running.next(), self.engine.ports.clock.sleep_until(at)).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => None,
            },
        };
        let (mut facts, mut ready) = (Vec::new(), Vec::new());
        while let Some(answer) = answered {
            match answer.error() {
                Some(error) if error.kind() == ErrorKind::Throttled => {
                    self.cool_until = self.cool_until.max(self.throttle.after_throttle(self.engine, error));
                }
                _ => self.throttle.reset(),
            }
            if let Some(said) = answer.silence() {
                Box::pin(self.listen(said)).await?;
            }
            let is_poll = matches!(answer, Answer::Polled(..));
            self.is_listing &= !matches!(answer, Answer::Listed(..));
            let (done, came) = match self.engine.conclude_look(self.state()?, answer, self.target) {
                Ok(go) => {
                    // It stays in flight: what is begun next is the step it was looked at for.
                    ready.push(go);
                    (Vec::new(), Vec::new())
                }
                Err(answer) => self.engine.conclude_answer(self.state()?, *answer, self.target, self.silent.is_some()),
            };
            if is_poll {
                self.is_polling = false;
                self.poll_at = self.engine.ports.clock.now() + self.pace.next(self.engine);
                if !came.is_empty() {
                    self.pace.reset();
                }
            }
            for item in done {
                self.in_flight.remove(&item);
            }
            facts.extend(came);
            answered = self.running.next().now_or_never().flatten();
        }
        Ok((facts, ready))
    }

    /// Asks whether the page's place answers at all, where something about a dependent was not answered.
    async fn listen(&mut self, said: String) -> Done {
        if self.silent.is_some() {
            return Ok(());
        }
        let inventory = &self.state()?.inventory;
        if self.engine.is_silent(inventory).await {
            let text = format!("the service does not answer there; its dependents wait, none is given up: {said}");
            let error = Error::new(ErrorKind::Unavailable, SILENT, text);
            self.silent = Some(error.with("region", &inventory.region).with("kind", inventory.kind.word()));
        }
        Ok(())
    }

    fn state(&self) -> Result<&page::State> {
        self.book.state().ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "rekey_page", "a page that the rotation names has no lines")
                .with("stream", self.book.stream())
        })
    }

    fn dependent(&self, item: u32) -> Result<Dependent> {
        let item = self.state()?.inventory.items.get(item as usize);
        Ok(item.ok_or_else(|| Error::bug("rekey_page", "no such dependent"))?.dependent.clone())
    }

    async fn append(&mut self, facts: Vec<PageFact>) -> Done {
        self.book.append(self.engine, Some(self.held.fence()), &facts).await?;
        let page = self.book.stream().as_str().rsplit('/').next().unwrap_or_default();
        for fact in facts.iter().filter(|_| self.engine.is_heard()) {
            self.engine.say(Progress::Fact {
                rotation: self.rid.clone(),
                stream: format!("page {page}"),
                fact: name_of(fact),
                phase: None,
            });
        }
        Ok(())
    }

    /// Appends what effects came to. A pause must not lose it: the epoch is read anew and the append tried once
    /// more, then the conflict is passed on so that the rotation's driver sees the pause.
    async fn record(&mut self, facts: Vec<PageFact>) -> Done {
        match self.append(facts.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.engine.renew(self.held).await?;
                self.book.catch_up(self.engine).await?;
                self.append(facts).await?;
                Err(error)
            }
            other => other,
        }
    }
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
    fn conclude_look(&self, state: &page::State, answer: Answer, target: &Target) -> Result<Ready, Box<Answer>> {
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
    fn conclude_answer(
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
