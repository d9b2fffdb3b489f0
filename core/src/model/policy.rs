//! Checked settings: what a rotation may do, how long it waits, how often it tries.
//!
//! `config` parses text into these; everybody else trusts them. Every assumption of protocol.md
//! (A1 to A7) that is a number is here and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CompartmentId, Enroll, KeyId, Kind, Region, RekeyClass, ResourceId, VaultId};

/// Waits and bounds that come from what OCI does or does not promise. One value for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Margins {
    /// Δ of A3: how far a signature's date may be off before OCI refuses it (documented: 5 min).
    pub skew_limit: Duration,
    /// P of A3: how long an accepted request may take to act (undocumented).
    pub processing: Duration,
    /// λ of A2: how long a new version may stay out of ListKeyVersions (undocumented).
    pub list_lag: Duration,
    /// ε of A5: error of our estimate of server time; also more than this refuses to mint.
    pub clock_error: Duration,
    /// Offset of the local clock beyond which nothing is started.
    pub clock_offset_max: Duration,
    /// How long after the first use a retry token is still trusted (A1; documented 24 h, less an hour).
    pub token_life: Duration,
    /// First wait between looks at `currentKeyVersion`; doubles up to `poll_max`.
    pub poll_min: Duration,
    /// Longest wait between two looks at the same thing.
    pub poll_max: Duration,
    /// How long a minted version may take to become current before a person is asked.
    pub flip_deadline: Duration,
    /// How long replication may take before a person is asked.
    pub replica_deadline: Duration,
    /// How long one work request may take before its dependent is called blocked.
    pub work_request_deadline: Duration,
    /// How long Resource Search may lag behind the owning service (undocumented).
    pub search_lag: Duration,
    /// How long after a first 404 a second one, with a full List of the place, means that a resource is gone (R10;
    /// undocumented: permissions take minutes to spread, oci-api §7.2).
    #[serde(default = "five_minutes")]
    pub absence_settle: Duration,
    /// How late an audit event may come before its absence is reported (undocumented). No decision rests on it.
    #[serde(default = "fifteen_minutes")]
    pub audit_lag: Duration,
    /// How old regions and compartments may be that the journal remembers, for a version to be minted while identity does
    /// not answer. What is in the compartments is listed anew all the same.
    #[serde(default = "a_day")]
    pub scopes_age_max: Duration,
    /// How long a claim on a rotation lasts without renewal.
    pub claim_ttl: Duration,
}

impl Margins {
    /// What production uses; the numbers of protocol.md.
    #[must_use]
    pub fn production() -> Self {
        let (secs, mins) = (Duration::from_secs, |m: u64| Duration::from_secs(60 * m));
        Self {
            skew_limit: mins(5),
            processing: secs(60),
            list_lag: secs(60),
            clock_error: secs(30),
            clock_offset_max: mins(4),
            token_life: mins(23 * 60),
            poll_min: secs(2),
            poll_max: secs(30),
            flip_deadline: mins(60),
            replica_deadline: mins(24 * 60),
            work_request_deadline: mins(7 * 24 * 60),
            search_lag: mins(30),
            absence_settle: mins(5),
            audit_lag: mins(15),
            scopes_age_max: a_day(),
            claim_ttl: secs(60),
        }
    }

    /// Seconds instead of minutes, for tests and demonstrations against the emulator.
    #[must_use]
    pub fn lab() -> Self {
        let secs = Duration::from_secs;
        Self {
            skew_limit: secs(5),
            processing: secs(2),
            list_lag: secs(2),
            clock_error: secs(2),
            clock_offset_max: secs(4),
            token_life: secs(600),
            poll_min: Duration::from_millis(100),
            poll_max: Duration::from_millis(500),
            flip_deadline: secs(60),
            replica_deadline: secs(60),
            work_request_deadline: secs(60),
            search_lag: secs(3),
            absence_settle: secs(2),
            audit_lag: secs(20),
            scopes_age_max: a_day(),
            claim_ttl: secs(5),
        }
    }

    /// Q of protocol.md: after it, nothing signed with the date it is counted from can still happen or hide.
    #[must_use]
    pub fn quiet_period(&self) -> Duration {
        self.skew_limit + self.processing + self.list_lag + self.clock_error
    }

    /// Whether anything is shorter than in production; whoever shows results must then say so.
    #[must_use]
    pub fn is_shortened(&self) -> bool {
        let production = Self::production();
        self.skew_limit < production.skew_limit
            || self.processing < production.processing
            || self.list_lag < production.list_lag
            || self.clock_error < production.clock_error
            || self.search_lag < production.search_lag
            || self.absence_settle < production.absence_settle
    }
}

