//! Progress: every durably appended fact, plus counters that are not durable. Lossy for slow readers.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_broadcast::Receiver;
use futures_util::Stream;
use serde::Serialize;

use super::Engine;
use crate::journal::Facts;
use crate::model::{KeyId, RotationId, Timestamp};

/// How many events a slow reader may be behind before it loses the oldest.
pub(super) const KEPT: usize = 4096;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// How many dependents have an outcome, of those known so far.
    Dependents {
        /// Which rotation.
        rotation: RotationId,
        /// With an outcome.
        done: u64,
        /// Known so far.
        total: u64,
    },
    /// `doctor` looks at something, or waits.
    Examining {
        /// At what, or for what.
        what: String,
        /// Until when, where it waits.
        until: Option<Timestamp>,
    },
    /// A fact was appended and is durable.
    Fact {
        /// Which rotation.
        rotation: RotationId,
        /// The stream's name within the rotation: `main` or `page <n>`.
        stream: String,
        /// The fact's name.
        fact: String,
        /// Where the rotation stands after it, for facts of the main stream.
        phase: Option<String>,
    },
    /// A rotation was opened or taken up again.
    Opened {
        /// Which rotation.
        rotation: RotationId,
        /// Of which key.
        key: KeyId,
    },
    /// A pass over the catalog goes on.
    Looking {
        /// Which rotation.
        rotation: RotationId,
        /// Candidates looked at in this pass.
        candidates: u64,
        /// Dependents found that were not known.
        found: u64,
    },
    /// Nothing to do before an instant.
    Waiting {
        /// Which rotation.
        rotation: RotationId,
        /// For what.
        why: String,
        /// Until when.
        until: Timestamp,
    },
}

/// A stream of events. Dropping it costs nothing.
pub struct ProgressStream(Receiver<Progress>);

impl Stream for ProgressStream {
    type Item = Progress;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Progress>> {
        Pin::new(&mut self.0).poll_next(context)
    }
}

impl Engine {
    /// Events from now on.
    #[must_use]
    pub fn progress(&self) -> ProgressStream {
        ProgressStream(self.progress.new_receiver())
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.progress.receiver_count() > 0
    }

    pub(super) fn say(&self, event: Progress) {
        // Nobody listening, or a slow reader losing the oldest, is no failure.
        let _ = self.progress.try_broadcast(event);
    }
}

/// A fact's name, for people who watch.
pub(super) fn name_of(fact: &impl Facts) -> String {
    fact.unsealed().map(|unsealed| unsealed.fact).unwrap_or_default()
}
