//! A predecessor has at most one successor (rules R7 and R8): what a look at the keys of its vault means.
//!
//! The same protocol as for versions, with two differences. A key carries tags, so what may be ours says so itself, in
//! a defined namespace that only keywheel may write; and because anybody who may write there could plant a key, a
//! successor whose 2xx we did not see must fit in every respect, else a person is asked.

use std::collections::BTreeSet;
use std::time::Duration;

use super::conclude::{Conclusion, Survey};
use super::effect::Effect;
use super::fact::{Adopted, Author, Created, Fact, InUse, MintIntended, Sighted};
use super::mint::{held_back, next_date, next_generation, token};
use super::register::{mark_of, register_write, without_register};
use super::state::{Leg, MintOutcome, State};
use super::token::{lineage_mark, lineage_value};
use crate::model::{
    Census, Key, KeyId, KeyState, KeyVersion, KeyVersionId, Origin, RequestId, RotationId, Settings, Tags,
};
use crate::safeguard::{Safeguard, is_on};

/// A key read whole: one that claims to be the successor, or the head of the lineage.
#[derive(Debug, Clone)]
pub struct Claimant {
    /// The key.
    pub key: Key,
    /// All its versions.
    pub versions: Vec<KeyVersion>,
}

/// A look at a predecessor and at every key that claims to be its successor.
#[derive(Debug, Clone)]
pub struct SuccessorSurvey {
    /// The predecessor; its dates are those of the *last* answer of the look, the list of claims included.
    pub of: Survey,
    /// The head of the lineage by the registry, if a successor was named before.
    pub head: Option<Claimant>,
    /// Keys of the same vault and compartment whose lineage tag names this predecessor.
    pub claims: Vec<Claimant>,
}

/// The rotations that claims say they were made by: of those a journal may have forgotten what it did.
#[must_use]
pub fn claimed_makers(survey: &SuccessorSurvey, settings: &Settings) -> Vec<RotationId> {
    let lineage = &settings.policy.lineage_tag;
    let (mark, tags) = (lineage_mark(&survey.of.key.id), survey.claims.iter().map(|claimant| &claimant.key.tags));
    let values = tags.filter_map(|tags| tags.defined.get(&lineage.namespace)?.get(&lineage.key));
    values.filter_map(|value| RotationId::parse(value.strip_prefix(&mark)?).ok()).collect()
}

/// Reads a survey before a successor is minted: adopt, mint, or ask for a person.
#[must_use]
pub fn conclude_successor_survey(
    state: &State,
    number: u32,
    survey: &SuccessorSurvey,
    settings: &Settings,
) -> Conclusion {
    let Some(leg) = state.leg(number) else {
        return Conclusion::bug("survey of a leg that does not exist");
    };
    let predecessor = &survey.of.key;
    if predecessor.state != KeyState::Enabled {
        let why = format!("the key is {:?}, not ENABLED: its dependents could not be moved", predecessor.state);
        return Conclusion::pause(why, "enable the key, then resume");
    }
    if let Some(head) = &survey.head {
        return match one_version(head) {
            Ok(version) => adopt(number, head, version, Author::Unknown),
            Err(why) => Conclusion::pause(
                format!("the lineage's head {} cannot take dependents: {why}", head.key.id),
                "mend it, then resume; block storage wants a key with one version",
            ),
        };
    }
    if let Some(hidden) = leg.sighted.iter().find(|id| !survey.claims.iter().any(|c| c.key.current_version == **id)) {
        return Conclusion::not_yet(format!(
            "a successor that was listed once, of version {hidden}, is not listed now"
        ));
    }
    match claimed(leg, survey, settings) {
        Claimed::Nothing => intend(state, number, leg, survey, settings),
        Claimed::Ours(claimant, version) if !leg.attempts.is_empty() => {
            adopt(number, claimant, version, author_of(leg, claimant))
        }
        // A journal that was put back from a backup has forgotten its intent; a sink has not.
        Claimed::Ours(claimant, version) if !state.behind.is_empty() => match state.mint_not_before {
            Some(until) if survey.of.server_date.is_none_or(|date| date <= until) => Conclusion::wait(
                survey.of.local_for(until + Duration::from_secs(1)),
                "the quiet period of a journal that was restored from a backup",
            ),
            _ => adopt(number, claimant, version, Author::OursPresumed),
        },
        Claimed::Ours(claimant, _) => suspicious(&claimant.key.id, "no mint of it was ever intended here"),
        Claimed::Suspicious(key, why) => suspicious(&key, &why),
    }
}

