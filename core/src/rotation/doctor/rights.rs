//! Statements that allow more than keywheel needs, as far as their text says so.
//!
//! Half a parser is worse than none if its silence is taken for safety: what is not understood is counted and shown, and a
//! section without a finding says that this is no proof. Conditions are not evaluated.

use crate::model::{Check, CheckVerdict, IamPolicy, PoliciesRead, RIGHTS, Section, Source, Standing};

/// Statements that are shown; the rest are counted.
const SHOWN_MAX: usize = 50;
/// Characters of a statement that are shown.
const CHARS_MAX: usize = 300;

/// Families, the verb from which on they are too much, and why. Families in one text; verbs by what they add.
const TOO_MUCH: &[(&str, &str, &str)] = &[
    ("all-resources", "read", "everything, the contents of objects included"),
    ("keys", "use", "to encrypt, to decrypt and to take material out, which keywheel never does"),
    ("key-family", "use", "to encrypt, to decrypt and to take material out, which keywheel never does"),
    ("vaults", "manage", "to schedule a vault for deletion"),
    ("buckets", "manage", "to remove buckets"),
    ("objects", "read", "the contents of objects"),
    ("object-family", "read", "the contents of objects, and from `manage` on to remove them"),
    ("volumes", "manage", "to remove volumes"),
    ("volume-backups", "manage", "to remove backups"),
    ("boot-volume-backups", "manage", "to remove backups"),
    ("volume-family", "manage", "to remove volumes and backups"),
    ("secret-family", "read", "the contents of secrets"),
    ("secrets", "use", "to change secrets"),
    ("policies", "manage", "to allow oneself anything"),
    ("groups", "manage", "to become anybody"),
    ("dynamic-groups", "manage", "to become anybody"),
    ("users", "manage", "to become anybody"),
];

/// Words in the name of a permission that keywheel needs nowhere. One text with blanks at both ends: a linker puts texts side
/// by side, and two names could look like a path that no shipped program may have.
const NEVER: &str = " DELETE DECRYPT ENCRYPT EXPORT IMPORT RESTORE MOVE SIGN OVERWRITE ";

const VERBS: [&str; 4] = ["inspect", "read", "use", "manage"];

/// What is asked of the policies.
#[derive(Debug, Clone, Copy)]
pub enum RightsAsked<'a> {
    /// Statements that speak of this subject, `dynamic-group keywheel`, or of everybody.
    Of(&'a str),
    /// Statements that speak of any principal that is not a service.
    OfAnybody,
}

/// What a statement says, as far as it was understood.
#[derive(Debug, PartialEq, Eq)]
enum Says {
    /// It gives somebody of whom we ask too much.
    Gives { what: String, is_conditional: bool },
    /// It gives nothing that is too much, or nobody of whom we ask.
    Harmless,
    /// It is in a form that is not understood.
    Unclear,
}

/// The section; `None` read: policies were not read, for this reason.
#[must_use]
pub fn rights(read: Result<&PoliciesRead, String>, asked: RightsAsked<'_>) -> Section {
    let of_whom = match asked {
        RightsAsked::Of(subject) => format!("`{subject}`"),
        RightsAsked::OfAnybody => "any user, group or dynamic group (--subject narrows it)".to_owned(),
    };
    let read = match read {
        Ok(read) => read,
        Err(why) => {
            let summary = summary(&of_whom, "not read".to_owned(), vec![why], None);
            return Section { name: RIGHTS.to_owned(), checks: vec![summary] };
        }
    };
    let (mut checks, mut unclear, mut count) = (Vec::new(), Vec::new(), 0);
    for policy in &read.policies {
        for text in &policy.statements {
            count += 1;
            match says(text, asked) {
                Says::Harmless => {}
                Says::Unclear => unclear.push((policy, text)),
                Says::Gives { what, is_conditional } => {
                    checks.push(finding(checks.len() + 2, policy, text, what, is_conditional));
                }
            }
        }
    }
    let mut said = vec![format!("{count} statements of {} policies were read", read.policies.len())];
    if !unclear.is_empty() {
        said.push(format!("{} of them were not understood, and may give anything:", unclear.len()));
        said.extend(unclear.iter().take(SHOWN_MAX).map(|(policy, text)| format!("{}: {}", policy.name, cut(text))));
    }
    said.extend(read.unread.iter().map(|place| format!("the policies of {place} may not be listed (POLICY_READ)")));
    said.push(
        "only policies of the compartments in scope, of those above them and of the root were read, and conditions were not \
         evaluated: that nothing was found is no proof that nothing is allowed"
            .to_owned(),
    );
    let found = checks.len();
    if found > SHOWN_MAX {
        checks.truncate(SHOWN_MAX);
        said.push(format!("{} more statements are too broad", found - SHOWN_MAX));
    }
    let do_next = (found > 0).then(|| "`keywheel policy` prints what is needed; take the rest away".to_owned());
    checks.insert(0, summary(&of_whom, format!("{found} found"), said, do_next));
    Section { name: RIGHTS.to_owned(), checks }
}

