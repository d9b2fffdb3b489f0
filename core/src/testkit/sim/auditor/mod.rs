//! The auditor: judges a finished simulation from World's log and truth and from the journal's bytes.
//!
//! It never sees an engine, its state or its reports. Each rule has a name (I1…) that a violation carries.

mod book;
mod chains;
mod dependents;
mod holders;
mod legs;
mod mints;
mod owed;
mod restored;
mod strangers;

use std::collections::BTreeMap;

use super::scenario::Broken;
use super::stage::Stage;
use crate::memory::LogEntry;
use crate::model::Timestamp;

pub(super) use book::{Books, MainLine, PageLine};

/// A rule that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: &'static str,
    /// What was seen.
    pub what: String,
}

/// What the auditor may look at.
pub(super) struct Evidence<'a> {
    pub(super) stage: &'a Stage,
    pub(super) log: &'a [LogEntry],
    pub(super) books: &'a Books,
    pub(super) found: Vec<Violation>,
}

impl Evidence<'_> {
    fn fail(&mut self, rule: &'static str, what: impl Into<String>) {
        // One of a kind is enough to see, a thousand are too many.
        if self.found.iter().filter(|violation| violation.rule == rule).count() < 5 {
            self.found.push(Violation { rule, what: what.into() });
        }
    }

    /// The present at a mark, by World's clock.
    fn time_at(&self, mark: u64) -> Timestamp {
        let last = usize::try_from(mark).ok().and_then(|mark| self.log.get(mark.checked_sub(1)?));
        last.map_or(Timestamp::UNIX_EPOCH, |entry| entry.at)
    }

    /// Entries of the log after one mark and up to another, with their numbers.
    fn between(&self, after: u64, until: u64) -> impl Iterator<Item = (u64, &LogEntry)> {
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(self.log.len());
        let to = usize::try_from(until).unwrap_or(usize::MAX).min(self.log.len()).max(from);
        (after + 1..).zip(&self.log[from..to])
    }

    fn is_restored(&self) -> bool {
        self.stage.scenario.broken == Some(Broken::Restored)
    }
}

/// Judges. Empty: every rule held.
pub(super) fn audit(stage: &Stage, log: &[LogEntry], ended: Result<(), String>) -> (Vec<Violation>, Books) {
    let (books, mut found) = match Books::read(&stage.journal.tape()) {
        Ok(books) => (books, Vec::new()),
        Err(why) => (Books::default(), vec![Violation { rule: "I2 chains verify", what: why }]),
    };
    if found.is_empty() {
        let mut evidence = Evidence { stage, log, books: &books, found };
        mints::judge(&mut evidence);
        restored::judge(&mut evidence);
        chains::judge(&mut evidence);
        dependents::judge(&mut evidence);
        legs::judge(&mut evidence);
        holders::judge(&mut evidence);
        strangers::judge(&mut evidence);
        match ended {
            Err(why) => evidence.fail("I7 it ends", why),
            Ok(()) => owed::judge(&mut evidence),
        }
        found = evidence.found;
    }
    (found, books)
}

/// Counts by rule.
pub(super) fn by_rule(violations: &[Violation]) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.rule).or_default() += 1;
    }
    counts
}
