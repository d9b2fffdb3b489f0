//! What time it is over there: estimated from the `Date` of answers, never from our own clock alone (A5).

use std::time::Duration;

use jiff::SignedDuration;

use crate::model::Timestamp;

/// The offset of the local clock, as far as answers have shown it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerTime {
    offset: Option<SignedDuration>,
    uncertainty: Duration,
}

impl ServerTime {
    /// Learns from an answer that was asked at `asked` and came at `came`, by the local clock.
    ///
    /// A `Date` has whole seconds, so the truth lies within the second that follows it.
    pub(super) fn learn(&mut self, server_date: Option<Timestamp>, asked: Timestamp, came: Timestamp) {
        let Some(date) = server_date else {
            return;
        };
        let half = Duration::from_millis(500);
        let round_trip = came.duration_since(asked).unsigned_abs();
        let middle = asked + round_trip / 2;
        self.offset = Some((date + half).duration_since(middle));
        self.uncertainty = half + round_trip / 2;
    }

    /// Our estimate of the server's time at a local instant.
    pub(super) fn at(&self, local: Timestamp) -> Timestamp {
        local.checked_add(self.offset.unwrap_or(SignedDuration::ZERO)).unwrap_or(local)
    }

    /// The offset, where it was measured.
    pub(super) fn offset(&self) -> Option<SignedDuration> {
        self.offset
    }

    /// How wrong the estimate may be; endless before the first answer.
    pub(super) fn uncertainty(&self) -> Duration {
        if self.offset.is_some() { self.uncertainty } else { Duration::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_late_is_corrected_by_the_servers_date() {
        let local = Timestamp::from_second(1_000).expect("in range");
        let server = Timestamp::from_second(1_120).expect("in range");
        let mut time = ServerTime::default();
        assert_eq!(time.uncertainty(), Duration::MAX);
        time.learn(Some(server), local, local + Duration::from_millis(200));
        assert_eq!(time.at(local).duration_since(server).as_millis(), 400);
        assert_eq!(time.uncertainty(), Duration::from_millis(600));
    }
}
