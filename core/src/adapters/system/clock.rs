//! The machine's clock, made to never go back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_timer::Delay;

use crate::model::Timestamp;
use crate::ports::Clock;

/// The machine's clock.
///
/// When somebody sets the machine's time back, `now` goes on from where it was at the pace of time, so
/// that waits still end; it is then off by that much, which the engine measures against the far end.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// Shared by all clocks of the process: promise 1 is about the process.
static LAST: Mutex<Option<(Timestamp, Instant)>> = Mutex::new(None);

fn forward(wall: Timestamp, at: Instant, last: Option<(Timestamp, Instant)>) -> Timestamp {
    let Some((then, instant)) = last else { return wall };
    let gone = at.saturating_duration_since(instant);
    wall.max(then.saturating_add(gone).expect("a span of time that this process has lived is in range"))
}

#[allow(clippy::disallowed_methods, reason = "this is the adapter that owns the wall clock and the timer")]
#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let at = Instant::now();
        let now = forward(Timestamp::now(), at, *last);
        *last = Some((now, at));
        now
    }

    async fn sleep_until(&self, at: Timestamp) {
        loop {
            let left = Duration::try_from(at.duration_since(self.now())).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            Delay::new(left).await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "arithmetic needs some instant to start from")]
mod tests {
    use super::*;

    #[test]
    fn now_is_monotonic() {
        let first = SystemClock.now();
        assert!(SystemClock.now() >= first);
    }

    #[test]
    fn a_clock_set_back_goes_on_at_the_pace_of_time() {
        let wall = |text: &str| -> Timestamp { text.parse().expect("a timestamp") };
        let start = Instant::now();
        let last = Some((wall("2026-11-22T12:00:00Z"), start));
        let later = start + Duration::from_secs(5);
        assert_eq!(forward(wall("2026-11-22T11:00:05Z"), later, last), wall("2026-11-22T12:00:05Z"));
        assert_eq!(forward(wall("2026-11-22T13:00:00Z"), later, last), wall("2026-11-22T13:00:00Z"));
        assert_eq!(forward(wall("2026-11-22T11:00:00Z"), later, None), wall("2026-11-22T11:00:00Z"));
    }

    #[test]
    fn an_instant_that_has_passed_is_not_waited_for() {
        let past = SystemClock.now();
        assert!(futures_util::FutureExt::now_or_never(SystemClock.sleep_until(past)).is_some());
    }
}
