//! One suite per port: the numbered promises of its trait as async functions that panic when one is broken.
//!
//! A suite knows its port and a small fixture, never an adapter. The fixtures of `world` let any adapter over a
//! [`World`](crate::memory::World) run them; an adapter over something else brings its own.

pub mod audit_sink;
pub mod catalog;
pub mod journal;
pub mod key_store;
pub mod notifier;
pub mod rekeyer;
pub mod rekeyer_assign;
pub mod rekeyer_read;
pub mod rekeyer_source;
pub mod world;

use std::time::Duration;

use async_trait::async_trait;

use crate::model::Timestamp;

/// Time as the far end sees it: virtual or real.
#[async_trait]
pub trait Passage: Send + Sync {
    /// The far end's present.
    fn now(&self) -> Timestamp;

    /// Lets so much time pass at the far end.
    async fn pass(&self, by: Duration);
}

/// Looks again until `look` says yes, for at most `within`; says whether it did.
pub(crate) async fn eventually<F>(time: &(impl Passage + ?Sized), within: Duration, mut look: F) -> bool
where
    F: AsyncFnMut() -> bool,
{
    let step = (within / 20).max(Duration::from_millis(20));
    let mut waited = Duration::ZERO;
    loop {
        if look().await {
            return true;
        }
        if waited > within {
            return false;
        }
        time.pass(step).await;
        waited += step;
    }
}
