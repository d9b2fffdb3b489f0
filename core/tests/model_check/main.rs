//! The mint leg, checked exhaustively with stateright: two runners, crashes between any two steps, requests and
//! answers that are lost or late, lists that lag, a stranger who mints.
//!
//! Every step of a runner calls the real `decide`, `conclude_*` and `apply`; only cloud, network, journal and time
//! (in coarse ticks) are modelled, in `tenancy.rs`. Nothing here may know what the right decision is. Each
//! assumption of R7 is then taken away alone and beside A1; what is expected is written in the table below.
//!
//! `KEYWHEEL_MODEL=full` (`make model`) explores the wider bound.
#![allow(clippy::disallowed_methods, reason = "the wider bound is asked for through the environment")]

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
        // refusal, never a version. A5 is an assumption of liveness.
        ("A1 and A5 off", Holds { token: false, clock: false, ..all }, AtMostOne),
        ("A1 and A6 off", Holds { token: false, refusal: false, ..all }, ASecondOne),
        ("A1 and A7 off", Holds { token: false, one_shot: false, ..all }, ASecondOne),
        ("A1 off and no quiet period", Holds { token: false, quiet: false, ..all }, ASecondOne),
    ]
}

#[test]
fn at_most_one_version_is_ours_as_long_as_the_token_or_everything_else_holds() {
    let is_full = std::env::var("KEYWHEEL_MODEL").is_ok_and(|bound| bound == "full");
    let mut wrong = Vec::new();
    let mut states = 0;
    for (name, holds, expected) in table() {
        let bounds = if is_full { Bounds::full(holds) } else { Bounds::small(holds) };
        let until = if expected == ASecondOne { HasDiscoveries::AnyFailures } else { HasDiscoveries::All };
        let checker = Tenancy::new(holds, bounds).checker().threads(2).timeout(LIMIT).finish_when(until);
        let began = std::time::Instant::now();
        let checker = checker.spawn_bfs().join();
        let is_whole = began.elapsed() < LIMIT;
        states += checker.unique_state_count();
        let counterexample = checker.discovery(AT_MOST_ONE);
        let found = if counterexample.is_some() { ASecondOne } else { AtMostOne };
        let how = match (&counterexample, is_whole) {
            (Some(_), _) => "found",
            (None, true) => "exhausted",
            (None, false) => "out of time",
        };
        println!("{:>9} states, {how:11}  {found:?}  {name}", checker.unique_state_count());
        if let Some(path) = counterexample.filter(|_| expected == AtMostOne) {
            wrong.push(format!("{name}: {:#?}", path.into_actions()));
        } else if found != expected {
            wrong.push(format!("{name}: no second version was found; the model cannot see one"));
        }
        if expected == AtMostOne && checker.discovery(COMPLETES).is_none() {
            wrong.push(format!("{name}: no run completes its mint"));
        }
        for always in [tenancy::FACTS_FOLLOW, tenancy::AUTHORSHIP] {
            if let Some(path) = checker.discovery(always) {
                wrong.push(format!("{name}: not always {always}: {:#?}", path.into_actions()));
            }
        }
    }
    println!("{states} states in all");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
