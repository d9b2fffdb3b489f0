//! One statement about a principal: `Allow <subject> to <verb> <what> in <place> [where …]`, or with `{A, B}`.
//!
//! A statement that cannot be read grants nothing. Verbs are unfolded for key management only (oci-api §8.1, "Verb
//! contents"): of anything else a statement must name its permissions.

use super::super::grants::{Condition, Place, parse_condition, parse_place};
use super::permissions::of_verb;

/// A statement in lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    pub(super) subject: &'a str,
    what: What<'a>,
    pub(super) place: Place<'a>,
    pub(super) condition: Condition<'a>,
}

#[derive(Debug, PartialEq, Eq)]
enum What<'a> {
    Named(Vec<&'a str>),
    Verb(&'a str, &'a str),
}

impl<'a> Statement<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (subject, rest) = text.strip_prefix("allow ")?.split_once(" to ")?;
        let (what, rest) = match rest.trim().strip_prefix('{') {
            Some(rest) => {
                let (named, rest) = rest.split_once('}')?;
                (What::Named(named.split(',').map(str::trim).collect()), rest.trim().strip_prefix("in ")?)
            }
            None => {
                let (what, rest) = rest.split_once(" in ")?;
                let (verb, family) = what.trim().split_once(' ')?;
                (What::Verb(verb, family.trim()), rest)
            }
        };
        let (place, condition) = match rest.split_once(" where ") {
            Some((place, condition)) => (place, parse_condition(condition.trim())?),
            None => (rest, Condition::All(Vec::new())),
        };
        Some(Self { subject: subject.trim(), what, place: parse_place(place.trim())?, condition })
    }

    pub(super) fn gives(&self, permission: &str) -> bool {
        match &self.what {
            What::Named(named) => named.iter().any(|one| one.eq_ignore_ascii_case(permission)),
            What::Verb("manage", "all-resources") => true,
            What::Verb(verb, family) => of_verb(verb, family).any(|one| one == permission),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives(text: &str, permission: &str) -> bool {
        Statement::parse(&text.to_ascii_lowercase()).is_some_and(|statement| statement.gives(permission))
    }

    #[test]
    fn a_list_gives_what_it_names_and_a_verb_what_oracles_table_unfolds_it_to() {
        assert!(gives("Allow group A to {KEY_READ, KEY_ROTATE} in tenancy", "KEY_ROTATE"));
        assert!(!gives("Allow group A to {KEY_READ} in tenancy", "KEY_ROTATE"));
        assert!(gives("Allow group A to use keys in compartment Keys", "KEY_DECRYPT"));
        assert!(!gives("Allow group A to use keys in compartment Keys", "KEY_ROTATE"));
        assert!(gives("Allow group A to manage keys in compartment Keys", "KEY_ROTATE"));
        assert!(gives("Allow group A to manage keys in compartment Keys", "KEY_READ"));
        assert!(gives("Allow group A to use key-delegate in compartment Keys", "KEY_ASSOCIATE"));
        assert!(gives("Allow group A to manage all-resources in tenancy", "BUCKET_READ"));
        assert!(!gives("Allow group A to read all-resources in tenancy", "BUCKET_READ"));
        assert!(!gives("Allow group A to manage buckets in tenancy", "BUCKET_READ"), "World unfolds no such verb");
    }

    #[test]
    fn what_cannot_be_read_grants_nothing() {
        for text in ["deny group a to {KEY_READ} in tenancy", "allow group a to {KEY_READ in tenancy", "allow group a"]
        {
            assert_eq!(Statement::parse(text), None, "{text}");
        }
        assert!(!gives("Allow group A to {KEY_READ} in tenancy where request.operation != 'GetKey'", "KEY_READ"));
    }
}
