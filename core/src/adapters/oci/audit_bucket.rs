//! The `AuditSink` port over Object Storage: facts as lines of objects that are created and never written again.
//!
//! An object holds consecutive facts of one stream and is named after the first of them, so that names sort as facts
//! do. Every write is create-only (`if-none-match: *`); what stands there is read back and compared. There is no overwrite and no
//! removal, and keywheel makes no retention rule: whether somebody else may change an object is told by `keeping`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::lock::Mutex;
use sha2::{Digest as _, Sha256};

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::retention;
use super::wire_audit::{ObjectNames, RetentionRules, Versioning};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{LineHash, NamespaceName, Region, StreamId};
use crate::ports::{AuditEntry, AuditSink, Keeping, LastHeld, Reply};

const RECORD: &str = "record";
/// Bytes of an object at most; a longer entry has one of its own.
const OBJECT_BYTES_MAX: usize = 1 << 20;
/// Streams whose places are remembered: the last ones that were asked for.
const STREAMS_MAX: usize = 4;
/// How often somebody else may be quicker before the call ends.
const ROUNDS_MAX: u32 = 16;

/// Where the objects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditBucketPlace {
    /// The bucket's region.
    pub region: Region,
    /// Its namespace; the tenancy's own if none is named.
    pub namespace: Option<NamespaceName>,
    /// Its name.
    pub bucket: String,
    /// What every object's name begins with; a slash follows.
    pub prefix: String,
}

/// A bucket that takes the audit trail. Several processes may share one place.
pub struct AuditBucket {
    client: Arc<Client>,
    place: AuditBucketPlace,
    known: Mutex<Vec<(StreamId, Places)>>,
}

/// What is there of one stream, as far as it was read.
#[derive(Debug, Default)]
struct Places {
    objects: BTreeSet<String>,
    /// A digest of the entry at each place.
    taken: BTreeMap<u64, [u8; 32]>,
    last: Option<(u64, LineHash)>,
}

impl Places {
    /// Whether a place is free (`false`), taken by this entry (`true`) or by another one.
    fn has(&self, entry: &AuditEntry) -> Result<bool> {
        match self.taken.get(&entry.seq) {
            None => Ok(false),
            Some(there) if *there == digest(entry)? => Ok(true),
            Some(_) => Err(fork(entry)),
        }
    }

    fn take(&mut self, entry: &AuditEntry) -> Result<()> {
        if !self.has(entry)? {
            self.taken.insert(entry.seq, digest(entry)?);
        }
        if self.last.as_ref().is_none_or(|(seq, _)| *seq < entry.seq) {
            self.last = Some((entry.seq, entry.id.clone()));
        }
        Ok(())
    }
}

impl AuditBucket {
    /// A sink in this bucket. Asks nothing.
    #[must_use]
    pub fn new(client: Arc<Client>, mut place: AuditBucketPlace) -> Self {
        place.prefix = place.prefix.trim_matches('/').to_owned();
        Self { client, place, known: Mutex::new(Vec::new()) }
    }

    async fn send(&self, call: Call) -> Result<Answer> {
        let namespace = match &self.place.namespace {
            Some(namespace) => namespace.clone(),
            None => self.client.namespace(&self.place.region).await?,
        };
        let call = call.param("namespaceName", &namespace).param("bucketName", &self.place.bucket);
        self.client.send(&call).await.map_err(|error| error.with("bucket", &self.place.bucket))
    }

    fn call(&self, operation: Operation) -> Call {
        Call::new(operation, &self.place.region)
    }

    /// What the names of a stream's objects begin with. A page's stream must not begin as its rotation's does.
    fn folder(&self, stream: &StreamId) -> String {
        let (prefix, slash) = (&self.place.prefix, if self.place.prefix.is_empty() { "" } else { "/" });
        format!("{prefix}{slash}{}/", stream.as_str().replace('~', "~~").replace('/', "~"))
    }

    fn object(&self, first: &AuditEntry) -> String {
        format!("{}{:020}.jsonl", self.folder(&first.stream), first.seq)
    }

    /// Reads what is there of a stream and was not read yet.
    async fn catch_up(&self, stream: &StreamId, places: &mut Places) -> Result<Answer> {
        let folder = self.folder(stream);
        let mut start = places.objects.last().cloned();
        loop {
            let call = self.call(Operation::ListObjects).query("prefix", &folder).query("limit", &PAGE_ITEMS_MAX);
            let call = match &start {
                Some(start) => call.query("start", start),
                None => call,
            };
            let answer = self.send(call).await?;
            let listed: ObjectNames = answer.json()?;
            for object in listed.objects {
                if !places.objects.contains(&object.name) {
                    self.read(&object.name, stream, places).await?;
                }
            }
            start = listed.next_start_with;
            if start.is_none() {
                return Ok(answer);
            }
        }
    }

