//! Least privilege: the IAM statements that a config needs, from the operations table.
//!
//! Pure: no network, no clock. A statement names its permissions one by one, never `use keys` or `manage keys` for
//! keywheel itself; nothing here may ever name KEY_DELETE, KEY_EXPORT, KEY_DECRYPT, KEY_IMPORT or VAULT_DELETE, which a
//! test watches. What Oracle does not document is marked.

mod needs;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::operation::Operation;
use crate::error::{Error, Result};
use crate::model::{CompartmentId, EnrollFrom, Kind, RekeyClass, Settings, Standing, StrategyPolicy};
pub(crate) use needs::About;
use needs::{Need, needs};
pub use table::permission_table;

/// Who the statements are for, as IAM spells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct IamSubject(String);

impl IamSubject {
    /// Reads `group NAME`, `dynamic-group NAME` (a domain before the name is allowed: `'Domain'/'name'`) or `any-user`.
    ///
    /// # Errors
    /// `Config` if it is none of them.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let is_name = |name: &str| {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '\'');
            !name.is_empty() && name.len() <= 300 && name.chars().all(is_plain)
        };
        let named = text.split_once(' ').filter(|(kind, _)| matches!(*kind, "group" | "dynamic-group"));
        if text == "any-user" || named.is_some_and(|(_, name)| is_name(name.strip_prefix("id ").unwrap_or(name))) {
            return Ok(Self(text.to_owned()));
        }
        let message = "it is no subject of a statement; write \"dynamic-group NAME\", \"group NAME\" or \"any-user\"";
        Err(Error::new(crate::ErrorKind::Config, "policy", message))
    }

    /// The subject in a statement.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for IamSubject {
    fn default() -> Self {
        Self("dynamic-group keywheel".to_owned())
    }
}

/// What statements depend on.
#[derive(Debug, Clone)]
pub struct IamWants<'a> {
    /// Policy and scope.
    pub settings: &'a Settings,
    /// Whether notices go to an OCI topic.
    pub has_topic: bool,
    /// The compartment whose metrics are sent, if any.
    pub metrics: Option<&'a CompartmentId>,
    /// The bucket that the audit trail is copied to, if any.
    pub audit_bucket: Option<&'a str>,
    /// Whether the audit trail is copied to a log of OCI Logging.
    pub has_audit_log: bool,
    /// Whether Oracle's audit log is asked who made a version.
    pub reads_audit_events: bool,
    /// Who calls.
    pub subject: IamSubject,
    /// The compartment of vaults and keys; `None`: those that the scope names, and if it names none, statements about them
    /// hold in the whole tenancy.
    pub keys_in: Option<&'a CompartmentId>,
}

/// One statement, with why it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IamStatement {
    /// The statement, ready to be pasted.
    pub text: String,
    /// What keywheel cannot do without it.
    pub reason: String,
    /// Calls that it lets through; none for grants to services.
    pub operations: Vec<&'static str>,
    /// Whether Oracle documents that this is what it takes.
    pub standing: Standing,
    /// Where it stands, or what is not documented.
    pub source: String,
}

/// The statements that a config needs, and what to know before they are pasted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeastPrivilege {
    /// In an order for people.
    pub statements: Vec<IamStatement>,
    /// What the statements do not say.
    pub notes: Vec<String>,
}

/// Where Oracle lists the permissions of calls.
const REFERENCE: &str = "Oracle's policy reference";
const GRANTS: &str = "Oracle's common policies: let services use keys";

/// The statements that let `wants.subject` do what this config needs, and services use the keys.
#[must_use]
pub fn iam_policy(wants: &IamWants<'_>) -> LeastPrivilege {
    let mut statements = Vec::new();
    for (about, needed) in grouped(needs(wants)) {
        for place in places(wants, about) {
            statements.push(statement(wants, about, &needed, &place_of(place)));
        }
    }
    services(wants, &mut statements);
    LeastPrivilege { statements, notes: notes(wants) }
}

/// A call that a config needs, and the statement that lets it through in each place; `None`: the whole tenancy.
pub(crate) struct NeededCall {
    pub operation: Operation,
    pub about: About,
    pub reason: &'static str,
    pub standing: Standing,
    pub source: String,
    pub places: Vec<(Option<CompartmentId>, String)>,
}

