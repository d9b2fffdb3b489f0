//! Resources that name a key and keep no data under it that keywheel could move: clusters, node pools, configurations.
//!
//! World knows of each which key it names and where it is in its life. Nothing here changes a key: how a node pool gets
//! another is in `node_pools`.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::meddle_holder::PoolTruth;
use super::operations::{self as op, Operation};
use super::paging::page_of;
use super::search::ResourceSummary;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, Etag, KeyId, Kind, Region, ResourceId, Tags, Timestamp};

/// Where such a resource is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderAddress {
    /// Region that holds it.
    pub region: Region,
    /// Its kind.
    pub kind: Kind,
    /// Its OCID.
    pub id: ResourceId,
}

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HolderState {
    /// It may be used and changed.
    Active,
    /// It is being made.
    Creating,
    /// It is gone and still shown.
    Deleted,
    /// A change of it goes on.
    Updating,
}

impl HolderState {
    /// OCI's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Creating => "CREATING",
            Self::Deleted => "DELETED",
            Self::Updating => "UPDATING",
        }
    }
}

/// Such a resource as its Get tells it. Listings of clusters and configurations do not name the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolderInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Its kind.
    pub kind: Kind,
    /// Region that holds it.
    pub region: Region,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Its name.
    pub name: String,
    /// The key it names; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// Other keys it names: a configuration may name one for each volume.
    pub more_keys: Vec<KeyId>,
    /// What else a node pool makes its nodes with, in words that World does not read.
    pub settings: String,
    /// Whether a change of a node pool replaces its nodes.
    pub is_cycling: bool,
    /// Where it is in its life.
    pub state: HolderState,
    /// Its tags.
    pub tags: Tags,
    /// When it was created.
    pub time_created: Timestamp,
}

#[derive(Debug)]
pub(super) struct HolderRecord {
    /// Its state in here is that of a resource which is ready.
    pub(super) info: HolderInfo,
    pub(super) etag: u64,
    /// From when on it is ACTIVE.
    ready: Timestamp,
    /// A change that goes on, or that ended and was not worked in yet.
    pub(super) change: Option<Change>,
    /// Every change by a call.
    pub(super) changes: Vec<PoolTruth>,
}

/// What a node pool will be like once a work request has ended.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) key: Option<KeyId>,
    pub(super) settings: String,
    pub(super) ends: Timestamp,
    pub(super) is_failing: bool,
}

impl HolderRecord {
    /// A change has one etag while it goes on and another when it has ended.
    pub(super) fn etag(&self, now: Timestamp) -> Etag {
        let ended = self.change.as_ref().is_some_and(|change| change.ends <= now);
        Etag::parse(format!("ho{}", self.etag + u64::from(ended))).expect("letters and digits")
    }

    pub(super) fn info(&self, now: Timestamp) -> HolderInfo {
        let mut info = self.info.clone();
        if info.state == HolderState::Active && now < self.ready {
            info.state = HolderState::Creating;
        }
        match &self.change {
            Some(change) if now < change.ends && info.state == HolderState::Active => {
                info.state = HolderState::Updating;
            }
            Some(change) if now >= change.ends && !change.is_failing => {
                info.key.clone_from(&change.key);
                info.settings.clone_from(&change.settings);
            }
            _ => {}
        }
        info
    }

    /// Works in a change that has ended.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.change.as_ref().is_some_and(|change| change.ends <= now) {
            self.info = self.info(now);
            self.etag += 1;
            self.change = None;
        }
    }
}

/// Clusters and the like.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) by_id: HashMap<ResourceId, HolderRecord>,
    /// In order of creation.
    pub(super) listed: BTreeMap<(Region, CompartmentId, Kind), Vec<ResourceId>>,
    pub(super) work: super::node_pools::PoolWork,
}

/// The names and operations of one kind.
pub(super) struct HolderFamily {
    /// The third word of its OCIDs.
    word: &'static str,
    /// Search's name for its type.
    pub(super) search_type: &'static str,
    get: &'static Operation,
    list: &'static Operation,
}

static CLUSTER: HolderFamily =
    HolderFamily { word: "cluster", search_type: "ClustersCluster", get: &op::GET_CLUSTER, list: &op::LIST_CLUSTERS };

