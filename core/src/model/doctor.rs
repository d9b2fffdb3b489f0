//! What `doctor` found: sections of checks, each with its value, its source, its verdict and what was seen.
//!
//! Plain data, made by `rotation::doctor`; nothing here judges.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{KeyId, Margins, Timestamp};

/// The free-form tag that says that a key may be used up by `doctor --live`.
pub const THROW_AWAY_TAG: &str = "keywheel-throw-away";
/// The value of [`THROW_AWAY_TAG`].
pub const THROW_AWAY_VALUE: &str = "true";
/// Section of the assumptions A1 to A7.
pub const ASSUMPTIONS: &str = "assumptions";
/// Section of the endpoints that a config needs.
pub const CONNECTIVITY: &str = "connectivity";
/// Section of the calls that a config needs.
pub const PERMISSIONS: &str = "permissions";
/// Section of statements that allow more than is needed.
pub const RIGHTS: &str = "over-broad rights";

/// Everything one run of `doctor` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Checkup {
    /// When it ended, by the local clock.
    pub at: Timestamp,
    /// The throw-away key that versions were minted on, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<KeyId>,
    /// What was looked at.
    pub sections: Vec<Section>,
    /// Margins are shorter than in production: a rehearsal.
    pub is_shortened: bool,
    /// Made against loopback endpoints: it proves nothing about a tenancy.
    pub is_test: bool,
}

/// Checks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Section {
    /// Its name, such as [`ASSUMPTIONS`].
    pub name: String,
    /// Its checks, in a fixed order.
    pub checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Check {
    /// Its short name, such as `A1`.
    pub id: String,
    /// What is assumed or required.
    pub title: String,
    /// The configured value with its unit.
    pub value: String,
    /// Who says so.
    pub source: Source,
    /// What came of it.
    pub verdict: CheckVerdict,
    /// What was observed, one sentence each.
    pub seen: Vec<String>,
    /// What to do about it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub do_next: Option<String>,
}

/// Who vouches for an assumption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Source {
    /// What kind of word it is.
    pub standing: Standing,
    /// Where it stands, and how far it goes.
    pub text: String,
}

/// What kind of word an assumption rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// Oracle documents it.
    Documented,
    /// keywheel keeps it by itself.
    Ours,
    /// Oracle documents nothing that says so: a margin of ours stands in for it.
    Unverified,
}

impl Standing {
    /// The word that reports show.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Ours => "ours",
            Self::Unverified => "UNVERIFIED",
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CheckVerdict {
    /// What was seen contradicts it.
    Broken,
    /// A right that is needed was refused.
    Denied,
    /// It was tested, and what was seen agrees with it.
    Holds,
    /// keywheel keeps it by itself; tests of the far end show it, not this run.
    Ours,
    /// A right that is needed was seen to be there: a call that takes it was answered.
    SeenWorking,
    /// More is allowed than is needed.
    TooBroad,
    /// It was not tested, or the test came to nothing.
    Unknown,
}

impl CheckVerdict {
    /// The word that reports show.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Broken => "BROKEN",
            Self::Denied => "DENIED",
            Self::Holds => "holds",
            Self::Ours => "ours",
            Self::SeenWorking => "seen working",
            Self::TooBroad => "TOO BROAD",
            Self::Unknown => "unknown",
        }
    }
}

impl Checkup {
    /// Everything that is contradicted by what was seen, and every right that is needed and was refused.
    pub fn broken(&self) -> impl Iterator<Item = &Check> {
        self.checks().filter(|check| matches!(check.verdict, CheckVerdict::Broken | CheckVerdict::Denied))
    }

    /// Everything that is allowed and not needed.
    pub fn too_broad(&self) -> impl Iterator<Item = &Check> {
        self.checks().filter(|check| check.verdict == CheckVerdict::TooBroad)
    }

    /// A section by its name.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// All checks of all sections.
    pub fn checks(&self) -> impl Iterator<Item = &Check> {
        self.sections.iter().flat_map(|section| &section.checks)
    }

    /// A check by its short name.
    #[must_use]
    pub fn check(&self, id: &str) -> Option<&Check> {
        self.checks().find(|check| check.id == id)
    }
}

impl fmt::Display for Checkup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in &self.sections {
            writeln!(f, "{}", section.name)?;
            for check in &section.checks {
                writeln!(f, "  {:<4} {:<8} {} ({})", check.id, check.verdict.word(), check.title, check.value)?;
                writeln!(f, "                {}: {}", check.source.standing.word(), check.source.text)?;
                for seen in &check.seen {
                    writeln!(f, "                seen: {seen}")?;
                }
                if let Some(do_next) = &check.do_next {
                    writeln!(f, "                next: {do_next}")?;
                }
            }
        }
        let broken: Vec<_> = self.broken().map(|check| check.id.as_str()).collect();
        match broken.as_slice() {
            [] => write!(f, "nothing that was seen contradicts an assumption")?,
            ids => write!(f, "BROKEN: {}", ids.join(", "))?,
        }
        match self.too_broad().count() {
            0 => Ok(()),
            count => write!(f, "; {count} statements allow more than is needed"),
        }
    }
}

/// What `doctor --live` will cost, said before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forecast {
    /// Versions it makes if every assumption holds.
    pub versions: u32,
    /// Versions it can make at most, if none does.
    pub versions_max: u32,
    /// How long it takes, about: waits make up nearly all of it.
    pub duration: Duration,
}

impl Forecast {
    /// How often each of the three sends may be tried: a busy service may refuse one.
    pub const TRIES: u32 = 2;

    /// The cost under these margins.
    #[must_use]
    pub fn of(margins: &Margins) -> Self {
        let waits = margins.clock_error + Self::gap(margins) + margins.list_lag + margins.quiet_period();
        let reads = margins.poll_max;
        Self { versions: 1, versions_max: 3 * Self::TRIES, duration: waits + reads }
    }

    /// How long after a refusal its effect would have shown: P + λ + ε.
    #[must_use]
    pub fn gap(margins: &Margins) -> Duration {
        margins.processing + margins.list_lag + margins.clock_error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &str, verdict: CheckVerdict) -> Check {
        Check {
            id: id.to_owned(),
            title: "title".to_owned(),
            value: "1s".to_owned(),
            source: Source { standing: Standing::Ours, text: "here".to_owned() },
            verdict,
            seen: vec!["this".to_owned()],
            do_next: None,
        }
    }

    #[test]
    fn a_broken_check_is_named_in_the_last_line() {
        let checks = vec![check("A1", CheckVerdict::Broken), check("A2", CheckVerdict::Holds)];
        let mut checkup = Checkup {
            at: Timestamp::UNIX_EPOCH,
            live: None,
            sections: vec![Section { name: ASSUMPTIONS.to_owned(), checks }],
            is_shortened: false,
            is_test: false,
        };
        assert!(checkup.to_string().ends_with("BROKEN: A1"), "{checkup}");
        checkup.sections[0].checks[0].verdict = CheckVerdict::Unknown;
        assert!(!checkup.to_string().contains("BROKEN"), "{checkup}");
    }

    #[test]
    fn the_forecast_under_production_margins_is_twelve_minutes_and_one_version() {
        let forecast = Forecast::of(&Margins::production());
        assert_eq!((forecast.versions, forecast.versions_max), (1, 6));
        assert_eq!(forecast.duration, Duration::from_secs(30 + 150 + 60 + 450 + 30));
    }
}
