//! What a fact does to the state. FROZEN: it must read every journal ever written, so it only grows.
//!
//! Total: a fact that cannot follow is a `Violation`, never a panic. A violation while reading means a
//! corrupt journal; while writing, a bug of ours that was stopped before the line was stored.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{Fact, NOT_SENT};
use super::state::{Failure, Leg, LegPhase, MintAttempt, MintOutcome, NoticeRef, PageRef, Phase, State, UNMOVED};
use crate::model::{Census, Counts, LineHash, RotationId, Timestamp};
use crate::safeguard::{Safeguard, is_on};

/// Where and when a fact was written.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The rotation whose stream it stands in.
    pub rid: RotationId,
    /// When, by its runner's clock.
    pub at: Timestamp,
    /// Its hash.
    pub hash: LineHash,
}

/// A fact that cannot follow on the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("fact {fact} cannot follow in phase {phase}: {why}")]
pub struct Violation {
    /// The fact's name.
    pub fact: &'static str,
    /// Where the rotation stood.
    pub phase: &'static str,
    /// What is wrong.
    pub why: &'static str,
}

fn violation(state: &State, fact: &'static str, why: &'static str) -> Violation {
    Violation { fact, phase: state.word(), why }
}

/// Applies one fact.
pub fn apply(state: Option<State>, recorded: &Recorded, fact: &Fact) -> Result<State, Violation> {
    let mut state = match (state, fact) {
        (None, Fact::Opened(opened)) => return Ok(open(recorded, opened.clone())),
        (None, _) => return Err(Violation { fact: "?", phase: "none", why: "the first fact is not `opened`" }),
        (Some(state), _) => state,
    };
    if state.is_terminal() {
        return Err(violation(&state, "?", "the rotation has ended"));
    }
    match fact {
        Fact::Opened(_) => return Err(violation(&state, "opened", "it is open already")),
        Fact::Checked(checked) => {
            if state.phase != Phase::Opened || checked.legs.is_empty() {
                return Err(violation(&state, "checked", "not opened, or without legs"));
            }
            state.legs = checked.legs.iter().cloned().map(Leg::new).collect();
            state.checked = Some(checked.clone());
            state.phase = Phase::Checked;
        }
        Fact::PassBegun { pass } => state.pass_open = Some(*pass),
        Fact::PageOpened(opened) => {
            let next = state.pages.keys().next_back().map_or(1, |last| last + 1);
            if opened.page != next {
                return Err(violation(&state, "page_opened", "pages are numbered without gaps"));
            }
            state.settled_pass = None;
            let page =
                PageRef { opened: opened.clone(), closed: None, counts: Counts::default(), is_looked_at_again: false };
            state.pages.insert(opened.page, page);
            let active = active_number(&state);
            if !state.open_pages_before(active).is_empty() {
                state.leg_pass = None;
            }
        }
        Fact::PassEnded(ended) => {
            let all_closed = state.pages.values().all(|page| page.closed.is_some());
            let legs_done = !state.legs.is_empty() && state.active_leg().is_none();
            if ended.added == 0 && all_closed && legs_done {
                state.settled_pass = Some(ended.pass);
            }
            if state.open_pages_before(active_number(&state)).is_empty() {
                state.leg_pass = Some(ended.pass);
            }
            state.pass_open = None;
            state.passes.insert(ended.pass, ended.clone());
        }
        Fact::PageClosed(closed) => {
            let Some(page) = state.pages.get_mut(&closed.page).filter(|page| page.closed.is_none()) else {
                return Err(violation(&state, "page_closed", "no such open page"));
            };
            if closed.counts.total() != u64::from(page.opened.dependents) {
                return Err(violation(&state, "page_closed", "a dependent has no outcome"));
            }
            page.closed = Some(closed.head.clone());
            page.counts = closed.counts.clone();
            state.counts.merge(&closed.counts);
        }
        Fact::Accounted(accounted) => {
            let is_fresh = state.settled_pass.is_some() || !is_on(Safeguard::FreshPass);
            if state.active_leg().is_some() || !is_fresh {
                return Err(violation(&state, "accounted", "no fresh pass after the last effect"));
            }
            state.census = accounted.census.clone();
            state.phase = Phase::Accounted;
        }
        Fact::Completed(completed) => {
            if state.phase != Phase::Accounted {
                return Err(violation(&state, "completed", "not accounted"));
            }
            state.completed = Some(completed.clone());
            state.closed_at = Some(recorded.at);
            state.phase = Phase::Completed;
        }
        Fact::NoticeIntended(notice) => {
            let key = (notice.dedupe_key.clone(), notice.notifier.clone());
            let (notifier, settled) = (notice.notifier.clone(), false);
            let first = NoticeRef { notifier, settled, given_up_at: None, given_up: 0 };
            state.notices.entry(key).or_insert(first).settled = false;
        }
        Fact::NoticeSent(sent) => {
            if let Some(notice) = state.notices.get_mut(&(sent.dedupe_key.clone(), sent.notifier.clone())) {
                notice.settled = true;
                notice.given_up_at = sent.accepted_as.is_none().then_some(recorded.at);
                notice.given_up = notice.given_up.saturating_add(u32::from(sent.accepted_as.is_none()));
            }
        }
        Fact::EffectFailed(failed) => {
            let failure = Failure {
                attempts: failed.attempt,
                not_before: failed.not_before,
                error: failed.error.clone(),
                is_outage: failed.is_outage,
            };
            state.failures.insert(failed.effect.clone(), failure);
        }
        Fact::Paused(paused) => {
            state.paused = Some(paused.clone());
            // An outage that a run has looked at again and that goes on is the pause that it was.
            let goes_on = paused.is_outage && state.is_looking_again;
            state.pauses = state.pauses.saturating_add(u32::from(!goes_on));
            state.last_pause = Some((recorded.at, paused.clone()));
        }
        Fact::Resumed { by_run } => {
            state.is_resumed = true;
            state.is_looking_again = *by_run;
            state.resumed_after = state.passes.keys().next_back().copied();
            state.resumed_at = state.resumed_at.max(Some(recorded.at).filter(|_| !by_run));
            state.paused = None;
            state.failures.clear();
        }
        Fact::LookedAgain { pass } => {
            if !state.is_resumed || *pass <= state.passes.keys().next_back().copied().unwrap_or(0) {
                return Err(violation(&state, "looked_again", "nobody resumed, or the pass is over"));
            }
            state.is_resumed = false;
            state.leg_pass = None;
            state.settled_pass = None;
            state.pass_open = None;
            state.again_from = *pass;
            state.counts = Counts::default();
            for page in state.pages.values_mut() {
                // One that is still open has no exceptions yet, and will have them once.
                page.is_looked_at_again |= page.closed.is_some();
                state.counts.merge(&page.counts.without(&UNMOVED));
            }
        }
        Fact::Cancelled { until } => {
            if state.is_past_pivot() && is_on(Safeguard::CancelBeforePivotOnly) {
                return Err(violation(&state, "cancelled", "it is past its pivot; only forward from here"));
            }
            state.closed_at = Some(recorded.at);
            state.held_until = *until;
            state.phase = Phase::Cancelled;
        }
        Fact::Overtaken { by } => {
            if super::overtake::is_in_doubt(&state) {
                return Err(violation(&state, "overtaken", "a mint is in doubt"));
            }
            state.closed_at = Some(recorded.at);
            state.overtaken_by = Some(by.clone());
            state.phase = Phase::Overtaken;
        }
        Fact::JournalBehind(behind) => {
            state.behind.insert((behind.sink.clone(), behind.sink_head.clone()), behind.clone());
            state.mint_not_before = state.mint_not_before.max(Some(behind.until));
        }
        Fact::MintDeferred(held) => {
            state.deferred.insert(held.what.clone());
            state.mint_not_before = state.mint_not_before.max(Some(held.until));
        }
        Fact::Noted(finding) => state.noted.push(finding.clone()),
        leg_fact => apply_to_leg(&mut state, recorded, leg_fact)?,
    }
    if is_progress(fact) {
        state.failures.clear();
    }
    state.last_at = recorded.at;
    state.head = recorded.hash.clone();
    state.facts += 1;
    Ok(state)
}

