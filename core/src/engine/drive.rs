//! The driver: fold, decide, perform, record, again; until the rotation rests or time is up.
//!
//! Every conflict starts over from what is on disk. Nothing is kept in memory that could not be folded
//! anew, except the permission to send what this very process just journaled.

use super::backoff::Pace;
use super::book::Book;
use super::claim::Held;
use super::progress::Progress;
use super::progress::name_of;
use super::turns::Turn;
use super::{Done, Engine};
use crate::model::{KeyId, KeyVersionId, RotationId, StreamId, Timestamp, Verdict};
use crate::rotation::registry::RegistryFact;
use crate::rotation::vault::VaultFact;
use crate::rotation::{
    Conclusion, Decision, Effect, Fact, Leg, Phase, Rest, State, awaits_answer, conclude_failure, decide,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

/// How a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driven {
    /// Time was up; the next run goes on.
    OutOfTime,
    /// It rests.
    Rest(Rest),
}

impl Engine {
    /// Drives one rotation until it rests, or until `deadline` by the local clock. While it only waits, its turn is
    /// somebody else's.
    pub async fn drive(&self, rid: &RotationId, deadline: Option<Timestamp>, turn: Turn) -> Result<Driven> {
        let scope = StreamId::rotation(rid);
        let held = self.claim(&scope, turn).await?;
        self.recall_rates().await;
        let driven = self.drive_held(rid, &held, deadline).await;
        self.keep_rates().await;
        self.release(&held).await;
        let driven = driven?;
        self.feed_sinks(rid).await?;
        Ok(driven)
    }

