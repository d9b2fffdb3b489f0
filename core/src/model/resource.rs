//! What a key protects: dependents, how they take new material, and what became of each.

use serde::{Deserialize, Serialize};

use super::{CompartmentId, KeyId, KeyVersionId, NamespaceName, Region, RequestId, ResourceId, Tags, Timestamp};

/// A kind of resource, by the name Resource Search uses (compare without case, oci-api §4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// Assignment of a backup policy to a volume or volume group: it names the key of copies in another region.
    BackupPolicyAssignment,
    /// Block volume.
    BlockVolume,
    /// Block volume backup.
    BlockVolumeBackup,
    /// Block volume replica, in another region than its volume.
    BlockVolumeReplica,
    /// Boot volume.
    BootVolume,
    /// Boot volume backup.
    BootVolumeBackup,
    /// Boot volume replica, in another region than its volume.
    BootVolumeReplica,
    /// Object Storage bucket.
    Bucket,
    /// OKE cluster: the key wraps what wraps its Kubernetes secrets, and is fixed at creation.
    Cluster,
    /// Compute instance configuration: a template that names the keys of what it launches.
    InstanceConfiguration,
    /// OKE node pool: its nodes' boot volumes are made under the key that it names.
    NodePool,
    /// A kind no adapter of ours moves; named, reported, never touched.
    #[serde(untagged)]
    Other(String),
}

impl Kind {
    /// The service that lists it: what one of its kinds does not answer, the others will hardly answer either.
    #[must_use]
    pub fn service(&self) -> &'static str {
        match self {
            Self::Bucket => "objectstorage",
            Self::Cluster | Self::NodePool => "containerengine",
            Self::BackupPolicyAssignment
            | Self::BlockVolume
            | Self::BlockVolumeBackup
            | Self::BlockVolumeReplica
            | Self::BootVolume
            | Self::BootVolumeBackup
            | Self::BootVolumeReplica
            | Self::InstanceConfiguration => "iaas",
            Self::Other(_) => "other",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::BackupPolicyAssignment => "backup policy assignment",
            Self::BlockVolume => "block volume",
            Self::BlockVolumeBackup => "block volume backup",
            Self::BlockVolumeReplica => "block volume replica",
            Self::BootVolume => "boot volume",
            Self::BootVolumeBackup => "boot volume backup",
            Self::BootVolumeReplica => "boot volume replica",
            Self::Bucket => "bucket",
            Self::Cluster => "OKE cluster",
            Self::InstanceConfiguration => "instance configuration",
            Self::NodePool => "OKE node pool",
            Self::Other(name) => name,
        })
    }
}

/// What a kind does with several versions of its key (design §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RekeyClass {
    /// A source that no call updates: what it goes on creating is left to a person.
    FixedSource,
    /// Undefined by Oracle: must move to another key before a version is minted (block storage).
    Forbids,
    /// Takes no notice of versions (Autonomous Database Serverless).
    Ignores,
    /// Re-wraps on request (bucket).
    Rewraps,
    /// A template that would create dependents and can be told another key: it goes to the successor, and never holds a
    /// version back.
    Source,
    /// New wraps use the new version, old ones stay; harmless, no operation (OKE, secrets).
    Tolerates,
}

/// One step of moving a dependent. Each has its own intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// Say which key the resource uses. Conditional: if-match.
    AssignKey,
    /// Say the key it uses once more, so that the service makes its data key anew: what Oracle's API text says of a
    /// volume and its guide calls undefined (oci-api §0 fact 3). Conditional: if-match. In doubt it is done again.
    Reassign,
    /// Wrap its data keys anew under the key's current version. Convergent: no token, no if-match.
    Rewrap,
}

impl StepKind {
    /// Whether it takes the etag that was read, and is settled by reading.
    #[must_use]
    pub fn is_conditional(self) -> bool {
        matches!(self, Self::AssignKey | Self::Reassign)
    }
}

/// How new material is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Strategy {
    /// A successor key takes over.
    NewKey,
    /// The same key gets a new version.
    NewVersion,
}

/// How we came to know a dependent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FoundBy {
    /// The journal knew it: it was left unfinished, by an overtaken rotation or before a resume.
    Journal,
    /// The owning service listed it.
    List,
    /// Only Resource Search showed it.
    Search,
}

