//! A journal that was restored from a backup: found out before a mint, by asking the sinks what they hold last.
//!
//! What a restored journal has forgotten may be on its way. So it waits one quiet period, and says so in a fact. What a
//! sink cannot say is not guessed; without a sink, only an intent register (`rotation::register`) still knows.

use std::collections::BTreeSet;

use super::Engine;
use super::book::Book;
use crate::Result;
use crate::model::{Finding, FindingKind, RotationId, RotationName, StreamId, to_seconds};
use crate::ports::LastHeld;
use crate::rotation::meta::Cursors;
use crate::rotation::{Conclusion, Effect, Fact, JournalBehind, State, rid};
use crate::safeguard::{Safeguard, is_on};

/// Earlier, and later, ordinals of the same rotation that the sinks are asked about too.
const ORDINALS_ASKED: u32 = 4;

impl Engine {
    /// Puts what the sinks know before a mint that is about to be journaled.
    pub(super) async fn unless_restored(&self, main: &Book<State>, conclusion: Conclusion) -> Result<Conclusion> {
        let is_mint = matches!(conclusion.then, Some(Effect::Mint { .. }));
        if !is_mint || self.ports.audit.is_empty() || !is_on(Safeguard::RestoredWaits) {
            return Ok(conclusion);
        }
        let facts = self.behind(main, &[]).await?;
        Ok(if facts.is_empty() { conclusion } else { Conclusion { facts, ..Conclusion::default() } })
    }

    /// A fact for each sink that holds what the stream has not, and that the stream does not know of yet. Asked about
    /// other rotations too: a key that says which one made it may speak of one that was closed without knowing of it.
    pub(super) async fn behind(&self, main: &Book<State>, makers: &[RotationId]) -> Result<Vec<Fact>> {
        let mut facts = Vec::new();
        // A backup may be older than a cancel: what is forgotten then is a rotation of a later ordinal. And a rotation
        // that has forgotten its own mint may be cancelled: the next ordinal must wait for what the last one sent.
        let name = &self.state(main)?.opened.name;
        let near = name.ordinal.saturating_sub(ORDINALS_ASKED).max(1)..=name.ordinal + ORDINALS_ASKED;
        let others = near
            .filter(|ordinal| *ordinal != name.ordinal)
            .map(|ordinal| StreamId::rotation(&rid(&RotationName { ordinal, ..name.clone() })));
        let makers = makers.iter().map(StreamId::rotation);
        let mut streams: Vec<StreamId> = std::iter::once(main.stream().clone()).chain(others).chain(makers).collect();
        let mut asked = BTreeSet::new();
        streams.retain(|stream| asked.insert(stream.clone()));
        let mut places = Vec::new();
        for sink in &self.ports.audit {
            for stream in &streams {
                places.push((sink, stream));
            }
        }
        for (sink, stream) in places {
            let name = sink.name();
            // The sink first: it is fed from the journal, so what it holds now the journal has had before.
            let (seq, id) = match sink.last_held(stream).await.map(|reply| reply.value) {
                Ok(LastHeld::Entry { seq, id }) => (seq, id),
                Ok(LastHeld::CannotSay | LastHeld::Nothing) => continue,
                Err(error) => {
                    tracing::warn!(sink = name, %error, "it could not be asked what it holds last");
                    continue;
                }
            };
            let there = self.ports.journal.read(stream, seq, 1).await?;
            if there.first().is_some_and(|line| line.hash == id) {
                continue;
            }
            if self.state(main)?.behind.contains_key(&(name.clone(), id.clone())) {
                continue;
            }
            let sink_lines = seq.saturating_add(1);
            let lines = self.ports.journal.head(stream).await?.next_seq;
            tracing::error!(sink = name, %stream, lines, sink_lines, "the journal was restored from a backup");
            let now = self.server_time().at(self.ports.clock.now());
            let until = to_seconds(now) + self.settings.margins.quiet_period();
            facts.push(Fact::JournalBehind(JournalBehind { sink: name, lines, sink_lines, sink_head: id, until }));
        }
        Ok(facts)
    }

    /// What is known of copies that tell another history of this rotation.
    pub(super) async fn histories(&self, main: &Book<State>) -> Result<Vec<Finding>> {
        let state = self.state(main)?;
        let subject = main.stream().to_string();
        let behind = state.behind.values().map(|behind| Finding {
            kind: FindingKind::JournalBehind,
            subject: subject.clone(),
            text: format!(
                "the journal held {} lines where {} holds {}: it was restored from a backup, so no mint was journaled \
                 before {} (server time)",
                behind.lines, behind.sink, behind.sink_lines, behind.until
            ),
        });
        let cursors = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let forks = cursors.state().into_iter().flat_map(|cursors| cursors.forks(main.stream()));
        let forked = forks.map(|(sink, stream, forked)| Finding {
            kind: FindingKind::JournalForked,
            subject: stream.to_string(),
            text: format!(
                "{sink} holds another history from line {} on at the latest and is fed no more of this stream; keep \
                 both and find out which is true: {}",
                forked.seq, forked.why
            ),
        });
        Ok(behind.chain(forked).collect())
    }
}
