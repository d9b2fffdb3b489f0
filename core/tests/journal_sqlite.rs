//! The journal in a SQLite file: the common promises, and what only a file can get wrong.
//!
//! Everything that spoils a file is done through a plain SQLite connection or the file system, as an operator,
//! another program or an intruder would do it.

#![cfg(feature = "sqlite")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keywheel::adapters::sqlite::SqliteJournal;
use keywheel::model::{Head, StreamId};
use keywheel::ports::Journal;
use keywheel::testkit::conformance::journal::{self as suite, append};
use keywheel::{Error, ErrorKind};
use rusqlite::Connection;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("keywheel.db")
    }

    /// A closed journal with three lines in `registry` and one in `meta`.
    async fn written(&self) -> PathBuf {
        let journal = SqliteJournal::open(self.path()).expect("a new journal");
        journal.append(&append(&StreamId::registry(), &Head::empty(), 1, 3)).await.expect("stored");
        journal.append(&append(&StreamId::meta(), &Head::empty(), 1, 1)).await.expect("stored");
        journal.close().await.expect("closed");
        self.path()
    }
}

fn raw(path: &Path) -> Connection {
    Connection::open(path).expect("any tool can open a journal")
}

fn refusal(path: &Path) -> Error {
    match SqliteJournal::open_within(path, Duration::from_millis(20)) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    }
}

/// The file and what waits in its write-ahead log, to show that a refusal changes nothing. SQLite may leave an empty
/// log behind for having looked.
fn bytes(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let log = path.with_extension("db-wal");
    (fs::read(path).expect("a readable file"), fs::read(log).unwrap_or_default())
}

#[track_caller]
fn assert_refused(path: &Path, kind: ErrorKind, reason: &str) {
    let before = bytes(path);
    let error = refusal(path);
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(reason), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error:?}");
    assert!(bytes(path) == before, "a refusal changes nothing");
}

#[tokio::test]
async fn sqlite_keeps_every_promise_of_a_journal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    suite::check(async |place: &str| {
        SqliteJournal::open(folder.path().join(format!("{place}.db"))).expect("a journal") as Arc<dyn Journal>
    })
    .await;
}

#[tokio::test]
async fn a_new_file_is_for_this_user_alone_and_survives_reopening() {
    let place = Place::new();
    let path = place.written().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let journal = SqliteJournal::open(&path).expect("a journal");
    assert_eq!(journal.place(), path.display().to_string());
    assert_eq!(journal.check_links().await.expect("whole"), 4);
    assert_eq!(suite::verify_all(&*journal).await.expect("whole").len(), 2);
    journal.close().await.expect("closed");
    let error = journal.head(&StreamId::meta()).await.expect_err("closed");
    assert!(error.to_string().contains("closed"), "{error}");
}

#[tokio::test]
async fn an_empty_file_becomes_a_journal_and_a_dropped_handle_loses_nothing() {
    let place = Place::new();
    fs::write(place.path(), []).expect("an empty file");
    let journal = SqliteJournal::open(place.path()).expect("a journal");
    let head = journal.append(&append(&StreamId::meta(), &Head::empty(), 1, 1)).await.expect("stored");
    drop(journal);
    let journal = SqliteJournal::open(place.path()).expect("a journal");
    assert_eq!(journal.head(&StreamId::meta()).await.expect("a head"), head);
}

#[tokio::test]
async fn many_handles_may_open_a_new_file_at_once() {
    let place = Place::new();
    let path = place.path();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| SqliteJournal::open(&path))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic").expect("a journal")).collect()
    });
    opened[0].append(&append(&StreamId::meta(), &Head::empty(), 1, 1)).await.expect("stored");
    assert_eq!(opened[3].head(&StreamId::meta()).await.expect("a head").next_seq, 1);
}

#[tokio::test]
async fn hundreds_of_appends_at_once_are_all_stored() {
    let place = Place::new();
    let journal = SqliteJournal::open(place.path()).expect("a journal");
    let appends: Vec<_> =
        (0..300).map(|n| append(&StreamId::stored(format!("r/{n:03}")), &Head::empty(), 1, 2)).collect();
    for outcome in futures_util::future::join_all(appends.iter().map(|append| journal.append(append))).await {
        outcome.expect("stored");
    }
    assert_eq!(suite::verify_all(&*journal).await.expect("whole").len(), 300);
}

/// What a crash would leave: the file and its log as they are, without closing.
fn crashed(path: &Path, log_bytes: usize) -> Place {
    let place = Place::new();
    fs::copy(path, place.path()).expect("a copy");
    let log = fs::read(path.with_extension("db-wal")).expect("a log");
    fs::write(place.path().with_extension("db-wal"), &log[..log_bytes.min(log.len())]).expect("a copy");
    place
}

