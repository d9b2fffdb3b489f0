//! Meters: how many calls of each operation were answered, and how busy each service was. For whoever measures a client.
//!
//! Counts only; nothing here changes an answer, and no call of OCI's leads here.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;

use super::limits::RateClass;
use super::operations::Operation;
use super::world::World;
use crate::model::{Region, Timestamp};

/// A service that is not asked for this long is idle: whoever waits that long does not wait for its limit.
pub const IDLE: Duration = Duration::from_secs(2);

/// Calls of one operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Answered with success.
    pub served: u64,
    /// Refused with 429.
    pub throttled: u64,
    /// Refused otherwise, or never answered.
    pub failed: u64,
}

/// A stretch of time in which a service was asked without a pause of [`IDLE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// Its first call.
    pub first: Timestamp,
    /// Its last call.
    pub last: Timestamp,
    /// Calls that took a token: all but those refused with 429.
    pub taken: u64,
    /// Calls refused with 429.
    pub throttled: u64,
}

impl Stretch {
    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.last.duration_since(self.first).unsigned_abs()
    }

    /// How long the same calls take whoever uses every token: the bucket is full at the beginning.
    #[must_use]
    pub fn ideal(&self, per_second: u32) -> Duration {
        let beyond = self.taken.saturating_sub(u64::from(per_second));
        Duration::from_secs_f64(beyond as f64 / f64::from(per_second.max(1)))
    }
}

/// What was counted since World began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meters {
    /// By operation, by World's name for it.
    pub operations: BTreeMap<&'static str, Calls>,
    /// By service and region, in order.
    pub services: BTreeMap<(&'static str, Region), Vec<Stretch>>,
    /// The most calls that came within any one second, by service; key management's two services apart.
    pub busiest_second: BTreeMap<&'static str, u64>,
    second: BTreeMap<&'static str, VecDeque<Timestamp>>,
}

impl Meters {
    pub(super) fn count(&mut self, operation: &Operation, region: &Region, now: Timestamp, status: u16) {
        let calls = self.operations.entry(operation.name).or_default();
        match status {
            200 => calls.served += 1,
            429 => calls.throttled += 1,
            _ => calls.failed += 1,
        }
        let is_throttled = status == 429;
        let stretches = self.services.entry((operation.service, region.clone())).or_default();
        let is_open = stretches.last().is_some_and(|last| now.duration_since(last.last).unsigned_abs() < IDLE);
        if !is_open {
            stretches.push(Stretch { first: now, last: now, taken: 0, throttled: 0 });
        }
        let stretch = stretches.last_mut().expect("one was pushed if there was none");
        stretch.last = stretch.last.max(now);
        *(if is_throttled { &mut stretch.throttled } else { &mut stretch.taken }) += 1;

        let service = match operation.class {
            Some(RateClass::ProvisioningRead | RateClass::ProvisioningWrite) => "kms_vault",
            _ => operation.service,
        };
        let recent = self.second.entry(service).or_default();
        recent.push_back(now);
        while recent.front().is_some_and(|at| now.duration_since(*at).unsigned_abs() >= Duration::from_secs(1)) {
            recent.pop_front();
        }
        let busiest = self.busiest_second.entry(service).or_default();
        *busiest = (*busiest).max(recent.len() as u64);
    }
}

impl World {
    /// What was counted so far.
    #[must_use]
    pub fn meters(&self) -> Meters {
        self.lock().meters.clone()
    }

    /// Counts anew from here on.
    pub fn reset_meters(&self) {
        self.lock().meters = Meters::default();
    }
}
