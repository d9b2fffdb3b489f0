//! `ambiguity = fast`: a mint in doubt is asked for again at once, because the owner trusts the retry token (A1).
//!
//! Only as long as nothing speaks against it: the token is young and not used up, the superseded version is current,
//! and no version outside the baseline is listed. In every other case the mint is settled as always. Nothing here may
//! change what the other two ways do.

use std::time::Duration;

use super::conclude::{Conclusion, Survey};
use super::mint::{intend, next_generation};
use super::state::{Leg, MintAttempt, MintOutcome, State};
use crate::model::{Ambiguity, Finding, FindingKind, KeyState, Settings};

/// Journals the next send of a mint in doubt, with the same token and a new date. `None`: settle it.
pub(super) fn ask_again(
    state: &State,
    number: u32,
    leg: &Leg,
    survey: &Survey,
    settings: &Settings,
) -> Option<Conclusion> {
    let attempt = leg.open_attempt().filter(|_| settings.policy.ambiguity == Ambiguity::Fast)?;
    let is_listed = |id: &str| survey.versions.iter().any(|version| version.id.as_str() == id);
    let superseded = &state.opened.name.superseded;
    let nothing_moved = survey.key.state == KeyState::Enabled
        && survey.key.current_version == *superseded
        && is_listed(superseded.as_str())
        && survey.versions.iter().all(|version| attempt.intent.baseline.contains(version.id.as_str()));
    let is_token_good =
        next_generation(leg, survey.server_time, settings.margins.token_life) == attempt.intent.generation;
    // Once the quiet period is over, settling costs nothing and says more.
    let is_quiet = survey.server_date? > attempt.intent.date + settings.margins.quiet_period();
    let doubts = doubts_in_a_row(leg);
    if !nothing_moved || !is_token_good || is_quiet || doubts >= settings.budgets.attempts {
        return None;
    }
    let until = attempt.at + pause_before(doubts, settings);
    if survey.local < until {
        return Some(Conclusion::wait(until, "asking again for a mint whose answer was lost"));
    }
    Some(intend(state, number, leg, survey, settings))
}

/// At once the first time, then as long as between the tries of any effect.
fn pause_before(doubts: u32, settings: &Settings) -> Duration {
    match doubts.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => {
            settings.budgets.backoff_base.saturating_mul(1 << doublings.min(20)).min(settings.budgets.backoff_max)
        }
    }
}

fn is_in_doubt(attempt: &MintAttempt) -> bool {
    matches!(attempt.outcome, MintOutcome::InDoubt { .. })
}

fn doubts_in_a_row(leg: &Leg) -> u32 {
    let doubts = leg.attempts.iter().rev().take_while(|attempt| is_in_doubt(attempt)).count();
    u32::try_from(doubts).unwrap_or(u32::MAX)
}

/// The newest mint that was asked for again without being settled and might still act, for an owner who does not
/// trust tokens (any more).
pub(super) fn unsettled<'a>(leg: &'a Leg, settings: &Settings) -> Option<&'a MintAttempt> {
    let mut before_the_last = leg.attempts.iter().rev().skip(1);
    before_the_last.find(|attempt| is_in_doubt(attempt)).filter(|_| settings.policy.ambiguity != Ambiguity::Fast)
}

/// Says that a rotation did ask again on the strength of the token, whatever the policy says now.
#[must_use]
pub fn trusted_token(state: &State) -> Option<Finding> {
    let asked_again = |leg: &Leg| leg.attempts.iter().rev().skip(1).any(is_in_doubt);
    state.legs.iter().any(asked_again).then(|| token_is_trusted(state.opened.name.key.to_string()))
}

pub(super) fn token_is_trusted(key: String) -> Finding {
    Finding {
        kind: FindingKind::RiskAccepted,
        subject: key,
        text: "ambiguity = fast: the owner trusts retry tokens (A1); after a lost answer the token alone guards \
               against a second version"
            .to_owned(),
    }
}
