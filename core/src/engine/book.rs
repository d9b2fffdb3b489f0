//! A stream open for reading and writing: its folded state, and compare-and-append on the head it was folded to.
//!
//! Facts are applied before they are stored, so that a fact that cannot follow never reaches the disk; if
//! storing fails, the state is folded anew from what is there.

use crate::journal::{Facts, PAGE_LINES, Recorded, Replay, Stamp, seal_facts};
use crate::model::{LineHash, RotationId, StreamId, Timestamp};
use crate::ports::{Append, Fence, JournalExt};
use crate::rotation::history::{KeyFact, KnownKey};
use crate::rotation::meta::{Cursors, MetaFact};
use crate::rotation::registry::{Registry, RegistryFact};
use crate::rotation::vault::{Ledger, VaultFact};
use crate::rotation::{self, page};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Result};

use super::{Done, Engine, corrupt};

/// Something that facts add up to.
pub(super) trait Fold: Sized {
    /// Its facts.
    type Fact: Facts + Clone;

    /// Applies one fact written at `at` with `hash` to a stream.
    fn fold(
        state: Option<Self>,
        stream: &StreamId,
        at: Timestamp,
        hash: &LineHash,
        fact: &Self::Fact,
    ) -> Result<Self, String>;
}

impl Fold for rotation::State {
    type Fact = rotation::Fact;

    fn fold(
        state: Option<Self>,
        stream: &StreamId,
        at: Timestamp,
        hash: &LineHash,
        fact: &Self::Fact,
    ) -> Result<Self, String> {
        let name = stream.as_str().trim_start_matches("r/");
        let rid = RotationId::parse(name).map_err(|error| error.to_string())?;
        let recorded = rotation::Recorded { rid, at, hash: hash.clone() };
        rotation::apply(state, &recorded, fact).map_err(|violation| violation.to_string())
    }
}

impl Fold for page::State {
    type Fact = page::PageFact;

    fn fold(
        state: Option<Self>,
        _: &StreamId,
        at: Timestamp,
        hash: &LineHash,
        fact: &Self::Fact,
    ) -> Result<Self, String> {
        page::apply(state, at, hash, fact).map_err(|violation| violation.to_string())
    }
}

impl Fold for Registry {
    type Fact = RegistryFact;

    fn fold(state: Option<Self>, _: &StreamId, _: Timestamp, _: &LineHash, fact: &Self::Fact) -> Result<Self, String> {
        let mut registry = state.unwrap_or_default();
        if registry.apply(fact) {
            Ok(registry)
        } else {
            Err("a rotation of this lineage is open, or is not".to_owned())
        }
    }
}

impl Fold for Ledger {
    type Fact = VaultFact;

    fn fold(state: Option<Self>, _: &StreamId, at: Timestamp, _: &LineHash, fact: &Self::Fact) -> Result<Self, String> {
        let mut ledger = state.unwrap_or_default();
        ledger.apply(at, fact);
        Ok(ledger)
    }
}

impl Fold for KnownKey {
    type Fact = KeyFact;

    fn fold(state: Option<Self>, _: &StreamId, _: Timestamp, _: &LineHash, fact: &Self::Fact) -> Result<Self, String> {
        let mut known = state.unwrap_or_default();
        known.apply(fact);
        Ok(known)
    }
}

impl Fold for Cursors {
    type Fact = MetaFact;

    fn fold(state: Option<Self>, _: &StreamId, _: Timestamp, _: &LineHash, fact: &Self::Fact) -> Result<Self, String> {
        let mut cursors = state.unwrap_or_default();
        cursors.apply(fact);
        Ok(cursors)
    }
}

/// A stream with its state.
#[derive(Clone)]
pub(super) struct Book<S: Fold> {
    stream: StreamId,
    replay: Replay<S::Fact>,
    state: Option<S>,
}

impl<S: Fold> Book<S> {
    /// Folds a stream from its first line; without lines there is no state.
    pub(super) async fn open(engine: &Engine, stream: StreamId) -> Result<Self> {
        let mut book = Self::empty(stream);
        book.catch_up(engine).await?;
        Ok(book)
    }

