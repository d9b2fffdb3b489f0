//! The facts of the stream `doctor`: probes of the journal, and every mint on a throw-away key before and after it is sent.
//!
//! No rotation reads them; they make a doctor that was killed explainable, and let the next one wait for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::seen::{Answer, Step};
use crate::model::{KeyId, KeyVersionId, RetryToken, Timestamp};

/// A fact of doctor's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DoctorFact {
    /// The mints of one checkup end here: the quiet period of each is over.
    CheckupEnded {
        /// Which checkup.
        checkup: u32,
        /// Versions outside its baseline that are listed.
        appeared: Vec<KeyVersionId>,
        /// Short names of what was found broken.
        broken: Vec<String>,
    },
    /// One of two lines that wanted the same place (A4); the other must not exist.
    JournalProbed {
        /// Which of the two: 1 or 2.
        contender: u32,
    },
    /// Mints on a throw-away key will follow.
    LiveBegun(Begun),
    /// A mint is about to be sent.
    LiveIntended {
        /// Which checkup.
        checkup: u32,
        /// What it is to show.
        step: Step,
        /// The key it names; one that does not exist where a refusal is wanted.
        key: KeyId,
        /// Its retry token.
        token: RetryToken,
        /// The date it is signed with.
        date: Timestamp,
    },
    /// What came back.
    LiveAnswered {
        /// Which checkup.
        checkup: u32,
        /// What it was to show.
        step: Step,
        /// The date it was signed with.
        date: Timestamp,
        /// The answer.
        answer: Answer,
    },
}

/// The begin of a checkup's mints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its number in this journal, from 1.
    pub checkup: u32,
    /// The throw-away key.
    pub key: KeyId,
    /// The server's time, as estimated.
    pub date: Timestamp,
    /// Versions that were there before.
    pub baseline: Vec<KeyVersionId>,
}

/// What doctor's facts add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// Checkups that sent mints.
    pub begun: u32,
    /// Those that have not ended: their key, and the date of their last line.
    pub open: BTreeMap<u32, (KeyId, Timestamp)>,
}

impl Notes {
    /// Applies one fact; `false` if it cannot follow.
    #[must_use]
    pub fn apply(&mut self, fact: &DoctorFact) -> bool {
        match fact {
            DoctorFact::JournalProbed { .. } | DoctorFact::LiveAnswered { .. } => true,
            DoctorFact::LiveBegun(begun) => {
                let follows = begun.checkup == self.begun + 1;
                if follows {
                    self.begun = begun.checkup;
                    self.open.insert(begun.checkup, (begun.key.clone(), begun.date));
                }
                follows
            }
            DoctorFact::LiveIntended { checkup, date, .. } => match self.open.get_mut(checkup) {
                Some((_, last)) => {
                    *last = (*last).max(*date);
                    true
                }
                None => false,
            },
            DoctorFact::CheckupEnded { checkup, .. } => self.open.remove(checkup).is_some(),
        }
    }

    /// When a checkup of this key that has not ended was last heard of.
    #[must_use]
    pub fn unfinished(&self, key: &KeyId) -> Option<Timestamp> {
        self.open.values().filter(|(of, _)| of == key).map(|(_, last)| *last).max()
    }
}
