//! What comes next. Free to improve: nothing here is ever replayed.
//!
//! Looks at facts and settings only. That an intent without outcome is *in doubt*, and is settled rather
//! than sent again, is the first half of rule R7; `mint` holds the second.

use super::announced;
use super::effect::Effect;
use super::fact::{Accounted, Completed, Fact, Paused};
use super::legs::{too_old, unseen_at};
use super::mint::census;
use super::scope::{is_answered_for, left_out_findings};
use super::state::{LegPhase, Phase, State};
use crate::model::{
    Coverage, CoverageState, EvidenceScope, Finding, FindingKind, Kind, RememberedScopes, Risk, Settings, Timestamp,
    Verdict,
};
use crate::safeguard::{Safeguard, is_on};

/// What the driver shall do.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// Ask the world for something.
    Perform(Effect),
    /// Write down what follows from the facts alone.
    Record(Vec<Fact>),
    /// Nothing more to do here, or not by us.
    Rest(Rest),
    /// Find out what became of an effect whose outcome was never recorded.
    Settle(Effect),
    /// Too early.
    Wait {
        /// Until when, by the runner's clock.
        until: Timestamp,
        /// For what.
        why: String,
    },
}

/// Why a rotation rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// Given up before the pivot.
    Cancelled,
    /// The end.
    Completed,
    /// The next rotation of the lineage took over.
    Overtaken,
    /// A person must act, or said stop.
    Paused(Paused),
}

/// Decides.
#[must_use]
pub fn decide(state: &State, settings: &Settings, now: Timestamp) -> Decision {
    match state.phase {
        Phase::Completed => return Decision::Rest(Rest::Completed),
        Phase::Cancelled => return Decision::Rest(Rest::Cancelled),
        Phase::Overtaken => return Decision::Rest(Rest::Overtaken),
        Phase::Opened | Phase::Checked | Phase::Accounted => {}
    }
    if let Some(paused) = &state.paused {
        return match announced::untold_pause(state, now) {
            Some(dedupe_key) => Decision::Perform(Effect::Notify { dedupe_key }),
            None => Decision::Rest(Rest::Paused(paused.clone())),
        };
    }
    let decision = match state.phase {
        Phase::Opened if !state.passes.contains_key(&0) => Decision::Perform(Effect::Pass { pass: 0 }),
        Phase::Opened => match state.passes.iter().next_back() {
            // Somebody resumed: what could not be looked at then may be seen now.
            Some((last, pass))
                if is_owed_a_look(state) && (pass.scopes.is_some() || blind_pass(state, |_, _| true).is_some()) =>
            {
                Decision::Perform(Effect::Pass { pass: state.pass_open.unwrap_or(last + 1) })
            }
            _ => Decision::Perform(Effect::Preflight),
        },
        Phase::Checked => decide_legs(state, settings),
        _ => decide_end(state),
    };
    let held_back = match &decision {
        Decision::Perform(effect) | Decision::Settle(effect) => held_back(state, settings, now, effect),
        _ => None,
    };
    held_back.unwrap_or(decision)
}

/// Holds an effect back while its budget of tries says so; a spent budget asks for a person.
fn held_back(state: &State, settings: &Settings, now: Timestamp, effect: &Effect) -> Option<Decision> {
    let failure = state.failures.get(effect.name())?;
    if failure.attempts >= settings.budgets.attempts {
        let why = format!("{} failed {} times, last: {}", effect.name(), failure.attempts, failure.error);
        let paused = match failure.is_outage {
            true => Paused::outage(why),
            false => Paused::new(why, "look at the error, mend its cause, then resume; nothing is lost meanwhile"),
        };
        return Some(Decision::Record(vec![Fact::Paused(paused)]));
    }
    let why = || format!("trying again: {}", failure.error);
    (failure.not_before > now).then(|| Decision::Wait { until: failure.not_before, why: why() })
}

