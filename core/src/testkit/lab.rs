//! Lab: a small tenancy in memory, a rotator over it, and virtual time. Where most tests start.

use std::sync::Arc;
use std::time::Duration;

use super::crash::Points;
use super::executor;
use crate::Rotator;
use crate::memory::{BucketSeed, ManualClock, MemoryJournal, SeededRandom, World, WorldSettings};
use crate::model::{CompartmentId, KeyId, KeyVersionId, Region, ResourceId, Settings, Timestamp, VaultId};
use crate::ports::Ports;

/// The lab's home region.
pub const HOME: &str = "us-ashburn-1";
/// The lab's replica region.
pub const ELSEWHERE: &str = "us-phoenix-1";

/// A tenancy with one vault and one key that is due.
pub struct Lab {
    /// The cloud.
    pub world: Arc<World>,
    /// Its time and ours.
    pub clock: ManualClock,
    /// Where facts go.
    pub journal: Arc<MemoryJournal>,
    /// What the rotator may do.
    pub settings: Settings,
    /// The vault.
    pub vault: VaultId,
    /// The key, 100 days old.
    pub key: KeyId,
    /// The version that is current at the start.
    pub superseded: KeyVersionId,
    /// Compartments that hold buckets.
    pub compartments: Vec<CompartmentId>,
    /// Buckets under the key.
    pub buckets: Vec<ResourceId>,
    seed: u64,
}

impl Lab {
    /// A lab with this many buckets under the key, over two compartments and two regions.
    #[must_use]
    pub fn with_buckets(buckets: usize) -> Self {
        Self::build(buckets, Settings::lab(), WorldSettings::lab())
    }

    /// The same with settings of your own.
    #[must_use]
    pub fn build(buckets: usize, mut settings: Settings, world_settings: WorldSettings) -> Self {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a valid instant");
        let (home, elsewhere) = (region(HOME), region(ELSEWHERE));
        let clock = ManualClock::new(start);
        let seed = world_settings.seed;
        let world = World::new(clock.clone(), &home, world_settings);
        world.add_region(&elsewhere);
        let tenancy = world.tenancy_id();
        let compartments = vec![world.add_compartment("apps", &tenancy), world.add_compartment("data", &tenancy)];
        let keys = world.add_compartment("keys", &tenancy);
        let vault = world.add_vault(&home, &keys, "vault").replica(&elsewhere).done();
        let created = start - Duration::from_secs(100 * 86_400);
        let key = world.add_key(&vault, &keys, "k", created).done();
        let superseded = world.current_version(&key);
        settings.scope.keys.insert(key.clone());
        let mut lab = Self {
            world,
            clock,
            journal: MemoryJournal::new(),
            settings,
            vault,
            key,
            superseded,
            compartments,
            buckets: Vec::new(),
            seed,
        };
        for number in 0..buckets {
            let place = if number % 5 == 4 { ELSEWHERE } else { HOME };
            let bucket = lab.add_bucket(place, number % 2, &format!("bucket-{number}"));
            lab.buckets.push(bucket);
        }
        lab.clock.advance(Duration::from_secs(60));
        lab
    }

    /// Adds a bucket under the key.
    pub fn add_bucket(&self, place: &str, compartment: usize, name: &str) -> ResourceId {
        let seed: BucketSeed<'_> = self.world.add_bucket(&region(place), &self.compartments[compartment], name);
        seed.key(&self.key).done()
    }

    /// Everything a rotator needs, over the world.
    #[must_use]
    pub fn ports(&self) -> Ports {
        Ports {
            key_store: self.world.key_store(),
            catalog: self.world.catalog(),
            rekeyer: self.world.rekeyer(),
            audit: Vec::new(),
            notifiers: Vec::new(),
            journal: Arc::clone(&self.journal) as _,
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(self.seed + 1)),
        }
    }

    /// A rotator, a process of its own.
    #[must_use]
    pub fn rotator(&self) -> Rotator {
        Rotator::with_ports(self.settings.clone(), self.ports())
    }

    /// A rotator that dies at a point. Each has chance of its own, as another process would.
    #[must_use]
    pub fn mortal_rotator(&self, points: &Arc<Points>, nth: u64) -> Rotator {
        let mut ports = points.over(self.ports());
        ports.random = Arc::new(SeededRandom::new(self.seed + 100 + nth));
        Rotator::with_ports(self.settings.clone(), ports)
    }

    /// Runs to the end, in virtual time.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        executor::run(&self.clock, future)
    }

    /// Runs until the point is hit (`None`) or to the end.
    pub fn run_until_crash<T>(&self, points: &Arc<Points>, future: impl Future<Output = T>) -> Option<T> {
        executor::run_until(&self.clock, future, || points.hit().is_some())
    }

    /// The version that is current now.
    #[must_use]
    pub fn current(&self) -> KeyVersionId {
        self.world.current_version(&self.key)
    }

    /// Buckets whose data still hangs on another version than this.
    #[must_use]
    pub fn not_on(&self, version: &KeyVersionId) -> Vec<ResourceId> {
        let on = |bucket: &&ResourceId| self.world.wrapping_version(bucket).as_ref() != Some(version);
        self.buckets.iter().filter(on).cloned().collect()
    }
}

fn region(name: &str) -> Region {
    Region::parse(name).expect("a valid region")
}
