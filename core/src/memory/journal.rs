//! A journal in memory: the fake that tests and the simulator use, with hooks to make it misbehave.
//!
//! Keeps the port's promises for as long as the value lives. It never looks inside a line and never reads a clock;
//! whatever goes wrong here was asked for by name.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Head, RunnerId, SealedLine, StreamId, Timestamp};
use crate::ports::{Append, Claim, Journal};

/// What an append can be made to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The lines are not stored, and the caller is told that nobody knows.
    AmbiguousNotStored,
    /// The lines are stored, and the caller is told that nobody knows.
    AmbiguousStored,
    /// There is no room: refused for good, nothing stored.
    Full,
    /// Cannot be reached: nothing stored, later it may work.
    Unavailable,
}

/// Decides for each append whether and how it fails.
pub type FailureHook = Box<dyn FnMut(&Append) -> Option<Failure> + Send>;

/// Says how far the world outside has come, when a line is stored.
pub type Marker = Box<dyn Fn() -> u64 + Send + Sync>;

/// Lines in memory.
#[derive(Default)]
pub struct MemoryJournal {
    state: Mutex<State>,
    hook: Mutex<Option<FailureHook>>,
    tape: Mutex<Option<Tape>>,
}

/// Every line that was ever stored, in order, each with the marker's word at that moment.
struct Tape {
    marker: Marker,
    lines: Vec<(u64, Arc<SealedLine>)>,
}

#[derive(Default, Clone)]
struct State {
    streams: BTreeMap<String, Vec<Arc<SealedLine>>>,
    epochs: BTreeMap<StreamId, u64>,
    claims: BTreeMap<StreamId, Claim>,
    failures: VecDeque<Failure>,
    stale_reads: usize,
    last_append: Option<(StreamId, u64)>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A copy that goes its own way: what a crash at this instant would leave behind.
    #[must_use]
    pub fn copy(&self) -> Arc<Self> {
        let mut state = self.state().clone();
        state.failures.clear();
        state.stale_reads = 0;
        Arc::new(Self { state: Mutex::new(state), hook: Mutex::default(), tape: Mutex::default() })
    }

    /// Lets the next append fail; several calls queue.
    pub fn fail_next(&self, failure: Failure) {
        self.state().failures.push_back(failure);
    }

    /// Asks `hook` before each append that no queued failure is waiting for; it must not call this journal.
    pub fn fail_when(&self, hook: impl FnMut(&Append) -> Option<Failure> + Send + 'static) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(hook));
    }

    /// Keeps a tape of every line stored from now on, each with the marker's word; it must not call this journal.
    /// Lines that a restored backup has lost stay on it.
    pub fn keep_tape(&self, marker: Marker) {
        *self.tape_guard() = Some(Tape { marker, lines: Vec::new() });
    }

    /// The tape, oldest line first; empty if none is kept.
    #[must_use]
    pub fn tape(&self) -> Vec<(u64, Arc<SealedLine>)> {
        self.tape_guard().as_ref().map(|tape| tape.lines.clone()).unwrap_or_default()
    }

    /// Forgets every claim, as a backend that lost them would; epochs stay.
    pub fn lose_claims(&self) {
        self.state().claims.clear();
    }

    fn tape_guard(&self) -> MutexGuard<'_, Option<Tape>> {
        self.tape.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_tape(&self, lines: &[SealedLine]) {
        if let Some(tape) = self.tape_guard().as_mut() {
            let mark = (tape.marker)();
            tape.lines.extend(lines.iter().cloned().map(|line| (mark, Arc::new(line))));
        }
    }

    /// Forgets all failures that were asked for.
    pub fn fail_no_more(&self) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut state = self.state();
        state.failures.clear();
        state.stale_reads = 0;
    }

    /// Lets the next `count` calls of `head` and `read` answer as if the last append had not been made.
    pub fn read_stale(&self, count: usize) {
        self.state().stale_reads += count;
    }

    /// Returns all lines of a stream as they are stored.
    #[must_use]
    pub fn lines(&self, stream: &StreamId) -> Vec<SealedLine> {
        self.state().streams.get(stream.as_str()).into_iter().flatten().map(|line| (**line).clone()).collect()
    }

    /// Returns how many lines each stream has.
    #[must_use]
    pub fn lengths(&self) -> BTreeMap<StreamId, usize> {
        let lengths = |(name, lines): (&String, &Vec<_>)| (StreamId::stored(name.as_str()), lines.len());
        self.state().streams.iter().map(lengths).collect()
    }

    /// Changes a stored line behind everybody's back; returns whether there was one.
    pub fn tamper(&self, stream: &StreamId, seq: u64, change: impl FnOnce(&mut SealedLine)) -> bool {
        let mut state = self.state();
        let index = usize::try_from(seq).unwrap_or(usize::MAX);
        let Some(line) = state.streams.get_mut(stream.as_str()).and_then(|lines| lines.get_mut(index)) else {
            return false;
        };
        change(Arc::make_mut(line));
        true
    }

    /// Cuts every stream back to its length in `lengths`; streams that are not named there vanish. Claims are
    /// forgotten, epochs stay.
    pub fn restore_from_backup(&self, lengths: &BTreeMap<StreamId, usize>) {
        let mut state = self.state();
        state.streams.retain(|name, lines| {
            let length = lengths.get(&StreamId::stored(name.as_str())).copied().unwrap_or(0);
            lines.truncate(length);
            !lines.is_empty()
        });
        state.claims.clear();
        state.last_append = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held is a failed test; each change is one assignment, so the state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_failure(&self, append: &Append) -> Option<Failure> {
        if let Some(failure) = self.state().failures.pop_front() {
            return Some(failure);
        }
        let mut hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner);
        hook.as_mut().and_then(|hook| hook(append))
    }
}

