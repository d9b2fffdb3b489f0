//! Enrolling: which tagged resources under another key a rotation takes along, by policy alone.
//!
//! A tag selects and never decides: the key that a resource is under is the owning service's word, the tag must be so too, and
//! where two keys could take it neither does.

use std::collections::BTreeSet;

use super::Engine;
use super::walk::Walk;
use crate::Result;
use crate::model::{EnrollFrom, FoundBy, KeyId, Region, RekeyClass, StepKind};
use crate::ports::Candidate;
use crate::rotation::Purpose;

/// What may be enrolled under the key of a walk.
pub(super) struct Enrolling {
    from: EnrollFrom,
    regions: BTreeSet<Region>,
    takes_blocks: bool,
}

impl Walk<'_> {
    /// Lets the walk enroll, if policy has this key enroll and it is the head of its lineage. `makes_successor`: what forbids
    /// several versions can be moved to a key that has one.
    pub(super) async fn enroll(&mut self, purpose: Purpose, makes_successor: bool) -> Result<()> {
        let settings = self.engine.settings();
        let (Some(enroll), Some(regions)) = (&settings.scope.enroll, &self.key_regions) else { return Ok(()) };
        let registry = self.engine.registry().await?;
        let registry = registry.state().cloned().unwrap_or_default();
        let root = registry.root_of(&self.selector.key);
        let is_head = registry.head_after(&self.selector.key).is_none_or(|head| *head == self.selector.key);
        let (mine, others): (Vec<&KeyId>, _) = enroll.to.iter().partition(|key| registry.root_of(key) == root);
        if purpose == Purpose::ToHead || !is_head || mine.is_empty() || settings.tag.is_none() {
            return Ok(());
        }
        let mut regions = regions.clone();
        for other in others {
            match self.engine.regions_of(other).await? {
                Some(taken) => regions.retain(|region| !taken.contains(region)),
                // It could be anywhere, and could take anything.
                None => regions.clear(),
            }
        }
        let takes_blocks = purpose == Purpose::Rotate && makes_successor;
        // While a vault in scope does not answer, any key may be one of its.
        let from = if self.engine.knows_managed() { enroll.from } else { EnrollFrom::OraclesKey };
        self.enrolling = Some(Enrolling { from, regions, takes_blocks });
        Ok(())
    }

    /// Whether a tagged resource under another key, or Oracle's, is taken along.
    pub(super) fn is_enrolled(&self, candidate: &Candidate, key: Option<&KeyId>) -> bool {
        let Some(enrolling) = &self.enrolling else { return false };
        let dependent = &candidate.dependent;
        let is_from = match key {
            None => true,
            Some(key) if self.managed.contains(key) => enrolling.from == EnrollFrom::AnyKey && !self.kin.contains(key),
            Some(_) => enrolling.from >= EnrollFrom::UnmanagedKeys,
        };
        is_from
            // The owning service's word for the tag: an index may show one that was taken off.
            && candidate.found_by == FoundBy::List
            && enrolling.regions.contains(&dependent.region)
            && !self.engine.settings().policy.exclude.contains(&dependent.id)
            && self.engine.enrolls_kind(&dependent.kind, enrolling.takes_blocks)
    }
}

impl Engine {
    /// Whether a step gives this kind a key, and its data follows.
    fn enrolls_kind(&self, kind: &crate::model::Kind, takes_blocks: bool) -> bool {
        self.kind_spec(kind).is_some_and(|spec| {
            let is_given = spec.steps_new_key.contains(&StepKind::AssignKey);
            is_given && (spec.class == RekeyClass::Rewraps || takes_blocks && spec.class == RekeyClass::Forbids)
        })
    }
}
