//! The canonical form of a line (RFC 8785) and its hash.
//!
//! Only the text form lives here, nothing about chains or meaning. The members of a line are known, so they are
//! written in their canonical order by hand around the canonical body; a test compares with the general algorithm.

use std::io::Write as _;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::line::{Entry, MAX_DEPTH};
use crate::error::{Error, Result};
use crate::model::{Actor, LineHash, StreamId, Timestamp};

/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The members of a line but for its hash, wherever they are kept.
pub(super) struct Members<'a> {
    pub(super) actor: Option<&'a str>,
    pub(super) at: &'a Timestamp,
    pub(super) body: &'a Value,
    pub(super) epoch: u64,
    pub(super) fact: &'a str,
    pub(super) must: bool,
    pub(super) nonce: &'a str,
    pub(super) prev: &'a LineHash,
    pub(super) runner: &'a str,
    pub(super) seq: u64,
    pub(super) server_time: Option<&'a Timestamp>,
    pub(super) stream: &'a StreamId,
    pub(super) v: u64,
}

impl<'a> From<&'a Entry> for Members<'a> {
    fn from(entry: &'a Entry) -> Self {
        Self {
            actor: entry.actor.as_ref().map(Actor::as_str),
            at: &entry.at,
            body: &entry.body,
            epoch: entry.epoch,
            fact: &entry.fact,
            must: entry.must,
            nonce: &entry.nonce,
            prev: &entry.prev,
            runner: entry.runner.as_str(),
            seq: entry.seq,
            server_time: entry.server_time.as_ref(),
            stream: &entry.stream,
            v: entry.v,
        }
    }
}

/// A line's text without its hash, and the place where that member belongs.
pub(super) struct Rendered {
    text: String,
    hash_at: usize,
}

impl Rendered {
    /// Returns the SHA-256 of the line without its hash.
    pub(super) fn hash(&self) -> LineHash {
        LineHash::stored(HEXLOWER.encode(&Sha256::digest(self.text.as_bytes())))
    }

    /// Returns the whole line.
    pub(super) fn with(&self, hash: &LineHash) -> String {
        let (before, after) = self.text.split_at(self.hash_at);
        [before, HASH, hash.as_str(), "\",", after].concat()
    }

    /// Whether a text is this line with this hash, to the byte.
    pub(super) fn is(&self, text: &str, hash: &LineHash) -> bool {
        let (before, after) = self.text.split_at(self.hash_at);
        let member = |rest: &'_ str| {
            let rest = rest.strip_prefix(HASH)?.strip_prefix(hash.as_str())?.strip_prefix("\",")?;
            Some(rest == after)
        };
        text.strip_prefix(before).and_then(member).unwrap_or(false)
    }
}

const HASH: &str = "\"hash\":\"";

/// Renders everything but the hash.
pub(super) fn render(members: &Members<'_>) -> Result<Rendered> {
    let mut out = Vec::with_capacity(1024);
    out.push(b'{');
    if let Some(actor) = members.actor {
        name(&mut out, "actor");
        text(&mut out, actor)?;
    }
    name(&mut out, "at");
    instant(&mut out, members.at);
    name(&mut out, "body");
    body(&mut out, members.body, 0)?;
    name(&mut out, "epoch");
    integer(&mut out, members.epoch)?;
    name(&mut out, "fact");
    text(&mut out, members.fact)?;
    out.push(b',');
    let hash_at = out.len();
    out.extend_from_slice(if members.must { b"\"must\":true" } else { b"\"must\":false" });
    name(&mut out, "nonce");
    text(&mut out, members.nonce)?;
    name(&mut out, "prev");
    text(&mut out, members.prev.as_str())?;
    name(&mut out, "runner");
    text(&mut out, members.runner)?;
    name(&mut out, "seq");
    integer(&mut out, members.seq)?;
    if let Some(server_time) = members.server_time {
        name(&mut out, "server_time");
        instant(&mut out, server_time);
    }
    name(&mut out, "stream");
    text(&mut out, members.stream.as_str())?;
    name(&mut out, "v");
    integer(&mut out, members.v)?;
    out.push(b'}');
    let text = String::from_utf8(out).map_err(no_canonical_form)?;
    Ok(Rendered { text, hash_at })
}

fn no_canonical_form(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::bug("seal", "a text or a body has no canonical form").caused_by(error)
}

/// A member's name, after a comma unless it is the first.
fn name(out: &mut Vec<u8>, name: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn instant(out: &mut Vec<u8>, at: &Timestamp) {
    write!(out, "\"{at}\"").expect("writing to memory does not fail");
}

fn text(out: &mut Vec<u8>, value: &str) -> Result<()> {
    serde_json::to_writer(out, value).map_err(no_canonical_form)
}

fn integer(out: &mut Vec<u8>, value: u64) -> Result<()> {
    if value > MAX_INTEGER {
        return Err(
            Error::bug("seal", "a number is beyond 2^53-1, which JSON readers would round").with("number", value)
        );
    }
    serde_json::to_writer(out, &value).map_err(no_canonical_form)
}

/// Writes a body, or refuses what would not come back as it was written: fractions, huge integers, bottomless nesting.
///
/// Members stand in the order of their UTF-16 units (RFC 8785); for names in ASCII, which all of ours are, that is the
/// order of their bytes. serde_json escapes strings as the RFC says.
fn body(out: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::bug("seal", "a body is nested too deeply").with("limit", MAX_DEPTH));
    }
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                body(out, item, depth + 1)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)>;
            let mut as_they_are = members.iter();
            let ordered: &mut dyn Iterator<Item = (&String, &Value)> =
                if members.keys().is_sorted() && members.keys().all(|name| name.is_ascii()) {
                    &mut as_they_are
                } else {
                    sorted = members.iter().collect();
                    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
                    &mut sorted.into_iter()
                };
            out.push(b'{');
            for (index, (name, member)) in ordered.enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text(out, name)?;
                out.push(b':');
                body(out, member, depth + 1)?;
            }
            out.push(b'}');
        }
        Value::String(string) => text(out, string)?,
        Value::Number(number) => {
            let is_exact = number.as_i64().map(i64::unsigned_abs).or(number.as_u64()).is_some_and(|n| n <= MAX_INTEGER);
            if !is_exact {
                return Err(Error::bug(
                    "seal",
                    "a fact holds whole numbers up to 2^53-1 only; use a smaller unit or a string",
                )
                .with("number", number));
            }
            serde_json::to_writer(out, number).map_err(no_canonical_form)?;
        }
        Value::Null | Value::Bool(_) => serde_json::to_writer(out, value).map_err(no_canonical_form)?,
    }
    Ok(())
}
