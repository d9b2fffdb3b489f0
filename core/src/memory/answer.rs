//! What goes into World and what comes out: calls, answers, refusals, pages.
//!
//! Speaks OCI's language (status, code, etag, request id, whole-second date) without a wire format.
//! Nothing here decides anything.

use std::sync::Arc;

use super::log::{NotYet, Note};
use crate::model::{Etag, Region, RequestId, Timestamp, VaultId};

/// Who calls: a principal, as the tenancy sees it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caller {
    /// The principal's id; tokens and denials are per principal.
    pub principal: Arc<str>,
}

impl Caller {
    /// A caller by this principal.
    #[must_use]
    pub fn new(principal: &str) -> Self {
        Self { principal: principal.into() }
    }

    /// The principal that the port views use.
    #[must_use]
    pub fn keywheel() -> Self {
        Self::new("keywheel")
    }

    /// A principal for what somebody else does.
    #[must_use]
    pub fn somebody_else() -> Self {
        Self::new("somebody-else")
    }
}

/// The part of a request that is the same for every operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// The date the request is signed with; `None`: the present, never refused.
    pub date: Option<Timestamp>,
    /// `opc-retry-token`.
    pub token: Option<String>,
    /// `if-match`.
    pub if_match: Option<String>,
    /// `if-none-match`.
    pub if_none_match: Option<String>,
}

impl Call {
    /// A plain call.
    #[must_use]
    pub fn by(caller: &Caller) -> Self {
        Self { caller: caller.clone(), date: None, token: None, if_match: None, if_none_match: None }
    }

    /// The same, signed with a date.
    #[must_use]
    pub fn dated(mut self, date: Timestamp) -> Self {
        self.date = Some(date);
        self
    }

    /// The same with a retry token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same with an if-match.
    #[must_use]
    pub fn if_match(mut self, etag: &str) -> Self {
        self.if_match = Some(etag.to_owned());
        self
    }

    /// The same with `if-none-match: *`.
    #[must_use]
    pub fn if_absent(mut self) -> Self {
        self.if_none_match = Some("*".to_owned());
        self
    }
}

/// A good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// The entity tag, where the operation has one.
    pub etag: Option<Etag>,
    /// The service's name for the request.
    pub request_id: RequestId,
    /// The service's clock, whole seconds.
    pub date: Timestamp,
}

/// A bad answer, or none: see [`Refusal::is_silence`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 0 means that no answer arrives at all.
    pub status: u16,
    /// OCI's error code.
    pub code: &'static str,
    /// OCI's words.
    pub message: String,
    /// The service's name for the request; nobody sees it on silence.
    pub request_id: RequestId,
    /// The service's clock, whole seconds.
    pub date: Timestamp,
}

impl Refusal {
    /// Whether no answer arrives: the connection must be dropped without a byte.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        self.status == 0
    }
}

/// What every operation returns.
pub type Told<T> = Result<Answer<T>, Refusal>;

/// Which part of a listing is wanted.
#[derive(Debug, Clone, Default)]
pub struct PageQuery {
    /// At most so many items; World's page size bounds it.
    pub limit: Option<usize>,
    /// The token of an earlier part.
    pub page: Option<String>,
}

impl PageQuery {
    /// The part that begins at this token.
    #[must_use]
    pub fn at(page: Option<&str>) -> Self {
        Self { limit: None, page: page.map(str::to_owned) }
    }
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    /// The items; may be none although there is more.
    pub items: Vec<T>,
    /// Token of the next part.
    pub next: Option<String>,
}

/// One vault's management endpoint: a replica has one of its own in its region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VaultEndpoint {
    /// Which vault's keys are meant.
    pub vault: VaultId,
    /// In which region.
    pub region: Region,
}

/// A refusal before it has a request id and a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct No {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl No {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, "NotAuthorizedOrNotFound", format!("resource {what} is not authorized or not found"))
    }

    pub(super) fn incorrect_state(message: impl Into<String>) -> Self {
        Self::new(409, "IncorrectState", message)
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidParameter", message)
    }

    pub(super) fn no_etag_match() -> Self {
        Self::new(412, "NoEtagMatch", "the if-match value is not the resource's current etag")
    }

    pub(super) fn is_silence(&self) -> bool {
        self.status == 0
    }

    pub(super) fn silence() -> Self {
        Self::new(0, "NoAnswer", "no answer arrives")
    }
}

/// A good answer before it has a request id and a date.
#[derive(Debug)]
pub(super) struct Yes<T> {
    pub(super) value: T,
    pub(super) etag: Option<Etag>,
    pub(super) note: Option<Note>,
}

impl<T> Yes<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value, etag: None, note: None }
    }

    pub(super) fn etag(mut self, etag: Etag) -> Self {
        self.etag = Some(etag);
        self
    }

    pub(super) fn not_yet(mut self, not_yet: Option<NotYet>) -> Self {
        self.note = not_yet.map(Note::NotYet);
        self
    }

    pub(super) fn note(mut self, note: Note) -> Self {
        self.note = Some(note);
        self
    }
}

/// What an operation's own code returns.
pub(super) type Verdict<T> = Result<Yes<T>, No>;
