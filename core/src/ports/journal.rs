//! Storage of sealed lines: compare-and-append is the safety, claims only save work.
//!
//! A journal knows no facts. Native adapters only: a host language does not implement this.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Landed, Result};
use crate::model::{Head, RunnerId, SealedLine, StreamId, Timestamp};

/// The epoch an append was decided under. Another epoch means: somebody paused, cancelled or took over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The rotation's own stream, also for its pages.
    pub scope: StreamId,
    /// The epoch that must still hold.
    pub epoch: u64,
    /// Whether this append raises it by one (pause, resume, cancel).
    pub raises: bool,
}

/// Lines to append to one stream, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream's head as we know it.
    pub expected: Head,
    /// Lines numbered from `expected.next_seq`, chained; never empty, all of one stream.
    pub lines: Vec<SealedLine>,
    /// The epoch, for streams of a rotation.
    pub fence: Option<Fence>,
}

impl Append {
    /// Refuses what no correct caller makes: no lines, lines of several streams, lines that do not follow each other
    /// and the expected head. Returns the stream.
    pub fn check_shape(&self) -> Result<&StreamId> {
        let Some(first) = self.lines.first() else {
            return Err(Error::bug("append", "an append without lines"));
        };
        let mut next = &self.expected.hash;
        for (line, seq) in self.lines.iter().zip(self.expected.next_seq..) {
            if line.stream != first.stream || line.seq != seq || line.prev != *next {
                return Err(Error::bug(
                    "append",
                    "the lines of an append do not follow each other and its expected head",
                )
                .with("stream", &line.stream)
                .with("seq", line.seq));
            }
            next = &line.hash;
        }
        Ok(&first.stream)
    }

    /// Compares with what is stored: the stream's head, and the epoch of the fence's scope.
    pub fn compare(&self, head: &Head, epoch: u64) -> Result<()> {
        if *head != self.expected {
            return Err(Error::new(
                ErrorKind::Conflict,
                "append",
                "somebody else appended first; read and decide again",
            )
            .with("stream", self.lines.first().map_or("", |line| line.stream.as_str()))
            .with("expected", self.expected.next_seq)
            .with("found", head.next_seq));
        }
        if let Some(fence) = self.fence.as_ref().filter(|fence| fence.epoch != epoch) {
            return Err(Error::new(
                ErrorKind::Conflict,
                "append",
                "the epoch was raised: somebody paused, cancelled or took over; read and decide again",
            )
            .with("scope", &fence.scope)
            .with("expected", fence.epoch)
            .with("found", epoch));
        }
        Ok(())
    }

    /// Returns the head after this append.
    #[must_use]
    pub fn head_after(&self) -> Head {
        self.lines
            .last()
            .map_or_else(|| self.expected.clone(), |last| Head { next_seq: last.seq + 1, hash: last.hash.clone() })
    }
}

/// The right to drive something for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed: a rotation's or a page's stream.
    pub scope: StreamId,
    /// By whom.
    pub runner: RunnerId,
    /// The epoch of the scope since this claim.
    pub epoch: u64,
    /// Until when, by the claimer's clock.
    pub until: Timestamp,
}

/// Stores lines.
///
/// 1. `append` stores all lines or none, only if the head is as expected and the epoch holds; otherwise
///    `Conflict` with `Landed::No`. (`append_compares`, `append_is_all_or_nothing`)
/// 2. When `append` returns, the lines survive a crash of this machine (A4). (`acknowledged_means_durable`)
/// 3. `read` returns lines in order without gaps, and every acknowledged line. (`reads_see_acknowledged_lines`)
/// 4. No line can be changed or removed through the adapter. (`lines_are_immutable`)
/// 5. A claim taken from another runner raises the scope's epoch; one's own renewal does not. A live claim of
///    another runner is refused with `Conflict`. (`claims_exclude_and_expire`)
/// 6. An append that may or may not have been stored is an error with `Landed::Maybe`. (`ambiguity_is_said`)
/// 7. A journal written by a newer format, damaged, or not writable is refused on opening with the reason, and
///    not changed. (`a_future_format_is_refused`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait Journal: Send + Sync {
    /// Where it is, for people.
    fn place(&self) -> String;

    /// Where a stream ends.
    async fn head(&self, stream: &StreamId) -> Result<Head>;

    /// Up to `limit` lines from number `from` on.
    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>>;

    /// Appends, by compare-and-append.
    async fn append(&self, append: &Append) -> Result<Head>;

    /// Names of existing streams that start with `prefix`, in order, after `after`.
    async fn streams(&self, prefix: &str, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamId>>;

    /// The epoch of a scope; 0 before the first claim.
    async fn epoch(&self, scope: &StreamId) -> Result<u64>;

    /// Claims a scope for `ttl` from `now`; refused while another runner's claim lives.
    async fn claim(&self, scope: &StreamId, runner: &RunnerId, now: Timestamp, ttl: Duration) -> Result<Claim>;

    /// Prolongs one's claim; `Conflict` if it was taken.
    async fn renew(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim>;

    /// Gives a claim back; no error if it is gone already.
    async fn release(&self, claim: &Claim) -> Result<()>;
}

/// Conveniences over [`Journal`].
#[async_trait]
pub trait JournalExt: Journal {
    /// Appends, and settles an ambiguous answer by reading back our nonce (design §7).
    async fn append_settled(&self, append: &Append) -> Result<Head> {
        match self.append(append).await {
            Err(error) if error.landed() == Landed::Maybe => {
                let first = append.lines.first().expect("an append has at least one line");
                let found = self.read(&first.stream, first.seq, append.lines.len()).await?;
                let is_ours = found.len() == append.lines.len()
                    && found.iter().zip(&append.lines).all(|(there, ours)| there.nonce == ours.nonce);
                if is_ours {
                    let last = found.last().expect("as many as were appended");
                    return Ok(Head { next_seq: last.seq + 1, hash: last.hash.clone() });
                }
                if found.is_empty() {
                    return Err(
                        Error::new(ErrorKind::Unavailable, "append", "the append did not land").caused_by(error)
                    );
                }
                Err(Error::new(ErrorKind::Conflict, "append", "somebody else appended first").caused_by(error))
            }
            other => other,
        }
    }
}

impl<T: Journal + ?Sized> JournalExt for T {}
