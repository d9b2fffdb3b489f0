//! Block storage: volumes, boot volumes, their backups and replicas; which key each uses and what its data key really hangs on.
//!
//! The service names the key and never the version. A data key is wrapped under the version that is current when a
//! *different* key is assigned; naming the same key again does so too for volumes, or changes the etag and nothing else:
//! Oracle's documents contradict each other about it (oci-api §0 fact 3), so a setting says which World it is. Nothing here reverts to Oracle's key for a volume.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::faults::Fault;
use super::log::{NotYet, Note};
use super::operations::{self as op, Operation};
use super::paging::page_of;
use super::search::ResourceSummary;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, Etag, KeyId, KeyVersionId, Kind, Region, ResourceId, Tags, Timestamp};

/// Where a volume or backup is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockAddress {
    /// Region that holds it.
    pub region: Region,
    /// Which kind of block storage.
    pub kind: Kind,
    /// Its OCID.
    pub id: ResourceId,
}

/// Where a volume or backup is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlockState {
    /// It may be used and changed.
    Available,
    /// It is being made: a volume is PROVISIONING, a backup CREATING.
    Creating,
    /// It is broken.
    Faulty,
    /// It is gone and still shown.
    Terminated,
}

impl BlockState {
    /// OCI's word, which depends on the kind.
    #[must_use]
    pub fn word(self, kind: &Kind) -> &'static str {
        match self {
            Self::Available => "AVAILABLE",
            Self::Creating if is_backup(kind) => "CREATING",
            Self::Creating => "PROVISIONING",
            Self::Faulty => "FAULTY",
            Self::Terminated => "TERMINATED",
        }
    }
}

/// A volume or backup as its Get and its List tell it: both name the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Which kind of block storage.
    pub kind: Kind,
    /// Region that holds it.
    pub region: Region,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Where a volume is; a backup is nowhere in particular.
    pub availability_domain: Option<String>,
    /// Its display name.
    pub name: String,
    /// The key its data key is wrapped with; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// Where it is in its life.
    pub state: BlockState,
    /// What it was made from: a backup's volume, a clone's volume, a restored volume's backup, a replica's volume.
    pub source: Option<ResourceId>,
    /// Of a volume: its replicas in other regions.
    pub replicas: Vec<ReplicaInfo>,
    /// Its tags.
    pub tags: Tags,
    /// When it was created.
    pub time_created: Timestamp,
}

/// A replica as its volume tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Its display name.
    pub name: String,
    /// Where it is, in another region.
    pub availability_domain: String,
    /// Its key; `None`: Oracle's, whatever the volume's is.
    pub key: Option<KeyId>,
}

/// The key and version that a data key really hangs on: the auditor's truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapping {
    /// The key.
    pub key: KeyId,
    /// Its version.
    pub version: KeyVersionId,
}

#[derive(Debug)]
pub(super) struct BlockRecord {
    /// Its state in here is that of a resource which is ready.
    pub(super) info: BlockInfo,
    pub(super) etag: u64,
    /// From when on it is AVAILABLE.
    pub(super) ready: Timestamp,
    pub(super) wrapping: Option<Wrapping>,
}

impl BlockRecord {
    pub(super) fn etag(&self) -> Etag {
        Etag::parse(format!("bs{}", self.etag)).expect("letters and digits")
    }

    fn state(&self, now: Timestamp) -> BlockState {
        match self.info.state {
            BlockState::Available if now < self.ready => BlockState::Creating,
            state => state,
        }
    }

    pub(super) fn info(&self, now: Timestamp) -> BlockInfo {
        BlockInfo { state: self.state(now), ..self.info.clone() }
    }
}

/// Volumes and backups.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub(super) by_id: HashMap<ResourceId, BlockRecord>,
    /// In order of creation.
    pub(super) listed: BTreeMap<(Region, CompartmentId, Kind), Vec<ResourceId>>,
}

/// The names and operations of one kind of block storage.
pub(super) struct Family {
    /// The third word of its OCIDs.
    pub(super) word: &'static str,
    /// Search's name for its type (oci-api §4).
    pub(super) search_type: &'static str,
    get: &'static Operation,
    list: &'static Operation,
    /// `None`: no call gives this kind another key by itself.
    update: Option<&'static Operation>,
}

impl Family {
    /// Whether a call gives this kind another key.
    pub(super) fn is_changed(&self) -> bool {
        self.update.is_some()
    }
}

