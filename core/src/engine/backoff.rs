//! How long to wait between tries: exponential with full jitter, on the injected clock and chance.

use std::time::Duration;

use super::Engine;
use crate::model::Timestamp;
use crate::{Error, Retry};

/// A pace that slows down: for looking again at what is not yet so.
#[derive(Debug, Default)]
pub(super) struct Pace {
    looks: u32,
}

impl Pace {
    /// The next interval: `poll_min`, doubling up to `poll_max`.
    pub(super) fn next(&mut self, engine: &Engine) -> Duration {
        let margins = &engine.settings.margins;
        let interval = margins.poll_min.saturating_mul(1 << self.looks.min(16)).min(margins.poll_max);
        self.looks += 1;
        interval
    }

    /// When to try again after "too many requests": later each time, whatever else happens in between.
    pub(super) fn after_throttle(&mut self, engine: &Engine, error: &Error) -> Timestamp {
        self.looks += 1;
        engine.not_before(error, self.looks)
    }

    /// Something moved: look often again.
    pub(super) fn reset(&mut self) {
        self.looks = 0;
    }
}

impl Engine {
    /// When an effect that failed may be tried again: full jitter, but never before the service said.
    pub(super) fn not_before(&self, error: &Error, attempt: u32) -> Timestamp {
        let budgets = &self.settings.budgets;
        let ceiling = budgets.backoff_base.saturating_mul(1 << attempt.min(20)).min(budgets.backoff_max);
        let jittered = ceiling.mul_f64(self.chance());
        let asked = match error.retry() {
            Retry::Later(Some(after)) => after,
            _ => Duration::ZERO,
        };
        self.ports.clock.now() + jittered.max(asked)
    }

    /// A number from 0 up to 1.
    fn chance(&self) -> f64 {
        let mut bytes = [0; 4];
        self.ports.random.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
    }
}
