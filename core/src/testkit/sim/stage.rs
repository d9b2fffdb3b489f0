//! The stage: one tenancy, one journal, virtual time, and what the fates know about them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;

use super::clock::JumpingClock;
use super::dice::Dice;
use super::scenario::{Broken, Scenario};
use super::{mixed, oke};
use crate::memory::{Failure, ManualClock, MemoryAuditSink, MemoryJournal, SeededRandom, World};
use crate::model::{
    Ambiguity, Budgets, CompartmentId, Enroll, EnrollFrom, KeyId, KeyVersionId, Kind, Margins, Region, ResourceId,
    Settings, StreamId, TagSelector, Timestamp,
};
use crate::ports::{AuditSink, Clock, Ports};
use crate::testkit::lab::{ELSEWHERE, HOME};

/// What is true about a bucket, volume or backup, by those who did it.
#[derive(Debug, Clone)]
pub(super) struct DependentTruth {
    pub(super) id: ResourceId,
    pub(super) name: String,
    pub(super) region: Region,
    pub(super) compartment: CompartmentId,
    /// Since which request it has been under the key, in one place, without a break.
    pub(super) steady_since: Option<u64>,
    pub(super) exists: bool,
}

/// What is true about a cluster, node pool or instance configuration.
#[derive(Debug, Clone)]
pub(super) struct HolderTruth {
    pub(super) truth: DependentTruth,
    pub(super) kind: Kind,
    /// Of a pool: what else it makes its nodes with, by the last who changed that.
    pub(super) settings: String,
}

/// Everything the tasks of one simulation share.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) world: Arc<World>,
    pub(super) clock: ManualClock,
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) settings: Settings,
    pub(super) key: KeyId,
    pub(super) other_key: KeyId,
    pub(super) superseded: KeyVersionId,
    pub(super) compartments: Vec<CompartmentId>,
    pub(super) clocks: Vec<JumpingClock>,
    pub(super) kills: Vec<Cell<bool>>,
    pub(super) buckets: RefCell<Vec<DependentTruth>>,
    /// Volumes and backups. Steady: nobody but us took them off the key.
    pub(super) blocks: RefCell<Vec<DependentTruth>>,
    /// Clusters, node pools and configurations. Steady: nobody but us took them off the key.
    pub(super) holders: RefCell<Vec<HolderTruth>>,
    /// The policy by which services other than Object Storage use keys, where World asks.
    pub(super) policy: RefCell<Option<ResourceId>>,
    /// Keys that only claim to be successors.
    pub(super) fakes: RefCell<Vec<KeyId>>,
    /// 0: the disk is well; 1: full; 2: unreachable.
    pub(super) disk: Arc<AtomicU8>,
    pub(super) healed: Cell<bool>,
    pub(super) heals_at: Timestamp,
    /// How many lines the tape had when the journal was put back from a backup.
    pub(super) put_back: Cell<Option<usize>>,
    /// Where a journal that may be put back is copied to.
    pub(super) sinks: Vec<Arc<dyn AuditSink>>,
    pub(super) backup: RefCell<BTreeMap<StreamId, usize>>,
    pub(super) struck: RefCell<BTreeMap<&'static str, u64>>,
}

const FULL: u8 = 1;
const DOWN: u8 = 2;

