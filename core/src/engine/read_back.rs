//! Reading back many dependents with few calls, where a kind's listing names the key. Reads only.
//!
//! A list is believed where it shows the new key, which it could not have shown before the change; whoever it shows otherwise, or
//! not at all, is read by itself. So a listing that lags behind costs a call and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use crate::Result;
use crate::model::{FoundBy, KeyId, Region, ResourceId, Timestamp};
use crate::ports::{Candidate, KeyHint, Selector};

/// Fewer than these are read one by one: listing costs a call too.
pub(super) const TOGETHER_MIN: usize = 4;
/// As many wait no longer for more.
pub(super) const TOGETHER_ENOUGH: usize = 200;

/// What a listing shows under the key, with the time of the answer that did.
pub(super) type Shown = BTreeMap<ResourceId, Option<Timestamp>>;

impl Engine {
    /// Which of `wanted` the listing of their own place shows under the key that is looked for. It goes on until all are seen, and asks
    /// at most half as many calls as reading them one by one would take.
    pub(super) async fn shown_under(
        &self,
        place: &Selector,
        region: &Region,
        wanted: &BTreeSet<ResourceId>,
    ) -> Result<Shown> {
        let (mut shown, mut cursor) = (Shown::new(), None);
        for _ in 0..wanted.len().div_ceil(2) {
            let reply = self.learn(self.ports.catalog.dependents(place, region, cursor)).await?;
            let is_moved = |one: &Candidate| wanted.contains(&one.dependent.id) && is_under(one, &place.key);
            let moved = reply.value.candidates.into_iter().filter(is_moved);
            shown.extend(moved.map(|one| (one.dependent.id, reply.server_date)));
            cursor = reply.value.next;
            if cursor.is_none() || shown.len() == wanted.len() {
                break;
            }
        }
        Ok(shown)
    }
}

fn is_under(candidate: &Candidate, key: &KeyId) -> bool {
    candidate.found_by == FoundBy::List && matches!(&candidate.key, KeyHint::Key(shown) if shown == key)
}