impl State {
    fn head(&self, stream: &StreamId) -> Head {
        head_of(self.streams.get(stream.as_str()).map_or(&[], Vec::as_slice))
    }

    /// Lines of a stream as a reader sees them now, which may be asked to be stale.
    fn visible(&mut self, stream: &StreamId) -> &[Arc<SealedLine>] {
        let lines = self.streams.get(stream.as_str()).map_or(&[][..], Vec::as_slice);
        if self.stale_reads > 0 {
            self.stale_reads -= 1;
            if let Some((last, length)) = &self.last_append
                && last == stream
            {
                return &lines[..usize::try_from(*length).map_or(lines.len(), |n| n.min(lines.len()))];
            }
        }
        lines
    }

    fn epoch(&self, scope: &StreamId) -> u64 {
        self.epochs.get(scope).copied().unwrap_or(0)
    }

    fn check(&self, append: &Append) -> Result<()> {
        let head = self.head(append.check_shape()?);
        append.compare(&head, append.fence.as_ref().map_or(0, |fence| self.epoch(&fence.scope)))
    }

    fn store(&mut self, append: &Append) -> Head {
        let stream = append.lines[0].stream.clone();
        let lines = self.streams.entry(stream.as_str().to_owned()).or_default();
        self.last_append = Some((stream, lines.len() as u64));
        lines.extend(append.lines.iter().cloned().map(Arc::new));
        let head = head_of(lines);
        if let Some(fence) = append.fence.as_ref().filter(|fence| fence.raises) {
            *self.epochs.entry(fence.scope.clone()).or_default() += 1;
        }
        head
    }
}

fn head_of(lines: &[Arc<SealedLine>]) -> Head {
    lines.last().map_or_else(Head::empty, |last| Head { next_seq: last.seq + 1, hash: last.hash.clone() })
}

fn after(now: Timestamp, ttl: Duration) -> Timestamp {
    now.checked_add(ttl).unwrap_or(Timestamp::MAX)
}

fn taken(operation: &'static str, scope: &StreamId, by: Option<&Claim>) -> Error {
    let error = Error::new(ErrorKind::Conflict, operation, "another runner has claimed this").with("scope", scope);
    match by {
        Some(claim) => error.with("runner", &claim.runner).with("until", claim.until),
        None => error,
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    async fn head(&self, stream: &StreamId) -> Result<Head> {
        Ok(head_of(self.state().visible(stream)))
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>> {
        let mut state = self.state();
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(state.visible(stream).iter().skip(from).take(limit).map(|line| (**line).clone()).collect())
    }

    async fn append(&self, append: &Append) -> Result<Head> {
        let failure = self.next_failure(append);
        let mut state = self.state();
        state.check(append)?;
        let in_doubt = || {
            Error::new(ErrorKind::Unavailable, "append", "no answer; read back whether the lines are there")
                .may_have_landed()
                .with("stream", &append.lines[0].stream)
        };
        match failure {
            None => {
                self.write_tape(&append.lines);
                Ok(state.store(append))
            }
            Some(Failure::AmbiguousNotStored) => Err(in_doubt()),
            Some(Failure::AmbiguousStored) => {
                self.write_tape(&append.lines);
                state.store(append);
                Err(in_doubt())
            }
            Some(Failure::Full) => Err(Error::refused("append", "there is no room left for the journal; free some")),
            Some(Failure::Unavailable) => {
                Err(Error::new(ErrorKind::Unavailable, "append", "the journal cannot be reached"))
            }
        }
    }

    async fn streams(&self, prefix: &str, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let state = self.state();
        let start = match &after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.as_str()),
            _ => Bound::Included(prefix),
        };
        let names = state.streams.range::<str, _>((start, Bound::Unbounded)).map(|(name, _)| name);
        Ok(names.take_while(|name| name.starts_with(prefix)).take(limit).map(StreamId::stored).collect())
    }

    async fn epoch(&self, scope: &StreamId) -> Result<u64> {
        Ok(self.state().epoch(scope))
    }

    async fn claim(&self, scope: &StreamId, runner: &RunnerId, now: Timestamp, ttl: Duration) -> Result<Claim> {
        let mut state = self.state();
        let held = state.claims.get(scope);
        if let Some(other) = held.filter(|claim| claim.runner != *runner && claim.until > now) {
            return Err(taken("claim", scope, Some(other)));
        }
        let is_own = held.is_some_and(|claim| claim.runner == *runner);
        let epoch = state.epoch(scope) + u64::from(!is_own);
        state.epochs.insert(scope.clone(), epoch);
        let claim = Claim { scope: scope.clone(), runner: runner.clone(), epoch, until: after(now, ttl) };
        state.claims.insert(scope.clone(), claim.clone());
        Ok(claim)
    }

    async fn renew(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim> {
        let mut state = self.state();
        let held = state.claims.get_mut(&claim.scope);
        match held {
            Some(held) if held.runner == claim.runner && held.epoch == claim.epoch => {
                held.until = after(now, ttl);
                Ok(held.clone())
            }
            other => Err(taken("renew", &claim.scope, other.as_deref())),
        }
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        let mut state = self.state();
        let is_held =
            state.claims.get(&claim.scope).is_some_and(|held| held.runner == claim.runner && held.epoch == claim.epoch);
        if is_held {
            state.claims.remove(&claim.scope);
        }
        Ok(())
    }
}
