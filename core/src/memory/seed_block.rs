//! Seeding volumes and backups, and how they come of one another: backups, clones, restores, copies.
//!
//! A seeded volume is old unless its creation says otherwise. A backup and a clone stay on what they were taken with,
//! whatever becomes of their source (oci-api §5.1).

use std::time::Duration;

use super::blocks::{BlockInfo, BlockRecord, BlockState, REPLICAS, ReplicaInfo, Wrapping, family, is_backup};
use super::world::World;
use crate::model::{CompartmentId, KeyId, KeyVersionId, Kind, Region, ResourceId, Tags, Timestamp};

/// How old volumes are when nothing else is said.
pub(super) const OLD: Duration = Duration::from_secs(300 * 86_400);

impl World {
    /// A block volume; Oracle's key unless told otherwise.
    pub fn add_volume(&self, region: &Region, compartment: &CompartmentId, name: &str) -> BlockSeed<'_> {
        self.seed_block(Kind::BlockVolume, region, compartment, name)
    }

    /// A boot volume; Oracle's key unless told otherwise.
    pub fn add_boot_volume(&self, region: &Region, compartment: &CompartmentId, name: &str) -> BlockSeed<'_> {
        self.seed_block(Kind::BootVolume, region, compartment, name)
    }

    /// A backup of a volume, on the key and version that the volume hangs on now.
    pub fn add_backup(&self, volume: &ResourceId, name: &str) -> BlockSeed<'_> {
        let source = self.block(volume).expect("a volume of this World");
        let kind = match source.kind {
            Kind::BlockVolume => Kind::BlockVolumeBackup,
            Kind::BootVolume => Kind::BootVolumeBackup,
            kind => panic!("a backup is taken of a volume, not of a {kind}"),
        };
        let seed = self.seed_block(kind, &source.region, &source.compartment, name);
        BlockSeed { source: Some(volume.clone()), wrapping: self.wrapping(volume), key: source.key, ..seed }
    }

    /// Somebody takes a backup of a volume, now.
    pub fn others_back_up(&self, volume: &ResourceId, name: &str) -> ResourceId {
        self.add_backup(volume, name).created(self.now()).done()
    }

    /// Somebody clones a volume, now: the clone is on the key and version that the volume hangs on.
    pub fn others_clone(&self, volume: &ResourceId, name: &str) -> ResourceId {
        let source = self.block(volume).expect("a volume of this World");
        assert!(!is_backup(&source.kind), "a clone is made of a volume");
        let seed = self.seed_block(source.kind, &source.region, &source.compartment, name).created(self.now());
        BlockSeed { source: Some(volume.clone()), wrapping: self.wrapping(volume), key: source.key, ..seed }.done()
    }

    /// Somebody restores a backup to a new volume, now, under this key; without one it is Oracle's.
    pub fn others_restore(&self, backup: &ResourceId, name: &str, key: Option<&KeyId>) -> ResourceId {
        let source = self.block(backup).expect("a backup of this World");
        let kind = match source.kind {
            Kind::BlockVolumeBackup => Kind::BlockVolume,
            Kind::BootVolumeBackup => Kind::BootVolume,
            kind => panic!("a backup is restored, not a {kind}"),
        };
        let seed = self.seed_block(kind, &source.region, &source.compartment, name).created(self.now());
        BlockSeed { source: Some(backup.clone()), key: key.cloned(), ..seed }.done()
    }

    /// Somebody copies a backup to another region, now. The source's key does not come along: without one of the
    /// destination the copy silently is under Oracle's (oci-api §5.2).
    pub fn others_copy_backup(&self, backup: &ResourceId, to: &Region, key: Option<&KeyId>) -> ResourceId {
        let source = self.block(backup).expect("a backup of this World");
        assert!(is_backup(&source.kind), "a backup is copied");
        let seed = self.seed_block(source.kind, to, &source.compartment, &source.name).created(self.now());
        BlockSeed { source: Some(backup.clone()), key: key.cloned(), ..seed }.done()
    }

    /// A replica of a volume in another region. The volume's key does not come along: without one of the destination the
    /// replica silently is under Oracle's.
    pub fn add_replica(&self, volume: &ResourceId, to: &Region, name: &str) -> BlockSeed<'_> {
        let source = self.block(volume).expect("a volume of this World");
        let kind = match source.kind {
            Kind::BlockVolume => Kind::BlockVolumeReplica,
            Kind::BootVolume => Kind::BootVolumeReplica,
            kind => panic!("a volume is replicated, not a {kind}"),
        };
        let seed = self.seed_block(kind, to, &source.compartment, name);
        BlockSeed { source: Some(volume.clone()), ..seed }
    }

    /// Somebody gives a replica a key, by its volume's list of replicas.
    pub fn others_key_replica(&self, replica: &ResourceId, key: &KeyId) {
        let (now, mut state) = self.settled();
        state.assign_block(replica, Some(key), now);
        let volume = state.blocks.by_id[replica].info.source.clone().expect("a replica has a volume");
        let volume = state.blocks.by_id.get_mut(&volume).expect("a volume of this World");
        volume.etag += 1;
        let entry = volume.info.replicas.iter_mut().find(|entry| entry.id == *replica).expect("it lists its replicas");
        entry.key = Some(key.clone());
    }

    fn seed_block(&self, kind: Kind, region: &Region, compartment: &CompartmentId, name: &str) -> BlockSeed<'_> {
        BlockSeed {
            world: self,
            kind,
            region: region.clone(),
            compartment: compartment.clone(),
            name: name.to_owned(),
            domain: 1,
            key: None,
            wrapping: None,
            version: None,
            source: None,
            tags: Tags::default(),
            created: self.now() - OLD,
            ready: None,
            is_faulty: false,
        }
    }
}

