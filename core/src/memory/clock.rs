//! Time for tests: a clock that is turned by hand, and the same clock seen with an offset.
//!
//! Nothing here reads the machine's clock and nothing needs an executor of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::model::Timestamp;
use crate::ports::Clock;

/// The clock that World lives by: server time.
pub trait WorldClock: Send + Sync {
    /// The present, by the servers of this world.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> WorldClock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

#[derive(Debug)]
struct Hands {
    now: Timestamp,
    next_id: u64,
    sleepers: Vec<(u64, Timestamp, Waker)>,
}

/// A clock that stands still until somebody turns it. Clones share their hands.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Hands>>);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Hands { now: start, next_id: 0, sleepers: Vec::new() })))
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.hands().now
    }

    /// Turns it forward by a duration.
    pub fn advance(&self, by: Duration) {
        let to = self.now() + by;
        self.advance_to(to);
    }

    /// Turns it forward to an instant; an earlier one changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        let mut hands = self.hands();
        hands.now = hands.now.max(to);
        let now = hands.now;
        let mut due = Vec::new();
        hands.sleepers.retain(|(_, deadline, waker)| {
            let is_due = *deadline <= now;
            if is_due {
                due.push(waker.clone());
            }
            !is_due
        });
        drop(hands);
        due.into_iter().for_each(Waker::wake);
    }

    /// The earliest instant somebody sleeps until: where an idle simulation goes next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.hands().sleepers.iter().map(|(_, deadline, _)| *deadline).min()
    }

    fn sleep(&self, until: Timestamp) -> Sleep {
        let mut hands = self.hands();
        hands.next_id += 1;
        Sleep { clock: self.clone(), id: hands.next_id, until }
    }
}

struct Sleep {
    clock: ManualClock,
    id: u64,
    until: Timestamp,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut hands = self.clock.hands();
        hands.sleepers.retain(|(id, ..)| *id != self.id);
        if hands.now >= self.until {
            return Poll::Ready(());
        }
        hands.sleepers.push((self.id, self.until, cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.hands().sleepers.retain(|(id, ..)| *id != self.id);
    }
}

impl WorldClock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    async fn sleep_until(&self, at: Timestamp) {
        self.sleep(at).await;
    }
}

/// Which way a machine's clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// It shows a later time.
    Fast(Duration),
    /// It shows an earlier time.
    Slow(Duration),
}

/// A machine whose clock is off: the same hands, read with an offset.
#[derive(Debug, Clone)]
pub struct SkewedClock {
    clock: ManualClock,
    skew: Skew,
}

impl SkewedClock {
    /// A view of `clock` that is off by `skew`.
    #[must_use]
    pub fn new(clock: &ManualClock, skew: Skew) -> Self {
        Self { clock: clock.clone(), skew }
    }
}

#[async_trait]
impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        match self.skew {
            Skew::Fast(by) => self.clock.now() + by,
            Skew::Slow(by) => self.clock.now() - by,
        }
    }

    async fn sleep_until(&self, at: Timestamp) {
        let there = match self.skew {
            Skew::Fast(by) => at - by,
            Skew::Slow(by) => at + by,
        };
        self.clock.sleep(there).await;
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_700_000_000).expect("a year in range")
    }

    #[test]
    fn sleep_reaches_its_instant_and_not_earlier() {
        let clock = ManualClock::new(start());
        let mut sleep = pin!(clock.sleep_until(start() + Duration::from_secs(10)));
        assert!(sleep.as_mut().now_or_never().is_none());
        assert_eq!(clock.next_deadline(), Some(start() + Duration::from_secs(10)));
        clock.advance(Duration::from_secs(9));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(sleep.as_mut().now_or_never().is_some());
        assert_eq!(clock.next_deadline(), None);
    }

    #[test]
    fn a_dropped_sleeper_leaves_no_deadline() {
        let clock = ManualClock::new(start());
        {
            let mut sleep = pin!(clock.sleep_until(start() + Duration::from_secs(10)));
            assert!(sleep.as_mut().now_or_never().is_none());
        }
        assert_eq!(clock.next_deadline(), None);
    }

    #[test]
    fn the_hands_never_go_back() {
        let clock = ManualClock::new(start());
        clock.advance_to(start() - Duration::from_secs(5));
        assert_eq!(clock.now(), start());
    }

    #[test]
    fn a_skewed_clock_sleeps_by_its_own_time() {
        let clock = ManualClock::new(start());
        let fast = SkewedClock::new(&clock, Skew::Fast(Duration::from_secs(60)));
        assert_eq!(Clock::now(&fast), start() + Duration::from_secs(60));
        let mut sleep = pin!(fast.sleep_until(start() + Duration::from_secs(70)));
        clock.advance(Duration::from_secs(9));
        assert!(sleep.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(sleep.as_mut().now_or_never().is_some());
    }
}
