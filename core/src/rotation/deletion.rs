//! Deletions that somebody scheduled: what a look at a key shows, and when people are told, which is on change only.
//!
//! Told is remembered in the key's own stream, so that the next tick, whoever runs it, does not tell the same again. Nothing here
//! sends anything, and nothing that a rotation may do next depends on it.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::deletion_by::Asked;
use crate::model::{
    Deletion, DeletionOf, Key, KeyId, KeyState, KeyVersion, KeyVersionId, RotationSummary, Timestamp, Vault,
};

/// One deletion that is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheduled {
    /// When it happens, where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// INTENT: we are about to tell somebody which deletions are scheduled now; none: that they are no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmIntended {
    /// The notice's identity; sent again, it is the same. Several keys may share a notice.
    pub dedupe_key: String,
    /// What is scheduled, by OCID.
    pub scheduled: BTreeMap<String, Scheduled>,
    /// What the audit log shows of who scheduled it, by OCID, where it was asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by: BTreeMap<String, Asked>,
}

/// A notifier accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmTold {
    /// The notice's identity.
    pub dedupe_key: String,
    /// Which notifier.
    pub notifier: String,
    /// The service's id for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_as: Option<String>,
}

/// What people were last told of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The notice's identity.
    pub dedupe_key: String,
    /// What it said is scheduled.
    pub scheduled: BTreeMap<String, Scheduled>,
    /// What it said of who scheduled it.
    pub by: BTreeMap<String, Asked>,
    /// Notifiers that accepted it.
    pub told: BTreeSet<String>,
}

impl Alarm {
    /// Whether it told of this very deletion.
    #[must_use]
    pub fn has(&self, deletion: &Deletion) -> bool {
        self.scheduled.get(&deletion.id).is_some_and(|told| is_same_time(told.at, deletion.at))
    }
}

/// What is to be said of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// An alarm that some notifier has not accepted yet: it is sent again as it was.
    Again(Alarm),
    /// The same is scheduled as was told last, and it is known now who scheduled it, or that it will not be.
    Answered {
        /// What is scheduled.
        scheduled: BTreeMap<String, Scheduled>,
    },
    /// Something else is scheduled than was told last.
    Changed {
        /// What is scheduled now.
        scheduled: BTreeMap<String, Scheduled>,
        /// What was told last and is scheduled no more.
        ended: BTreeSet<String>,
    },
    /// Everybody was told.
    Nothing,
}

/// Every deletion that concerns a key, as its vault, it and its versions show it.
#[must_use]
pub fn deletions(key: &Key, vault: &Vault, versions: &[KeyVersion]) -> Vec<Deletion> {
    let is_done = |state: KeyState| state == KeyState::Deleted;
    let mut found: Vec<Deletion> = of_vault(vault).into_iter().collect();
    let deletion = |of, id: String, at, is_done, is_current| Deletion {
        of,
        id,
        at,
        is_done,
        is_current,
        holders_max: None,
        by: None,
    };
    if key.state.is_going() {
        found.push(deletion(DeletionOf::Key, key.id.to_string(), key.time_of_deletion, is_done(key.state), true));
    }
    for version in versions.iter().filter(|version| version.state.is_going()) {
        let is_current = version.id == key.current_version;
        let id = version.id.to_string();
        found.push(deletion(DeletionOf::KeyVersion, id, version.time_of_deletion, is_done(version.state), is_current));
    }
    found
}

/// The deletion of a vault, if one is scheduled.
#[must_use]
pub fn of_vault(vault: &Vault) -> Option<Deletion> {
    let (id, at) = (vault.id.to_string(), vault.time_of_deletion);
    let deletion =
        Deletion { of: DeletionOf::Vault, id, at, is_done: false, is_current: true, holders_max: None, by: None };
    vault.state.is_going().then_some(deletion)
}

