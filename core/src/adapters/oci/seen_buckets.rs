//! Buckets as they were read last: what a listing shows again need not be read once more.
//!
//! ListBuckets names neither OCID nor key, but name, `timeCreated` and etag. A name is given to one bucket at a time, so an equal name and
//! time mean the same bucket, whose OCID is known; not that its key is the same. That an equal etag means the same key is a named
//! assumption ([`ListedEtags`]): Oracle promises that Object Storage always serves the newest copy, and says nothing about listings of
//! buckets. Only what this process read itself is kept, and no more than [`KEPT_MAX`] buckets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wire;
use crate::model::{KeyId, Region, ResourceId, Timestamp};

/// The most buckets that are kept; the others are read each time.
const KEPT_MAX: usize = 10_000;

/// Whether a listed etag that is the one that was read means that the bucket is as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListedEtags {
    /// It does: such a bucket is not read again.
    Believed,
    /// A listed etag means nothing.
    #[default]
    Ignored,
}

/// What the listing leaves out, and how the bucket is known again.
struct Kept {
    etag: Option<String>,
    time_created: Option<Timestamp>,
    id: ResourceId,
    kms_key_id: Option<String>,
    is_read_only: Option<bool>,
}

/// A listed bucket with its OCID.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Again {
    /// It is as it was read.
    Unchanged(wire::Bucket),
    /// It is the bucket that was under the key that is looked for. Whether it still is was not read.
    Same(wire::Bucket),
}

pub(crate) struct SeenBuckets {
    etags: ListedEtags,
    kept: Mutex<HashMap<(Region, String), Kept>>,
}

impl SeenBuckets {
    pub(crate) fn new(etags: ListedEtags) -> Self {
        Self { etags, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(Region, String), Kept>> {
        // Entries are replaced whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a bucket as GetBucket told it.
    pub(crate) fn keep(&self, region: &Region, bucket: &wire::Bucket) {
        let Some(id) = bucket.id.clone() else { return };
        let (mut kept, place) = (self.kept(), (region.clone(), bucket.name.clone()));
        if kept.len() >= KEPT_MAX && !kept.contains_key(&place) {
            return;
        }
        let (etag, kms_key_id) = (bucket.etag.clone(), bucket.kms_key_id.clone());
        let (time_created, is_read_only) = (bucket.time_created, bucket.is_read_only);
        kept.insert(place, Kept { etag, time_created, id, kms_key_id, is_read_only });
    }

    /// A listed bucket that was read before, for whoever looks for what is under `key`; `None`: it is to be read.
    pub(crate) fn again(&self, region: &Region, listed: &wire::Bucket, key: &KeyId) -> Option<Again> {
        let kept = self.kept();
        let known = kept.get(&(region.clone(), listed.name.clone()))?;
        let is_unchanged = self.etags == ListedEtags::Believed && listed.etag.is_some() && listed.etag == known.etag;
        let is_same = listed.time_created.is_some() && listed.time_created == known.time_created;
        let bucket = || wire::Bucket {
            id: Some(known.id.clone()),
            kms_key_id: known.kms_key_id.clone(),
            is_read_only: known.is_read_only,
            ..listed.clone()
        };
        match (is_unchanged, is_same) {
            (true, _) => Some(Again::Unchanged(bucket())),
            (_, true) if known.kms_key_id.as_deref() == Some(key.as_str()) => Some(Again::Same(bucket())),
            _ => None,
        }
    }
}