static INSTANCE_CONFIGURATION: HolderFamily = HolderFamily {
    word: "instanceconfiguration",
    search_type: "InstanceConfiguration",
    get: &op::GET_INSTANCE_CONFIGURATION,
    list: &op::LIST_INSTANCE_CONFIGURATIONS,
};
static NODE_POOL: HolderFamily = HolderFamily {
    word: "nodepool",
    search_type: "ClustersNodePool",
    get: &op::GET_NODE_POOL,
    list: &op::LIST_NODE_POOLS,
};

/// Kinds that World holds in this way.
pub(super) const KINDS: [Kind; 3] = [Kind::Cluster, Kind::InstanceConfiguration, Kind::NodePool];

pub(super) fn family(kind: &Kind) -> Option<&'static HolderFamily> {
    match kind {
        Kind::Cluster => Some(&CLUSTER),
        Kind::InstanceConfiguration => Some(&INSTANCE_CONFIGURATION),
        Kind::NodePool => Some(&NODE_POOL),
        _ => None,
    }
}

fn family_of(kind: &Kind) -> &'static HolderFamily {
    family(kind).expect("an address names one of these kinds")
}

impl State {
    pub(super) fn holder_at(&self, ctx: &Ctx, at: &HolderAddress) -> Result<&HolderRecord, No> {
        let found = self.holders.by_id.get(&at.id);
        let found = found.filter(|record| record.info.region == at.region && record.info.kind == at.kind);
        let found = found.filter(|record| self.may_see(ctx, &record.info.compartment));
        found.ok_or_else(|| No::not_found(at.id.as_str()))
    }

    fn insert_holder(&mut self, record: HolderRecord) {
        let info = &record.info;
        let (id, created) = (info.id.clone(), info.time_created);
        let place = (info.region.clone(), info.compartment.clone(), info.kind.clone());
        self.holders.listed.entry(place).or_default().push(id.clone());
        self.holders.by_id.insert(id.clone(), record);
        self.index_holder(&id, created);
    }

    pub(super) fn index_holder(&mut self, id: &ResourceId, at: Timestamp) {
        let info = self.holders.by_id[id].info(at);
        let summary = ResourceSummary {
            resource_type: family_of(&info.kind).search_type,
            identifier: id.to_string(),
            compartment: info.compartment,
            display_name: info.name,
            lifecycle_state: info.state.word().to_owned(),
            time_created: info.time_created,
            tags: info.tags,
            availability_domain: None,
            additional: BTreeMap::new(),
        };
        let lag = self.settings.search_lag;
        self.index.put(&info.region, summary, at + lag);
    }
}

impl World {
    /// GetCluster and the like, by the kind.
    pub fn get_holder(&self, call: &Call, at: &HolderAddress) -> Told<HolderInfo> {
        self.read(family_of(&at.kind).get, call, &at.region, at.id.as_str(), |state, ctx| {
            let record = state.holder_at(ctx, at)?;
            Ok(Yes::new(record.info(ctx.now)).etag(record.etag(ctx.now)))
        })
    }

    /// ListClusters and the like, of one compartment.
    pub fn list_holders(
        &self,
        call: &Call,
        region: &Region,
        kind: &Kind,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<HolderInfo>> {
        self.read(family_of(kind).list, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let place = (region.clone(), compartment.clone(), kind.clone());
            let ids = state.holders.listed.get(&place).map_or(&[][..], Vec::as_slice).iter();
            let all = ids.map(|id| &state.holders.by_id[id]);
            page_of(&state.settings, query, all, |record| record.info.id.as_str(), |record| record.info(ctx.now))
                .map(Yes::new)
        })
    }

    /// Such a resource as it is, whoever may see it; `None` once the service has forgotten it.
    #[must_use]
    pub fn holder(&self, id: &ResourceId) -> Option<HolderInfo> {
        let (now, state) = self.settled();
        state.holders.by_id.get(id).map(|record| record.info(now))
    }

