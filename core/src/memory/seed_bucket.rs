//! Seeding buckets: the dependents of tests and demonstrations.
//!
//! A seeded bucket is old unless its creation says otherwise; a young one is not indexed yet.

use std::collections::BTreeMap;
use std::time::Duration;

use super::buckets::{BucketAddress, BucketInfo, BucketRecord};
use super::world::World;
use crate::model::{CompartmentId, KeyId, KeyVersionId, Region, ResourceId, Tags, Timestamp};

/// How old buckets are when nothing else is said.
const OLD: Duration = Duration::from_secs(300 * 86_400);

impl World {
    /// A bucket; Oracle's key unless told otherwise.
    pub fn add_bucket(&self, region: &Region, compartment: &CompartmentId, name: &str) -> BucketSeed<'_> {
        BucketSeed {
            world: self,
            region: region.clone(),
            compartment: compartment.clone(),
            name: name.to_owned(),
            key: None,
            wrapped_by: None,
            tags: Tags::default(),
            storage_tier: "Standard".to_owned(),
            is_read_only: false,
            created: self.now() - OLD,
        }
    }
}

/// A bucket to be.
#[must_use = "a seed grows with done()"]
pub struct BucketSeed<'w> {
    world: &'w World,
    region: Region,
    compartment: CompartmentId,
    name: String,
    key: Option<KeyId>,
    wrapped_by: Option<KeyVersionId>,
    tags: Tags,
    storage_tier: String,
    is_read_only: bool,
    created: Timestamp,
}

impl BucketSeed<'_> {
    /// Wrapped by a key: by its version that is current now.
    pub fn key(mut self, key: &KeyId) -> Self {
        self.key = Some(key.clone());
        self
    }

    /// Its data hangs on this version, whichever is current.
    pub fn wrapped_by(mut self, version: &KeyVersionId) -> Self {
        self.wrapped_by = Some(version.clone());
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

    /// In the archive tier.
    pub fn archived(mut self) -> Self {
        self.storage_tier = "Archive".to_owned();
        self
    }

    /// The destination of a replication.
    pub fn read_only(mut self) -> Self {
        self.is_read_only = true;
        self
    }

    /// Created then.
    pub fn created(mut self, at: Timestamp) -> Self {
        self.created = at;
        self
    }

    /// Makes it.
    pub fn done(self) -> ResourceId {
        let now = self.world.now();
        let mut state = self.world.lock();
        let id = ResourceId::parse(state.ocid("bucket", self.region.as_str())).expect("World's own OCID");
        let current = self.key.as_ref().map(|key| {
            state.kms.keys.get(key).expect("a bucket is seeded with a key of this World").current_id(now).clone()
        });
        let address =
            BucketAddress { region: self.region, namespace: state.tenancy().namespace.clone(), name: self.name };
        let info = BucketInfo {
            id: id.clone(),
            address,
            compartment: self.compartment,
            key: self.key,
            tags: self.tags,
            storage_tier: self.storage_tier,
            is_read_only: self.is_read_only,
            time_created: self.created,
        };
        let record = BucketRecord {
            info,
            etag: 1,
            wrapped_by: self.wrapped_by.or(current),
            objects: BTreeMap::new(),
            rewraps: Vec::new(),
        };
        let indexed = self.created + state.settings.search_lag;
        state.insert_bucket(record, indexed);
        id
    }
}