/// Dependents that the journal does not know to be off what is deleted, at most. `rotations` of the key, oldest first, each
/// with whether it left nothing on the key.
#[must_use]
pub fn holders_max(deletion: &Deletion, rotations: &[(RotationSummary, bool)]) -> Option<u64> {
    let off =
        |summary: &RotationSummary, words: &[&str]| words.iter().map(|word| summary.counts.with(word)).sum::<u64>();
    let left =
        |summary: &RotationSummary| summary.dependents.saturating_sub(off(summary, &["rekeyed", "already", "gone"]));
    if deletion.is_current {
        let newest = rotations.iter().rev().find(|(summary, _)| summary.dependents > 0);
        return newest.map(|(summary, left_nothing)| match left_nothing {
            true => left(summary),
            false => summary.dependents.saturating_sub(off(summary, &["gone"])),
        });
    }
    // The last rotation that moved data off it; what a later one moved, it had not left on this version.
    let is_meant = |version: &KeyVersionId| version.as_str() == deletion.id;
    let moved_off = rotations.iter().rev().find(|(summary, _)| is_meant(&summary.superseded));
    moved_off.map(|(summary, _)| left(summary))
}

/// Says whether people are to be told. Without a whole view nothing counts as ended. `by`: what the audit log shows now.
#[must_use]
pub fn news(
    last: Option<&Alarm>,
    found: &[Deletion],
    by: &BTreeMap<String, Asked>,
    is_whole_view: bool,
    notifiers: &[String],
) -> News {
    let told = last.map(|alarm| alarm.scheduled.clone()).unwrap_or_default();
    let mut scheduled: BTreeMap<_, _> =
        found.iter().filter(|one| !one.is_done).map(|one| (one.id.clone(), Scheduled { at: one.at })).collect();
    if !is_whole_view {
        for (id, before) in &told {
            scheduled.entry(id.clone()).or_insert(*before);
        }
    }
    let is_same = told.len() == scheduled.len()
        && told.iter().all(|(id, before)| scheduled.get(id).is_some_and(|now| is_same_time(before.at, now.at)));
    if !is_same {
        let ended = told.keys().filter(|id| !scheduled.contains_key(*id)).cloned().collect();
        return News::Changed { scheduled, ended };
    }
    let was_known = |id: &String| last.and_then(|alarm| alarm.by.get(id)).is_some_and(Asked::is_final);
    if by.iter().any(|(id, asked)| scheduled.contains_key(id) && asked.is_final() && !was_known(id)) {
        return News::Answered { scheduled };
    }
    match last {
        Some(alarm) if notifiers.iter().any(|name| !alarm.told.contains(name)) => News::Again(alarm.clone()),
        _ => News::Nothing,
    }
}

/// While a deletion is being scheduled its time is not said yet: that it is said later is no news.
fn is_same_time(before: Option<Timestamp>, now: Option<Timestamp>) -> bool {
    before.zip(now).is_none_or(|(before, now)| before == now)
}

/// How the identities of notices begin that only say who scheduled what was told before.
pub const ANSWER: &str = "deletion/by/";

