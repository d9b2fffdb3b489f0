//! I2, I8: chains verify, every stream folds, no two rotations of one lineage are open at once.

use std::collections::BTreeMap;

use super::Evidence;
use crate::journal::verify;
use crate::model::StreamId;
use crate::rotation::page;
use crate::rotation::registry::RegistryFact;
use crate::rotation::{self, Fact};

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    for stream in stage.journal.lengths().into_keys() {
        if let Err(error) = verify(&stage.journal.lines(&stream)) {
            evidence.fail("I2 chains verify", format!("{stream}: {error}"));
        }
    }
    if evidence.is_restored() {
        return;
    }
    folds(evidence);
    registry(evidence);
}

fn folds(evidence: &mut Evidence<'_>) {
    let books = evidence.books;
    for (rid, lines) in &books.main {
        let mut state = None;
        for line in lines {
            let recorded =
                rotation::Recorded { rid: rid.clone(), at: line.entry.at, hash: line.entry.hash.clone() };
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
                evidence.fail("I2 streams fold", format!("{} is not the page that was named", page_name(rid, opened.page)));
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
            RegistryFact::RotationClosed { rid, .. } => {
                open.retain(|_, other| *other != rid);
                let lines = evidence.books.main.get(rid).map(Vec::as_slice).unwrap_or_default();
                let has_ended = |line: &super::MainLine| matches!(line.fact, Fact::Completed(_) | Fact::Cancelled { .. });
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
