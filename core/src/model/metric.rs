//! Metrics: one number about keys, rotations or ticks, with what it is about. Plain data; who sends it where is another's business.
//!
//! Nothing here is about a single dependent: the number of series grows with keys, kinds and regions, never with resources.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Timestamp;

/// What a metric's value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetricUnit {
    /// Things.
    Count,
    /// Days of 24 hours, with fractions.
    Days,
    /// Requests per minute.
    PerMinute,
    /// Seconds; of an instant, since 1970.
    Seconds,
}

impl MetricUnit {
    /// The unit in a word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Days => "days",
            Self::PerMinute => "per_minute",
            Self::Seconds => "seconds",
        }
    }
}

/// One number of one moment. Every metric is a gauge: it says how things stand, not what was added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Metric {
    /// Its name: small letters, digits and underscores, beginning with a letter.
    pub name: String,
    /// What the value counts.
    pub unit: MetricUnit,
    /// What it is about. No value is empty, longer than 256 characters, or holds a control character.
    pub dimensions: BTreeMap<String, String>,
    /// The number; never NaN, never infinite.
    pub value: f64,
    /// When it was so, by the local clock.
    pub at: Timestamp,
}

/// One run over all keys in scope, as it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tick {
    /// When it ended, by the local clock.
    pub at: Timestamp,
    /// Keys that were taken up.
    pub keys: u64,
    /// Keys whose rotation ended in an error; one that waits for a person is none.
    pub failed: u64,
}
