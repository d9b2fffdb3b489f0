//! One error type that answers three questions: what, may I retry, did it land.
//!
//! Whoever makes an error says which operation and what to do. Nothing secret may enter one:
//! context values are OCIDs, regions, counts, paths.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::model::{RequestId, Timestamp};

/// Shorthand used all over the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A mistake of ours.
    Bug,
    /// The configuration cannot be used.
    Config,
    /// Somebody else changed it first: etag, journal head, epoch, state.
    Conflict,
    /// Bytes are not what was written: broken chain, unreadable line.
    Corrupt,
    /// Not allowed, or the credentials are wrong.
    Denied,
    /// The budget of tries is spent.
    Exhausted,
    /// A port written by somebody else broke its promise.
    Foreign,
    /// Two different histories claim one place.
    Fork,
    /// Not there, or not visible to us: OCI says the same for both (oci-api §7.2).
    NotFound,
    /// We or the service will not do this, for a stated reason.
    Refused,
    /// Too many requests.
    Throttled,
    /// No answer in time.
    Timeout,
    /// Cannot be reached, or failed on the far side.
    Unavailable,
}

/// Whether and when trying again makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Later, after at least this long if the service said so.
    Later(Option<Duration>),
    /// It would fail again.
    Never,
    /// At once, after re-reading what changed.
    Now,
}

/// Whether the effect may have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Landed {
    /// Nobody knows: bytes left the machine and no definitive answer came back.
    Maybe,
    /// It did not.
    No,
    /// It did.
    Yes,
}

