//! Whether the next rotation of a lineage may be opened while one is open (rule R6).
//!
//! Whoever asks usually means the open one. It gives way only when its mint is behind it and the version it moves
//! data to is itself to be superseded: by age, or because somebody names it. Nothing in doubt is ever overtaken.

use super::state::State;
use crate::model::{Settings, Timestamp, When};

/// Whether the journal alone allows it; that the key is really due is then asked of the cloud.
#[must_use]
pub fn may_overtake(state: &State, when: &When, settings: &Settings, now: Timestamp) -> bool {
    if state.is_terminal() || is_in_doubt(state) {
        return false;
    }
    let target = state.legs.last().and_then(|leg| leg.target.as_ref().filter(|_| leg.in_use.is_some()));
    match when {
        When::Now { supersedes: Some(named), .. } => target.is_some_and(|target| target.version == *named),
        When::Now { .. } => false,
        When::IfDue => match target {
            Some(target) => now >= target.time_created + settings.policy.cryptoperiod,
            // A sweep that has not got so far mints nothing and must not hold back what does.
            None => state.opened.is_sweep,
        },
    }
}

/// Whether a mint may still act.
pub(super) fn is_in_doubt(state: &State) -> bool {
    state.legs.iter().any(|leg| leg.target.is_none() && leg.open_attempt().is_some())
}