fn decide_legs(state: &State, settings: &Settings) -> Decision {
    let Some((number, leg)) = state.active_leg() else {
        return decide_accounts(state);
    };
    match leg.phase {
        LegPhase::Minting if leg.attempts.is_empty() && leg.target.is_none() && number > 1 => {
            decide_next_leg(state, number, settings)
        }
        LegPhase::Minting if leg.target.is_some() => Decision::Perform(Effect::ObserveFlip { leg: number }),
        LegPhase::Minting if leg.open_attempt().is_some() && is_on(Safeguard::Settle) => {
            Decision::Settle(Effect::SettleMint { leg: number })
        }
        LegPhase::Minting => Decision::Perform(Effect::Survey { leg: number }),
        LegPhase::InUse => Decision::Perform(Effect::ObserveReplicas { leg: number }),
        LegPhase::Replicated => Decision::Record(vec![Fact::Inventoried { leg: number }]),
        LegPhase::Inventoried => match state.open_pages(leg) {
            pages if pages.is_empty() => Decision::Record(vec![Fact::Rekeyed { leg: number }]),
            pages => Decision::Perform(Effect::RekeyPages { pages }),
        },
        LegPhase::Rekeyed => decide_accounts(state),
    }
}

/// What the legs before have moved must be all there was, by a pass after their last effect (R5).
fn decide_next_leg(state: &State, number: u32, settings: &Settings) -> Decision {
    let late = state.open_pages_before(number);
    if !late.is_empty() {
        return Decision::Perform(Effect::RekeyPages { pages: late });
    }
    // Above one that found something and never ended, too: its exceptions are to be looked at again.
    let with_pages = state.pages.values().map(|page| page.opened.pass);
    let next_pass = || with_pages.chain(state.passes.keys().copied()).max().map_or(0, |last| last + 1);
    let unmoved = state.unmoved(number);
    let unmoved = if is_on(Safeguard::LegGate) { unmoved } else { 0 };
    if unmoved > 0 && state.is_resumed {
        return Decision::Record(vec![Fact::LookedAgain { pass: next_pass() }]);
    }
    if unmoved > 0 {
        return Decision::Record(vec![Fact::Paused(Paused::new(
            format!(
                "{unmoved} dependents that forbid several versions of a key are still on it: a version minted now would leave them undefined (R5)"
            ),
            format!(
                "`keywheel status {} --dependents` names them; move or free them, then resume: they are looked at again",
                state.rid
            ),
        ))]);
    }
    if state.leg_pass.is_none() && is_on(Safeguard::FreshPass) {
        return Decision::Perform(Effect::Pass { pass: state.pass_open.unwrap_or_else(next_pass) });
    }
    let stays = |kind: &Kind| state.leg(number).is_some_and(|leg| leg.plan.kinds.contains(kind));
    let is_seen = |kind: &Kind| state.pages.values().any(|page| page.opened.kind == *kind);
    let matters = |hole: &Coverage, kind: &Kind| match hole.state {
        // Of what was left out only what forbids versions may not be left behind.
        CoverageState::LeftOut => {
            let forbids = state.legs.iter().any(|leg| leg.plan.forbids.contains(kind));
            forbids && !is_answered_for(hole, settings, is_seen)
        }
        _ => !stays(kind),
    };
    match blind_pass(state, matters) {
        _ if settings.policy.accept_risks.contains(&Risk::UnseenBlockStorage) => {}
        _ if !is_on(Safeguard::UnseenParts) => {}
        None if forbids_anything(state) => {
            let last = state.passes.iter().next_back();
            match last.and_then(|(number, pass)| Some((number, too_old(pass, settings)?))) {
                None => {}
                Some((number, _)) if is_owed_a_look(state) => {
                    return Decision::Perform(Effect::Pass { pass: state.pass_open.unwrap_or(number + 1) });
                }
                Some((_, paused)) => return Decision::Record(vec![Fact::Paused(paused)]),
            }
        }
        None => {}
        Some((next, _)) if is_owed_a_look(state) => return Decision::Perform(Effect::Pass { pass: next }),
        Some((_, hole)) => return Decision::Record(vec![Fact::Paused(unseen_at(hole, settings))]),
    }
    Decision::Perform(Effect::Survey { leg: number })
}

fn forbids_anything(state: &State) -> bool {
    state.legs.iter().any(|leg| !leg.plan.forbids.is_empty())
}

/// A hole that the last pass left where such a kind may be, and the number of the next pass.
fn blind_pass(state: &State, matters: impl Fn(&Coverage, &Kind) -> bool) -> Option<(u32, &Coverage)> {
    let (last, ended) = state.passes.iter().next_back()?;
    let is_blind = |hole: &&Coverage| {
        hole.state != CoverageState::Unsupported
            && ended.may_hold(&hole.region)
            && hole.kind.as_ref().is_some_and(|kind| matters(hole, kind))
    };
    Some((state.pass_open.unwrap_or(last + 1), ended.holes.iter().find(is_blind)?))
}

