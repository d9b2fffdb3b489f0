//! Ports that a host language implements: one call, method and JSON, and what its answers are taken for.
//!
//! An exception in a port means that nobody knows what happened, unless the port says so in keywheel's own error.
//! An answer that cannot be read is of kind `foreign`, with the reason. Nothing here trusts a host.
#![allow(clippy::disallowed_methods, reason = "a host that never answers is a timeout by the wall clock")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keywheel::model::RequestId;
use keywheel::{Error, ErrorKind, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::Failure;

/// How long a port of the host's may take over one call.
const ANSWERS_WITHIN: Duration = Duration::from_secs(600);
/// Characters of a host's answer or exception that a message repeats.
const SHOWN: usize = 400;

/// Something that a host language implements: a port, or the fixture of a suite.
pub trait Foreign: Send + Sync {
    /// Begins one call on a thread that may block; `reply` hears its answer, from any thread.
    fn invoke(&self, method: &str, arguments: &str, reply: Reply);
}

/// Where an answer goes. Dropped without one, it says that nobody knows what happened.
pub struct Reply(oneshot::Sender<std::result::Result<String, Thrown>>);

/// What a host threw.
pub enum Thrown {
    /// keywheel's own error: the port knows what happened and says it.
    Error(Box<Failure>),
    /// Anything else, in words.
    Other(String),
}

impl Reply {
    /// The answer, JSON.
    pub fn answer(self, answered: std::result::Result<String, Thrown>) {
        // Whoever asked may have been given up meanwhile.
        let _ = self.0.send(answered);
    }
}

/// Whether a call may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// It may: an exception leaves it in doubt.
    Effect,
    /// It only looks.
    Look,
}

/// How many calls are with a host at this moment: virtual time stands still for them.
#[derive(Debug, Default)]
pub(crate) struct Abroad(AtomicUsize);

impl Abroad {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    fn enter(self: &Arc<Self>) -> Away {
        self.0.fetch_add(1, Ordering::SeqCst);
        Away(Arc::clone(self))
    }
}

struct Away(Arc<Abroad>);

impl Drop for Away {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A host's port with what one needs to call it.
#[derive(Clone)]
pub(crate) struct Guest {
    foreign: Arc<dyn Foreign>,
    abroad: Arc<Abroad>,
}

impl Guest {
    pub(crate) fn new(foreign: Arc<dyn Foreign>, abroad: Arc<Abroad>) -> Self {
        Self { foreign, abroad }
    }

    /// Calls a method and reads its answer.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        sort: Sort,
        arguments: &Value,
    ) -> Result<T> {
        let _away = self.abroad.enter();
        let (sender, receiver) = oneshot::channel();
        let (foreign, arguments) = (Arc::clone(&self.foreign), arguments.to_string());
        tokio::task::spawn_blocking(move || foreign.invoke(method, &arguments, Reply(sender)));
        let told = match tokio::time::timeout(ANSWERS_WITHIN, receiver).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Err(Thrown::Other("the port went away without an answer".to_owned())),
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout, method, "the port did not answer");
                return Err(sort.in_doubt(error).with("seconds", ANSWERS_WITHIN.as_secs()));
            }
        };
        match told {
            Ok(answer) => serde_json::from_str(&answer).map_err(|reason| nonsense(method, sort, &answer, &reason)),
            Err(thrown) => Err(sort.thrown(method, thrown)),
        }
    }
}

impl Sort {
    /// An error after which nobody knows what happened, unless there was nothing to happen.
    fn in_doubt(self, error: Error) -> Error {
        match self {
            Self::Effect => error.may_have_landed(),
            Self::Look => error.cannot_have_landed(),
        }
    }

    fn thrown(self, method: &'static str, thrown: Thrown) -> Error {
        match thrown {
            Thrown::Error(failure) => self.said(method, *failure),
            Thrown::Other(text) => {
                let message = format!("the port raised an exception: {}", shown(&text));
                self.in_doubt(Error::new(ErrorKind::Foreign, method, message).retry_later(None))
            }
        }
    }

