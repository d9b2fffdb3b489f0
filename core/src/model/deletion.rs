//! Somebody's scheduled deletion of a vault, a key or a version. keywheel has no call that deletes and none that stops a deletion:
//! it can only say so, to whom it may concern.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{AuditShown, Timestamp};

/// What is to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeletionOf {
    /// A key with all its versions.
    Key,
    /// One version.
    KeyVersion,
    /// A vault with all its keys.
    Vault,
}

impl DeletionOf {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Key, Self::KeyVersion, Self::Vault];

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::KeyVersion => "key_version",
            Self::Vault => "vault",
        }
    }
}

/// A deletion that is scheduled, or has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deletion {
    /// Of what.
    pub of: DeletionOf,
    /// Its OCID.
    pub id: String,
    /// When the material is gone for good, where OCI says it. It is unusable already (oci-api §2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// It has happened: nothing can be cancelled any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_done: bool,
    /// It concerns what new data is wrapped by: the key's current version is among it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_current: bool,
    /// Dependents that this journal does not know to be off it, at most; `None`: it knows of no rotation that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders_max: Option<u64>,
    /// Who scheduled it, as far as people were told what Oracle's audit log shows; `None`: it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AuditShown>,
}

impl Deletion {
    /// What a person does about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self.of {
            _ if self.is_done => "what hung on it cannot be read any more: restore it from where it was copied to",
            DeletionOf::Key => "cancel it: `oci kms management key cancel-deletion --key-id …`, or in the Console",
            DeletionOf::KeyVersion => {
                "cancel it: `oci kms management key-version cancel-deletion --key-id … --key-version-id …`, or in the Console"
            }
            DeletionOf::Vault => {
                "cancel it: `oci kms management vault cancel-deletion --vault-id …`, or in the Console"
            }
        }
    }
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match (self.of, self.is_current) {
            (DeletionOf::Key, _) => "key",
            (DeletionOf::KeyVersion, true) => "current version",
            (DeletionOf::KeyVersion, false) => "version",
            (DeletionOf::Vault, _) => "vault",
        };
        write!(f, "{what} {} ", self.id)?;
        match (self.is_done, self.at) {
            (true, _) => f.write_str("has been deleted")?,
            (false, Some(at)) => write!(f, "will be deleted on {at} and is unusable already")?,
            (false, None) => f.write_str("is scheduled for deletion and is unusable already")?,
        }
        match self.holders_max {
            Some(0) => {
                f.write_str("; every dependent that this journal knows is off it, what it does not know may not be")
            }
            Some(1) => f.write_str("; at most 1 dependent in this journal is not known to be off it"),
            Some(some) => write!(f, "; at most {some} dependents in this journal are not known to be off it"),
            None => f.write_str("; what hangs on it is not known to this journal"),
        }?;
        self.by.iter().try_for_each(|by| write!(f, "; {}", scheduled(by)))
    }
}

/// Who scheduled it, in words.
fn scheduled(by: &AuditShown) -> String {
    let nobody = "a principal that the event does not name";
    let who = |principal: &Option<String>| principal.as_deref().unwrap_or(nobody).to_owned();
    match by {
        AuditShown::Somebody { principal, at, .. } | AuditShown::Ours { principal, at, .. } => {
            format!("scheduled by {} on {at}, as the audit log shows", who(principal))
        }
        AuditShown::Presumed { principal, at, .. } => format!(
            "presumably scheduled by {} on {at}: the audit log shows one such request, and it does not name the version",
            who(principal)
        ),
        AuditShown::Ambiguous { requests } => {
            format!("who scheduled it is not certain: the audit log shows {requests} requests that may have been it")
        }
        AuditShown::NotAsked { why } => {
            format!("who scheduled it is not known: the audit log could not be asked: {why}")
        }
        AuditShown::Unknown { until } => format!(
            "who scheduled it is not known yet: audit events arrive late, and what the log shows by {until} is told once"
        ),
        AuditShown::Unseen => {
            "who scheduled it is not known: the audit log shows no request that did, which proves nothing".to_owned()
        }
    }
}
