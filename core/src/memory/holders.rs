//! Resources that name a key and keep no data under it that keywheel could move: clusters, and later templates.
//!
//! World knows of each which key it names and where it is in its life. Nothing here changes a key: where a service
//! lets one be changed, that has a file of its own.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
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
}

impl HolderState {
    /// OCI's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Creating => "CREATING",
            Self::Deleted => "DELETED",
        }
    }
}

/// Such a resource as its Get tells it. Listings of clusters do not name the key.
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
    info: HolderInfo,
    etag: u64,
    /// From when on it is ACTIVE.
    ready: Timestamp,
}

impl HolderRecord {
    fn etag(&self) -> Etag {
        Etag::parse(format!("ho{}", self.etag)).expect("letters and digits")
    }

    fn info(&self, now: Timestamp) -> HolderInfo {
        let state = match self.info.state {
            HolderState::Active if now < self.ready => HolderState::Creating,
            state => state,
        };
        HolderInfo { state, ..self.info.clone() }
    }
}

/// Clusters and the like.
#[derive(Debug, Default)]
pub(super) struct Holders {
    by_id: HashMap<ResourceId, HolderRecord>,
    /// In order of creation.
    listed: BTreeMap<(Region, CompartmentId, Kind), Vec<ResourceId>>,
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

/// Kinds that World holds in this way.
pub(super) const KINDS: [Kind; 1] = [Kind::Cluster];

pub(super) fn family(kind: &Kind) -> Option<&'static HolderFamily> {
    match kind {
        Kind::Cluster => Some(&CLUSTER),
        _ => None,
    }
}

fn family_of(kind: &Kind) -> &'static HolderFamily {
    family(kind).expect("an address names one of these kinds")
}

impl State {
    fn holder_at(&self, ctx: &Ctx, at: &HolderAddress) -> Result<&HolderRecord, No> {
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

    fn index_holder(&mut self, id: &ResourceId, at: Timestamp) {
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
            Ok(Yes::new(record.info(ctx.now)).etag(record.etag()))
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
            state: HolderState::Active,
            tags: self.tags,
            time_created: self.created,
        };
        let ready = self.ready.unwrap_or(self.created + state.settings.creation_delay);
        state.insert_holder(HolderRecord { info, etag: 1, ready });
        id
    }
}
