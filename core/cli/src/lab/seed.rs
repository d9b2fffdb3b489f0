//! A tenancy to rehearse in: two regions, some compartments, a replicated vault, one key that is due, buckets, volumes, clusters.
//!
//! Seeded in the same order with the same numbers it gets the same ids, so that a journal written
//! against it yesterday still speaks of it today.

use std::sync::Arc;
use std::time::Duration;

use keywheel::memory::{World, WorldSettings};
use keywheel::model::{
    CompartmentId, KeyId, KeyVersionId, Region, ResourceId, THROW_AWAY_TAG, THROW_AWAY_VALUE, Tags, Timestamp, VaultId,
};

/// How old the key's version is.
pub(crate) const KEY_AGE: Duration = Duration::from_secs(120 * 86_400);

/// What is to be seeded.
pub(crate) struct Seed {
    /// The present that ages are counted from.
    pub(crate) at: Timestamp,
    /// How many buckets; one in five is in the replica region, one in four has no tag.
    pub(crate) buckets: u32,
    /// How many volumes; one in three is a boot volume, one in two has a backup.
    pub(crate) volumes: u32,
    /// How many OKE clusters.
    pub(crate) clusters: u32,
    /// How many compartments below the root.
    pub(crate) compartments: u32,
    /// A version that was minted later, and when.
    pub(crate) minted: Option<(KeyVersionId, Timestamp)>,
    /// A successor that was minted later, its version, and when.
    pub(crate) successor: Option<(KeyId, KeyVersionId, Timestamp)>,
    /// Delays and limits.
    pub(crate) settings: WorldSettings,
}

/// What was seeded.
pub(crate) struct Tenancy {
    pub(crate) world: Arc<World>,
    pub(crate) home: Region,
    pub(crate) replica: Region,
    pub(crate) compartment: CompartmentId,
    pub(crate) vault: VaultId,
    pub(crate) key: KeyId,
    pub(crate) buckets: Vec<ResourceId>,
    pub(crate) blocks: Vec<ResourceId>,
    pub(crate) clusters: Vec<ResourceId>,
}

impl Seed {
    /// Grows the tenancy in a World that lives by `clock`.
    pub(crate) fn grow(self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Tenancy {
        let region = |name: &str| Region::parse(name).expect("a region");
        let (home, replica) = (region("us-ashburn-1"), region("us-phoenix-1"));
        let world = World::new(clock, &home, self.settings);
        world.add_region(&replica);
        let root = world.tenancy_id();
        let names = ["network", "payments", "payments-archive", "analytics", "web", "backup", "research", "hr"];
        let mut compartments = Vec::new();
        for number in 0..self.compartments as usize {
            let parent = if number % 3 == 2 { &compartments[number - 1] } else { &root };
            let compartment = world.add_compartment(names.get(number).unwrap_or(&"more"), parent);
            compartments.push(compartment);
        }
        let compartment = compartments.first().unwrap_or(&root).clone();
        let vault = world.add_vault(&home, &compartment, "main").replica(&replica).done();
        let key = world.add_key(&vault, &compartment, "backup-key", self.at - KEY_AGE).done();
        let mut buckets = Vec::new();
        for number in 0..self.buckets {
            let place = if number % 5 == 4 { &replica } else { &home };
            let holder = &compartments[number as usize % compartments.len().max(1)];
            let mut bucket = world.add_bucket(place, holder, &format!("bucket-{number:03}")).key(&key);
            if number % 4 != 3 {
                bucket = bucket.tag("backup-encryption", "enabled");
            }
            if let Some((version, _)) = &self.minted {
                bucket = bucket.wrapped_by(version);
            }
            buckets.push(bucket.done());
        }
        let mut blocks = Vec::new();
        for number in 0..self.volumes {
            let holder = &compartments[number as usize % compartments.len().max(1)];
            let name = format!("volume-{number:03}");
            let volume = match number % 3 {
                2 => world.add_boot_volume(&home, holder, &name),
                _ => world.add_volume(&home, holder, &name),
            };
            let volume = volume.key(&key).tag("backup-encryption", "enabled").done();
            if number % 2 == 0 {
                blocks.push(world.add_backup(&volume, &format!("backup-of-{name}")).done());
            }
            blocks.push(volume);
        }
        let cluster = |number| world.add_cluster(&home, &compartment, &format!("cluster-{number}")).key(&key).done();
        let clusters = (0..self.clusters).map(cluster).collect();
        // Last, so that everything before it has the ids it had the first time.
        if let Some((version, created)) = &self.minted {
            world.restore_version(&key, version, *created);
        }
        if let Some((successor, version, created)) = &self.successor {
            world.restore_successor(&key, successor, version, *created);
        }
        Tenancy { world, home, replica, compartment, vault, key, buckets, blocks, clusters }
    }
}

impl Tenancy {
    /// A key that protects nothing and says so; made last, so that nobody else's id changes.
    pub(crate) fn add_throw_away_key(&self) -> KeyId {
        let mut tags = Tags::default();
        tags.freeform.insert(THROW_AWAY_TAG.to_owned(), THROW_AWAY_VALUE.to_owned());
        let created = self.world.now() - Duration::from_secs(86_400);
        self.world.add_key(&self.vault, &self.compartment, "throw-away", created).tags(tags).done()
    }

    /// Keys of the vault beside the one that was seeded, by World's own books.
    pub(crate) fn successors(&self) -> Vec<KeyId> {
        let mut keys = self.world.keys_of_vault(&self.vault);
        keys.retain(|key| *key != self.key);
        keys
    }

    /// Volumes and backups that are not under this key, by World's own books.
    pub(crate) fn blocks_off(&self, key: &KeyId) -> usize {
        let is_off = |block: &&ResourceId| self.world.wrapping(block).is_none_or(|wrapping| wrapping.key != *key);
        self.blocks.iter().filter(is_off).count()
    }

    /// Buckets whose data keys are wrapped by another version than this one, by World's own books.
    pub(crate) fn buckets_off(&self, version: &KeyVersionId) -> usize {
        self.buckets.iter().filter(|bucket| self.world.wrapping_version(bucket).as_ref() != Some(version)).count()
    }
}