/// The calls that this config needs, each once for what it is about, in the order of the statements.
pub(crate) fn needed_calls(wants: &IamWants<'_>) -> Vec<NeededCall> {
    let mut calls: Vec<NeededCall> = Vec::new();
    for (about, needed) in grouped(needs(wants)) {
        let statements = places(wants, about).into_iter().map(|place| {
            let statement = statement(wants, about, &needed, &place_of(place));
            (place.cloned(), statement)
        });
        let statements: Vec<_> = statements.collect();
        // `use key-delegate` has no call of its own: it is what giving a resource a key takes besides.
        let own = needed.iter().take(if about == About::Delegate { 1 } else { needed.len() });
        for need in own {
            if calls.iter().any(|call| (call.operation, call.about) == (need.operation, about)) {
                continue;
            }
            let (standing, source) = statements
                .first()
                .map_or((Standing::Unverified, String::new()), |(_, one)| (one.standing, one.source.clone()));
            let places = statements.iter().map(|(place, one)| (place.clone(), one.text.clone())).collect();
            calls.push(NeededCall { operation: need.operation, about, reason: need.reason, standing, source, places });
        }
    }
    calls
}

/// Needs that one statement can carry, in the order in which they first come.
fn grouped(needs: Vec<Need>) -> Vec<(About, Vec<Need>)> {
    let mut groups: Vec<(About, Vec<Need>)> = Vec::new();
    for need in needs {
        match groups.iter_mut().find(|(about, _)| *about == need.about) {
            Some((_, group)) => group.push(need),
            None => groups.push((need.about, vec![need])),
        }
    }
    groups
}

fn place_of(compartment: Option<&CompartmentId>) -> String {
    compartment.map_or_else(|| "tenancy".to_owned(), |id| format!("compartment id {id}"))
}

fn places<'a>(wants: &IamWants<'a>, about: About) -> Vec<Option<&'a CompartmentId>> {
    match about {
        About::BackupPolicies
        | About::Tenancy
        | About::Policies
        | About::Topic
        | About::TrailBucket
        | About::TrailLog => vec![None],
        About::Metrics => vec![wants.metrics],
        _ if about.is_about_keys() => places_of_keys(wants),
        _ => {
            // A statement about a compartment holds in everything below it.
            let scope = &wants.settings.scope;
            let named: BTreeSet<_> = scope.compartments.iter().chain(&scope.compartment_trees).collect();
            match named.is_empty() {
                true => vec![None],
                false => named.into_iter().map(Some).collect(),
            }
        }
    }
}

/// Where vaults and keys are: as somebody says now, else as the config says.
fn places_of_keys<'a>(wants: &IamWants<'a>) -> Vec<Option<&'a CompartmentId>> {
    let named = &wants.settings.scope.key_compartments;
    match wants.keys_in {
        None if !named.is_empty() => named.iter().map(Some).collect(),
        one => vec![one],
    }
}

fn statement(wants: &IamWants<'_>, about: About, needed: &[Need], place: &str) -> IamStatement {
    let subject = wants.subject.as_str();
    let what = match about {
        About::Delegate => "use key-delegate".to_owned(),
        _ => {
            let mut permissions: Vec<&str> = Vec::new();
            // Volumes have a statement of their own that gives this without a condition.
            let has_volumes = [Kind::BlockVolume, Kind::BootVolume].iter().any(|kind| wants.settings.scope.wants(kind));
            let is_given = |permission| about == About::BackupKey && has_volumes && permission == "VOLUME_INSPECT";
            for permission in needed.iter().flat_map(Need::permissions) {
                if !is_given(permission) && !permissions.contains(&permission) {
                    permissions.push(permission);
                }
            }
            format!("{{{}}}", permissions.join(", "))
        }
    };
    let mut text = format!("Allow {subject} to {what} in {place}");
    let condition = condition(wants, about, needed);
    if !condition.is_empty() {
        let _ = write!(text, " where {condition}");
    }
    let reasons: BTreeMap<&str, ()> = needed.iter().map(|need| (need.reason, ())).collect();
    let (standing, source) = match about.doubt(condition.is_empty()) {
        Some(doubt) => (Standing::Unverified, doubt.to_owned()),
        None => (Standing::Documented, REFERENCE.to_owned()),
    };
    IamStatement {
        text,
        reason: reasons.into_keys().collect::<Vec<_>>().join("; "),
        operations: needed.iter().map(|need| need.operation.name()).collect(),
        standing,
        source,
    }
}

/// `''`, one comparison, or `any {…}` of several.
fn condition(wants: &IamWants<'_>, about: About, needed: &[Need]) -> String {
    let scope = &wants.settings.scope;
    let comparisons: Vec<String> = match about {
        About::Mint if scope.vaults.is_empty() && !may_have_successor(wants.settings) => {
            scope.keys.iter().map(|key| format!("target.key.id = '{key}'")).collect()
        }
        About::Mint if scope.keys.is_empty() => {
            scope.vaults.iter().map(|vault| format!("target.vault.id = '{vault}'")).collect()
        }
        // A name that could end the quotes is not put between them.
        About::TrailBucket => {
            let name = wants.audit_bucket.filter(|name| !name.contains(['\'', '\\']));
            name.map(|name| format!("target.bucket.name = '{name}'")).into_iter().collect()
        }
        _ if about.is_narrowed() => {
            let names: BTreeSet<String> = needed.iter().map(|need| in_ocis_words(need.operation)).collect();
            names.into_iter().map(|name| format!("request.operation = '{name}'")).collect()
        }
        _ => Vec::new(),
    };
    match comparisons.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => format!("any {{{}}}", several.join(", ")),
    }
}

