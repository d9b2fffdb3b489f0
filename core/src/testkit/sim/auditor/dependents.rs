//! I3, I6, I9: nobody is lost, nothing moves too early, and what is said to be moved has moved.

use std::collections::{BTreeMap, BTreeSet};

use super::{Evidence, MainLine, PageLine, legs};
use crate::memory::{LogEntry, Note};
use crate::model::{
    CoverageState, FindingKind, Grade, Kind, Outcome, ResourceId, RotationId, StreamId, Timestamp, Verdict,
    WorkRequestId,
};
use crate::rotation::page::{Inventory, PageFact};
use crate::rotation::{Completed, Fact, InUse, PassEnded};
use crate::testkit::sim::stage::{DependentTruth, HolderTruth};

/// A completed rotation, as its stream tells it.
struct Ended<'a> {
    rid: &'a RotationId,
    in_use: &'a InUse,
    last_pass: &'a PassEnded,
    last_effect: u64,
    completed: &'a Completed,
    is_sweep: bool,
}

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    if evidence.is_restored() {
        return;
    }
    gate(evidence);
    for (rid, lines) in &evidence.books.main {
        if let Some(ended) = ended(rid, lines) {
            everybody(evidence, &ended);
            moved(evidence, &ended, lines);
        }
    }
}

fn ended<'a>(rid: &'a RotationId, lines: &'a [MainLine]) -> Option<Ended<'a>> {
    let (mut in_use, mut last_pass, mut last_effect, mut completed, mut is_sweep) = (None, None, 0, None, false);
    for line in lines {
        match &line.fact {
            Fact::InUse(fact) => in_use = Some(fact),
            Fact::PassEnded(fact) => last_pass = Some(fact),
            Fact::PageClosed(_) | Fact::Rekeyed { .. } => last_effect = line.mark,
            Fact::Completed(fact) => completed = Some(fact),
            Fact::Opened(opened) => is_sweep = opened.is_sweep,
            _ => {}
        }
    }
    Some(Ended { rid, in_use: in_use?, last_pass: last_pass?, last_effect, completed: completed?, is_sweep })
}

