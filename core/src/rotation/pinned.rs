//! Service policies that name a key by its OCID: found before a successor takes over, because they would deny it.
//!
//! No policy language is parsed: half a parser would be worse than none. A statement that contains the key's OCID is
//! shown to a person, who knows what it is for (oci-api §5.3).

use super::fact::{Checked, Paused};
use super::preflight::Preflight;
use crate::model::{Finding, FindingKind, IamPolicy, KeyId, PoliciesRead, Risk, Settings, Strategy};

/// Policies that a pause names; the rest are counted.
const NAMED_MAX: usize = 5;
/// Characters of a statement that are shown.
const SHOWN_MAX: usize = 160;

/// Whether a rotation with these legs moves anything to another key, so that policies matter to it.
#[must_use]
pub fn has_successor(checked: &Checked) -> bool {
    checked.legs.iter().any(|leg| leg.strategy == Strategy::NewKey)
}

/// Stops before the pivot if a statement in force names the key itself; `None` read: this catalog reads no policies.
#[must_use]
pub fn judge_policies(
    mut checked: Checked,
    key: &KeyId,
    head: Option<&KeyId>,
    read: Option<&PoliciesRead>,
    settings: &Settings,
) -> Preflight {
    let finding = |kind, subject: String, text: String| Finding { kind, subject, text };
    let unread = |subject: String, why: &str| {
        let text =
            format!("{why}: a policy that names the key by its OCID would deny its successor, and nobody looked");
        finding(FindingKind::PoliciesUnread, subject, text)
    };
    let Some(read) = read else {
        checked.findings.push(unread(key.to_string(), "this catalog reads no IAM policies"));
        return Preflight::Go(Box::new(checked));
    };
    let why = "we may not list its IAM policies (POLICY_READ)";
    checked.findings.extend(read.unread.iter().map(|place| unread(place.to_string(), why)));
    // Where the head of the lineage is named too, somebody has seen to it already.
    let is_mended = head.is_some_and(|head| read.policies.iter().any(|policy| naming(policy, head).is_some()));
    let pinned: Vec<_> = read.policies.iter().filter_map(|policy| Some((policy, naming(policy, key)?))).collect();
    if pinned.is_empty() || is_mended {
        return Preflight::Go(Box::new(checked));
    }
    if settings.policy.accept_risks.contains(&Risk::PinnedPolicies) {
        checked.findings.extend(pinned.iter().map(|(policy, statement)| {
            let text = format!("pinned_policies: {:?} names the key by its OCID, {statement:?}", policy.name);
            finding(FindingKind::RiskAccepted, policy.id.to_string(), text)
        }));
        return Preflight::Go(Box::new(checked));
    }
    let named: Vec<_> = pinned
        .iter()
        .take(NAMED_MAX)
        .map(|(policy, statement)| {
            format!("{:?} ({}) in {}: {statement:?}", policy.name, policy.id, policy.compartment)
        })
        .collect();
    let rest = pinned.len().saturating_sub(NAMED_MAX);
    let more = if rest > 0 { format!("; and {rest} more") } else { String::new() };
    Preflight::Stop(Paused::new(
        format!("IAM policies name the key by its OCID, and would deny its successor: {}{more}", named.join("; ")),
        "let the statement name the compartment, the vault (target.vault.id) or a tag instead of the key's OCID, then resume; or name \"pinned_policies\" in policy.accept_risks",
    ))
}

/// The first statement of a policy that names a key, cut to what can be shown.
fn naming(policy: &IamPolicy, key: &KeyId) -> Option<String> {
    let statement = policy.statements.iter().find(|statement| names(statement, key.as_str()))?;
    Some(statement.chars().take(SHOWN_MAX).collect())
}

/// Whether a text contains an OCID that does not go on: one may be the beginning of another.
fn names(text: &str, ocid: &str) -> bool {
    let (text, ocid) = (text.to_ascii_lowercase(), ocid.to_ascii_lowercase());
    let goes_on = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    text.match_indices(&ocid).any(|(at, _)| !goes_on(&text[at + ocid.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ocid_is_named_in_any_case_and_not_as_the_beginning_of_another() {
        let ocid = "ocid1.key.oc1.iad.v.abc";
        assert!(names(
            "allow service blockstorage to use keys in tenancy where target.key.id='ocid1.key.oc1.iad.v.abc'",
            ocid
        ));
        assert!(names("… where any {target.key.id = 'OCID1.KEY.OC1.IAD.V.ABC', request.x = 'y'}", ocid));
        assert!(names("ends with ocid1.key.oc1.iad.v.abc", ocid));
        assert!(!names("… where target.key.id='ocid1.key.oc1.iad.v.abcd'", ocid));
        assert!(!names("… where target.vault.id='ocid1.vault.oc1.iad.v.abc'", ocid));
    }
}
