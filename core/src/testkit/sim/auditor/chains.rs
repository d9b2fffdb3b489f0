//! I2, I8: chains verify, every stream folds, no two rotations of one lineage are open at once.

use std::collections::BTreeMap;

use super::{Books, Evidence, MainLine};
use crate::journal::{Entry, verify};
use crate::model::{LineHash, RotationId, StreamId};
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
    entries.extend(books.keys.values().flatten().map(|line| (line.place, &line.entry)));
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
    for (index, line) in evidence.books.registry.iter().enumerate() {
        match &line.fact {
            RegistryFact::RotationOpened(opening) => {
                if let Some(other) = open.insert(&opening.opened.lineage_root, &opening.rid) {
                    let what = format!("{} was opened while {other} was open", opening.rid);
                    evidence.fail("I8 one open rotation per lineage", what);
                }
            }
            RegistryFact::SuccessorNamed { .. } => {}
            RegistryFact::RotationClosed { rid, how, .. } => {
                open.retain(|_, other| *other != rid);
                if let Some(what) = ended_how(evidence.books, index, rid, how) {
                    evidence.fail("I8 one open rotation per lineage", what);
                }
            }
        }
    }
    if let Some((_, rid)) = open.into_iter().next() {
        evidence.fail("I7 it ends", format!("{rid} is still open"));
    }
}

/// A rotation is closed after its own stream has ended; an overtaken one in the append that opens the next, which then
/// ends it with that name.
fn ended_how(books: &Books, index: usize, rid: &RotationId, how: &str) -> Option<String> {
    let line = &books.registry[index];
    let lines = books.main.get(rid).map(Vec::as_slice).unwrap_or_default();
    if how != "overtaken" {
        let has_ended = |line: &MainLine| matches!(line.fact, Fact::Completed(_) | Fact::Cancelled { .. });
        let is_over = lines.iter().any(|ended| has_ended(ended) && ended.place < line.place);
        return (!is_over).then(|| format!("{rid} was closed before it ended"));
    }
    let next = books.registry.get(index + 1).filter(|next| next.entry.nonce == line.entry.nonce);
    let Some(RegistryFact::RotationOpened(opening)) = next.map(|next| &next.fact) else {
        return Some(format!("{rid} was overtaken by nobody"));
    };
    if opening.opened.overtakes.as_ref() != Some(rid) {
        return Some(format!("{} does not say that it overtook {rid}", opening.rid));
    }
    // Its own runner may have closed its books in that very moment.
    let is_over = lines.iter().any(|line| match &line.fact {
        Fact::Overtaken { by } => *by == opening.rid,
        Fact::Completed(_) | Fact::Cancelled { .. } => true,
        _ => false,
    });
    (!is_over).then(|| format!("{rid} was overtaken and never told"))
}
