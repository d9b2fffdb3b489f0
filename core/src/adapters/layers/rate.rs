//! How fast one service may be asked: a rate that is found out, held just below what the service takes, and kept.
//!
//! Pure: instants go in, instants come out. OCI publishes few limits (oci-api §7.7), so a rate starts low, doubles while
//! nothing is refused, and once a request was refused with 429 follows what was delivered in the second before.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::SignedDuration;

use crate::model::Timestamp;

/// How often the rate is raised at most.
const STEP: Duration = Duration::from_millis(500);
/// Nor before this many requests at the present rate, once something was refused.
const REQUESTS_PER_STEP: f64 = 10.0;
/// What was delivered is counted over this long.
const WINDOW: Duration = Duration::from_secs(1);
/// Requests may leave this much earlier than an even spacing says, where the limit is not shared with people.
const SLACK: Duration = Duration::from_millis(250);
/// No rate falls below one request in two seconds.
const PER_SECOND_MIN: f64 = 0.5;
/// While nothing was refused yet.
const DOUBLING: f64 = 2.0;
/// Back towards a rate that was taken before.
const RECOVERY: f64 = 1.25;
/// Feeling for more, by this part. What it oversteps is what is wasted: about one request in a hundred.
const PROBE: f64 = 0.01;
/// The largest such part, and how many of the smallest come first.
const PROBE_MAX: f64 = 0.25;
const PATIENCE: u32 = 6;
/// The least that is left of a rate after one refusal.
const FALL_MAX: f64 = 0.5;
/// Below what was delivered, so that the service's own allowance fills again.
const BACK_OFF: f64 = 0.98;

/// The rate of one service in one region.
#[derive(Debug, Clone)]
pub(super) struct Rate {
    per_second: f64,
    ceiling: f64,
    /// Under a ceiling none: no second may see more than the ceiling allows.
    slack: Duration,
    /// What the service took when it last refused; `None`: it never has.
    taken: Option<f64>,
    /// How often the rate was raised since it refused last.
    raised: u32,
    /// When the next request would leave if they were spaced evenly.
    next: Option<Timestamp>,
    /// The service asked for silence until then.
    silent_until: Option<Timestamp>,
    /// Whether anybody had to wait since the last change: else a higher rate teaches nothing.
    was_wanted: bool,
    changed: Option<Timestamp>,
    lowered: Option<Timestamp>,
    delivered: VecDeque<Timestamp>,
}

impl Rate {
    /// Starts at `per_second` and never exceeds the ceiling.
    pub(super) fn new(per_second: f64, ceiling: f64) -> Self {
        Self {
            per_second: per_second.min(ceiling).max(PER_SECOND_MIN),
            ceiling: ceiling.max(PER_SECOND_MIN),
            slack: if ceiling.is_finite() { Duration::ZERO } else { SLACK },
            taken: None,
            raised: 0,
            next: None,
            silent_until: None,
            was_wanted: false,
            changed: None,
            lowered: None,
            delivered: VecDeque::new(),
        }
    }

    /// Goes on from a rate that was found out earlier.
    pub(super) fn remember(&mut self, per_second: f64) {
        if self.taken.is_none() {
            self.per_second = per_second.min(self.ceiling).max(PER_SECOND_MIN);
            self.taken = Some(self.per_second);
        }
    }

    /// What was found out; `None` while nothing was refused.
    ///
    /// A dip of the moment is not what was found out: begun too high, a run has a few refusals more, begun too low it is slow.
    pub(super) fn learned(&self) -> Option<f64> {
        self.taken.map(|taken| self.per_second.max(taken).min(self.ceiling))
    }

