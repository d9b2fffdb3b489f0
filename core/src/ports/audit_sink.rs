//! Where the audit trail is copied to. The journal is the trail; a sink never replaces it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::error::Result;
pub use crate::model::{Keeping, KeepingPromise};
use crate::model::{LineHash, StreamId, Timestamp};

/// One fact, as it goes to a sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// What a sink holds last of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LastHeld {
    /// It cannot be asked, or does not know.
    CannotSay,
    /// The entry with the highest number.
    Entry {
        /// Its number in the stream.
        seq: u64,
        /// Its identity.
        id: LineHash,
    },
    /// No entry of this stream.
    Nothing,
}

/// Receives facts.
///
/// 1. At least once: the same entry may come again and is the same. (`an_entry_may_come_twice`)
/// 2. Another id at a place already taken is a `Fork`, and nothing is recorded. A sink that cannot say what it holds refuses
///    only what contradicts itself within one call; it keeps both histories, each under its own id. (`a_fork_is_refused`)
/// 3. When `record` returns, the entries are as durable as the sink can make them. (`recorded_means_durable`)
/// 4. `last_held` says the truth or that it cannot: a journal that ends before it was restored from a backup.
///    (`what_is_held_last_is_told_or_not_known`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// A name for logs and cursors.
    fn name(&self) -> String;

    /// Records entries, in order.
    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>>;

    /// What it holds last of a stream. A sink that only takes cannot say.
    async fn last_held(&self, stream: &StreamId) -> Result<Reply<LastHeld>> {
        let _ = stream;
        Ok(Reply::bare(LastHeld::CannotSay))
    }

    /// What keeps entries that are there from being changed or removed. Promised by the far end, never by keywheel.
    async fn keeping(&self) -> Result<Reply<Keeping>> {
        let text = vec!["it does not say what keeps its entries".to_owned()];
        Ok(Reply::bare(Keeping { promise: KeepingPromise::CannotSay, text }))
    }
}
