//! The audit trail in a file: one JSON line per entry, appended and synced.
//!
//! It is a copy; the journal is the trail. Blocks the calling thread for the length of one sync.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{LineHash, StreamId};
use crate::ports::{AuditEntry, AuditSink, Keeping, KeepingPromise, LastHeld, Reply};

const OPERATION: &str = "record";

/// Appends audit entries to a file. Several processes may share one file.
pub struct FileSink {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// How much of the file `taken` knows of.
    read_bytes: u64,
    places: Places,
}

/// What is in the file.
#[derive(Default)]
struct Places {
    /// A digest of the entry at each place: whole ids would double the memory.
    taken: HashMap<StreamId, BTreeMap<u64, [u8; 32]>>,
    /// The entry with the highest number of each stream.
    last: HashMap<StreamId, (u64, LineHash)>,
}

impl Places {
    fn take(&mut self, entry: &AuditEntry) {
        self.taken.entry(entry.stream.clone()).or_default().insert(entry.seq, digest(entry));
        if self.last.get(&entry.stream).is_none_or(|(seq, _)| *seq <= entry.seq) {
            self.last.insert(entry.stream.clone(), (entry.seq, entry.id.clone()));
        }
    }
}

impl FileSink {
    /// Opens or creates the file and reads what is in it.
    ///
    /// # Errors
    /// `Config` if the file cannot be opened, `Corrupt` if a line is no audit entry.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(|cause| {
            Error::new(ErrorKind::Config, OPERATION, "the audit file cannot be opened for appending")
                .with("file", path.display())
                .caused_by(cause)
        })?;
        let mut state = State { file, read_bytes: 0, places: Places::default() };
        state.locked(&path, State::catch_up)?;
        Ok(Self { path, state: Mutex::new(state) })
    }
}

impl State {
    fn locked<T>(&mut self, path: &Path, work: impl FnOnce(&mut Self, &Path) -> Result<T>) -> Result<T> {
        self.file.lock().map_err(|cause| io(path, "the audit file cannot be locked", cause))?;
        let result = work(self, path);
        let unlocked = self.file.unlock().map_err(|cause| io(path, "the audit file cannot be unlocked", cause));
        result.and_then(|value| unlocked.map(|()| value))
    }

    /// Reads what was appended since, by whomever. A last line without its end was never acknowledged
    /// and is cut off.
    fn catch_up(&mut self, path: &Path) -> Result<()> {
        let failed = |cause| io(path, "the audit file cannot be read", cause);
        self.file.seek(SeekFrom::Start(self.read_bytes)).map_err(failed)?;
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        let mut whole = self.read_bytes;
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if length == 0 {
                break;
            }
            if line.last() != Some(&b'\n') {
                self.file.set_len(whole).map_err(failed)?;
                break;
            }
            let entry: AuditEntry = serde_json::from_slice(&line).map_err(|cause| {
                Error::new(ErrorKind::Corrupt, OPERATION, "a line of the audit file is no audit entry")
                    .with("file", path.display())
                    .with("offset", whole)
                    .caused_by(cause)
            })?;
            self.places.take(&entry);
            whole += length as u64;
        }
        self.read_bytes = whole;
        Ok(())
    }

    fn append(&mut self, path: &Path, entries: &[AuditEntry]) -> Result<()> {
        self.catch_up(path)?;
        let mut fresh: BTreeMap<(&StreamId, u64), &AuditEntry> = BTreeMap::new();
        let mut lines = Vec::new();
        for entry in entries {
            let there = self.places.taken.get(&entry.stream).and_then(|places| places.get(&entry.seq)).copied();
            let there = there.or_else(|| fresh.get(&(&entry.stream, entry.seq)).map(|other| digest(other)));
            match there {
                Some(known) if known == digest(entry) => continue,
                Some(_) => return Err(fork(path, entry)),
                None => {}
            }
            fresh.insert((&entry.stream, entry.seq), entry);
            serde_json::to_writer(&mut lines, entry)
                .map_err(|cause| Error::bug(OPERATION, "an audit entry cannot be written as JSON").caused_by(cause))?;
            lines.push(b'\n');
        }
        if lines.is_empty() {
            return Ok(());
        }
        let failed = |cause| io(path, "the audit file cannot be written", cause).may_have_landed();
        self.file.write_all(&lines).map_err(failed)?;
        self.file.sync_data().map_err(failed)?;
        self.read_bytes += lines.len() as u64;
        for entry in fresh.into_values() {
            self.places.take(entry);
        }
        Ok(())
    }
}

fn digest(entry: &AuditEntry) -> [u8; 32] {
    Sha256::digest(entry.id.as_str().as_bytes()).into()
}

