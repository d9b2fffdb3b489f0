//! Opening the file: make it if it is new, refuse it for a stated reason if it is not ours to use.
//!
//! Nothing is changed before everything was checked. No line is read or written here.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::fault;
use crate::error::{Error, ErrorKind, Result};

/// `kwhl`: what `file(1)` and we see in the header of a journal.
pub(super) const APPLICATION_ID: i32 = 0x6b77_686c;

/// Version of the tables; not the version of the lines in them.
pub(super) const FORMAT: i32 = 1;

/// Files up to this size are checked page by page on opening.
const QUICK_CHECK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Every statement that makes a journal. What is in a file must equal this, or somebody has altered it.
const OBJECTS: [(&str, &str); 8] = [
    (
        "lines",
        "CREATE TABLE lines (stream TEXT NOT NULL, seq INTEGER NOT NULL CHECK (seq >= 0), prev TEXT NOT NULL, \
         hash TEXT NOT NULL, nonce TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (stream, seq)) STRICT",
    ),
    ("lines_first", "CREATE INDEX lines_first ON lines (stream) WHERE seq = 0"),
    (
        "lines_no_update",
        "CREATE TRIGGER lines_no_update BEFORE UPDATE ON lines \
         BEGIN SELECT RAISE(ABORT, 'lines of a journal are never changed'); END",
    ),
    (
        "lines_no_delete",
        "CREATE TRIGGER lines_no_delete BEFORE DELETE ON lines \
         BEGIN SELECT RAISE(ABORT, 'lines of a journal are never deleted'); END",
    ),
    (
        "lines_in_order",
        "CREATE TRIGGER lines_in_order BEFORE INSERT ON lines WHEN NEW.seq IS NOT \
         (SELECT coalesce(max(seq) + 1, 0) FROM lines WHERE stream = NEW.stream) \
         BEGIN SELECT RAISE(ABORT, 'lines of a journal are only appended'); END",
    ),
    (
        "epochs",
        "CREATE TABLE epochs (scope TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL CHECK (epoch >= 0)) STRICT",
    ),
    (
        "epochs_only_rise",
        "CREATE TRIGGER epochs_only_rise BEFORE UPDATE ON epochs WHEN NEW.epoch < OLD.epoch \
         BEGIN SELECT RAISE(ABORT, 'epochs only rise'); END",
    ),
    (
        "claims",
        "CREATE TABLE claims (scope TEXT NOT NULL PRIMARY KEY, runner TEXT NOT NULL, epoch INTEGER NOT NULL, \
         until_us INTEGER NOT NULL) STRICT",
    ),
];

/// One opening at a time per process: closing any descriptor of a file drops the process's locks on it.
static OPENING: Mutex<()> = Mutex::new(());

/// Opens the file, creating it if it is missing or empty.
pub(super) fn open(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let _guard = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let place = |error: Error| error.with("path", path.display());
    let is_new = prepare_file(path).map_err(place)?;
    // SQLite gives a read-only connection for a read-only file. It has not read anything yet: a reader would leave a
    // write-ahead log with the file's own mode behind, and that would outlast the file's being made writable.
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE, busy_timeout).map_err(place)?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| place(fault("open_journal", error)))? {
        let message = "the journal file is read-only; make it writable for this user";
        return Err(place(Error::refused("open_journal", message)));
    }
    if !is_new {
        // A writer's first look would roll back what another program's crash left in its file.
        let looking = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY, busy_timeout).map_err(place)?;
        check_header(&looking).map_err(place)?;
    }
    set_up(&connection, path).map_err(place)?;
    Ok(connection)
}

