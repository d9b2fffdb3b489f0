//! Minting at most once (rule R7, protocol.md): what a look at the key's versions means.
//!
//! A survey, read after the fold, either adopts a version that exists or journals an intent; only whoever
//! journaled it sends it, once. Settling decides nothing negative before the quiet period has passed by the
//! server's own clock.

use std::collections::BTreeSet;
use std::time::Duration;

use super::conclude::{Conclusion, Survey};
use super::effect::Effect;
use super::fact::{Adopted, Author, Created, Fact, MintIntended, Paused, Sighted};
use super::fast::{ask_again, unsettled};
use super::register::{mark_of, objection, register_write};
use super::state::{Leg, MintOutcome, State};
use super::token::retry_token;
use crate::model::{
    Census, KeyState, KeyVersion, KeyVersionId, RequestId, RetryToken, RotationName, Settings, Timestamp, to_seconds,
};
use crate::safeguard::{Safeguard, is_on};

/// Reads a survey before a mint: adopt, mint, or ask for a person.
#[must_use]
pub fn conclude_survey(state: &State, number: u32, survey: &Survey, settings: &Settings) -> Conclusion {
    let Some(leg) = state.leg(number) else {
        return Conclusion::bug("survey of a leg that does not exist");
    };
    let superseded = &state.opened.name.superseded;
    let Some(old) = survey.versions.iter().find(|version| version.id == *superseded) else {
        return Conclusion::pause(
            format!("the version to supersede, {superseded}, is no longer listed"),
            "somebody deleted it; look at Oracle's audit log, then cancel or resume",
        );
    };
    if survey.key.state != KeyState::Enabled {
        return Conclusion::pause(
            format!("the key is {:?}, not ENABLED", survey.key.state),
            "enable the key, then resume",
        );
    }
    let newer = newer_usable(&survey.versions, old);
    let is_current = survey.key.current_version == *superseded || !is_on(Safeguard::CurrentVersionRead);
    if is_current && state.opened.is_sweep {
        return Conclusion::pause(
            format!("{superseded} is current: there is nothing newer to sweep to"),
            "a sweep never mints; look at Oracle's audit log, then cancel",
        );
    }
    if is_current && (newer.is_empty() || !is_on(Safeguard::ListBeforeMint)) {
        if let Some(conclusion) = await_sighted(leg, survey, settings) {
            return conclusion;
        }
        return intend(state, number, leg, survey, settings);
    }
    let current = survey.versions.iter().find(|version| version.id == survey.key.current_version);
    let candidate = match current {
        Some(version) if version.id != *superseded => version,
        _ => match newest(&newer) {
            Ok(Some(version)) => version,
            Ok(None) => return Conclusion::not_yet("the current version is not listed yet"),
            Err(why) => return Conclusion::pause(why, "two versions share one time; choose one by hand"),
        },
    };
    if candidate.time_created <= old.time_created {
        return Conclusion::pause(
            format!("the current version {} is no newer than {superseded}", candidate.id),
            "keywheel never moves data to older material; look at Oracle's audit log, then cancel or resume",
        );
    }
    if !candidate.is_usable() {
        return Conclusion::pause(
            format!("the current version {} is {:?} and {:?}", candidate.id, candidate.state, candidate.origin),
            "keywheel moves data only to ENABLED material made by OCI Vault",
        );
    }
    adopt(state, number, leg, candidate, survey)
}

/// Journals an intent: token by generation, date by the server's clock, baseline of everything seen.
pub(super) fn intend(state: &State, number: u32, leg: &Leg, survey: &Survey, settings: &Settings) -> Conclusion {
    if survey.uncertainty > settings.margins.clock_error {
        return Conclusion::not_yet("the server's time is not known well enough to mint (assumption A5)");
    }
    if let Some(attempt) = unsettled(leg, settings) {
        let quiet_from = attempt.intent.date + settings.margins.quiet_period();
        if survey.server_date.is_none_or(|server_date| server_date <= quiet_from) {
            let until = survey.local_for(quiet_from + Duration::from_secs(1));
            return Conclusion::wait(until, "the quiet period of a mint that was asked for again");
        }
    }
    if let Some(held_back) = held_back(state, number, survey, settings) {
        return held_back;
    }
    let generation = next_generation(leg, survey.server_time, settings.margins.token_life);
    let date = next_date(leg, survey.server_time);
    let operation = "create_version".to_owned();
    let intent = MintIntended {
        leg: number,
        generation,
        token: if is_on(Safeguard::DeterministicToken) {
            token(&state.opened.name, number, &operation, generation)
        } else {
            retry_token(&state.opened.name, number, &date.to_string(), generation)
        },
        operation,
        date,
        baseline: survey.versions.iter().map(|version| version.id.to_string()).collect(),
        body: String::new(),
        mark: settings.policy.intent_register.as_ref().map(|_| mark_of(state)),
    };
    let register = register_write(state, &intent, survey, settings);
    Conclusion { register, ..Conclusion::facts(vec![Fact::MintIntended(intent)]).then(Effect::Mint { leg: number }) }
}

