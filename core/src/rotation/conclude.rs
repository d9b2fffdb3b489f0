//! What an answer means: from an observation to facts. Pure, like `decide`, and as free to improve.
//!
//! Whoever performs an effect brings what it saw here and writes down what comes out, by
//! compare-and-append on the head it folded before it looked.

use std::collections::BTreeSet;
use std::time::Duration;

use super::effect::Effect;
use super::fact::{Adopted, Author, EffectFailed, Fact, InUse, MintInDoubt, MintRefused, Paused, Replicated};
use super::mint::{author_of, count, paused};
use super::register::RegisterWrite;
use super::state::State;
use crate::model::{Ambiguity, Key, KeyState, KeyVersion, ReplicaState, ReplicaStatus, RequestId, Settings, Timestamp};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Landed, Retry};

/// Who said it and when, by the far end's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// HTTP `Date`.
    pub server_date: Option<Timestamp>,
    /// `opc-request-id`.
    pub request_id: Option<RequestId>,
}

/// A look at a key and all its versions. The key was read first, the list after it.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The key.
    pub key: Key,
    /// All its versions.
    pub versions: Vec<KeyVersion>,
    /// The list's own date: the oldest of its pages.
    pub server_date: Option<Timestamp>,
    /// Our estimate of the server's time now.
    pub server_time: Timestamp,
    /// How wrong the estimate may be.
    pub uncertainty: Duration,
    /// The local clock now.
    pub local: Timestamp,
}

impl Survey {
    /// The local time at which the server's clock will show `server`.
    pub(super) fn local_for(&self, server: Timestamp) -> Timestamp {
        self.local + server.duration_since(self.server_time)
    }
}

/// What follows from an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conclusion {
    /// To be written down, all or none.
    pub facts: Vec<Fact>,
    /// To be performed right after the facts are stored, by the process that stored them, once.
    pub then: Option<Effect>,
    /// Nothing follows yet: look again, at this time or at the driver's pace.
    pub not_yet: Option<(Option<Timestamp>, String)>,
    /// To be written on the key between the facts and the mint; without it the mint is not sent.
    pub register: Option<RegisterWrite>,
}

impl Conclusion {
    pub(super) fn facts(facts: Vec<Fact>) -> Self {
        Self { facts, ..Self::default() }
    }

    pub(super) fn then(mut self, effect: Effect) -> Self {
        self.then = Some(effect);
        self
    }

    pub(super) fn not_yet(why: impl Into<String>) -> Self {
        Self { not_yet: Some((None, why.into())), ..Self::default() }
    }

    pub(super) fn wait(until: Timestamp, why: impl Into<String>) -> Self {
        Self { not_yet: Some((Some(until), why.into())), ..Self::default() }
    }

    pub(super) fn pause(why: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self::facts(vec![paused(why, do_next)])
    }

    pub(super) fn bug(why: &str) -> Self {
        Self::pause(format!("a mistake in keywheel: {why}"), "please report it with `keywheel history --json`")
    }
}

/// Reads the key while waiting for the flip. `InUse` is the target or any newer usable version.
#[must_use]
pub fn conclude_flip(state: &State, number: u32, survey: &Survey, settings: &Settings) -> Conclusion {
    let Some((leg, target, since)) =
        state.leg(number).and_then(|leg| Some((leg, leg.target.as_ref()?, leg.target_at?)))
    else {
        return Conclusion::bug("waiting for a flip without a target");
    };
    let Some(seen_at) = survey.server_date else {
        return Conclusion::not_yet("the answer carried no date");
    };
    let current = survey.versions.iter().find(|version| version.id == survey.key.current_version);
    if let Some(current) = current.filter(|version| version.state == KeyState::Enabled && version.is_usable()) {
        let presumed = Some(&target.version).filter(|_| target.author == Author::OursPresumed);
        let census = count(state, leg, &survey.versions, presumed);
        let in_use = |version| Fact::InUse(InUse { leg: number, version, seen_at, census: census.clone() });
        if current.id == target.version {
            return Conclusion::facts(vec![in_use(current.id.clone())]);
        }
        // A target that is gone gives way to whatever else superseded the version before it.
        let target_is_gone = survey.versions.iter().any(|v| v.id == target.version && v.state.is_going());
        let old = survey.versions.iter().find(|version| version.id == state.opened.name.superseded);
        let supersedes = old.is_some_and(|old| current.time_created > old.time_created);
        let is_newer = current.time_created > target.time_created && is_on(Safeguard::NewerInUse);
        if is_newer || target_is_gone && supersedes {
            let retargeted = Fact::Retargeted(Adopted {
                leg: number,
                key: None,
                version: current.id.clone(),
                time_created: current.time_created,
                author: author_of(leg, current),
                census: census.clone(),
            });
            return Conclusion::facts(vec![retargeted, in_use(current.id.clone())]);
        }
    }
    let listed = survey.versions.iter().find(|version| version.id == target.version);
    let waited = survey.local.duration_since(waiting_since(state, since));
    // A version that is not listed is late, not lost: what is scheduled for deletion stays listed, and a mint on
    // the strength of a slow list (A2) would be a second version.
    let is_lost = listed.is_some_and(|version| version.state.is_going() || version.state == KeyState::Disabled);
    if is_lost && survey.key.current_version == state.opened.name.superseded {
        return Conclusion::facts(vec![Fact::TargetLost { leg: number, version: target.version.clone() }]);
    }
    if waited > signed(settings.margins.flip_deadline) {
        return Conclusion::pause(
            format!("{} is not current after {:?}", target.version, settings.margins.flip_deadline),
            "look at the key in the Console; resume waits as long again",
        );
    }
    Conclusion::not_yet("the new version is not current yet")
}

