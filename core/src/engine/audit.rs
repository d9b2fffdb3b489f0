//! Feeding audit sinks from the journal: at least once, in order, from a cursor that is itself a fact.
//!
//! Every fact of a rotation goes, intents too, so that a sink's copy can be checked as a chain of its own.
//! Cursors do not, and feeding needs no intent: an entry sent twice is the same entry. The journal is the
//! trail; a sink that fails is fed again at the next drive and never holds a rotation up. A fork, two histories for
//! one place, is written down and ends the feeding of that stream to that sink: a person has to look (`restored`).

use super::book::Book;
use super::{Done, Engine};
use crate::journal::{Chain, PAGE_LINES};
use crate::model::{RotationId, StreamId};
use crate::ports::AuditEntry;
use crate::rotation::meta::{Cursors, MetaFact};
use crate::{ErrorKind, Result};

impl Engine {
    /// Feeds every sink with what a rotation's streams have that it has not.
    pub(super) async fn feed_sinks(&self, rid: &RotationId) -> Done {
        if self.ports.audit.is_empty() {
            return Ok(());
        }
        let main = self.main_book(rid).await?;
        let pages = self.state(&main)?.pages.keys().map(|page| StreamId::page(rid, *page));
        let streams: Vec<StreamId> = std::iter::once(StreamId::rotation(rid)).chain(pages).collect();
        let mut cursors = Book::<Cursors>::open(self, StreamId::meta()).await?;
        for index in 0..self.ports.audit.len() {
            for stream in &streams {
                match self.feed(&mut cursors, index, stream).await {
                    Err(error) if matches!(error.kind(), ErrorKind::Fork | ErrorKind::Corrupt | ErrorKind::Bug) => {
                        return Err(error);
                    }
                    Err(error) => {
                        tracing::warn!(sink = self.ports.audit[index].name(), %error, "fed again at the next drive");
                        break;
                    }
                    Ok(()) => {}
                }
            }
        }
        self.look_at_keeping(&mut cursors).await;
        Ok(())
    }

    /// Feeds every sink with one rotation's own stream, so that an intent is known elsewhere before its mint leaves:
    /// what a journal restored from a backup has forgotten, a sink then still has.
    pub(super) async fn feed_intent(&self, stream: &StreamId) {
        let fed = async {
            let mut cursors = Book::<Cursors>::open(self, StreamId::meta()).await?;
            for index in 0..self.ports.audit.len() {
                self.feed(&mut cursors, index, stream).await?;
            }
            Done::Ok(())
        };
        if let Err(error) = fed.await {
            tracing::warn!(%error, "no sink knows of this intent yet; they are fed again at the end of the drive");
        }
    }

    async fn feed(&self, cursors: &mut Book<Cursors>, index: usize, stream: &StreamId) -> Done {
        let sink = &self.ports.audit[index];
        let name = sink.name();
        if cursors.state().is_some_and(|cursors| cursors.is_forked(&name, stream)) {
            return Ok(());
        }
        let mut chain = Chain::new(stream.clone());
        let fed = cursors.state().map_or(0, |cursors| cursors.next(&name, stream));
        loop {
            let lines = self.ports.journal.read(stream, chain.head().next_seq, PAGE_LINES).await?;
            let mut entries = Vec::new();
            for line in &lines {
                let entry = chain.push(line)?;
                if entry.seq >= fed {
                    let (id, stream, text) = (line.hash.clone(), stream.clone(), line.text.clone());
                    entries.push(AuditEntry { id, stream, seq: entry.seq, at: entry.at, text });
                }
            }
            if let Some(first) = entries.first() {
                match sink.record(&entries).await {
                    Err(error) if error.kind() == ErrorKind::Fork => {
                        tracing::error!(sink = name, %stream, %error, "the sink holds another history");
                        let (seq, why) = (first.seq, error.to_string());
                        let fact = MetaFact::SinkForked { sink: name, stream: stream.clone(), seq, why };
                        return self.advance(cursors, fact).await;
                    }
                    other => other?,
                };
            }
            if lines.len() < PAGE_LINES {
                break;
            }
        }
        let next_seq = chain.head().next_seq;
        if next_seq > fed {
            let fact = MetaFact::SinkAdvanced { sink: name, stream: stream.clone(), next_seq };
            self.advance(cursors, fact).await?;
        }
        Ok(())
    }

    pub(super) async fn advance(&self, cursors: &mut Book<Cursors>, fact: MetaFact) -> Result<()> {
        loop {
            match cursors.append(self, None, std::slice::from_ref(&fact)).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other,
            }
        }
    }
}
