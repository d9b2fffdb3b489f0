//! The chain: each line names the hash of the one before it.
//!
//! Knows places and hashes only. It finds lines that were changed, lost, inserted or doubled; it cannot find a
//! tail that was cut off, which only a checkpoint kept elsewhere can.

use super::line::{Entry, corrupt, unseal};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Head, SealedLine, StreamId};

/// A stream as far as it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    stream: StreamId,
    head: Head,
}

impl Chain {
    /// A chain from the first line of a stream.
    #[must_use]
    pub fn new(stream: StreamId) -> Self {
        Self { stream, head: Head::empty() }
    }

    /// A chain from a head that was checked before.
    #[must_use]
    pub fn from_head(stream: StreamId, head: Head) -> Self {
        Self { stream, head }
    }

    /// Which stream.
    #[must_use]
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// Where the checked part ends.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Checks the next line and opens it. After an error the chain is where it was.
    pub fn push(&mut self, line: &SealedLine) -> Result<Entry> {
        if line.stream != self.stream {
            return Err(corrupt(line, "belongs to another stream").with("expected", &self.stream));
        }
        if line.seq.checked_add(1) == Some(self.head.next_seq) && line.hash != self.head.hash {
            return Err(Error::new(
                ErrorKind::Fork,
                "read_journal",
                "two different lines claim one place; two journals were mixed, or one was restored and written on",
            )
            .with("stream", &line.stream)
            .with("seq", line.seq)
            .with("first", &self.head.hash)
            .with("second", &line.hash));
        }
        if line.seq != self.head.next_seq {
            return Err(
                corrupt(line, "is out of order, or lines before it are missing").with("expected", self.head.next_seq)
            );
        }
        if line.prev != self.head.hash {
            return Err(corrupt(line, "does not follow the line before it").with("expected", &self.head.hash));
        }
        let entry = unseal(line)?;
        self.head = Head { next_seq: line.seq + 1, hash: line.hash.clone() };
        Ok(entry)
    }
}

/// Checks a whole stream from its first line; returns its head. No lines make the empty head.
pub fn verify<'a>(lines: impl IntoIterator<Item = &'a SealedLine>) -> Result<Head> {
    let mut lines = lines.into_iter().peekable();
    let Some(first) = lines.peek() else {
        return Ok(Head::empty());
    };
    let mut chain = Chain::new(first.stream.clone());
    for line in lines {
        chain.push(line)?;
    }
    Ok(chain.head)
}