/// Reads the replicas while waiting at the gate.
#[must_use]
pub fn conclude_replicas(
    state: &State,
    number: u32,
    statuses: &[ReplicaStatus],
    settings: &Settings,
    now: Timestamp,
) -> Conclusion {
    let expected = state.checked.as_ref().map(|checked| checked.replicas.clone()).unwrap_or_default();
    if !is_on(Safeguard::ReplicaGate) {
        return Conclusion::facts(vec![Fact::Replicated(Replicated { leg: number, regions: expected })]);
    }
    let there: BTreeSet<_> = statuses
        .iter()
        .filter(|status| status.state == ReplicaState::Replicated)
        .map(|status| status.region.clone())
        .collect();
    let all_said_replicated = statuses.iter().all(|status| status.state == ReplicaState::Replicated);
    if all_said_replicated && expected.is_subset(&there) {
        return Conclusion::facts(vec![Fact::Replicated(Replicated { leg: number, regions: there })]);
    }
    let since = state.leg(number).and_then(|leg| leg.in_use_at).unwrap_or(state.last_at);
    if now.duration_since(waiting_since(state, since)) > signed(settings.margins.replica_deadline) {
        let missing: Vec<_> = expected.difference(&there).map(ToString::to_string).collect();
        return Conclusion::pause(
            format!(
                "not replicated to {} within {:?}: no dependent is moved before every replica has the version",
                missing.join(", "),
                settings.margins.replica_deadline
            ),
            "look at the replica vault in the Console; resume waits as long again",
        );
    }
    Conclusion::not_yet("the version has not reached every replica region yet")
}

/// Since when a deadline counts: since what it waits for began, or since a person said to go on waiting.
fn waiting_since(state: &State, began: Timestamp) -> Timestamp {
    state.resumed_at.map_or(began, |resumed| resumed.max(began))
}

/// What a failed effect means: a try counted, a doubt to settle, or a person to ask.
#[must_use]
pub fn conclude_failure(
    state: &State,
    effect: &Effect,
    error: &Error,
    not_before: Timestamp,
    settings: &Settings,
) -> Conclusion {
    if let Effect::Mint { leg } = effect {
        return conclude_mint_failure(state, *leg, error, not_before, settings);
    }
    Conclusion::facts(vec![failed(state, effect.name(), error, not_before)])
}

fn conclude_mint_failure(
    state: &State,
    number: u32,
    error: &Error,
    not_before: Timestamp,
    settings: &Settings,
) -> Conclusion {
    let Some(attempt) = state.leg(number).and_then(|leg| leg.attempts.last()) else {
        return Conclusion::bug("a mint failed that was never intended");
    };
    let generation = attempt.intent.generation;
    let is_used_up = error.code() == Some("InvalidatedRetryToken");
    let is_doubtful = (error.landed() != Landed::No || settings.policy.ambiguity == Ambiguity::Strict)
        && (!is_used_up || is_on(Safeguard::SpentToken));
    if is_doubtful {
        return Conclusion::facts(vec![Fact::MintInDoubt(MintInDoubt {
            leg: number,
            generation,
            why: error.to_string(),
            invalidated: is_used_up,
        })]);
    }
    let refused = Fact::MintRefused(MintRefused {
        leg: number,
        generation,
        status: error.status().unwrap_or_default(),
        code: error.code().unwrap_or_default().to_owned(),
        request_id: error.request_id().cloned(),
    });
    Conclusion::facts(vec![refused, failed(state, Effect::Survey { leg: number }.name(), error, not_before)])
}

/// A counted try, or a pause where trying again would fail again. 429 counts as no try at all.
pub(super) fn failed(state: &State, effect: &'static str, error: &Error, not_before: Timestamp) -> Fact {
    let tries = state.failures.get(effect).map_or(0, |failure| failure.attempts);
    let is_outage = error.is_out_of_reach();
    if error.retry() == Retry::Never {
        return match is_outage {
            true => Fact::Paused(Paused::outage(error.to_string())),
            false => paused(error.to_string(), remedy(error)),
        };
    }
    let attempt = if error.kind() == ErrorKind::Throttled { tries } else { tries + 1 };
    let (effect, error) = (effect.to_owned(), error.to_string());
    Fact::EffectFailed(EffectFailed { effect, attempt, error, not_before, is_outage })
}

/// The next safe action, by kind of error.
fn remedy(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Denied => "check the credentials and the clock, then resume",
        ErrorKind::NotFound => {
            "OCI says the same for `absent` and `not permitted`: check the policy (`plan` names what is needed), then resume"
        }
        ErrorKind::Refused => "the service will not do this as things are: see the message, mend it, then resume",
        ErrorKind::Corrupt | ErrorKind::Fork => "keep the journal file as it is and compare it with its backups",
        _ => "mend the cause, then resume",
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}
