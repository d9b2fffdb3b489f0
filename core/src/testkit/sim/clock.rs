//! The clock of one simulated machine: the common hands, read with an offset that may jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use jiff::SignedDuration;

use crate::memory::ManualClock;
use crate::model::Timestamp;
use crate::ports::Clock;

/// A machine's clock. Clones share the offset.
#[derive(Debug, Clone)]
pub(super) struct JumpingClock {
    hands: ManualClock,
    offset_ms: Arc<AtomicI64>,
}

impl JumpingClock {
    pub(super) fn new(hands: &ManualClock) -> Self {
        Self { hands: hands.clone(), offset_ms: Arc::default() }
    }

    /// From now on it is off by this much.
    pub(super) fn set(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    fn offset(&self) -> SignedDuration {
        SignedDuration::from_millis(self.offset_ms.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Timestamp {
        self.hands.now() + self.offset()
    }

    async fn sleep_until(&self, at: Timestamp) {
        Clock::sleep_until(&self.hands, at - self.offset()).await;
    }
}