static VOLUME: Family = Family {
    word: "volume",
    search_type: "Volume",
    get: &op::GET_VOLUME,
    list: &op::LIST_VOLUMES,
    update: Some(&op::UPDATE_VOLUME_KMS_KEY),
};
static BOOT_VOLUME: Family = Family {
    word: "bootvolume",
    search_type: "BootVolume",
    get: &op::GET_BOOT_VOLUME,
    list: &op::LIST_BOOT_VOLUMES,
    update: Some(&op::UPDATE_BOOT_VOLUME_KMS_KEY),
};
static VOLUME_BACKUP: Family = Family {
    word: "volumebackup",
    search_type: "VolumeBackup",
    get: &op::GET_VOLUME_BACKUP,
    list: &op::LIST_VOLUME_BACKUPS,
    update: Some(&op::UPDATE_VOLUME_BACKUP),
};
static BOOT_VOLUME_BACKUP: Family = Family {
    word: "bootvolumebackup",
    search_type: "BootVolumeBackup",
    get: &op::GET_BOOT_VOLUME_BACKUP,
    list: &op::LIST_BOOT_VOLUME_BACKUPS,
    update: Some(&op::UPDATE_BOOT_VOLUME_BACKUP),
};

static VOLUME_REPLICA: Family = Family {
    word: "blockvolumereplica",
    search_type: "BlockVolumeReplica",
    get: &op::GET_BLOCK_VOLUME_REPLICA,
    list: &op::LIST_BLOCK_VOLUME_REPLICAS,
    update: None,
};
static BOOT_VOLUME_REPLICA: Family = Family {
    word: "bootvolumereplica",
    search_type: "BootVolumeReplica",
    get: &op::GET_BOOT_VOLUME_REPLICA,
    list: &op::LIST_BOOT_VOLUME_REPLICAS,
    update: None,
};

/// Replicas of volumes in other regions.
pub(super) const REPLICAS: [Kind; 2] = [Kind::BlockVolumeReplica, Kind::BootVolumeReplica];

/// The four kinds of block storage that can be given a key.
pub(super) const KINDS: [Kind; 4] =
    [Kind::BlockVolume, Kind::BootVolume, Kind::BlockVolumeBackup, Kind::BootVolumeBackup];

pub(super) fn family(kind: &Kind) -> Option<&'static Family> {
    match kind {
        Kind::BlockVolume => Some(&VOLUME),
        Kind::BlockVolumeBackup => Some(&VOLUME_BACKUP),
        Kind::BlockVolumeReplica => Some(&VOLUME_REPLICA),
        Kind::BootVolume => Some(&BOOT_VOLUME),
        Kind::BootVolumeBackup => Some(&BOOT_VOLUME_BACKUP),
        Kind::BootVolumeReplica => Some(&BOOT_VOLUME_REPLICA),
        _ => None,
    }
}

fn family_of(kind: &Kind) -> &'static Family {
    family(kind).expect("an address of block storage names one of its kinds")
}

/// Whether a kind is a backup and not a volume.
pub(super) fn is_backup(kind: &Kind) -> bool {
    matches!(kind, Kind::BlockVolumeBackup | Kind::BootVolumeBackup)
}

/// Whether an OCID is that of a backup.
pub(super) fn is_backups(id: &ResourceId) -> bool {
    let word = id.as_str().split('.').nth(1);
    word == Some(VOLUME_BACKUP.word) || word == Some(BOOT_VOLUME_BACKUP.word)
}

impl State {
    fn block_at(&self, ctx: &Ctx, at: &BlockAddress) -> Result<&BlockRecord, No> {
        let found = self.blocks.by_id.get(&at.id);
        let found = found.filter(|record| record.info.region == at.region && record.info.kind == at.kind);
        let found = found.filter(|record| self.may_see(ctx, &record.info.compartment));
        found.ok_or_else(|| No::not_found(at.id.as_str()))
    }

    pub(super) fn insert_block(&mut self, record: BlockRecord) {
        let info = &record.info;
        let (id, created, ready) = (info.id.clone(), info.time_created, record.ready);
        let place = (info.region.clone(), info.compartment.clone(), info.kind.clone());
        self.blocks.listed.entry(place).or_default().push(id.clone());
        self.blocks.by_id.insert(id.clone(), record);
        self.index_block(&id, created);
        if ready > created {
            self.index_block(&id, ready);
        }
    }

    /// Lets Search see a resource as it is at an instant, with Search's lag after it.
    pub(super) fn index_block(&mut self, id: &ResourceId, at: Timestamp) {
        let info = self.blocks.by_id[id].info(at);
        let summary = ResourceSummary {
            resource_type: family_of(&info.kind).search_type,
            identifier: id.to_string(),
            compartment: info.compartment,
            display_name: info.name,
            lifecycle_state: info.state.word(&info.kind).to_owned(),
            time_created: info.time_created,
            tags: info.tags,
            availability_domain: info.availability_domain,
            additional: BTreeMap::new(),
        };
        let lag = self.settings.search_lag;
        self.index.put(&info.region, summary, at + lag);
    }

    /// What a key wraps with at an instant.
    pub(super) fn wrap_under(&self, key: &KeyId, at: Timestamp) -> Wrapping {
        let version = self.kms.keys.get(key).expect("a key of this World").current_id(at).clone();
        Wrapping { key: key.clone(), version }
    }

