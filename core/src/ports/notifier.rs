//! Telling people. Digests per phase, never one message per resource.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::error::Result;
use crate::model::{LineHash, RotationId};

/// Whether somebody must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Look at it soon.
    Warning,
    /// A person must act.
    Critical,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notice {
    /// The same message sent again has the same key.
    pub dedupe_key: String,
    /// Whether somebody must act.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// Plain text, at most 32 KiB; foreign text in it is escaped.
    pub body: String,
    /// The rotation it speaks of.
    pub rotation: Option<RotationId>,
    /// Head of the rotation's chain when the notice was written. Whoever keeps the notice can later show that
    /// the journal's lines up to it were not rewritten; it says nothing about lines after it.
    pub chain_head: LineHash,
}

/// Sends notices.
///
/// 1. At least once; the dedupe key is in what is sent. (`a_notice_carries_its_dedupe_key`)
/// 2. `Ok` means the service accepted it, not that somebody read it. (`ok_means_accepted`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait Notifier: Send + Sync {
    /// A name for logs and facts.
    fn name(&self) -> String;

    /// Sends one notice; returns the service's id for it.
    async fn notify(&self, notice: &Notice) -> Result<Reply<String>>;
}