#[tokio::test]
async fn acknowledged_lines_survive_a_crash_and_a_torn_log_never_holds_half_an_append() {
    let place = Place::new();
    let path = place.written().await;
    let journal = SqliteJournal::open(&path).expect("a journal");
    let mut head = journal.head(&StreamId::registry()).await.expect("a head");
    for nonce in 2..6 {
        head = journal.append(&append(&StreamId::registry(), &head, nonce, 3)).await.expect("stored");
    }
    let whole = SqliteJournal::open(crashed(&path, usize::MAX).path()).expect("a journal");
    assert_eq!(suite::verify_all(&*whole).await.expect("whole")[&StreamId::registry()], head);

    let log_bytes = fs::read(path.with_extension("db-wal")).expect("a log").len();
    let mut lengths = std::collections::BTreeSet::new();
    for cut in (0..log_bytes).step_by(509) {
        let torn = crashed(&path, cut);
        let journal = SqliteJournal::open(torn.path()).expect("a journal");
        let length = suite::verify_all(&*journal).await.expect("whole")[&StreamId::registry()].next_seq;
        assert_eq!(length % 3, 0, "{length} lines after {cut} bytes");
        lengths.insert(length);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [3, 6, 9, 12], "each append but the last was cut off once");
}

#[test]
fn a_missing_folder_and_a_folder_as_path_are_said_clearly() {
    let place = Place::new();
    let missing = place.folder.path().join("missing/keywheel.db");
    let error = refusal(&missing);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("does not exist"), "{error}");
    assert!(!missing.parent().expect("a parent").exists());
    let error = refusal(place.folder.path());
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("is a folder"), "{error}");
}

#[tokio::test]
async fn a_future_format_is_refused() {
    let place = Place::new();
    let path = place.written().await;
    raw(&path).execute_batch("PRAGMA user_version = 2").expect("a header");
    assert_refused(&path, ErrorKind::Refused, "newer keywheel");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let place = Place::new();
    fs::write(place.path(), "dear diary, ".repeat(1000)).expect("a file");
    assert_refused(&place.path(), ErrorKind::Refused, "not a SQLite file");
    fs::write(place.path(), "short").expect("a file");
    assert_refused(&place.path(), ErrorKind::Refused, "not a SQLite file");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let place = Place::new();
    raw(&place.path()).execute_batch("CREATE TABLE bookmarks (url TEXT)").expect("a table");
    assert_refused(&place.path(), ErrorKind::Refused, "belongs to another program");
    raw(&place.path()).execute_batch("PRAGMA application_id = 42").expect("a header");
    assert_refused(&place.path(), ErrorKind::Refused, "belongs to another program");
}

#[tokio::test]
async fn a_locked_file_is_refused_for_now() {
    let place = Place::new();
    let path = place.written().await;
    let other = raw(&path);
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let error = refusal(&path);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.retry(), keywheel::Retry::Later(None));
    assert!(error.to_string().contains("locked"), "{error}");
    other.execute_batch("ROLLBACK").expect("unlocked");
    SqliteJournal::open(&path).expect("free again");
}

#[tokio::test]
async fn an_append_to_a_locked_file_did_not_land() {
    let place = Place::new();
    let path = place.written().await;
    let journal = SqliteJournal::open_within(&path, Duration::from_millis(20)).expect("a journal");
    let other = raw(&path);
    other.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let ours = append(&StreamId::stored("r/a"), &Head::empty(), 1, 1);
    let error = journal.append(&ours).await.expect_err("locked");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, keywheel::Landed::No));
    assert_eq!(journal.head(&StreamId::registry()).await.expect("readers go on").next_seq, 3);
    other.execute_batch("ROLLBACK").expect("unlocked");
    journal.append(&ours).await.expect("free again");
}

#[tokio::test]
async fn a_damaged_page_is_refused() {
    let place = Place::new();
    let path = place.written().await;
    let mut content = fs::read(&path).expect("a file");
    let page = 4096;
    content[page..page + 64].fill(0xa5);
    fs::write(&path, content).expect("a file");
    let error = refusal(&path);
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
}