/// The identity of a notice: another one for every change, the same whoever computes it.
#[must_use]
pub fn dedupe_key<'a>(
    changes: impl Iterator<Item = (&'a KeyId, Option<&'a Alarm>, &'a BTreeMap<String, Scheduled>)>,
    is_answer: bool,
) -> String {
    let mut hasher = Sha256::new();
    for (key, before, scheduled) in changes {
        let before = before.map_or("", |alarm| alarm.dedupe_key.as_str());
        for part in [key.as_str(), before] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        for (id, Scheduled { at }) in scheduled {
            hasher.update(format!("{id}\0{}\0", at.map(|at| at.to_string()).unwrap_or_default()).as_bytes());
        }
        hasher.update([1]);
    }
    let prefix = if is_answer { ANSWER } else { "deletion/" };
    format!("{prefix}{}", &HEXLOWER.encode(&hasher.finalize())[..32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Counts, Kind, Outcome, RotationId};

    fn deletion(id: &str, at: Option<i64>) -> Deletion {
        let at = at.map(|at| Timestamp::from_second(at).expect("in range"));
        Deletion {
            of: DeletionOf::KeyVersion,
            id: id.to_owned(),
            at,
            is_done: false,
            is_current: false,
            holders_max: None,
            by: None,
        }
    }

    fn told(found: &[Deletion], by: &[&str]) -> Alarm {
        Alarm {
            dedupe_key: "d".to_owned(),
            scheduled: found.iter().map(|one| (one.id.clone(), Scheduled { at: one.at })).collect(),
            by: BTreeMap::new(),
            told: by.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn names() -> Vec<String> {
        vec!["a".to_owned(), "b".to_owned()]
    }

    #[test]
    fn the_same_deletion_is_told_once_to_each_notifier() {
        let found = [deletion("v", Some(9))];
        assert!(matches!(news(None, &found, &BTreeMap::new(), true, &names()), News::Changed { .. }));
        let half = told(&found, &["a"]);
        assert_eq!(news(Some(&half), &found, &BTreeMap::new(), true, &names()), News::Again(half.clone()));
        assert_eq!(news(Some(&told(&found, &["a", "b"])), &found, &BTreeMap::new(), true, &names()), News::Nothing);
    }

    #[test]
    fn another_time_is_news_and_a_time_that_is_said_at_last_is_none() {
        let early = told(&[deletion("v", None)], &["a", "b"]);
        assert_eq!(news(Some(&early), &[deletion("v", Some(9))], &BTreeMap::new(), true, &names()), News::Nothing);
        let timed = told(&[deletion("v", Some(9))], &["a", "b"]);
        assert!(matches!(
            news(Some(&timed), &[deletion("v", Some(10))], &BTreeMap::new(), true, &names()),
            News::Changed { .. }
        ));
    }

    #[test]
    fn a_key_that_could_not_be_read_ends_no_alarm() {
        let before = told(&[deletion("v", Some(9))], &["a", "b"]);
        assert_eq!(news(Some(&before), &[], &BTreeMap::new(), false, &names()), News::Nothing);
        let News::Changed { scheduled, ended } = news(Some(&before), &[], &BTreeMap::new(), true, &names()) else {
            panic!("it is scheduled no more")
        };
        assert!(scheduled.is_empty() && ended.contains("v"));
        let News::Changed { scheduled, .. } =
            news(Some(&before), &[deletion("vault", None)], &BTreeMap::new(), false, &names())
        else {
            panic!("the vault is news")
        };
        assert_eq!(scheduled.len(), 2);
    }

    #[test]
    fn a_version_that_was_deleted_before_we_came_is_no_news() {
        let gone = Deletion { is_done: true, ..deletion("v", None) };
        assert_eq!(news(None, &[gone], &BTreeMap::new(), true, &names()), News::Nothing);
    }

    #[test]
    fn cancelled_and_scheduled_again_is_another_notice() {
        let key = KeyId::parse("ocid1.key.oc1.iad.v.k").expect("an OCID");
        let scheduled = BTreeMap::from([("v".to_owned(), Scheduled { at: None })]);
        let first = dedupe_key(std::iter::once((&key, None, &scheduled)), false);
        let alarm = Alarm { dedupe_key: first.clone(), ..told(&[], &[]) };
        assert_eq!(first, dedupe_key(std::iter::once((&key, None, &scheduled)), false));
        assert_ne!(first, dedupe_key(std::iter::once((&key, Some(&alarm), &scheduled)), false));
    }

    #[test]
    fn holders_are_what_the_journal_does_not_know_to_be_off() {
        let version = |name: &str| KeyVersionId::parse(format!("ocid1.keyversion.oc1.iad.v.{name}")).expect("an OCID");
        let mut counts = Counts::default();
        for outcome in [Outcome::Gone { how: String::new() }, Outcome::Blocked { why: String::new() }] {
            counts.add(&Kind::Bucket, &outcome);
        }
        let rotation = RotationSummary {
            rotation: RotationId::parse("aaaaaaaaaaaaaaaa").expect("an id"),
            key: KeyId::parse("ocid1.key.oc1.iad.v.k").expect("an OCID"),
            superseded: version("one"),
            is_sweep: false,
            overtaken_by: None,
            target: Some(version("two")),
            phase: "completed".to_owned(),
            paused: None,
            opened_at: Timestamp::UNIX_EPOCH,
            closed_at: None,
            dependents: 5,
            counts,
        };
        let of = |name: &str, is_current| Deletion { is_current, ..deletion(version(name).as_str(), None) };
        let all = [(rotation, false)];
        assert_eq!(holders_max(&of("one", false), &all), Some(4), "one is gone, nothing is known of the others");
        assert_eq!(holders_max(&of("two", true), &all), Some(4));
        assert_eq!(holders_max(&of("zero", false), &all), None);
        assert_eq!(holders_max(&of("one", false), &[]), None);
    }
}
