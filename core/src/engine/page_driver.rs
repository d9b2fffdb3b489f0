//! One page's driver: decides, starts, waits, concludes, records, until each dependent has an outcome.
//!
//! Per dependent: intent on disk, then the step, then its answer on disk. The driver keeps in memory only which
//! items it is working on; everybody else sees their open intents as in doubt.

use std::collections::BTreeSet;

use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::absence::own_place;
use super::backoff::Pace;
use super::book::Book;
use super::claim::Held;
use super::page_answers::{Answer, Asked, Ready, Target};
use super::progress::{Progress, name_of};
use super::read_back::{Shown, TOGETHER_ENOUGH, TOGETHER_MIN};
use super::turns::Worker;
use super::{Done, Engine};
use crate::model::{Counts, Dependent, Etag, Head, KeyId, RotationId, Settings, StreamId, Timestamp};
use crate::ports::{Observation, Presence, Reply, StepRequest, Ticket};
use crate::rotation::page::{self, PageDecision, PageEffect, PageFact};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

/// The operation of the error that ends a page's driver when its place does not answer.
pub(super) const SILENT: &str = "rekey_place";

/// So many work requests are asked for while other steps begin; fewer wait until nothing else goes on.
const POLL_ENOUGH: usize = 50;

/// What a dependent would say if it had moved: for a build without read-back.
fn unread(key: KeyId) -> Observation {
    Observation { presence: Presence::Ready, key: Some(key), version: None, held: Vec::new() }
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
    /// Where the kind's listing names the key: what it did not show, and is read by itself.
    alone: Option<BTreeSet<u32>>,
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
        let mut driver = Self {
            book: Book::open(engine, StreamId::page(rid, number)).await?,
            engine,
            held,
            rid,
            target,
            worker,
            settings,
            in_flight: BTreeSet::new(),
            alone: None,
            running: FuturesUnordered::new(),
            is_listing: false,
            is_polling: false,
            poll_at: now,
            pace: Pace::default(),
            throttle: Pace::default(),
            cool_until: now,
            silent: None,
        };
        let spec = engine.kind_spec(&driver.state()?.inventory.kind);
        let is_listed = spec.is_some_and(|spec| spec.listing_names_key) && is_on(Safeguard::ReadBack);
        driver.alone = is_listed.then(BTreeSet::new);
        driver.run(deadline).await
    }

    async fn run(mut self, deadline: Option<Timestamp>) -> Result<Option<(Head, Counts)>> {
        loop {
            let now = self.engine.ports.clock.now();
            let is_late = deadline.is_some_and(|deadline| now >= deadline);
            let decision = page::decide(self.state()?, &self.in_flight, self.alone.as_ref(), self.settings, now);
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
        let (mut steps, mut together) = (Vec::new(), Vec::new());
        for effect in decision.effects {
            match effect {
                PageEffect::Begin { item, step } => steps.push((item, step, None)),
                PageEffect::Look { item } => self.look(item)?,
                PageEffect::Find { item, since } => self.find(item, since)?,
                PageEffect::Observe { item } => self.observe(item)?,
                PageEffect::Seek { item } => self.seek(item)?,
                PageEffect::ReadBack { items } => together = items,
                PageEffect::List { .. } if self.is_listing => {}
                PageEffect::List { items } => self.list(items)?,
                PageEffect::Poll { .. } if self.is_polling => {}
                // A poll asks for all of them: it waits until it is worth it, or nothing else goes on.
                PageEffect::Poll { tickets }
                    if tickets.len() < POLL_ENOUGH && !(steps.is_empty() && self.in_flight.is_empty()) => {}
                PageEffect::Poll { .. } if now < self.poll_at => {
                    next = Some(next.map_or(self.poll_at, |next| next.min(self.poll_at)));
                }
                PageEffect::Poll { tickets } => self.poll(tickets)?,
            }
        }
        if !steps.is_empty() {
            self.begin(steps).await?;
        }
        self.read_back(together)?;
        Ok(next)
    }

    /// Reads back what was moved, with one listing, once nothing else goes on or there are enough.
    fn read_back(&mut self, items: Vec<u32>) -> Done {
        if items.len() < TOGETHER_ENOUGH && !self.in_flight.is_empty() {
            return Ok(());
        }
        if items.len() < TOGETHER_MIN {
            return items.into_iter().try_for_each(|item| self.observe(item));
        }
        let (engine, inventory) = (self.engine, &self.state()?.inventory);
        let (place, region) = (own_place(inventory, &self.target.goal.key), inventory.region.clone());
        let wanted = items.iter().map(|item| Ok(self.dependent(*item)?.id)).collect::<Result<_>>()?;
        self.in_flight.extend(&items);
        let call = async move { engine.shown_under(&place, &region, &wanted).await };
        self.running.push(call.map(move |answer| Answer::ReadBack(items, answer)).boxed());
        Ok(())
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
            if let Answer::ReadBack(items, answer) = &answer {
                self.note_unshown(items, answer)?;
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

    /// What a listing did not show under the key is read by itself; if it was throttled, it is asked again.
    fn note_unshown(&mut self, items: &[u32], answer: &Result<Shown>) -> Done {
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Throttled) {
            return Ok(());
        }
        let mut unshown = BTreeSet::new();
        for item in items {
            let id = self.dependent(*item)?.id;
            if !answer.as_ref().is_ok_and(|shown| shown.contains_key(&id)) {
                unshown.insert(*item);
            }
        }
        if let Some(alone) = &mut self.alone {
            alone.append(&mut unshown);
        }
        Ok(())
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
