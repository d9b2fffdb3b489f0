//! What is wrong with a config: one entry per mistake, all of them in one error.
//!
//! Values of unknown keys are never repeated: they may be secrets in the wrong place.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, ErrorKind};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line in the file, from 1; `None` if something is missing altogether.
    pub line: Option<usize>,
    /// The key, dotted.
    pub path: String,
    /// The value as written, cut to 80 characters; `None` where there is none or it may be a secret.
    pub value: Option<String>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.path)?;
        if let Some(value) = &self.value {
            write!(f, " = {value}")?;
        }
        write!(f, ": {}; {}", self.problem, self.remedy)
    }
}

/// All mistakes of one file; the source of the error that [`super::Config::load`] returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The file.
    pub file: PathBuf,
    /// The mistakes, in the order of the file.
    pub problems: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(file: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line.unwrap_or(usize::MAX));
        Self { file: file.to_owned(), problems }
    }

    pub(super) fn into_error(self) -> Error {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let list: String = self.problems.iter().map(|problem| format!("\n  {problem}")).collect();
        let message = format!("{count} {noun} in {}{list}", self.file.display());
        Error::new(ErrorKind::Config, "config", message).caused_by(self)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problems in {}", self.problems.len(), self.file.display())
    }
}

impl std::error::Error for Problems {}
