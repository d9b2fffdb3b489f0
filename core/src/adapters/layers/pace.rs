//! Pacing: every request to a service takes its turn at a rate that is found out (see `rate`).
//!
//! One pacer is shared by all keys and adapters of a process. It never drops or repeats a request: it delays one, or,
//! where a delay would outlive a signature's date, says that it was throttled before anything was sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::rate::Rate;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{LearnedRate, Region, Timestamp};
use crate::ports::{Clock, Pace};

/// A silence that a service asks for is kept up to here; the engine waits out what is longer.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// How a service is approached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PacePolicy {
    /// Requests per second at first, where nothing is remembered.
    pub start: f64,
    /// Key management's limit belongs to the whole tenancy, people included: we take at most this many per second.
    pub kms_max: f64,
}

impl Default for PacePolicy {
    /// 10 at first; of key management's 10 per second (oci-api §2.2) a fifth is left to people.
    fn default() -> Self {
        Self { start: 10.0, kms_max: 8.0 }
    }
}

/// Whether a service's limit is the tenancy's, shared with people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Key management: published, shared.
    Shared,
    /// Not published.
    Unknown,
}

/// Lets requests leave at the pace that each service takes.
pub struct Pacer {
    clock: Arc<dyn Clock>,
    policy: PacePolicy,
    rates: Mutex<BTreeMap<(&'static str, Region), Rate>>,
    remembered: Mutex<BTreeMap<(String, Region), f64>>,
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pacer").field("policy", &self.policy).field("learned", &self.learned()).finish_non_exhaustive()
    }
}

impl Pacer {
    /// A pacer that waits by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, policy: PacePolicy) -> Self {
        Self { clock, policy, rates: Mutex::default(), remembered: Mutex::default() }
    }

    /// Waits for a turn, at most `patience`; returns when the request leaves.
    ///
    /// # Errors
    /// `Throttled` if the turn would come later than that. Nothing was sent.
    pub async fn turn(
        &self,
        service: &'static str,
        limit: Limit,
        region: &Region,
        patience: Option<Duration>,
    ) -> Result<Timestamp> {
        let began = self.clock.now();
        let mut slept_until = began;
        loop {
            // Whoever slept has reached the instant, whatever a clock that was set back says.
            let now = self.clock.now().max(slept_until);
            let until = match self.with(service, limit, region, |rate| rate.take(now)) {
                Ok(()) => return Ok(now),
                Err(until) => until,
            };
            if patience.is_some_and(|patience| until > began + patience) {
                let wait = until.duration_since(now).unsigned_abs();
                return Err(Error::new(ErrorKind::Throttled, "pace", "its turn comes too late; nothing was sent")
                    .retry_later(Some(wait))
                    .with("service", service)
                    .with("region", region));
            }
            self.clock.sleep_until(until).await;
            slept_until = until;
        }
    }

    /// What a request came to that left at `sent`.
    pub fn answered<T>(
        &self,
        service: &'static str,
        limit: Limit,
        region: &Region,
        sent: Timestamp,
        answer: &Result<T>,
    ) {
        let now = self.clock.now();
        self.with(service, limit, region, |rate| match answer {
            Err(error) if error.kind() == ErrorKind::Throttled => {
                let after = match error.retry() {
                    crate::Retry::Later(after) => after.map(|after| after.min(SILENCE_MAX)),
                    _ => None,
                };
                rate.refused(sent, now, after);
                tracing::debug!(service, %region, per_second = rate.learned(), "throttled");
            }
            // Whatever else it said, it was counted.
            Err(error) if error.status().is_none() => {}
            _ => rate.delivered(now),
        });
    }

    fn with<T>(&self, service: &'static str, limit: Limit, region: &Region, act: impl FnOnce(&mut Rate) -> T) -> T {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rates.entry((service, region.clone())).or_insert_with(|| {
            let ceiling = if limit == Limit::Shared { self.policy.kms_max } else { f64::INFINITY };
            let mut rate = Rate::new(self.policy.start, ceiling);
            let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = remembered.get(&(service.to_owned(), region.clone())) {
                rate.remember(*known);
            }
            rate
        });
        act(rate)
    }
}

impl Pace for Pacer {
    fn learned(&self) -> Vec<LearnedRate> {
        let rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let learned = rates.iter().filter_map(|((service, region), rate)| {
            // Rates stay far below what a whole number per minute could not hold.
            let per_minute = (rate.learned()? * 60.0).round().min(f64::from(u32::MAX)) as u32;
            Some(LearnedRate { service: (*service).to_owned(), region: region.clone(), per_minute })
        });
        learned.collect()
    }

    fn remember(&self, rates: &[LearnedRate]) {
        // In the order of `with`: a service may be asked for the first time while this is written down.
        let mut begun = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for rate in rates {
            let per_second = f64::from(rate.per_minute) / 60.0;
            remembered.insert((rate.service.clone(), rate.region.clone()), per_second);
            // One that was asked already goes on from there, unless it found out something itself.
            let same = |(service, region): &(&'static str, Region)| *service == rate.service && *region == rate.region;
            if let Some((_, begun)) = begun.iter_mut().find(|(name, _)| same(name)) {
                begun.remember(per_second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::memory::ManualClock;

    fn region() -> Region {
        Region::parse("us-ashburn-1").expect("a region")
    }

    fn pacer(clock: &ManualClock) -> Pacer {
        Pacer::new(Arc::new(clock.clone()), PacePolicy { start: 1.0, kms_max: 8.0 })
    }

    #[test]
    fn a_turn_that_would_outlive_its_patience_is_throttled_and_nothing_was_sent() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let pacer = pacer(&clock);
        let turn = || pacer.turn("iaas", Limit::Unknown, &region(), Some(Duration::from_millis(100))).now_or_never();
        assert!(turn().expect("its turn at once").is_ok());
        let error = turn().expect("refused at once").expect_err("the next turn is in most of a second");
        assert_eq!((error.kind(), error.landed()), (ErrorKind::Throttled, crate::Landed::No));
        assert!(matches!(error.retry(), crate::Retry::Later(Some(after)) if after >= Duration::from_millis(700)));
    }

    #[test]
    fn what_one_run_learned_the_next_one_begins_with() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let (first, second) = (pacer(&clock), pacer(&clock));
        for _ in 0..30 {
            first.answered("iaas", Limit::Unknown, &region(), clock.now(), &Ok(()));
        }
        let throttled: Result<()> = Err(Error::from_service("get_volume", 429, "TooManyRequests", "slow down"));
        first.answered("iaas", Limit::Unknown, &region(), clock.now(), &throttled);
        let learned = first.learned();
        assert_eq!(learned.len(), 1, "{learned:?}");
        second.remember(&learned);
        assert!(second.learned().is_empty(), "it has asked nothing yet");
        second.answered("iaas", Limit::Unknown, &region(), clock.now(), &Ok(()));
        assert!(second.learned()[0].per_minute.abs_diff(learned[0].per_minute) < 60, "{:?}", second.learned());
        let third = pacer(&clock);
        third.answered("iaas", Limit::Unknown, &region(), clock.now(), &Ok(()));
        third.remember(&learned);
        assert_eq!(third.learned(), second.learned(), "what was asked before it was told goes on from there too");
        first.remember(
            &second.learned().into_iter().map(|one| LearnedRate { per_minute: 1, ..one }).collect::<Vec<_>>(),
        );
        assert_eq!(first.learned(), learned, "what was found out here stays");
    }
}
