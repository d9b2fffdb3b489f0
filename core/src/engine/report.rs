//! A rotation's report, from its own streams: counts, kind by kind, exceptions by name.

use std::collections::{BTreeMap, HashMap};

use super::Engine;
use super::book::Book;
use crate::Result;
use crate::model::{
    Census, Counts, ExceptionReport, Kind, KindReport, LookedAt, Report, ResourceId, RotationId, Tally,
};
use crate::rotation::{self, PageRef, State, UNMOVED};

/// Exceptions that a report names; of the rest it says how many there are.
const EXCEPTIONS_NAMED_MAX: usize = 1000;
/// Outcomes that are exceptions, by word.
const EXCEPTIONS: [&str; 3] = ["blocked", "manual", "partial"];

impl Engine {
    /// The whole report.
    pub async fn report(&self, rid: &RotationId) -> Result<Report> {
        let main = self.main_book(rid).await?;
        let summary = self.summary_of(&main).await?;
        let (exceptions, exceptions_unnamed) = self.exceptions(&main).await?;
        let state = self.state(&main)?;
        let last = state.passes.values().next_back();
        let coverage = last.map(|pass| pass.holes.clone()).unwrap_or_default();
        let looked_at = last.map(|pass| pass.looked_at.clone()).unwrap_or_default();
        let key_regions = last.map(|pass| pass.key_regions.clone()).unwrap_or_default();
        let mut findings = state.checked.as_ref().map(|checked| checked.findings.clone()).unwrap_or_default();
        findings.extend(state.passes.iter().filter(|(pass, _)| **pass > 0).flat_map(|(_, pass)| pass.findings.clone()));
        findings.extend(rotation::trusted_token(state));
        findings.extend(state.noted.iter().cloned());
        findings.extend(self.histories(&main).await?);
        findings.extend(state.completed.iter().flat_map(|completed| completed.findings.clone()));
        // Of the last pass alone: an index that lagged in the first one has caught up since.
        findings.extend(looked_at.iter().flat_map(LookedAt::findings));
        findings.sort();
        findings.dedup();
        let census = match state.phase {
            rotation::Phase::Accounted | rotation::Phase::Completed => state.census.clone(),
            _ => {
                state.legs.last().and_then(|leg| leg.in_use.as_ref()).map_or_else(Census::default, |i| i.census.clone())
            }
        };
        Ok(Report {
            verdict: state.completed.as_ref().map(|completed| completed.verdict),
            census,
            kinds: kinds(state, &summary.counts),
            exceptions,
            exceptions_unnamed,
            coverage,
            attributions: self.attributions(state).await?,
            audit_copies: self.audit_copies(&main).await?,
            looked_at,
            key_regions,
            scopes: last.and_then(|pass| pass.scopes.clone()),
            findings,
            chain_head: state.head.to_string(),
            is_test: state.opened.is_test,
            summary,
        })
    }

    /// Dependents without a good end, by name, and how many more there are. Reads only pages that have some.
    async fn exceptions(&self, main: &Book<State>) -> Result<(Vec<ExceptionReport>, u64)> {
        let state = self.state(main)?;
        let is_open = |page: &PageRef| page.closed.is_none();
        let may_have = |page: &PageRef| EXCEPTIONS.iter().any(|word| page.counts.with(word) > 0);
        let (mut named, mut places, mut unnamed) = (Vec::new(), HashMap::<ResourceId, usize>::new(), 0);
        for (number, page) in &state.pages {
            // What was looked at again stands in a later page.
            if page.is_looked_at_again || !(is_open(page) || may_have(page)) {
                continue;
            }
            let book = self.page_book(main, *number).await?;
            let Some(page) = book.state() else { continue };
            for (item, progress) in page.inventory.items.iter().zip(&page.progress) {
                let exception =
                    progress.outcome.as_ref().and_then(|outcome| ExceptionReport::of(&item.dependent, outcome));
                let Some(exception) = exception else { continue };
                if named.len() >= EXCEPTIONS_NAMED_MAX {
                    unnamed += 1;
                } else if places.insert(item.dependent.id.clone(), named.len()).is_none() {
                    named.push(exception);
                }
            }
        }
        Ok((named, unnamed))
    }
}

/// What became of each kind, leg by leg.
fn kinds(state: &State, counts: &Counts) -> Vec<KindReport> {
    let mut found: BTreeMap<&Kind, u64> = BTreeMap::new();
    for page in state.pages.values() {
        // As the whole count has it: what was looked at again is counted where it was found then.
        let again = page.is_looked_at_again;
        let moved_on: u64 = UNMOVED.iter().filter(|_| again).map(|word| page.counts.with(word)).sum();
        *found.entry(&page.opened.kind).or_default() += u64::from(page.opened.dependents) - moved_on;
    }
    let nothing = Tally::default();
    let mut kinds: Vec<KindReport> = found
        .into_iter()
        .map(|(kind, found)| {
            let leg = state.leg_of(kind).map(|(number, leg)| (number, leg.plan.strategy));
            KindReport::new(kind, leg, found, counts.0.get(kind).unwrap_or(&nothing))
        })
        .collect();
    kinds.sort_by_key(|kind| kind.leg);
    kinds
}
