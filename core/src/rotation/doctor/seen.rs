//! What doctor observed, as plain data: no judgement here.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{KeyId, KeyVersion, KeyVersionId, RequestId, RetryToken, Risk, Timestamp};

/// Everything one run saw of the assumptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Answers that carried a date.
    pub clock: Vec<ClockSample>,
    /// Why there are none, if so.
    pub clock_trouble: Option<String>,
    /// Where the journal is.
    pub place: String,
    /// What became of two appends on one head.
    pub journal: JournalProbe,
    /// Keys in scope whose versions were listed.
    pub lists: Vec<ListedKey>,
    /// Promises that the key store does not make.
    pub missing_promises: Vec<Risk>,
    /// Why no mint was sent although a throw-away key was named.
    pub held_back: Option<String>,
    /// Mints on a throw-away key.
    pub trial: Option<Trial>,
}

/// One answer's date between two looks at the local clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSample {
    /// When it was asked, by the local clock.
    pub asked: Timestamp,
    /// When the answer came, by the local clock.
    pub came: Timestamp,
    /// What the far end's clock showed, cut to whole seconds.
    pub date: Timestamp,
}

/// What one of two competing appends was told.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Told {
    /// Somebody else was first.
    Conflict,
    /// Neither: it may or may not be stored.
    Doubtful(String),
    /// Another error, which says that nothing was stored.
    Failed(String),
    /// Stored and durable.
    Stored,
}

/// One of two competing appends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contender {
    /// What it was told.
    pub told: Told,
    /// Whether its line was there afterwards, byte for byte.
    pub is_there: bool,
}

impl Default for JournalProbe {
    fn default() -> Self {
        Self::Failed("it was not tried".to_owned())
    }
}

/// The test of A4.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum JournalProbe {
    /// It could not be made.
    Failed(String),
    /// Two appends on one expected head, sent together.
    Round(Contender, Contender),
}

/// A key whose versions were listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Which.
    pub key: KeyId,
    /// Whether its current version was among them.
    pub has_current: bool,
    /// The same λ later, where it was not.
    pub has_current_later: Option<bool>,
    /// Age of the youngest version listed, by the list's own date.
    pub youngest: Option<Duration>,
}

/// What a mint on a throw-away key is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// An ordinary mint.
    Mint,
    /// A mint of a key that does not exist: must be refused (A6).
    Nowhere,
    /// The ordinary mint once more, with its token and a new date: must make nothing (A1).
    Repeat,
    /// A date beyond Δ: must be refused (A3).
    Stale,
}

impl Step {
    /// Its name in tokens and sentences.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Nowhere => "nowhere",
            Self::Repeat => "repeat",
            Self::Stale => "stale",
        }
    }
}

/// What came back from a mint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// Nobody knows.
    Doubtful {
        /// The service's code, where it answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Why.
        why: String,
    },
    /// A version was named.
    Made {
        /// Which.
        version: KeyVersionId,
        /// When it was made, by the service's clock.
        time_created: Timestamp,
        /// What the service called the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Refused, with the word that nothing happened.
    Refused {
        /// HTTP status, where the service itself answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The service's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// What the service called the request.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
        /// In words.
        why: String,
    },
}

/// One mint that was asked of the key store's port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// What it was to show.
    pub step: Step,
    /// Its retry token.
    pub token: RetryToken,
    /// The date it was signed with.
    pub date: Timestamp,
    /// When it was sent, by our estimate of the server's time.
    pub at: Timestamp,
    /// What came back.
    pub answer: Answer,
}

/// One listing of the throw-away key's versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The list's own date.
    pub date: Option<Timestamp>,
    /// What it showed.
    pub versions: Vec<KeyVersion>,
}

/// Mints on a throw-away key, and what was listed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// The key.
    pub key: KeyId,
    /// The checkup's number in the journal.
    pub checkup: u32,
    /// Versions that were there before.
    pub baseline: BTreeSet<KeyVersionId>,
    /// Mints in the order they were asked for.
    pub sends: Vec<Sent>,
    /// Listings in the order they were made.
    pub looks: Vec<Look>,
    /// Whether the last listing is dated after the quiet period of every mint.
    pub is_quiet: bool,
    /// Why it ended early, if it did.
    pub stopped: Option<String>,
    /// Places in which no dependents could be looked for.
    pub holes: usize,
}
