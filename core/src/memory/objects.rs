//! Objects in buckets: conditional writes, reads, listing by name.
//!
//! Bytes are kept as they came. There is no deletion.

use super::answer::{Call, No, Told, Yes};
use super::buckets::BucketAddress;
use super::operations as op;
use super::world::{Ctx, State, World};
use crate::model::{Etag, KeyVersionId, Timestamp};

#[derive(Debug)]
pub(super) struct ObjectRecord {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: Etag,
    pub(super) written: Timestamp,
    pub(super) wrapped_by: Option<KeyVersionId>,
}

/// An object without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its name.
    pub name: String,
    /// Its length.
    pub size: u64,
    /// Its etag.
    pub etag: Etag,
    /// When it was written.
    pub time_modified: Timestamp,
}

/// A part of ListObjects, which pages by name (oci-api §1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectListing {
    /// The objects.
    pub objects: Vec<ObjectInfo>,
    /// Name to go on from, itself included.
    pub next_start_with: Option<String>,
}

/// What ListObjects is asked for.
#[derive(Debug, Clone, Default)]
pub struct ObjectQuery {
    /// Names begin so.
    pub prefix: Option<String>,
    /// The first name wanted.
    pub start: Option<String>,
    /// At most so many.
    pub limit: Option<usize>,
}

impl ObjectRecord {
    fn info(&self, name: &str) -> ObjectInfo {
        let size = self.bytes.len().try_into().expect("memory is smaller than 2^64");
        ObjectInfo { name: name.to_owned(), size, etag: self.etag.clone(), time_modified: self.written }
    }
}

impl State {
    fn put_object(&mut self, ctx: &Ctx, at: &BucketAddress, name: String, bytes: Vec<u8>) -> Result<Yes<()>, No> {
        let bucket = self.bucket_at(ctx, at)?;
        self.settle_bucket(&bucket, ctx.now);
        let there = self.buckets.by_id[&bucket].objects.get(&name);
        if ctx.call.if_none_match.is_some() && there.is_some() {
            return Err(No::new(412, "IfNoneMatchFailed", "the object exists already"));
        }
        match (there, &ctx.call.if_match) {
            (Some(object), _) => ctx.check_etag(&object.etag)?,
            (None, Some(_)) => return Err(No::no_etag_match()),
            (None, None) => {}
        }
        let etag = Etag::parse(format!("o{}", self.next_id())).expect("letters and digits");
        let record = self.buckets.by_id.get_mut(&bucket).expect("found by its address");
        let wrapped_by = record.info.key.as_ref().map(|key| self.kms.keys[key].current_id(ctx.now).clone());
        let object = ObjectRecord { bytes, etag: etag.clone(), written: ctx.now, wrapped_by };
        record.objects.insert(name, object);
        Ok(Yes::new(()).etag(etag))
    }

    fn object_at(&self, ctx: &Ctx, at: &BucketAddress, name: &str) -> Result<&ObjectRecord, No> {
        let bucket = self.bucket_at(ctx, at)?;
        let not_found = || No::new(404, "ObjectNotFound", format!("no object {name} is visible"));
        let object = self.buckets.by_id[&bucket].objects.get(name).ok_or_else(not_found)?;
        ctx.check_etag(&object.etag)?;
        Ok(object)
    }
}

impl World {
    /// PutObject: `if-none-match: *` creates only, `if-match` replaces only what has that etag.
    pub fn put_object(&self, call: &Call, at: &BucketAddress, name: &str, bytes: Vec<u8>) -> Told<()> {
        let (address, object) = (at.clone(), name.to_owned());
        self.write(&op::PUT_OBJECT, call, &at.region, name, move |state, ctx| {
            state.put_object(ctx, &address, object, bytes)
        })
    }

    /// GetObject.
    pub fn get_object(&self, call: &Call, at: &BucketAddress, name: &str) -> Told<Vec<u8>> {
        self.read(&op::GET_OBJECT, call, &at.region, name, |state, ctx| {
            let object = state.object_at(ctx, at, name)?;
            Ok(Yes::new(object.bytes.clone()).etag(object.etag.clone()))
        })
    }

    /// HeadObject.
    pub fn head_object(&self, call: &Call, at: &BucketAddress, name: &str) -> Told<ObjectInfo> {
        self.read(&op::HEAD_OBJECT, call, &at.region, name, |state, ctx| {
            let object = state.object_at(ctx, at, name)?;
            Ok(Yes::new(object.info(name)).etag(object.etag.clone()))
        })
    }

    /// ListObjects, by name.
    pub fn list_objects(&self, call: &Call, at: &BucketAddress, query: &ObjectQuery) -> Told<ObjectListing> {
        self.read(&op::LIST_OBJECTS, call, &at.region, &at.name, |state, ctx| {
            let bucket = state.bucket_at(ctx, at)?;
            let prefix = query.prefix.as_deref().unwrap_or("");
            let start = query.start.as_deref().unwrap_or("").max(prefix).to_owned();
            let limit = query.limit.unwrap_or(usize::MAX).min(state.settings.page_size).max(1);
            let objects = &state.buckets.by_id[&bucket].objects;
            let mut rest = objects.range(start..).take_while(|(name, _)| name.starts_with(prefix));
            let shown = rest.by_ref().take(limit).map(|(name, object)| object.info(name)).collect();
            let next_start_with = rest.next().map(|(name, _)| name.clone());
            Ok(Yes::new(ObjectListing { objects: shown, next_start_with }))
        })
    }
}