/// The error of every call in keywheel.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    landed: Landed,
    operation: &'static str,
    message: String,
    code: Option<String>,
    status: Option<u16>,
    context: Vec<(&'static str, String)>,
    server_date: Option<Timestamp>,
    request_id: Option<RequestId>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that will fail again and did not land, unless said otherwise.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable => Retry::Later(None),
            ErrorKind::Conflict => Retry::Now,
            _ => Retry::Never,
        };
        Self(Box::new(Inner {
            kind,
            retry,
            landed: Landed::No,
            operation,
            message: message.into(),
            code: None,
            status: None,
            context: Vec::new(),
            server_date: None,
            request_id: None,
            source: None,
        }))
    }

    /// A broken assumption of our own.
    pub fn bug(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Bug, operation, message)
    }

    /// A stated refusal before anything was changed.
    pub fn refused(operation: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, operation, message)
    }

    /// Reads an OCI answer's status and code by the table of oci-api §7.2.
    ///
    /// The one place that decides which refusals are definitive (A6): 4xx except 408, 409
    /// `InvalidatedRetryToken` (the token did cause a change once). Everything else may have landed.
    pub fn from_service(operation: &'static str, status: u16, code: &str, message: impl Into<String>) -> Self {
        let (kind, retry, landed) = match (status, code) {
            (408, _) => (ErrorKind::Timeout, Retry::Later(None), Landed::Maybe),
            (409, "InvalidatedRetryToken") => (ErrorKind::Conflict, Retry::Never, Landed::Maybe),
            (409, "IncorrectState" | "LockConflict" | "ExternalServerIncorrectState") => {
                (ErrorKind::Conflict, Retry::Later(None), Landed::No)
            }
            (409, _) => (ErrorKind::Conflict, Retry::Never, Landed::No),
            (401 | 403, _) => (ErrorKind::Denied, Retry::Never, Landed::No),
            (404, _) => (ErrorKind::NotFound, Retry::Never, Landed::No),
            (405, _) => (ErrorKind::Bug, Retry::Never, Landed::No),
            (412, _) => (ErrorKind::Conflict, Retry::Now, Landed::No),
            (429, _) => (ErrorKind::Throttled, Retry::Later(None), Landed::No),
            (501, _) => (ErrorKind::Refused, Retry::Never, Landed::No),
            (400..=499, _) => (ErrorKind::Refused, Retry::Never, Landed::No),
            _ => (ErrorKind::Unavailable, Retry::Later(None), Landed::Maybe),
        };
        let mut error = Self::new(kind, operation, message).with_code(status, code);
        error.0.retry = retry;
        error.0.landed = landed;
        error
    }

    /// Says that trying again later makes sense, not before `after` if the service said so.
    #[must_use]
    pub fn retry_later(mut self, after: Option<Duration>) -> Self {
        self.0.retry = Retry::Later(after);
        self
    }

    /// Says that trying again would fail again.
    #[must_use]
    pub fn retry_never(mut self) -> Self {
        self.0.retry = Retry::Never;
        self
    }

    /// Says that bytes left the machine and no definitive answer came.
    #[must_use]
    pub fn may_have_landed(mut self) -> Self {
        self.0.landed = Landed::Maybe;
        self
    }

    /// Says that there was no effect to happen: the call was a read.
    #[must_use]
    pub fn cannot_have_landed(mut self) -> Self {
        self.0.landed = Landed::No;
        self
    }

    /// Says that the effect happened although the call failed.
    #[must_use]
    pub fn has_landed(mut self) -> Self {
        self.0.landed = Landed::Yes;
        self
    }

    /// Adds a named value; never a secret.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((name, value.to_string()));
        self
    }

    /// Keeps the service's own code and HTTP status.
    #[must_use]
    pub fn with_code(mut self, status: u16, code: impl Into<String>) -> Self {
        self.0.status = Some(status);
        self.0.code = Some(code.into());
        self
    }

    /// Keeps what every answer carries, errors included.
    #[must_use]
    pub fn answered(mut self, server_date: Option<Timestamp>, request_id: Option<RequestId>) -> Self {
        self.0.server_date = server_date;
        self.0.request_id = request_id;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Whether the far end did not answer, or failed on its side: it says nothing about what was asked for. "Too many
    /// requests" is an answer.
    #[must_use]
    pub fn is_out_of_reach(&self) -> bool {
        let is_silent = matches!(self.kind(), ErrorKind::Exhausted | ErrorKind::Timeout | ErrorKind::Unavailable);
        is_silent && self.status() != Some(429)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying again makes sense.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether the effect may have happened.
    #[must_use]
    pub fn landed(&self) -> Landed {
        self.0.landed
    }

    /// Which operation failed.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// What happened and what to do, without context.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The service's own code, such as `InvalidatedRetryToken`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The HTTP status, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Named values.
    #[must_use]
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }

    /// The far end's clock, if it answered.
    #[must_use]
    pub fn server_date(&self) -> Option<Timestamp> {
        self.0.server_date
    }

    /// What the far end called our request.
    #[must_use]
    pub fn request_id(&self) -> Option<&RequestId> {
        self.0.request_id.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}: {}", inner.operation, inner.message)?;
        if let Some(code) = &inner.code {
            write!(f, " [{} {code}]", inner.status.unwrap_or_default())?;
        }
        for (name, value) in &inner.context {
            write!(f, ", {name} {value}")?;
        }
        if let Some(id) = &inner.request_id {
            write!(f, ", request {id}")?;
        }
        if inner.landed == Landed::Maybe {
            write!(f, " (it may have taken effect)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "Error({:?}, {:?}, {:?}: {self}", inner.kind, inner.retry, inner.landed)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, "; caused by {cause}")?;
            source = cause.source();
        }
        write!(f, ")")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalidated_retry_token_is_no_definitive_refusal() {
        let landed = |status, code| Error::from_service("create_version", status, code, "").landed();
        assert_eq!(landed(409, "InvalidatedRetryToken"), Landed::Maybe);
        assert_eq!(landed(409, "IncorrectState"), Landed::No);
        assert_eq!(landed(429, "TooManyRequests"), Landed::No);
        assert_eq!(landed(500, "InternalServerError"), Landed::Maybe);
        assert_eq!(landed(302, ""), Landed::Maybe);
    }

    #[test]
    fn an_error_says_what_where_and_whether_it_landed() {
        let error = Error::new(ErrorKind::Timeout, "create_version", "no answer; settle before retrying")
            .may_have_landed()
            .with("region", "us-ashburn-1");
        assert_eq!(error.landed(), Landed::Maybe);
        assert_eq!(error.retry(), Retry::Later(None));
        assert_eq!(
            error.to_string(),
            "create_version: no answer; settle before retrying, region us-ashburn-1 (it may have taken effect)"
        );
    }
}