    /// Lets one request leave now, or says when to ask again.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.silent_until.filter(|until| *until > now) {
            return Err(until);
        }
        let next = self.next.map_or(now, |next| next.max(now));
        let earliest = next - self.slack;
        if earliest > now {
            self.was_wanted = true;
            return Err(earliest);
        }
        self.next = Some(next + Duration::from_secs_f64(1.0 / self.per_second));
        Ok(())
    }

    /// The service served a request.
    pub(super) fn delivered(&mut self, now: Timestamp) {
        self.forget(now);
        self.delivered.push_back(now);
        let changed = *self.changed.get_or_insert(now);
        // A slow service needs longer to show what it takes.
        let step = match self.taken {
            None => STEP,
            Some(_) => STEP.max(Duration::from_secs_f64(REQUESTS_PER_STEP / self.per_second)),
        };
        if !self.was_wanted || now.duration_since(changed) < signed(step) {
            return;
        }
        let factor = match self.taken {
            None => DOUBLING,
            Some(taken) if self.per_second < 0.8 * taken => RECOVERY,
            // What is taken time and again is not the limit: the steps grow until something is refused.
            Some(_) => 1.0 + (PROBE * 2_f64.powi(self.raised.saturating_sub(PATIENCE).min(8) as i32)).min(PROBE_MAX),
        };
        self.raised = self.raised.saturating_add(1);
        self.per_second = (self.per_second * factor).min(self.ceiling);
        self.was_wanted = false;
        self.changed = Some(now);
    }

    /// The service refused a request that left at `sent`, and may have said for how long.
    pub(super) fn refused(&mut self, sent: Timestamp, now: Timestamp, silence: Option<Duration>) {
        self.forget(now);
        if let Some(silence) = silence {
            self.silent_until = self.silent_until.max(Some(now + silence));
        }
        // What left before the last change says nothing about the rate since.
        if self.lowered.is_some_and(|lowered| sent <= lowered) {
            return;
        }
        let taken = (self.delivered.len() as f64 / WINDOW.as_secs_f64()).max(PER_SECOND_MIN);
        // A process that stood still was served nothing, which says little of the service: by half at most at a time.
        let taken = taken.max(self.per_second * FALL_MAX);
        self.raised = 0;
        self.taken = Some(self.taken.map_or(taken, |before| before.mul_add(0.5, taken * 0.5)));
        self.per_second = (self.per_second.min(taken) * BACK_OFF).max(PER_SECOND_MIN);
        self.next = self.next.map(|next| next.max(now));
        (self.changed, self.lowered, self.was_wanted) = (Some(now), Some(now), false);
    }

    fn forget(&mut self, now: Timestamp) {
        let is_old = |at: &Timestamp| now.duration_since(*at) > signed(WINDOW);
        while self.delivered.front().is_some_and(is_old) {
            self.delivered.pop_front();
        }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).expect("a few seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    /// A service that allows so many requests per second, and as many at once.
    struct Service {
        limit: f64,
        tokens: f64,
        at: Timestamp,
        answered: (u32, u32),
    }

    impl Service {
        fn new(limit: f64) -> Self {
            Self { limit, tokens: limit, at: START, answered: (0, 0) }
        }

        fn ask(&mut self, now: Timestamp) -> bool {
            self.tokens = (self.tokens + now.duration_since(self.at).as_secs_f64() * self.limit).min(self.limit);
            self.at = now;
            let is_served = self.tokens >= 1.0;
            if is_served {
                self.tokens -= 1.0;
                self.answered.0 += 1;
            } else {
                self.answered.1 += 1;
            }
            is_served
        }
    }

    /// Asks until so many requests were served, each answered after 30 ms; returns the seconds that took.
    fn serve(rate: &mut Rate, service: &mut Service, wanted: u32) -> f64 {
        let (mut now, mut answers) = (service.at, VecDeque::<(Timestamp, Timestamp, bool)>::new());
        let (began, until) = (now, service.answered.0 + wanted);
        while service.answered.0 < until {
            while let Some((_, sent, is_served)) = answers.front().copied().filter(|(at, ..)| *at <= now) {
                answers.pop_front();
                if is_served { rate.delivered(now) } else { rate.refused(sent, now, None) }
            }
            let answer = answers.front().map(|(at, ..)| *at);
            now = match rate.take(now) {
                Ok(()) => {
                    answers.push_back((now + Duration::from_millis(30), now, service.ask(now)));
                    now
                }
                Err(later) => answer.map_or(later, |answer| later.min(answer)),
            };
        }
        now.duration_since(began).as_secs_f64()
    }

    #[test]
    fn an_unknown_limit_is_found_and_nearly_used_up_with_few_refusals() {
        for limit in [5.0, 20.0, 50.0, 120.0] {
            let (mut rate, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(limit));
            let wanted = 6_600;
            let took = serve(&mut rate, &mut service, wanted);
            let ideal = (f64::from(wanted) - limit) / limit;
            let refused = f64::from(service.answered.1) / f64::from(wanted);
            assert!(took / ideal <= 1.03, "limit {limit}: {:.3} of the ideal", took / ideal);
            assert!(refused <= 0.03, "limit {limit}: {:.3} refused", refused);
        }
    }

    #[test]
    fn what_was_learned_is_as_good_as_known() {
        let (mut first, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
        serve(&mut first, &mut service, 3_000);
        let learned = first.learned().expect("it was refused");
        assert!((45.0..=52.0).contains(&learned), "{learned}");
        let (mut second, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
        second.remember(learned);
        let took = serve(&mut second, &mut service, 6_600);
        assert!(took / (6_550.0 / 50.0) <= 1.01, "{took}");
    }

    #[test]
    fn a_rate_remembered_too_low_is_outgrown_in_seconds_and_one_too_high_costs_a_few_refusals() {
        for (learned, refused_max) in [(25.0, 36), (60.0, 36)] {
            let (mut rate, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
            rate.remember(learned);
            let took = serve(&mut rate, &mut service, 1_200);
            assert!(took / (1_150.0 / 50.0) <= 1.15, "{learned}: {:.3} of the ideal", took / (1_150.0 / 50.0));
            assert!(service.answered.1 <= refused_max, "{learned}: {} refused", service.answered.1);
        }
    }

    #[test]
    fn a_process_that_stood_still_does_not_take_its_own_silence_for_the_services_limit() {
        let (mut rate, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
        serve(&mut rate, &mut service, 1_000);
        let (before, at) = (rate.per_second, service.at + Duration::from_secs(5));
        // For five seconds nothing was served here; then a refusal arrives.
        rate.refused(at, at, None);
        assert!(rate.per_second >= before * 0.49, "{} after {before}", rate.per_second);
        service.at = at;
        let took = serve(&mut rate, &mut service, 1_000);
        assert!(took <= 1.1 * 20.0, "{took}");
    }

    #[test]
    fn what_is_kept_is_what_the_service_takes_and_not_a_dip_at_the_end() {
        let (mut rate, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
        serve(&mut rate, &mut service, 3_000);
        let at = service.at + Duration::from_secs(2);
        rate.refused(at, at, None);
        let learned = rate.learned().expect("it was refused");
        assert!(rate.per_second < 30.0 && learned > 35.0, "{learned} of {}", rate.per_second);
    }

    #[test]
    fn a_limit_that_falls_to_a_tenth_is_followed_down() {
        let (mut rate, mut service) = (Rate::new(10.0, f64::INFINITY), Service::new(50.0));
        serve(&mut rate, &mut service, 1_000);
        (service.limit, service.tokens) = (5.0, 5.0);
        let before = service.answered.1;
        let took = serve(&mut rate, &mut service, 300);
        assert!(took <= 1.1 * 60.0, "{took}");
        assert!(service.answered.1 - before <= 40, "{} refused", service.answered.1 - before);
    }

    #[test]
    fn nothing_is_ever_asked_faster_than_the_ceiling() {
        let (mut rate, mut service) = (Rate::new(10.0, 8.0), Service::new(10.0));
        let took = serve(&mut rate, &mut service, 800);
        assert!(took >= 800.0 / 8.0 - 1.0, "{took}");
        assert_eq!(service.answered.1, 0);
        assert_eq!(rate.learned(), None);
    }

    #[test]
    fn no_second_sees_more_than_the_ceiling_however_long_nothing_was_asked_before() {
        let mut rate = Rate::new(10.0, 8.0);
        let (mut now, mut left) = (START, Vec::new());
        for number in 0..200 {
            // Now and then nobody wants anything for a while, which is no reason to hurry afterwards.
            if number % 40 == 39 {
                now += Duration::from_secs(30);
            }
            while let Err(later) = rate.take(now) {
                now = later;
            }
            left.push(now);
        }
        for (index, first) in left.iter().enumerate() {
            let within = left[index..].iter().take_while(|at| at.duration_since(*first).as_secs_f64() < 0.999);
            assert!(within.count() <= 8, "from {first}");
        }
    }

    #[test]
    fn a_service_that_asks_for_silence_gets_it() {
        let mut rate = Rate::new(10.0, f64::INFINITY);
        rate.refused(START, START, Some(Duration::from_secs(7)));
        assert_eq!(rate.take(START + Duration::from_secs(1)), Err(START + Duration::from_secs(7)));
        assert_eq!(rate.take(START + Duration::from_secs(7)), Ok(()));
    }

    #[test]
    fn refusals_of_what_left_before_the_last_change_are_one_refusal() {
        let mut rate = Rate::new(40.0, f64::INFINITY);
        for index in 0..40 {
            rate.delivered(START + Duration::from_millis(25 * index));
        }
        let at = START + Duration::from_secs(1);
        rate.refused(at, at, None);
        let once = rate.learned();
        for _ in 0..10 {
            rate.refused(at, at + Duration::from_millis(10), None);
        }
        assert_eq!(rate.learned(), once);
    }

    #[test]
    fn a_rate_that_nobody_needs_is_not_raised() {
        let mut rate = Rate::new(10.0, f64::INFINITY);
        for second in 0..100 {
            let at = START + Duration::from_secs(second);
            assert_eq!(rate.take(at), Ok(()));
            rate.delivered(at);
        }
        assert!((rate.per_second - 10.0).abs() < 1e-9, "{}", rate.per_second);
    }
}
