//! What people are told of a rotation, and whether they were: that it paused, once for each pause, and how it ended.
//!
//! Everything here follows from facts and the time. Whoever sends is not here, and nothing that a rotation may do next depends on
//! whether somebody was told.

use std::time::Duration;

use super::state::{NoticeRef, State};
use crate::model::Timestamp;

/// Stands for "nobody": recorded so that the journal says that nobody was told.
pub const NOBODY: &str = "nobody";
/// How long after it was given up the notice of a pause is tried again; each time twice as long.
const AGAIN_AFTER: Duration = Duration::from_secs(30 * 60);
/// The longest time between two tries of such a notice.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// The identity of the notice of the pause that a rotation is in. Another pause is another notice.
#[must_use]
pub fn pause_key(state: &State) -> String {
    format!("{}:paused:{}", state.rid, state.pauses)
}

/// The identity of the notice of a rotation's end.
#[must_use]
pub fn end_key(state: &State) -> String {
    format!("{}:accounted", state.rid)
}

/// The notice of the pause that a rotation is in, if somebody is still to be told of it.
///
/// The end of a rotation is told by the rotation itself, which has no time to wait for a notifier that is down. A pause
/// lasts until a person acts, and that person may not know yet: its notice is tried again, seldom, until it is taken.
#[must_use]
pub fn untold_pause(state: &State, now: Timestamp) -> Option<String> {
    state.paused.as_ref()?;
    let key = pause_key(state);
    let mut of_it = state.notices.iter().filter(|((one, _), _)| *one == key).map(|(_, notice)| notice).peekable();
    let is_untold = of_it.peek().is_none() || of_it.any(|notice| !notice.settled || is_again(notice, now));
    is_untold.then_some(key)
}

/// Whether a notifier is still to be sent a notice.
#[must_use]
pub fn is_owed(state: &State, dedupe_key: &str, notifier: &str, now: Timestamp) -> bool {
    let Some(notice) = state.notices.get(&(dedupe_key.to_owned(), notifier.to_owned())) else { return true };
    let is_of_pause = state.paused.is_some() && dedupe_key == pause_key(state);
    !notice.settled || (is_of_pause && is_again(notice, now))
}

fn is_again(notice: &NoticeRef, now: Timestamp) -> bool {
    let doublings = notice.given_up.saturating_sub(1).min(16);
    let wait = (AGAIN_AFTER * 2_u32.pow(doublings)).min(AGAIN_AFTER_MAX);
    notice.notifier != NOBODY && notice.given_up_at.is_some_and(|at| now >= at + wait)
}
