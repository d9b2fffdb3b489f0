//! What somebody else does to volumes and backups while a rotation runs.
//!
//! Nothing here is a call of OCI's. Making backups, clones and restores is in `seed_block`.

use super::blocks::BlockState;
use super::world::World;
use crate::model::{CompartmentId, ResourceId};

impl World {
    /// Somebody else terminates a volume or backup; the service goes on showing it as TERMINATED.
    pub fn others_terminate(&self, block: &ResourceId) {
        let (now, mut state) = self.settled();
        let record = state.blocks.by_id.get_mut(block).expect("a volume or backup of this World");
        record.info.state = BlockState::Terminated;
        record.etag += 1;
        state.index_block(block, now);
    }

    /// The service no longer shows a volume or backup; Search notices later.
    pub fn others_forget(&self, block: &ResourceId) {
        let (now, mut state) = self.settled();
        let info = state.blocks.by_id.remove(block).expect("a volume or backup of this World").info;
        let place = (info.region.clone(), info.compartment, info.kind);
        if let Some(listed) = state.blocks.listed.get_mut(&place) {
            listed.retain(|id| id != block);
        }
        let lag = state.settings.search_lag;
        state.index.remove(&info.region, block.as_str(), now + lag);
    }

    /// Somebody else moves a volume or backup to another compartment; Search notices later.
    pub fn others_move_block(&self, block: &ResourceId, to: &CompartmentId) {
        let (now, mut state) = self.settled();
        let record = state.blocks.by_id.get_mut(block).expect("a volume or backup of this World");
        record.etag += 1;
        let (region, kind) = (record.info.region.clone(), record.info.kind.clone());
        let from = std::mem::replace(&mut record.info.compartment, to.clone());
        if let Some(listed) = state.blocks.listed.get_mut(&(region.clone(), from, kind.clone())) {
            listed.retain(|id| id != block);
        }
        state.blocks.listed.entry((region, to.clone(), kind)).or_default().push(block.clone());
        state.index_block(block, now);
    }
}
