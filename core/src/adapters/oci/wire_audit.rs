//! Bodies of what audit sinks send and read: log entries, names of objects, retention rules (oci-api §6.5, §6.10).
//!
//! Shared with nothing: the emulator reads and writes the same bodies by its own reading of the documents.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// The only version of the form that there is.
pub(super) const SPEC: &str = "1.0";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogs<'e> {
    pub specversion: &'static str,
    pub log_entry_batches: Vec<LogBatch<'e>>,
}

#[derive(Debug, Serialize)]
pub(super) struct LogBatch<'e> {
    pub source: &'static str,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub subject: &'e str,
    /// The one name of this service that has no capital letter.
    pub defaultlogentrytime: Timestamp,
    pub entries: Vec<LogEntry<'e>>,
}

#[derive(Debug, Serialize)]
pub(super) struct LogEntry<'e> {
    pub id: &'e str,
    pub data: &'e str,
    pub time: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectNames {
    pub objects: Vec<ObjectName>,
    pub next_start_with: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ObjectName {
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Versioning {
    pub versioning: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RetentionRules {
    pub items: Vec<RetentionRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetentionRule {
    pub display_name: Option<String>,
    /// None: for as long as the rule is there.
    pub duration: Option<RetentionDuration>,
    pub time_rule_locked: Option<Timestamp>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RetentionDuration {
    pub time_amount: u64,
    pub time_unit: String,
}
