//! Object Storage buckets: which key each uses, and which version its data really hangs on.
//!
//! OCI shows only the key; the version is the auditor's truth and never leaves through an operation.
//! Re-encryption is in `work_requests`, objects are in `objects`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::objects::ObjectRecord;
use super::operations as op;
use super::paging::page_of;
use super::retention::RetentionRule;
use super::search::ResourceSummary;
use super::work_requests::{Rewrap, WorkRequests};
use super::world::{Ctx, State, World};
use crate::model::{
    CompartmentId, Etag, KeyId, KeyState, KeyVersionId, NamespaceName, Region, ResourceId, Tags, Timestamp,
};

/// A bucket's address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketAddress {
    /// Region that holds it.
    pub region: Region,
    /// The tenancy's namespace.
    pub namespace: NamespaceName,
    /// Its name, unique in region and namespace.
    pub name: String,
}

/// A bucket as GetBucket tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketInfo {
    /// Its OCID.
    pub id: ResourceId,
    /// Where it is.
    pub address: BucketAddress,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// The key new data is wrapped with; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// Its tags.
    pub tags: Tags,
    /// `Standard` or `Archive`.
    pub storage_tier: String,
    /// Whether it is the destination of a replication.
    pub is_read_only: bool,
    /// When it was created.
    pub time_created: Timestamp,
}

/// A bucket as ListBuckets tells it: without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketSummary {
    /// Its OCID; ListBuckets does not send it, GetBucket does.
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Its etag.
    pub etag: Etag,
    /// Its tags; ListBuckets sends them when asked for `fields=tags`.
    pub tags: Tags,
    /// When it was created.
    pub time_created: Timestamp,
}

/// UpdateBucketDetails: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketUpdate {
    /// The key's OCID; the empty text means Oracle's key.
    pub key: Option<String>,
    /// All free-form tags.
    pub freeform: Option<BTreeMap<String, String>>,
    /// All defined tags.
    pub defined: Option<BTreeMap<String, BTreeMap<String, String>>>,
}

#[derive(Debug)]
pub(super) struct BucketRecord {
    pub(super) info: BucketInfo,
    pub(super) etag: u64,
    /// The version that data written before this World began hangs on.
    pub(super) wrapped_by: Option<KeyVersionId>,
    pub(super) objects: BTreeMap<String, ObjectRecord>,
    /// Re-wraps that have not been worked in yet, in order of acceptance.
    pub(super) rewraps: Vec<Rewrap>,
}

impl BucketRecord {
    pub(super) fn etag(&self) -> Etag {
        Etag::parse(format!("b{}", self.etag)).expect("letters and digits")
    }
}

/// Buckets and their work requests.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    pub(super) by_id: HashMap<ResourceId, BucketRecord>,
    pub(super) named: HashMap<(Region, String), ResourceId>,
    pub(super) listed: BTreeMap<(Region, CompartmentId), BTreeMap<String, ResourceId>>,
    pub(super) work: WorkRequests,
    pub(super) rules: HashMap<ResourceId, Vec<RetentionRule>>,
    pub(super) versioned: HashSet<ResourceId>,
}

impl State {
    fn check_namespace(&self, namespace: &NamespaceName) -> Result<(), No> {
        if self.tenancy().namespace == *namespace {
            return Ok(());
        }
        Err(No::new(404, "NamespaceNotFound", "you do not own this namespace, or it does not exist"))
    }

    /// The bucket at an address, as far as the caller may see it.
    pub(super) fn bucket_at(&self, ctx: &Ctx, at: &BucketAddress) -> Result<ResourceId, No> {
        self.check_namespace(&at.namespace)?;
        let not_found = || No::new(404, "BucketNotFound", format!("no bucket {} is visible", at.name));
        let id = self.buckets.named.get(&(at.region.clone(), at.name.clone())).ok_or_else(not_found)?;
        let is_visible = self.may_see_bucket(ctx, &self.buckets.by_id[id].info.compartment, &at.name);
        if is_visible { Ok(id.clone()) } else { Err(not_found()) }
    }

    /// Works in what re-wraps have done until now.
    pub(super) fn settle_bucket(&mut self, id: &ResourceId, now: Timestamp) {
        let Some(record) = self.buckets.by_id.get_mut(id) else { return };
        if record.rewraps.is_empty() {
            return;
        }
        let (done, open) = record.rewraps.drain(..).partition(|rewrap| rewrap.ends <= now);
        record.rewraps = open;
        let done: Vec<Rewrap> = done;
        for rewrap in done {
            // The version that was current when it ran, not when somebody looks.
            let version = self.kms.keys[&rewrap.key].current_id(rewrap.starts).clone();
            for object in record.objects.values_mut().filter(|object| object.written <= rewrap.accepted) {
                object.wrapped_by = Some(version.clone());
            }
            record.wrapped_by = Some(version);
        }
    }