/// `ReencryptBucket`: the name of an operation in Oracle's references.
fn in_ocis_words(operation: Operation) -> String {
    let mut name = String::new();
    for part in operation.name().split('_') {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// Whether a rotation under these settings may make a successor key.
fn may_have_successor(settings: &Settings) -> bool {
    use Kind::{BlockVolume, BlockVolumeBackup, BootVolume, BootVolumeBackup};
    let by_default = [BlockVolume, BlockVolumeBackup, BootVolume, BootVolumeBackup];
    let moves = |class: &RekeyClass| matches!(class, RekeyClass::Forbids | RekeyClass::Ignores);
    let wanted = |kind: &&Kind| settings.scope.wants(kind);
    settings.policy.strategy == StrategyPolicy::NewKey
        || by_default.iter().filter(wanted).any(|kind| settings.policy.classes.get(kind).is_none_or(moves))
        || settings.policy.classes.iter().any(|(kind, class)| settings.scope.wants(kind) && moves(class))
}

/// Grants to services: without them what keywheel asks for cannot use the new material.
fn services(wants: &IamWants<'_>, statements: &mut Vec<IamStatement>) {
    let scope = &wants.settings.scope;
    let places: Vec<_> = places_of_keys(wants).into_iter().map(place_of).collect();
    let any = |kinds: &[Kind]| kinds.iter().any(|kind| scope.wants(kind));
    let mut grant = |service: String, reason: &str| {
        statements.extend(places.iter().map(|place| IamStatement {
            text: format!("Allow service {service} to use keys in {place}"),
            reason: reason.to_owned(),
            operations: Vec::new(),
            standing: Standing::Documented,
            source: GRANTS.to_owned(),
        }));
    };
    if any(&[Kind::BlockVolume, Kind::BlockVolumeBackup, Kind::BootVolume, Kind::BootVolumeBackup]) {
        grant("blockstorage".to_owned(), "volumes and backups take the successor key");
    }
    if any(&[Kind::Bucket]) {
        for region in &scope.regions {
            grant(format!("objectstorage-{region}"), "buckets of this region are wrapped anew, or take another key");
        }
    }
    if any(&[Kind::NodePool]) && may_have_successor(wants.settings) {
        grant("oke".to_owned(), "node pools take the successor key");
    }
}

fn notes(wants: &IamWants<'_>) -> Vec<String> {
    let scope = &wants.settings.scope;
    let mut notes = vec![
        "nothing here deletes, exports, decrypts, disables or imports material; keywheel has no such call".to_owned(),
    ];
    if scope.wants(&Kind::Bucket) && scope.regions.is_empty() {
        notes.push(
            "scope.regions is empty, so the grants for Object Storage are not printed: one for each region with buckets, \
             \"Allow service objectstorage-<region> to use keys in …\""
                .to_owned(),
        );
    }
    if wants.keys_in.is_none() && scope.key_compartments.is_empty() {
        notes.push(
            "statements about keys hold in the whole tenancy; name the keys' compartment in scope.key_compartments, or with \
             --keys-in"
                .to_owned(),
        );
    }
    if wants.keys_in.is_some_and(|named| !scope.key_compartments.contains(named)) {
        notes.push(
            "the config does not name this compartment in scope.key_compartments: keywheel will look for keys in every \
             compartment that it sees, and be refused in the others"
                .to_owned(),
        );
    }
    if scope.enroll.as_ref().is_some_and(|enroll| enroll.from > EnrollFrom::OraclesKey) {
        notes.push(
            "scope.enroll takes resources from keys that this config does not know: where such a key is, also allow \
             {KEY_DISASSOCIATE}, in its compartment"
                .to_owned(),
        );
    }
    if scope.vaults.is_empty() && !scope.keys.is_empty() && may_have_successor(wants.settings) {
        notes.push(
            "a successor key has an OCID that nobody knows yet, so KEY_ROTATE is not narrowed to the keys in scope; name \
             scope.vaults instead of scope.keys to narrow it to vaults"
                .to_owned(),
        );
    }
    notes
}

impl fmt::Display for LeastPrivilege {
    /// A file of statements, each under a comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        for statement in &self.statements {
            writeln!(f, "\n# {}", statement.reason)?;
            if !statement.operations.is_empty() {
                writeln!(f, "# calls: {}", statement.operations.join(", "))?;
            }
            if statement.standing == Standing::Unverified {
                writeln!(f, "# {}: {}", statement.standing.word(), statement.source)?;
            }
            writeln!(f, "{}", statement.text)?;
        }
        Ok(())
    }
}