/// Progress refills the budget of tries; an intent, a refusal or a doubt does not.
fn is_progress(fact: &Fact) -> bool {
    !matches!(
        fact,
        Fact::EffectFailed(_)
            | Fact::Paused(_)
            | Fact::NoticeIntended(_)
            | Fact::JournalBehind(_)
            | Fact::MintDeferred(_)
            | Fact::MintIntended(_)
            | Fact::MintRefused(_)
            | Fact::MintInDoubt(_)
            | Fact::MintSettled { .. }
            | Fact::Noted(_)
            | Fact::PassBegun { .. }
            | Fact::LookedAgain { .. }
    )
}

fn open(recorded: &Recorded, opened: super::fact::Opened) -> State {
    State {
        rid: recorded.rid.clone(),
        opened,
        opened_at: recorded.at,
        phase: Phase::Opened,
        checked: None,
        legs: Vec::new(),
        paused: None,
        pauses: 0,
        last_pause: None,
        pages: BTreeMap::new(),
        pass_open: None,
        passes: BTreeMap::new(),
        settled_pass: None,
        leg_pass: None,
        again_from: 0,
        is_resumed: false,
        resumed_after: None,
        resumed_at: None,
        is_looking_again: false,
        failures: BTreeMap::new(),
        notices: BTreeMap::new(),
        counts: Counts::default(),
        census: Census::default(),
        completed: None,
        last_at: recorded.at,
        closed_at: None,
        overtaken_by: None,
        held_until: None,
        behind: BTreeMap::new(),
        deferred: BTreeSet::new(),
        mint_not_before: None,
        noted: Vec::new(),
        facts: 1,
        head: recorded.hash.clone(),
    }
}