fn summary(of_whom: &str, value: String, seen: Vec<String>, do_next: Option<String>) -> Check {
    Check {
        id: "R1".to_owned(),
        title: format!("statements that allow more than is needed to {of_whom}"),
        value,
        source: Source { standing: Standing::Ours, text: "IAM policies as they can be read, by their text".to_owned() },
        verdict: CheckVerdict::Unknown,
        seen,
        do_next,
    }
}

fn finding(number: usize, policy: &IamPolicy, text: &str, what: String, is_conditional: bool) -> Check {
    let condition = "it has a condition, which was not evaluated: it may give less".to_owned();
    Check {
        id: format!("R{number}"),
        title: cut(text),
        value: what,
        source: Source {
            standing: Standing::Documented,
            text: format!("policy {:?} ({}) in {}", policy.name, policy.id, policy.compartment),
        },
        verdict: if is_conditional { CheckVerdict::Unknown } else { CheckVerdict::TooBroad },
        seen: is_conditional.then_some(condition).into_iter().collect(),
        do_next: None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(CHARS_MAX).collect()
}

fn says(text: &str, asked: RightsAsked<'_>) -> Says {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = words.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("allow ") else { return Says::Unclear };
    let Some((subjects, rest)) = rest.split_once(" to ") else { return Says::Unclear };
    if subjects.starts_with("service ") {
        // That services use keys is how Oracle grants it to them.
        return Says::Harmless;
    }
    match speaks_of(subjects, asked) {
        None => return Says::Unclear,
        Some(false) => return Says::Harmless,
        Some(true) => {}
    }
    let (what, rest) = match rest.strip_prefix('{') {
        Some(rest) => match rest.split_once('}') {
            Some((list, rest)) => (named(list), rest),
            None => return Says::Unclear,
        },
        None => match rest.split_once(" in ") {
            Some((what, rest)) => match family(what.trim()) {
                Some(what) => (what, rest),
                None => return Says::Unclear,
            },
            None => return Says::Unclear,
        },
    };
    match what {
        None => Says::Harmless,
        Some(what) => Says::Gives { what, is_conditional: rest.contains(" where ") },
    }
}

/// Whether subjects, in lower case, are or contain who is asked about; `None`: not understood.
fn speaks_of(subjects: &str, asked: RightsAsked<'_>) -> Option<bool> {
    if matches!(subjects, "any-user" | "any-group") {
        return Some(true);
    }
    let (kind, names) = subjects.split_once(' ').filter(|(kind, _)| matches!(*kind, "group" | "dynamic-group"))?;
    let RightsAsked::Of(subject) = asked else { return Some(true) };
    let subject = subject.to_ascii_lowercase();
    let Some((wanted_kind, wanted)) = subject.split_once(' ') else { return Some(subject == "any-user") };
    let is_wanted = |name: &str| {
        let name = name.trim();
        let name = name.strip_prefix(kind).map_or(name, str::trim_start);
        plain(name) == plain(wanted)
    };
    // An OCID says nothing of a name: such a statement may speak of the subject.
    let is_by_id = |name: &str| name.trim_start_matches(kind).trim().starts_with("id ");
    match names.split(',').any(is_wanted) {
        true => Some(kind == wanted_kind),
        false if kind == wanted_kind && names.split(',').any(is_by_id) && !wanted.starts_with("id ") => None,
        false => Some(false),
    }
}

/// A name without quotes and without the default domain.
fn plain(name: &str) -> String {
    let name = name.replace(['\'', '"'], "");
    name.strip_prefix("default/").map_or_else(|| name.clone(), str::to_owned)
}

/// Of a list of permissions, in lower case, those that are needed nowhere.
#[allow(clippy::unnecessary_wraps, reason = "beside `family`, which may not understand")]
fn named(list: &str) -> Option<String> {
    let is_too_much = |permission: &&str| {
        permission.split('_').any(|part| NEVER.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(part)))
    };
    let found: Vec<_> = list.split(',').map(str::trim).filter(is_too_much).map(str::to_ascii_uppercase).collect();
    (!found.is_empty()).then(|| format!("gives {}, which keywheel never needs", found.join(", ")))
}

