//! SQLite's errors in our words.
//!
//! Only translation. None of these says by itself whether something landed: before COMMIT nothing did, and the
//! worker says so when COMMIT was the call that failed.

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// Translates an error of SQLite that happened before anything was committed.
pub(super) fn fault(operation: &'static str, error: rusqlite::Error) -> Error {
    let code = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.code),
        _ => None,
    };
    let (kind, message) = match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Unavailable, "the journal file is locked by another program; close that program or try later")
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Corrupt, "the journal file is damaged; keep a copy, do not write to it, restore a backup")
        }
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Refused,
            "this is not a SQLite file, so it is no journal; give the path of a journal or a new file",
        ),
        Some(ErrorCode::DiskFull) => (ErrorKind::Refused, "there is no room left for the journal; free some"),
        Some(ErrorCode::ReadOnly) => {
            (ErrorKind::Refused, "the journal file or its folder is read-only; make both writable for this user")
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            (ErrorKind::Refused, "the journal file cannot be opened; check path and permissions of file and folder")
        }
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Unavailable, "the journal file cannot be read or written"),
        Some(ErrorCode::ConstraintViolation) => {
            (ErrorKind::Corrupt, "the journal file refused a line that should have fitted; check the journal")
        }
        None if is_unreadable(&error) => {
            (ErrorKind::Corrupt, "the journal file holds something that was never written there; do not write to it")
        }
        _ => (ErrorKind::Unavailable, "the journal file cannot be used"),
    };
    Error::new(kind, operation, message).caused_by(error)
}

/// Text that is no UTF-8, a number where text belongs.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}

/// A number that does not fit the other side's integers.
pub(super) fn misfit(operation: &'static str, number: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, operation, "a number in the journal is out of range").with("number", number)
}