/// The token of a leg's mint.
pub(super) fn token(name: &RotationName, leg: u32, operation: &str, generation: u32) -> RetryToken {
    match is_on(Safeguard::SeparateTokens) {
        true => retry_token(name, leg, operation, generation),
        false => retry_token(name, 1, "create", generation),
    }
}

/// What speaks against journaling any mint now: one that this journal does not know may be on its way.
pub(super) fn held_back(state: &State, number: u32, survey: &Survey, settings: &Settings) -> Option<Conclusion> {
    if let Some(until) = state.mint_not_before
        && survey.server_date.is_none_or(|server_date| server_date <= until)
    {
        let until = survey.local_for(until + Duration::from_secs(1));
        return Some(Conclusion::wait(until, "a mint that this journal does not know may be on its way"));
    }
    objection(state, number, survey, settings)
}

/// The date of the next request: the server's time, later than the date journaled before.
pub(super) fn next_date(leg: &Leg, server_time: Timestamp) -> Timestamp {
    match leg.attempts.last().map(|attempt| attempt.intent.date) {
        Some(previous) => to_seconds(server_time).max(previous + Duration::from_secs(1)),
        None => to_seconds(server_time),
    }
}

/// The same token while it is trusted and unspent; a new generation after that.
pub(super) fn next_generation(leg: &Leg, server_time: Timestamp, token_life: Duration) -> u32 {
    let Some(last) = leg.attempts.last() else {
        return 1;
    };
    let current = last.intent.generation;
    let of_this_generation = || leg.attempts.iter().filter(|attempt| attempt.intent.generation == current);
    let spent = of_this_generation()
        .any(|attempt| attempt.is_spent || matches!(attempt.outcome, MintOutcome::Created(_)))
        || leg.target.is_none() && !leg.sighted.is_empty();
    let first_date = of_this_generation().map(|attempt| attempt.intent.date).min().unwrap_or(last.intent.date);
    if spent || server_time > first_date + token_life { current + 1 } else { current }
}

/// Reads a survey while a mint is in doubt.
#[must_use]
pub fn conclude_settle(state: &State, number: u32, survey: &Survey, settings: &Settings) -> Conclusion {
    let Some((leg, attempt)) = state.leg(number).and_then(|leg| Some((leg, leg.open_attempt()?))) else {
        return Conclusion::bug("settling a leg without an open mint");
    };
    if let Some(again) = ask_again(state, number, leg, survey, settings) {
        return again;
    }
    let outside: Vec<&KeyVersion> =
        survey.versions.iter().filter(|version| !attempt.intent.baseline.contains(version.id.as_str())).collect();
    let usable: Vec<&KeyVersion> = outside.iter().copied().filter(|version| version.is_usable()).collect();
    let quiet_from = attempt.intent.date + settings.margins.quiet_period();
    let Some(server_date) = survey.server_date else {
        return Conclusion::not_yet("the answer carried no date to settle by");
    };
    let seen: BTreeSet<KeyVersionId> = usable.iter().map(|version| version.id.clone()).collect();
    let sighted = (!seen.is_subset(&leg.sighted)).then_some(Fact::Sighted(Sighted {
        leg: number,
        generation: attempt.intent.generation,
        versions: seen,
    }));
    let is_waived =
        if usable.is_empty() { !is_on(Safeguard::QuietPeriod) } else { !is_on(Safeguard::AdoptAfterQuietPeriod) };
    if server_date <= quiet_from && !is_waived {
        let until = survey.local_for(quiet_from + Duration::from_secs(1));
        return match sighted {
            Some(sighted) => Conclusion::facts(vec![sighted]),
            None => Conclusion::wait(until, "the quiet period of a mint whose answer was lost"),
        };
    }
    match newest(&usable) {
        Ok(Some(version)) => {
            let mut conclusion = adopt(state, number, leg, version, survey);
            // Sighted is remembered: if this target is lost, its token is known to be spent.
            conclusion.facts.splice(0..0, sighted);
            conclusion
        }
        Ok(None) => await_sighted(leg, survey, settings).unwrap_or_else(|| {
            Conclusion::facts(vec![Fact::MintSettled { leg: number, generation: attempt.intent.generation }])
        }),
        Err(why) => Conclusion::pause(why, "two versions share one time; choose one by hand"),
    }
}

/// A version that was once listed exists until a list says otherwise: a list without it is stale, never a reason to
/// mint. Only one that is listed as going may have another made in its place.
fn await_sighted(leg: &Leg, survey: &Survey, settings: &Settings) -> Option<Conclusion> {
    let is_listed = |id: &KeyVersionId| survey.versions.iter().any(|version| version.id == *id);
    let hidden = leg.sighted.iter().find(|id| !is_listed(id))?;
    let since = leg.attempts.last().map_or(survey.local, |attempt| attempt.at);
    if survey.local.duration_since(since).unsigned_abs() > settings.margins.flip_deadline {
        return Some(Conclusion::pause(
            format!("{hidden} was listed once and is not listed any more"),
            "look at the key in the Console; resume goes on looking for it",
        ));
    }
    Some(Conclusion::not_yet("a version that was listed once is not listed now"))
}

