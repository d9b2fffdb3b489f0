//! Re-encryption of buckets and the work requests it goes on under.
//!
//! A work request is instants; its status follows from the present. What it did to the data is
//! worked in by `buckets` when somebody looks.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::buckets::BucketAddress;
use super::faults::Fault;
use super::log::{NotYet, Note};
use super::operations as op;
use super::paging::page_of;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, KeyId, KeyState, Region, ResourceId, Timestamp, WorkRequestId};

/// Object Storage's words for where a work request stands; it knows no SUCCEEDED (oci-api §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkStatus {
    /// ACCEPTED.
    Accepted,
    /// COMPLETED.
    Completed,
    /// FAILED.
    Failed,
    /// IN_PROGRESS.
    InProgress,
}

impl WorkStatus {
    /// OCI's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::InProgress => "IN_PROGRESS",
        }
    }
}

/// A work request as GetWorkRequest tells it; its operation is always REENCRYPT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkRequestInfo {
    /// Its id.
    pub id: WorkRequestId,
    /// Compartment of the bucket.
    pub compartment: CompartmentId,
    /// The bucket's OCID.
    pub bucket: ResourceId,
    /// The bucket's address.
    pub address: BucketAddress,
    /// Where it stands.
    pub status: WorkStatus,
    /// 0 to 100.
    pub percent_complete: u8,
    /// When it was accepted.
    pub time_accepted: Timestamp,
    /// When it began.
    pub time_started: Option<Timestamp>,
    /// When it ended.
    pub time_finished: Option<Timestamp>,
}

#[derive(Debug)]
struct Record {
    id: WorkRequestId,
    compartment: CompartmentId,
    bucket: ResourceId,
    address: BucketAddress,
    accepted: Timestamp,
    starts: Timestamp,
    ends: Timestamp,
    is_failing: bool,
    is_forgotten: bool,
    is_no_op: bool,
}

/// What a work request really was, forgotten or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkTruth {
    /// The bucket's OCID.
    pub bucket: ResourceId,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// When it ended, or will.
    pub ends: Timestamp,
    /// Whether it ends FAILED.
    pub is_failing: bool,
    /// Whether it completes without moving anything.
    pub is_no_op: bool,
}

/// What a work request will have done to its bucket.
#[derive(Debug)]
pub(super) struct Rewrap {
    pub(super) key: KeyId,
    pub(super) accepted: Timestamp,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct WorkRequests {
    records: HashMap<WorkRequestId, Record>,
    listed: BTreeMap<(Region, CompartmentId), Vec<WorkRequestId>>,
}

impl Record {
    fn status(&self, now: Timestamp) -> WorkStatus {
        match now {
            _ if now < self.starts => WorkStatus::Accepted,
            _ if now < self.ends => WorkStatus::InProgress,
            _ if self.is_failing => WorkStatus::Failed,
            _ => WorkStatus::Completed,
        }
    }

    fn info(&self, now: Timestamp) -> WorkRequestInfo {
        let status = self.status(now);
        let percent = match status {
            WorkStatus::Completed => 100,
            WorkStatus::Accepted | WorkStatus::Failed => 0,
            WorkStatus::InProgress => {
                let whole = self.ends.duration_since(self.starts).as_millis().max(1);
                let done = now.duration_since(self.starts).as_millis();
                u8::try_from(done * 100 / whole).unwrap_or(99)
            }
        };
        WorkRequestInfo {
            id: self.id.clone(),
            compartment: self.compartment.clone(),
            bucket: self.bucket.clone(),
            address: self.address.clone(),
            status,
            percent_complete: percent,
            time_accepted: self.accepted,
            time_started: (now >= self.starts).then_some(self.starts),
            time_finished: (now >= self.ends).then_some(self.ends),
        }
    }

    fn not_yet(&self, now: Timestamp) -> Option<NotYet> {
        (now < self.ends).then_some(NotYet::WorkRequest)
    }
}

impl State {
    fn is_shown(&self, record: &Record, now: Timestamp) -> bool {
        let memory = self.settings.work_request_memory;
        !record.is_forgotten && memory.is_none_or(|memory| now < record.ends + memory)
    }

