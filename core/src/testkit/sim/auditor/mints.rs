//! I1, I4, I5, I10, I11: at most one version, and the argument for it, step by step.

use std::collections::{BTreeMap, BTreeSet};

use super::owed::current_at;
use super::{Evidence, MainLine};
use crate::memory::{LogEntry, Note, VersionTruth};
use crate::model::{RotationName, Timestamp};
use crate::rotation::{Adopted, Author, Fact, MintIntended};

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    let truths = evidence.stage.world.version_truths(&evidence.stage.key);
    at_most_one(evidence, &truths);
    sends(evidence);
    if evidence.is_restored() {
        return;
    }
    for lines in evidence.books.main.values() {
        (1..=2).for_each(|leg| intents(evidence, lines, leg, &truths));
    }
}

fn is_send(entry: &LogEntry) -> bool {
    matches!(entry.operation, "create_key_version" | "create_key")
        && &*entry.principal == "keywheel"
        && entry.note != Some(Note::Delayed)
}

/// I1: what was minted by us for one (key, superseded version), but for versions that somebody condemned.
fn at_most_one(evidence: &mut Evidence<'_>, truths: &[VersionTruth]) {
    let mut names: BTreeMap<&str, &RotationName> = BTreeMap::new();
    for lines in evidence.books.main.values() {
        let Some(Fact::Opened(opened)) = lines.first().map(|line| &line.fact) else { continue };
        for line in lines {
            if let Fact::MintIntended(intent) = &line.fact {
                names.insert(intent.token.as_str(), &opened.name);
            }
        }
    }
    let mut minted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for truth in truths.iter().filter(|truth| truth.minted_by == "keywheel" && truth.condemned.is_none()) {
        let name = truth.token.as_deref().and_then(|token| names.get(token));
        let superseded = name.map_or_else(|| evidence.stage.superseded.to_string(), |name| name.superseded.to_string());
        minted.entry(superseded).or_default().push(truth.id.to_string());
    }
    for (superseded, versions) in minted {
        if versions.len() > 1 {
            let what = format!("{} versions supersede {superseded}: {versions:?}", versions.len());
            evidence.fail("I1 at most one version", what);
        }
    }
}