/// Reads a survey while the mint of a successor is in doubt.
#[must_use]
pub fn conclude_successor_settle(
    state: &State,
    number: u32,
    survey: &SuccessorSurvey,
    settings: &Settings,
) -> Conclusion {
    let Some((leg, attempt)) = state.leg(number).and_then(|leg| Some((leg, leg.open_attempt()?))) else {
        return Conclusion::bug("settling a leg without an open mint");
    };
    let Some(server_date) = survey.of.server_date else {
        return Conclusion::not_yet("the answer carried no date to settle by");
    };
    // What cannot be ours is none of this mint's business; what is being deleted is accounted for.
    let version = |claimant: &Claimant| claimant.key.current_version.clone();
    let may_be_ours =
        |claimant: &&Claimant| !claimant.key.state.is_going() && fit(leg, survey, claimant, settings).is_ok();
    let seen: BTreeSet<_> = survey.claims.iter().filter(may_be_ours).map(version).collect();
    let is_going = |claimant: &&Claimant| claimant.key.state.is_going();
    let going: BTreeSet<_> = survey.claims.iter().filter(is_going).map(version).collect();
    let quiet_from = attempt.intent.date + settings.margins.quiet_period();
    if server_date <= quiet_from {
        if !seen.is_subset(&leg.sighted) {
            let generation = attempt.intent.generation;
            return Conclusion::facts(vec![Fact::Sighted(Sighted { leg: number, generation, versions: seen })]);
        }
        let until = survey.of.local_for(quiet_from + Duration::from_secs(1));
        return Conclusion::wait(until, "the quiet period of a mint whose answer was lost");
    }
    match claimed(leg, survey, settings) {
        Claimed::Nothing if leg.sighted.is_subset(&going) => {
            Conclusion::facts(vec![Fact::MintSettled { leg: number, generation: attempt.intent.generation }])
        }
        Claimed::Nothing => Conclusion::not_yet("a successor that was listed once is not listed now"),
        Claimed::Ours(claimant, version) => adopt(number, claimant, version, author_of(leg, claimant)),
        Claimed::Suspicious(key, why) => suspicious(&key, &why),
    }
}

/// Reads a 2xx: the key is certainly ours and becomes the target.
#[must_use]
pub fn conclude_key_created(state: &State, number: u32, key: &Key, request_id: Option<RequestId>) -> Conclusion {
    let Some(attempt) = state.leg(number).and_then(|leg| leg.attempts.last()) else {
        return Conclusion::bug("a key was created that was never intended");
    };
    let created = Fact::Created(Created {
        leg: number,
        generation: attempt.intent.generation,
        key: Some(key.id.clone()),
        version: key.current_version.clone(),
        time_created: key.time_created,
        request_id,
    });
    let claimant = Claimant { key: key.clone(), versions: Vec::new() };
    let mut conclusion = adopt(number, &claimant, &key.current_version, Author::Ours);
    conclusion.facts.insert(0, created);
    conclusion
}

/// Reads the successor while waiting until it can take dependents: ENABLED, with exactly one version of OCI's making.
#[must_use]
pub fn conclude_successor_in_use(
    state: &State,
    number: u32,
    seen: &Claimant,
    predecessor: &Key,
    survey: &Survey,
    settings: &Settings,
) -> Conclusion {
    let Some((target, since)) = state.leg(number).and_then(|leg| Some((leg.target.as_ref()?, leg.target_at?))) else {
        return Conclusion::bug("waiting for a successor without a target");
    };
    let Some(seen_at) = survey.server_date else {
        return Conclusion::not_yet("the answer carried no date");
    };
    if seen.key.state.is_going() {
        return Conclusion::facts(vec![Fact::TargetLost { leg: number, version: target.version.clone() }]);
    }
    if let Some(why) = unlike(predecessor, &seen.key).filter(|_| is_on(Safeguard::SuccessorFits)) {
        return suspicious(&seen.key.id, &why);
    }
    if seen.key.state == KeyState::Enabled {
        match one_version(seen) {
            Ok(version) if *version == target.version => {
                return Conclusion::facts(vec![Fact::InUse(InUse {
                    leg: number,
                    version: version.clone(),
                    seen_at,
                    census: target.census.clone(),
                })]);
            }
            Ok(version) => {
                return suspicious(&seen.key.id, &format!("its only version is {version}, not the adopted one"));
            }
            Err(why) if seen.versions.len() > 1 => return suspicious(&seen.key.id, &why),
            Err(_) => {}
        }
    }
    let waited = survey.local.duration_since(since).unsigned_abs();
    if waited > settings.margins.flip_deadline {
        return Conclusion::pause(
            format!("the successor {} is {:?} after {:?}", seen.key.id, seen.key.state, settings.margins.flip_deadline),
            "look at the key in the Console; resume goes on waiting",
        );
    }
    Conclusion::not_yet("the successor is not ENABLED yet")
}

