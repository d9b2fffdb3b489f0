//! What a walk looked at, region by region and kind by kind, and what Search and List say of each other.
//!
//! Counts and a few names, never a line per resource: it goes into the journal with each pass. Reads nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Coverage, CoverageState, FoundBy, Kind, LookedAt, Region, ResourceId, TagSelector};
use crate::ports::{Candidate, SearchTypes};

/// A dependent as one way of looking showed it.
pub(super) struct Sighting {
    pub id: ResourceId,
    kind: Kind,
    found_by: FoundBy,
    is_tagged: bool,
}

impl Sighting {
    pub(super) fn of(candidate: &Candidate, tag: Option<&TagSelector>) -> Self {
        Self {
            id: candidate.dependent.id.clone(),
            kind: candidate.dependent.kind.clone(),
            found_by: candidate.found_by,
            is_tagged: tag.is_some_and(|tag| tag.is_on(&candidate.dependent.tags)),
        }
    }
}

/// What was looked at so far.
#[derive(Debug, Default)]
pub(super) struct Looked {
    rows: BTreeMap<(Region, Option<Kind>), LookedAt>,
    /// Dependents in the region that is being looked at, as List showed them, and whether they carry the tag.
    listed: BTreeMap<ResourceId, (Kind, bool)>,
    /// The same as Search showed them.
    searched: BTreeMap<ResourceId, Kind>,
    /// Search was read to the end in this region.
    is_searched: bool,
}

impl Looked {
    fn row(&mut self, region: &Region, kind: Option<&Kind>) -> &mut LookedAt {
        let row = self.rows.entry((region.clone(), kind.cloned()));
        row.or_insert_with(|| LookedAt::new(region, kind))
    }

    /// Counts a verdict. Of a kind that was left out nothing was asked, so it counts once for each compartment.
    pub(super) fn count(&mut self, part: &Coverage, places: u32) {
        self.is_searched |= part.kind.is_none() && part.state == CoverageState::Listed;
        let row = self.row(&part.region, part.kind.as_ref());
        let count = match part.state {
            CoverageState::Denied => &mut row.denied,
            CoverageState::LeftOut => &mut row.left_out,
            CoverageState::Listed => &mut row.listed,
            CoverageState::Unreachable => &mut row.unreachable,
            CoverageState::Unsupported => &mut row.unsupported,
        };
        *count += places;
    }

    /// Which kinds Search can find here, and by whose word.
    pub(super) fn searched_by(&mut self, region: &Region, types: &SearchTypes) {
        self.row(region, None).types = Some(types.from);
        for kind in &types.unlisted {
            self.row(region, Some(kind)).not_searchable = true;
        }
    }

    /// Remembers how a dependent was shown.
    pub(super) fn sight(&mut self, sighting: Sighting) {
        match sighting.found_by {
            FoundBy::List => drop(self.listed.insert(sighting.id, (sighting.kind, sighting.is_tagged))),
            FoundBy::Search => drop(self.searched.insert(sighting.id, sighting.kind)),
            FoundBy::Journal => {}
        }
    }

    /// A region is done: what each way of looking showed alone.
    pub(super) fn leave(&mut self, region: &Region) {
        let (listed, searched) = (std::mem::take(&mut self.listed), std::mem::take(&mut self.searched));
        let is_searched = std::mem::take(&mut self.is_searched);
        for (id, kind) in searched.iter().filter(|(id, _)| !listed.contains_key(*id)) {
            self.row(region, Some(kind)).search_only.add(id);
        }
        let unseen = |id: &ResourceId, is_tagged: bool| is_searched && is_tagged && !searched.contains_key(id);
        for (id, (kind, _)) in listed.iter().filter(|(id, (_, is_tagged))| unseen(id, *is_tagged)) {
            self.row(region, Some(kind)).list_only.add(id);
        }
    }

    /// All rows, in order.
    pub(super) fn rows(&self) -> Vec<LookedAt> {
        self.rows.values().cloned().collect()
    }
}

/// Says of a region and kind once what is so in every compartment of it: a region that is down is one hole per kind,
/// not one per compartment.
pub(super) fn folded(holes: &[Coverage], compartments: usize) -> Vec<Coverage> {
    type Place<'a> = (&'a Region, &'a Option<Kind>, &'a CoverageState);
    let mut places: BTreeMap<Place<'_>, BTreeSet<_>> = BTreeMap::new();
    for hole in holes.iter().filter(|hole| hole.compartment.is_some()) {
        places.entry((&hole.region, &hole.kind, &hole.state)).or_default().insert(&hole.compartment);
    }
    let is_whole = |hole: &Coverage| {
        let place = places.get(&(&hole.region, &hole.kind, &hole.state));
        compartments > 1 && hole.compartment.is_some() && place.is_some_and(|holes| holes.len() == compartments)
    };
    let mut folded: Vec<Coverage> = Vec::new();
    for hole in holes {
        let hole = match is_whole(hole) {
            true => Coverage { compartment: None, ..hole.clone() },
            false => hole.clone(),
        };
        if folded.last() != Some(&hole) && !(hole.compartment.is_none() && folded.contains(&hole)) {
            folded.push(hole);
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CompartmentId;

    fn hole(region: &str, compartment: Option<&str>, state: CoverageState) -> Coverage {
        let compartment = compartment.map(|one| CompartmentId::parse(format!("ocid1.compartment.oc1..{one}")));
        Coverage {
            region: Region::parse(region).expect("a region"),
            compartment: compartment.map(|one| one.expect("an OCID")),
            kind: Some(Kind::Bucket),
            state,
        }
    }

    #[test]
    fn what_holds_in_every_compartment_is_said_once_and_what_does_not_by_name() {
        let down = |compartment| hole("us-phoenix-1", compartment, CoverageState::Unreachable);
        let denied = hole("us-ashburn-1", Some("b"), CoverageState::Denied);
        let all = vec![down(Some("a")), down(Some("b")), denied.clone()];
        assert_eq!(folded(&all, 2), [down(None), denied]);
        assert_eq!(folded(&all, 3), all);
    }

    #[test]
    fn one_state_in_one_compartment_and_another_in_the_next_are_not_folded() {
        let all = vec![
            hole("us-phoenix-1", Some("a"), CoverageState::Unreachable),
            hole("us-phoenix-1", Some("b"), CoverageState::Denied),
        ];
        assert_eq!(folded(&all, 2), all);
    }
}
