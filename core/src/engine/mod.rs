//! The only async logic: performs what `rotation` decided and writes down what came of it.
//!
//! Intent on disk, then the effect, then the outcome on disk. The engine never decides and never spawns:
//! everything runs in the caller's task, so dropping the future is a crash, and a crash is safe.

mod absence;
mod alarm;
mod alarm_by;
mod announce;
mod attribute;
mod audit;
mod backoff;
mod book;
mod claim;
mod doctor;
mod drive;
mod enroll;
mod keeping;
mod kinds;
mod learn;
mod lineage;
mod mint;
mod notify;
mod open;
mod overtake;
mod page_answers;
mod page_driver;
mod pages;
mod pass;
mod perform;
mod policies;
mod progress;
mod read_back;
mod reconcile;
mod report;
mod restored;
mod scope;
mod scopes;
mod server_time;
mod silence;
mod tick;
mod turns;
mod view;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use async_broadcast::{InactiveReceiver, Sender};

pub use drive::Driven;
pub use open::Opening;
pub use progress::{Progress, ProgressStream};
pub use tick::TICK_KEPT_EVERY;
pub use turns::{Turn, Turns};
pub use view::Walked;

use crate::model::{KeyId, LearnedRate, RunnerId, Settings, Timestamp};
use crate::ports::{Ports, Scopes};
use crate::rotation::registry::Registry;
use crate::{Error, Result};
use book::Book;
use server_time::ServerTime;

/// What drives rotations: ports, settings, and what one process remembers between calls.
pub struct Engine {
    ports: Ports,
    settings: Settings,
    runner: RunnerId,
    server_time: Mutex<ServerTime>,
    registry: Mutex<Option<Book<Registry>>>,
    lineages: lineage::Lineages,
    /// Keys that were in scope when that was last asked.
    keys_seen: Mutex<Option<BTreeSet<KeyId>>>,
    /// Whether a place of keys did not answer then: there may be others.
    keys_unseen: AtomicBool,
    /// Regions and compartments as they were seen last, until they are written down.
    scopes_seen: Mutex<Option<(Timestamp, Scopes)>>,
    /// Sinks that were asked what keeps their entries, and when.
    keeping_asked: Mutex<BTreeMap<String, Timestamp>>,
    /// What the journal keeps of services' limits, once it was read.
    rates_kept: Mutex<Option<Vec<LearnedRate>>>,
    progress: Sender<Progress>,
    // Keeps the channel open while nobody listens.
    _listener: InactiveReceiver<Progress>,
}

impl Engine {
    /// An engine with a runner id of its own.
    #[must_use]
    pub fn new(settings: Settings, ports: Ports) -> Arc<Self> {
        let mut bytes = [0; 10];
        ports.random.fill(&mut bytes);
        let name = format!("run-{}", data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase());
        let runner = RunnerId::parse(name).expect("base32 is graphic");
        let (mut progress, listener) = async_broadcast::broadcast(progress::KEPT);
        progress.set_overflow(true);
        progress.set_await_active(false);
        let listener = listener.deactivate();
        let (server_time, registry) = (Mutex::new(ServerTime::default()), Mutex::new(None));
        let (keys_seen, lineages) = (Mutex::default(), lineage::Lineages::default());
        Arc::new(Self {
            ports,
            settings,
            runner,
            server_time,
            registry,
            lineages,
            keys_seen,
            keys_unseen: AtomicBool::new(false),
            scopes_seen: Mutex::default(),
            keeping_asked: Mutex::default(),
            rates_kept: Mutex::default(),
            progress,
            _listener: listener,
        })
    }

    /// What it may do.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The world as it sees it.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    fn server_time(&self) -> std::sync::MutexGuard<'_, ServerTime> {
        // A panic while the lock was held cannot leave an estimate half written: it is two numbers.
        self.server_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept_registry(&self) -> std::sync::MutexGuard<'_, Option<Book<Registry>>> {
        // It is replaced whole or not at all.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys_seen(&self) -> std::sync::MutexGuard<'_, Option<BTreeSet<KeyId>>> {
        self.keys_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scopes_seen(&self) -> std::sync::MutexGuard<'_, Option<(Timestamp, Scopes)>> {
        self.scopes_seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeping_asked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Timestamp>> {
        // Each entry is written whole.
        self.keeping_asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rates_kept(&self) -> std::sync::MutexGuard<'_, Option<Vec<LearnedRate>>> {
        // It is replaced whole or not at all.
        self.rates_kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nonce(&self) -> [u8; 16] {
        let mut nonce = [0; 16];
        self.ports.random.fill(&mut nonce);
        nonce
    }
}

/// A violation while reading is a corrupt journal: somebody wrote what no keywheel writes.
fn corrupt(stream: &crate::model::StreamId, seq: u64, why: &impl ToString) -> Error {
    Error::new(crate::ErrorKind::Corrupt, "read_journal", why.to_string()).with("stream", stream).with("seq", seq)
}

/// Shorthand of the rooms below: nothing or an error.
type Done = Result<()>;