/// A volume or backup to be.
#[must_use = "a seed grows with done()"]
pub struct BlockSeed<'w> {
    world: &'w World,
    kind: Kind,
    region: Region,
    compartment: CompartmentId,
    name: String,
    domain: usize,
    key: Option<KeyId>,
    wrapping: Option<Wrapping>,
    version: Option<KeyVersionId>,
    source: Option<ResourceId>,
    tags: Tags,
    created: Timestamp,
    ready: Option<Timestamp>,
    is_faulty: bool,
}

impl BlockSeed<'_> {
    /// Wrapped by a key: by its version that is current now.
    pub fn key(mut self, key: &KeyId) -> Self {
        self.key = Some(key.clone());
        self.wrapping = None;
        self
    }

    /// Its data key hangs on this version of its key, whichever is current.
    pub fn wrapped_by(mut self, version: &KeyVersionId) -> Self {
        self.version = Some(version.clone());
        self
    }

    /// With a free-form tag.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.freeform.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With a defined tag.
    pub fn defined_tag(mut self, namespace: &str, key: &str, value: &str) -> Self {
        let tags = self.tags.defined.entry(namespace.to_owned()).or_default();
        tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// A volume in the n-th availability domain, from 1.
    pub fn domain(mut self, nth: usize) -> Self {
        self.domain = nth;
        self
    }

    /// Created then; AVAILABLE after the delay of World's settings.
    pub fn created(mut self, at: Timestamp) -> Self {
        self.created = at;
        self
    }

    /// AVAILABLE only from then on.
    pub fn ready(mut self, at: Timestamp) -> Self {
        self.ready = Some(at);
        self
    }

    /// In another compartment than its source.
    pub fn compartment(mut self, compartment: &CompartmentId) -> Self {
        self.compartment = compartment.clone();
        self
    }

    /// FAULTY.
    pub fn faulty(mut self) -> Self {
        self.is_faulty = true;
        self
    }

    /// Makes it.
    pub fn done(self) -> ResourceId {
        let now = self.world.now();
        let mut state = self.world.lock();
        let word = family(&self.kind).expect("a kind of block storage").word;
        let id = ResourceId::parse(state.ocid(word, self.region.as_str())).expect("World's own OCID");
        let wrapping = match (self.wrapping, &self.key, self.version) {
            (_, Some(key), Some(version)) => Some(Wrapping { key: key.clone(), version }),
            (Some(wrapping), _, None) => Some(wrapping),
            (None, Some(key), None) => Some(state.wrap_under(key, now)),
            (_, None, _) => None,
        };
        let domains = super::identity::availability_domains(&self.region);
        let is_volume = !is_backup(&self.kind);
        let info = BlockInfo {
            id: id.clone(),
            availability_domain: is_volume.then(|| domains[self.domain - 1].clone()),
            kind: self.kind,
            region: self.region,
            compartment: self.compartment,
            name: self.name,
            key: self.key,
            state: if self.is_faulty { BlockState::Faulty } else { BlockState::Available },
            source: self.source,
            replicas: Vec::new(),
            tags: self.tags,
            time_created: self.created,
        };
        if REPLICAS.contains(&info.kind) {
            let entry = ReplicaInfo {
                id: id.clone(),
                name: info.name.clone(),
                availability_domain: info.availability_domain.clone().expect("a replica is in one"),
                key: info.key.clone(),
            };
            let volume = info.source.as_ref().and_then(|volume| state.blocks.by_id.get_mut(volume));
            volume.expect("a replica has a volume").info.replicas.push(entry);
        }
        let ready = self.ready.unwrap_or(self.created + state.settings.creation_delay);
        state.insert_block(BlockRecord { info, etag: 1, ready, wrapping });
        id
    }
}