    fn reencrypt_bucket(&mut self, ctx: &Ctx, at: &BucketAddress) -> Result<Yes<WorkRequestId>, No> {
        let bucket = self.bucket_at(ctx, at)?;
        self.settle_bucket(&bucket, ctx.now);
        let key = self.buckets.by_id[&bucket].info.key.clone();
        let key = key.ok_or_else(|| No::invalid("the bucket has no kmsKeyId; there is nothing to re-encrypt with"))?;
        let is_enabled = self.kms.keys.get(&key).is_some_and(|key| key.state == KeyState::Enabled);
        let is_usable = is_enabled && self.may_service_use(ctx.operation.service, &at.region, &key);
        let is_failing = !is_usable || ctx.struck.has(&Fault::WorkRequestFails);
        let starts = ctx.now + self.settings.work_request_wait;
        let ends = starts + self.settings.work_request_duration;
        let number = self.next_id();
        let id = WorkRequestId::parse(format!("wr{}-{number:010}", self.settings.seed)).expect("letters and digits");
        let record = self.buckets.by_id.get_mut(&bucket).expect("found by its address");
        let is_no_op = ctx.struck.has(&Fault::SilentNoOp);
        if !is_failing && !is_no_op {
            record.rewraps.push(Rewrap { key, accepted: ctx.now, starts, ends });
        }
        let work = Record {
            id: id.clone(),
            compartment: record.info.compartment.clone(),
            bucket,
            address: at.clone(),
            accepted: ctx.now,
            starts,
            ends,
            is_failing,
            is_forgotten: ctx.struck.has(&Fault::LoseWorkRequest),
            is_no_op,
        };
        let place = (at.region.clone(), work.compartment.clone());
        self.buckets.work.listed.entry(place).or_default().push(id.clone());
        self.buckets.work.records.insert(id.clone(), work);
        let yes = Yes::new(id);
        Ok(if is_no_op { yes.note(Note::SilentNoOp) } else { yes })
    }
}

impl World {
    /// ReencryptBucket: no token, no if-match; a second call makes a second work request.
    pub fn reencrypt_bucket(&self, call: &Call, at: &BucketAddress) -> Told<WorkRequestId> {
        let address = at.clone();
        self.write(&op::REENCRYPT_BUCKET, call, &at.region, &at.name, move |state, ctx| {
            state.reencrypt_bucket(ctx, &address)
        })
    }

    /// GetWorkRequest.
    pub fn get_work_request(&self, call: &Call, region: &Region, id: &WorkRequestId) -> Told<WorkRequestInfo> {
        self.read(&op::GET_WORK_REQUEST, call, region, id.as_str(), |state, ctx| {
            let found = state.buckets.work.records.get(id);
            let found = found.filter(|work| work.address.region == *region && state.is_shown(work, ctx.now));
            let found = found.filter(|work| state.may_see(ctx, &work.compartment));
            let work = found.ok_or_else(|| No::not_found(id.as_str()))?;
            Ok(Yes::new(work.info(ctx.now)).not_yet(work.not_yet(ctx.now)))
        })
    }

    /// ListWorkRequests of one compartment, the newest first.
    pub fn list_work_requests(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<WorkRequestInfo>> {
        self.read(&op::LIST_WORK_REQUESTS, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let place = (region.clone(), compartment.clone());
            let ids = state.buckets.work.listed.get(&place).map_or(&[][..], Vec::as_slice).iter().rev();
            let all = ids.map(|id| &state.buckets.work.records[id]).filter(|work| state.is_shown(work, ctx.now));
            let listing = page_of(&state.settings, query, all, |work| work.id.as_str(), |work| work.info(ctx.now))?;
            let is_live = |info: &WorkRequestInfo| info.time_finished.is_none();
            let not_yet = listing.items.iter().any(is_live).then_some(NotYet::WorkRequest);
            Ok(Yes::new(listing).not_yet(not_yet))
        })
    }

    /// The auditor's truth about a work request.
    #[must_use]
    pub fn work_truth(&self, id: &WorkRequestId) -> Option<WorkTruth> {
        let state = self.lock();
        let work = state.buckets.work.records.get(id)?;
        Some(WorkTruth {
            bucket: work.bucket.clone(),
            accepted: work.accepted,
            ends: work.ends,
            is_failing: work.is_failing,
            is_no_op: work.is_no_op,
        })
    }

    /// The auditor's count of re-encrypts a bucket was asked for, forgotten ones included.
    #[must_use]
    pub fn reencrypts_of(&self, bucket: &ResourceId) -> usize {
        let (_, state) = self.settled();
        state.buckets.work.records.values().filter(|work| work.bucket == *bucket).count()
    }
}
