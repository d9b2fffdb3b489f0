//! Adding up many simulations, and saying what they were.

use std::collections::BTreeMap;
use std::fmt;

use super::{Outcome, marks};

/// Simulations that must have reached the rare states too.
const MANY: u64 = 20_000;

/// What many simulations came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Simulations.
    pub seeds: u64,
    /// Rotations that were opened.
    pub rotations: u64,
    /// Versions minted by us.
    pub minted: u64,
    /// Simulations that no fault struck.
    pub undisturbed: u64,
    struck: BTreeMap<&'static str, u64>,
    marks: BTreeMap<&'static str, u64>,
    dependents: BTreeMap<u64, u64>,
    faults: BTreeMap<u64, u64>,
    runners: BTreeMap<usize, u64>,
}

impl Tally {
    /// Adds one.
    pub fn add(&mut self, runners: usize, outcome: &Outcome) {
        self.seeds += 1;
        self.rotations += outcome.rotations;
        self.minted += outcome.minted;
        *self.runners.entry(runners).or_default() += 1;
        for (kind, count) in &outcome.struck {
            *self.struck.entry(kind).or_default() += count;
        }
        for mark in &outcome.marks {
            *self.marks.entry(mark).or_default() += 1;
        }
        for dependents in &outcome.dependents {
            *self.dependents.entry(*dependents).or_default() += 1;
        }
        let faults: u64 = outcome.struck.values().sum();
        self.undisturbed += u64::from(faults == 0);
        *self.faults.entry(faults / outcome.rotations.max(1)).or_default() += 1;
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.rotations += other.rotations;
        self.minted += other.minted;
        self.undisturbed += other.undisturbed;
        merge(&mut self.struck, &other.struck);
        merge(&mut self.marks, &other.marks);
        merge(&mut self.dependents, &other.dependents);
        merge(&mut self.faults, &other.faults);
        merge(&mut self.runners, &other.runners);
    }

    /// Faults that struck.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.struck.values().sum()
    }

    /// Marks that were never reached and should have been in so many simulations.
    #[must_use]
    pub fn unmarked(&self) -> Vec<&'static str> {
        let is_excused = |mark: &&str| self.seeds < MANY && marks::RARE.contains(mark);
        let is_missing = |mark: &&str| !self.marks.contains_key(mark) && !is_excused(mark);
        marks::ALL.iter().copied().filter(is_missing).collect()
    }

    /// The median number of dependents of a rotation that ended.
    #[must_use]
    pub fn median_dependents(&self) -> u64 {
        median(&self.dependents)
    }
}

fn merge<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, count) in from {
        *into.entry(*key).or_default() += count;
    }
}

fn median(histogram: &BTreeMap<u64, u64>) -> u64 {
    let half = histogram.values().sum::<u64>() / 2;
    let mut seen = 0;
    for (value, count) in histogram {
        seen += count;
        if seen > half {
            return *value;
        }
    }
    0
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>9}  simulations", self.seeds)?;
        writeln!(f, "{:>9}  rotations", self.rotations)?;
        writeln!(f, "{:>9}  faults that struck", self.faults())?;
        writeln!(f, "{:>9}  versions minted by us", self.minted)?;
        writeln!(f, "{:>9}  dependents per rotation (median)", self.median_dependents())?;
        writeln!(f, "{:>9}  faults per rotation (median)", median(&self.faults))?;
        writeln!(f, "{:>9}  simulations that no fault struck", self.undisturbed)?;
        for (runners, count) in &self.runners {
            writeln!(f, "{count:>9}  with {runners} runner{}", if *runners == 1 { "" } else { "s" })?;
        }
        writeln!(f, "faults by kind")?;
        for (kind, count) in &self.struck {
            writeln!(f, "{count:>9}  {kind}")?;
        }
        writeln!(f, "states reached, by simulations")?;
        for mark in marks::ALL {
            writeln!(f, "{:>9}  {mark}", self.marks.get(mark).copied().unwrap_or(0))?;
        }
        Ok(())
    }
}
