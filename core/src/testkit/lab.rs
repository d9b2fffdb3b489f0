//! Lab: a small tenancy in memory, a rotator over it, and virtual time. Where most tests start.

use std::sync::Arc;
use std::time::Duration;

use super::crash::Points;
use super::executor;
use crate::Rotator;
use crate::memory::{
    BlockSeed, BucketSeed, HolderSeed, ManualClock, MemoryJournal, SeededRandom, World, WorldSettings,
};
use crate::model::{CompartmentId, KeyId, KeyVersionId, Kind, Region, ResourceId, Settings, Timestamp, VaultId};
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
    /// Compartments that hold dependents.
    pub compartments: Vec<CompartmentId>,
    /// Kinds the rotator may move: buckets, unless [`Lab::moving`] or [`Lab::mixed`] says more.
    pub kinds: Vec<Kind>,
    /// Buckets under the key.
    pub buckets: Vec<ResourceId>,
    /// Volumes and boot volumes under the key.
    pub volumes: Vec<ResourceId>,
    /// Backups of volumes, under the key.
    pub backups: Vec<ResourceId>,
    /// Clusters, node pools and instance configurations that name the key.
    pub holders: Vec<ResourceId>,
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
            kinds: vec![Kind::Bucket],
            buckets: Vec::new(),
            volumes: Vec::new(),
            backups: Vec::new(),
            holders: Vec::new(),
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

    /// A lab whose key protects buckets and volumes, every third of them a boot volume, every second with a backup.
    #[must_use]
    pub fn mixed(buckets: usize, volumes: usize) -> Self {
        let mut lab = Self::with_buckets(buckets).moving(World::movable_kinds());
        for number in 0..volumes {
            let place = if number % 5 == 4 { ELSEWHERE } else { HOME };
            let kind = if number % 3 == 2 { Kind::BootVolume } else { Kind::BlockVolume };
            let volume = lab.add_volume(&kind, place, number % 2, &format!("volume-{number}"));
            if number % 2 == 0 {
                let backup = lab.add_backup(&volume, &format!("backup-{number}"));
                lab.backups.push(backup);
            }
            lab.volumes.push(volume);
        }
        lab
    }

    /// The same lab with a rotator that may move these kinds.
    #[must_use]
    pub fn moving(mut self, kinds: Vec<Kind>) -> Self {
        self.kinds = kinds;
        self
    }

    /// Adds a volume or boot volume under the key. The lab must be [`moving`](Self::moving) its kind to see it.
    pub fn add_volume(&self, kind: &Kind, place: &str, compartment: usize, name: &str) -> ResourceId {
        let (region, compartment) = (region(place), &self.compartments[compartment]);
        let seed: BlockSeed<'_> = match kind {
            Kind::BlockVolume => self.world.add_volume(&region, compartment, name),
            Kind::BootVolume => self.world.add_boot_volume(&region, compartment, name),
            kind => panic!("a volume is a block volume or a boot volume, not a {kind}"),
        };
        seed.key(&self.key).done()
    }

    /// Adds an old backup of a volume, on the key and version that the volume hangs on now.
    pub fn add_backup(&self, volume: &ResourceId, name: &str) -> ResourceId {
        self.world.add_backup(volume, name).done()
    }

    /// Adds a cluster, node pool or instance configuration that names the key. The lab must be
    /// [`moving`](Self::moving) its kind to see it.
    pub fn add_holder(&self, kind: &Kind, place: &str, compartment: usize, name: &str) -> ResourceId {
        let (region, compartment) = (region(place), &self.compartments[compartment]);
        let seed: HolderSeed<'_> = match kind {
            Kind::Cluster => self.world.add_cluster(&region, compartment, name),
            Kind::InstanceConfiguration => self.world.add_instance_configuration(&region, compartment, name),
            Kind::NodePool => self.world.add_node_pool(&region, compartment, name),
            kind => panic!("no {kind} names a key in this way"),
        };
        seed.key(&self.key).done()
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
            rekeyer: self.world.rekeyer_of(&self.kinds),
            audit: Vec::new(),
            notifiers: Vec::new(),
            metrics: Vec::new(),
            audit_log: None,
            journal: Arc::clone(&self.journal) as _,
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(self.seed + 1)),
            examiner: None,
            pace: None,
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

    /// The key that a bucket, volume or backup really hangs on; `None`: Oracle's.
    #[must_use]
    pub fn wrapping_key(&self, resource: &ResourceId) -> Option<KeyId> {
        self.world.wrapping(resource).map(|wrapping| wrapping.key)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Selector;

    #[test]
    fn a_mixed_lab_finds_and_reads_all_that_hangs_on_the_key_and_a_plain_one_knows_buckets_only() {
        assert_eq!(Lab::with_buckets(1).ports().rekeyer.kinds(), [Kind::Bucket]);
        let lab = Lab::mixed(2, 6);
        assert_eq!((lab.buckets.len(), lab.volumes.len(), lab.backups.len()), (2, 6, 3));
        let all = lab.buckets.iter().chain(&lab.volumes).chain(&lab.backups);
        assert!(all.clone().all(|one| lab.wrapping_key(one).as_ref() == Some(&lab.key)));
        let found = lab.run(found(&lab.ports(), &lab.key));
        assert_eq!(found, all.cloned().collect());
    }

    /// Resources that a walk over everything says are under the key.
    async fn found(ports: &Ports, key: &KeyId) -> std::collections::BTreeSet<ResourceId> {
        let scopes = ports.catalog.scopes().await.expect("there are some").value;
        let (kinds, compartments) = (ports.rekeyer.kinds(), scopes.compartments);
        let selector = Selector { key: key.clone(), kinds, compartments, tag: None };
        let mut found = std::collections::BTreeSet::new();
        for region in scopes.regions {
            let mut cursor = None;
            loop {
                let page = ports.catalog.dependents(&selector, &region.region, cursor).await.expect("a page").value;
                for candidate in page.candidates {
                    let seen = ports.rekeyer.observe(&candidate.dependent).await.expect("it can be read").value;
                    found.extend((seen.key.as_ref() == Some(key)).then_some(candidate.dependent.id));
                }
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        found
    }
}
