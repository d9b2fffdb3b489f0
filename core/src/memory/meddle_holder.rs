//! What somebody else does to clusters, node pools and configurations while a rotation runs, and which changes of a pool
//! were really accepted: an auditor's questions.
//!
//! Nothing here is a call of OCI's.

use std::sync::Arc;

use super::holders::{HolderInfo, HolderRecord};
use super::world::{State, World};
use crate::model::{CompartmentId, KeyId, ResourceId, Timestamp};

/// A change of a node pool by a call, as it really was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTruth {
    /// When it was accepted, late if the call acted late.
    pub accepted: Timestamp,
    /// The principal that asked for it.
    pub by: Arc<str>,
    /// The pool at that very moment.
    pub before: HolderInfo,
    /// The key that was asked for; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// Everything else that was asked for.
    pub settings: String,
}

impl State {
    /// A pool that somebody may change now: a change that goes on refuses another.
    fn quiet_pool(&mut self, pool: &ResourceId, now: Timestamp) -> Option<&mut HolderRecord> {
        let record = self.holders.by_id.get_mut(pool).expect("a resource of this World");
        record.settle(now);
        if record.change.is_some() {
            return None;
        }
        record.etag += 1;
        Some(record)
    }
}

impl World {
    /// Changes of a node pool by calls, oldest first, whatever became of them.
    #[must_use]
    pub fn pool_truths(&self, pool: &ResourceId) -> Vec<PoolTruth> {
        let (_, state) = self.settled();
        state.holders.by_id.get(pool).map(|record| record.changes.clone()).unwrap_or_default()
    }

    /// Somebody else changes what a node pool makes its nodes with; `false`: a change goes on, and refuses it.
    pub fn others_update_pool(&self, pool: &ResourceId, settings: &str) -> bool {
        let (now, mut state) = self.settled();
        let quiet = state.quiet_pool(pool, now);
        let is_quiet = quiet.is_some();
        if let Some(record) = quiet {
            record.info.settings = settings.to_owned();
        }
        is_quiet
    }

    /// Somebody else gives a node pool another key; `false`: a change goes on, and refuses it.
    pub fn others_assign_pool(&self, pool: &ResourceId, key: Option<&KeyId>) -> bool {
        let (now, mut state) = self.settled();
        let quiet = state.quiet_pool(pool, now);
        let is_quiet = quiet.is_some();
        if let Some(record) = quiet {
            record.info.key = key.cloned();
        }
        is_quiet
    }

    /// Somebody else turns node cycling on or off; `false`: a change goes on, and refuses it.
    pub fn others_cycle_pool(&self, pool: &ResourceId, is_cycling: bool) -> bool {
        let (now, mut state) = self.settled();
        let quiet = state.quiet_pool(pool, now);
        let is_quiet = quiet.is_some();
        if let Some(record) = quiet {
            record.info.is_cycling = is_cycling;
        }
        is_quiet
    }

    /// Somebody else moves such a resource to another compartment; Search notices later.
    pub fn others_move_holder(&self, id: &ResourceId, to: &CompartmentId) {
        let (now, mut state) = self.settled();
        let record = state.holders.by_id.get_mut(id).expect("a resource of this World");
        record.etag += 1;
        let from = std::mem::replace(&mut record.info.compartment, to.clone());
        let (region, kind) = (record.info.region.clone(), record.info.kind.clone());
        if let Some(listed) = state.holders.listed.get_mut(&(region.clone(), from, kind.clone())) {
            listed.retain(|other| other != id);
        }
        state.holders.listed.entry((region, to.clone(), kind)).or_default().push(id.clone());
        state.index_holder(id, now);
    }
}