/// The number of the leg that runs, or one more than there are.
fn active_number(state: &State) -> u32 {
    let after_all = u32::try_from(state.legs.len()).unwrap_or(u32::MAX).saturating_add(1);
    state.active_leg().map_or(after_all, |(number, _)| number)
}

/// The facts between Checked and Accounted: each speaks of one leg.
fn apply_to_leg(state: &mut State, recorded: &Recorded, fact: &Fact) -> Result<(), Violation> {
    let number = match fact {
        Fact::MintIntended(f) => f.leg,
        Fact::Created(f) => f.leg,
        Fact::MintRefused(f) => f.leg,
        Fact::MintInDoubt(f) => f.leg,
        Fact::Sighted(f) => f.leg,
        Fact::Adopted(f) | Fact::Retargeted(f) => f.leg,
        Fact::InUse(f) => f.leg,
        Fact::Replicated(f) => f.leg,
        Fact::MintSettled { leg, .. }
        | Fact::TargetLost { leg, .. }
        | Fact::Inventoried { leg }
        | Fact::Rekeyed { leg } => *leg,
        _ => return Err(violation(state, "?", "not a fact of a leg")),
    };
    let refuse = |state: &State, name, why| Err(violation(state, name, why));
    if state.active_leg().map(|(active, _)| active) != Some(number) {
        return refuse(state, "?", "it is not this leg's turn");
    }
    let open_pages = match state.leg(number) {
        Some(leg) => state.open_pages(leg).len(),
        None => return refuse(state, "?", "no such leg"),
    };
    let is_looked_for = state.leg_pass.is_some() || !is_on(Safeguard::FreshPass);
    let is_clear = is_looked_for && (state.unmoved(number) == 0 || !is_on(Safeguard::LegGate));
    let leg = &mut state.legs[number as usize - 1];
    match fact {
        Fact::MintIntended(_) if number > 1 && !is_clear => {
            return refuse(
                state,
                "mint_intended",
                "an earlier leg's dependents were not all moved and looked for again",
            );
        }
        Fact::MintIntended(intent) if leg.phase == LegPhase::Minting && leg.target.is_none() => {
            let outcome = MintOutcome::InDoubt { invalidated: false };
            leg.attempts.push(MintAttempt {
                intent: intent.clone(),
                at: recorded.at,
                outcome,
                is_sent: false,
                is_spent: false,
            });
        }
        Fact::Created(created) => {
            let Some(attempt) = leg.attempts.last_mut() else {
                return refuse(state, "created", "no intent");
            };
            attempt.is_sent = true;
            attempt.outcome = MintOutcome::Created(created.version.clone());
        }
        Fact::MintRefused(_) | Fact::MintInDoubt(_) | Fact::MintSettled { .. } => {
            let Some(attempt) = leg.attempts.last_mut() else {
                return refuse(state, "mint outcome", "no intent");
            };
            attempt.is_spent |= matches!(fact, Fact::MintInDoubt(doubt) if doubt.invalidated);
            attempt.is_sent |= match fact {
                Fact::MintRefused(refused) => refused.code != NOT_SENT,
                Fact::MintInDoubt(_) => true,
                _ => false,
            };
            attempt.outcome = match fact {
                Fact::MintRefused(_) => MintOutcome::Refused,
                Fact::MintSettled { .. } => MintOutcome::SettledNone,
                Fact::MintInDoubt(doubt) => MintOutcome::InDoubt { invalidated: doubt.invalidated },
                _ => unreachable!("the outer arm lists these three"),
            };
        }
        Fact::Sighted(sighted) => leg.sighted.extend(sighted.versions.iter().cloned()),
        Fact::Adopted(adopted) if leg.target.is_none() => {
            leg.target = Some(adopted.clone());
            leg.target_at = Some(recorded.at);
        }
        Fact::Retargeted(adopted) if leg.target.is_some() => {
            leg.target = Some(adopted.clone());
            leg.target_at = Some(recorded.at);
        }
        Fact::TargetLost { .. } if leg.target.is_some() && leg.phase == LegPhase::Minting => {
            leg.target = None;
            leg.target_at = None;
        }
        Fact::InUse(in_use) if leg.target.is_some() && leg.phase == LegPhase::Minting => {
            leg.in_use = Some(in_use.clone());
            leg.in_use_at = Some(recorded.at);
            leg.phase = LegPhase::InUse;
        }
        Fact::Replicated(replicated) if leg.phase == LegPhase::InUse => {
            leg.replicated = Some(replicated.clone());
            leg.phase = LegPhase::Replicated;
        }
        Fact::Inventoried { .. } if leg.phase == LegPhase::Replicated => leg.phase = LegPhase::Inventoried,
        Fact::Rekeyed { .. } if leg.phase == LegPhase::Inventoried && open_pages == 0 => {
            leg.phase = LegPhase::Rekeyed;
            // What holds back the next leg is a pass after this leg's last effect.
            state.leg_pass = None;
        }
        _ => return refuse(state, "leg fact", "the leg is not where this fact could follow"),
    }
    Ok(())
}