#[tokio::test]
async fn lines_cannot_be_changed_removed_or_inserted_by_plain_statements() {
    let place = Place::new();
    let path = place.written().await;
    let connection = raw(&path);
    for statement in [
        "UPDATE lines SET text = 'x' WHERE seq = 0",
        "DELETE FROM lines WHERE seq = 2",
        "INSERT INTO lines SELECT stream, 9, prev, hash, nonce, text FROM lines WHERE seq = 0",
        "INSERT OR REPLACE INTO lines SELECT stream, seq, prev, hash, nonce, 'x' FROM lines WHERE seq = 1",
        "INSERT INTO epochs VALUES ('r/a', 5); UPDATE epochs SET epoch = 4",
    ] {
        assert!(connection.execute_batch(statement).is_err(), "{statement}");
    }
    let journal = SqliteJournal::open(&path).expect("still whole");
    assert_eq!(suite::verify_all(&*journal).await.expect("whole").len(), 2);
}

/// Lets somebody who knows SQLite change what the triggers guard, and put the triggers back.
fn tamper(path: &Path, statement: &str) {
    let connection = raw(path);
    let triggers: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        .and_then(|mut query| query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("triggers");
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}")).expect("dropped");
    }
    connection.execute_batch(statement).expect("tampered");
    for (_, sql) in &triggers {
        connection.execute_batch(sql).expect("restored");
    }
}

#[tokio::test]
async fn a_tampered_row_is_seen_by_whoever_reads() {
    let changes = [
        "UPDATE lines SET text = replace(text, '\"n\":1', '\"n\":7') WHERE stream = 'registry' AND seq = 1",
        "UPDATE lines SET hash = prev WHERE stream = 'registry' AND seq = 2",
        "UPDATE lines SET nonce = 'ff' WHERE stream = 'registry' AND seq = 0",
        "DELETE FROM lines WHERE stream = 'registry' AND seq = 1",
        "UPDATE lines SET stream = 'r/a' WHERE stream = 'meta'",
        "UPDATE lines SET seq = 10 - seq WHERE stream = 'registry'; UPDATE lines SET seq = seq - 8 WHERE seq > 5",
    ];
    for change in changes {
        let place = Place::new();
        let path = place.written().await;
        tamper(&path, change);
        let journal = SqliteJournal::open(&path).expect("the file itself is whole");
        let error = suite::verify_all(&*journal).await.expect_err(change);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{change}: {error:?}");
    }
}

#[tokio::test]
async fn missing_lines_are_seen_by_checking_the_links_alone() {
    let place = Place::new();
    let path = place.written().await;
    tamper(&path, "DELETE FROM lines WHERE stream = 'registry' AND seq = 0");
    let journal = SqliteJournal::open(&path).expect("the file itself is whole");
    let error = journal.check_links().await.expect_err("the first line is missing");
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("registry"), "{error}");
}

#[tokio::test]
async fn a_journal_without_its_triggers_or_with_foreign_ones_is_refused() {
    let place = Place::new();
    let path = place.written().await;
    raw(&path).execute_batch("DROP TRIGGER lines_no_delete").expect("dropped");
    assert_refused(&path, ErrorKind::Corrupt, "lines_no_delete is missing");

    let place = Place::new();
    let path = place.written().await;
    let swallow = "CREATE TRIGGER helpful BEFORE INSERT ON lines BEGIN SELECT RAISE(IGNORE); END";
    raw(&path).execute_batch(swallow).expect("made");
    assert_refused(&path, ErrorKind::Corrupt, "helpful");
}

#[cfg(unix)]
#[tokio::test]
async fn a_read_only_file_or_folder_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permissions");
    let place = Place::new();
    let path = place.written().await;
    set(&path, 0o400);
    if fs::OpenOptions::new().write(true).open(&path).is_ok() {
        run_as_nobody("a_read_only_file_or_folder_is_refused");
        return;
    }
    assert_refused(&path, ErrorKind::Refused, "read-only");
    set(&path, 0o600);
    set(place.folder.path(), 0o500);
    let (old, new) = (refusal(&path), refusal(&place.folder.path().join("new.db")));
    set(place.folder.path(), 0o700);
    assert_eq!((old.kind(), new.kind()), (ErrorKind::Refused, ErrorKind::Refused), "{old:?} {new:?}");
    SqliteJournal::open(&path).expect("writable again");
}

/// Runs one test of this binary as a user to whom file modes mean something, which root is not.
#[cfg(unix)]
fn run_as_nobody(test: &str) {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binary = folder.path().join("tests");
    fs::copy(std::env::current_exe().expect("this binary"), &binary).expect("a copy");
    for path in [folder.path(), &binary] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("permissions");
    }
    let nobody = 65534;
    let run = std::process::Command::new(&binary)
        .args(["--exact", test])
        .current_dir(folder.path())
        .uid(nobody)
        .gid(nobody)
        .output();
    match run {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "as nobody: {said}");
        }
        Err(error) => eprintln!("NOT TESTED: a read-only file; cannot run as another user than root: {error}"),
    }
}
