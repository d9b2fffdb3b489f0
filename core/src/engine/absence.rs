//! Listing a place once more, to learn whether what answers with 404 is there (R10). Reads only.

use std::collections::BTreeSet;

use super::Engine;
use crate::Result;
use crate::model::{Compartment, CoverageState, KeyId, Kind, Region, ResourceId};
use crate::ports::{Candidate, Selector};
use crate::rotation::page::{Inventory, Listed};

/// A page's own place: its kind in its compartment. Without a tag nothing is searched: only the owning service is asked.
pub(super) fn own_place(page: &Inventory, key: &KeyId) -> Selector {
    let compartment = Compartment { id: page.compartment.clone(), name: String::new(), parent: None };
    Selector { key: key.clone(), kinds: vec![page.kind.clone()], compartments: vec![compartment], tag: None }
}

impl Engine {
    /// What the owning service lists of one kind in one region, over all compartments in scope: what left its own
    /// may have moved to another. Of what is listed only the wanted is kept.
    pub(super) async fn list_place(
        &self,
        key: &KeyId,
        region: &Region,
        kind: &Kind,
        wanted: &BTreeSet<ResourceId>,
    ) -> Result<Listed> {
        // What is only remembered proves no absence: a place made since may hold it.
        let compartments = self.in_scope(self.learn(self.ports.catalog.scopes()).await?.value.compartments);
        // Without a tag nothing is searched: an index is no witness of absence.
        let selector = Selector { key: key.clone(), kinds: vec![kind.clone()], compartments, tag: None };
        let mut listed = Listed::default();
        let mut cursor = None;
        loop {
            let page = self.learn(self.ports.catalog.dependents(&selector, region, cursor)).await?.value;
            let is_wanted = |candidate: &Candidate| wanted.contains(&candidate.dependent.id);
            for candidate in page.candidates.into_iter().filter(is_wanted) {
                listed.found.insert(candidate.dependent.id, candidate.dependent.compartment);
            }
            for part in page.coverage.into_iter().filter(|part| part.kind.as_ref() == Some(kind)) {
                match (&part.state, part.compartment.clone()) {
                    (CoverageState::Listed, Some(compartment)) => listed.compartments.push(compartment),
                    _ => listed.holes.push(part),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(listed);
            }
        }
    }
}