/// Makes an empty file for this user alone if there is none; returns whether the file is empty.
fn prepare_file(path: &Path) -> Result<bool> {
    let config = |message: &str| Error::new(ErrorKind::Config, "open_journal", message);
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !parent.is_dir() {
        return Err(config("the journal's folder does not exist; create it or choose another path"));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Err(config("the journal's path is a folder; give a file in it")),
        Ok(metadata) => return Ok(metadata.len() == 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(config("the journal's path cannot be looked at").caused_by(error)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => {
            // The file's name must survive a crash as well as what will be in it.
            #[cfg(unix)]
            fs::File::open(parent)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| config("the journal's folder cannot be synced").caused_by(error))?;
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            Err(Error::refused("open_journal", "the journal file cannot be created; make its folder writable")
                .caused_by(error))
        }
    }
}

fn connect(path: &Path, access: OpenFlags, busy_timeout: Duration) -> Result<Connection> {
    let in_open = |error| fault("open_journal", error);
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let connection = Connection::open_with_flags(path, flags).map_err(in_open)?;
    connection.busy_timeout(busy_timeout).map_err(in_open)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn number(connection: &Connection, sql: &str) -> Result<i64> {
    connection.query_row(sql, [], |row| row.get(0)).map_err(|error| fault("open_journal", error))
}

/// Returns whether the file is still blank; refuses what is not ours or newer.
fn check_header(connection: &Connection) -> Result<bool> {
    let application = number(connection, "PRAGMA application_id")?;
    let format = number(connection, "PRAGMA user_version")?;
    let objects = number(connection, "SELECT count(*) FROM sqlite_schema")?;
    if application == 0 && format == 0 && objects == 0 {
        return Ok(true);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(Error::refused(
            "open_journal",
            "this SQLite file belongs to another program; give the path of a journal or a new file; nothing was changed",
        )
        .with("application_id", format!("{application:#x}")));
    }
    if format > i64::from(FORMAT) {
        return Err(Error::refused(
            "open_journal",
            "this journal was written by a newer keywheel; use that version or a newer one; nothing was changed",
        )
        .with("format", format)
        .with("known", FORMAT));
    }
    if format < 1 {
        return Err(damaged("the format number is missing"));
    }
    check_objects(connection)?;
    Ok(false)
}

fn damaged(what: impl Into<String>) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "open_journal",
        "the journal file is damaged or was altered; keep a copy and restore or investigate; nothing was changed",
    )
    .with("found", what.into())
}

fn check_objects(connection: &Connection) -> Result<()> {
    let in_open = |error| fault("open_journal", error);
    let mut found = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
        .and_then(|mut statement| {
            statement
                .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?
                .collect::<Result<Vec<_>, _>>()
        })
        .map_err(in_open)?;
    for (name, sql) in OBJECTS {
        match found.iter().position(|(there, _)| there == name) {
            Some(index) if found[index].1 == sql => {
                found.swap_remove(index);
            }
            Some(_) => return Err(damaged(format!("{name} is not as keywheel made it"))),
            None => return Err(damaged(format!("{name} is missing"))),
        }
    }
    // Somebody's own index or view does no harm, a trigger or a column could.
    match found.iter().find(|(_, sql)| sql.to_ascii_uppercase().starts_with("CREATE TRIGGER")) {
        Some((name, _)) => Err(damaged(format!("trigger {name} is not keywheel's"))),
        None => Ok(()),
    }
}

fn set_up(connection: &Connection, path: &Path) -> Result<()> {
    let in_open = |error| fault("open_journal", error);
    let is_small = fs::metadata(path).is_ok_and(|metadata| metadata.len() <= QUICK_CHECK_BYTES_MAX);
    if is_small {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(in_open)?;
        if verdict != "ok" {
            return Err(damaged(verdict));
        }
    }
    // Takes the write lock once: whoever cannot write learns it now and not after the first mint.
    connection.execute_batch("BEGIN IMMEDIATE").map_err(in_open)?;
    let checked = check_header(connection);
    connection.execute_batch("ROLLBACK").map_err(in_open)?;
    checked?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(in_open)?;
    if mode != "wal" {
        return Err(Error::refused(
            "open_journal",
            "the journal cannot use a write-ahead log here; use a local file system that is not shared over a network",
        )
        .with("journal_mode", mode));
    }
    connection
        .execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; \
             PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA recursive_triggers = ON;",
        )
        .map_err(in_open)?;
    create(connection)
}

/// Makes the tables, unless another process was quicker.
fn create(connection: &Connection) -> Result<()> {
    let in_open = |error| fault("open_journal", error);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(in_open)?;
    let made = check_header(connection).and_then(|is_blank| {
        if !is_blank {
            return Ok(());
        }
        for (_, sql) in OBJECTS {
            connection.execute_batch(sql).map_err(in_open)?;
        }
        let header = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {FORMAT};");
        connection.execute_batch(&header).map_err(in_open)
    });
    match made {
        Ok(()) => connection.execute_batch("COMMIT").map_err(in_open),
        Err(error) => {
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}
