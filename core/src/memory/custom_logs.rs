//! Custom logs of OCI Logging: entries are kept as they came, in order, for tests to read.
//!
//! Nothing is indexed, searched or removed, and the same entry may come twice: PutLogs takes no retry token.

use std::collections::BTreeMap;

use super::answer::{Call, No, Told, Yes};
use super::operations as op;
use super::world::World;
use crate::model::{CompartmentId, LogId, Region, Timestamp};

/// The most one entry's data may be ("less than 1 MB", the official SDK's LogEntry).
const ENTRY_BYTES_MAX: usize = 1_000_000;

/// An entry as it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Its id, which its writer chose.
    pub id: String,
    /// The batch's `source`.
    pub source: String,
    /// The batch's `type`.
    pub kind: String,
    /// The batch's `subject`.
    pub subject: Option<String>,
    /// The text.
    pub data: String,
    /// When it happened, by its writer.
    pub at: Timestamp,
}

#[derive(Debug)]
struct LogRecord {
    region: Region,
    compartment: CompartmentId,
    lines: Vec<LogLine>,
}

#[derive(Debug, Default)]
pub(super) struct CustomLogs(BTreeMap<LogId, LogRecord>);

impl World {
    /// A custom log.
    pub fn add_custom_log(&self, region: &Region, compartment: &CompartmentId) -> LogId {
        let mut state = self.lock();
        let id = LogId::parse(state.ocid("log", region.as_str())).expect("World's own OCID");
        let record = LogRecord { region: region.clone(), compartment: compartment.clone(), lines: Vec::new() };
        state.custom_logs.0.insert(id.clone(), record);
        id
    }

    /// PutLogs: all of the entries or none.
    pub fn put_logs(&self, call: &Call, region: &Region, log: &LogId, lines: Vec<LogLine>) -> Told<()> {
        let (id, region_asked) = (log.clone(), region.clone());
        self.write(&op::PUT_LOGS, call, region, log.as_str(), move |state, ctx| {
            let not_found = || No::not_found(id.as_str());
            let record = state.custom_logs.0.get(&id).filter(|record| record.region == region_asked);
            let compartment = record.ok_or_else(not_found)?.compartment.clone();
            if !state.may_see(ctx, &compartment) {
                return Err(not_found());
            }
            if lines.is_empty() {
                return Err(No::invalid("there is no entry"));
            }
            if lines.iter().any(|line| line.data.len() >= ENTRY_BYTES_MAX) {
                return Err(No::new(413, "PayloadTooLarge", "an entry is less than 1 MB"));
            }
            state.custom_logs.0.get_mut(&id).ok_or_else(not_found)?.lines.extend(lines);
            Ok(Yes::new(()))
        })
    }

    /// Entries that a log accepted, in the order they came.
    #[must_use]
    pub fn log_lines(&self, log: &LogId) -> Vec<LogLine> {
        self.lock().custom_logs.0.get(log).expect("a log of this World").lines.clone()
    }
}