    /// What a port says in keywheel's own words is believed, but for what only keywheel can know of itself.
    fn said(self, method: &'static str, failure: Failure) -> Error {
        let kind = match failure.kind() {
            ErrorKind::Bug | ErrorKind::Corrupt => ErrorKind::Foreign,
            kind => kind,
        };
        let message = if failure.message.is_empty() { "the port refused" } else { &failure.message };
        let mut error = Error::new(kind, method, shown(message));
        error = match (failure.status, failure.code, kind) {
            (Some(status), code, _) => error.with_code(status, code.unwrap_or_default()),
            // A conflict of the far end's has a status: without one it would be taken for the journal's.
            (None, code, ErrorKind::Conflict) => error.with_code(409, code.unwrap_or_default()),
            (None, Some(code), _) => error.with_code(0, code),
            (None, None, _) => error,
        };
        error = match failure.retry.as_str() {
            "never" => error.retry_never(),
            "later" => error.retry_later(failure.retry_after_ms.map(Duration::from_millis)),
            _ => error,
        };
        let request_id = failure.request_id.and_then(|id| RequestId::parse(id).ok());
        error = error.answered(failure.server_date, request_id);
        match failure.landed.as_str() {
            "no" => error.cannot_have_landed(),
            "yes" => error.has_landed(),
            _ => self.in_doubt(error),
        }
    }
}

/// An answer that cannot be read. What it answered to may have happened all the same.
fn nonsense(method: &'static str, sort: Sort, answer: &str, reason: &serde_json::Error) -> Error {
    let message = format!("the port's answer cannot be used: {reason}; it was {}", shown(answer));
    sort.in_doubt(Error::new(ErrorKind::Foreign, method, message).retry_never())
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Failure {
    /// The kind that a word names; an unknown word is a host's own.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.kind.as_str() {
            "bug" => ErrorKind::Bug,
            "config" => ErrorKind::Config,
            "conflict" => ErrorKind::Conflict,
            "corrupt" => ErrorKind::Corrupt,
            "denied" => ErrorKind::Denied,
            "exhausted" => ErrorKind::Exhausted,
            "fork" => ErrorKind::Fork,
            "not_found" => ErrorKind::NotFound,
            "refused" => ErrorKind::Refused,
            "throttled" => ErrorKind::Throttled,
            "timeout" => ErrorKind::Timeout,
            "unavailable" => ErrorKind::Unavailable,
            _ => ErrorKind::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use keywheel::{Landed, Retry};
    use serde_json::json;

    use super::*;

    /// A host that answers every call with the same.
    struct Host(fn(Reply));

    impl Foreign for Host {
        fn invoke(&self, _: &str, _: &str, reply: Reply) {
            (self.0)(reply);
        }
    }

    async fn error(sort: Sort, answer: fn(Reply)) -> Error {
        let guest = Guest::new(Arc::new(Host(answer)), Arc::default());
        guest.ask::<u32>("create_version", sort, &json!({})).await.expect_err("it is no number")
    }

    #[tokio::test]
    async fn an_exception_is_in_doubt_and_a_look_never_is() {
        let raise = |reply: Reply| reply.answer(Err(Thrown::Other("KeyError: 'x'".to_owned())));
        let thrown = error(Sort::Effect, raise).await;
        assert_eq!((thrown.kind(), thrown.landed()), (ErrorKind::Foreign, Landed::Maybe));
        assert_eq!(thrown.retry(), Retry::Later(None));
        assert!(thrown.to_string().contains("KeyError"), "{thrown}");
        assert_eq!(error(Sort::Look, raise).await.landed(), Landed::No);
        assert_eq!(error(Sort::Effect, drop).await.landed(), Landed::Maybe, "it never answered");
    }

    #[tokio::test]
    async fn nonsense_is_foreign_with_the_reason() {
        let error = error(Sort::Effect, |reply| reply.answer(Ok("{\"a\":1}".to_owned()))).await;
        assert_eq!((error.kind(), error.landed(), error.retry()), (ErrorKind::Foreign, Landed::Maybe, Retry::Never));
        assert!(error.to_string().contains("invalid type: map, expected u32"), "{error}");
    }

    #[tokio::test]
    async fn what_a_port_says_in_our_words_is_believed_but_not_what_only_we_know() {
        fn say(kind: &str, reply: Reply) {
            let failure = Failure { kind: kind.to_owned(), ..*Failure::refused("x", "a stale etag".to_owned()) };
            reply.answer(Err(Thrown::Error(Box::new(failure))));
        }
        let stale = error(Sort::Effect, |reply| say("conflict", reply)).await;
        assert_eq!((stale.kind(), stale.landed(), stale.status()), (ErrorKind::Conflict, Landed::No, Some(409)));
        assert_eq!(error(Sort::Effect, |reply| say("bug", reply)).await.kind(), ErrorKind::Foreign);
        assert_eq!(error(Sort::Effect, |reply| say("fork", reply)).await.kind(), ErrorKind::Fork);
    }
}
