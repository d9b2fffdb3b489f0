//! Enrolling: tagged resources under another key than those that are managed, moved to a managed key by policy.
//!
//! Off unless the owner says from where and to which key. The tag alone moves nothing (design §6).

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::KeyId;

/// From which keys tagged resources are moved. Each wider than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnrollFrom {
    /// From Oracle's own key only.
    OraclesKey,
    /// From keys that nobody manages here, too.
    UnmanagedKeys,
    /// From keys that are managed here, too: their lineages lose what carries the tag.
    AnyKey,
}

/// Which tagged resources are moved, and to which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Enroll {
    /// From where.
    pub from: EnrollFrom,
    /// Keys that take them, each in the regions where it can be used; where two could, neither does. A key's successor takes its
    /// place.
    pub to: BTreeSet<KeyId>,
}

/// What an enrolled resource was under when it was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnrolledFrom {
    /// Another key of the tenancy's.
    Key(KeyId),
    /// Oracle's own key.
    OraclesKey,
}

impl EnrolledFrom {
    /// What the owning service's word about a resource's key means here.
    #[must_use]
    pub fn of(key: Option<&KeyId>) -> Self {
        key.map_or(Self::OraclesKey, |key| Self::Key(key.clone()))
    }

    /// The key; `None`: Oracle's.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        match self {
            Self::Key(key) => Some(key),
            Self::OraclesKey => None,
        }
    }
}

impl fmt::Display for EnrolledFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => key.fmt(f),
            Self::OraclesKey => f.write_str("Oracle's own key"),
        }
    }
}
