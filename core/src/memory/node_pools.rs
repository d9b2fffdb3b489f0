//! How an OKE node pool gets another key: one conditional call, a work request, and the key when it has ended.
//!
//! Nodes that exist keep the boot volumes they have; World knows only what the next ones would be made with. What a
//! change leaves out is gone afterwards: Oracle documents no merging, so this cloud takes the harsher side.

use std::collections::{BTreeMap, HashMap};

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::faults::Fault;
use super::holders::{Change, HolderAddress, HolderState};
use super::log::{NotYet, Note};
use super::meddle_holder::PoolTruth;
use super::operations as op;
use super::paging::page_of;
use super::world::{Ctx, State, World};
use crate::model::{CompartmentId, Region, ResourceId, Timestamp, WorkRequestId};

/// What a node pool shall make its nodes with from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolChange {
    /// The key of their boot volumes; `None` or the empty text: Oracle's.
    pub key: Option<String>,
    /// Everything else, in words that World does not read.
    pub settings: String,
}

/// OKE's words for where a work request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolWorkStatus {
    /// ACCEPTED.
    Accepted,
    /// FAILED.
    Failed,
    /// IN_PROGRESS.
    InProgress,
    /// SUCCEEDED.
    Succeeded,
}

impl PoolWorkStatus {
    /// OCI's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Failed => "FAILED",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
        }
    }
}

/// A work request of a node pool; its operation is always NODEPOOL_UPDATE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolWorkInfo {
    /// Its id.
    pub id: WorkRequestId,
    /// Compartment of the pool.
    pub compartment: CompartmentId,
    /// The pool.
    pub pool: ResourceId,
    /// Where it stands.
    pub status: PoolWorkStatus,
    /// When it was accepted.
    pub time_accepted: Timestamp,
    /// When it began.
    pub time_started: Option<Timestamp>,
    /// When it ended.
    pub time_finished: Option<Timestamp>,
}

#[derive(Debug)]
struct Record {
    info: PoolWorkInfo,
    region: Region,
    starts: Timestamp,
    ends: Timestamp,
    is_failing: bool,
    is_forgotten: bool,
}

impl Record {
    fn info(&self, now: Timestamp) -> PoolWorkInfo {
        let status = match now {
            _ if now < self.starts => PoolWorkStatus::Accepted,
            _ if now < self.ends => PoolWorkStatus::InProgress,
            _ if self.is_failing => PoolWorkStatus::Failed,
            _ => PoolWorkStatus::Succeeded,
        };
        PoolWorkInfo {
            status,
            time_started: (now >= self.starts).then_some(self.starts),
            time_finished: (now >= self.ends).then_some(self.ends),
            ..self.info.clone()
        }
    }

    fn not_yet(&self, now: Timestamp) -> Option<NotYet> {
        (now < self.ends).then_some(NotYet::WorkRequest)
    }
}

#[derive(Debug, Default)]
pub(super) struct PoolWork {
    records: HashMap<WorkRequestId, Record>,
    listed: BTreeMap<(Region, CompartmentId), Vec<WorkRequestId>>,
}

impl State {
    fn update_node_pool(
        &mut self,
        ctx: &Ctx,
        at: &HolderAddress,
        wanted: &PoolChange,
    ) -> Result<Yes<WorkRequestId>, No> {
        let record = self.holder_at(ctx, at)?;
        ctx.check_etag(&record.etag(ctx.now))?;
        let (state, compartment) = (record.info(ctx.now).state, record.info.compartment.clone());
        if state != HolderState::Active {
            return Err(No::incorrect_state(format!("{} is {}", at.id, state.word())));
        }
        let key = match wanted.key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) => Some(self.check_key_in_region(ctx, &at.region, key)?),
            None => None,
        };
        let starts = ctx.now + self.settings.work_request_wait;
        let ends = starts + self.settings.work_request_duration;
        let is_failing = ctx.struck.has(&Fault::WorkRequestFails);
        let is_no_op = ctx.struck.has(&Fault::SilentNoOp);
        let number = self.next_id();
        let id = WorkRequestId::parse(format!("cewr{}-{number:010}", self.settings.seed)).expect("letters and digits");
        let pool = self.holders.by_id.get_mut(&at.id).expect("looked up just now");
        pool.settle(ctx.now);
        pool.changes.push(PoolTruth {
            accepted: ctx.now,
            by: ctx.call.caller.principal.clone(),
            before: pool.info(ctx.now),
            key: key.clone(),
            settings: wanted.settings.clone(),
        });
        pool.etag += 1;
        if !is_no_op {
            pool.change = Some(Change { key, settings: wanted.settings.clone(), ends, is_failing });
        }
        let info = PoolWorkInfo {
            id: id.clone(),
            compartment: compartment.clone(),
            pool: at.id.clone(),
            status: PoolWorkStatus::Accepted,
            time_accepted: ctx.now,
            time_started: None,
            time_finished: None,
        };
        let is_forgotten = ctx.struck.has(&Fault::LoseWorkRequest);
        let work = Record { info, region: at.region.clone(), starts, ends, is_failing, is_forgotten };
        self.holders.work.listed.entry((at.region.clone(), compartment)).or_default().push(id.clone());
        self.holders.work.records.insert(id.clone(), work);
        let yes = Yes::new(id);
        Ok(if is_no_op { yes.note(Note::SilentNoOp) } else { yes })
    }
}

impl World {
    /// UpdateNodePool, as far as keywheel uses it: honours if-match, goes on under a work request.
    pub fn update_node_pool(&self, call: &Call, at: &HolderAddress, change: &PoolChange) -> Told<WorkRequestId> {
        let (address, wanted) = (at.clone(), change.clone());
        self.write(&op::UPDATE_NODE_POOL, call, &at.region, at.id.as_str(), move |state, ctx| {
            state.update_node_pool(ctx, &address, &wanted)
        })
    }

    /// OKE's GetWorkRequest.
    pub fn get_pool_work(&self, call: &Call, region: &Region, id: &WorkRequestId) -> Told<PoolWorkInfo> {
        self.read(&op::GET_CLUSTER_WORK_REQUEST, call, region, id.as_str(), |state, ctx| {
            let found = state.holders.work.records.get(id);
            let found = found.filter(|work| work.region == *region && !work.is_forgotten);
            let found = found.filter(|work| state.may_see(ctx, &work.info.compartment));
            let work = found.ok_or_else(|| No::not_found(id.as_str()))?;
            Ok(Yes::new(work.info(ctx.now)).not_yet(work.not_yet(ctx.now)))
        })
    }

    /// OKE's ListWorkRequests of one compartment, and of one resource if it is named; the newest first.
    pub fn list_pool_works(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        pool: Option<&ResourceId>,
        query: &PageQuery,
    ) -> Told<Listing<PoolWorkInfo>> {
        self.read(&op::LIST_CLUSTER_WORK_REQUESTS, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let place = (region.clone(), compartment.clone());
            let ids = state.holders.work.listed.get(&place).map_or(&[][..], Vec::as_slice).iter().rev();
            let all = ids
                .map(|id| &state.holders.work.records[id])
                .filter(|work| !work.is_forgotten && pool.is_none_or(|wanted| work.info.pool == *wanted));
            page_of(&state.settings, query, all, |work| work.info.id.as_str(), |work| work.info(ctx.now)).map(Yes::new)
        })
    }
}
