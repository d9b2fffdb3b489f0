//! Errors as data: what, may I retry, did it land, in words that every host language maps to its own class.
//!
//! The words are part of the bindings' contract: a word never changes meaning. Never a secret.

use std::collections::BTreeMap;

use keywheel::model::Timestamp;
use keywheel::{Error, ErrorKind, Landed, Retry};
use serde::{Deserialize, Serialize};

/// An error as it crosses a language border.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong, as a word: `config`, `refused`, `conflict` …
    pub kind: String,
    /// Whether trying again makes sense: `never`, `now`, `later`.
    pub retry: String,
    /// How long to wait first, if the service said so.
    #[serde(default)]
    pub retry_after_ms: Option<u64>,
    /// Whether the effect may have happened: `no`, `maybe`, `yes`.
    pub landed: String,
    /// Which operation failed.
    #[serde(default)]
    pub operation: String,
    /// What happened, to what, and what to do.
    pub message: String,
    /// The service's own code, such as `IncorrectState`.
    pub code: Option<String>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// What the service called our request.
    pub request_id: Option<String>,
    /// The far end's clock, where it answered; a port of the host's may say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_date: Option<Timestamp>,
    /// Named values: OCIDs, regions, counts, paths.
    pub context: BTreeMap<String, String>,
}

impl Failure {
    /// A mistake of ours; nobody knows whether anything happened.
    #[must_use]
    pub fn bug(operation: &str, message: String) -> Box<Self> {
        Box::new(Self { landed: "maybe".to_owned(), ..Self::new("bug", operation, message) })
    }

    /// A refusal at the door: nothing has happened.
    #[must_use]
    pub fn refused(operation: &str, message: String) -> Box<Self> {
        Box::new(Self::new("refused", operation, message))
    }

    /// Nothing could be done now; later it may be.
    pub(crate) fn unavailable(operation: &str, message: String) -> Box<Self> {
        Box::new(Self { retry: "later".to_owned(), ..Self::new("unavailable", operation, message) })
    }

    fn new(kind: &str, operation: &str, message: String) -> Self {
        Self {
            kind: kind.to_owned(),
            retry: "never".to_owned(),
            retry_after_ms: None,
            landed: "no".to_owned(),
            operation: operation.to_owned(),
            message,
            code: None,
            status: None,
            request_id: None,
            server_date: None,
            context: BTreeMap::new(),
        }
    }

    /// The JSON that bindings read back into an exception.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a failure is strings, numbers and a map of strings")
    }
}

impl From<Error> for Box<Failure> {
    fn from(error: Error) -> Self {
        let (retry, retry_after_ms) = match error.retry() {
            Retry::Later(after) => ("later", after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX))),
            Retry::Never => ("never", None),
            Retry::Now => ("now", None),
        };
        let landed = match error.landed() {
            Landed::Maybe => "maybe",
            Landed::No => "no",
            Landed::Yes => "yes",
        };
        // `to_string` has the operation, context and request id in it, so that a host that shows only the
        // message loses nothing.
        Self::new(Failure {
            kind: kind_word(error.kind()).to_owned(),
            retry: retry.to_owned(),
            retry_after_ms,
            landed: landed.to_owned(),
            operation: error.operation().to_owned(),
            message: error.to_string(),
            code: error.code().map(str::to_owned),
            status: error.status(),
            request_id: error.request_id().map(ToString::to_string),
            server_date: error.server_date(),
            context: error.context().iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        })
    }
}

/// The word for a kind (design §4).
fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "config",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Denied => "denied",
        ErrorKind::Exhausted => "exhausted",
        ErrorKind::Foreign => "foreign",
        ErrorKind::Fork => "fork",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Refused => "refused",
        ErrorKind::Throttled => "throttled",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Unavailable => "unavailable",
        // `ErrorKind` is open: a kind added to core needs a word here, and the test below asks for it.
        _ => "bug",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_retry_and_landed_cross_the_border_intact() {
        let error = Error::new(ErrorKind::Timeout, "create_version", "no answer; settle before retrying")
            .may_have_landed()
            .retry_later(Some(std::time::Duration::from_millis(1500)))
            .with_code(503, "ServiceUnavailable")
            .with("region", "us-ashburn-1");
        let failure = Box::<Failure>::from(error);
        assert_eq!((failure.kind.as_str(), failure.landed.as_str()), ("timeout", "maybe"));
        assert_eq!((failure.retry.as_str(), failure.retry_after_ms), ("later", Some(1500)));
        assert_eq!((failure.status, failure.code.as_deref()), (Some(503), Some("ServiceUnavailable")));
        assert_eq!(failure.context["region"], "us-ashburn-1");
        let read: Failure = serde_json::from_str(&failure.to_json()).expect("our own JSON");
        assert_eq!(read, *failure);
    }

    #[test]
    fn every_kind_has_its_own_word() {
        let kinds = [
            ErrorKind::Bug,
            ErrorKind::Config,
            ErrorKind::Conflict,
            ErrorKind::Corrupt,
            ErrorKind::Denied,
            ErrorKind::Exhausted,
            ErrorKind::Foreign,
            ErrorKind::Fork,
            ErrorKind::NotFound,
            ErrorKind::Refused,
            ErrorKind::Throttled,
            ErrorKind::Timeout,
            ErrorKind::Unavailable,
        ];
        for kind in kinds {
            // The word is the variant's name in snake_case, so a new kind cannot borrow another's.
            let name = format!("{kind:?}");
            let snake: String = name
                .char_indices()
                .map(|(i, c)| {
                    if i > 0 && c.is_uppercase() {
                        format!("_{}", c.to_ascii_lowercase())
                    } else {
                        c.to_ascii_lowercase().to_string()
                    }
                })
                .collect();
            assert_eq!(kind_word(kind), snake);
        }
    }
}
