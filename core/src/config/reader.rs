//! Walks a parsed TOML document, collecting problems instead of stopping at the first.
//!
//! Knows no key of ours: which keys there are and what they mean is said in `sections`.

use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration::parse_duration;
use super::problem::Problem;

/// One value with where it stands.
pub(super) type Value<'a> = Spanned<DeValue<'a>>;

/// A table being read. Every key that is asked for counts as known; `finish` reports the others.
pub(super) struct Table<'a> {
    text: &'a str,
    path: String,
    table: Option<&'a DeTable<'a>>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    pub(super) fn root(text: &'a str, table: &'a DeTable<'a>) -> Self {
        Self { text, path: String::new(), table: Some(table), known: Vec::new() }
    }

    /// The table under `key`; an absent one reads as empty.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Table<'a> {
        let table = self.get(key, "a table", |value| value.as_table(), "write it as a section", problems);
        Table { text: self.text, path: self.dotted(key), table, known: Vec::new() }
    }

    /// Whether the section is there at all.
    pub(super) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Sections whose names the user chooses, such as regions.
    pub(super) fn children(&self, problems: &mut Vec<Problem>) -> Vec<(String, usize, Table<'a>)> {
        let mut found = Vec::new();
        for (key, value) in self.table.into_iter().flatten() {
            let path = format!("{}.{:?}", self.path, key.get_ref());
            let line = self.line_of(key.span().start);
            match value.get_ref().as_table() {
                Some(table) => {
                    let child = Table { text: self.text, path, table: Some(table), known: Vec::new() };
                    found.push((key.get_ref().to_string(), line, child));
                }
                None => problems.push(Problem {
                    line: Some(line),
                    path,
                    value: None,
                    problem: format!("it is {}, not a table", article(value)),
                    remedy: "write it as a section".to_owned(),
                }),
            }
        }
        found
    }

    /// Whether a key of it is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.get(key).is_some())
    }

    pub(super) fn string(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<&'a str> {
        self.get(key, "a string", |value| value.as_str(), "put it in quotes", problems)
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool, problems: &mut Vec<Problem>) -> bool {
        self.get(key, "true or false", |value| value.as_bool(), "write true or false", problems).unwrap_or(default)
    }

    /// A whole number within bounds.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        bounds: std::ops::RangeInclusive<u64>,
        default: u64,
        problems: &mut Vec<Problem>,
    ) -> u64 {
        let remedy = format!("write a whole number from {} to {}", bounds.start(), bounds.end());
        let Some(number) = self.get(key, "a whole number", |value| value.as_integer(), &remedy, problems) else {
            return default;
        };
        match u64::from_str_radix(&number.as_str().replace('_', ""), number.radix()) {
            Ok(number) if bounds.contains(&number) => number,
            _ => {
                self.problem(key, "it is out of bounds", remedy, problems);
                default
            }
        }
    }

    pub(super) fn duration(&mut self, key: &'static str, problems: &mut Vec<Problem>) -> Option<Duration> {
        const REMEDY: &str = "write a number with a unit, such as \"90d\", \"12h\", \"30s\", \"500ms\"";
        let text = self.get(key, "a duration in quotes", |value| value.as_str(), REMEDY, problems)?;
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(why) => {
                self.problem(key, why, REMEDY, problems);
                None
            }
        }
    }

    /// A string that `parse` turns into something; its error says what was expected.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
        remedy: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        match parse(self.string(key, problems)?) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, error.to_string(), remedy, problems);
                None
            }
        }
    }

    /// A list of strings, each parsed; every bad one is a problem of its own.
    pub(super) fn list<T: Ord, E: std::fmt::Display>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
        remedy: &str,
        problems: &mut Vec<Problem>,
    ) -> std::collections::BTreeSet<T> {
        let items = self.get(key, "a list", |value| value.as_array(), "write it in brackets", problems);
        let mut found = std::collections::BTreeSet::new();
        for (number, item) in items.into_iter().flat_map(|items| items.iter()).enumerate() {
            let why = match item.get_ref().as_str().map(&parse) {
                Some(Ok(value)) => {
                    found.insert(value);
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None => format!("it is {}, not a string", article(item)),
            };
            problems.push(Problem {
                line: Some(self.line_of(item.span().start)),
                path: format!("{}[{number}]", self.dotted(key)),
                value: Some(self.shown(item)),
                problem: why,
                remedy: remedy.to_owned(),
            });
        }
        found
    }

    /// Reports a problem with the value of a key that is there, or with its absence.
    pub(super) fn problem(
        &self,
        key: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
        problems: &mut Vec<Problem>,
    ) {
        let value = self.table.and_then(|table| table.get(key));
        problems.push(Problem {
            line: value.map(|value| self.line_of(value.span().start)),
            path: self.dotted(key),
            value: value.filter(|value| !value.get_ref().is_table()).map(|value| self.shown(value)),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// The same about a value that may be a secret and is not repeated.
    pub(super) fn secret_problem(&self, key: &str, problem: &str, remedy: &str, problems: &mut Vec<Problem>) {
        self.problem(key, problem, remedy, problems);
        if let Some(last) = problems.last_mut() {
            last.value = None;
        }
    }

    /// Reports keys that nobody asked for, with the nearest known one.
    pub(super) fn finish(self, problems: &mut Vec<Problem>) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let nearest = self.known.iter().map(|known| (distance(name, known), known)).min();
            let remedy = match nearest {
                Some((steps, known)) if steps <= 1 + name.len() / 4 => format!("did you mean {known:?}?"),
                _ => format!("known here: {}", self.known.join(", ")),
            };
            problems.push(Problem {
                line: Some(self.line_of(key.span().start)),
                path: self.dotted(name),
                value: None,
                problem: "there is no such key".to_owned(),
                remedy,
            });
        }
    }

    fn get<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl Fn(&'a DeValue<'a>) -> Option<T>,
        remedy: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        self.known.push(key);
        let value = self.table?.get(key)?;
        let read = read(value.get_ref());
        if read.is_none() {
            self.problem(key, format!("it is {}, not {expected}", article(value)), remedy, problems);
        }
        read
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn shown(&self, value: &Value<'_>) -> String {
        self.text.get(value.span()).unwrap_or_default().chars().take(80).collect()
    }

    fn line_of(&self, offset: usize) -> usize {
        line_of(self.text, offset)
    }
}

/// The line, from 1, of a byte offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

fn article(value: &Value<'_>) -> String {
    let word = value.get_ref().type_str();
    let article = if word.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {word}")
}

/// How many letters differ (Levenshtein), for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