/// Whether somebody resumed and no pass has ended since.
fn is_owed_a_look(state: &State) -> bool {
    state.resumed_after.is_some() && state.resumed_after.as_ref() == state.passes.keys().next_back()
}

/// All legs are done: late arrivals, then a fresh pass that finds nothing new, then the books.
fn decide_accounts(state: &State) -> Decision {
    let open: Vec<u32> =
        state.pages.iter().filter(|(_, page)| page.closed.is_none()).map(|(number, _)| *number).collect();
    if !open.is_empty() {
        return Decision::Perform(Effect::RekeyPages { pages: open });
    }
    if state.settled_pass.is_none() && is_on(Safeguard::FreshPass) {
        let pass = state.pass_open.unwrap_or_else(|| state.passes.keys().next_back().map_or(0, |last| last + 1));
        return Decision::Perform(Effect::Pass { pass });
    }
    Decision::Record(vec![Fact::Accounted(Accounted { counts: state.counts.clone(), census: census(state) })])
}

/// The books are closed: tell people, then end.
fn decide_end(state: &State) -> Decision {
    let dedupe_key = announced::end_key(state);
    let mut of_this_end = state.notices.iter().filter(|((key, _), _)| *key == dedupe_key).peekable();
    let is_told = of_this_end.peek().is_some() && of_this_end.all(|(_, notice)| notice.settled);
    if !is_told {
        return Decision::Perform(Effect::Notify { dedupe_key });
    }
    let findings = closing_findings(state);
    let verdict = if findings.is_empty() { Verdict::Clean } else { Verdict::WithExceptions };
    Decision::Record(vec![Fact::Completed(Completed { verdict, findings })])
}

/// Each exception and each hole of the last pass is an open finding (design §6, Completed).
#[must_use]
pub(super) fn closing_findings(state: &State) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, tally) in &state.counts.0 {
        for word in ["blocked", "manual", "partial"] {
            if let Some(count) = tally.outcomes.get(word).filter(|count| **count > 0) {
                findings.push(Finding {
                    kind: FindingKind::DependentNotMoved,
                    subject: format!("{kind}"),
                    text: format!("{count} ended {word}; `keywheel status {} --dependents` names them", state.rid),
                });
            }
        }
    }
    for (kind, tally) in &state.counts.0 {
        let unknown: u64 = tally.scopes.values().filter_map(|scopes| scopes.get(&EvidenceScope::Unknown)).sum();
        if unknown > 0 {
            findings.push(Finding {
                kind: FindingKind::RiskAccepted,
                subject: kind.word().to_owned(),
                text: format!(
                    "{unknown} were moved by a step whose effect Oracle does not document (same_key_volumes)"
                ),
            });
        }
    }
    if let Some(last) = state.passes.values().next_back() {
        findings.extend(left_out_findings(&last.holes));
        let holes = last.holes.iter().filter(|hole| hole.state != CoverageState::LeftOut);
        findings.extend(holes.map(|hole| Finding {
            kind: FindingKind::CoverageHole,
            subject: hole.compartment.as_ref().map_or_else(|| hole.region.to_string(), ToString::to_string),
            text: format!("{:?} in {}: what is there is not known", hole.state, hole.region),
        }));
        // One compartment has a hole for each kind, and one finding.
        findings.sort();
        findings.dedup();
        findings.extend(last.scopes.iter().map(RememberedScopes::finding));
        // A place may be listed while one thing in it cannot be read: whose key it is under is not known either.
        let is_blind = |finding: &&Finding| finding.kind == FindingKind::CoverageHole;
        findings.extend(last.findings.iter().filter(is_blind).cloned());
    }
    // One per leg is what is meant: a successor, and a version.
    for census in state.legs.iter().filter_map(|leg| leg.in_use.as_ref()).map(|in_use| &in_use.census) {
        let made = census.ours + census.presumed;
        if made > 1 {
            findings.push(Finding {
                kind: FindingKind::Duplicate,
                subject: state.opened.name.key.to_string(),
                text: format!("{made} versions seem to be ours; the newest is kept, none is ever removed"),
            });
        }
    }
    findings
}