/// I4: no send without an intent on disk that says the same token and date; one send per intent.
fn sends(evidence: &mut Evidence<'_>) {
    let mut intents: BTreeMap<(&str, Timestamp), u64> = BTreeMap::new();
    for line in evidence.books.main.values().flatten() {
        if let Fact::MintIntended(intent) = &line.fact {
            let first = intents.entry((intent.token.as_str(), intent.date)).or_insert(line.mark);
            *first = (*first).min(line.mark);
        }
    }
    let mut used = BTreeSet::new();
    let mut complaints = Vec::new();
    for (number, entry) in (1..).zip(evidence.log).filter(|(_, entry)| is_send(entry)) {
        let (Some(token), Some(date)) = (entry.token.as_deref(), entry.date) else {
            complaints.push(("I4 intent before send", format!("request {number} has no token or no date")));
            continue;
        };
        match intents.get(&(token, date)) {
            Some(mark) if *mark < number => {}
            _ => complaints.push(("I4 intent before send", format!("request {number}: no intent says {token} {date}"))),
        }
        if !used.insert((token.to_owned(), date)) {
            complaints.push(("I4 one send per intent", format!("request {number} sends {date} again")));
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// I5, I10, I11: the order of intents of one leg, each justified by what was seen before it.
fn intents(evidence: &mut Evidence<'_>, lines: &[MainLine], number: u32, truths: &[VersionTruth]) {
    let mut last: Option<&MintIntended> = None;
    let mut is_open = false;
    let mut complaints: Vec<(&'static str, String)> = Vec::new();
    let Some(Fact::Opened(opened)) = lines.first().map(|line| &line.fact) else { return };
    for (index, line) in lines.iter().enumerate() {
        match &line.fact {
            Fact::MintIntended(intent) if intent.leg == number => {
                if let Some(last) = last {
                    if is_open {
                        complaints.push((
                            "I5 settled before the next send",
                            format!("{} follows {}", intent.date, last.date),
                        ));
                    }
                    if intent.date <= last.date {
                        complaints.push(("I5 dates grow", format!("{} follows {}", intent.date, last.date)));
                    }
                    if intent.generation == last.generation && intent.token != last.token {
                        complaints.push(("I5 one token per generation", format!("generation {}", intent.generation)));
                    }
                }
                let since = before(lines, index);
                let what = match intent.operation.as_str() {
                    "create_key" => super::legs::unjustified(evidence, since, line.mark),
                    _ => unjustified(evidence, truths, opened, since, line.mark),
                };
                if let Some(what) = what {
                    complaints.push(("I11 a look justifies each mint", what));
                }
                (last, is_open) = (Some(intent), true);
            }
            Fact::MintRefused(refused) if refused.leg == number => is_open = false,
            Fact::Created(created) if created.leg == number => is_open = false,
            Fact::MintSettled { leg, .. } | Fact::Adopted(Adopted { leg, .. }) if is_open && *leg == number => {
                if let (Some(intent), false) = (last, is_ours(&line.fact))
                    && let Some(what) = hasty(evidence, intent, before(lines, index), line.mark)
                {
                    complaints.push(("I5 quiet period before settling", what));
                }
                is_open = false;
            }
            Fact::Cancelled { .. } if last.is_some() => {
                complaints.push(("I10 no cancel after an intent", line.entry.at.to_string()));
            }
            _ => {}
        }
    }
    for (rule, what) in complaints {
        evidence.fail(rule, what);
    }
}

/// The mark of the append before the one that a line came with.
fn before(lines: &[MainLine], index: usize) -> u64 {
    let nonce = &lines[index].entry.nonce;
    lines[..index].iter().rfind(|line| line.entry.nonce != *nonce).map_or(0, |line| line.mark)
}

fn is_ours(fact: &Fact) -> bool {
    matches!(fact, Fact::Adopted(adopted) if adopted.author == Author::Ours)
}

/// Settled although no list was answered after date + Q since the line before.
fn hasty(evidence: &Evidence<'_>, intent: &MintIntended, after: u64, until: u64) -> Option<String> {
    let looked = if intent.operation == "create_key" { "list_keys" } else { "list_key_versions" };
    let quiet_from = intent.date + evidence.stage.settings.margins.quiet_period();
    let listed = evidence
        .between(after, until)
        .filter(|(_, entry)| entry.operation == looked && entry.status == 200)
        .any(|(_, entry)| entry.at > quiet_from);
    (!listed).then(|| format!("dated {}, settled at {}", intent.date, evidence.time_at(until)))
}

/// Since the line before, somebody of ours must have read the key while the superseded version was current, and
/// then listed the versions while no newer usable one was listed.
fn unjustified(
    evidence: &Evidence<'_>,
    truths: &[VersionTruth],
    opened: &crate::rotation::Opened,
    after: u64,
    until: u64,
) -> Option<String> {
    let is_good = |entry: &LogEntry, operation| {
        entry.operation == operation && entry.status == 200 && &*entry.principal == "keywheel"
    };
    let was_current = |at: Timestamp| current_at(truths, at) == Some(&opened.name.superseded);
    let Some(old) = truths.iter().find(|v| v.id == opened.name.superseded) else {
        return Some("the superseded version never was".to_owned());
    };
    // What was made in that very instant may have been made by the mint that this look justifies.
    let nothing_newer = |at: Timestamp| {
        !truths
            .iter()
            .any(|v| v.id != old.id && v.listed < at && v.created >= old.created && v.condemned.is_none_or(|c| c > at))
    };
    let read = evidence
        .between(after, until)
        .find(|(_, entry)| is_good(entry, "get_key") && was_current(entry.at))
        .map(|(number, _)| number);
    let Some(read) = read else {
        return Some(format!("no read of the key showed the superseded version current before request {until}"));
    };
    let listed =
        evidence.between(read, until).any(|(_, entry)| is_good(entry, "list_key_versions") && nothing_newer(entry.at));
    (!listed).then(|| format!("no list without a newer version was answered before request {until}"))
}
