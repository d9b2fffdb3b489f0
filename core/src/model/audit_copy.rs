//! What is known of a copy of the trail: how much of it a sink took, what keeps it there, and when that was seen.
//!
//! A look shows one moment. Nothing here says more than the far end said, or that it is still so.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// Whether anybody could change or remove what a sink holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum KeepingPromise {
    /// Nobody there can be asked.
    CannotSay,
    /// Not for a time, and nobody can shorten it.
    Locked,
    /// Whoever may write there can.
    Nothing,
    /// Not while a rule is there, and somebody may remove the rule.
    Removable,
}

impl KeepingPromise {
    /// The words that reports show.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::CannotSay => "cannot say",
            Self::Locked => "locked",
            Self::Nothing => "nothing",
            Self::Removable => "can be taken back",
        }
    }
}

/// Whether anybody could change or remove what a sink holds, as its far end says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Keeping {
    /// In one word.
    pub promise: KeepingPromise,
    /// Rule by rule, one sentence each.
    pub text: Vec<String>,
}

/// What keeps a copy, and when that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeepingSeen {
    /// What the far end said.
    pub keeping: Keeping,
    /// When it said so last, by its own clock where it says one.
    pub seen_at: Timestamp,
    /// Each look since then said the same; of the time before, and between two looks, nothing is known.
    pub same_since: Timestamp,
}

/// A copy of a rotation's trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditCopy {
    /// The sink's name.
    pub sink: String,
    /// Facts of the rotation, its pages' too.
    pub facts: u64,
    /// How many of them the sink said it has.
    pub taken: u64,
    /// What keeps them; `None`: nobody has asked yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeping: Option<KeepingSeen>,
}

impl fmt::Display for AuditCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: took {} of {} facts; kept by: ", self.sink, self.taken, self.facts)?;
        let Some(KeepingSeen { keeping, seen_at, same_since }) = &self.keeping else {
            return f.write_str("not asked yet");
        };
        write!(f, "{}, as seen on {seen_at}", keeping.promise.words())?;
        if same_since < seen_at {
            write!(f, " and each time since {same_since}")?;
        }
        if !keeping.text.is_empty() {
            write!(f, " ({})", keeping.text.join("; "))?;
        }
        Ok(())
    }
}
