//! Dice: everything a simulation leaves to chance, drawn from one seed.

use std::time::Duration;

use crate::memory::SeededRandom;

/// A sequence of draws.
#[derive(Debug)]
pub(super) struct Dice(SeededRandom);

impl Dice {
    /// The sequence of a seed for one purpose; purposes do not disturb each other.
    pub(super) fn new(seed: u64, purpose: u64) -> Self {
        let dice = Self(SeededRandom::new(seed ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407)));
        dice.0.next_u64();
        dice
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn range(&self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    /// True once in `of` times.
    pub(super) fn one_in(&self, of: u64) -> bool {
        self.range(1, of) == 1
    }

    /// A duration between two, to the millisecond.
    pub(super) fn between(&self, low: Duration, high: Duration) -> Duration {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.range(ms(low), ms(high)))
    }

    /// Seconds between two, to the millisecond.
    pub(super) fn secs(&self, low: u64, high: u64) -> Duration {
        self.between(Duration::from_secs(low), Duration::from_secs(high))
    }

    /// One of several.
    pub(super) fn pick<T: Copy>(&self, of: &[T]) -> T {
        let last = u64::try_from(of.len() - 1).unwrap_or(0);
        of[usize::try_from(self.range(0, last)).unwrap_or(0)]
    }

    /// An index below `len`.
    pub(super) fn index(&self, len: usize) -> usize {
        usize::try_from(self.range(0, len.saturating_sub(1) as u64)).unwrap_or(0)
    }
}