    /// Whether a key can be used by resources of a region.
    pub(super) fn check_key_in_region(&self, ctx: &Ctx, region: &Region, key: &str) -> Result<KeyId, No> {
        let refused = || {
            let message = "the key named in the body is not authorized or not found in this region";
            No::new(400, "RelatedResourceNotAuthorizedOrNotFound", message)
        };
        let id = KeyId::parse(key).map_err(|_| No::invalid("kmsKeyId is not a key's OCID"))?;
        let record = self.kms.keys.get(&id).ok_or_else(refused)?;
        let vault = &self.kms.vaults[&record.vault].vault;
        let is_here = vault.region == *region || vault.replicas.contains(region);
        let may_use = self.is_open(ctx, &record.compartment) && self.may_associate(ctx, &id, &record.compartment);
        let is_usable = may_use && record.state_at(ctx.now) == KeyState::Enabled;
        if !is_here || !is_usable || !self.may_service_use(ctx.operation.service, region, &id) {
            return Err(refused());
        }
        Ok(id)
    }

    pub(super) fn insert_bucket(&mut self, record: BucketRecord, indexed: Timestamp) {
        let info = &record.info;
        let (region, name, id) = (info.address.region.clone(), info.address.name.clone(), info.id.clone());
        let place = (region.clone(), info.compartment.clone());
        let before = self.buckets.named.insert((region, name.clone()), id.clone());
        assert!(before.is_none(), "a bucket of this name exists in the region already");
        self.buckets.listed.entry(place).or_default().insert(name, id.clone());
        self.buckets.by_id.insert(id.clone(), record);
        self.index_bucket(&id, indexed);
    }

    pub(super) fn index_bucket(&mut self, id: &ResourceId, from: Timestamp) {
        let info = &self.buckets.by_id[id].info;
        let summary = ResourceSummary {
            resource_type: "Bucket",
            identifier: id.to_string(),
            compartment: info.compartment.clone(),
            display_name: info.address.name.clone(),
            lifecycle_state: "ACTIVE".to_owned(),
            time_created: info.time_created,
            tags: info.tags.clone(),
            availability_domain: None,
            additional: BTreeMap::from([("namespace".to_owned(), info.address.namespace.to_string())]),
        };
        let region = info.address.region.clone();
        self.index.put(&region, summary, from);
    }

    fn update_bucket(&mut self, ctx: &Ctx, at: &BucketAddress, change: BucketUpdate) -> Result<Yes<BucketInfo>, No> {
        let id = self.bucket_at(ctx, at)?;
        ctx.check_etag(&self.buckets.by_id[&id].etag())?;
        self.settle_bucket(&id, ctx.now);
        let key = match change.key.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(key) => Some(Some(self.check_key_in_region(ctx, &at.region, key)?)),
        };
        let is_retagged = change.freeform.is_some() || change.defined.is_some();
        let record = self.buckets.by_id.get_mut(&id).expect("found by its address");
        record.etag += 1;
        if let Some(key) = key {
            record.info.key = key;
        }
        if let Some(freeform) = change.freeform {
            record.info.tags.freeform = freeform;
        }
        if let Some(defined) = change.defined {
            record.info.tags.defined = defined;
        }
        let answer = Yes::new(record.info.clone()).etag(record.etag());
        if is_retagged {
            self.index_bucket(&id, ctx.now + self.settings.search_lag);
        }
        Ok(answer)
    }
}

impl World {
    /// GetNamespace.
    pub fn get_namespace(&self, call: &Call, region: &Region) -> Told<NamespaceName> {
        self.read(&op::GET_NAMESPACE, call, region, "namespace", |state, _| {
            Ok(Yes::new(state.tenancy().namespace.clone()))
        })
    }