/// I6: no re-encrypt of ours before the version is in use, in the journal and in truth, replicas included.
fn gate(evidence: &mut Evidence<'_>) {
    let truths = legs::lineage(evidence.stage);
    let mut open = Vec::new();
    for lines in evidence.books.main.values() {
        // Buckets belong to the last leg, or to the only one.
        let legs = lines.iter().rev().find_map(|line| match &line.fact {
            Fact::Checked(checked) => u32::try_from(checked.legs.len()).ok(),
            _ => None,
        });
        let last_leg = legs.unwrap_or(1);
        let mark = |wanted: &dyn Fn(&Fact) -> bool| lines.iter().find(|line| wanted(&line.fact)).map(|line| line.mark);
        let in_use = mark(&|fact| matches!(fact, Fact::InUse(in_use) if in_use.leg == last_leg));
        let replicated = mark(&|fact| matches!(fact, Fact::Replicated(replicated) if replicated.leg == last_leg));
        let target = lines.iter().rev().find_map(|line| match &line.fact {
            Fact::InUse(in_use) if in_use.leg == last_leg => Some(&in_use.version),
            _ => None,
        });
        if let (Some(in_use), Some(replicated), Some(target)) = (in_use, replicated, target) {
            open.push((in_use, replicated, truths.iter().find(|truth| truth.id == *target)));
        }
    }
    let mut complaints = Vec::new();
    for (number, entry) in (1..).zip(evidence.log) {
        let is_ours = entry.operation == "reencrypt_bucket" && &*entry.principal == "keywheel";
        if !is_ours || entry.note == Some(Note::Delayed) {
            continue;
        }
        if !open.iter().any(|(in_use, ..)| *in_use < number) {
            complaints.push(("I6 in use before re-keying", format!("request {number}")));
        }
        if !open.iter().any(|(_, replicated, _)| *replicated < number) {
            complaints.push(("I6 the gate before re-keying", format!("request {number}")));
        }
        let is_there = |at: Option<Timestamp>| at.is_none_or(|at| at <= entry.at);
        let is_true = |truth: &crate::memory::VersionTruth| truth.flips <= entry.at && is_there(truth.replicated);
        if !open.iter().any(|(_, _, truth)| truth.is_some_and(is_true)) {
            complaints.push(("I6 the gate before re-keying", format!("request {number}: not so in truth")));
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// I3: whoever was under the key since before the last effect has an outcome, or is named as not seen.
fn everybody(evidence: &mut Evidence<'_>, ended: &Ended<'_>) {
    let pages = evidence.books.pages.iter().filter(|((rid, _), _)| rid == ended.rid);
    let mut with_outcome: BTreeMap<&ResourceId, u32> = BTreeMap::new();
    for (_, lines) in pages {
        let Some(PageFact::PageInventory(inventory)) = lines.first().map(|line| &line.fact) else { continue };
        for line in lines {
            if let PageFact::Outcome { item, .. } = &line.fact
                && let Some(item) = inventory.items.get(*item as usize)
            {
                *with_outcome.entry(&item.dependent.id).or_default() += 1;
            }
        }
    }
    let mut complaints = Vec::new();
    let blocks = evidence.stage.blocks.borrow();
    let buckets = evidence.stage.buckets.borrow();
    let holders = evidence.stage.holders.borrow();
    // Only what a step can move is a reason to look at a predecessor, and a sweep is about that.
    let is_movable = |holder: &&HolderTruth| holder.kind == Kind::NodePool || !ended.is_sweep;
    let holding = holders.iter().filter(is_movable).map(|holder| &holder.truth);
    for bucket in buckets.iter().chain(blocks.iter()).chain(holding) {
        let Some(since) = bucket.steady_since else { continue };
        if since > ended.last_effect || with_outcome.contains_key(&bucket.id) {
            continue;
        }
        // What an earlier sweep of ours took to a successor is no longer this key's.
        if !legs::hung_through(evidence, bucket, ended.last_effect) {
            continue;
        }
        let in_a_hole = ended.last_pass.holes.iter().any(|hole| {
            hole.state != CoverageState::Listed
                && hole.region == bucket.region
                && hole.compartment.as_ref().is_none_or(|c| *c == bucket.compartment)
        });
        let is_named = |finding: &crate::model::Finding| {
            finding.kind == FindingKind::CoverageHole && finding.subject == bucket.id.as_str()
        };
        if !in_a_hole && !ended.last_pass.findings.iter().any(is_named) {
            complaints.push(("I3 nobody is lost", format!("{} under the key since request {since}", bucket.name)));
        }
    }
    drop((blocks, buckets, holders));
    let is_blind = !ended.last_pass.holes.is_empty()
        || ended.last_pass.findings.iter().any(|finding| finding.kind == FindingKind::CoverageHole);
    if is_blind && ended.completed.verdict == Verdict::Clean {
        complaints.push(("I3 blind spots are said", format!("{} is called clean", ended.rid)));
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// I3, I9: what is said to be moved has moved, was read back, and its witness is what it is said to be.
fn moved(evidence: &mut Evidence<'_>, ended: &Ended<'_>, main: &[MainLine]) {
    let truths = legs::lineage(evidence.stage);
    let created = |id: &crate::model::KeyVersionId| truths.iter().find(|v| v.id == *id).map(|v| v.created);
    let target = created(&ended.in_use.version);
    let gone: BTreeSet<ResourceId> =
        evidence.stage.buckets.borrow().iter().filter(|b| !b.exists).map(|b| b.id.clone()).collect();
    let steady: BTreeSet<ResourceId> =
        evidence.stage.buckets.borrow().iter().filter(|b| b.steady_since.is_some()).map(|b| b.id.clone()).collect();
    let mut complaints: Vec<(&'static str, String)> = Vec::new();
    let in_use_mark = main.iter().find(|line| matches!(line.fact, Fact::InUse(_))).map_or(0, |line| line.mark);
    for ((rid, number), lines) in evidence.books.pages.iter().filter(|((rid, _), _)| rid == ended.rid) {
        let Some(PageFact::PageInventory(inventory)) = lines.first().map(|line| &line.fact) else { continue };
        if inventory.kind != Kind::Bucket {
            continue;
        }
        let name = StreamId::page(rid, *number);
        for line in lines {
            let PageFact::Outcome { item, outcome } = &line.fact else { continue };
            if matches!(outcome, Outcome::Gone { .. }) && is_there(evidence, inventory, *item, lines[0].mark) {
                complaints.push(("I3 gone means gone", format!("{name} item {item}")));
            }
            let (Outcome::Rekeyed { evidence: shown } | Outcome::Already { evidence: shown }) = outcome else {
                continue;
            };
            let Some(dependent) = inventory.items.get(*item as usize).map(|item| &item.dependent) else { continue };
            let place = || format!("{name} item {item} ({})", dependent.name);
            let witness = shown.witness.as_deref().and_then(|id| WorkRequestId::parse(id).ok());
            let Some(truth) = witness.and_then(|id| evidence.stage.world.work_truth(&id)) else {
                complaints.push(("I9 the witness is real", place()));
                continue;
            };
            if truth.bucket != dependent.id || truth.is_failing || truth.ends > evidence.time_at(line.mark) {
                complaints.push(("I9 the witness is real", format!("{}: {truth:?}", place())));
            }
            if truth.accepted < ended.in_use.seen_at {
                complaints.push(("I9 the witness was accepted after the flip", place()));
            }
            if shown.grade == Grade::VersionSeen {
                complaints.push(("I3 evidence is not above what was seen", place()));
            }
            if !was_read_back(evidence, lines, *item, &dependent.name, line.mark) {
                complaints.push(("I3 read back before `rekeyed`", place()));
            }
            if truth.is_no_op || gone.contains(&dependent.id) || line.mark < in_use_mark {
                continue;
            }
            let wrapped = evidence.stage.world.wrapping_version(&dependent.id).and_then(|id| created(&id));
            // On another key's material since somebody moved it away: that is not what was left behind.
            let was_moved_away = wrapped.is_none() && !steady.contains(&dependent.id);
            if wrapped < target && !was_moved_away {
                complaints.push(("I3 rekeyed means moved", place()));
            }
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// Whether a dependent is there to this day, in the place where it was when its page was written.
fn is_there(evidence: &Evidence<'_>, inventory: &Inventory, item: u32, since: u64) -> bool {
    let id = inventory.items.get(item as usize).map(|item| &item.dependent.id);
    let is_it =
        |bucket: &DependentTruth| Some(&bucket.id) == id && bucket.steady_since.is_some_and(|mark| mark <= since);
    evidence.stage.buckets.borrow().iter().any(is_it)
}

fn was_read_back(evidence: &Evidence<'_>, lines: &[PageLine], item: u32, name: &str, until: u64) -> bool {
    let completed = lines.iter().rev().find_map(|line| match &line.fact {
        PageFact::StepCompleted(step) if step.item == item => Some(line.mark),
        _ => None,
    });
    let Some(completed) = completed else { return false };
    let is_read = |entry: &LogEntry| entry.operation == "get_bucket" && entry.status == 200 && entry.subject == name;
    evidence.between(completed, until).any(|(_, entry)| is_read(entry))
}
