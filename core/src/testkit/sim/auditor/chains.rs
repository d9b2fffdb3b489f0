//! I2, I8: chains verify, every stream folds, no two rotations of one lineage are open at once.

use std::collections::BTreeMap;

use super::Evidence;
use crate::journal::{Entry, verify};
use crate::model::{LineHash, StreamId};
use crate::rotation::page;
use crate::rotation::registry::RegistryFact;
use crate::rotation::{self, Fact};

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    if evidence.is_restored() {
        for stream in stage.journal.lengths().into_keys() {
            if let Err(error) = verify(&stage.journal.lines(&stream)) {
                evidence.fail("I2 chains verify", format!("{stream}: {error}"));
            }
        }
        return;
    }
    links(evidence);
    folds(evidence);
    registry(evidence);
}

/// Every line was opened from its bytes already, so its hash is true; here each must follow the one before it, and
/// the journal must hold what the tape says.
fn links(evidence: &mut Evidence<'_>) {
    let books = evidence.books;
    let mut heads: BTreeMap<&StreamId, (u64, &LineHash)> = BTreeMap::new();
    let mut entries: Vec<(usize, &Entry)> = books.registry.iter().map(|line| (line.place, &line.entry)).collect();
    entries.extend(books.main.values().flatten().map(|line| (line.place, &line.entry)));
    entries.extend(books.pages.values().flatten().map(|line| (line.place, &line.entry)));
    entries.sort_by_key(|(place, _)| *place);
    let genesis = LineHash::genesis();
    for (_, entry) in entries {
        let (next, hash) = heads.get(&entry.stream).copied().unwrap_or((0, &genesis));
        if entry.seq != next || entry.prev != *hash {
            evidence.fail("I2 chains verify", format!("{} line {}", entry.stream, entry.seq));
        }
        heads.insert(&entry.stream, (entry.seq + 1, &entry.hash));
    }
    for (stream, length) in evidence.stage.journal.lengths() {
        if heads.get(&stream).is_some_and(|(next, _)| *next != length as u64) {
            evidence.fail("I2 chains verify", format!("{stream} does not end where it was written"));
        }
    }
}

fn folds(evidence: &mut Evidence<'_>) {
    let books = evidence.books;
    for (rid, lines) in &books.main {
        let mut state = None;
        for line in lines {
            let recorded = rotation::Recorded { rid: rid.clone(), at: line.entry.at, hash: line.entry.hash.clone() };
            match rotation::apply(state.take(), &recorded, &line.fact) {
                Ok(next) => state = Some(next),
                Err(violation) => {
                    evidence.fail("I2 streams fold", format!("{rid} line {}: {violation}", line.entry.seq));
                    break;
                }
            }
        }
        // A page that the rotation names must be the page that was written.
        for line in lines {
            let Fact::PageOpened(opened) = &line.fact else { continue };
            let first = books.pages.get(&(rid.clone(), opened.page)).and_then(|lines| lines.first());
            if first.map(|line| &line.entry.hash) != Some(&opened.hash) {
                evidence
                    .fail("I2 streams fold", format!("{} is not the page that was named", page_name(rid, opened.page)));
            }
        }
    }
    for ((rid, number), lines) in &books.pages {
        let mut state = None;
        for line in lines {
            match page::apply(state.take(), line.entry.at, &line.entry.hash, &line.fact) {
                Ok(next) => state = Some(next),
                Err(violation) => {
                    evidence.fail("I2 streams fold", format!("{}: {violation}", page_name(rid, *number)));
                    break;
                }
            }
        }
    }
}

fn page_name(rid: &crate::model::RotationId, page: u32) -> StreamId {
    StreamId::page(rid, page)
}

fn registry(evidence: &mut Evidence<'_>) {
    let mut open: BTreeMap<_, &crate::model::RotationId> = BTreeMap::new();
    for line in &evidence.books.registry {
        match &line.fact {
            RegistryFact::RotationOpened(opening) => {
                if let Some(other) = open.insert(&opening.opened.lineage_root, &opening.rid) {
                    let what = format!("{} was opened while {other} was open", opening.rid);
                    evidence.fail("I8 one open rotation per lineage", what);
                }
            }
            RegistryFact::SuccessorNamed { .. } => {}
            RegistryFact::RotationClosed { rid, .. } => {
                open.retain(|_, other| *other != rid);
                let lines = evidence.books.main.get(rid).map(Vec::as_slice).unwrap_or_default();
                let has_ended =
                    |line: &super::MainLine| matches!(line.fact, Fact::Completed(_) | Fact::Cancelled { .. });
                if !lines.iter().any(|ended| has_ended(ended) && ended.place < line.place) {
                    evidence.fail("I8 one open rotation per lineage", format!("{rid} was closed before it ended"));
                }
            }
        }
    }
    if let Some((_, rid)) = open.into_iter().next() {
        evidence.fail("I7 it ends", format!("{rid} is still open"));
    }
}
