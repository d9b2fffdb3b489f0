//! What was found out about how many requests services take, so that the next run need not find it out again.
//!
//! Optional: ports without a network have none. It decides nothing and remembers nothing on disk; the engine keeps what
//! was learned in the journal.

use crate::model::LearnedRate;

/// Learns rates.
///
/// 1. `learned` tells only of services that refused a request for being too many.
///    (`what_one_run_learned_the_next_one_begins_with`)
/// 2. `remember` never raises a rate above a published limit. (`nothing_is_ever_asked_faster_than_the_ceiling`)
pub trait Pace: Send + Sync {
    /// What was found out so far.
    fn learned(&self) -> Vec<LearnedRate>;

    /// Begins where an earlier run ended. What was found out in this one stays.
    fn remember(&self, rates: &[LearnedRate]);
}
