//! A report kind by kind: how many were found, what became of them, how well that is shown; exceptions by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Dependent, EvidenceScope, Grade, Kind, Outcome, Strategy, Tally};

/// A grade, and what it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shown {
    /// How strong.
    pub grade: Grade,
    /// About what; `None`: the journal is older than this was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<EvidenceScope>,
}

/// The dependents of one kind, and so of one leg.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindReport {
    /// Which kind.
    pub kind: Kind,
    /// The leg that it belongs to, from 1; `None` before there are legs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<u32>,
    /// How that leg makes new material.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Dependents found; one that was called gone and came back is found twice.
    pub found: u64,
    /// Without an outcome yet.
    pub open: u64,
    /// Moved by us.
    pub rekeyed: u64,
    /// On the new material before we acted.
    pub already: u64,
    /// No longer there.
    pub gone: u64,
    /// Left alone by policy.
    pub excluded: u64,
    /// For a person.
    pub manual: u64,
    /// Could not be moved.
    pub blocked: u64,
    /// Moved in part.
    pub partial: u64,
    /// The strongest evidence of any of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best: Option<Shown>,
    /// The weakest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Shown>,
}

impl KindReport {
    /// A kind of which so many were found and counted so.
    #[must_use]
    pub fn new(kind: &Kind, leg: Option<(u32, Strategy)>, found: u64, tally: &Tally) -> Self {
        let count = |word: &str| tally.outcomes.get(word).copied().unwrap_or_default();
        Self {
            kind: kind.clone(),
            leg: leg.map(|(number, _)| number),
            strategy: leg.map(|(_, strategy)| strategy),
            found,
            open: found.saturating_sub(tally.total()),
            rekeyed: count("rekeyed"),
            already: count("already"),
            gone: count("gone"),
            excluded: count("excluded"),
            manual: count("manual"),
            blocked: count("blocked"),
            partial: count("partial"),
            best: shown(tally, Better::Strong),
            worst: shown(tally, Better::Weak),
        }
    }
}

/// Which end of a tally's evidence.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Strong,
    Weak,
}

fn shown(tally: &Tally, end: Better) -> Option<Shown> {
    // Grades rise, scopes fall: `AllData` comes first.
    let mut grades = tally.grades.keys();
    let grade = *if end == Better::Strong { grades.next_back() } else { grades.next() }?;
    let scopes = tally.scopes.get(&grade);
    let scope = scopes.and_then(|scopes| match end {
        Better::Strong => scopes.keys().next(),
        Better::Weak => scopes.keys().next_back(),
    });
    Some(Shown { grade, scope: scope.copied() })
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.grade.word())?;
        self.scope.map_or(Ok(()), |scope| write!(f, " of {}", scope.words()))
    }
}

impl fmt::Display for KindReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<11} ", self.kind)?;
        if let Some(leg) = self.leg {
            write!(f, "leg {leg}: ")?;
        }
        write!(f, "{} found", self.found)?;
        let counts = [
            ("rekeyed", self.rekeyed),
            ("already", self.already),
            ("gone", self.gone),
            ("excluded", self.excluded),
            ("manual", self.manual),
            ("blocked", self.blocked),
            ("partial", self.partial),
            ("open", self.open),
        ];
        for (word, count) in counts.iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {count} {word}")?;
        }
        match (self.worst, self.best) {
            (Some(worst), Some(best)) if worst != best => write!(f, " (evidence: {worst}, at best {best})"),
            (Some(worst), _) => write!(f, " (evidence: {worst})"),
            (None, _) => Ok(()),
        }
    }
}

/// A dependent that a rotation could not bring to a good end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExceptionReport {
    /// Which.
    pub dependent: Dependent,
    /// What became of it.
    pub outcome: Outcome,
    /// What to do.
    pub remedy: String,
}

impl ExceptionReport {
    /// The exception that an outcome is, if it is one.
    #[must_use]
    pub fn of(dependent: &Dependent, outcome: &Outcome) -> Option<Self> {
        let remedy = match outcome {
            Outcome::Manual { remedy } => remedy.clone(),
            Outcome::Blocked { .. } => {
                "mend the cause; a resume of a paused rotation, or else the next one, looks at it again".to_owned()
            }
            Outcome::Partial { .. } => "see what is left with its own service, then rotate again".to_owned(),
            _ => return None,
        };
        Some(Self { dependent: dependent.clone(), outcome: outcome.clone(), remedy })
    }
}

impl fmt::Display for ExceptionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dependent { name, kind, id, .. } = &self.dependent;
        write!(f, "{kind} {name} ({id}) {}", self.outcome.word())?;
        match &self.outcome {
            Outcome::Blocked { why: what } | Outcome::Partial { what } => write!(f, ": {what}; {}", self.remedy),
            _ => write!(f, ": {}", self.remedy),
        }
    }
}
