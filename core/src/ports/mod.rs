//! The traits between the engine and the world: small, object safe, contracts in numbered promises.
//!
//! Nothing here does anything. Adapters, `memory` and host languages implement these; one
//! conformance suite per trait (`testkit::conformance`) holds all of them to the same promises.

mod audit_log;
mod audit_sink;
mod clock;
mod examiner;
mod journal;
mod key_store;
mod metric_sink;
mod notifier;
mod pace;
mod random;
mod rekeyer;
mod reply;
mod resource_catalog;
mod signer;

use std::sync::Arc;

pub use audit_log::AuditLog;
pub use audit_sink::{AuditEntry, AuditSink, Keeping, KeepingPromise, LastHeld};
pub use clock::Clock;
pub use examiner::Examiner;
pub use journal::{Append, Claim, Fence, Journal, JournalExt};
pub use key_store::{KeyMint, KeyStore, KeyStoreExt, KeyStorePromises, VersionMint};
pub use metric_sink::MetricSink;
pub use notifier::{Notice, Notifier, Severity};
pub use pace::Pace;
pub use random::Random;
pub use rekeyer::{
    Begun, KindSpec, Observation, Presence, ReKeyer, StepRequest, Ticket, TicketReport, TicketState, unusable_key,
};
pub use reply::{Cursor, Page, Reply};
pub use resource_catalog::{
    Candidate, CatalogPage, Copies, KeyHint, ResourceCatalog, ScopedRegion, Scopes, SearchTypes, Selector,
};
pub use signer::{Signer, SignerPublicKey};

pub use crate::model::StepKind;

#[cfg(feature = "testkit")]
#[doc(hidden)]
pub mod doubles {
    //! The mockall doubles, re-exported by `testkit`.
    pub use super::audit_log::MockAuditLog;
    pub use super::audit_sink::MockAuditSink;
    pub use super::clock::MockClock;
    pub use super::examiner::MockExaminer;
    pub use super::journal::MockJournal;
    pub use super::key_store::MockKeyStore;
    pub use super::metric_sink::MockMetricSink;
    pub use super::notifier::MockNotifier;
    pub use super::random::MockRandom;
    pub use super::rekeyer::MockReKeyer;
    pub use super::resource_catalog::MockResourceCatalog;
    pub use super::signer::MockSigner;
}

/// Everything a rotator needs from the world.
#[derive(Clone)]
#[allow(missing_docs, reason = "each field is named after its trait")]
pub struct Ports {
    pub key_store: Arc<dyn KeyStore>,
    pub catalog: Arc<dyn ResourceCatalog>,
    pub rekeyer: Arc<dyn ReKeyer>,
    pub audit: Vec<Arc<dyn AuditSink>>,
    pub notifiers: Vec<Arc<dyn Notifier>>,
    pub metrics: Vec<Arc<dyn MetricSink>>,
    pub audit_log: Option<Arc<dyn AuditLog>>,
    pub examiner: Option<Arc<dyn Examiner>>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub pace: Option<Arc<dyn Pace>>,
}

impl Ports {
    /// Adds somebody else's notifier.
    #[must_use]
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }

    /// Adds somebody else's sink of metrics.
    #[must_use]
    pub fn metric_sink(mut self, sink: Arc<dyn MetricSink>) -> Self {
        self.metrics.push(sink);
        self
    }

    /// Adds somebody else's audit sink.
    #[must_use]
    pub fn audit_sink(mut self, sink: Arc<dyn AuditSink>) -> Self {
        self.audit.push(sink);
        self
    }
}
