//! What every answer carries, and how long answers come in parts.

use serde::{Deserialize, Serialize};

use crate::model::{Etag, RequestId, Timestamp};

/// A good answer. Bad ones are errors and carry the same two witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reply<T> {
    /// What was asked for.
    pub value: T,
    /// The entity tag, where the service sent one.
    pub etag: Option<Etag>,
    /// The far end's clock (HTTP `Date`, whole seconds).
    pub server_date: Option<Timestamp>,
    /// What the far end called our request.
    pub request_id: Option<RequestId>,
}

impl<T> Reply<T> {
    /// An answer without etag or witnesses, for ports that have none.
    pub fn bare(value: T) -> Self {
        Self { value, etag: None, server_date: None, request_id: None }
    }

    /// The same answer about something derived from the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        Reply { value: change(self.value), etag: self.etag, server_date: self.server_date, request_id: self.request_id }
    }
}

/// An opaque place to go on from. Only the port that made it may read it; it may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Cursor(pub String);

/// A part of a listing. It may be short or empty and still have a next part (oci-api §1.5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where to go on; `None` means that was all.
    pub next: Option<Cursor>,
}
