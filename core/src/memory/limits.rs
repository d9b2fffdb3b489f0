//! Rate limits: token buckets by World's clock.
//!
//! Off unless the settings say otherwise.

use std::collections::HashMap;

use crate::model::{Region, Timestamp};

/// KMS counts four classes of calls apart (oci-api §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RateClass {
    ManagementRead,
    ManagementWrite,
    ProvisioningRead,
    ProvisioningWrite,
}

/// A bucket that holds `capacity` tokens and fills up once per `window_ms`.
#[derive(Debug, Clone)]
pub(super) struct TokenBucket {
    filled_at: Timestamp,
    /// Tokens times `window_ms`, so that arithmetic stays whole.
    level: u64,
}

impl TokenBucket {
    pub(super) fn full(now: Timestamp, capacity: u32, window_ms: u64) -> Self {
        Self { filled_at: now, level: u64::from(capacity) * window_ms }
    }

    /// Takes one token, or says that there is none.
    pub(super) fn take(&mut self, now: Timestamp, capacity: u32, window_ms: u64) -> bool {
        let passed_ms = now.as_millisecond().saturating_sub(self.filled_at.as_millisecond()).max(0).unsigned_abs();
        self.filled_at = self.filled_at.max(now);
        let full = u64::from(capacity) * window_ms;
        self.level = self.level.saturating_add(passed_ms.saturating_mul(u64::from(capacity))).min(full);
        if self.level < window_ms {
            return false;
        }
        self.level -= window_ms;
        true
    }
}

/// Buckets of the services whose limits nobody publishes, one per service and region.
#[derive(Debug, Default)]
pub(super) struct OtherRates(HashMap<(&'static str, Region), TokenBucket>);

impl OtherRates {
    /// Whether a call to this service passes at `per_second`.
    pub(super) fn pass(&mut self, service: &'static str, region: &Region, now: Timestamp, per_second: u32) -> bool {
        let full = || TokenBucket::full(now, per_second, 1000);
        self.0.entry((service, region.clone())).or_insert_with(full).take(now, per_second, 1000)
    }
}

/// KMS's buckets, one per class for the whole tenancy.
#[derive(Debug, Default)]
pub(super) struct KmsRates(HashMap<RateClass, TokenBucket>);

impl KmsRates {
    /// Whether a call of this class passes at `per_second`.
    pub(super) fn pass(&mut self, class: RateClass, now: Timestamp, per_second: u32) -> bool {
        self.0.entry(class).or_insert_with(|| TokenBucket::full(now, per_second, 1000)).take(now, per_second, 1000)
    }
}
