//! The canonical form of a line (RFC 8785) and its hash.
//!
//! Only the text form lives here, nothing about chains or meaning. The members of a line are known, so they are
//! written in their canonical order by hand around the canonical body; a test compares with the general algorithm.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::line::{Entry, MAX_DEPTH};
use crate::error::{Error, Result};
use crate::model::LineHash;

/// The largest integer that every JSON reader keeps exactly: 2^53 - 1.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A line's text in two halves: the member `hash` belongs between them.
pub(super) struct Rendered {
    before: String,
    after: String,
}

impl Rendered {
    /// Returns the SHA-256 of the line without its hash.
    pub(super) fn hash(&self) -> LineHash {
        let mut sha = Sha256::new();
        sha.update(self.before.as_bytes());
        sha.update(self.after.as_bytes());
        LineHash::stored(HEXLOWER.encode(&sha.finalize()))
    }

    /// Returns the whole line.
    pub(super) fn with(mut self, hash: &LineHash) -> String {
        self.before.push_str("\"hash\":\"");
        self.before.push_str(hash.as_str());
        self.before.push_str("\",");
        self.before.push_str(&self.after);
        self.before
    }
}

/// Renders everything but the hash.
pub(super) fn render(entry: &Entry) -> Result<Rendered> {
    let mut before = String::with_capacity(512);
    before.push('{');
    if let Some(actor) = &entry.actor {
        push(&mut before, "actor", &text(actor.as_str())?);
    }
    push(&mut before, "at", &text(&entry.at.to_string())?);
    push(&mut before, "body", &canonical(&entry.body)?);
    push(&mut before, "epoch", &integer(entry.epoch)?);
    push(&mut before, "fact", &text(&entry.fact)?);
    let mut after = String::with_capacity(384);
    push(&mut after, "must", if entry.must { "true" } else { "false" });
    push(&mut after, "nonce", &text(&entry.nonce)?);
    push(&mut after, "prev", &text(entry.prev.as_str())?);
    push(&mut after, "runner", &text(entry.runner.as_str())?);
    push(&mut after, "seq", &integer(entry.seq)?);
    if let Some(server_time) = &entry.server_time {
        push(&mut after, "server_time", &text(&server_time.to_string())?);
    }
    push(&mut after, "stream", &text(entry.stream.as_str())?);
    write!(after, "\"v\":{}}}", entry.v).expect("writing to a string does not fail");
    Ok(Rendered { before, after })
}

fn push(to: &mut String, name: &str, value: &str) {
    write!(to, "\"{name}\":{value},").expect("writing to a string does not fail");
}

fn text(value: &str) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::bug("seal", "a text has no canonical form").caused_by(error))
}

fn integer(value: u64) -> Result<String> {
    if value > MAX_INTEGER {
        return Err(
            Error::bug("seal", "a number is beyond 2^53-1, which JSON readers would round").with("number", value)
        );
    }
    Ok(value.to_string())
}

fn canonical(body: &Value) -> Result<String> {
    check_body(body, 0)?;
    let mut out = Vec::with_capacity(256);
    write_canonical(&mut out, body)
        .map_err(|error| Error::bug("seal", "a body has no canonical form").caused_by(error))?;
    String::from_utf8(out).map_err(|error| Error::bug("seal", "a body has no canonical form").caused_by(error))
}

/// Writes a body whose numbers are whole. Members stand in the order of their UTF-16 units (RFC 8785); for names
/// in ASCII, which all of ours are, that is the order of their bytes. serde_json escapes strings as the RFC says.
fn write_canonical(out: &mut Vec<u8>, value: &Value) -> serde_json::Result<()> {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_canonical(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            if !names.is_sorted() || !names.iter().all(|name| name.is_ascii()) {
                names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            }
            out.push(b'{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, name)?;
                out.push(b':');
                write_canonical(out, &members[name])?;
            }
            out.push(b'}');
        }
        other => serde_json::to_writer(out, other)?,
    }
    Ok(())
}

/// Refuses what would not come back as it was written: fractions, huge integers, bottomless nesting.
fn check_body(value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::bug("seal", "a body is nested too deeply").with("limit", MAX_DEPTH));
    }
    match value {
        Value::Number(number) => {
            let is_exact = number.as_i64().map(i64::unsigned_abs).or(number.as_u64()).is_some_and(|n| n <= MAX_INTEGER);
            if is_exact {
                Ok(())
            } else {
                Err(Error::bug("seal", "a fact holds whole numbers up to 2^53-1 only; use a smaller unit or a string")
                    .with("number", number))
            }
        }
        Value::Array(items) => items.iter().try_for_each(|item| check_body(item, depth + 1)),
        Value::Object(members) => members.values().try_for_each(|member| check_body(member, depth + 1)),
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}
