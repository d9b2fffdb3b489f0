//! `[scope.enroll]`: which tagged resources under another key are moved to a managed one. Absent: none.

use std::str::FromStr as _;

use super::problem::Problem;
use super::reader::Table;
use crate::model::{Enroll, EnrollFrom, KeyId, Scope};

/// Reads the section; what it says is judged by [`check`], once the rest of the config is read.
pub(super) fn enroll(mut table: Table<'_>, found: &mut Vec<Problem>) -> Option<Enroll> {
    if !table.is_present() {
        return None;
    }
    let words = |text: &str| match text {
        "oracles_key" => Ok(EnrollFrom::OraclesKey),
        "unmanaged_keys" => Ok(EnrollFrom::UnmanagedKeys),
        "any_key" => Ok(EnrollFrom::AnyKey),
        _ => Err("there is no such source"),
    };
    let remedy = "write \"oracles_key\", \"unmanaged_keys\" or \"any_key\"; without the section nothing is enrolled";
    let before = found.len();
    let from = table.parsed("from", words, remedy, found);
    if from.is_none() && found.len() == before {
        table.problem("from", "it is missing", remedy, found);
    }
    let before = found.len();
    let to = table.list("to", KeyId::from_str, "write the OCIDs of the keys that take what carries the tag", found);
    if to.is_empty() && found.len() == before {
        table.problem("to", "it names no key", "write the OCIDs of the keys that take what carries the tag", found);
    }
    table.finish(found);
    Some(Enroll { from: from?, to }).filter(|enroll| !enroll.to.is_empty())
}

/// A key that nobody manages enrolls nothing, and without a tag there is nothing to enroll.
pub(super) fn check(scope: &Scope, has_tag: bool, found: &mut Vec<Problem>) {
    let Some(enroll) = &scope.enroll else { return };
    let mut problem = |path: &str, value: Option<String>, problem: &str, remedy: &str| {
        let (path, problem, remedy) = (path.to_owned(), problem.to_owned(), remedy.to_owned());
        found.push(Problem { line: None, path, value, problem, remedy });
    };
    if !has_tag {
        problem(
            "scope.enroll",
            None,
            "there is no [tag], so nothing can be meant",
            "write a [tag], or delete the section",
        );
    }
    if let Some(key) = enroll.to.iter().find(|key| scope.vaults.is_empty() && !scope.keys.contains(*key)) {
        let why = "the key is not in scope, so it is never rotated and would never enroll anything";
        problem("scope.enroll.to", Some(key.to_string()), why, "add it to scope.keys, or name another");
    }
}
