//! Counting: which version came from which mint, and which came from none that was answered.
//!
//! A version carries nothing that names its request, so the last mint sent before it was made is taken for its
//! origin; the waits between mints that end differently are longer than every error of that guess.

use std::collections::{BTreeMap, BTreeSet};

use super::seen::{Answer, Sent, Step, Trial};
use crate::model::{KeyVersion, KeyVersionId, Margins, Timestamp};

/// A trial with every version assigned.
pub(super) struct Count<'a> {
    trial: &'a Trial,
    /// Versions named by an answer: by which mint first, and when they were made.
    pub made: BTreeMap<&'a KeyVersionId, (usize, Timestamp)>,
    /// Listed versions that no answer named, each with the mint it is taken to come from.
    pub extra: Vec<(&'a KeyVersion, Option<usize>)>,
    /// Whether the last list may be believed to show everything.
    pub is_complete: bool,
}

impl<'a> Count<'a> {
    pub(super) fn of(trial: &'a Trial, margins: &Margins) -> Self {
        let sends = &trial.sends;
        let is_before = |sent: &Sent, created: Timestamp| sent.at <= created + margins.clock_error;
        let mut made = BTreeMap::new();
        for (number, sent) in sends.iter().enumerate() {
            let Answer::Made { version, time_created, .. } = &sent.answer else { continue };
            if !trial.baseline.contains(version) {
                // A token names what its first send made, also to a later one.
                let same = |one: &Sent| one.token == sent.token && is_before(one, *time_created);
                let from = sends[..=number].iter().rposition(same).unwrap_or(number);
                made.entry(version).or_insert((from, *time_created));
            }
        }
        let mut listed: BTreeMap<&KeyVersionId, &KeyVersion> = BTreeMap::new();
        for version in trial.looks.iter().flat_map(|look| &look.versions) {
            listed.insert(&version.id, version);
        }
        let is_new = |version: &&&KeyVersion| !trial.baseline.contains(&version.id) && !made.contains_key(&version.id);
        let could =
            |sent: &Sent, version: &KeyVersion| sent.step != Step::Nowhere && is_before(sent, version.time_created);
        let origin = |version: &KeyVersion| sends.iter().rposition(|sent| could(sent, version));
        let extra = listed.values().filter(is_new).map(|version| (*version, origin(version))).collect();
        let last: BTreeSet<_> = trial
            .looks
            .last()
            .map_or_else(BTreeSet::new, |look| look.versions.iter().map(|version| &version.id).collect());
        let is_complete = trial.stopped.is_none() && trial.is_quiet && made.keys().all(|id| last.contains(id));
        Self { trial, made, extra, is_complete }
    }

    /// Mints of one step, with their places.
    pub(super) fn of_step(&self, step: Step) -> impl Iterator<Item = (usize, &'a Sent)> {
        self.trial.sends.iter().enumerate().filter(move |(_, sent)| sent.step == step)
    }

    /// The ordinary mint whose token was sent again, with the repeats.
    pub(super) fn repeated(&self) -> Option<(&'a Sent, Vec<&'a Sent>)> {
        let repeats: Vec<&Sent> = self.of_step(Step::Repeat).map(|(_, sent)| sent).collect();
        let token = &repeats.first()?.token;
        let first = self.of_step(Step::Mint).map(|(_, sent)| sent).find(|sent| sent.token == *token)?;
        Some((first, repeats))
    }

    /// Every version that a token made: named by an answer, or appeared after a mint that was not refused.
    pub(super) fn by_token(&self, first: &Sent) -> Vec<&'a KeyVersionId> {
        let sends = &self.trial.sends;
        let named = self.made.iter().filter(|(_, (number, _))| sends[*number].token == first.token).map(|(id, _)| *id);
        let appeared = self
            .extra
            .iter()
            .filter(|(_, from)| from.is_some_and(|from| sends[from].token == first.token && !is_refused(&sends[from])));
        named.chain(appeared.map(|(version, _)| &version.id)).collect()
    }

    /// Versions that appeared after a mint was refused, with that mint.
    pub(super) fn after_refusal(&self) -> Vec<(&'a KeyVersion, &'a Sent)> {
        let sends = &self.trial.sends;
        let from = |(version, from): &(&'a KeyVersion, Option<usize>)| {
            let sent = &sends[(*from)?];
            is_refused(sent).then_some((*version, sent))
        };
        self.extra.iter().filter_map(from).collect()
    }

    /// Versions with the mint they come from and when they were made.
    pub(super) fn dated(&self) -> impl Iterator<Item = (&'a KeyVersionId, &'a Sent, Timestamp)> {
        let sends = &self.trial.sends;
        let named = self.made.iter().map(|(id, (number, at))| (*id, &sends[*number], *at));
        let appeared =
            self.extra.iter().filter_map(|(version, from)| Some((&version.id, &sends[(*from)?], version.time_created)));
        named.chain(appeared)
    }

    /// Versions that appeared although no mint of ours can have made them.
    pub(super) fn strangers(&self) -> Vec<&'a KeyVersionId> {
        self.extra.iter().filter(|(_, from)| from.is_none()).map(|(version, _)| &version.id).collect()
    }
}

pub(super) fn is_refused(sent: &Sent) -> bool {
    matches!(sent.answer, Answer::Refused { .. })
}
