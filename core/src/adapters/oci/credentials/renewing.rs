//! Credentials that end: a session is fetched when there is none, before it ends, when what it came from changed, and
//! after a 401; once for everybody who waits for it.
//!
//! Where a session comes from is the source's business. Whatever fails here fails before a request was made, so
//! nothing can have landed.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::Mutex;

use super::token::Token;
use super::{Credentials, Refreshed, SigningKey};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::model::Timestamp;
use crate::ports::Clock;

/// A session is renewed so long before it ends, as the official SDKs do.
const MARGIN: Duration = Duration::from_secs(60);
/// No source is asked more often than this, whatever its sessions say.
const FETCH_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// After a failure everybody gets the same answer for this long.
const FAILURE_REST: Duration = Duration::from_secs(5);
/// How often files are looked at for a change.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// A key and the token that says whose it is.
pub(super) struct Session {
    pub key: Arc<SigningKey>,
    pub token: Token,
    /// When to fetch the next one; never, if nobody knows when this one ends.
    pub renew_at: Option<Timestamp>,
}

impl Session {
    /// A session that is renewed a minute before it ends, or half-way if it is shorter than two minutes.
    pub(super) fn until_it_ends(key: Arc<SigningKey>, token: Token, now: Timestamp) -> Self {
        let renew_at = token.expires().map(|end| {
            let left = Duration::try_from(end.duration_since(now)).unwrap_or_default();
            end.saturating_sub(MARGIN.min(left / 2)).expect("a minute is in range")
        });
        Self { key, token, renew_at }
    }

    /// A session that is renewed at half of its life, counted from when its token was made.
    pub(super) fn until_half_way(key: Arc<SigningKey>, token: Token, now: Timestamp) -> Self {
        let renew_at = token.expires().map(|end| {
            let made = token.issued().unwrap_or(now);
            let life = Duration::try_from(end.duration_since(made)).unwrap_or_default();
            end.saturating_sub(life / 2).expect("a token's life is in range")
        });
        Self { key, token, renew_at }
    }
}

/// Where sessions come from.
#[async_trait]
pub(super) trait Source: Send + Sync {
    /// The session of now. An ended one is an error that says what to do.
    async fn fetch(&self, now: Timestamp) -> Result<Session>;

    /// Whether what the last session was fetched from has changed since; cheap.
    fn has_changed(&self) -> bool {
        false
    }
}

/// Credentials over a source of sessions.
pub(super) struct Renewing<S> {
    source: S,
    clock: Arc<dyn Clock>,
    held: RwLock<Held>,
    /// Held by the one who fetches.
    gate: Mutex<()>,
    exportable: bool,
}

#[derive(Default)]
struct Held {
    session: Option<Arc<Session>>,
    /// How many sessions there have been.
    generation: u64,
    fetched: Option<Timestamp>,
    looked: Option<Timestamp>,
    /// What the session came from has changed.
    stale: bool,
    failed: Option<Failure>,
}

/// A fetch that failed, remembered so that those who wait do not all fail one after the other.
struct Failure {
    at: Timestamp,
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    message: String,
}

impl Failure {
    fn again(&self) -> Error {
        let error = Error::new(self.kind, self.operation, self.message.clone());
        match self.retry {
            Retry::Later(after) => error.retry_later(after),
            Retry::Never | Retry::Now => error.retry_never(),
        }
    }
}

fn is_within(since: Option<Timestamp>, now: Timestamp, span: Duration) -> bool {
    // A clock that was set back must not stop anything for long.
    since.is_some_and(|since| now.duration_since(since).unsigned_abs() < span)
}

