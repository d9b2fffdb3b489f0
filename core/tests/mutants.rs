//! The harness bites: each safeguard is taken away in turn, and the simulator's rules must notice.
//!
//! Only in a build with `--cfg keywheel_mutants` (`make mutants`). No mutant is named here: all of them are run
//! over the ordinary seeds and judged by the ordinary rules.
#![allow(
    clippy::disallowed_methods,
    reason = "the lane is asked through the environment to be quick or to rewrite its table, and uses every core"
)]
#![cfg(keywheel_mutants)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywheel::safeguard::{ALL, MARKER, Safeguard, remove};
use keywheel::testkit::sim::{Scenario, run};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The seeds that `cargo test` runs, and as many again: some safeguards are needed once in a hundred seeds.
const SEEDS: u64 = 600;

#[derive(Debug)]
struct Killed {
    safeguard: Safeguard,
    seeds: u64,
    rules: BTreeMap<&'static str, u64>,
}

/// Whether the first seed that notices is enough: for a machine that only wants to know that somebody does.
fn is_quick() -> bool {
    std::env::var("MUTANTS").is_ok_and(|how| how == "quick")
}

fn hunt(safeguard: Safeguard) -> Killed {
    remove(Some(safeguard));
    let mut killed = Killed { safeguard, seeds: 0, rules: BTreeMap::new() };
    for seed in 0..SEEDS {
        // A mutant that makes the engine panic is noticed too.
        let outcome = std::panic::catch_unwind(|| run(&Scenario::of(seed)));
        let rules = outcome.map_or_else(|_| BTreeMap::from([("panicked", 1)]), |outcome| outcome.by_rule());
        killed.seeds += u64::from(!rules.is_empty());
        let is_noticed = killed.seeds > 0;
        for rule in rules.into_keys() {
            *killed.rules.entry(rule).or_default() += 1;
        }
        if is_noticed && is_quick() {
            break;
        }
    }
    remove(None);
    killed
}

fn table(all: &[Killed]) -> String {
    let mut text = String::from(
        "# Mutants: who notices when a safeguard is missing\n\n\
         Written by `KEYWHEEL_HEAL=1 make mutants`: one build with `--cfg keywheel_mutants`, in which each safeguard of the\n\
         protocol can be taken away; the ordinary seeds of the simulator and the auditor's ordinary rules. Nothing in the\n\
         tests names a mutant. A mutant that no rule notices fails the lane.\n\n",
    );
    let _ = writeln!(text, "| without | noticed in seeds (of {SEEDS}) | by these rules (seeds) |\n|---|---|---|");
    for killed in all {
        let rules: Vec<_> = killed.rules.iter().map(|(rule, seeds)| format!("{rule} ({seeds})")).collect();
        let _ = writeln!(text, "| {:?} | {} | {} |", killed.safeguard, killed.seeds, rules.join("; "));
    }
    text
}

#[test]
fn each_missing_safeguard_is_noticed() {
    assert!(!MARKER.is_empty());
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(safeguard) = ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let killed = hunt(*safeguard);
                    println!("{killed:?}");
                    done.lock().expect("no thread panicked").push(killed);
                }
            });
        }
    });
    let mut all = done.into_inner().expect("no thread panicked");
    all.sort_by_key(|killed| format!("{:?}", killed.safeguard));
    let text = table(&all);
    println!("{text}");
    if std::env::var_os("KEYWHEEL_HEAL").is_some() && !is_quick() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/mutants.md");
        std::fs::write(path, &text).expect("the table can be written");
    }
    let survivors: Vec<_> = all.iter().filter(|killed| killed.seeds == 0).map(|killed| killed.safeguard).collect();
    assert_eq!(survivors, [], "nobody noticed that these were missing");
}
