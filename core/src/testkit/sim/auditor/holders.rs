//! I20 to I23: what became of clusters, node pools and instance configurations.
//!
//! Judged by World's own record of accepted changes and by what others did to them; nothing here asks the engine.

use super::{Evidence, PageLine};
use crate::model::{EvidenceScope, Kind, Outcome, StreamId};
use crate::rotation::page::PageFact;
use crate::testkit::sim::stage::HolderTruth;

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    if evidence.stage.scenario.oke.all() == 0 {
        return;
    }
    changes(evidence);
    nothing_lost(evidence);
    if !evidence.is_restored() {
        outcomes(evidence);
    }
}

/// I20, I21: each change of ours took a pool from the key to its successor, under nobody's feet, and sent back
/// everything that it was then.
fn changes(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    let successors = stage.world.keys_minted_by_us();
    let mut complaints = Vec::new();
    for holder in stage.holders.borrow().iter() {
        for change in stage.world.pool_truths(&holder.truth.id).iter().filter(|change| &*change.by == "keywheel") {
            let place = || format!("{} at {}", holder.truth.name, change.accepted);
            let is_forward = change.key.as_ref().is_some_and(|key| successors.contains(key));
            if !is_forward {
                complaints.push(("I20 no pool on older material", format!("{} to {:?}", place(), change.key)));
            }
            let is_of_the_lineage =
                change.before.key.as_ref().is_some_and(|key| *key == stage.key || successors.contains(key));
            if !is_of_the_lineage {
                complaints.push(("I20 somebody else's pool is left alone", place()));
            }
            if change.before.is_cycling {
                complaints.push(("I20 no node is replaced", place()));
            }
            if change.settings != change.before.settings {
                let what = format!("{}: {} became {}", place(), change.before.settings, change.settings);
                complaints.push(("I21 an update drops nothing", what));
            }
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// I21: in the end each has what the last of its owners gave it, and what has no step names the key that it named.
fn nothing_lost(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    let mut complaints = Vec::new();
    for HolderTruth { truth, kind, settings } in stage.holders.borrow().iter() {
        let Some(info) = stage.world.holder(&truth.id) else { continue };
        if info.settings != *settings {
            complaints.push(format!("{} ends with {} and not with {settings}", truth.name, info.settings));
        }
        if *kind != Kind::NodePool && info.key.as_ref() != Some(&stage.key) {
            complaints.push(format!("{} names {:?}, and nobody gave it that", truth.name, info.key));
        }
    }
    for what in complaints {
        evidence.fail("I21 an update drops nothing", what);
    }
}

/// I22, I23: the outcome is one that its kind can have, and says no more than was seen.
fn outcomes(evidence: &mut Evidence<'_>) {
    let mut complaints = Vec::new();
    for ((rid, number), lines) in &evidence.books.pages {
        let Some(PageFact::PageInventory(inventory)) = lines.first().map(|line| &line.fact) else { continue };
        let holders = evidence.stage.holders.borrow();
        for line in lines {
            let PageFact::Outcome { item, outcome } = &line.fact else { continue };
            let id = inventory.items.get(*item as usize).map(|item| &item.dependent.id);
            let Some(holder) = holders.iter().find(|holder| Some(&holder.truth.id) == id) else { continue };
            let place = || format!("{} {}: {outcome:?}", StreamId::page(rid, *number), holder.truth.name);
            if !is_possible(evidence, holder, outcome, line) {
                complaints.push(("I22 the right outcome", place()));
            }
            let shown = match outcome {
                Outcome::Rekeyed { evidence: shown } | Outcome::Already { evidence: shown } => shown,
                _ => continue,
            };
            if shown.scope != EvidenceScope::NewDataOnly {
                complaints.push(("I23 evidence of a source speaks of new data", place()));
            }
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

fn is_possible(evidence: &Evidence<'_>, holder: &HolderTruth, outcome: &Outcome, line: &PageLine) -> bool {
    let world = &evidence.stage.world;
    match (&holder.kind, outcome) {
        (_, Outcome::Gone { .. }) => !holder.truth.exists,
        (Kind::NodePool, Outcome::Rekeyed { .. } | Outcome::Already { .. }) => {
            // A change of ours was accepted before it was said, and it went to a key that we made.
            let successors = world.keys_minted_by_us();
            let now = evidence.time_at(line.mark);
            world
                .pool_truths(&holder.truth.id)
                .iter()
                .any(|change| change.accepted <= now && change.key.as_ref().is_some_and(|key| successors.contains(key)))
        }
        // Pools that cycle, that somebody else moved, that nobody could read; or that came when there was no successor.
        (Kind::NodePool, outcome) => matches!(outcome, Outcome::Blocked { .. } | Outcome::Manual { .. }),
        (_, outcome) => matches!(outcome, Outcome::Manual { .. }),
    }
}