/// Limits with names (style §9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Tries of one effect before it is given up; counted in the journal, before the call.
    pub attempts: u32,
    /// First wait after a failed try; doubles, full jitter.
    pub backoff_base: Duration,
    /// Longest wait between two tries.
    pub backoff_max: Duration,
    /// Dependents one rotation may touch without being told otherwise.
    pub blast_radius: u32,
    /// Effects in flight at once.
    pub in_flight: usize,
    /// Keys that are worked on at once when many are due; one that only waits makes room for the next.
    #[serde(default = "sixteen")]
    pub keys_at_once: usize,
    /// Refusals in a row (no answer, 5xx) of one service in one region after which a pass asks it no more there: what is
    /// left of its places is named unreachable. 0: each is asked.
    #[serde(default = "three")]
    pub unreachable_after: u32,
    /// Dependents per page; at most 1,000.
    pub page_size: usize,
    /// Versions minted per vault and day, whatever a tag says (R3).
    pub mints_per_vault_and_day: u32,
    /// Versions a vault may hold before minting is refused (oci-api §2.3: 100 in a virtual vault).
    pub versions_per_vault: u32,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            attempts: 8,
            backoff_base: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            blast_radius: 500,
            in_flight: 16,
            keys_at_once: sixteen(),
            unreachable_after: three(),
            page_size: 1000,
            mints_per_vault_and_day: 20,
            versions_per_vault: 100,
        }
    }
}

/// A tag that says "this resource is meant to be under a managed key".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagSelector {
    /// Namespace of a defined tag; `None` for a free-form tag.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Tag key.
    pub key: String,
    /// Tag value.
    pub value: String,
}

impl TagSelector {
    /// Whether tags hold exactly this one.
    #[must_use]
    pub fn is_on(&self, tags: &super::Tags) -> bool {
        let value = match &self.namespace {
            Some(namespace) => tags.defined.get(namespace).and_then(|keys| keys.get(&self.key)),
            None => tags.freeform.get(&self.key),
        };
        value == Some(&self.value)
    }

    /// The part that Search's query language cannot say, and why: it documents no escape, so nothing that could end its
    /// quotes may go into a query (oci-api §4).
    #[must_use]
    pub fn unsearchable(&self) -> Option<(&'static str, &'static str)> {
        let parts =
            [("namespace", self.namespace.as_deref()), ("key", Some(&*self.key)), ("value", Some(&*self.value))];
        let is_hostile = |c: char| matches!(c, '\'' | '"' | '\\' | '`') || c.is_control();
        parts.into_iter().find_map(|(name, part)| match part? {
            "" => Some((name, "it is empty")),
            part if part.chars().any(is_hostile) => {
                Some((name, "it holds a quote, a backslash or a control character, for which Search has no escape"))
            }
            _ => None,
        })
    }
}

/// What to do when an answer to a mint was lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ambiguity {
    /// Trust the retry token (A1): ask again at once with the same one.
    Fast,
    /// Wait the quiet period; believe definitive refusals (A6).
    #[default]
    Standard,
    /// Wait the quiet period after refusals too.
    Strict,
}

/// A promise that a key store does not make and that the owner accepts to do without (protocol.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Risk {
    /// Requests are not refused by their date (A3): only the retry token guards against a second version.
    NoDateFence,
    /// Repeated sends are not recognised (A1): only the date fence guards against a second version.
    NoRetryToken,
    /// IAM policies name the key by its OCID, and may deny its successor (oci-api §5.3).
    PinnedPolicies,
    /// Volumes are given the key again that they have; Oracle does not document what that does (oci-api §0 fact 3).
    SameKeyVolumes,
    /// Parts of the scope could not be looked at for block storage, which forbids several versions of a key (R4).
    UnseenBlockStorage,
}

/// A defined tag's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TagName {
    /// Namespace; only keywheel may write it (IAM).
    pub namespace: String,
    /// Tag key.
    pub key: String,
}

/// How new material is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StrategyPolicy {
    /// By what the dependents can do with several versions (R5).
    #[default]
    Auto,
    /// A successor key for every dependent.
    NewKey,
}

/// What to make of a key that is first seen with several versions: nobody knows whether data hangs on earlier ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum HistoryPolicy {
    /// The owner says that nothing hangs on an earlier version.
    AssumeMoved,
    /// Say so in a finding; the next rotation moves everything anyway.
    #[default]
    Report,
    /// The key is behind: move everything to the current version without a mint.
    Sweep,
}

