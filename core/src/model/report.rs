//! What a finished or unfinished rotation looks like to a reader: counts first, then names.
//!
//! Derived from facts, never stored in their place.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Attribution, AuditCopy, Coverage, Dependent, EnrolledFrom, EvidenceScope, ExceptionReport, Finding, Grade, KeyId,
    KeyVersionId, Kind, KindReport, LookedAt, Outcome, Region, RememberedScopes, RotationId, Timestamp, TypesFrom,
};

/// How a completed rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every dependent that could be seen is on the new material and nothing was left out.
    Clean,
    /// Something is manual, blocked, partial, or could not be looked at: each is a finding with an owner.
    WithExceptions,
}

/// Versions seen outside the baseline of our first intent (protocol.md, authorship).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Census {
    /// Certainly ours: our 2xx or request id says so. 0 or 1, or we report a duplicate.
    pub ours: u32,
    /// Presumed ours: found after an answer was lost, nobody else known to mint.
    pub presumed: u32,
    /// Made by somebody else: auto-rotation, a database, a person.
    pub others: u32,
}

/// Outcomes and grades of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Outcome word → how many.
    pub outcomes: BTreeMap<String, u64>,
    /// Grade → how many, of those with evidence.
    pub grades: BTreeMap<Grade, u64>,
    /// Grade → what it speaks of → how many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scopes: BTreeMap<Grade, BTreeMap<EvidenceScope, u64>>,
}

impl Tally {
    /// Counts one outcome.
    pub fn add(&mut self, outcome: &Outcome) {
        *self.outcomes.entry(outcome.word().to_owned()).or_default() += 1;
        if let Some(evidence) = outcome.evidence() {
            *self.grades.entry(evidence.grade).or_default() += 1;
            *self.scopes.entry(evidence.grade).or_default().entry(evidence.scope).or_default() += 1;
        }
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Self) {
        for (word, count) in &other.outcomes {
            *self.outcomes.entry(word.clone()).or_default() += count;
        }
        for (grade, count) in &other.grades {
            *self.grades.entry(*grade).or_default() += count;
        }
        for (grade, scopes) in &other.scopes {
            for (scope, count) in scopes {
                *self.scopes.entry(*grade).or_default().entry(*scope).or_default() += count;
            }
        }
    }

    /// All dependents counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

/// Tallies by kind of resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Counts(pub BTreeMap<Kind, Tally>);

impl Counts {
    /// Counts one outcome of a kind.
    pub fn add(&mut self, kind: &Kind, outcome: &Outcome) {
        self.0.entry(kind.clone()).or_default().add(outcome);
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (kind, tally) in &other.0 {
            self.0.entry(kind.clone()).or_default().merge(tally);
        }
    }

    /// The same without those that ended with one of these words.
    #[must_use]
    pub fn without(&self, words: &[&str]) -> Self {
        let mut left = self.clone();
        for tally in left.0.values_mut() {
            tally.outcomes.retain(|word, _| !words.contains(&word.as_str()));
        }
        left
    }

    /// All dependents counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().map(Tally::total).sum()
    }

    /// How many ended with this outcome's word, over all kinds.
    #[must_use]
    pub fn with(&self, word: &str) -> u64 {
        self.0.values().filter_map(|tally| tally.outcomes.get(word)).sum()
    }
}

/// One dependent in a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DependentReport {
    /// Which.
    pub dependent: Dependent,
    /// What became of it; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// It was not under the key: it carries the tag, and policy enrolled it from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_from: Option<EnrolledFrom>,
}

/// One row of `list` and `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RotationSummary {
    /// Which rotation.
    pub rotation: RotationId,
    /// Of which key.
    pub key: KeyId,
    /// The version it supersedes; of a sweep, the newest earlier one that data may have hung on.
    pub superseded: KeyVersionId,
    /// It moves data to the current version and mints nothing.
    #[serde(default)]
    pub is_sweep: bool,
    /// The rotation that took over, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overtaken_by: Option<RotationId>,
    /// The version everything moves to, once that is settled.
    pub target: Option<KeyVersionId>,
    /// Where it stands, in the words of design §6.
    pub phase: String,
    /// Why it rests, and the next safe action, if it does.
    pub paused: Option<String>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// Dependents in its inventory so far.
    pub dependents: u64,
    /// What became of them so far.
    pub counts: Counts,
}