impl<S: Source> Renewing<S> {
    pub(super) fn new(source: S, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, held: RwLock::default(), gate: Mutex::default(), exportable: false }
    }

    /// The same, with a session that was fetched already.
    pub(super) fn starting_with(session: Session, source: S, clock: Arc<dyn Clock>) -> Self {
        let renewing = Self::new(source, clock);
        renewing.keep(session, renewing.clock.now());
        renewing
    }

    /// Lets `exportable_key` hand out the key of the present session.
    pub(super) fn exportable(mut self) -> Self {
        self.exportable = true;
        self
    }

    fn held<T>(&self, read: impl FnOnce(&mut Held) -> T) -> T {
        read(&mut self.held.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The session to sign with now.
    pub(super) async fn current(&self) -> Result<Arc<Session>> {
        if let Some(answer) = self.ready() {
            return answer;
        }
        let _one = self.gate.lock().await;
        // Somebody may have fetched it while this one waited.
        match self.ready() {
            Some(answer) => answer,
            None => self.fetch().await,
        }
    }

    /// What can be said without fetching.
    fn ready(&self) -> Option<Result<Arc<Session>>> {
        let now = self.clock.now();
        let look = self.held(|held| {
            let look = held.session.is_some() && !is_within(held.looked, now, LOOK_INTERVAL);
            if look {
                held.looked = Some(now);
            }
            look
        });
        let changed = look && self.source.has_changed();
        self.held(|held| {
            held.stale |= changed;
            if held.stale {
                return None;
            }
            let failed = held.failed.as_ref().filter(|failure| is_within(Some(failure.at), now, FAILURE_REST));
            if let Some(session) = &held.session {
                let lives = session.renew_at.is_none_or(|at| now < at)
                    || is_within(held.fetched, now, FETCH_INTERVAL_MIN)
                    || failed.is_some() && session.token.expires().is_none_or(|end| now < end);
                if lives {
                    return Some(Ok(Arc::clone(session)));
                }
            }
            failed.map(|failure| Err(failure.again()))
        })
    }

    /// Fetches; the caller holds the gate. A session that has not ended outlives a failure.
    async fn fetch(&self) -> Result<Arc<Session>> {
        let now = self.clock.now();
        match self.source.fetch(now).await {
            Ok(session) => Ok(self.keep(session, now)),
            Err(error) => {
                let error = error.cannot_have_landed();
                let held = self.fail(&error, now);
                match held.filter(|session| session.token.expires().is_none_or(|end| now < end)) {
                    Some(session) => {
                        tracing::warn!(%error, "credentials could not be renewed; the present ones have not ended");
                        Ok(session)
                    }
                    None => Err(error),
                }
            }
        }
    }

    fn keep(&self, session: Session, now: Timestamp) -> Arc<Session> {
        let session = Arc::new(session);
        self.held(|held| {
            let same = held.session.as_ref().is_some_and(|known| known.token.is(&session.token));
            held.generation += u64::from(!same);
            held.fetched = Some(now);
            held.looked = Some(now);
            held.failed = None;
            held.stale = false;
            held.session = Some(Arc::clone(&session));
        });
        session
    }

    fn fail(&self, error: &Error, at: Timestamp) -> Option<Arc<Session>> {
        let failure = Failure {
            at,
            kind: error.kind(),
            retry: error.retry(),
            operation: error.operation(),
            message: error.message().to_owned(),
        };
        self.held(|held| {
            held.failed = Some(failure);
            held.stale = false;
            held.session.clone()
        })
    }
}

#[async_trait]
impl<S: Source> Credentials for Renewing<S> {
    async fn key_id(&self) -> Result<String> {
        Ok(self.current().await?.token.key_id())
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        self.current().await?.key.signature(signing_string)
    }

    async fn refresh(&self) -> Result<Refreshed> {
        let before = self.held(|held| held.generation);
        let _one = self.gate.lock().await;
        let now = self.clock.now();
        // Who was refused with the one before the present one needs no third.
        let fresh = self.held(|held| {
            held.generation != before || held.generation > 1 && is_within(held.fetched, now, FETCH_INTERVAL_MIN)
        });
        if fresh {
            return Ok(Refreshed::Renewed);
        }
        let failed = self.held(|held| {
            held.failed.as_ref().filter(|one| is_within(Some(one.at), now, FAILURE_REST)).map(Failure::again)
        });
        if let Some(error) = failed {
            return Err(error);
        }
        match self.source.fetch(now).await {
            Ok(session) => {
                self.keep(session, now);
                let renewed = self.held(|held| held.generation != before);
                Ok(if renewed { Refreshed::Renewed } else { Refreshed::Same })
            }
            Err(error) => {
                let error = error.cannot_have_landed();
                self.fail(&error, now);
                Err(error)
            }
        }
    }

    fn exportable_key(&self) -> Option<SecretString> {
        let session = self.held(|held| held.session.clone()).filter(|_| self.exportable)?;
        session.key.to_pem()
    }
}

impl<S> fmt::Debug for Renewing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "renewing_tests.rs"]
mod tests;