    /// ListBuckets of one compartment, by name.
    pub fn list_buckets(
        &self,
        call: &Call,
        region: &Region,
        namespace: &NamespaceName,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<BucketSummary>> {
        self.read(&op::LIST_BUCKETS, call, region, compartment.as_str(), |state, ctx| {
            state.check_namespace(namespace)?;
            state.check_compartment(ctx, compartment)?;
            let place = (region.clone(), compartment.clone());
            let ids = state.buckets.listed.get(&place).into_iter().flatten();
            let show = |(_, id): (&String, &ResourceId)| {
                let record = &state.buckets.by_id[id];
                BucketSummary {
                    id: id.clone(),
                    name: record.info.address.name.clone(),
                    compartment: record.info.compartment.clone(),
                    etag: record.etag(),
                    tags: record.info.tags.clone(),
                    time_created: record.info.time_created,
                }
            };
            page_of(&state.settings, query, ids, |(name, _)| name.as_str(), show).map(Yes::new)
        })
    }

    /// GetBucket.
    pub fn get_bucket(&self, call: &Call, at: &BucketAddress) -> Told<BucketInfo> {
        self.read(&op::GET_BUCKET, call, &at.region, &at.name, |state, ctx| {
            let record = &state.buckets.by_id[&state.bucket_at(ctx, at)?];
            Ok(Yes::new(record.info.clone()).etag(record.etag()))
        })
    }

    /// UpdateBucket: honours if-match. A new key is for new data; what is there stays where it hangs.
    pub fn update_bucket(&self, call: &Call, at: &BucketAddress, change: BucketUpdate) -> Told<BucketInfo> {
        let address = at.clone();
        self.write(&op::UPDATE_BUCKET, call, &at.region, &at.name, move |state, ctx| {
            state.update_bucket(ctx, &address, change)
        })
    }

    /// The auditor's truth: the version that the data of any dependent hangs on; `None`: Oracle's key.
    #[must_use]
    pub fn wrapping_version(&self, dependent: &ResourceId) -> Option<KeyVersionId> {
        let (now, mut state) = self.settled();
        if let Some(block) = state.blocks.by_id.get(dependent) {
            return block.wrapping.as_ref().map(|wrapping| wrapping.version.clone());
        }
        state.settle_bucket(dependent, now);
        state.buckets.by_id.get(dependent).expect("a bucket, volume or backup of this World").wrapped_by.clone()
    }

    /// The auditor's truth with objects written since: all versions that anything in the bucket hangs on.
    #[must_use]
    pub fn wrapping_versions(&self, bucket: &ResourceId) -> BTreeSet<KeyVersionId> {
        let mut all: BTreeSet<_> = self.wrapping_version(bucket).into_iter().collect();
        let state = self.lock();
        let record = state.buckets.by_id.get(bucket).expect("a bucket of this World");
        all.extend(record.objects.values().filter_map(|object| object.wrapped_by.clone()));
        all
    }

    /// The key a bucket uses, as it is.
    #[must_use]
    pub fn bucket_key(&self, bucket: &ResourceId) -> Option<KeyId> {
        let (_, state) = self.settled();
        state.buckets.by_id.get(bucket).expect("a bucket of this World").info.key.clone()
    }

    /// A bucket as it is, whoever may see it.
    #[must_use]
    pub fn bucket(&self, bucket: &ResourceId) -> Option<BucketInfo> {
        self.lock().buckets.by_id.get(bucket).map(|record| record.info.clone())
    }

    /// Somebody else changes a dependent's tags; Search notices later.
    pub fn others_retag(&self, dependent: &ResourceId, tags: Tags) {
        let (now, mut state) = self.settled();
        if let Some(block) = state.blocks.by_id.get_mut(dependent) {
            block.info.tags = tags;
            block.etag += 1;
            return state.index_block(dependent, now);
        }
        let bucket = dependent;
        let record = state.buckets.by_id.get_mut(bucket).expect("a bucket of this World");
        record.info.tags = tags;
        record.etag += 1;
        let lag = state.settings.search_lag;
        state.index_bucket(bucket, now + lag);
    }

    /// Somebody else gives a bucket, volume or backup another key.
    pub fn others_assign_key(&self, dependent: &ResourceId, key: Option<&KeyId>) {
        let (now, mut state) = self.settled();
        if state.blocks.by_id.contains_key(dependent) {
            return state.assign_block(dependent, key, now);
        }
        let bucket = dependent;
        state.settle_bucket(bucket, now);
        let record = state.buckets.by_id.get_mut(bucket).expect("a bucket of this World");
        record.info.key = key.cloned();
        record.etag += 1;
    }

    /// Somebody else deletes a bucket; Search notices later.
    pub fn others_delete_bucket(&self, bucket: &ResourceId) {
        let (now, mut state) = self.settled();
        let record = state.buckets.by_id.remove(bucket).expect("a bucket of this World");
        let BucketAddress { region, name, .. } = record.info.address;
        state.buckets.named.remove(&(region.clone(), name.clone()));
        if let Some(listed) = state.buckets.listed.get_mut(&(region.clone(), record.info.compartment)) {
            listed.remove(&name);
        }
        let lag = state.settings.search_lag;
        state.index.remove(&region, bucket.as_str(), now + lag);
    }
}
