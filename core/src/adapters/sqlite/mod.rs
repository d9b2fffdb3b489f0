//! The journal in one SQLite file that several processes and languages may share.
//!
//! One thread owns the connection, so no executor is blocked and none is needed; what waits for it is committed
//! together. It stores sealed lines and never looks inside one, and it reads no clock: `now` is the caller's.

mod fault;
mod oneshot;
mod schema;
mod statements;
mod worker;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Head, RunnerId, SealedLine, StreamId, Timestamp};
use crate::ports::{Append, Claim, Journal};
use worker::{Job, Task};

/// How long to wait while another process writes, unless told otherwise.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// A journal in a SQLite file.
///
/// The file must lie on a local file system: its locks and its shared memory do not work over a network.
/// Dropping the value lets the thread finish what was asked of it and close the file in its own time;
/// [`SqliteJournal::close`] waits for that.
pub struct SqliteJournal {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
}

impl SqliteJournal {
    /// Opens the journal at `path`, creating the file (for this user alone) if it is missing or empty.
    ///
    /// Blocks for as long as checking the file takes. Refuses without changing anything: a folder that does not
    /// exist or is a file's (`Config`), a file that is no SQLite file, belongs to another program, was written by a
    /// newer keywheel or cannot be written (`Refused`), one that is locked (`Unavailable`) or damaged (`Corrupt`).
    /// Looking at a refused file that has a write-ahead log may leave an empty log beside it.
    pub fn open(path: impl AsRef<Path>) -> Result<Arc<Self>> {
        Self::open_within(path, BUSY_TIMEOUT)
    }

    /// Opens like [`SqliteJournal::open`], and waits at most `busy_timeout` whenever another process writes.
    pub fn open_within(path: impl AsRef<Path>, busy_timeout: Duration) -> Result<Arc<Self>> {
        let path = path.as_ref().to_path_buf();
        let connection = schema::open(&path, busy_timeout)?;
        let jobs = worker::start(connection).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "open_journal", "the journal's thread cannot be started")
                .caused_by(error)
        })?;
        Ok(Arc::new(Self { path, jobs }))
    }

    /// Finishes what was asked for and closes the file; every later call is an error.
    pub async fn close(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job::Close(reply)).map_err(|_| closed("close_journal"))?;
        answer.await.unwrap_or_else(|| Err(closed("close_journal")))
    }

    /// Checks every page of the file and that each stream's lines are numbered and linked; returns their number.
    ///
    /// Whether each line's text hashes to what it says is checked by whoever reads it, with `journal::Chain`.
    /// Other calls wait meanwhile.
    pub async fn check_links(&self) -> Result<u64> {
        self.read_only("check_journal", statements::check_links).await
    }

    async fn read_only<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Read(Box::new(move |connection| reply.send(work(connection))));
        self.jobs.send(job).map_err(|_| closed(operation))?;
        answer.await.unwrap_or_else(|| Err(closed(operation)))
    }

    async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Write(Box::new(Task::new(operation, work, reply)));
        self.jobs.send(job).map_err(|_| closed(operation))?;
        // The thread died with our write in its hands: it may have been past COMMIT.
        answer.await.unwrap_or_else(|| Err(closed(operation).may_have_landed()))
    }
}

fn closed(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "the journal was closed; open it again").retry_never()
}

#[async_trait]
impl Journal for SqliteJournal {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    async fn head(&self, stream: &StreamId) -> Result<Head> {
        let stream = stream.clone();
        self.read_only("read_head", move |connection| statements::head(connection, &stream)).await
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>> {
        let stream = stream.clone();
        self.read_only("read_journal", move |connection| statements::read(connection, &stream, from, limit)).await
    }

    async fn append(&self, append: &Append) -> Result<Head> {
        let append = append.clone();
        self.write("append", move |connection| statements::append(connection, &append)).await
    }

    async fn streams(&self, prefix: &str, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        let prefix = prefix.to_owned();
        let work = move |connection: &Connection| statements::streams(connection, &prefix, after.as_ref(), limit);
        self.read_only("list_streams", work).await
    }

    async fn epoch(&self, scope: &StreamId) -> Result<u64> {
        let scope = scope.clone();
        self.read_only("read_epoch", move |connection| statements::epoch(connection, &scope)).await
    }

    async fn claim(&self, scope: &StreamId, runner: &RunnerId, now: Timestamp, ttl: Duration) -> Result<Claim> {
        let (scope, runner) = (scope.clone(), runner.clone());
        self.write("claim", move |connection| statements::claim(connection, &scope, &runner, now, ttl)).await
    }

    async fn renew(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim> {
        let claim = claim.clone();
        self.write("renew", move |connection| statements::renew(connection, &claim, now, ttl)).await
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        let claim = claim.clone();
        self.write("release", move |connection| statements::release(connection, &claim)).await
    }
}