fn fork(path: &Path, entry: &AuditEntry) -> Error {
    Error::new(
        ErrorKind::Fork,
        OPERATION,
        "the audit file holds another entry at this place: the journal was rewritten or two journals share the file; keep \
         both and find out which is true",
    )
    .with("file", path.display())
    .with("stream", &entry.stream)
    .with("seq", entry.seq)
}

fn io(path: &Path, what: &'static str, cause: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, OPERATION, what).with("file", path.display()).caused_by(cause)
}

#[async_trait]
impl AuditSink for FileSink {
    fn name(&self) -> String {
        format!("file {}", self.path.display())
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.locked(&self.path, |state, path| state.append(path, entries))?;
        Ok(Reply::bare(()))
    }

    async fn last_held(&self, stream: &StreamId) -> Result<Reply<LastHeld>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.locked(&self.path, State::catch_up)?;
        let last = state.places.last.get(stream).cloned().map(|(seq, id)| LastHeld::Entry { seq, id });
        Ok(Reply::bare(last.unwrap_or(LastHeld::Nothing)))
    }

    async fn keeping(&self) -> Result<Reply<Keeping>> {
        let text = vec!["a file on this machine: whoever may write it may change or remove it".to_owned()];
        Ok(Reply::bare(Keeping { promise: KeepingPromise::Nothing, text }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn entry(seq: u64, id: &str) -> AuditEntry {
        AuditEntry {
            id: LineHash::stored(id),
            stream: StreamId::registry(),
            seq,
            at: "2026-11-22T12:00:00Z".parse().expect("a timestamp"),
            text: "{\"fact\":\"opened\"}".to_owned(),
        }
    }

    fn record(sink: &FileSink, entries: &[AuditEntry]) -> Result<Reply<()>> {
        sink.record(entries).now_or_never().expect("a file never waits")
    }

    #[test]
    fn an_entry_may_come_twice_and_is_kept_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let sink = FileSink::open(&path).expect("created");
        record(&sink, &[entry(0, "a"), entry(0, "a"), entry(1, "b")]).expect("recorded");
        record(&FileSink::open(&path).expect("opened again"), &[entry(1, "b"), entry(2, "c")]).expect("recorded");
        record(&sink, &[entry(2, "c")]).expect("sees what the other wrote");
        let text = std::fs::read_to_string(&path).expect("a file");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn a_fork_is_refused_and_nothing_is_recorded() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let sink = FileSink::open(&path).expect("created");
        record(&sink, &[entry(0, "a")]).expect("recorded");
        let error = record(&sink, &[entry(1, "b"), entry(0, "z")]).expect_err("another entry at place 0");
        assert_eq!(error.kind(), ErrorKind::Fork);
        assert_eq!(std::fs::read_to_string(&path).expect("a file").lines().count(), 1);
        let error = record(&sink, &[entry(5, "x"), entry(5, "y")]).expect_err("within one call too");
        assert_eq!(error.kind(), ErrorKind::Fork);
    }

    #[test]
    fn a_line_cut_by_a_crash_is_dropped_and_can_come_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        record(&FileSink::open(&path).expect("created"), &[entry(0, "a"), entry(1, "b")]).expect("recorded");
        let text = std::fs::read(&path).expect("a file");
        std::fs::write(&path, &text[..text.len() - 20]).expect("cut");
        let sink = FileSink::open(&path).expect("a torn end is no corruption");
        record(&sink, &[entry(1, "b")]).expect("recorded");
        assert_eq!(std::fs::read(&path).expect("a file"), text);
    }

    #[test]
    fn what_is_held_last_is_told_also_of_what_another_process_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        let (sink, other) = (FileSink::open(&path).expect("created"), FileSink::open(&path).expect("opened"));
        let last = |sink: &FileSink, stream| sink.last_held(&stream).now_or_never().expect("a file never waits");
        assert_eq!(last(&sink, StreamId::registry()).expect("asked").value, LastHeld::Nothing);
        record(&sink, &[entry(0, "a"), entry(1, "b")]).expect("recorded");
        record(&sink, &[entry(0, "a")]).expect("recorded before");
        let held = LastHeld::Entry { seq: 1, id: LineHash::stored("b") };
        assert_eq!(last(&other, StreamId::registry()).expect("asked").value, held);
        assert_eq!(last(&other, StreamId::meta()).expect("asked").value, LastHeld::Nothing);
    }

    #[test]
    fn a_line_that_is_no_entry_is_corrupt() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        std::fs::write(&path, "hello\n").expect("written");
        assert_eq!(FileSink::open(&path).err().expect("refused").kind(), ErrorKind::Corrupt);
    }
}
