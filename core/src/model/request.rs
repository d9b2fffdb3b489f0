//! What one can ask for, and what is owed: requests and `due` (rules R1 and R2).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Actor, Deletion, KeyId, KeyVersionId, ProtectionMode, RotationId, Timestamp, VaultId};

/// A wish to rotate one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Request {
    /// Which key.
    pub key: KeyId,
    /// When.
    pub when: When,
    /// Who asks; an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
}

/// When a rotation is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum When {
    /// If the cryptoperiod has passed.
    IfDue,
    /// Now. Without `supersedes` or `request_id` it is refused while the version is younger than `min_age` (R2).
    Now {
        /// The version to supersede: two people who mean the same rotation say the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        supersedes: Option<KeyVersionId>,
        /// A name for this wish that the journal remembers: asking twice rotates once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<String>,
    },
}

/// What names a rotation: whoever means the same one computes the same name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RotationName {
    /// The key.
    pub key: KeyId,
    /// The version that is current when the rotation starts.
    pub superseded: KeyVersionId,
    /// 1, or more after a cancelled rotation of the same two.
    pub ordinal: u32,
}

/// What is owed to one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Due {
    /// The verdict.
    pub state: DueState,
    /// When the next rotation falls due, where that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
}

/// The verdicts of rule R1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DueState {
    /// OCI rotates it by itself.
    AutoRotated,
    /// Its version is young, but older data hangs on an earlier one.
    Behind,
    /// Disabled, pending deletion, or its primary cannot be reached.
    Blocked,
    /// The cryptoperiod has passed.
    Due,
    /// Imported, external or asymmetric: a person must act.
    Manual,
    /// A rotation is open.
    Open(RotationId),
    /// A successor took over.
    Predecessor,
    /// A replica: counted once, at its primary.
    Replica,
    /// Nothing is owed yet.
    Waiting,
}

impl DueState {
    /// The words of all of them, in order.
    pub const WORDS: &[&str] =
        &["auto_rotated", "behind", "blocked", "due", "manual", "open", "predecessor", "replica", "waiting"];

    /// The glossary's word for it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::AutoRotated => "auto_rotated",
            Self::Behind => "behind",
            Self::Blocked => "blocked",
            Self::Due => "due",
            Self::Manual => "manual",
            Self::Open(_) => "open",
            Self::Predecessor => "predecessor",
            Self::Replica => "replica",
            Self::Waiting => "waiting",
        }
    }
}

impl std::fmt::Display for Due {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.state.word(), self.why)
    }
}

/// One row of `due`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DueKey {
    /// Which key.
    pub key: KeyId,
    /// Its display name, foreign text.
    pub name: String,
    /// Its vault, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<VaultId>,
    /// Where its material is processed: each mode has a limit of versions of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protection: Option<ProtectionMode>,
    /// Versions that its vault can still take, by `limits.versions_per_vault`, reserved ones taken off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions_left: Option<u32>,
    /// Its current version, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_version: Option<KeyVersionId>,
    /// How old its current version is, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<Duration>,
    /// How long a version of it may protect new data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cryptoperiod: Option<Duration>,
    /// What is owed.
    pub due: Due,
    /// When its vault will be full, at the pace of the last cryptoperiod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_full_on: Option<Timestamp>,
    /// Deletions of its vault, of itself or of its versions that somebody scheduled, as far as they could be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deletions: Vec<Deletion>,
}

impl DueKey {
    /// A row of a key that could not be read.
    #[must_use]
    pub fn unread(key: KeyId, name: String, due: Due) -> Self {
        Self {
            key,
            name,
            vault: None,
            protection: None,
            versions_left: None,
            current_version: None,
            age: None,
            cryptoperiod: None,
            due,
            vault_full_on: None,
            deletions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_word_in_the_list() {
        let rid = RotationId::parse("aaaaaaaaaaaaaaaa").expect("an id");
        let all = [
            DueState::AutoRotated,
            DueState::Behind,
            DueState::Blocked,
            DueState::Due,
            DueState::Manual,
            DueState::Open(rid),
            DueState::Predecessor,
            DueState::Replica,
            DueState::Waiting,
        ];
        assert_eq!(all.map(|state| state.word()).as_slice(), DueState::WORDS);
    }
}
