//! Buckets as they were read last, by name and etag: what a listing shows unchanged need not be read once more.
//!
//! ListBuckets names neither OCID nor key, but the etag. That an equal etag means the same key is a named assumption
//! ([`ListedEtags`]): Oracle promises that Object Storage always serves the newest copy, and says nothing about listings of
//! buckets. Only what this process read itself is kept, and no more than [`KEPT_MAX`] buckets.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::wire;
use crate::model::{Region, ResourceId};

/// The most buckets that are kept; the others are read each time.
const KEPT_MAX: usize = 10_000;

/// Whether a listed etag that is the one that was read means that the bucket is as it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListedEtags {
    /// It does: such a bucket is not read again.
    Believed,
    /// Every bucket is read in every pass.
    #[default]
    Ignored,
}

/// What the listing leaves out.
struct Kept {
    etag: String,
    id: ResourceId,
    kms_key_id: Option<String>,
    is_read_only: Option<bool>,
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
        let (ListedEtags::Believed, Some(etag), Some(id)) = (self.etags, &bucket.etag, &bucket.id) else { return };
        let (mut kept, place) = (self.kept(), (region.clone(), bucket.name.clone()));
        if kept.len() >= KEPT_MAX && !kept.contains_key(&place) {
            return;
        }
        let (kms_key_id, is_read_only) = (bucket.kms_key_id.clone(), bucket.is_read_only);
        kept.insert(place, Kept { etag: etag.clone(), id: id.clone(), kms_key_id, is_read_only });
    }

    /// A listed bucket with what the listing leaves out, if it was read at this etag.
    pub(crate) fn unchanged(&self, region: &Region, listed: &wire::Bucket) -> Option<wire::Bucket> {
        let kept = self.kept();
        let known = kept.get(&(region.clone(), listed.name.clone()))?;
        (listed.etag.as_ref() == Some(&known.etag)).then(|| wire::Bucket {
            id: Some(known.id.clone()),
            kms_key_id: known.kms_key_id.clone(),
            is_read_only: known.is_read_only,
            ..listed.clone()
        })
    }
}
