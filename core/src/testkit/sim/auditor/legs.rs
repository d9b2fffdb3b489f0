//! I15 to I19: one successor, no version beside block storage, and what became of volumes and backups.
//!
//! What hung on which key when is World's log and truth; nothing here asks the engine.

use super::{Evidence, MainLine};
use crate::memory::{LogEntry, Note, VersionTruth};
use crate::model::{CoverageState, KeyId, Kind, Outcome, StreamId, Verdict};
use crate::rotation::page::PageFact;
use crate::rotation::{Fact, PassEnded};
use crate::testkit::sim::stage::{DependentTruth, Stage};

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    one_successor(evidence);
    one_token_per_leg(evidence);
    let scenario = &evidence.stage.scenario;
    if evidence.is_restored() || scenario.volumes + scenario.oke.all() == 0 {
        return;
    }
    no_version_beside(evidence);
    too_early(evidence);
    moved(evidence);
}

/// Versions of the key and of all that took over from it.
pub(super) fn lineage(stage: &Stage) -> Vec<VersionTruth> {
    let mut truths = stage.world.version_truths(&stage.key);
    truths.extend(stage.world.keys_minted_by_us().iter().flat_map(|key| stage.world.version_truths(key)));
    truths
}

/// I15: a predecessor has at most one successor by us, with one version, and no fake ever takes a dependent.
fn one_successor(evidence: &mut Evidence<'_>) {
    let world = &evidence.stage.world;
    let ours = world.keys_minted_by_us();
    let mut complaints = Vec::new();
    if ours.len() > 1 {
        complaints.push(("I15 at most one successor", format!("{ours:?}")));
    }
    for key in ours.iter().filter(|key| world.minted_by_us(key) > 1) {
        complaints.push(("I15 a successor has one version", key.to_string()));
    }
    let fakes = evidence.stage.fakes.borrow();
    for block in evidence.stage.blocks.borrow().iter() {
        if world.wrapping(&block.id).is_some_and(|wrapping| fakes.contains(&wrapping.key)) {
            complaints.push(("I15 nothing moves to a planted key", block.name.clone()));
        }
    }
    drop(fakes);
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// I5: what two legs send is told apart by its token.
fn one_token_per_leg(evidence: &mut Evidence<'_>) {
    let mut legs = std::collections::BTreeMap::new();
    for line in evidence.books.main.values().flatten() {
        let Fact::MintIntended(intent) = &line.fact else { continue };
        let place = (line.entry.stream.clone(), intent.leg);
        if *legs.entry(intent.token.as_str().to_owned()).or_insert_with(|| place.clone()) != place {
            return evidence.fail("I5 one token per leg", line.entry.stream.to_string());
        }
    }
}

/// I11 for a successor: since the line before, the keys were listed and none of ours was there.
pub(super) fn unjustified(evidence: &Evidence<'_>, after: u64, until: u64) -> Option<String> {
    let world = &evidence.stage.world;
    let made: Vec<_> = world.keys_minted_by_us().iter().flat_map(|key| world.version_truths(key)).collect();
    let is_empty = |entry: &LogEntry| {
        entry.operation == "list_keys" && entry.status == 200 && !made.iter().any(|version| version.listed < entry.at)
    };
    let listed = evidence.between(after, until).any(|(_, entry)| is_empty(entry));
    (!listed).then(|| format!("no list of keys without a successor was answered before request {until}"))
}

/// Whether we told a service which key a resource shall use. Buckets move too, when a predecessor is swept.
fn is_update(entry: &LogEntry) -> bool {
    let of_services = ["containerengine", "iaas", "objectstorage"];
    let assigns = entry.operation.starts_with("update_") && of_services.contains(&entry.service);
    assigns && &*entry.principal == "keywheel"
}

/// The request by which we took it off the key. A bucket is addressed by its name.
fn left_at(evidence: &Evidence<'_>, block: &DependentTruth) -> Option<u64> {
    let is_about = |entry: &LogEntry| entry.subject == block.id.as_str() || entry.subject == block.name;
    let is_it = |entry: &LogEntry| {
        let no_op = entry.note == Some(Note::SilentNoOp);
        is_update(entry) && is_about(entry) && entry.status == 200 && !no_op
    };
    let moves = (1..).zip(evidence.log).find(|(_, entry)| is_it(entry));
    moves.map(|(number, _)| number).or_else(|| {
        // An answer that was an error hides an effect: the truth at the end says that there was one.
        let is_tried = |entry: &LogEntry| is_update(entry) && is_about(entry);
        let has_left = !hangs_on(evidence, block, &evidence.stage.key);
        let tried = (1..).zip(evidence.log).find(|(_, entry)| is_tried(entry)).map(|(number, _)| number);
        tried.filter(|_| has_left)
    })
}

/// Of a bucket, where its new data goes: what it holds is another rule's business.
fn hangs_on(evidence: &Evidence<'_>, block: &DependentTruth, key: &KeyId) -> bool {
    if evidence.stage.buckets.borrow().iter().any(|bucket| bucket.id == block.id) {
        return evidence.stage.world.bucket_key(&block.id).as_ref() == Some(key);
    }
    if evidence.stage.holders.borrow().iter().any(|holder| holder.truth.id == block.id) {
        return evidence.stage.world.holder(&block.id).is_some_and(|holder| holder.key.as_ref() == Some(key));
    }
    evidence.stage.world.wrapping(&block.id).is_some_and(|wrapping| wrapping.key == *key)
}

/// Whether a dependent hung on the key at a mark, as far as nobody but us has touched it.
pub(super) fn hung_through(evidence: &Evidence<'_>, block: &DependentTruth, mark: u64) -> bool {
    block.steady_since.is_some_and(|since| since <= mark) && left_at(evidence, block).is_none_or(|left| left > mark)
}

fn is_excused(pass: &PassEnded, block: &DependentTruth) -> bool {
    pass.findings.iter().any(|finding| finding.subject == block.id.as_str())
}

/// I16: no version is intended on a key while a volume or backup hangs on it that was there before the last pass
/// began, nor after a pass that could not list what forbids versions (R4, R5).
fn no_version_beside(evidence: &mut Evidence<'_>) {
    let mut complaints = Vec::new();
    for (rid, lines) in &evidence.books.main {
        for (index, line) in lines.iter().enumerate() {
            let Fact::MintIntended(intent) = &line.fact else { continue };
            if intent.operation != "create_version" {
                continue;
            }
            let Some((pass, began)) = last_pass(&lines[..index]) else { continue };
            let is_forbidding = |kind: &Kind| {
                !matches!(kind, Kind::Bucket | Kind::Cluster | Kind::InstanceConfiguration | Kind::NodePool)
            };
            let blind = pass.holes.iter().find(|hole| {
                let is_hole = pass.may_hold(&hole.region)
                    && !matches!(hole.state, CoverageState::Listed | CoverageState::Unsupported);
                is_hole && hole.kind.as_ref().is_some_and(is_forbidding)
            });
            if let Some(hole) = blind {
                complaints.push(format!("{rid}: {:?} was not listed in pass {}", hole.kind, pass.pass));
            }
            for block in evidence.stage.blocks.borrow().iter() {
                let was_there = block.steady_since.is_some_and(|since| since <= began);
                if was_there && hung_through(evidence, block, line.mark) && !is_excused(pass, block) {
                    complaints.push(format!("{rid}: {} was still on the key", block.name));
                }
            }
        }
    }
    for what in complaints {
        evidence.fail("I16 no version beside block storage", what);
    }
}

/// The last pass that ended, with the mark at which it had begun.
fn last_pass(lines: &[MainLine]) -> Option<(&PassEnded, u64)> {
    let ended = lines.iter().rev().find_map(|line| match &line.fact {
        Fact::PassEnded(ended) => Some(ended),
        _ => None,
    })?;
    let began = lines.iter().find(|line| matches!(&line.fact, Fact::PassBegun { pass } if *pass == ended.pass));
    Some((ended, began.map_or(0, |line| line.mark)))
}

/// I17: no volume is moved by us before some key it could be moved to is in use, and has reached every replica.
fn too_early(evidence: &mut Evidence<'_>) {
    let truths = lineage(evidence.stage);
    let mut open = Vec::new();
    for line in evidence.books.main.values().flatten() {
        if let Fact::Replicated(replicated) = &line.fact {
            let of_leg = |fact: &Fact| matches!(fact, Fact::InUse(in_use) if in_use.leg == replicated.leg);
            let lines = evidence.books.main.values().find(|lines| lines[0].entry.stream == line.entry.stream);
            let in_use = lines.into_iter().flatten().find(|line| of_leg(&line.fact));
            if let Some(Fact::InUse(in_use)) = in_use.map(|line| &line.fact) {
                open.push((line.mark, truths.iter().find(|truth| truth.id == in_use.version)));
            }
        }
    }
    let mut complaints = Vec::new();
    for (number, entry) in (1..).zip(evidence.log) {
        if !is_update(entry) || entry.note == Some(Note::Delayed) {
            continue;
        }
        let is_true = |truth: &VersionTruth| truth.replicated.is_none_or(|at| at <= entry.at);
        if !open.iter().any(|(mark, truth)| *mark < number && truth.is_some_and(is_true)) {
            complaints.push(format!("request {number}"));
        }
    }
    for what in complaints {
        evidence.fail("I17 the gate before moving volumes", what);
    }
}

/// I18, I19: what is called re-keyed is on the head, and a clean verdict leaves none behind.
fn moved(evidence: &mut Evidence<'_>) {
    let stage = evidence.stage;
    let mut complaints = Vec::new();
    for ((rid, number), lines) in &evidence.books.pages {
        let Some(PageFact::PageInventory(inventory)) = lines.first().map(|line| &line.fact) else { continue };
        for line in lines {
            let PageFact::Outcome { item, outcome: Outcome::Rekeyed { .. } | Outcome::Already { .. } } = &line.fact
            else {
                continue;
            };
            let id = inventory.items.get(*item as usize).map(|item| &item.dependent.id);
            let (blocks, holders) = (stage.blocks.borrow(), stage.holders.borrow());
            let all = blocks.iter().chain(holders.iter().map(|holder| &holder.truth));
            let Some(block) = all.into_iter().find(|block| Some(&block.id) == id) else { continue };
            if block.steady_since.is_some() && hangs_on(evidence, block, &stage.key) {
                complaints
                    .push(("I18 rekeyed means moved", format!("{} {}", StreamId::page(rid, *number), block.name)));
            }
        }
    }
    for (rid, lines) in &evidence.books.main {
        let is_clean = |line: &&MainLine| matches!(&line.fact, Fact::Completed(done) if done.verdict == Verdict::Clean);
        let is_sweep = lines.iter().any(|line| matches!(&line.fact, Fact::Opened(opened) if opened.is_sweep));
        let (Some(end), Some((_, began))) = (lines.iter().find(is_clean), last_pass(lines)) else { continue };
        let (blocks, holders) = (stage.blocks.borrow(), stage.holders.borrow());
        let all = blocks.iter().chain(holders.iter().map(|holder| &holder.truth));
        for block in all.filter(|_| !is_sweep) {
            let was_there = block.steady_since.is_some_and(|since| since <= began);
            if was_there && hung_through(evidence, block, end.mark) {
                complaints.push(("I19 clean leaves none behind", format!("{rid}: {}", block.name)));
            }
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}
