//! The intent register (rule R9): what a tag on the key says about mints that another journal may have on its way.
//!
//! Two deployments with separate journals see each other only here. Pure: whoever surveys brings the key's tags, and
//! gets back whether to mint, to wait, or to ask for a person. The text of a tag is foreign: it may be anything, and
//! nothing in it can make a mint happen earlier than an empty register would.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::conclude::{Conclusion, Survey, failed};
use super::effect::Effect;
use super::fact::{Fact, MintDeferred, MintIntended, MintRefused, NOT_SENT};
use super::state::{MintAttempt, State};
use crate::Error;
use crate::model::{
    Etag, Finding, FindingKind, KeyVersion, KeyVersionId, Settings, TagName, Tags, Timestamp, to_seconds,
};

/// What a tag's value may be long in OCI, in characters.
const VALUE_CHARS_MAX: usize = 256;
/// A version's OCID longer than this is written as a digest.
const VERSION_CHARS_MAX: usize = 140;
/// The first word of every value: this layout.
const LAYOUT: &str = "kw1";

/// What stands between an intent and its mint: the key's tags with our intent in them, under the etag they were read
/// with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterWrite {
    /// All tags of the key: UpdateKey replaces them as a whole.
    pub tags: Tags,
    /// The etag of the very read that the intent was decided on, where the key came with one.
    pub if_match: Option<Etag>,
}

/// One deployment's intent, as the tag tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// Of the rotation; for people.
    pub ordinal: u32,
    /// Of the token; for people.
    pub generation: u32,
    /// The date that the announced mint is signed with: its fence.
    pub date: Timestamp,
    /// How many versions its writer saw; for people.
    pub count: u32,
    /// Tells the writer's own intents from everybody else's, also of one second.
    pub mark: String,
    /// The newest version that its writer saw, or a digest of it.
    pub newest: String,
}

/// What a tag can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// There is none.
    Absent,
    /// It is no register of this layout; its beginning, for people.
    Junk(String),
    /// It is one.
    Written(Register),
}

impl Register {
    fn of(intent: &MintIntended, mark: &str, ordinal: u32, versions: &[KeyVersion]) -> Self {
        let newest = versions.iter().max_by_key(|version| version.time_created);
        Self {
            ordinal,
            generation: intent.generation,
            date: intent.date,
            count: u32::try_from(versions.len()).unwrap_or(u32::MAX),
            mark: mark.to_owned(),
            newest: newest.map(|version| brief(&version.id)).unwrap_or_default(),
        }
    }

    /// The tag's value.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { ordinal, generation, date, count, mark, newest } = self;
        format!("{LAYOUT} o={ordinal} g={generation} d={date} n={count} m={mark} v={newest}")
    }

    /// Reads a tag's value. Members that this version does not know are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().count() > VALUE_CHARS_MAX {
            return None;
        }
        let mut words = text.split(' ');
        if words.next() != Some(LAYOUT) {
            return None;
        }
        let mut members = std::collections::BTreeMap::new();
        for word in words {
            let (name, value) = word.split_once('=')?;
            if value.is_empty() || members.insert(name, value).is_some() {
                return None;
            }
        }
        let number = |name| members.get(name)?.parse().ok();
        let text = |name| members.get(name).map(|value| (*value).to_owned());
        Some(Self {
            ordinal: number("o")?,
            generation: number("g")?,
            date: members.get("d")?.parse().ok()?,
            count: number("n")?,
            mark: text("m")?,
            newest: text("v")?,
        })
    }
}

/// A version's OCID, or a digest of one that is too long for a tag.
fn brief(version: &KeyVersionId) -> String {
    if version.as_str().len() <= VERSION_CHARS_MAX {
        return version.to_string();
    }
    format!("sha256-{}", &HEXLOWER.encode(&Sha256::digest(version.as_str().as_bytes()))[..32])
}

/// The tag as it is spelled on the key: OCI compares namespaces and keys without regard to case.
fn spelled<'t>(tags: &'t Tags, place: &TagName) -> Option<(&'t str, Option<(&'t str, &'t str)>)> {
    let (namespace, keys) = tags.defined.iter().find(|(name, _)| name.eq_ignore_ascii_case(&place.namespace))?;
    let tag = keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(&place.key));
    Some((namespace, tag.map(|(name, value)| (name.as_str(), value.as_str()))))
}

/// Reads the register among a key's tags.
#[must_use]
pub fn read_register(tags: &Tags, place: &TagName) -> Reading {
    match spelled(tags, place).and_then(|(_, tag)| tag) {
        None => Reading::Absent,
        Some((_, text)) => match Register::parse(text) {
            Some(register) => Reading::Written(register),
            None => Reading::Junk(shown(text)),
        },
    }
}

/// The beginning of foreign text, without what a terminal would obey.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_default).collect()
}

/// The key's tags with our intent in place of whatever stood there; every other tag as it was.
fn announced(tags: &Tags, place: &TagName, register: &Register) -> Tags {
    let (namespace, key) = match spelled(tags, place) {
        Some((namespace, Some((key, _)))) => (namespace.to_owned(), key.to_owned()),
        Some((namespace, None)) => (namespace.to_owned(), place.key.clone()),
        None => (place.namespace.clone(), place.key.clone()),
    };
    let mut tags = tags.clone();
    tags.defined.entry(namespace).or_default().insert(key, register.text());
    tags
}

/// The key's tags without the register: it speaks of this key alone.
pub(super) fn without_register(tags: &Tags, settings: &Settings) -> Tags {
    let mut rest = tags.clone();
    let place = settings.policy.intent_register.as_ref();
    if let Some((namespace, Some((key, _)))) = place.and_then(|place| spelled(tags, place))
        && let Some(keys) = rest.defined.get_mut(namespace)
    {
        keys.remove(key);
        rest.defined.retain(|_, keys| !keys.is_empty());
    }
    rest
}