/// A resource that may be wrapped by a key, addressed well enough to read and move it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Dependent {
    /// Its OCID.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Its region; the key it uses is that region's (oci-api §2.4).
    pub region: Region,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Display name, or the bucket's name (which is its address); foreign text.
    pub name: String,
    /// Namespace, for Object Storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NamespaceName>,
    /// Availability domain, for block storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_domain: Option<String>,
    /// Its tags as found, foreign text. A tag selects, it never causes a mutation.
    #[serde(default, skip_serializing_if = "is_untagged")]
    pub tags: Tags,
}

fn is_untagged(tags: &Tags) -> bool {
    *tags == Tags::default()
}

/// What was seen, in falling order of strength (design §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Grade {
    /// Nothing was.
    Unseen,
    /// The key id was read back equal.
    KeySeen,
    /// Our accepted change was seen completed after the new version was in use.
    ChangeSeen,
    /// The version was read back, or the key while that key has one version.
    VersionSeen,
}

impl Grade {
    /// The glossary's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unseen => "unseen",
            Self::KeySeen => "key-seen",
            Self::ChangeSeen => "change-seen",
            Self::VersionSeen => "version-seen",
        }
    }
}

/// What the evidence speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EvidenceScope {
    /// All data of the resource.
    AllData,
    /// The data keys that wrap its content; the content is not written anew.
    DataKey,
    /// Only what is written from now on.
    NewDataOnly,
    /// Oracle does not say.
    Unknown,
}

impl EvidenceScope {
    /// In words, after "of".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::AllData => "all data",
            Self::DataKey => "the data key",
            Self::NewDataOnly => "new data only",
            Self::Unknown => "what Oracle does not document",
        }
    }
}

/// A grade and a scope, with what one needs to look it up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// How strong.
    pub grade: Grade,
    /// About what.
    pub scope: EvidenceScope,
    /// Key read back from the owning service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// Version read back, where a service shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<KeyVersionId>,
    /// The request that asked for the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The work request or etag that showed the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// When the far end said so, by its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// What one must know before leaning on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<String>,
}

/// What became of one dependent (rule R10). An effect has a `Reply`; only a dependent has an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was on the new material before we acted.
    Already {
        /// What shows it.
        evidence: Evidence,
    },
    /// We could not move it.
    Blocked {
        /// Why, with what to do.
        why: String,
    },
    /// Policy says to leave it.
    Excluded {
        /// Which rule.
        policy: String,
    },
    /// It no longer exists.
    Gone {
        /// How that was established.
        how: String,
    },
    /// A person must act.
    Manual {
        /// What to do.
        remedy: String,
    },
    /// Some of its data moved.
    Partial {
        /// What did and did not.
        what: String,
    },
    /// We moved it.
    Rekeyed {
        /// What shows it.
        evidence: Evidence,
    },
}

impl Outcome {
    /// The glossary's word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Already { .. } => "already",
            Self::Blocked { .. } => "blocked",
            Self::Excluded { .. } => "excluded",
            Self::Gone { .. } => "gone",
            Self::Manual { .. } => "manual",
            Self::Partial { .. } => "partial",
            Self::Rekeyed { .. } => "rekeyed",
        }
    }

    /// Whether the rotation completes only with an exception because of it.
    #[must_use]
    pub fn is_exception(&self) -> bool {
        matches!(self, Self::Blocked { .. } | Self::Manual { .. } | Self::Partial { .. })
    }

    /// The evidence, where the outcome has any.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Already { evidence } | Self::Rekeyed { evidence } => Some(evidence),
            _ => None,
        }
    }
}

/// How well one region, compartment and kind could be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Coverage {
    /// Region looked at.
    pub region: Region,
    /// Compartment looked at; `None` for what is regional, such as Search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compartment: Option<CompartmentId>,
    /// Kind looked for; `None` where no single kind is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// The verdict.
    pub state: CoverageState,
}

/// The verdict on one part of a pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CoverageState {
    /// We may not look; what is there is unknown. 404 means this too (oci-api §7.2).
    Denied,
    /// The owner does not want this kind looked at (`scope.kinds`).
    LeftOut,
    /// The owning service listed everything it shows us.
    Listed,
    /// It could not be reached now.
    Unreachable,
    /// No adapter lists this kind.
    Unsupported,
}
