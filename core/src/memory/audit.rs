//! An audit sink in memory: entries by place, forks refused.
//!
//! As durable as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::model::StreamId;
use crate::ports::{AuditEntry, AuditSink, LastHeld, Reply};

/// Keeps entries by stream and number.
#[derive(Debug, Default)]
pub struct MemoryAuditSink(Mutex<BTreeMap<(StreamId, u64), AuditEntry>>);

impl MemoryAuditSink {
    /// An empty one.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(StreamId, u64), AuditEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was recorded, by stream and number.
    #[must_use]
    pub fn entries(&self) -> Vec<AuditEntry> {
        self.lock().values().cloned().collect()
    }
}

#[async_trait]
impl AuditSink for MemoryAuditSink {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        let mut kept = self.lock();
        // Looked through first: a fork anywhere among the entries leaves all of them unrecorded.
        let mut seen = BTreeMap::new();
        for entry in entries {
            let place = (entry.stream.clone(), entry.seq);
            let before = kept.get(&place).map(|there| &there.id).or_else(|| seen.get(&place).copied());
            if before.is_some_and(|id| *id != entry.id) {
                return Err(Error::new(ErrorKind::Fork, "record", "another entry was recorded at this place before")
                    .with("stream", &entry.stream)
                    .with("seq", entry.seq));
            }
            seen.insert(place, &entry.id);
        }
        for entry in entries {
            kept.entry((entry.stream.clone(), entry.seq)).or_insert_with(|| entry.clone());
        }
        Ok(Reply::bare(()))
    }

    async fn last_held(&self, stream: &StreamId) -> Result<Reply<LastHeld>> {
        let kept = self.lock();
        let mut of_stream = kept.range((stream.clone(), 0)..=(stream.clone(), u64::MAX));
        let last = of_stream.next_back().map(|((_, seq), entry)| LastHeld::Entry { seq: *seq, id: entry.id.clone() });
        Ok(Reply::bare(last.unwrap_or(LastHeld::Nothing)))
    }
}
