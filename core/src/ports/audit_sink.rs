//! Where the audit trail is copied to. The journal is the trail; a sink never replaces it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::error::Result;
use crate::model::{LineHash, StreamId, Timestamp};

/// One fact, as it goes to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The fact's hash: the entry's identity.
    pub id: LineHash,
    /// Stream and number: the entry's place.
    pub stream: StreamId,
    /// Number in the stream.
    pub seq: u64,
    /// When it was written, by the runner's clock.
    pub at: Timestamp,
    /// The canonical JSON of the fact.
    pub text: String,
}

/// Receives facts.
///
/// 1. At least once: the same entry may come again and is the same. (`an_entry_may_come_twice`)
/// 2. Another id at a place already taken is a `Fork`, and nothing is recorded. (`a_fork_is_refused`)
/// 3. When `record` returns, the entries are as durable as the sink can make them. (`recorded_means_durable`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// A name for logs and cursors.
    fn name(&self) -> String;

    /// Records entries, in order.
    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>>;
}