impl Stage {
    pub(super) fn new(scenario: &Scenario) -> Rc<Self> {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a valid instant");
        let (home, elsewhere) = (region(HOME), region(ELSEWHERE));
        let clock = ManualClock::new(start);
        let world = World::new(clock.clone(), &home, scenario.world.clone());
        world.add_region(&elsewhere);
        let tenancy = world.tenancy_id();
        let compartments: Vec<_> =
            (0..scenario.compartments).map(|n| world.add_compartment(&format!("c{n}"), &tenancy)).collect();
        let keys = world.add_compartment("keys", &tenancy);
        let vault = world.add_vault(&home, &keys, "vault");
        let vault = if scenario.is_replicated { vault.replica(&elsewhere).done() } else { vault.done() };
        let created = start - Duration::from_secs(100 * 86_400);
        let key = world.add_key(&vault, &keys, "k", created).done();
        let other_key = world.add_key(&vault, &keys, "other", created).done();
        let superseded = world.current_version(&key);
        let mut settings = Settings {
            margins: Margins::production(),
            budgets: Budgets { page_size: scenario.page_size, ..Budgets::default() },
            ..Settings::lab()
        };
        settings.scope.keys.insert(key.clone());
        settings.policy.rotate_when_empty = true;
        oke::settle(scenario, &mut settings);
        settings.tag = (scenario.seed.is_multiple_of(3)).then(selector);
        // Half of those that have a tag take along what carries it and is under another key.
        settings.scope.enroll = scenario.seed.is_multiple_of(6).then(|| Enroll {
            from: if scenario.seed.is_multiple_of(4) { EnrollFrom::UnmanagedKeys } else { EnrollFrom::OraclesKey },
            to: [key.clone()].into(),
        });
        if scenario.is_strict {
            settings.policy.ambiguity = Ambiguity::Strict;
        }
        let journal = MemoryJournal::new();
        let marker = Arc::clone(&world);
        journal.keep_tape(Box::new(move || marker.requests()));
        let disk = Arc::new(AtomicU8::new(0));
        let state = Arc::clone(&disk);
        journal.fail_when(move |_| match state.load(std::sync::atomic::Ordering::Relaxed) {
            FULL => Some(Failure::Full),
            DOWN => Some(Failure::Unavailable),
            _ => None,
        });
        let is_copied = scenario.broken == Some(Broken::Restored);
        let sinks = is_copied.then(|| MemoryAuditSink::new() as Arc<dyn AuditSink>).into_iter().collect();
        let stage = Self {
            heals_at: start + scenario.heal_after,
            scenario: scenario.clone(),
            world,
            journal,
            settings,
            key,
            other_key,
            superseded,
            compartments,
            clocks: (0..scenario.runners).map(|_| JumpingClock::new(&clock)).collect(),
            kills: (0..scenario.runners).map(|_| Cell::new(false)).collect(),
            clock,
            buckets: RefCell::default(),
            blocks: RefCell::default(),
            holders: RefCell::default(),
            policy: RefCell::default(),
            fakes: RefCell::default(),
            disk,
            healed: Cell::new(false),
            put_back: Cell::new(None),
            sinks,
            backup: RefCell::default(),
            struck: RefCell::default(),
        };
        for number in 0..scenario.buckets {
            stage.add_bucket(number, Whose::Ours);
        }
        for number in 0..3 {
            stage.add_bucket(900 + number, Whose::Oracles);
        }
        mixed::seed(&stage);
        oke::seed(&stage);
        Rc::new(stage)
    }

    /// Adds a bucket under the key, or under nobody's.
    pub(super) fn add_bucket(&self, number: usize, whose: Whose) {
        let place = if self.scenario.is_replicated && number % 5 == 4 { ELSEWHERE } else { HOME };
        let compartment = &self.compartments[number % self.compartments.len()];
        let name = format!("b{number:03}");
        let seed = self.world.add_bucket(&region(place), compartment, &name);
        let seed = if number.is_multiple_of(7) { seed } else { seed.tag("backup-encryption", "true") };
        let seed = if whose == Whose::Ours { seed.key(&self.key) } else { seed };
        let steady_since = (whose == Whose::Ours).then(|| self.world.requests());
        self.buckets.borrow_mut().push(DependentTruth {
            id: seed.done(),
            name,
            region: region(place),
            compartment: compartment.clone(),
            steady_since,
            exists: true,
        });
    }

    /// Everything a process needs, over this world.
    pub(super) fn ports(&self, clock: Arc<dyn Clock>, chance: u64) -> Ports {
        Ports {
            key_store: self.world.key_store(),
            catalog: self.world.catalog(),
            rekeyer: self.world.rekeyer_of(&self.kinds()),
            audit: self.sinks.clone(),
            notifiers: Vec::new(),
            metrics: Vec::new(),
            audit_log: None,
            journal: Arc::clone(&self.journal) as _,
            clock,
            random: Arc::new(SeededRandom::new(self.scenario.seed.wrapping_mul(31).wrapping_add(chance))),
            examiner: None,
            pace: None,
        }
    }

    /// What is not in the scenario is not listed: it would only cost time.
    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = match self.scenario.volumes {
            0 => vec![Kind::Bucket],
            _ => World::movable_kinds(),
        };
        if self.scenario.oke.all() > 0 {
            kinds.extend([Kind::Cluster, Kind::InstanceConfiguration, Kind::NodePool]);
        }
        kinds
    }

    pub(super) fn dice(&self, purpose: u64) -> Dice {
        Dice::new(self.scenario.seed, purpose)
    }

    /// Counts a fault that really struck.
    pub(super) fn strike(&self, kind: &'static str) {
        *self.struck.borrow_mut().entry(kind).or_default() += 1;
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        let until = self.clock.now() + duration;
        Clock::sleep_until(&self.clock, until).await;
    }
}

/// Under which key a bucket begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Oracles,
    Ours,
}

pub(super) fn region(name: &str) -> Region {
    Region::parse(name).expect("a valid region")
}

fn selector() -> TagSelector {
    TagSelector { namespace: None, key: "backup-encryption".to_owned(), value: "true".to_owned() }
}