/// What our intents are known by: the line they follow on. Lines carry 128 random bits, so no other journal has it.
pub(super) fn mark_of(state: &State) -> String {
    state.head.as_str().chars().take(16).collect()
}

/// What is to be written beside an intent, if the owner wants a register.
pub(super) fn register_write(
    state: &State,
    intent: &MintIntended,
    survey: &Survey,
    settings: &Settings,
) -> Option<RegisterWrite> {
    let (place, mark) = (settings.policy.intent_register.as_ref()?, intent.mark.as_ref()?);
    let register = Register::of(intent, mark, state.opened.name.ordinal, &survey.versions);
    Some(RegisterWrite { tags: announced(&survey.key.tags, place, &register), if_match: None })
}

fn marked(state: &State) -> impl DoubleEndedIterator<Item = (&MintAttempt, &str)> {
    let attempts = state.legs.iter().flat_map(|leg| &leg.attempts);
    attempts.filter_map(|attempt| Some((attempt, attempt.intent.mark.as_deref()?)))
}

/// Says what the register has against a mint now; `None`: nothing.
pub(super) fn objection(state: &State, number: u32, survey: &Survey, settings: &Settings) -> Option<Conclusion> {
    let place = settings.policy.intent_register.as_ref()?;
    let finding = |text: String| Finding {
        kind: FindingKind::RegisterUnreliable,
        subject: state.opened.name.key.to_string(),
        text: format!("the register {}.{} {text}", place.namespace, place.key),
    };
    let register = match read_register(&survey.key.tags, place) {
        Reading::Absent => {
            let (_, mark) = marked(state).rfind(|(attempt, _)| attempt.is_sent)?;
            let finding = finding(
                "was written by us and is gone; whatever removes it (Terraform: ignore_changes) makes it useless"
                    .to_owned(),
            );
            return hold(state, number, &format!("gone after {mark}"), finding, survey, settings);
        }
        Reading::Junk(text) => {
            let last = marked(state).next_back().map_or("none", |(_, mark)| mark);
            let what = format!("{} after {last}", digest(&text));
            let finding = finding(format!("holds something else, \"{text}\"; it is taken for an intent of just now"));
            return hold(state, number, &what, finding, survey, settings);
        }
        Reading::Written(register) => register,
    };
    // Compared before anything is added to it: a foreign date may be the end of all time.
    if register.date > survey.server_time + settings.margins.skew_limit {
        let finding = finding(format!("is dated {}, in the future; it is ignored", to_seconds(register.date)));
        return (!state.noted.contains(&finding)).then(|| Conclusion::facts(vec![Fact::Noted(finding)]));
    }
    if !survey.versions.iter().any(|version| brief(&version.id) == register.newest) {
        return Some(list_is_behind(state, &register, survey, settings));
    }
    if marked(state).any(|(_, mark)| mark == register.mark) {
        return None;
    }
    let quiet_from = register.date + settings.margins.quiet_period();
    if survey.server_date.is_none_or(|server_date| server_date <= quiet_from) {
        let until = survey.local_for(quiet_from + Duration::from_secs(1));
        return Some(Conclusion::wait(until, "another deployment announced a mint of this key (intent register)"));
    }
    None
}

fn digest(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text.as_bytes()))[..16].to_owned()
}

/// A register that cannot be relied on costs one quiet period, counted from the look that found it so and written
/// down, so that a process that dies meanwhile does not wait twice.
fn hold(
    state: &State,
    number: u32,
    what: &str,
    finding: Finding,
    survey: &Survey,
    settings: &Settings,
) -> Option<Conclusion> {
    if state.deferred.contains(what) {
        return None;
    }
    let Some(seen_at) = survey.server_date else {
        return Some(Conclusion::not_yet("the answer carried no date to wait by"));
    };
    let until = seen_at + settings.margins.quiet_period();
    let held = MintDeferred { leg: number, what: what.to_owned(), why: finding.text.clone(), until };
    let noted = (!state.noted.contains(&finding)).then_some(Fact::Noted(finding));
    Some(Conclusion::facts(std::iter::once(Fact::MintDeferred(held)).chain(noted).collect()))
}

/// Somebody saw a version that our list does not show: the list is stale, never a reason to mint.
fn list_is_behind(state: &State, register: &Register, survey: &Survey, settings: &Settings) -> Conclusion {
    let hidden = shown(&register.newest);
    if survey.local.duration_since(state.last_at).unsigned_abs() > settings.margins.flip_deadline {
        return Conclusion::pause(
            format!("the intent register names a version that is not listed: {hidden}"),
            "look at the key in the Console; if that version was deleted for good, remove the tag, then resume",
        );
    }
    Conclusion::not_yet("the intent register names a version that is not listed yet")
}

/// Reads the answer to a register that could not be written, or nobody knows: the mint was not sent, that is certain.
#[must_use]
pub fn conclude_unannounced(state: &State, number: u32, error: &Error, not_before: Timestamp) -> Conclusion {
    let Some(attempt) = state.leg(number).and_then(|leg| leg.open_attempt()) else {
        return Conclusion::bug("a register was written without an open mint");
    };
    let refused = Fact::MintRefused(MintRefused {
        leg: number,
        generation: attempt.intent.generation,
        status: error.status().unwrap_or_default(),
        code: NOT_SENT.to_owned(),
        request_id: error.request_id().cloned(),
    });
    // If the register's own answer was lost, it is read again at the next survey like everybody's.
    Conclusion::facts(vec![refused, failed(state, Effect::Survey { leg: number }.name(), error, not_before)])
}

#[cfg(test)]
#[path = "register_tests.rs"]
mod tests;
