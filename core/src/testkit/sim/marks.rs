//! Coverage marks: interesting states that a simulation reached, read from the journal's bytes and World's log.
//!
//! A mark that many seeds never reach means that the simulator has gone blind there.

use std::collections::BTreeSet;

use super::auditor::{Books, MainLine, PageLine};
use crate::memory::{LogEntry, Note};
use crate::model::{Kind, Outcome, Verdict};
use crate::rotation::page::PageFact;
use crate::rotation::{Author, Fact};

/// Every mark there is.
pub const ALL: &[&str] = &[
    "mint: answered",
    "mint: refused, new date",
    "mint: in doubt",
    "mint: token used up",
    "mint: sighted before the quiet period ended",
    "settle: adopted",
    "settle: none, same token again",
    "settle: new generation",
    "adopted: somebody else's",
    "adopted: auto-rotation's",
    "retargeted",
    "target lost",
    "zombie mint refused by its date",
    "zombie mint acted",
    "token replayed",
    "driven by several runners",
    "page found without its name, adopted",
    "late arrivals in a later pass",
    "two pages at once",
    "step in doubt, adopted",
    "step in doubt, done again",
    "step failed, done again",
    "silent no-op",
    "moved by somebody else meanwhile",
    "blocked",
    "coverage hole",
    "paused and resumed",
    "cancelled",
    "second ordinal",
    "behind, swept",
    "sweep cancelled",
    "found behind its sink, waited",
    "overtaken by the next rotation",
    "two legs",
    "leg 2 held, then looked at again",
    "successor adopted after a lost answer",
    "late volume before leg 2",
    "a planted successor asks for a person",
    "a pool goes to the successor",
    "a pool under node cycling is left to a person",
    "our change of a pool meets somebody else's",
    "a cluster is left to a person",
    "a pinned policy pauses before the pivot",
    "blocked for the key's sake",
    "a stranger is enrolled",
    "completed clean",
    "completed with exceptions",
];

/// Marks that a few hundred simulations may miss: a token is sent again only after a negative list; the others need
/// two things to happen at one time.
pub const RARE: &[&str] =
    &["token replayed", "found behind its sink, waited", "sweep cancelled", "inherited from an overtaken rotation"];

/// The marks that one simulation reached.
pub(super) fn of(books: &Books, log: &[LogEntry]) -> BTreeSet<&'static str> {
    let mut marks = BTreeSet::new();
    for lines in books.main.values() {
        main(lines, &mut marks);
        orphans(books, lines, &mut marks);
    }
    for lines in books.pages.values() {
        page(lines, &mut marks);
    }
    for entry in log {
        let is_mint = entry.operation == "create_key_version";
        // A refusal that a fault made up is not delayed.
        if entry.operation == "update_node_pool" && entry.status == 412 && entry.note == Some(Note::Delayed) {
            marks.insert("our change of a pool meets somebody else's");
        }
        match (entry.note, entry.status) {
            (Some(Note::Delayed), 401) if is_mint => marks.insert("zombie mint refused by its date"),
            (Some(Note::Delayed), 200) if is_mint => marks.insert("zombie mint acted"),
            (Some(Note::TokenReplay), _) if is_mint => marks.insert("token replayed"),
            (Some(Note::SilentNoOp), _) => marks.insert("silent no-op"),
            _ => false,
        };
    }
    marks
}

