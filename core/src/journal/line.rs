//! One line: sealing facts into lines and opening lines again.
//!
//! `unseal` believes nothing: the text must be canonical, hash to what it says, and agree with the fields it is
//! stored under. Whether it stands in the right place is the chain's business, what it means the facts'.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::render::{Members, render};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Actor, Head, LineHash, RunnerId, SealedLine, StreamId, Timestamp, to_millis};

/// The version of the line format; a draft until keywheel 0.1.0.
pub const FORMAT: u64 = 1;

/// The longest line; the inventory of a page of 1,000 dependents fits.
pub const MAX_LINE_BYTES: usize = 2 * 1024 * 1024;

/// How deep a body may be nested.
pub const MAX_DEPTH: usize = 64;

/// What the lines of one append have in common besides their nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// The rotation's epoch the facts were decided under; 0 outside rotations.
    pub epoch: u64,
    /// Local time; kept to the millisecond.
    pub at: Timestamp,
    /// The far end's clock, where a fact came from an answer.
    pub server_time: Option<Timestamp>,
    /// Which process wrote it.
    pub runner: RunnerId,
    /// Who asked for it.
    pub actor: Option<Actor>,
}

/// A fact by name and body, before it has a place.
#[derive(Debug, Clone, PartialEq)]
pub struct Unsealed {
    /// Its name in snake_case.
    pub fact: String,
    /// Whether a reader that does not know the name must refuse the whole stream.
    pub must: bool,
    /// What it says.
    pub body: Value,
}

/// A line opened and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the members of design §7, explained there and in docs/journal-format.md")]
pub struct Entry {
    pub v: u64,
    pub stream: StreamId,
    pub seq: u64,
    pub epoch: u64,
    pub nonce: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    pub runner: RunnerId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    pub must: bool,
    pub fact: String,
    pub body: Value,
    pub prev: LineHash,
    pub hash: LineHash,
}

/// Seals facts into chained lines that follow `head`; returns them with the head after the last.
pub fn seal(
    stream: &StreamId,
    head: &Head,
    stamp: &Stamp,
    nonce: [u8; 16],
    facts: &[Unsealed],
) -> Result<(Vec<SealedLine>, Head)> {
    if facts.is_empty() {
        return Err(Error::bug("seal", "there is nothing to seal").with("stream", stream));
    }
    let nonce = HEXLOWER.encode(&nonce);
    let mut head = head.clone();
    let mut lines = Vec::with_capacity(facts.len());
    for fact in facts {
        let line = seal_one(stream, &head, stamp, &nonce, fact)?;
        head = Head { next_seq: line.seq + 1, hash: line.hash.clone() };
        lines.push(line);
    }
    Ok((lines, head))
}

fn seal_one(stream: &StreamId, head: &Head, stamp: &Stamp, nonce: &str, fact: &Unsealed) -> Result<SealedLine> {
    if !is_fact_name(&fact.fact) {
        return Err(Error::bug("seal", "a fact's name is not in snake_case").with("fact", &fact.fact));
    }
    let at = to_millis(stamp.at);
    let server_time = stamp.server_time.map(to_millis);
    let members = Members {
        actor: stamp.actor.as_ref().map(Actor::as_str),
        at: &at,
        body: &fact.body,
        epoch: stamp.epoch,
        fact: &fact.fact,
        must: fact.must,
        nonce,
        prev: &head.hash,
        runner: stamp.runner.as_str(),
        seq: head.next_seq,
        server_time: server_time.as_ref(),
        stream,
        v: FORMAT,
    };
    let rendered = render(&members)?;
    let hash = rendered.hash();
    let text = rendered.with(&hash);
    if text.len() > MAX_LINE_BYTES {
        return Err(Error::refused("seal", "a line would be too long; split the fact over several lines")
            .with("fact", &fact.fact)
            .with("bytes", text.len())
            .with("limit", MAX_LINE_BYTES));
    }
    let (stream, prev, nonce) = (stream.clone(), head.hash.clone(), nonce.to_owned());
    Ok(SealedLine { stream, seq: head.next_seq, prev, hash, nonce, text })
}

fn is_fact_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Opens a line; anything that is not exactly what was sealed is `Corrupt`, a newer format is `Refused`.
pub fn unseal(line: &SealedLine) -> Result<Entry> {
    if line.text.len() > MAX_LINE_BYTES {
        return Err(corrupt(line, "is longer than any line of ours").with("bytes", line.text.len()));
    }
    let entry: Entry = match serde_json::from_str(&line.text) {
        Ok(entry) => entry,
        Err(error) => {
            return Err(match version_of(&line.text) {
                Some(v) if v > FORMAT => newer(line, v),
                _ => corrupt(line, "is not a journal line").caused_by(error),
            });
        }
    };
    if entry.v > FORMAT {
        return Err(newer(line, entry.v));
    }
    let rendered =
        render(&Members::from(&entry)).map_err(|error| corrupt(line, "cannot be what was sealed").caused_by(error))?;
    if rendered.hash() != entry.hash {
        return Err(corrupt(line, "does not have the hash that it states"));
    }
    if !rendered.is(&line.text, &entry.hash) {
        return Err(corrupt(line, "is not in canonical form"));
    }
    let is_where_it_says = entry.stream == line.stream
        && entry.seq == line.seq
        && entry.prev == line.prev
        && entry.hash == line.hash
        && entry.nonce == line.nonce;
    if !is_where_it_says {
        return Err(corrupt(line, "is stored under another stream, number, hash or nonce than it states"));
    }
    if entry.v == 0 || !is_fact_name(&entry.fact) {
        return Err(corrupt(line, "states a version or a fact name that was never written"));
    }
    Ok(upgrade(entry))
}

/// Brings an entry of an earlier format to this one. There is only one format so far, so nothing changes.
///
/// `v`, `prev` and `hash` stay as they were written: they belong to the text, not to its meaning.
#[must_use]
pub fn upgrade(entry: Entry) -> Entry {
    entry
}

/// Reads nothing but the version, so that a newer line with unknown members is refused for the right reason.
fn version_of(text: &str) -> Option<u64> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    serde_json::from_str::<Version>(text).ok().map(|version| version.v)
}

pub(super) fn corrupt(line: &SealedLine, what: &str) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        "read_journal",
        format!("a journal line {what}; do not write to this journal, keep a copy and restore or investigate"),
    )
    .with("stream", &line.stream)
    .with("seq", line.seq)
}

fn newer(line: &SealedLine, v: u64) -> Error {
    Error::refused(
        "read_journal",
        "this journal was written by a newer keywheel; use that version or a newer one; nothing was changed",
    )
    .with("stream", &line.stream)
    .with("seq", line.seq)
    .with("format", v)
    .with("known", FORMAT)
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
