//! Time as the engine is allowed to see it: it only waits by it.

use async_trait::async_trait;

use crate::model::Timestamp;

/// The local clock.
///
/// 1. `now` never goes back within one process. (`now_is_monotonic`)
/// 2. `sleep_until` returns at or after the given instant. (`sleep_reaches_its_instant`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present, local, with whatever offset this machine has.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn sleep_until(&self, at: Timestamp);
}
