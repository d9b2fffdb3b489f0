//! What a service may do with a key: World's own policies, read as far as they speak of services.
//!
//! Only where World's settings ask for it (`needs_service_grants`). One form of statement grants anything:
//! `Allow service a, b to use keys in compartment c`, with a condition on `target.key.id` or `target.vault.id` if need
//! be (oci-api §5.3, §8.2). Whatever else a policy says grants a service nothing; nothing here is about principals.

use super::world::State;
use crate::model::{CompartmentId, KeyId, Region, VaultId};

/// A statement that lets services use keys.
#[derive(Debug, PartialEq, Eq)]
struct Grant<'a> {
    services: Vec<&'a str>,
    place: Place<'a>,
    condition: Condition<'a>,
}

/// Where a statement holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    Id(&'a str),
    Named(&'a str),
    Tenancy,
}

/// When a statement holds; all of it is lower case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition<'a> {
    All(Vec<Comparison<'a>>),
    Any(Vec<Comparison<'a>>),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comparison<'a> {
    variable: &'a str,
    value: &'a str,
}

/// What a variable of a condition stands for, if it stands for anything here.
type Values<'a> = dyn Fn(&str) -> Option<&'a str> + 'a;

/// What a service wants to use.
struct Wanted<'a> {
    key: &'a KeyId,
    vault: &'a VaultId,
}

impl<'a> Wanted<'a> {
    fn value(&self, variable: &str) -> Option<&'a str> {
        match variable {
            "target.key.id" => Some(self.key.as_str()),
            "target.vault.id" => Some(self.vault.as_str()),
            // A condition that World does not know is one that does not hold.
            _ => None,
        }
    }
}

impl Condition<'_> {
    pub(super) fn holds(&self, values: &Values<'_>) -> bool {
        let is_so =
            |one: &Comparison<'_>| values(one.variable).is_some_and(|value| value.eq_ignore_ascii_case(one.value));
        match self {
            Self::All(all) => all.iter().all(is_so),
            Self::Any(any) => any.iter().any(is_so),
        }
    }
}

/// A statement in lower case; `None`: it lets no service use a key.
fn parse(statement: &str) -> Option<Grant<'_>> {
    let (services, rest) = statement.strip_prefix("allow service ")?.split_once(" to ")?;
    let rest = rest.strip_prefix("use keys in ").or_else(|| rest.strip_prefix("manage keys in "))?;
    let (place, condition) = match rest.split_once(" where ") {
        Some((place, condition)) => (place.trim(), parse_condition(condition.trim())?),
        None => (rest.trim(), Condition::All(Vec::new())),
    };
    let place = parse_place(place)?;
    Some(Grant { services: services.split(',').map(str::trim).collect(), place, condition })
}

/// What stands after `in`.
pub(super) fn parse_place(place: &str) -> Option<Place<'_>> {
    match place.strip_prefix("compartment ").map(str::trim) {
        Some(rest) => Some(rest.strip_prefix("id ").map_or(Place::Named(rest), |id| Place::Id(id.trim()))),
        None => (place == "tenancy").then_some(Place::Tenancy),
    }
}

/// What stands after `where`.
pub(super) fn parse_condition<'a>(text: &'a str) -> Option<Condition<'a>> {
    let inside = |word| text.strip_prefix(word)?.trim().strip_prefix('{')?.strip_suffix('}');
    let each = |text: &'a str| text.split(',').map(parse_comparison).collect::<Option<Vec<_>>>();
    match (inside("all"), inside("any")) {
        (Some(text), _) => each(text).map(Condition::All),
        (_, Some(text)) => each(text).map(Condition::Any),
        _ => parse_comparison(text).map(|one| Condition::All(vec![one])),
    }
}

fn parse_comparison(text: &str) -> Option<Comparison<'_>> {
    let (variable, value) = text.split_once('=')?;
    let value = value.trim().strip_prefix('\'')?.strip_suffix('\'')?;
    let variable = variable.trim();
    let is_plain = variable.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    is_plain.then_some(Comparison { variable, value })
}

