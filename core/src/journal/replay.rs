//! Replay: pages of lines in, checked facts out, in order.
//!
//! Whoever owns the port reads the pages; this only checks and decodes them. Nothing here folds: what facts mean
//! together is `rotation`'s business.

use std::marker::PhantomData;

use super::chain::Chain;
use super::facts::{Decoded, Facts, decode};
use super::line::Entry;
use crate::error::Result;
use crate::model::{Head, SealedLine, StreamId};

/// How many lines to read at once: enough to be quick, few enough that the longest lines still fit in memory.
pub const PAGE_LINES: usize = 256;

/// A fact with the line it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded<F> {
    /// The line: its time, runner, epoch and place.
    pub entry: Entry,
    /// What it says.
    pub fact: F,
}

/// A stream being read from some head on.
#[derive(Debug, Clone)]
pub struct Replay<F> {
    chain: Chain,
    passed_over: u64,
    facts: PhantomData<fn() -> F>,
}

impl<F: Facts> Replay<F> {
    /// Replays a stream from its first line.
    #[must_use]
    pub fn new(stream: StreamId) -> Self {
        Self::from_head(stream, Head::empty())
    }

    /// Replays what follows a head that was checked before.
    #[must_use]
    pub fn from_head(stream: StreamId, head: Head) -> Self {
        Self { chain: Chain::from_head(stream, head), passed_over: 0, facts: PhantomData }
    }

    /// Where the replayed part ends: `next_seq` is the number to read from next.
    #[must_use]
    pub fn head(&self) -> &Head {
        self.chain.head()
    }

    /// How many facts this build did not know and was allowed to pass over.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// Checks one line; `None` for a fact that may be passed over.
    pub fn line(&mut self, line: &SealedLine) -> Result<Option<Recorded<F>>> {
        let entry = self.chain.push(line)?;
        match decode(&entry)? {
            Decoded::Known(fact) => Ok(Some(Recorded { entry, fact })),
            Decoded::Unknown => {
                self.passed_over += 1;
                Ok(None)
            }
        }
    }

    /// Checks a page of lines lazily; stop at the first error, what follows it means nothing.
    pub fn page<'a>(&'a mut self, lines: &'a [SealedLine]) -> impl Iterator<Item = Result<Recorded<F>>> + 'a {
        lines.iter().filter_map(|line| self.line(line).transpose())
    }
}
