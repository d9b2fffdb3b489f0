//! The simulator: the real engine against World in virtual time, with everything going wrong that can.
//!
//! All of it follows from one seed: same seed, same trace. What it judges by is the auditor's alone; the engine
//! that is driven here is the one that ships.

mod auditor;
mod clock;
mod dice;
mod fate;
pub mod marks;
mod mixed;
mod oke;
mod runner;
mod scenario;
mod schedule;
mod stage;
mod tally;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use auditor::Violation;
pub use scenario::{Broken, Event, Fault, Oke, Scenario, What};
pub use tally::Tally;

use crate::rotation::Fact;
use schedule::{Stuck, Task};
use stage::Stage;

/// How long after everything was mended a rotation must have ended.
const PATIENCE: Duration = Duration::from_secs(12 * 3600);

/// Polls after which somebody spins; a simulation needs some thousands.
const POLLS_MAX: u64 = 400_000;

/// What one simulation came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Rules that did not hold.
    pub violations: Vec<Violation>,
    /// Rotations that were opened.
    pub rotations: u64,
    /// Dependents in the inventory of each rotation that ended.
    pub dependents: Vec<u64>,
    /// Faults that struck, by kind.
    pub struck: BTreeMap<&'static str, u64>,
    /// Coverage marks that were reached.
    pub marks: BTreeSet<&'static str>,
    /// Versions minted by us.
    pub minted: u64,
}

impl Outcome {
    /// Violations by rule.
    #[must_use]
    pub fn by_rule(&self) -> BTreeMap<&'static str, u64> {
        auditor::by_rule(&self.violations)
    }
}

/// Runs a scenario and judges it.
#[must_use]
pub fn run(scenario: &Scenario) -> Outcome {
    let (stage, ended) = play(scenario);
    let ended = ended.map_err(|stuck| format!("{stuck:?} at {}", stage.clock.now()));
    let log = stage.world.take_log();
    let (violations, books) = auditor::audit(&stage, &log, ended);
    let marks = marks::of(&books, &log);
    let dependents = books.main.values().filter_map(|lines| {
        let is_completed = lines.iter().any(|line| matches!(line.fact, Fact::Completed(_)));
        let opened = lines.iter().filter_map(|line| match &line.fact {
            Fact::PageOpened(opened) => Some(u64::from(opened.dependents)),
            _ => None,
        });
        is_completed.then(|| opened.sum())
    });
    Outcome {
        violations,
        rotations: books.main.len() as u64,
        dependents: dependents.collect(),
        struck: stage.struck.take(),
        marks,
        minted: stage.world.minted_by_us(&stage.key) as u64,
    }
}

/// The SHA-256 of everything that happened: World's log and the journal's bytes.
#[must_use]
pub fn trace(scenario: &Scenario) -> String {
    let (stage, _) = play(scenario);
    let mut hasher = Sha256::new();
    stage.world.with_log(|log| log.iter().for_each(|entry| hasher.update(format!("{entry:?}\n"))));
    for (mark, line) in stage.journal.tape() {
        hasher.update(mark.to_be_bytes());
        hasher.update(&line.text);
    }
    data_encoding::HEXLOWER.encode(&hasher.finalize())
}

/// Everything that happened, in order, for a person: each request World saw and each line of the journal.
#[must_use]
pub fn story(scenario: &Scenario) -> String {
    let (stage, _) = play(scenario);
    let mut lines = stage.journal.tape().into_iter().peekable();
    let mut text = String::new();
    let mut until = |text: &mut String, mark: u64| {
        while let Some((_, line)) = lines.next_if(|(at, _)| *at <= mark) {
            text.push_str(&format!("           {} {}\n", line.stream, line.text));
        }
    };
    stage.world.with_log(|log| {
        for (number, entry) in (1..).zip(log) {
            text.push_str(&format!("{number:>8}  {entry:?}\n"));
            until(&mut text, number);
        }
    });
    until(&mut text, u64::MAX);
    text
}

/// Takes faults away one by one while it still fails by the same rule.
#[must_use]
pub fn minimise(scenario: &Scenario) -> Scenario {
    let rules = |scenario: &Scenario| run(scenario).by_rule();
    let Some(rule) = rules(scenario).into_keys().next() else { return scenario.clone() };
    let fails = |candidate: &Scenario| rules(candidate).contains_key(rule);
    let mut small = scenario.clone();
    let mut index = 0;
    while index < small.faults.len() {
        let mut candidate = small.clone();
        candidate.faults.remove(index);
        if fails(&candidate) { small = candidate } else { index += 1 }
    }
    small
}

fn play(scenario: &Scenario) -> (Rc<Stage>, Result<(), Stuck>) {
    let stage = Stage::new(scenario);
    fate::plan(&stage);
    let dice = stage.dice(2);
    let mut tasks: Vec<Task<'_>> = vec![Box::pin(fate::run(Rc::clone(&stage)))];
    if scenario.oke.is_meddled {
        tasks.push(Box::pin(oke::meddle_in_between(&stage)));
    }
    for number in 0..scenario.runners {
        let late = if scenario.is_herd { 20 } else { 900 };
        let start = if number == 0 { Duration::ZERO } else { dice.secs(0, late) };
        let role = runner::Role { number, start, is_duplicate: false };
        tasks.push(Box::pin(runner::live(Rc::clone(&stage), role)));
    }
    let duplicates = scenario.faults.iter().filter_map(|fault| match fault {
        Fault::DuplicateTrigger(after) => Some(*after),
        _ => None,
    });
    for (number, start) in (scenario.runners..).zip(duplicates) {
        stage.strike("duplicate trigger");
        let role = runner::Role { number, start, is_duplicate: true };
        tasks.push(Box::pin(runner::live(Rc::clone(&stage), role)));
    }
    let until = stage.heals_at + PATIENCE;
    let ended = schedule::run(&stage.clock, tasks, &dice, until, POLLS_MAX);
    (stage, ended)
}
