//! Claims: the right to drive a rotation for a while. They save work; compare-and-append is the safety.

use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};

use super::Engine;
use super::turns::Turn;
use crate::model::{StreamId, Timestamp};
use crate::ports::{Claim, Fence};
use crate::{Error, ErrorKind, Result};

/// A claim that is kept alive, and the epoch appends are made under. Shared by a rotation and its pages.
pub(super) struct Held {
    claim: Mutex<Claim>,
    epoch: AtomicU64,
    turn: Turn,
}

impl Held {
    pub(super) fn fence(&self) -> Fence {
        let scope = self.claim().scope;
        Fence { scope, epoch: self.epoch.load(Ordering::SeqCst), raises: false }
    }

    fn claim(&self) -> Claim {
        self.claim.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// The turn under which all of this is done.
    pub(super) fn turn(&self) -> &Turn {
        &self.turn
    }

    /// When half of the claim's life has passed.
    pub(super) fn renew_at(&self, ttl: Duration) -> Timestamp {
        self.claim().until - ttl / 2
    }
}

impl Engine {
    /// Claims a rotation. A claim of a runner that died lapses; one that is renewed does not.
    pub(super) async fn claim(&self, scope: &StreamId, turn: Turn) -> Result<Held> {
        let ttl = self.settings.margins.claim_ttl;
        let patience = self.ports.clock.now() + ttl + ttl / 4;
        loop {
            let now = self.ports.clock.now();
            match self.ports.journal.claim(scope, &self.runner, now, ttl).await {
                Ok(claim) => {
                    let epoch = AtomicU64::new(claim.epoch);
                    return Ok(Held { claim: Mutex::new(claim), epoch, turn });
                }
                Err(error) if error.kind() == ErrorKind::Conflict && now < patience => {
                    turn.rest(self.ports.clock.sleep_until(now + ttl / 8)).await;
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    return Err(Error::new(ErrorKind::Conflict, "claim", "another runner drives this rotation")
                        .retry_later(Some(ttl))
                        .with("rotation", scope)
                        .caused_by(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Prolongs the claim if half of it has passed.
    pub(super) async fn keep(&self, held: &Held) -> Result<()> {
        let ttl = self.settings.margins.claim_ttl;
        if self.ports.clock.now() < held.renew_at(ttl) {
            return Ok(());
        }
        self.renew(held).await
    }

    /// After a conflict: is the claim still ours, and under which epoch do we go on?
    pub(super) async fn renew(&self, held: &Held) -> Result<()> {
        let ttl = self.settings.margins.claim_ttl;
        let claim = held.claim();
        let renewed = self.ports.journal.renew(&claim, self.ports.clock.now(), ttl).await?;
        let epoch = self.ports.journal.epoch(&claim.scope).await?;
        held.epoch.store(epoch, Ordering::SeqCst);
        *held.claim.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = renewed;
        Ok(())
    }

    /// Waits for the key's turn, if it has none, and keeps the claim alive meanwhile.
    pub(super) async fn stand_in_line(&self, held: &Held) -> Result<()> {
        let mut line = pin!(held.turn.stand_in_line());
        if line.as_mut().now_or_never().is_some() {
            return Ok(());
        }
        loop {
            let renew = self.ports.clock.sleep_until(held.renew_at(self.settings.margins.claim_ttl));
            match select(line.as_mut(), renew).await {
                Either::Left(_) => return Ok(()),
                Either::Right(_) => self.keep(held).await?,
            }
        }
    }

    /// Gives the claim back; a failure only costs the next runner a wait.
    pub(super) async fn release(&self, held: &Held) {
        if let Err(error) = self.ports.journal.release(&held.claim()).await {
            tracing::debug!(%error, "the claim lapses by itself");
        }
    }
}
