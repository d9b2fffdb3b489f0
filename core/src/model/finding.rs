//! A rule not met, in words and in a form a machine can count.

use serde::{Deserialize, Serialize};

/// What rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FindingKind {
    /// The owner says that a kind does something else with several versions of its key than its adapter says.
    ClassOverridden,
    /// A copy in another region, of what is under the key, is under Oracle's own key.
    CopyUnderOraclesKey,
    /// A compartment, region or kind could not be looked at.
    CoverageHole,
    /// A dependent ended blocked, manual or partial.
    DependentNotMoved,
    /// Two versions were made where one was meant.
    Duplicate,
    /// The key protects nothing that we can see.
    Empty,
    /// A tagged resource was under another key, or Oracle's, and policy has it moved to ours.
    Enrolled,
    /// The key was first seen with several versions: older data may still hang on an earlier one.
    HistoryUnknown,
    /// A dependent that was left unfinished, by an overtaken rotation or before a resume, is not under the key any more.
    Inherited,
    /// The journal ends before a copy of it: it was restored from a backup.
    JournalBehind,
    /// A copy of the journal tells another history.
    JournalForked,
    /// The owner does not want a kind looked at: what of it is under the key is not known.
    KindLeftOut,
    /// Dependents that carry the tag were listed, and Search does not show them.
    ListAlone,
    /// IAM policies could not be read: whether one names the key by its OCID, and would deny its successor, is not known.
    PoliciesUnread,
    /// The vault is close to its version limit.
    QuotaLow,
    /// The intent register held something else, was dated in the future, or was removed.
    RegisterUnreliable,
    /// The owner accepted a risk: a promise of the key store that is missing, or a step that Oracle does not document.
    RiskAccepted,
    /// Identity did not answer: regions and compartments are those of an earlier look.
    ScopesRemembered,
    /// Dependents were shown by Search, and no list shows them.
    SearchAlone,
    /// Margins are shorter than in production.
    ShortenedMargins,
    /// A template that no call updates goes on creating what forbids several versions under a key that gets one.
    SourceLeft,
    /// A tagged resource is not under our key.
    TaggedElsewhere,
    /// A dependent under the key does not carry the tag.
    Untagged,
}

/// One rule not met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Finding {
    /// What rule.
    pub kind: FindingKind,
    /// About what: an OCID, a region, a compartment.
    pub subject: String,
    /// What is so, and what to do.
    pub text: String,
}