    /// Reads one object into what is known.
    async fn read(&self, name: &str, stream: &StreamId, places: &mut Places) -> Result<()> {
        let corrupt = |why: &str| {
            Error::new(ErrorKind::Corrupt, RECORD, format!("an object in the audit bucket {why}"))
                .with("bucket", &self.place.bucket)
                .with("object", name)
        };
        let answer = self.send(self.call(Operation::GetObject).param("objectName", name)).await?;
        for line in answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let entry: AuditEntry = serde_json::from_slice(line)
                .map_err(|cause| corrupt("has a line that is no audit entry").caused_by(cause))?;
            if entry.stream != *stream {
                return Err(corrupt("holds an entry of another stream"));
            }
            places.take(&entry).map_err(|error| error.with("object", name))?;
        }
        places.objects.insert(name.to_owned());
        Ok(())
    }

    /// Writes what is missing of one stream, in order.
    async fn write(&self, stream: &StreamId, wanted: &[&AuditEntry], places: &mut Places) -> Result<Reply<()>> {
        let (mut reply, mut rounds) = (Reply::bare(()), 0);
        loop {
            let mut missing = Vec::new();
            for entry in wanted {
                if !places.has(entry)? {
                    missing.push(*entry);
                }
            }
            let Some(first) = missing.first() else { return Ok(reply) };
            let name = self.object(first);
            let (batch, body) = batch(&missing)?;
            let call =
                self.call(Operation::PutObject).param("objectName", &name).header("if-none-match", "*").raw(body);
            match self.send(call).await {
                Ok(answer) => {
                    for entry in batch {
                        places.take(entry)?;
                    }
                    places.objects.insert(name);
                    reply = answer.reply(());
                }
                // Somebody was quicker, or it was us and the answer was lost: what stands there decides.
                Err(error) if error.status() == Some(412) && rounds < ROUNDS_MAX => {
                    rounds += 1;
                    self.read(&name, stream, places).await?;
                }
                Err(error) => return Err(error.with("object", &name)),
            }
        }
    }
}

/// As many consecutive entries as one object takes, and its lines.
fn batch<'e>(missing: &[&'e AuditEntry]) -> Result<(Vec<&'e AuditEntry>, Vec<u8>)> {
    let (mut batch, mut body): (Vec<&AuditEntry>, Vec<u8>) = (Vec::new(), Vec::new());
    for entry in missing {
        let mut line = json(entry)?;
        line.push(b'\n');
        let follows = batch.last().is_none_or(|last| last.seq + 1 == entry.seq);
        if !batch.is_empty() && (!follows || body.len() + line.len() > OBJECT_BYTES_MAX) {
            break;
        }
        batch.push(entry);
        body.append(&mut line);
    }
    Ok((batch, body))
}

fn json(entry: &AuditEntry) -> Result<Vec<u8>> {
    serde_json::to_vec(entry)
        .map_err(|cause| Error::bug(RECORD, "an audit entry cannot be written as JSON").caused_by(cause))
}

fn digest(entry: &AuditEntry) -> Result<[u8; 32]> {
    Ok(Sha256::digest(json(entry)?).into())
}

fn fork(entry: &AuditEntry) -> Error {
    Error::new(
        ErrorKind::Fork,
        RECORD,
        "the audit bucket holds another entry at this place: the journal was rewritten, an object was, or two journals share \
         the prefix; keep both and find out which is true",
    )
    .with("stream", &entry.stream)
    .with("seq", entry.seq)
}

/// Takes a stream's places out of what is remembered.
fn taken_out(known: &mut Vec<(StreamId, Places)>, stream: &StreamId) -> Places {
    let at = known.iter().position(|(one, _)| one == stream);
    at.map(|at| known.remove(at).1).unwrap_or_default()
}

fn put_back(known: &mut Vec<(StreamId, Places)>, stream: &StreamId, places: Places) {
    known.push((stream.clone(), places));
    if known.len() > STREAMS_MAX {
        known.remove(0);
    }
}

#[async_trait]
impl AuditSink for AuditBucket {
    fn name(&self) -> String {
        format!("bucket {} in {} under {:?}", self.place.bucket, self.place.region, self.place.prefix)
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        let mut by_stream: BTreeMap<&StreamId, BTreeMap<u64, &AuditEntry>> = BTreeMap::new();
        for entry in entries {
            let there = by_stream.entry(&entry.stream).or_default().insert(entry.seq, entry);
            if there.is_some_and(|there| there != entry) {
                return Err(fork(entry));
            }
        }
        let mut known = self.known.lock().await;
        // Looked through first: a fork anywhere among the entries leaves all of them unrecorded.
        let mut ready = Vec::new();
        for (stream, wanted) in by_stream {
            let mut places = taken_out(&mut known, stream);
            self.catch_up(stream, &mut places).await?;
            for entry in wanted.values() {
                places.has(entry)?;
            }
            ready.push((stream, wanted, places));
        }
        let mut reply = Reply::bare(());
        for (stream, wanted, mut places) in ready {
            let wanted: Vec<_> = wanted.into_values().collect();
            reply = self.write(stream, &wanted, &mut places).await?;
            put_back(&mut known, stream, places);
        }
        Ok(reply)
    }

    async fn last_held(&self, stream: &StreamId) -> Result<Reply<LastHeld>> {
        let mut known = self.known.lock().await;
        let mut places = taken_out(&mut known, stream);
        let answer = self.catch_up(stream, &mut places).await?;
        let last = places.last.clone().map(|(seq, id)| LastHeld::Entry { seq, id });
        put_back(&mut known, stream, places);
        Ok(answer.reply(last.unwrap_or(LastHeld::Nothing)))
    }

    async fn keeping(&self) -> Result<Reply<Keeping>> {
        let answer = self.send(self.call(Operation::GetBucket)).await?;
        let versioning: Versioning = answer.json()?;
        let (mut rules, mut page) = (Vec::new(), None::<String>);
        let answer = loop {
            let answer = self.send(self.call(Operation::ListRetentionRules).page(page.as_deref())).await?;
            let listed: RetentionRules = answer.json()?;
            rules.extend(listed.items);
            page = answer.witnesses.next_page.clone();
            if page.is_none() {
                break answer;
            }
        };
        let is_versioned = versioning.versioning.as_deref() == Some("Enabled");
        Ok(answer.reply(retention::keeping(&rules, is_versioned, answer.witnesses.server_date)))
    }
}