/// The canonical CreateKeyDetails of a successor: the predecessor's shape, protection, compartment and its owner's tags.
#[must_use]
fn successor_body(state: &State, predecessor: &Key, settings: &Settings) -> String {
    let lineage = &settings.policy.lineage_tag;
    let mut tags = Tags { freeform: predecessor.tags.freeform.clone(), ..Tags::default() };
    // keywheel's own tags are never copied: each speaks of one key.
    tags.defined = without_register(&predecessor.tags, settings).defined;
    tags.defined.remove(&lineage.namespace);
    tags.defined
        .entry(lineage.namespace.clone())
        .or_default()
        .insert(lineage.key.clone(), lineage_value(&predecessor.id, &state.rid));
    let mut shape = serde_json::json!({
        "algorithm": predecessor.shape.algorithm,
        "length": predecessor.shape.length,
    });
    if let Some(curve) = &predecessor.shape.curve {
        shape["curveId"] = serde_json::Value::from(curve.as_str());
    }
    let body = serde_json::json!({
        "compartmentId": predecessor.compartment,
        "definedTags": tags.defined,
        "displayName": successor_name(&predecessor.name, state.rid.as_str()),
        "freeformTags": tags.freeform,
        "keyShape": shape,
        "protectionMode": predecessor.protection,
    });
    // serde_json sorts the members of an object: the same words in every process.
    body.to_string()
}

/// The owner's name with the rotation's id behind it, in place of an earlier one.
fn successor_name(name: &str, rid: &str) -> String {
    const MARK: &str = " kw-";
    const LONGEST: usize = 80;
    let base = name.rfind(MARK).filter(|at| name.len() - at == MARK.len() + 6).map_or(name, |at| &name[..at]);
    let base: String = base.chars().take(LONGEST).collect();
    format!("{base}{MARK}{}", &rid[..6])
}

/// What the keys that carry our tag are.
enum Claimed<'a> {
    Nothing,
    Ours(&'a Claimant, &'a KeyVersionId),
    Suspicious(KeyId, String),
}

/// R8: all of it, or a person.
fn claimed<'a>(leg: &Leg, survey: &'a SuccessorSurvey, settings: &Settings) -> Claimed<'a> {
    let living: Vec<&Claimant> = survey.claims.iter().filter(|claimant| !claimant.key.state.is_going()).collect();
    let (claimant, others) = match living.as_slice() {
        [] => return Claimed::Nothing,
        [one, others @ ..] => (*one, others.len()),
    };
    let suspicious = |why: String| Claimed::Suspicious(claimant.key.id.clone(), why);
    if others > 0 {
        return suspicious(format!("{} keys claim to be the successor", others + 1));
    }
    match fit(leg, survey, claimant, settings) {
        Ok(version) => Claimed::Ours(claimant, version),
        Err(why) => suspicious(why),
    }
}

/// The version of a claimant that is the successor in every respect; else why it is not.
fn fit<'a>(
    leg: &Leg,
    survey: &SuccessorSurvey,
    claimant: &'a Claimant,
    settings: &Settings,
) -> Result<&'a KeyVersionId, String> {
    if !is_on(Safeguard::SuccessorFits) {
        return Ok(&claimant.key.current_version);
    }
    if let Some(why) = unlike(&survey.of.key, &claimant.key) {
        return Err(why);
    }
    let first_intent = leg.attempts.iter().map(|attempt| attempt.intent.date).min();
    if first_intent.is_some_and(|date| claimant.key.time_created < date - settings.margins.clock_error) {
        return Err(format!("it was created at {}, before the mint was intended", claimant.key.time_created));
    }
    one_version(claimant)
}

