//! Time as we write it down: UTC instants, never a zone, never the wall clock.
//!
//! `Timestamp` is jiff's. What reads the present lives behind the `Clock` port.

pub use jiff::Timestamp;

/// Returns `at` without anything finer than a millisecond, the precision of a fact.
#[must_use]
pub fn to_millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).expect("a timestamp's own milliseconds are in range")
}

/// Returns `at` without anything finer than a second, the precision of an HTTP `Date`.
#[must_use]
pub fn to_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).expect("a timestamp's own seconds are in range")
}
