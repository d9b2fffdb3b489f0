//! The `AuditSink` port over OCI Logging: each fact is an entry of a custom log, under its hash.
//!
//! PutLogs takes no retry token and its answer means accepted, not indexed; the log cannot be asked here what it holds. So an
//! entry may stand there twice under one id, and another history beside the first: whoever reads the log sees both.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::call::Call;
use super::client::Client;
use super::operation::Operation;
use super::wire_audit::{LogBatch, LogEntry, PutLogs, SPEC};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{LogId, Region};
use crate::ports::{AuditEntry, AuditSink, Keeping, KeepingPromise, Reply};

/// The batch's `source` and `type`: by them a search finds what is ours.
const SOURCE: &str = "keywheel";
const KIND: &str = "com.keywheel.journal.fact";
/// How many bytes one request carries unless told otherwise. Oracle documents one MB for an entry and nothing for a request.
const REQUEST_BYTES: usize = 256 << 10;
/// What an entry needs besides its data: id, time, punctuation.
const ENTRY_BYTES: usize = 160;

/// A custom log.
pub struct LoggingSink {
    client: Arc<Client>,
    region: Region,
    log: LogId,
    request_bytes: usize,
}

impl LoggingSink {
    /// A log in this region.
    #[must_use]
    pub fn new(client: Arc<Client>, log: LogId, region: Region) -> Self {
        Self { client, region, log, request_bytes: REQUEST_BYTES }
    }

    /// With requests of about this size at most; a longer entry goes alone.
    #[must_use]
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = bytes;
        self
    }

    async fn put(&self, entries: &[&AuditEntry]) -> Result<Reply<()>> {
        let mut by_stream: BTreeMap<&str, Vec<&AuditEntry>> = BTreeMap::new();
        for entry in entries {
            by_stream.entry(entry.stream.as_str()).or_default().push(entry);
        }
        let batches = by_stream.into_iter().map(|(subject, entries)| LogBatch {
            source: SOURCE,
            kind: KIND,
            subject,
            defaultlogentrytime: entries[0].at,
            entries: entries
                .iter()
                .map(|one| LogEntry { id: one.id.as_str(), data: &one.text, time: one.at })
                .collect(),
        });
        let body = PutLogs { specversion: SPEC, log_entry_batches: batches.collect() };
        let call = Call::new(Operation::PutLogs, &self.region).param("logId", &self.log).json(&body)?;
        let answer = self.client.send(&call).await.map_err(|error| error.with("log", &self.log))?;
        Ok(answer.reply(()))
    }
}

#[async_trait]
impl AuditSink for LoggingSink {
    fn name(&self) -> String {
        format!("log {}", self.log)
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        let mut places = BTreeMap::new();
        for entry in entries {
            if places.insert((&entry.stream, entry.seq), &entry.id).is_some_and(|id| *id != entry.id) {
                return Err(Error::new(ErrorKind::Fork, "record", "two entries of one call claim one place")
                    .with("stream", &entry.stream)
                    .with("seq", entry.seq));
            }
        }
        let (mut reply, mut batch, mut bytes) = (Reply::bare(()), Vec::new(), 0);
        for entry in entries {
            let more = ENTRY_BYTES + serde_json::to_string(&entry.text).map_or(entry.text.len(), |text| text.len());
            if !batch.is_empty() && bytes + more > self.request_bytes {
                reply = self.put(&batch).await?;
                (batch, bytes) = (Vec::new(), 0);
            }
            batch.push(entry);
            bytes += more;
        }
        if !batch.is_empty() {
            reply = self.put(&batch).await?;
        }
        Ok(reply)
    }

    async fn keeping(&self) -> Result<Reply<Keeping>> {
        let text = "a log keeps its entries for the retention that its owner set, and whoever may manage the log may remove it; \
                    keywheel cannot read it back";
        Ok(Reply::bare(Keeping { promise: KeepingPromise::CannotSay, text: vec![text.to_owned()] }))
    }
}
