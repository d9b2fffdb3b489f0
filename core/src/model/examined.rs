//! What `doctor` was told when it asked the far end: endpoints, and calls that a config needs. Plain data, judged by `rotation::doctor`.

use super::{Kind, Region, Standing, StepKind, Timestamp};

/// One endpoint, asked once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSeen {
    /// The service's short name.
    pub service: String,
    /// The region it answers for.
    pub region: Region,
    /// Host, and port where there is one.
    pub host: String,
    /// When it was asked, by the local clock.
    pub asked: Timestamp,
    /// When the answer came, or the waiting ended.
    pub came: Timestamp,
    /// The date that the answer carried.
    pub date: Option<Timestamp>,
    /// What came.
    pub answer: EndpointAnswer,
}

/// What an endpoint said.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointAnswer {
    /// It answered, if only with a refusal of this one call.
    Answered(String),
    /// Nothing came, in the error's words.
    NoAnswer(String),
    /// It is only written to, and nothing is written to try it.
    OnlyWritten(ShownBy),
    /// It does not serve us: it does not believe who we are, or is in trouble.
    Refused(String),
}

/// A call that a config needs, and what came of trying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSeen {
    /// The operation, `list_vaults`.
    pub operation: String,
    /// What it takes.
    pub permissions: Vec<String>,
    /// What it is needed for.
    pub reason: String,
    /// Whether Oracle documents that this is what it takes.
    pub standing: Standing,
    /// Where that stands.
    pub source: String,
    /// Each place that was tried.
    pub places: Vec<PlaceSeen>,
    /// Places that were not tried, because they are many.
    pub untried: usize,
    /// What in the journal shows that it works; of calls that change something nothing else does.
    pub shown_by: Option<ShownBy>,
}

/// One try of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceSeen {
    /// Where.
    pub place: String,
    /// The statement that lets it through.
    pub statement: String,
    /// What came of it.
    pub tried: Tried,
}

/// What came of trying a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tried {
    /// Refused, and what it asked about is known to exist.
    Denied(String),
    /// It was not tried, and why.
    Not(String),
    /// Refused as if it did not exist, and perhaps it does not; or no word on rights at all.
    Unclear(String),
    /// It was answered.
    Worked(String),
}

/// What the journal has to hold for a call to be shown working.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ShownBy {
    /// A step that gave a resource a key, of whatever kind.
    Assignment,
    /// A key that we made.
    MintedKey,
    /// A version that we made.
    MintedVersion,
    /// A notice that a notifier of this sort took.
    Notice(String),
    /// A mint that was announced in the intent register.
    Register,
    /// A copy of lines in a sink of this sort.
    Sink(String),
    /// A step on this kind that the service accepted.
    Step(Kind, StepKind),
    /// A step on this kind that was seen to end.
    StepEnd(Kind),
    /// Nothing: the journal does not record it.
    Unrecorded,
}