    /// An OKE cluster; Oracle's key unless told otherwise.
    pub fn add_cluster(&self, region: &Region, compartment: &CompartmentId, name: &str) -> HolderSeed<'_> {
        self.seed_holder(Kind::Cluster, region, compartment, name)
    }

    /// An instance configuration; Oracle's keys unless told otherwise.
    pub fn add_instance_configuration(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        name: &str,
    ) -> HolderSeed<'_> {
        self.seed_holder(Kind::InstanceConfiguration, region, compartment, name)
    }

    /// An OKE node pool; its nodes' boot volumes are under Oracle's key unless told otherwise.
    pub fn add_node_pool(&self, region: &Region, compartment: &CompartmentId, name: &str) -> HolderSeed<'_> {
        self.seed_holder(Kind::NodePool, region, compartment, name)
    }

    /// Somebody deletes such a resource; the service goes on showing it as DELETED.
    pub fn others_delete_holder(&self, id: &ResourceId) {
        let (now, mut state) = self.settled();
        let record = state.holders.by_id.get_mut(id).expect("a resource of this World");
        record.info.state = HolderState::Deleted;
        record.etag += 1;
        state.index_holder(id, now);
    }

    /// The service no longer shows it; Search notices later.
    pub fn others_forget_holder(&self, id: &ResourceId) {
        let (now, mut state) = self.settled();
        let info = state.holders.by_id.remove(id).expect("a resource of this World").info;
        let place = (info.region.clone(), info.compartment, info.kind);
        if let Some(listed) = state.holders.listed.get_mut(&place) {
            listed.retain(|other| other != id);
        }
        let lag = state.settings.search_lag;
        state.index.remove(&info.region, id.as_str(), now + lag);
    }

    fn seed_holder(&self, kind: Kind, region: &Region, compartment: &CompartmentId, name: &str) -> HolderSeed<'_> {
        HolderSeed {
            world: self,
            kind,
            region: region.clone(),
            compartment: compartment.clone(),
            name: name.to_owned(),
            key: None,
            more_keys: Vec::new(),
            settings: "{\"size\":3}".to_owned(),
            is_cycling: false,
            tags: Tags::default(),
            created: self.now() - super::seed_block::OLD,
            ready: None,
        }
    }
}

/// A cluster or the like to be. A seeded one is old unless its creation says otherwise.
#[must_use = "a seed grows with done()"]
pub struct HolderSeed<'w> {
    world: &'w World,
    kind: Kind,
    region: Region,
    compartment: CompartmentId,
    name: String,
    key: Option<KeyId>,
    more_keys: Vec<KeyId>,
    settings: String,
    is_cycling: bool,
    tags: Tags,
    created: Timestamp,
    ready: Option<Timestamp>,
}

impl HolderSeed<'_> {
    /// Names this key.
    pub fn key(mut self, key: &KeyId) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// Names this key too.
    pub fn more_key(mut self, key: &KeyId) -> Self {
        self.more_keys.push(key.clone());
        self
    }

    /// A node pool that makes its nodes with this, in words that World does not read.
    pub fn settings(mut self, settings: &str) -> Self {
        self.settings = settings.to_owned();
        self
    }

    /// A node pool that replaces its nodes whenever it is changed.
    pub fn cycling(mut self) -> Self {
        self.is_cycling = true;
        self
    }

    /// With a free-form tag.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.freeform.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Created then; ACTIVE after the delay of World's settings.
    pub fn created(mut self, at: Timestamp) -> Self {
        self.created = at;
        self
    }

    /// ACTIVE only from then on.
    pub fn ready(mut self, at: Timestamp) -> Self {
        self.ready = Some(at);
        self
    }

    /// Makes it.
    pub fn done(self) -> ResourceId {
        let mut state = self.world.lock();
        let id = ResourceId::parse(state.ocid(family_of(&self.kind).word, self.region.as_str()));
        let id = id.expect("World's own OCID");
        let info = HolderInfo {
            id: id.clone(),
            kind: self.kind,
            region: self.region,
            compartment: self.compartment,
            name: self.name,
            key: self.key,
            more_keys: self.more_keys,
            settings: self.settings,
            is_cycling: self.is_cycling,
            state: HolderState::Active,
            tags: self.tags,
            time_created: self.created,
        };
        let ready = self.ready.unwrap_or(self.created + state.settings.creation_delay);
        state.insert_holder(HolderRecord { info, etag: 1, ready, change: None, changes: Vec::new() });
        id
    }
}
