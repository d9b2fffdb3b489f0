//! What a simulator does to a World while it runs, and what only an auditor may ask of it.
//!
//! Nothing here is a call of OCI's: keywheel's own ports never come this way.

use std::collections::VecDeque;
use std::time::Duration;

use super::answer::Caller;
use super::log::LogEntry;
use super::operations;
use super::world::World;
use crate::model::{CompartmentId, KeyId, KeyVersionId, Region, ResourceId, Timestamp};

/// A version as it really is: instants, not answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionTruth {
    /// Its OCID.
    pub id: KeyVersionId,
    /// When it was made.
    pub created: Timestamp,
    /// From when on lists show it.
    pub listed: Timestamp,
    /// From when on it may be current.
    pub flips: Timestamp,
    /// When it reached the replica regions, or will.
    pub replicated: Option<Timestamp>,
    /// When somebody scheduled its deletion.
    pub condemned: Option<Timestamp>,
    /// The principal that minted it.
    pub minted_by: String,
    /// The retry token that made it.
    pub token: Option<String>,
}

impl World {
    /// How many answers were given so far; the n-th entry of the log has number n while none fell out.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    /// Reads the log where it is.
    pub fn with_log<T>(&self, read: impl FnOnce(&VecDeque<LogEntry>) -> T) -> T {
        read(&self.lock().log)
    }

    /// Takes the log away, for whoever judges after the end.
    #[must_use]
    pub fn take_log(&self) -> Vec<LogEntry> {
        std::mem::take(&mut self.lock().log).into()
    }

    /// The auditor's truth about a key's versions, oldest first.
    #[must_use]
    pub fn version_truths(&self, key: &KeyId) -> Vec<VersionTruth> {
        let (_, state) = self.settled();
        let record = state.kms.keys.get(key).expect("a key of this World");
        let truths = record.versions.iter().map(|version| VersionTruth {
            id: version.id.clone(),
            created: version.created,
            listed: version.listed,
            flips: version.flips,
            replicated: version.replication.as_ref().map(|(_, at)| *at),
            condemned: version.deletion.map(|at| at - Duration::from_secs(30 * 86_400)),
            minted_by: version.minted_by.to_string(),
            token: version.token.clone(),
        });
        truths.collect()
    }

    /// Replication of every version of a key that is still on its way takes this much longer.
    pub fn others_stall_replication(&self, key: &KeyId, by: Duration) {
        let (now, mut state) = self.settled();
        let record = state.kms.keys.get_mut(key).expect("a key of this World");
        for (_, arrives) in record.versions.iter_mut().filter_map(|version| version.replication.as_mut()) {
            if *arrives > now {
                *arrives += by;
            }
        }
    }

    /// How often each fault of the plan struck, in the order they were named.
    #[must_use]
    pub fn struck(&self) -> Vec<u32> {
        self.lock().faults.hits()
    }

    /// Every service of a region answers 503 from now on.
    pub fn region_down(&self, region: &Region) {
        self.lock().faults.regions_down.insert(region.clone());
    }

    /// The region answers again.
    pub fn region_up(&self, region: &Region) {
        self.lock().faults.regions_down.remove(region);
    }

    /// Takes a denial of [`World::deny_operation`] back.
    pub fn allow_operation(&self, caller: &Caller, operation: &str) {
        let operation = operations::named(operation)
            .unwrap_or_else(|| panic!("a denial names an operation of World; there is no {operation:?}"));
        self.lock().denied_operations.remove(&(caller.principal.clone(), operation.name));
    }

    /// Somebody else moves a bucket to another compartment.
    pub fn others_move_bucket(&self, bucket: &ResourceId, to: &CompartmentId) {
        let (now, mut state) = self.settled();
        let record = state.buckets.by_id.get_mut(bucket).expect("a bucket of this World");
        record.etag += 1;
        let (region, name) = (record.info.address.region.clone(), record.info.address.name.clone());
        let from = std::mem::replace(&mut record.info.compartment, to.clone());
        if let Some(listed) = state.buckets.listed.get_mut(&(region.clone(), from)) {
            listed.remove(&name);
        }
        state.buckets.listed.entry((region, to.clone())).or_default().insert(name, bucket.clone());
        let lag = state.settings.search_lag;
        state.index_bucket(bucket, now + lag);
    }
}
