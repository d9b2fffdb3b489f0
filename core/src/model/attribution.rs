//! Who made a version, as far as Oracle's audit log shows it: events as they were read, and what they say of one version.
//!
//! Events arrive late, and how late is not documented. What is not there proves nothing.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{KeyVersionId, RequestId, Timestamp};

/// One event of the audit log, as far as it matters here. Addresses, agents and names of people are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// The log's id for it.
    pub id: String,
    /// The API operation, such as `CreateKeyVersion`; its case is not to be relied on.
    pub operation: String,
    /// When it happened.
    pub at: Timestamp,
    /// What it was about, where that is said.
    pub resource: Option<String>,
    /// OCID of whoever asked, where that is said.
    pub principal: Option<String>,
    /// `opc-request-id` of the request.
    pub request_id: Option<RequestId>,
    /// `opc-retry-token` of the request, if the event shows its headers (not documented).
    pub retry_token: Option<String>,
    /// Whether the request was refused.
    pub is_refused: bool,
}

/// What makes a request ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OursBy {
    /// The service called the request what our journaled answer says: certain.
    RequestId,
    /// It carried a token that only a keywheel computes for this rotation: this one, or another over a journal of its own.
    RetryToken,
}

/// What the audit log says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "who", rename_all = "snake_case")]
#[non_exhaustive]
pub enum AuditShown {
    /// More than one request may have made it.
    Ambiguous {
        /// How many.
        requests: u32,
    },
    /// The log could not be asked.
    NotAsked {
        /// Why.
        why: String,
    },
    /// A request of ours.
    Ours {
        /// What shows it.
        by: OursBy,
        /// OCID of whom it was signed by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal: Option<String>,
        /// When, by the log.
        at: Timestamp,
        /// Its `opc-request-id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// One request can have been it, and it does not name what it was about.
    Presumed {
        /// OCID of whom it was signed by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal: Option<String>,
        /// When, by the log.
        at: Timestamp,
        /// Its `opc-request-id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// A request that this journal does not know.
    Somebody {
        /// OCID of whom it was signed by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        principal: Option<String>,
        /// When, by the log.
        at: Timestamp,
        /// Its `opc-request-id`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<RequestId>,
    },
    /// Nothing yet. Events arrive late: before `until`, that nothing is there says nothing at all.
    Unknown {
        /// Until when, by the assumption `margins.audit_lag`.
        until: Timestamp,
    },
    /// Nothing, although events should have arrived by the assumption `margins.audit_lag`. It proves nothing either.
    Unseen,
}

/// Who made one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Attribution {
    /// The version.
    pub version: KeyVersionId,
    /// When it was made, by KMS's clock.
    pub made_at: Timestamp,
    /// What the audit log says.
    pub shown: AuditShown,
}

impl fmt::Display for Attribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nobody = "a principal that the event does not name".to_owned();
        let name = |principal: &Option<String>| principal.clone().unwrap_or_else(|| nobody.clone());
        write!(f, "{}: ", self.version)?;
        match &self.shown {
            AuditShown::Ambiguous { requests } => write!(f, "{requests} requests may have made it"),
            AuditShown::Ours { by: OursBy::RequestId, principal, .. } => {
                write!(f, "ours by its request id, signed by {}", name(principal))
            }
            AuditShown::Ours { by: OursBy::RetryToken, principal, .. } => {
                write!(f, "a keywheel's by its retry token, signed by {}", name(principal))
            }
            AuditShown::NotAsked { why } => write!(f, "the audit log could not be asked: {why}"),
            AuditShown::Presumed { principal, at, .. } => write!(f, "presumably made by {} at {at}", name(principal)),
            AuditShown::Somebody { principal, at, .. } => write!(f, "made by {} at {at}", name(principal)),
            AuditShown::Unknown { until } => write!(f, "unknown until {until}: audit events arrive late"),
            AuditShown::Unseen => f.write_str("the audit log shows no request that made it, which proves nothing"),
        }
    }
}
