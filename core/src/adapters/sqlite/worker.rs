//! The journal's thread: it owns the connection, and it commits what is waiting in one transaction.
//!
//! Each write runs in a savepoint of its own, so one that conflicts does not fail its neighbours. Nothing is
//! answered before COMMIT has returned. What the writes are is not known here.

use std::sync::mpsc;
use std::thread;

use rusqlite::{Connection, ErrorCode};

use super::fault::fault;
use super::oneshot;
use crate::error::{Error, ErrorKind, Result};

/// How many writes share one transaction at most.
const BATCH_MAX: usize = 256;

/// What the thread is asked to do.
pub(super) enum Job {
    /// Close the file and stop.
    Close(oneshot::Sender<Result<()>>),
    /// Something that changes nothing.
    Read(Box<dyn FnOnce(&Connection) + Send>),
    /// Something that shares a transaction with its neighbours.
    Write(Box<dyn Write>),
}

/// A write with somebody waiting for its answer.
pub(super) trait Write: Send {
    /// Does it, inside a savepoint; returns whether to keep it.
    fn run(&mut self, connection: &Connection) -> Keep;
    /// Answers; `fate` says what became of the transaction.
    fn answer(self: Box<Self>, fate: &Fate);
}

/// Whether a write is to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    No,
    Yes,
}

/// What became of a transaction.
pub(super) enum Fate {
    /// It is on disk.
    Committed,
    /// Nothing of it was stored, for this reason and because of this error.
    Lost(ErrorKind, String, String),
    /// COMMIT failed: nobody knows.
    Unknown(String),
}

/// A write as a closure.
pub(super) struct Task<T, F> {
    operation: &'static str,
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F: FnOnce(&Connection) -> Result<T>> Task<T, F> {
    pub(super) fn new(operation: &'static str, work: F, reply: oneshot::Sender<Result<T>>) -> Self {
        Self { operation, work: Some(work), outcome: None, reply }
    }
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Write for Task<T, F> {
    fn run(&mut self, connection: &Connection) -> Keep {
        let work = self.work.take().expect("each write runs once");
        let outcome = work(connection);
        let keep = if outcome.is_ok() { Keep::Yes } else { Keep::No };
        self.outcome = Some(outcome);
        keep
    }

    fn answer(self: Box<Self>, fate: &Fate) {
        let Self { operation, outcome, reply, .. } = *self;
        reply.send(match (outcome, fate) {
            (Some(Err(refused)), _) => Err(refused),
            (Some(Ok(done)), Fate::Committed) => Ok(done),
            (_, Fate::Unknown(cause)) => {
                let message = "the journal file could not be synced; read back whether it was stored";
                Err(Error::new(ErrorKind::Unavailable, operation, message).may_have_landed().caused_by(cause.clone()))
            }
            (_, Fate::Lost(kind, reason, cause)) => {
                Err(Error::new(*kind, operation, reason.clone()).caused_by(cause.clone()))
            }
            (None, Fate::Committed) => Err(Error::bug(operation, "a write was committed without having run")),
        });
    }
}

/// Starts the thread; it ends when all senders are gone or it is told to close.
#[allow(clippy::disallowed_methods, reason = "the one thread that this adapter owns")]
pub(super) fn start(connection: Connection) -> std::io::Result<mpsc::Sender<Job>> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("keywheel-journal".to_owned()).spawn(move || run(connection, &receiver))?;
    Ok(sender)
}

fn run(connection: Connection, jobs: &mpsc::Receiver<Job>) {
    let mut writes: Vec<Box<dyn Write>> = Vec::new();
    while let Ok(first) = jobs.recv() {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Write(write) => {
                    writes.push(write);
                    if writes.len() == BATCH_MAX {
                        commit(&connection, &mut writes);
                    }
                }
                Job::Read(read) => {
                    // A read sees what was asked for before it.
                    commit(&connection, &mut writes);
                    read(&connection);
                }
                Job::Close(reply) => {
                    commit(&connection, &mut writes);
                    let closed = connection.close().map_err(|(_, error)| fault("close_journal", error));
                    reply.send(closed);
                    return;
                }
            }
            next = jobs.try_recv().ok();
        }
        commit(&connection, &mut writes);
    }
}

/// Runs the waiting writes in one transaction and answers them all.
fn commit(connection: &Connection, writes: &mut Vec<Box<dyn Write>>) {
    if writes.is_empty() {
        return;
    }
    let fate = transact(connection, writes);
    for write in writes.drain(..) {
        write.answer(&fate);
    }
}

