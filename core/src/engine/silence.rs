//! Places that do not answer: whether a page's does, and when a pass stops asking a service in a region.
//!
//! Nothing is remembered beyond a pass: the next one asks again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Engine;
use super::absence::own_place;
use crate::model::{Compartment, CompartmentId, Coverage, CoverageState, Kind};
use crate::ports::Selector;
use crate::rotation::page::Inventory;

impl Engine {
    /// Whether the service does not answer in a page's place: asked there for a list, which a single resource cannot spoil.
    pub(super) async fn is_silent(&self, page: &Inventory) -> bool {
        let selector = own_place(page, &page.key);
        match self.learn(self.ports.catalog.dependents(&selector, &page.region, None)).await {
            Ok(reply) => reply.value.coverage.iter().any(|part| part.state == CoverageState::Unreachable),
            Err(error) => error.is_out_of_reach(),
        }
    }
}

/// A compartment, and a kind that is asked for in it.
type Asked = (CompartmentId, Kind);

/// What a pass heard, and did not hear, in the region that it looks at.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Refusals in a row, by service.
    in_a_row: BTreeMap<&'static str, u32>,
    /// Services that are not asked any more.
    given_up: BTreeSet<&'static str>,
    /// Places with a verdict.
    judged: HashSet<Asked>,
}

impl Silence {
    /// Whether this verdict is the first on its place. A service is asked again from the start where another is given up.
    pub(super) fn is_first(&mut self, part: &Coverage) -> bool {
        match (&part.compartment, &part.kind) {
            (Some(compartment), Some(kind)) => self.judged.insert((compartment.clone(), kind.clone())),
            _ => true,
        }
    }

    /// Hears the verdicts of one answer: each counts once for its service, however many places it speaks of.
    pub(super) fn hear(&mut self, coverage: &[Coverage], most: u32) {
        let services: BTreeSet<_> = coverage.iter().filter_map(|part| part.kind.as_ref()).map(Kind::service).collect();
        for service in services {
            let of_it = |part: &&Coverage| part.kind.as_ref().is_some_and(|kind| kind.service() == service);
            let is_silent = coverage.iter().filter(of_it).all(|part| part.state == CoverageState::Unreachable);
            self.heard(service, is_silent, most);
        }
    }

    /// Counts one answer of a service.
    pub(super) fn heard(&mut self, service: &'static str, is_silent: bool, most: u32) {
        let row = self.in_a_row.entry(service).or_default();
        *row = if is_silent { row.saturating_add(1) } else { 0 };
        if most > 0 && *row >= most {
            self.given_up.insert(service);
        }
    }

    /// Whether a kind's service is not asked any more.
    pub(super) fn is_given_up(&self, kind: &Kind) -> bool {
        self.given_up.contains(kind.service())
    }

    /// Kinds that are still to be asked for, and the places of the others that nobody will be asked for. `None`: all that
    /// is left is asked for anyway.
    pub(super) fn spared(&self, selector: &Selector) -> Option<(Vec<Kind>, Vec<Asked>)> {
        let is_open =
            |compartment: &&Compartment, kind: &Kind| !self.judged.contains(&(compartment.id.clone(), kind.clone()));
        let open = |kind: &Kind| {
            let places = selector.compartments.iter().filter(|one| is_open(one, kind));
            places.map(|one| (one.id.clone(), kind.clone())).collect::<Vec<_>>()
        };
        let (silent, others): (Vec<&Kind>, Vec<&Kind>) = selector.kinds.iter().partition(|kind| self.is_given_up(kind));
        let unasked: Vec<_> = silent.into_iter().flat_map(open).collect();
        let left = others.into_iter().filter(|kind| !open(kind).is_empty()).cloned().collect();
        (!unasked.is_empty()).then_some((left, unasked))
    }
}