/// What a rotation did, as far as it was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Where it stands.
    pub summary: RotationSummary,
    /// How it ended; `None` while it is open.
    pub verdict: Option<Verdict>,
    /// Versions made while it ran.
    pub census: Census,
    /// Its dependents kind by kind, leg by leg.
    #[serde(default)]
    pub kinds: Vec<KindReport>,
    /// Dependents without a good end, by name, with what to do.
    #[serde(default)]
    pub exceptions: Vec<ExceptionReport>,
    /// How many more of them there are than are named.
    #[serde(default)]
    pub exceptions_unnamed: u64,
    /// What could not be looked at in the last pass, by name.
    pub coverage: Vec<Coverage>,
    /// Who made the versions that came while it ran, as far as Oracle's audit log shows it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributions: Vec<Attribution>,
    /// Copies of the trail in audit sinks, and what keeps them, as far as it was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit_copies: Vec<AuditCopy>,
    /// All that the last pass looked at, by region and kind, counted.
    #[serde(default)]
    pub looked_at: Vec<LookedAt>,
    /// The only regions where something can be under the key; elsewhere copies and the tag are looked for. Empty: anywhere.
    #[serde(default)]
    pub key_regions: Vec<Region>,
    /// Identity did not answer the last pass: regions and compartments are those of an earlier look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RememberedScopes>,
    /// Rules not met.
    pub findings: Vec<Finding>,
    /// SHA-256 of the last fact of the rotation's own stream, hex.
    pub chain_head: String,
    /// A rehearsal on loopback endpoints: proves nothing about a tenancy.
    pub is_test: bool,
}

impl Report {
    /// A line for each region: how many places were listed, and how many could not be, and why.
    fn write_coverage(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut regions: BTreeMap<&Region, [u64; 4]> = BTreeMap::new();
        for row in &self.looked_at {
            let counts = regions.entry(&row.region).or_default();
            let parts = [row.listed, row.denied, row.unreachable, row.left_out + row.unsupported];
            counts.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u64::from(part));
        }
        if let Some(scopes) = &self.scopes {
            writeln!(
                f,
                "  remembered  regions and compartments are those seen at {}, {} s before",
                scopes.seen_at, scopes.age_s
            )?;
        }
        for row in self.looked_at.iter().filter(|row| row.not_searchable) {
            let kind = row.kind.as_ref().map(ToString::to_string).unwrap_or_default();
            writeln!(
                f,
                "  not searched {}: Search does not list the type of a {kind}; only lists show it",
                row.region
            )?;
        }
        if self.looked_at.iter().any(|row| row.types == Some(TypesFrom::Documented)) {
            writeln!(f, "  searched by documented names of types: the service did not show its own")?;
        }
        for (region, [listed, denied, unreachable, others]) in regions {
            let is_elsewhere = !self.key_regions.is_empty() && !self.key_regions.contains(region);
            let what = if is_elsewhere { " (for copies and tags only: the key is not in this region)" } else { "" };
            write!(f, "  looked at   {region}{what}: {listed} places listed")?;
            for (count, word) in [(denied, "denied"), (unreachable, "unreachable"), (others, "left out or unsupported")]
            {
                if count > 0 {
                    write!(f, ", {count} {word}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.verdict {
            Some(Verdict::Clean) => "completed, clean",
            Some(Verdict::WithExceptions) => "completed with exceptions",
            None => &self.summary.phase,
        };
        writeln!(f, "rotation {} {state}", self.summary.rotation)?;
        writeln!(f, "  key         {}", self.summary.key)?;
        let earlier = if self.summary.is_sweep { "swept from" } else { "superseded" };
        writeln!(f, "  {earlier:<10}  {}", self.summary.superseded)?;
        if let Some(target) = &self.summary.target {
            writeln!(f, "  target      {target}")?;
        }
        for kind in &self.kinds {
            writeln!(f, "  {kind}")?;
        }
        self.write_coverage(f)?;
        for exception in &self.exceptions {
            writeln!(f, "  exception   {exception}")?;
        }
        if self.exceptions_unnamed > 0 {
            writeln!(f, "  exception   and {} more", self.exceptions_unnamed)?;
        }
        for attribution in &self.attributions {
            writeln!(f, "  audit log   {attribution}")?;
        }
        for copy in &self.audit_copies {
            writeln!(f, "  audit copy  {copy}")?;
        }
        for finding in &self.findings {
            writeln!(f, "  finding     {}: {}", finding.subject, finding.text)?;
        }
        write!(f, "  chain head  {}", self.chain_head)
    }
}