    async fn drive_held(&self, rid: &RotationId, held: &Held, deadline: Option<Timestamp>) -> Result<Driven> {
        let mut main = self.main_book(rid).await?;
        let mut pace = Pace::default();
        let key = self.state(&main)?.opened.name.key.clone();
        self.say(Progress::Opened { rotation: rid.clone(), key });
        let state = self.state(&main)?;
        if let Some(before) = state.opened.overtakes.clone().filter(|_| state.phase == Phase::Opened) {
            self.end_overtaken(&before, rid).await?;
        }
        // Boxed, as whatever is rare: every future above would carry its size.
        Box::pin(self.look_again(&mut main, held)).await?;
        loop {
            if deadline.is_some_and(|deadline| self.ports.clock.now() >= deadline) {
                return Ok(Driven::OutOfTime);
            }
            let step = match self.keep(held).await {
                Ok(()) => self.step(&mut main, held, &mut pace, deadline).await,
                Err(error) => Err(error),
            };
            match step {
                Ok(Some(rest)) => {
                    self.close(&main, &rest).await?;
                    return Ok(Driven::Rest(rest));
                }
                Ok(None) => {}
                Err(error) if is_overtaken(&error) => {
                    // The epoch first, then the fold: a pause that raised the epoch is then in what we fold.
                    self.renew(held).await?;
                    main.catch_up(self).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends a rest that only waited for the far end to answer: it is asked again, under the same budget of tries.
    async fn look_again(&self, main: &mut Book<State>, held: &Held) -> Done {
        let state = self.state(main)?;
        if state.is_terminal() || !state.paused.as_ref().is_some_and(|paused| paused.is_outage) {
            return Ok(());
        }
        match self.record(main, held, vec![Fact::Resumed { by_run: true }]).await {
            // Somebody paused or drives it meanwhile: what is on disk then decides.
            Err(error) if is_overtaken(&error) => {
                self.renew(held).await?;
                main.catch_up(self).await
            }
            other => other,
        }
    }

    /// One decision and what follows from it.
    async fn step(
        &self,
        main: &mut Book<State>,
        held: &Held,
        pace: &mut Pace,
        deadline: Option<Timestamp>,
    ) -> Result<Option<Rest>> {
        let decision = decide(self.state(main)?, &self.settings, self.ports.clock.now());
        match decision {
            Decision::Rest(rest) => return Ok(Some(rest)),
            Decision::Record(facts) => self.record(main, held, facts).await?,
            Decision::Wait { until, why } => self.wait(main, held, until, deadline, &why).await?,
            Decision::Perform(effect) | Decision::Settle(effect) => {
                let facts_before = self.state(main)?.facts;
                let conclusion = match self.perform(main, held, &effect, deadline).await {
                    Ok(conclusion) => conclusion,
                    // The journal's own troubles are not the effect's: start over, or stop.
                    Err(error) if error.operation() == "append" || is_overtaken(&error) => return Err(error),
                    Err(error) if is_ours(&error) => return Err(error),
                    // Requeued: no attempt counted, nothing to write down.
                    Err(error) if error.kind() == ErrorKind::Throttled => {
                        let until = pace.after_throttle(self, &error);
                        return self.wait(main, held, until, deadline, "too many requests").await.map(|()| None);
                    }
                    Err(error) => self.failure(main, &effect, &error)?,
                };
                self.follow(main, held, conclusion, pace, deadline).await?;
                if self.state(main)?.facts != facts_before {
                    pace.reset();
                }
            }
        }
        Ok(None)
    }

    /// Writes a conclusion down; performs what only its writer may perform; or waits.
    async fn follow(
        &self,
        main: &mut Book<State>,
        held: &Held,
        conclusion: Conclusion,
        pace: &mut Pace,
        deadline: Option<Timestamp>,
    ) -> Done {
        // The answer to a request that left too early; only a build without this safeguard has one.
        let sent = match (&conclusion.then, conclusion.facts.first()) {
            (Some(Effect::Mint { .. }), Some(Fact::MintIntended(intent))) if !is_on(Safeguard::IntentFirst) => {
                Some(self.send(self.state(main)?, intent).await)
            }
            _ => None,
        };
        if !conclusion.facts.is_empty() {
            self.record(main, held, conclusion.facts).await?;
        }
        if let Some(Effect::Mint { leg }) = conclusion.then {
            let date = self.state(main)?.leg(leg).and_then(Leg::open_attempt).map(|attempt| attempt.intent.date);
            self.feed_intent(main.stream()).await;
            let outcome = match self.announce(main, leg, date, conclusion.register).await? {
                Some(unannounced) => unannounced,
                None => self.mint(main, leg, sent).await?,
            };
            self.record_outcome(main, held, leg, date, outcome.facts).await?;
        }
        if let Some((until, why)) = conclusion.not_yet {
            let interval = pace.next(self);
            let until = until.unwrap_or_else(|| self.ports.clock.now() + interval);
            self.wait(main, held, until, deadline, &why).await?;
        }
        Ok(())
    }

    pub(super) fn failure(&self, main: &Book<State>, effect: &Effect, error: &Error) -> Result<Conclusion> {
        let state = self.state(main)?;
        let failed = state.failures.get(effect.name()).map_or(0, |failure| failure.attempts);
        // A mint that is refused again and again (429) waits longer each time, although it counts no try.
        let refused = state.active_leg().map_or(0, |(_, leg)| leg.refused_in_a_row());
        let tries = failed.max(refused);
        let not_before = self.not_before(error, tries);
        tracing::warn!(effect = effect.name(), %error, "an effect failed");
        Ok(conclude_failure(state, effect, error, not_before, &self.settings))
    }

    /// Appends facts and tells whoever listens.
    pub(super) async fn record(&self, main: &mut Book<State>, held: &Held, facts: Vec<Fact>) -> Done {
        main.append(self, Some(held.fence()), &facts).await?;
        self.said(main, &facts);
        Ok(())
    }

    /// Appends what an effect came to. It must not be lost to somebody's pause: the epoch is read anew and the
    /// append tried again, as long as the claim is ours and the journal still waits for the answer to this very mint.
    async fn record_outcome(
        &self,
        main: &mut Book<State>,
        held: &Held,
        leg: u32,
        date: Option<Timestamp>,
        facts: Vec<Fact>,
    ) -> Done {
        match self.record(main, held, facts.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.renew(held).await?;
                main.catch_up(self).await?;
                match date.filter(|date| self.state(main).is_ok_and(|state| awaits_answer(state, leg, *date))) {
                    Some(_) => self.record(main, held, facts).await,
                    None => Ok(()),
                }
            }
            other => other,
        }
    }

    pub(super) fn said(&self, main: &Book<State>, facts: &[Fact]) {
        let Some(state) = main.state().filter(|_| self.is_heard()) else { return };
        for fact in facts {
            self.say(Progress::Fact {
                rotation: state.rid.clone(),
                stream: "main".to_owned(),
                fact: name_of(fact),
                phase: Some(state.word().to_owned()),
            });
        }
    }

    /// Waits, keeping the claim alive and looking up now and then whether somebody paused.
    async fn wait(
        &self,
        main: &mut Book<State>,
        held: &Held,
        until: Timestamp,
        deadline: Option<Timestamp>,
        why: &str,
    ) -> Done {
        let rotation = self.state(main)?.rid.clone();
        self.say(Progress::Waiting { rotation, why: why.to_owned(), until });
        let until = deadline.map_or(until, |deadline| until.min(deadline));
        let resting = held.turn().hand_over();
        self.nap_until(main, held, until).await?;
        drop(resting);
        self.stand_in_line(held).await
    }

    async fn nap_until(&self, main: &mut Book<State>, held: &Held, until: Timestamp) -> Done {
        let nap = self.settings.margins.claim_ttl / 4;
        loop {
            let now = self.ports.clock.now();
            if now >= until {
                return Ok(());
            }
            self.ports.clock.sleep_until(until.min(now + nap)).await;
            self.keep(held).await?;
            let facts = self.state(main)?.facts;
            main.catch_up(self).await?;
            if self.state(main)?.facts != facts {
                return Ok(());
            }
        }
    }

    /// The rotation has ended: give its lineage and its reservation free. Done again if we die in between.
    async fn close(&self, main: &Book<State>, rest: &Rest) -> Done {
        let state = self.state(main)?;
        let last = state.legs.last().and_then(|leg| leg.target.as_ref());
        let ending = match (rest, state.phase) {
            (Rest::Paused(_), _) => return Ok(()),
            (_, Phase::Cancelled) => Ending { until: state.held_until, ..Ending::how("cancelled") },
            (_, Phase::Overtaken) => Ending::overtaken(),
            _ => Ending {
                target: last.map(|target| target.version.clone()),
                target_key: last.and_then(|target| target.key.clone()),
                is_clean: state.completed.as_ref().is_some_and(|completed| completed.verdict == Verdict::Clean),
                ..Ending::how("completed")
            },
        };
        self.unregister(&state.rid, &state.opened.vault, &ending).await
    }

    /// Closes a rotation in the registry and releases its reservation, if that is not done yet.
    pub(super) async fn unregister(&self, rid: &RotationId, vault: &crate::model::VaultId, ending: &Ending) -> Done {
        let mut registry = self.registry().await?;
        loop {
            let is_open = registry.state().is_some_and(|r| r.rotations.get(rid).is_some_and(|r| r.closed.is_none()));
            if !is_open {
                break;
            }
            match registry.append(self, None, &[ending.fact(rid)]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        let mut ledger = self.ledger(vault).await?;
        while ledger.state().is_some_and(|ledger| ledger.open.contains_key(rid)) {
            match ledger.append(self, None, &[VaultFact::Released { rid: rid.clone() }]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        Ok(())
    }

    pub(super) fn state<'b>(&self, main: &'b Book<State>) -> Result<&'b State> {
        main.state().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "open", "the journal has no such rotation").with("stream", main.stream())
        })
    }
}

/// How a rotation ended, as the registry keeps it.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub how: &'static str,
    pub until: Option<Timestamp>,
    pub target: Option<KeyVersionId>,
    pub target_key: Option<KeyId>,
    pub is_clean: bool,
}

impl Ending {
    pub(super) fn how(how: &'static str) -> Self {
        Self { how, ..Self::default() }
    }

    pub(super) fn overtaken() -> Self {
        Self::how("overtaken")
    }

    pub(super) fn fact(&self, rid: &RotationId) -> RegistryFact {
        RegistryFact::RotationClosed {
            rid: rid.clone(),
            how: self.how.to_owned(),
            until: self.until,
            target: self.target.clone(),
            target_key: self.target_key.clone(),
            is_clean: self.is_clean,
        }
    }
}

/// Errors that trying again cannot mend and that say nothing about the cloud.
fn is_ours(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Bug | ErrorKind::Corrupt | ErrorKind::Fork)
}

/// Somebody else appended first, or took over. A conflict that the cloud reports (409, 412) has a status and is
/// a failed try like any other.
fn is_overtaken(error: &Error) -> bool {
    error.kind() == ErrorKind::Conflict && error.status().is_none()
}
