//! The mint leg, checked exhaustively with stateright: two runners, crashes between any two steps, requests and
//! answers that are lost or late, lists that lag, a stranger who mints.
//!
//! Every step of a runner calls the real `decide`, `conclude_*` and `apply`; only cloud, network, journal and time
//! (in coarse ticks) are modelled, in `tenancy.rs`. Nothing here may know what the right decision is. Each
//! assumption of R7 is then taken away alone and beside A1; what is expected is written in the table below.
//!
//! `cargo test` explores the rows that take seconds, `KEYWHEEL_MODEL=full` (`make model`) all of them, and
//! `KEYWHEEL_MODEL=wide` goes on to a wider bound until its time is up.
#![allow(clippy::disallowed_methods, reason = "the wider bound is asked for through the environment")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod cloud;
mod runner;
mod tenancy;

use std::time::Duration;

use stateright::{Checker, HasDiscoveries, Model};
use tenancy::{AT_MOST_ONE, Bounds, COMPLETES, Holds, Tenancy};

/// What an assumption's absence does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// At most one version by us, in every state.
    AtMostOne,
    /// A second one can be made, and the checker finds how.
    ASecondOne,
}

use Expected::{ASecondOne, AtMostOne};

/// The longest that one row may take; a row that takes longer says so, and is no failure.
const LIMIT: Duration = Duration::from_secs(40);

fn table() -> Vec<(&'static str, Holds, Expected)> {
    let all = Holds::all();
    vec![
        ("every assumption holds", all, AtMostOne),
        ("A1 off: tokens are ignored, the fence holds", Holds { token: false, ..all }, AtMostOne),
        ("A2 off: lists lag for long, the token holds", Holds { list: false, ..all }, AtMostOne),
        ("A3 off: stale requests act, the token holds", Holds { fence: false, ..all }, AtMostOne),
        ("A4 off: appends compare nothing, the token holds", Holds { append: false, ..all }, AtMostOne),
        ("A5 off: a runner's clock is off, the token holds", Holds { clock: false, ..all }, AtMostOne),
        ("A6 off: a refusal had acted, the token holds", Holds { refusal: false, ..all }, AtMostOne),
        ("A7 off: a request is sent twice, the token holds", Holds { one_shot: false, ..all }, AtMostOne),
        ("A2 and A3 off, the token holds", Holds { list: false, fence: false, ..all }, AtMostOne),
        ("A1 and A2 off", Holds { token: false, list: false, ..all }, ASecondOne),
        ("A1 and A3 off", Holds { token: false, fence: false, ..all }, ASecondOne),
        ("A1 and A4 off", Holds { token: false, append: false, ..all }, ASecondOne),
        // The quiet period counts from the journaled date by the server's own clock: a wrong estimate costs a
        // refusal, never a version.
        ("A1 and A5 off", Holds { token: false, clock: false, ..all }, AtMostOne),
        ("A1 and A6 off", Holds { token: false, refusal: false, ..all }, ASecondOne),
        ("A1 and A7 off", Holds { token: false, one_shot: false, ..all }, ASecondOne),
        ("A1 off and no quiet period", Holds { token: false, quiet: false, ..all }, ASecondOne),
        ("fast: every assumption holds", Holds { fast: true, ..all }, AtMostOne),
        ("fast: A3 off, the token holds", Holds { fast: true, fence: false, ..all }, AtMostOne),
        ("fast: A1 off", Holds { fast: true, token: false, ..all }, ASecondOne),
        ("A1 off and late answers written down unlooked", Holds { token: false, dated: false, ..all }, ASecondOne),
    ]
}

/// Rows that take longest: not in `cargo test`.
fn is_long(holds: Holds) -> bool {
    holds.token && !(holds.fence && holds.refusal && holds.one_shot && holds.list && holds.append) || !holds.clock
}

/// What one exploration came to.
struct Explored {
    states: usize,
    complaints: Vec<String>,
}

fn explore(name: &str, holds: Holds, expected: Expected, bounds: Bounds) -> Explored {
    let until = if expected == ASecondOne { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
    let began = std::time::Instant::now();
    let checker = Tenancy::new(holds, bounds).checker().threads(2).timeout(LIMIT).finish_when(until).spawn_bfs().join();
    let counterexample = checker.discovery(AT_MOST_ONE);
    let (found, how) = match &counterexample {
        Some(_) => (ASecondOne, "found"),
        None if began.elapsed() < LIMIT => (AtMostOne, "exhausted"),
        None => (AtMostOne, "out of time"),
    };
    let states = checker.unique_state_count();
    println!("{states:>9} states, {how:11} {found:?}: {name}");
    let mut complaints = Vec::new();
    match counterexample {
        Some(path) if expected == AtMostOne => complaints.push(format!("{name}: {:#?}", path.into_actions())),
        None if expected == ASecondOne => complaints.push(format!("{name}: no second version, the model is blind")),
        _ => {}
    }
    if expected == AtMostOne && checker.discovery(COMPLETES).is_none() {
        complaints.push(format!("{name}: no run completes its mint"));
    }
    for always in [tenancy::FACTS_FOLLOW, tenancy::AUTHORSHIP] {
        if let Some(path) = checker.discovery(always) {
            complaints.push(format!("{name}: not always {always}: {:#?}", path.into_actions()));
        }
    }
    Explored { states, complaints }
}

/// The most memory this process has had, where Linux tells.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok()).map_or(0, |kb| kb / 1024)
}

#[test]
fn at_most_one_version_is_ours_as_long_as_the_token_or_everything_else_holds() {
    let bound = std::env::var("KEYWHEEL_MODEL").unwrap_or_default();
    assert!(["", "full", "wide"].contains(&bound.as_str()), "KEYWHEEL_MODEL is full or wide, not {bound}");
    let (is_full, is_wide) = (!bound.is_empty(), bound == "wide");
    let began = std::time::Instant::now();
    let mut explored: Vec<Explored> = table()
        .into_iter()
        .filter(|(_, holds, _)| is_full || !is_long(*holds))
        .map(|(name, holds, expected)| explore(name, holds, expected, Bounds::small(holds)))
        .collect();
    if is_wide {
        let all = Holds::all();
        for (name, holds) in [
            ("wide: every assumption holds", all),
            ("wide: A1 off", Holds { token: false, ..all }),
            ("wide: A3 off", Holds { fence: false, ..all }),
        ] {
            explored.push(explore(name, holds, AtMostOne, Bounds::wide()));
        }
    }
    let states: usize = explored.iter().map(|explored| explored.states).sum();
    println!("{states} states in all, {:.0} seconds, {} MB at most", began.elapsed().as_secs_f64(), peak_mb());
    let complaints: Vec<String> = explored.into_iter().flat_map(|explored| explored.complaints).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
