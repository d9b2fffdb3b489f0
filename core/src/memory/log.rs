//! What World answered, so that a test can require that a "not yet" was said before a step went on.
//!
//! Entries are never changed; the oldest fall out once there are more than the settings allow.

use std::sync::Arc;

use crate::model::{Region, RequestId, Timestamp};

/// Something that was asked for and is not so yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotYet {
    /// A volume or backup exists and is still being made.
    Creation,
    /// A newer version exists but is not current yet.
    Flip,
    /// A version exists that ListKeyVersions does not show yet.
    List,
    /// A version has not reached the replica region yet.
    Replica,
    /// Resource Search does not show yet what is so.
    Search,
    /// A work request has not ended yet.
    WorkRequest,
}

/// What was remarkable about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Note {
    /// The request acted later than it was sent.
    Delayed,
    /// The request never arrived, or its answer never did.
    Lost,
    /// The answer was "not yet".
    NotYet(NotYet),
    /// A good answer to a call that moves nothing: a work request that will complete so, a key that is not assigned.
    SilentNoOp,
    /// A retry token was recognised: the first answer was given again.
    TokenReplay,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When, by World's clock.
    pub at: Timestamp,
    /// Region asked.
    pub region: Region,
    /// Service, e.g. `kms`.
    pub service: &'static str,
    /// Operation, e.g. `create_key_version`.
    pub operation: &'static str,
    /// What it was about: an OCID, a bucket's name, a compartment.
    pub subject: String,
    /// Who asked.
    pub principal: Arc<str>,
    /// HTTP status of what World did, seen by the caller or not.
    pub status: u16,
    /// OCI's error code; empty for a good answer.
    pub code: &'static str,
    /// Retry token of the request, where it had one.
    pub token: Option<String>,
    /// Date the request was signed with, where that was said.
    pub date: Option<Timestamp>,
    /// What was remarkable.
    pub note: Option<Note>,
    /// The service's name for the request.
    pub request_id: RequestId,
}
