//! What every request sees: World, the API keys, the open ports.
//!
//! Keeps no cloud state of its own; whatever a client can change is in World.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use keywheel::adapters::operation::Operation;
use keywheel::memory::{VaultEndpoint, World};
use keywheel::model::Region;

use crate::endpoints::{Endpoint, Endpoints};
use crate::principals::Principals;
use crate::server::serve;
use crate::users::Users;

pub(crate) struct Shared {
    pub(crate) world: Arc<World>,
    pub(crate) closes_after_throttling: bool,
    pub(crate) users: Users,
    pub(crate) principals: Principals,
    pub(crate) endpoints: Endpoints,
    pub(crate) requests: AtomicU64,
    pub(crate) mints: Mutex<Vec<ArrivedMint>>,
    /// Good answers by user and operation.
    pub(crate) answered: Mutex<BTreeMap<(String, Operation), u64>>,
    /// Every session ends when the next mint arrives.
    pub(crate) ends_at_mint: AtomicBool,
}

/// The most mints that are remembered; a vault holds far fewer versions.
const MINTS_MAX: usize = 10_000;

/// A request to mint as it arrived, before anything was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedMint {
    /// Its path.
    pub path: String,
    /// Its `opc-retry-token`.
    pub token: Option<String>,
    /// Its `date`.
    pub date: Option<String>,
}

impl Shared {
    /// World's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// How far a request's date may be from World's clock.
    pub(crate) fn skew_limit(&self) -> Duration {
        self.world.settings().skew_limit
    }

    /// A name for a request that World never heard of.
    pub(crate) fn next_request_id(&self) -> String {
        format!("E{:031X}", self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Counts a mint that arrived, refused or not; ends sessions if that was asked for.
    pub(crate) fn arrived(&self, mint: ArrivedMint) {
        if self.ends_at_mint.swap(false, Ordering::Relaxed) {
            self.users.end_sessions(self.now());
        }
        let mut mints = self.mints.lock().unwrap_or_else(PoisonError::into_inner);
        if mints.len() < MINTS_MAX {
            mints.push(mint);
        }
    }

    /// Counts a good answer of an operation of the table.
    pub(crate) fn answered_well(&self, user: &str, operation: Operation) {
        let mut answered = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        *answered.entry((user.to_owned(), operation)).or_default() += 1;
    }

    /// World's clock as an HTTP `Date`.
    pub(crate) fn http_date(&self) -> String {
        http_date(self.now())
    }

    /// `http://127.0.0.1:PORT` of an endpoint.
    pub(crate) fn url(self: &Arc<Self>, endpoint: &Endpoint) -> io::Result<String> {
        let address = self
            .endpoints
            .address(endpoint, |listener, stop| serve(Arc::clone(self), endpoint.clone(), listener, stop))?;
        Ok(format!("http://{address}"))
    }

    pub(crate) fn region_url(self: &Arc<Self>, region: &Region) -> io::Result<String> {
        self.url(&Endpoint::Region(region.clone()))
    }

    pub(crate) fn vault_url(self: &Arc<Self>, vault: VaultEndpoint) -> io::Result<String> {
        self.url(&Endpoint::Vault(vault))
    }
}

/// An instant as RFC 9110 writes it; finer than a second is lost.
pub(crate) fn http_date(at: Timestamp) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&at).expect("World's years have four digits")
}
