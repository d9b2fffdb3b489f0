//! Small files that hold keys, tokens and certificates: read whole, up to a limit, with an error that names the path.
//!
//! What was read is never repeated in an error.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files longer than this are not config, key, token or certificate files.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a file. They are a few kilobytes on a local disk, so the caller's thread waits for it.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path).map_err(|cause| format!("cannot be read ({cause})"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("is {length} bytes long and cannot be what it is taken for"));
    }
    std::fs::read(path).map_err(|cause| format!("cannot be read ({cause})"))
}

/// `~/` is the home directory.
pub(super) fn expand_home(path: &str) -> PathBuf {
    let rest = path.strip_prefix("~/").or_else(|| path.strip_prefix("~\\"));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// What tells one writing of a file from the next without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp(Option<(u64, Option<SystemTime>)>);

impl Stamp {
    pub(super) fn of(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().map(|about| (about.len(), about.modified().ok())))
    }
}