fn transact(connection: &Connection, writes: &mut [Box<dyn Write>]) -> Fate {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        return lost(error);
    }
    let mut is_anything_kept = false;
    for write in writes {
        if let Err(error) = connection.execute_batch("SAVEPOINT one") {
            return abandon(connection, error);
        }
        let keep = write.run(connection);
        // SQLite rolls a whole transaction back by itself on some errors, a full disk for instance.
        if connection.is_autocommit() {
            let reason = "a neighbour's write made SQLite roll everything back; nothing was stored";
            return Fate::Lost(ErrorKind::Unavailable, reason.to_owned(), "automatic rollback".to_owned());
        }
        let end = if keep == Keep::Yes { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" };
        if let Err(error) = connection.execute_batch(end) {
            return abandon(connection, error);
        }
        is_anything_kept |= keep == Keep::Yes;
    }
    if !is_anything_kept {
        let _ = connection.execute_batch("ROLLBACK");
        return Fate::Committed;
    }
    match connection.execute_batch("COMMIT") {
        Ok(()) => Fate::Committed,
        Err(error) if is_busy(&error) => abandon(connection, error),
        Err(error) => {
            roll_back(connection);
            Fate::Unknown(error.to_string())
        }
    }
}

fn abandon(connection: &Connection, error: rusqlite::Error) -> Fate {
    roll_back(connection);
    lost(error)
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        // If this fails too, the next BEGIN fails and says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
}

fn lost(error: rusqlite::Error) -> Fate {
    let cause = error.to_string();
    let translated = fault("append", error);
    Fate::Lost(translated.kind(), translated.message().to_owned(), cause)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(number: i64, fails: bool) -> (Box<dyn Write>, oneshot::Receiver<Result<i64>>) {
        let (reply, answer) = oneshot::channel();
        let work = move |connection: &Connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [number]).map_err(|error| fault("insert", error))?;
            if fails { Err(Error::new(ErrorKind::Conflict, "insert", "asked to fail")) } else { Ok(number) }
        };
        (Box::new(Task::new("insert", work, reply)), answer)
    }

    fn numbers(connection: &Connection) -> Vec<i64> {
        let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").expect("a table");
        statement.query_map([], |row| row.get(0)).expect("a query").map(|n| n.expect("a number")).collect()
    }

    #[tokio::test]
    async fn a_write_that_conflicts_does_not_fail_its_neighbours() {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch("CREATE TABLE t (n INTEGER)").expect("a table");
        let (mut writes, answers): (Vec<_>, Vec<_>) =
            [insert(1, false), insert(2, true), insert(3, false)].into_iter().unzip();
        commit(&connection, &mut writes);
        assert_eq!(numbers(&connection), [1, 3]);
        let mut kinds = Vec::new();
        for answer in answers {
            kinds.push(answer.await.expect("an answer").map_err(|error| error.kind()));
        }
        assert_eq!(kinds, [Ok(1), Err(ErrorKind::Conflict), Ok(3)]);
    }

    #[tokio::test]
    async fn a_full_disk_refuses_one_write_and_never_half_of_it() {
        let connection = Connection::open_in_memory().expect("memory");
        connection.execute_batch("CREATE TABLE t (n INTEGER); PRAGMA max_page_count = 4").expect("a small disk");
        let (reply, full) = oneshot::channel();
        let work = |connection: &Connection| {
            let sql = "INSERT INTO t WITH RECURSIVE c (n) AS (SELECT 1000 UNION ALL SELECT n + 1 FROM c LIMIT 9000) SELECT n FROM c";
            connection.execute(sql, []).map_err(|error| fault("insert", error)).map(|_| 0)
        };
        let (first, before) = insert(1, false);
        let (last, after) = insert(2, false);
        let mut writes = vec![first, Box::new(Task::new("insert", work, reply)), last];
        commit(&connection, &mut writes);
        let refused = full.await.expect("an answer").expect_err("no room");
        assert_eq!((refused.kind(), refused.landed()), (ErrorKind::Refused, crate::Landed::No));
        let mut acknowledged = Vec::new();
        for answer in [before, after] {
            acknowledged.extend(answer.await.expect("an answer"));
        }
        assert_eq!(numbers(&connection), acknowledged, "exactly what was acknowledged is there");
    }

    #[tokio::test]
    async fn a_failed_commit_leaves_everybody_in_doubt_and_an_own_refusal_certain() {
        let connection = Connection::open_in_memory().expect("memory");
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON; CREATE TABLE p (n INTEGER PRIMARY KEY);
                 CREATE TABLE t (n INTEGER REFERENCES p (n) DEFERRABLE INITIALLY DEFERRED)",
            )
            .expect("tables");
        // A deferred foreign key is the one way to let COMMIT itself fail without breaking a disk.
        let (mut writes, mut answers): (Vec<_>, Vec<_>) = [insert(1, false), insert(2, true)].into_iter().unzip();
        commit(&connection, &mut writes);
        let refused = answers.pop().expect("two").await.expect("an answer").expect_err("asked to fail");
        let doubtful = answers.pop().expect("two").await.expect("an answer").expect_err("commit failed");
        assert_eq!(doubtful.landed(), crate::Landed::Maybe);
        assert_eq!((refused.kind(), refused.landed()), (ErrorKind::Conflict, crate::Landed::No));
        assert!(numbers(&connection).is_empty());
        assert!(connection.is_autocommit(), "the next transaction can begin");
    }
}
