//! Facts by name: from a serde enum to a line's name and body, and back.
//!
//! Knows how facts are named, not which there are. A name that this build does not know is told apart from a body
//! that it cannot read by asking serde for the enum's names, so nobody keeps a second list.

use std::fmt;

use serde::Serialize;
use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned};
use serde_json::Value;

use super::line::{Entry, Stamp, Unsealed, seal};
use crate::error::{Error, Result};
use crate::model::{Head, SealedLine, StreamId};

/// An enum of facts: `#[derive(Serialize, Deserialize)] #[serde(tag = "fact", content = "body", rename_all = "snake_case")]`.
///
/// Only [`Facts::must`] is to be written. Variants are unit or with named fields (or one struct), so that they can
/// gain optional fields later.
pub trait Facts: Serialize + DeserializeOwned {
    /// Whether a reader that does not know this fact's name must refuse the journal.
    fn must(&self) -> bool;

    /// Returns name, must and body.
    fn unsealed(&self) -> Result<Unsealed> {
        let value = serde_json::to_value(self)
            .map_err(|error| Error::bug("seal", "a fact cannot be written as JSON").caused_by(error))?;
        let Value::Object(mut members) = value else {
            return Err(Error::bug("seal", "a fact is not an enum with tag `fact` and content `body`"));
        };
        let (name, body) = (members.remove("fact"), members.remove("body"));
        match (name, members.is_empty()) {
            (Some(Value::String(fact)), true) => {
                Ok(Unsealed { fact, must: self.must(), body: body.unwrap_or(Value::Object(members)) })
            }
            _ => Err(Error::bug("seal", "a fact is not an enum with tag `fact` and content `body`")),
        }
    }

    /// Reads a fact; `None` if this build does not know the name.
    fn from_parts(name: &str, body: &Value) -> Result<Option<Self>> {
        let first = match read::<Self>(name, body) {
            Ok(fact) => return Ok(Some(fact)),
            Err(error) => error,
        };
        if !is_known::<Self>(name) {
            return Ok(None);
        }
        // A variant without fields is written as `{}`, which serde reads as one only when it is null.
        if body.as_object().is_some_and(serde_json::Map::is_empty)
            && let Ok(fact) = read::<Self>(name, &Value::Null)
        {
            return Ok(Some(fact));
        }
        Err(Error::refused(
            "read_journal",
            "a fact of a known name cannot be read; it was probably written by a newer keywheel; nothing was changed",
        )
        .with("fact", name)
        .caused_by(first))
    }
}

/// What a reader makes of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<F> {
    /// A fact that this build knows.
    Known(F),
    /// A fact that this build does not know and may pass over.
    Unknown,
}

/// Reads an entry's fact; an unknown one with `must` refuses the journal.
pub fn decode<F: Facts>(entry: &Entry) -> Result<Decoded<F>> {
    let place = |error: Error| error.with("stream", &entry.stream).with("seq", entry.seq);
    match F::from_parts(&entry.fact, &entry.body).map_err(place)? {
        Some(fact) => Ok(Decoded::Known(fact)),
        None if entry.must => Err(place(
            Error::refused(
                "read_journal",
                "this journal was written by a newer keywheel and holds a fact that must be understood; \
                 use that version or a newer one; nothing was changed",
            )
            .with("fact", &entry.fact),
        )),
        None => Ok(Decoded::Unknown),
    }
}

/// Seals facts of one kind; see [`seal`].
pub fn seal_facts<F: Facts>(
    stream: &StreamId,
    head: &Head,
    stamp: &Stamp,
    nonce: [u8; 16],
    facts: &[F],
) -> Result<(Vec<SealedLine>, Head)> {
    let unsealed = facts.iter().map(Facts::unsealed).collect::<Result<Vec<_>>>()?;
    seal(stream, head, stamp, nonce, &unsealed)
}

/// Returns the names of all facts of an enum, for docs and for tests that pin them.
#[must_use]
pub fn names<F: Facts>() -> &'static [&'static str] {
    match probe::<F>("\u{0}") {
        Some(Probe::UnknownName(names)) => names,
        _ => &[],
    }
}

fn read<F: DeserializeOwned>(name: &str, body: &Value) -> Result<F, serde_json::Error> {
    let name = Value::from(name);
    F::deserialize(MapDeserializer::new([("fact", &name), ("body", body)].into_iter()))
}

fn is_known<F: DeserializeOwned>(name: &str) -> bool {
    !matches!(probe::<F>(name), Some(Probe::UnknownName(_)))
}

/// Reads a fact that has a name and no body: the only name that can be unknown then is the fact's own.
fn probe<F: DeserializeOwned>(name: &str) -> Option<Probe> {
    F::deserialize(MapDeserializer::<_, Probe>::new(std::iter::once(("fact", name)))).err()
}

#[derive(Debug)]
enum Probe {
    Other,
    UnknownName(&'static [&'static str]),
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for Probe {}

impl de::Error for Probe {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::Other
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::UnknownName(expected)
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