/// How keys are to be rotated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// How long a version may protect new data.
    pub cryptoperiod: Duration,
    /// Younger than this, a version is not superseded without being named; default half the cryptoperiod.
    pub min_age: Duration,
    /// Rotate a key that protects nothing we can see.
    pub rotate_when_empty: bool,
    /// Dependents to leave alone.
    pub exclude: BTreeSet<ResourceId>,
    /// Lost answers.
    pub ambiguity: Ambiguity,
    /// How new material is made.
    #[serde(default)]
    pub strategy: StrategyPolicy,
    /// The defined tag on a successor that names the rotation it came from (R8).
    #[serde(default = "lineage_tag")]
    pub lineage_tag: TagName,
    /// How often `rotate_due` looks whether something still, or again, hangs on a predecessor.
    #[serde(default = "a_day")]
    pub predecessor_look: Duration,
    /// Keys first seen with several versions.
    #[serde(default)]
    pub history: HistoryPolicy,
    /// Promises of the key store that the owner does without, each by name; stated in every report.
    #[serde(default)]
    pub accept_risks: BTreeSet<Risk>,
    /// What a kind does with several versions of its key, where the owner says otherwise than its adapter.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<Kind, RekeyClass>,
    /// Where deployments with journals of their own announce their mints to each other; `None`: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_register: Option<TagName>,
}

impl Policy {
    /// A policy with this cryptoperiod and defaults for the rest.
    #[must_use]
    pub fn with_cryptoperiod(cryptoperiod: Duration) -> Self {
        Self {
            cryptoperiod,
            min_age: cryptoperiod / 2,
            rotate_when_empty: false,
            exclude: BTreeSet::new(),
            ambiguity: Ambiguity::default(),
            strategy: StrategyPolicy::default(),
            lineage_tag: lineage_tag(),
            predecessor_look: a_day(),
            history: HistoryPolicy::default(),
            accept_risks: BTreeSet::new(),
            classes: BTreeMap::new(),
            intent_register: None,
        }
    }
}

impl Budgets {
    /// How many keys are worked on at once: one at least.
    #[must_use]
    pub fn keys_at_once(&self) -> usize {
        self.keys_at_once.max(1)
    }
}

fn sixteen() -> usize {
    16
}

fn three() -> u32 {
    3
}

fn five_minutes() -> Duration {
    Duration::from_secs(300)
}

fn fifteen_minutes() -> Duration {
    Duration::from_secs(15 * 60)
}

fn a_day() -> Duration {
    Duration::from_secs(86_400)
}

fn lineage_tag() -> TagName {
    TagName { namespace: "keywheel".to_owned(), key: "lineage".to_owned() }
}

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Keys to manage; with `vaults` empty too: every AES key that can be seen is only reported, none rotated.
    #[serde(default)]
    pub keys: BTreeSet<KeyId>,
    /// Vaults whose AES keys are managed.
    #[serde(default)]
    pub vaults: BTreeSet<VaultId>,
    /// Compartments that hold vaults and keys, without what lies below them; empty: every one that can be seen is asked
    /// for keys of the vaults named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub key_compartments: BTreeSet<CompartmentId>,
    /// Regions to search for dependents; empty: all the tenancy subscribes to.
    #[serde(default)]
    pub regions: BTreeSet<Region>,
    /// Compartments to search for dependents; with `compartment_trees` empty too: all that can be seen.
    #[serde(default)]
    pub compartments: BTreeSet<CompartmentId>,
    /// Compartments to search together with everything below them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub compartment_trees: BTreeSet<CompartmentId>,
    /// Kinds to look at; empty: all that an adapter knows.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub kinds: BTreeSet<Kind>,
    /// The owner's statement that nothing of these kinds, which `kinds` leaves out, is under keys in scope.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub nothing_under_keys: BTreeSet<Kind>,
    /// Tagged resources under another key that a rotation moves to its own; `None`: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enroll: Option<Enroll>,
}

impl Scope {
    /// Whether a kind is to be looked at.
    #[must_use]
    pub fn wants(&self, kind: &Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(kind)
    }
}

/// Everything `decide` may look at besides the state: checked, typed, from one config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Settings {
    /// How keys are to be rotated.
    pub policy: Policy,
    /// Where to look.
    pub scope: Scope,
    /// Tag that marks resources meant to be under a managed key.
    pub tag: Option<TagSelector>,
    /// Waits and assumptions.
    pub margins: Margins,
    /// Limits.
    pub budgets: Budgets,
    /// Whether this is a rehearsal (loopback endpoints): everything written is stamped TEST.
    pub is_test: bool,
}

impl Settings {
    /// Production settings with a cryptoperiod of 90 days.
    #[must_use]
    pub fn production() -> Self {
        Self {
            policy: Policy::with_cryptoperiod(Duration::from_secs(90 * 86_400)),
            scope: Scope::default(),
            tag: None,
            margins: Margins::production(),
            budgets: Budgets::default(),
            is_test: false,
        }
    }

    /// The same with the seconds of [`Margins::lab`], stamped TEST.
    #[must_use]
    pub fn lab() -> Self {
        Self {
            margins: Margins::lab(),
            budgets: Budgets {
                backoff_base: Duration::from_millis(50),
                backoff_max: Duration::from_secs(1),
                ..Budgets::default()
            },
            is_test: true,
            ..Self::production()
        }
    }
}