    /// Gives a resource a key, as the service does it.
    pub(super) fn assign_block(&mut self, id: &ResourceId, key: Option<&KeyId>, now: Timestamp) {
        let is_same = self.blocks.by_id[id].info.key.as_ref() == key;
        let wrapping = key.map(|key| self.wrap_under(key, now));
        let regenerates = self.settings.same_key_regenerates;
        let record = self.blocks.by_id.get_mut(id).expect("looked up just now");
        record.etag += 1;
        // The same key again is undocumented. Of backups not even the API text says that it does anything.
        let is_made_anew = regenerates && !is_backup(&record.info.kind);
        if !is_same || is_made_anew {
            record.info.key = key.cloned();
            record.wrapping = wrapping;
        }
    }

    fn update_block_key(&mut self, ctx: &Ctx, at: &BlockAddress, key: &str) -> Result<Yes<BlockInfo>, No> {
        let record = self.block_at(ctx, at)?;
        ctx.check_etag(&record.etag())?;
        let state = record.state(ctx.now);
        if state != BlockState::Available {
            return Err(No::incorrect_state(format!("{} is {}", at.id, state.word(&at.kind))));
        }
        let key = match key {
            "" if is_backup(&at.kind) => None,
            "" => return Err(No::invalid("kmsKeyId is empty")),
            key => Some(self.check_key_in_region(ctx, &at.region, key)?),
        };
        let is_no_op = ctx.struck.has(&Fault::SilentNoOp);
        if !is_no_op {
            self.assign_block(&at.id, key.as_ref(), ctx.now);
        }
        let record = &self.blocks.by_id[&at.id];
        let yes = Yes::new(record.info(ctx.now)).etag(record.etag());
        Ok(if is_no_op { yes.note(Note::SilentNoOp) } else { yes })
    }
}

impl World {
    /// GetVolume, GetBootVolume, GetVolumeBackup, GetBootVolumeBackup, by the kind.
    pub fn get_block(&self, call: &Call, at: &BlockAddress) -> Told<BlockInfo> {
        self.read(family_of(&at.kind).get, call, &at.region, at.id.as_str(), |state, ctx| {
            let record = state.block_at(ctx, at)?;
            let info = record.info(ctx.now);
            let not_yet = (info.state == BlockState::Creating).then_some(NotYet::Creation);
            Ok(Yes::new(info).etag(record.etag()).not_yet(not_yet))
        })
    }

    /// ListVolumes and the like, of one compartment, and of one availability domain if it is named.
    pub fn list_blocks(
        &self,
        call: &Call,
        region: &Region,
        kind: &Kind,
        compartment: &CompartmentId,
        availability_domain: Option<&str>,
        query: &PageQuery,
    ) -> Told<Listing<BlockInfo>> {
        self.read(family_of(kind).list, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let place = (region.clone(), compartment.clone(), kind.clone());
            let ids = state.blocks.listed.get(&place).map_or(&[][..], Vec::as_slice).iter();
            let all = ids.map(|id| &state.blocks.by_id[id]).filter(|record| {
                availability_domain.is_none_or(|wanted| record.info.availability_domain.as_deref() == Some(wanted))
            });
            page_of(&state.settings, query, all, |record| record.info.id.as_str(), |record| record.info(ctx.now))
                .map(Yes::new)
        })
    }

    /// UpdateVolumeKmsKey, UpdateBootVolumeKmsKey, and for backups the key of UpdateVolumeBackup and
    /// UpdateBootVolumeBackup: synchronous, honours if-match. The empty text is Oracle's key, for backups only.
    pub fn update_block_key(&self, call: &Call, at: &BlockAddress, key: &str) -> Told<BlockInfo> {
        let (address, wanted) = (at.clone(), key.to_owned());
        let update = family_of(&at.kind).update.expect("a replica is never asked to change by itself");
        self.write(update, call, &at.region, at.id.as_str(), move |state, ctx| {
            state.update_block_key(ctx, &address, &wanted)
        })
    }

    /// A volume or backup as it is, whoever may see it; `None` once the service has forgotten it.
    #[must_use]
    pub fn block(&self, id: &ResourceId) -> Option<BlockInfo> {
        let (now, state) = self.settled();
        state.blocks.by_id.get(id).map(|record| record.info(now))
    }

    /// The auditor's truth about any dependent: the key and version its data hangs on; `None`: Oracle's key.
    #[must_use]
    pub fn wrapping(&self, resource: &ResourceId) -> Option<Wrapping> {
        let (now, mut state) = self.settled();
        if let Some(record) = state.blocks.by_id.get(resource) {
            return record.wrapping.clone();
        }
        state.settle_bucket(resource, now);
        let record = state.buckets.by_id.get(resource).expect("a bucket, volume or backup of this World");
        let version = record.wrapped_by.clone()?;
        let has_it = |key: &&KeyId| state.kms.keys[*key].versions.iter().any(|found| found.id == version);
        let key = record.info.key.iter().chain(state.kms.keys.keys()).find(has_it);
        Some(Wrapping { key: key.expect("a version of this World has a key").clone(), version })
    }
}