fn main(lines: &[MainLine], marks: &mut BTreeSet<&'static str>) {
    let mut last = None;
    let mut settled = false;
    let is_sweep = lines.iter().any(|line| matches!(&line.fact, Fact::Opened(opened) if opened.is_sweep));
    let runners: BTreeSet<_> = lines.iter().map(|line| &line.entry.runner).collect();
    if runners.len() > 2 {
        marks.insert("driven by several runners");
    }
    legs(lines, marks);
    for line in lines {
        let mark = match &line.fact {
            Fact::Opened(opened) if opened.name.ordinal > 1 => "second ordinal",
            Fact::Created(_) => "mint: answered",
            Fact::MintRefused(_) => "mint: refused, new date",
            Fact::MintInDoubt(doubt) if doubt.invalidated => "mint: token used up",
            Fact::MintInDoubt(_) => "mint: in doubt",
            Fact::Sighted(_) => "mint: sighted before the quiet period ended",
            Fact::MintSettled { .. } => {
                settled = true;
                continue;
            }
            Fact::MintIntended(intent) => {
                let is_new = last.is_some_and(|generation| intent.generation > generation);
                last = Some(intent.generation);
                match (is_new, settled) {
                    (true, _) => "settle: new generation",
                    (false, true) => "settle: none, same token again",
                    _ => continue,
                }
            }
            Fact::Adopted(adopted) => match adopted.author {
                Author::Auto => "adopted: auto-rotation's",
                Author::OursPresumed => "settle: adopted",
                Author::Unknown => "adopted: somebody else's",
                _ => continue,
            },
            Fact::Retargeted(_) => "retargeted",
            Fact::TargetLost { .. } => "target lost",
            Fact::PageOpened(opened) if opened.is_enrolled => "a stranger is enrolled",
            Fact::PageOpened(opened) if opened.pass > 0 => "late arrivals in a later pass",
            Fact::PageOpened(opened) if opened.page > 1 => "two pages at once",
            Fact::PassEnded(ended) if !ended.holes.is_empty() => "coverage hole",
            Fact::JournalBehind(_) => "found behind its sink, waited",
            Fact::Overtaken { .. } => "overtaken by the next rotation",
            Fact::Cancelled { .. } if is_sweep => "sweep cancelled",
            Fact::Completed(_) if is_sweep => {
                marks.insert("behind, swept");
                continue;
            }
            Fact::Resumed { .. } => "paused and resumed",
            Fact::Cancelled { .. } => "cancelled",
            Fact::Completed(completed) if completed.verdict == Verdict::Clean => "completed clean",
            Fact::Completed(_) => "completed with exceptions",
            _ => continue,
        };
        marks.insert(mark);
    }
}

fn legs(lines: &[MainLine], marks: &mut BTreeSet<&'static str>) {
    let mut late = false;
    for line in lines {
        let mark = match &line.fact {
            Fact::Checked(checked) if checked.legs.len() > 1 => "two legs",
            Fact::LookedAgain { .. } => "leg 2 held, then looked at again",
            Fact::Adopted(adopted) if adopted.key.is_some() && adopted.author == Author::OursPresumed => {
                "successor adopted after a lost answer"
            }
            Fact::PageOpened(opened) if opened.pass > 0 && is_block(&opened.kind) => {
                late = true;
                continue;
            }
            Fact::MintIntended(intent) if intent.leg == 2 && late => "late volume before leg 2",
            Fact::Paused(paused) if paused.why.contains("lineage tag") => "a planted successor asks for a person",
            Fact::Paused(paused) if paused.why.contains("name the key by its OCID") => {
                "a pinned policy pauses before the pivot"
            }
            _ => continue,
        };
        marks.insert(mark);
    }
}

fn is_block(kind: &Kind) -> bool {
    !matches!(kind, Kind::Bucket | Kind::Cluster | Kind::InstanceConfiguration | Kind::NodePool)
}

fn orphans(books: &Books, lines: &[MainLine], marks: &mut BTreeSet<&'static str>) {
    for line in lines {
        let Fact::PageOpened(opened) = &line.fact else { continue };
        let Some(page) = books.pages.iter().find(|(_, page)| page.first().is_some_and(|l| l.entry.hash == opened.hash))
        else {
            continue;
        };
        if page.1.first().is_some_and(|first| first.entry.runner != line.entry.runner) {
            marks.insert("page found without its name, adopted");
        }
    }
}

fn page(lines: &[PageLine], marks: &mut BTreeSet<&'static str>) {
    let kind = lines.first().and_then(|line| match &line.fact {
        PageFact::PageInventory(inventory) => Some(&inventory.kind),
        _ => None,
    });
    for line in lines {
        let PageFact::Outcome { outcome, .. } = &line.fact else { continue };
        let mark = match (kind, outcome) {
            (Some(Kind::NodePool), Outcome::Rekeyed { .. }) => "a pool goes to the successor",
            (Some(Kind::NodePool), Outcome::Blocked { why }) if why.contains("node cycling") => {
                "a pool under node cycling is left to a person"
            }
            (_, Outcome::Blocked { why }) if why.contains("target.key.id") => "blocked for the key's sake",
            (Some(Kind::Cluster), Outcome::Manual { .. }) => "a cluster is left to a person",
            _ => continue,
        };
        marks.insert(mark);
    }
    for line in lines {
        let mark = match &line.fact {
            PageFact::StepSettled(settled) if settled.adopted.is_some() => "step in doubt, adopted",
            PageFact::StepSettled(_) => "step in doubt, done again",
            PageFact::StepFailed(failed) if !failed.in_doubt => "step failed, done again",
            PageFact::Outcome { outcome: Outcome::Blocked { why }, .. } => {
                if why.contains("meanwhile") {
                    marks.insert("moved by somebody else meanwhile");
                }
                "blocked"
            }
            _ => continue,
        };
        marks.insert(mark);
    }
}
