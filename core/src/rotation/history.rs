//! What the journal knows of one key beyond its rotations, stream `key/<id>`, and whether the key is *behind* (R1).
//!
//! Behind is said of a key whose current version is one on which no rotation ended here and which has an earlier
//! version not known to be unheld. A key first seen with one version is never behind. Nothing here asks the cloud.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::attribution::VersionAttributed;
use super::deletion::{Alarm, AlarmIntended, AlarmTold};
use super::registry::Registry;
use crate::model::{Attribution, HistoryPolicy, Key, KeyVersion, KeyVersionId, Timestamp};

/// A fact of a key's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeyFact {
    /// INTENT: we are about to tell somebody which deletions are scheduled now.
    AlarmIntended(AlarmIntended),
    /// A notifier accepted it.
    AlarmTold(AlarmTold),
    /// The first time that we looked at the key with a wish to rotate it.
    FirstSeen(FirstSeen),
    /// A predecessor was looked at for dependents, and none was seen.
    SeenEmpty {
        /// When, by the runner's clock.
        at: Timestamp,
    },
    /// The audit log was asked who made a version.
    VersionAttributed(VersionAttributed),
}

impl KeyFact {
    /// Whether a reader that does not know this fact must refuse to go on. What people were told and who
    /// made a version changes nothing that a rotation may do.
    #[must_use]
    pub fn must(&self) -> bool {
        !matches!(self, Self::AlarmIntended(_) | Self::AlarmTold(_) | Self::VersionAttributed(_))
    }
}

/// What a key was like when it was first seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstSeen {
    /// Its current version then.
    pub current: KeyVersionId,
    /// All versions that were listed then.
    pub versions: BTreeSet<KeyVersionId>,
}

impl FirstSeen {
    /// What a look shows.
    #[must_use]
    pub fn of(key: &Key, versions: &[KeyVersion]) -> Self {
        let versions = versions.iter().map(|version| version.id.clone()).collect();
        Self { current: key.current_version.clone(), versions }
    }
}

/// What a key's facts add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownKey {
    /// What it was like when it was first seen; the first such fact counts.
    pub first_seen: Option<FirstSeen>,
    /// When a predecessor was last seen without dependents.
    pub seen_empty: Option<Timestamp>,
    /// What people were last told of deletions.
    pub alarm: Option<Alarm>,
    /// Who made versions, as far as the audit log said; the last answer counts.
    pub attributed: BTreeMap<KeyVersionId, Attribution>,
}

impl KnownKey {
    /// Applies one fact.
    pub fn apply(&mut self, fact: &KeyFact) {
        match fact {
            KeyFact::AlarmIntended(AlarmIntended { dedupe_key, scheduled, by }) => {
                let (dedupe_key, scheduled, by) = (dedupe_key.clone(), scheduled.clone(), by.clone());
                self.alarm = Some(Alarm { dedupe_key, scheduled, by, told: BTreeSet::new() });
            }
            KeyFact::AlarmTold(told) => {
                if let Some(alarm) = self.alarm.as_mut().filter(|alarm| alarm.dedupe_key == told.dedupe_key) {
                    alarm.told.insert(told.notifier.clone());
                }
            }
            KeyFact::FirstSeen(seen) => {
                self.first_seen.get_or_insert_with(|| seen.clone());
            }
            KeyFact::VersionAttributed(VersionAttributed { attribution }) => {
                self.attributed.insert(attribution.version.clone(), attribution.clone());
            }
            KeyFact::SeenEmpty { at } => self.seen_empty = Some(*at),
        }
    }
}

/// The newest earlier version that data may still hang on, if the key is behind.
#[must_use]
pub fn behind(
    key: &Key,
    versions: &[KeyVersion],
    known: &KnownKey,
    registry: &Registry,
    policy: HistoryPolicy,
) -> Option<KeyVersionId> {
    let first_seen = known.first_seen.clone().unwrap_or_else(|| FirstSeen::of(key, versions));
    let ended: Vec<_> = registry.ended_on(&key.id).collect();
    if ended.iter().any(|(target, _)| **target == key.current_version) {
        return None;
    }
    let time_of = |id: &KeyVersionId| versions.iter().find(|version| version.id == *id).map(|v| v.time_created);
    let now_current = time_of(&key.current_version)?;
    // A rotation that ended clean moved everything it could see to its target, from whatever version.
    let unheld_before = ended.iter().filter(|(_, is_clean)| *is_clean).filter_map(|(target, _)| time_of(target)).max();
    // What lay behind the key when it was first seen is history; a version on its way to become current then is not.
    let seen_from = time_of(&first_seen.current);
    let is_unheld = |version: &KeyVersion| {
        let is_assumed = policy != HistoryPolicy::Sweep
            && version.id != first_seen.current
            && first_seen.versions.contains(&version.id)
            && seen_from.is_none_or(|time| version.time_created < time)
            && !ended.iter().any(|(target, _)| **target == version.id);
        is_assumed || unheld_before.is_some_and(|time| version.time_created < time)
    };
    versions
        .iter()
        .filter(|version| version.time_created < now_current && !version.state.is_going() && !is_unheld(version))
        .max_by_key(|version| version.time_created)
        .map(|version| version.id.clone())
}