    fn empty(stream: StreamId) -> Self {
        Self { replay: Replay::new(stream.clone()), stream, state: None }
    }

    /// Reads what others appended meanwhile.
    pub(super) async fn catch_up(&mut self, engine: &Engine) -> Done {
        loop {
            let from = self.replay.head().next_seq;
            let lines = engine.ports.journal.read(&self.stream, from, PAGE_LINES).await?;
            for line in &lines {
                if let Some(Recorded { entry, fact }) = self.replay.line(line)? {
                    let state = S::fold(self.state.take(), &self.stream, entry.at, &entry.hash, &fact);
                    self.state = Some(state.map_err(|why| corrupt(&self.stream, entry.seq, &why))?);
                }
            }
            if lines.len() < PAGE_LINES {
                return Ok(());
            }
        }
    }

    async fn refold(&mut self, engine: &Engine) -> Done {
        self.replay = Replay::new(self.stream.clone());
        self.state = None;
        self.catch_up(engine).await
    }

    /// Appends facts, all or none. `Conflict`: somebody else did first; the state is what they wrote.
    pub(super) async fn append(&mut self, engine: &Engine, fence: Option<Fence>, facts: &[S::Fact]) -> Done {
        debug_assert!(!facts.is_empty(), "an append without facts");
        let now = engine.ports.clock.now();
        // One guard, in a scope of its own: asking twice in one expression would wait for itself.
        let server_time = {
            let estimate = engine.server_time();
            estimate.offset().map(|_| estimate.at(now))
        };
        let stamp = Stamp {
            epoch: fence.as_ref().map_or(0, |fence| fence.epoch),
            at: now,
            server_time,
            runner: engine.runner.clone(),
            actor: None,
        };
        let expected = self.replay.head().clone();
        let (lines, _) = seal_facts(&self.stream, &expected, &stamp, engine.nonce(), facts)?;
        let at = crate::model::to_millis(now);
        for (line, fact) in lines.iter().zip(facts) {
            match S::fold(self.state.take(), &self.stream, at, &line.hash, fact) {
                Ok(state) => self.state = Some(state),
                Err(why) => {
                    self.refold(engine).await?;
                    return Err(Error::bug("append", format!("a fact that cannot follow was stopped: {why}"))
                        .with("stream", &self.stream));
                }
            }
        }
        let append = Append { expected, lines, fence };
        match engine.ports.journal.append_settled(&append).await {
            Ok(head) => {
                self.replay = Replay::from_head(self.stream.clone(), head);
                Ok(())
            }
            Err(error) => {
                *engine.kept_registry() = None;
                self.refold(engine).await?;
                if error.kind() == ErrorKind::Conflict && !is_on(Safeguard::CompareAndAppend) {
                    return Box::pin(self.append(engine, None, facts)).await;
                }
                Err(error)
            }
        }
    }

    /// The stream's state, if it has any line.
    pub(super) fn state(&self) -> Option<&S> {
        self.state.as_ref()
    }

    /// The stream's name.
    pub(super) fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Where the stream ends, as far as it was folded.
    pub(super) fn head(&self) -> &crate::model::Head {
        self.replay.head()
    }
}

impl Engine {
    /// Opens the registry; one without lines is empty.
    ///
    /// What this process has folded already is not folded again: with hundreds of keys the registry is long and asked for at
    /// every step. Any conflict, in any stream, makes it start from the first line.
    pub(super) async fn registry(&self) -> Result<Book<Registry>> {
        let kept = self.kept_registry().clone();
        let mut book = kept.unwrap_or_else(|| Book::empty(StreamId::registry()));
        book.catch_up(self).await?;
        book.state.get_or_insert_with(Registry::default);
        *self.kept_registry() = Some(book.clone());
        Ok(book)
    }

    /// Opens a vault's ledger; one without lines is empty.
    pub(super) async fn ledger(&self, vault: &crate::model::VaultId) -> Result<Book<Ledger>> {
        let mut book = Book::<Ledger>::open(self, StreamId::vault(vault)).await?;
        book.state.get_or_insert_with(Ledger::default);
        Ok(book)
    }
}