/// What `use keys` and the like give; the outer `None`: not understood.
fn family(what: &str) -> Option<Option<String>> {
    let (verb, family) = what.split_once(' ')?;
    let rank = VERBS.iter().position(|one| *one == verb)?;
    let found = TOO_MUCH.iter().find(|(name, ..)| *name == family.trim());
    Some(found.and_then(|(_, from, why)| {
        let least = VERBS.iter().position(|one| one == from)?;
        (rank >= least).then(|| format!("gives {why}"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CompartmentId, ResourceId};

    const US: RightsAsked<'_> = RightsAsked::Of("dynamic-group keywheel");

    fn gives(text: &str, asked: RightsAsked<'_>) -> bool {
        matches!(says(text, asked), Says::Gives { .. })
    }

    #[test]
    fn what_reveals_or_destroys_is_seen_whoever_it_is_given_to() {
        for text in [
            "Allow dynamic-group keywheel to use keys in compartment Keys",
            "ALLOW  dynamic-group  'Default'/'KeyWheel' to manage keys in tenancy",
            "Allow dynamic-group other, keywheel to manage vaults in compartment Keys",
            "Allow any-user to manage all-resources in tenancy",
            "Allow dynamic-group keywheel to {KEY_READ, KEY_DELETE} in tenancy",
            "Allow dynamic-group keywheel to {KEY_DECRYPT} in tenancy",
            "Allow dynamic-group keywheel to read all-resources in tenancy",
        ] {
            assert!(gives(text, US) && gives(text, RightsAsked::OfAnybody), "{text}");
        }
    }

    #[test]
    fn what_is_needed_and_what_others_have_is_not_shown() {
        for text in [
            "Allow dynamic-group keywheel to use key-delegate in compartment Keys",
            "Allow dynamic-group keywheel to {KEY_ROTATE, KEY_CREATE, OBJECT_READ} in tenancy",
            "Allow dynamic-group keywheel to read keys in tenancy",
            "Allow dynamic-group other to manage keys in tenancy",
            "Allow group keywheel to manage keys in tenancy",
            "Allow service blockstorage to use keys in tenancy",
        ] {
            assert_eq!(says(text, US), Says::Harmless, "{text}");
        }
        assert!(gives("Allow group Admins to manage keys in tenancy", RightsAsked::OfAnybody));
    }

    #[test]
    fn what_is_not_understood_says_so_and_is_never_taken_for_nothing() {
        for text in [
            "Define tenancy Other as ocid1.tenancy.oc1..a",
            "Endorse group A to manage keys in tenancy Other",
            "Deny group A to use keys in tenancy",
            "Allow dynamic-group id ocid1.dynamicgroup.oc1..a to manage keys in tenancy",
            "Allow resource x to manage keys in tenancy",
            "Allow dynamic-group keywheel to own keys in tenancy",
            "Allow dynamic-group keywheel to {KEY_DELETE in tenancy",
            "allow",
        ] {
            assert_eq!(says(text, US), Says::Unclear, "{text}");
        }
        let policy = IamPolicy {
            id: ResourceId::parse("ocid1.policy.oc1..p").expect("an OCID"),
            name: "p".to_owned(),
            compartment: CompartmentId::parse("ocid1.tenancy.oc1..t").expect("an OCID"),
            statements: vec![
                "Endorse group A to do something".to_owned(),
                "Allow any-user to use keys in tenancy where request.user.id = 'x'".to_owned(),
                "Allow any-user to use keys in tenancy".to_owned(),
            ],
        };
        let unread = CompartmentId::parse("ocid1.compartment.oc1..u").expect("an OCID");
        let section = rights(Ok(&PoliciesRead { policies: vec![policy], unread: vec![unread] }), US);
        let verdicts: Vec<_> = section.checks.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [CheckVerdict::Unknown, CheckVerdict::Unknown, CheckVerdict::TooBroad]);
        let said = section.checks[0].seen.join("\n");
        for words in
            ["1 of them were not understood", "Endorse group A", "ocid1.compartment.oc1..u may not", "no proof"]
        {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert!(section.checks[1].seen[0].contains("not evaluated"));
        let section = rights(Err("nobody asked".to_owned()), US);
        assert_eq!((section.checks.len(), section.checks[0].verdict), (1, CheckVerdict::Unknown));
    }
}