/// What a key has that its predecessor has not; `None`: it fits.
fn unlike(predecessor: &Key, key: &Key) -> Option<String> {
    let differs = |what: &str| Some(format!("its {what} is not the predecessor's"));
    if key.id == predecessor.id {
        return Some("it is the predecessor itself".to_owned());
    }
    if key.vault != predecessor.vault {
        return differs("vault");
    }
    if key.compartment != predecessor.compartment {
        return differs("compartment");
    }
    if key.shape != predecessor.shape {
        return differs("shape");
    }
    if key.protection != predecessor.protection {
        return differs("protection mode");
    }
    (key.is_external || key.is_primary == Some(false)).then(|| "it is external, or a replica".to_owned())
}

/// The only version of a key, if it has exactly one and OCI made it.
fn one_version(claimant: &Claimant) -> Result<&KeyVersionId, String> {
    match claimant.versions.as_slice() {
        _ if claimant.key.state.is_going() => Err(format!("it is {:?}", claimant.key.state)),
        [] => Err("no version of it is listed".to_owned()),
        [one] if one.origin != Origin::Internal => Err("its material was imported".to_owned()),
        [one] if !one.is_usable() => Err(format!("its version is {:?}", one.state)),
        [one] => Ok(&one.id),
        several => Err(format!("it has {} versions", several.len())),
    }
}

fn suspicious(key: &KeyId, why: &str) -> Conclusion {
    Conclusion::pause(
        format!("{key} carries keywheel's lineage tag, but {why}"),
        "find out who made it (Oracle's audit log); take the tag off, or make it fit, then resume",
    )
}

fn author_of(leg: &Leg, claimant: &Claimant) -> Author {
    let created = MintOutcome::Created(claimant.key.current_version.clone());
    if leg.attempts.iter().any(|attempt| attempt.outcome == created) { Author::Ours } else { Author::OursPresumed }
}

fn adopt(number: u32, claimant: &Claimant, version: &KeyVersionId, author: Author) -> Conclusion {
    let census = match author {
        Author::Ours => Census { ours: 1, ..Census::default() },
        Author::OursPresumed => Census { presumed: 1, ..Census::default() },
        _ => Census::default(),
    };
    Conclusion::facts(vec![Fact::Adopted(Adopted {
        leg: number,
        key: Some(claimant.key.id.clone()),
        version: version.clone(),
        time_created: claimant.key.time_created,
        author,
        census,
    })])
}

/// Journals an intent: as for a version, with the whole body, so that every send is the same request.
fn intend(state: &State, number: u32, leg: &Leg, survey: &SuccessorSurvey, settings: &Settings) -> Conclusion {
    if survey.of.uncertainty > settings.margins.clock_error {
        return Conclusion::not_yet("the server's time is not known well enough to mint (assumption A5)");
    }
    if let Some(held_back) = held_back(state, number, &survey.of, settings) {
        return held_back;
    }
    let generation = next_generation(leg, survey.of.server_time, settings.margins.token_life);
    let operation = "create_key".to_owned();
    let body = match leg.attempts.iter().find(|attempt| attempt.intent.generation == generation) {
        // The same token must come with the same words, whatever the owner renamed or tagged since.
        Some(attempt) => attempt.intent.body.clone(),
        None => successor_body(state, &survey.of.key, settings),
    };
    let intent = MintIntended {
        leg: number,
        generation,
        token: token(&state.opened.name, number, &operation, generation),
        operation,
        date: next_date(leg, survey.of.server_time),
        baseline: survey.claims.iter().map(|claimant| claimant.key.id.to_string()).collect(),
        body,
        mark: settings.policy.intent_register.as_ref().map(|_| mark_of(state)),
    };
    let register = register_write(state, &intent, &survey.of, settings);
    Conclusion { register, ..Conclusion::facts(vec![Fact::MintIntended(intent)]).then(Effect::Mint { leg: number }) }
}
