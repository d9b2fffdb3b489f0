//! What keeps the copies of the trail: asked now and then, written down when it was seen, and said in reports.
//!
//! A report must show the same tomorrow without asking anybody, so what was seen is a fact of `meta`. A sink that cannot be asked
//! is not safe, and costs a rotation nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Engine;
use super::book::Book;
use crate::model::{AuditCopy, Keeping, KeepingPromise, StreamId, to_millis};
use crate::rotation::State;
use crate::rotation::meta::{Cursors, MetaFact};
use crate::{Result, Retry};

/// What was seen is this old before it is asked again: rules change seldom, and each look is a line of the journal.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);

impl Engine {
    /// Asks each sink what keeps its entries, if nobody did for a day. What fails is said in the log.
    pub(super) async fn look_at_keeping(&self, cursors: &mut Book<Cursors>) {
        for sink in &self.ports.audit {
            let name = sink.name();
            let now = self.ports.clock.now();
            let last = cursors.state().and_then(|cursors| cursors.keeping_asked(&name));
            if last.is_some_and(|at| now < at + LOOK_EVERY) || !self.first_to_ask(&name, now) {
                continue;
            }
            let (keeping, seen_at) = match sink.keeping().await {
                Ok(reply) => (reply.value, reply.server_date.unwrap_or(now)),
                Err(error) if error.retry() == Retry::Never => {
                    let text = vec![format!("it could not be asked: {}", error.message())];
                    (Keeping { promise: KeepingPromise::CannotSay, text }, error.server_date().unwrap_or(now))
                }
                Err(error) => {
                    tracing::warn!(sink = name, %error, "what keeps its copy could not be asked; asked again by a later drive");
                    self.keeping_asked().remove(&name);
                    continue;
                }
            };
            let fact =
                MetaFact::SinkKeeping { sink: name, keeping, seen_at: to_millis(seen_at), asked_at: to_millis(now) };
            if let Err(error) = self.advance(cursors, fact).await {
                tracing::warn!(%error, "what keeps a copy could not be written down");
            }
        }
    }

    /// Many keys are driven at once, and one look is enough for all of them.
    fn first_to_ask(&self, sink: &str, now: crate::model::Timestamp) -> bool {
        let mut asked = self.keeping_asked();
        if asked.get(sink).is_some_and(|at| now < *at + LOOK_EVERY) {
            return false;
        }
        asked.insert(sink.to_owned(), now);
        true
    }

    /// The copies of a rotation's trail, by what the journal knows of them.
    pub(super) async fn audit_copies(&self, main: &Book<State>) -> Result<Vec<AuditCopy>> {
        let book = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let nothing = Cursors::default();
        let cursors = book.state().unwrap_or(&nothing);
        let state = self.state(main)?;
        let mut streams = vec![(main.stream().clone(), main.head().next_seq)];
        for (number, page) in &state.pages {
            let stream = StreamId::page(&state.rid, *number);
            let lines = match &page.closed {
                Some(head) => head.next_seq,
                None => self.ports.journal.head(&stream).await?.next_seq,
            };
            streams.push((stream, lines));
        }
        let configured = self.ports.audit.iter().map(|sink| sink.name());
        let sinks: BTreeSet<String> = configured.chain(cursors.sinks_of(main.stream()).map(str::to_owned)).collect();
        let copy = |sink: String| AuditCopy {
            facts: streams.iter().map(|(_, lines)| lines).sum(),
            taken: streams.iter().map(|(stream, lines)| cursors.next(&sink, stream).min(*lines)).sum(),
            keeping: cursors.keeping(&sink).cloned(),
            sink,
        };
        Ok(sinks.into_iter().map(copy).collect())
    }
}
