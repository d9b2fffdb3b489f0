//! The journal as the auditor reads it: every line ever stored, opened from its bytes, with its mark.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::journal::{Decoded, Entry, Facts, decode, unseal};
use crate::model::{RotationId, SealedLine};
use crate::rotation::Fact;
use crate::rotation::history::KeyFact;
use crate::rotation::page::PageFact;
use crate::rotation::registry::RegistryFact;

/// A line with its fact.
#[derive(Debug)]
pub(in crate::testkit::sim) struct Line<F> {
    /// How many requests World had answered when it was stored.
    pub(in crate::testkit::sim) mark: u64,
    /// Its place on the tape.
    pub(in crate::testkit::sim) place: usize,
    pub(in crate::testkit::sim) entry: Entry,
    pub(in crate::testkit::sim) fact: F,
}

pub(in crate::testkit::sim) type MainLine = Line<Fact>;
pub(in crate::testkit::sim) type PageLine = Line<PageFact>;

/// Every line, by stream.
#[derive(Debug, Default)]
pub(in crate::testkit::sim) struct Books {
    pub(in crate::testkit::sim) main: BTreeMap<RotationId, Vec<MainLine>>,
    pub(in crate::testkit::sim) pages: BTreeMap<(RotationId, u32), Vec<PageLine>>,
    pub(in crate::testkit::sim) registry: Vec<Line<RegistryFact>>,
    pub(in crate::testkit::sim) keys: BTreeMap<String, Vec<Line<KeyFact>>>,
}

impl Books {
    pub(in crate::testkit::sim) fn read(tape: &[(u64, Arc<SealedLine>)]) -> Result<Self, String> {
        let mut books = Self::default();
        for (place, (mark, sealed)) in tape.iter().enumerate() {
            let entry = unseal(sealed).map_err(|error| error.to_string())?;
            let name = entry.stream.as_str().to_owned();
            if name == "registry" {
                books.registry.push(line(*mark, place, entry)?);
            } else if let Some((rid, page)) = name.strip_prefix("r/").and_then(|rest| rest.split_once("/p/")) {
                let rid = RotationId::parse(rid).map_err(|error| error.to_string())?;
                let page = page.parse().map_err(|_| format!("no page number in {name}"))?;
                books.pages.entry((rid, page)).or_default().push(line(*mark, place, entry)?);
            } else if let Some(rid) = name.strip_prefix("r/") {
                let rid = RotationId::parse(rid).map_err(|error| error.to_string())?;
                books.main.entry(rid).or_default().push(line(*mark, place, entry)?);
            } else if let Some(key) = name.strip_prefix("key/") {
                books.keys.entry(key.to_owned()).or_default().push(line(*mark, place, entry)?);
            }
        }
        Ok(books)
    }
}

fn line<F: Facts>(mark: u64, place: usize, entry: Entry) -> Result<Line<F>, String> {
    match decode(&entry).map_err(|error| error.to_string())? {
        Decoded::Known(fact) => Ok(Line { mark, place, entry, fact }),
        Decoded::Unknown => Err(format!("a fact nobody knows: {}", entry.fact)),
    }
}