/// The name that policies call a service by.
fn principal_of(service: &str, region: &Region) -> String {
    match service {
        "containerengine" => "oke".to_owned(),
        "iaas" => "blockstorage".to_owned(),
        "objectstorage" => format!("objectstorage-{region}"),
        other => other.to_owned(),
    }
}

impl State {
    /// Whether the policies in force let a service of a region use a key; always, unless World's settings ask.
    pub(super) fn may_service_use(&self, service: &str, region: &Region, key: &KeyId) -> bool {
        if !self.settings.needs_service_grants {
            return true;
        }
        let Some(record) = self.kms.keys.get(key) else { return false };
        let principal = principal_of(service, region);
        let wanted = Wanted { key, vault: &record.vault };
        self.identity.policies.iter().any(|info| {
            // A policy speaks of the compartment that it is attached to and of what lies below.
            let is_in_force = self.is_within(&record.compartment, &info.policy.compartment);
            is_in_force
                && info.policy.statements.iter().any(|statement| {
                    let statement = statement.trim().to_ascii_lowercase();
                    parse(&statement).is_some_and(|grant| {
                        grant.services.contains(&principal.as_str())
                            && self.covers(&grant.place, &info.policy.compartment, &record.compartment)
                            && grant.condition.holds(&|variable| wanted.value(variable))
                    })
                })
        })
    }

    /// Whether a place that a statement names, as seen from where its policy is attached, holds a compartment.
    pub(super) fn covers(&self, place: &Place<'_>, from: &CompartmentId, compartment: &CompartmentId) -> bool {
        let is_it = |id: &CompartmentId| match place {
            Place::Id(wanted) => id.as_str().eq_ignore_ascii_case(wanted),
            Place::Named(wanted) => {
                self.is_within(id, from)
                    && self.compartment(id).is_some_and(|info| info.compartment.name.eq_ignore_ascii_case(wanted))
            }
            Place::Tenancy => *id == self.tenancy().id,
        };
        self.upwards(compartment).any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_speaks_of_services_and_keys_grants_anything() {
        let grants = |text: &str| parse(&text.to_ascii_lowercase()).is_some();
        assert!(grants("Allow service blockstorage, oke to use keys in compartment Keys"));
        assert!(grants("allow service blockstorage to manage keys in tenancy"));
        assert!(grants(
            "Allow service oke to use keys in compartment id ocid1.compartment.oc1..a where target.key.id='k'"
        ));
        assert!(grants(
            "Allow service oke to use keys in tenancy where ANY {target.key.id = 'a', target.key.id = 'b'}"
        ));
        assert!(!grants("Allow group Admins to use keys in tenancy"));
        assert!(!grants("Allow service blockstorage to read keys in tenancy"));
        assert!(!grants("Allow service blockstorage to use volumes in tenancy"));
        assert!(!grants("Allow service blockstorage to use keys in tenancy where target.key.id != 'a'"));
        assert!(!grants("Allow service blockstorage to use keys in vault x"));
    }

    #[test]
    fn all_needs_each_comparison_and_any_one_of_them() {
        let (key, vault) = ("ocid1.key.oc1.iad.v.a", "ocid1.vault.oc1.iad.v.b");
        let (key, vault) = (KeyId::parse(key).expect("a key"), VaultId::parse(vault).expect("a vault"));
        let wanted = Wanted { key: &key, vault: &vault };
        let holds =
            |text: &str| parse_condition(text).expect("it can be read").holds(&|variable| wanted.value(variable));
        assert!(holds("target.key.id='ocid1.key.oc1.iad.v.a'"));
        assert!(!holds("target.key.id='ocid1.key.oc1.iad.v.ab'"));
        assert!(holds("any {target.key.id = 'x', target.vault.id = 'ocid1.vault.oc1.iad.v.b'}"));
        assert!(!holds("all {target.key.id = 'x', target.vault.id = 'ocid1.vault.oc1.iad.v.b'}"));
        assert!(!holds("request.region = 'iad'"));
    }
}