/// Reads a 2xx: the version is certainly ours and becomes the target.
#[must_use]
pub fn conclude_created(state: &State, number: u32, version: &KeyVersion, request_id: Option<RequestId>) -> Conclusion {
    let Some(attempt) = state.leg(number).and_then(|leg| leg.attempts.last()) else {
        return Conclusion::bug("a version was created that was never intended");
    };
    let created = Created {
        leg: number,
        generation: attempt.intent.generation,
        key: None,
        version: version.id.clone(),
        time_created: version.time_created,
        request_id,
    };
    let adopted = Adopted {
        leg: number,
        key: None,
        version: version.id.clone(),
        time_created: version.time_created,
        author: Author::Ours,
        census: Census { ours: 1, ..Census::default() },
    };
    Conclusion::facts(vec![Fact::Created(created), Fact::Adopted(adopted)])
}

/// Whether the answer to the mint journaled with this date may still be written down. An outcome speaks of the
/// journal's last mint; once another was journaled, or this one was settled, a late answer must not be taken for
/// its outcome (a refusal of ours would close somebody else's open mint).
#[must_use]
pub fn awaits_answer(state: &State, number: u32, date: Timestamp) -> bool {
    let attempt = state.leg(number).filter(|leg| leg.target.is_none()).and_then(Leg::open_attempt);
    attempt.is_some_and(|attempt| attempt.intent.date == date)
}

fn adopt(state: &State, number: u32, leg: &Leg, version: &KeyVersion, survey: &Survey) -> Conclusion {
    let author = author_of(leg, version);
    let adopted = Adopted {
        leg: number,
        key: None,
        version: version.id.clone(),
        time_created: version.time_created,
        author,
        census: count(state, leg, &survey.versions, Some(&version.id)),
    };
    Conclusion::facts(vec![Fact::Adopted(adopted)])
}

/// Who made a version, as far as that can be known: our 2xx, OCI's own flag, or a presumption.
pub(super) fn author_of(leg: &Leg, version: &KeyVersion) -> Author {
    let created = |attempt: &super::state::MintAttempt| attempt.outcome == MintOutcome::Created(version.id.clone());
    if leg.attempts.iter().any(created) {
        Author::Ours
    } else if version.is_auto_rotated {
        Author::Auto
    } else if leg.open_attempt().is_some_and(|attempt| !attempt.intent.baseline.contains(version.id.as_str())) {
        Author::OursPresumed
    } else {
        Author::Unknown
    }
}

/// Counts versions outside the first baseline by author; at most one in doubt is presumed ours.
pub(super) fn count(state: &State, leg: &Leg, versions: &[KeyVersion], presumed: Option<&KeyVersionId>) -> Census {
    let known = state.checked.as_ref().map(|checked| &checked.versions);
    let mut census = Census::default();
    for version in versions.iter().filter(|version| known.is_none_or(|known| !known.contains(&version.id))) {
        match author_of(leg, version) {
            Author::Ours => census.ours += 1,
            Author::OursPresumed if presumed == Some(&version.id) => census.presumed += 1,
            _ => census.others += 1,
        }
    }
    census
}

/// The census of a whole rotation: the last one taken on each leg.
pub(super) fn census(state: &State) -> Census {
    let mut all = Census::default();
    for in_use in state.legs.iter().filter_map(|leg| leg.in_use.as_ref()) {
        all.ours += in_use.census.ours;
        all.presumed += in_use.census.presumed;
        all.others += in_use.census.others;
    }
    all
}

/// Usable versions made after `old`.
pub(super) fn newer_usable<'a>(versions: &'a [KeyVersion], old: &KeyVersion) -> Vec<&'a KeyVersion> {
    versions
        .iter()
        .filter(|version| version.id != old.id && version.is_usable() && version.time_created >= old.time_created)
        .collect()
}

/// The newest of some versions; equal times cannot be told apart and are a person's choice.
fn newest<'a>(versions: &[&'a KeyVersion]) -> Result<Option<&'a KeyVersion>, String> {
    let Some(best) = versions.iter().copied().max_by_key(|version| version.time_created) else {
        return Ok(None);
    };
    let rivals = versions.iter().filter(|version| version.time_created == best.time_created).count();
    if rivals > 1 {
        return Err(format!("{rivals} usable versions were created at {}", best.time_created));
    }
    Ok(Some(best))
}

/// Asks for a person.
pub(super) fn paused(why: impl Into<String>, do_next: impl Into<String>) -> Fact {
    Fact::Paused(Paused::new(why, do_next))
}
