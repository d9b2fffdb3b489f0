//! Time as we write it down: UTC instants, never a zone, never the wall clock.
//!
//! `Timestamp` is jiff's. What reads the present lives behind the `Clock` port.

pub use jiff::Timestamp;

/// Returns `at` without anything finer than a millisecond, the precision of a fact.
#[must_use]
pub fn to_millis(at: Timestamp) -> Timestamp {
    // In the last second that a timestamp can name, jiff takes no milliseconds.
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or_else(|_| to_seconds(at))
}

/// Returns `at` without anything finer than a second, the precision of an HTTP `Date`.
#[must_use]
pub fn to_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("a timestamp's own seconds are in range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timestamp_can_be_cut() {
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
            assert!(to_millis(at).duration_since(at).abs() < jiff::SignedDuration::from_secs(1));
            assert!(to_seconds(at).duration_since(at).abs() < jiff::SignedDuration::from_secs(1));
        }
    }
}
