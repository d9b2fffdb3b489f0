//! Buckets as the `ReKeyer` port sees them: UpdateBucket says which key, ReencryptBucket wraps anew.
//!
//! Work requests are asked for by compartment, so that many tickets cost few calls.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::PageQuery;
use super::buckets::{BucketAddress, BucketUpdate};
use super::translate::reply;
use super::view_rekeyer::ReKeyerView;
use super::work_requests::{WorkRequestInfo, WorkStatus};
use crate::error::{Error, Result};
use crate::model::{
    CompartmentId, Dependent, EvidenceScope, Grade, Region, RekeyClass, ResourceId, Timestamp, WorkRequestId,
};
use crate::ports::{
    Begun, KindSpec, Observation, Presence, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState,
    unusable_key,
};

pub(super) fn spec() -> KindSpec {
    KindSpec {
        class: RekeyClass::Rewraps,
        steps_same_key: vec![StepKind::Rewrap],
        steps_new_key: vec![StepKind::AssignKey, StepKind::Rewrap],
        steps_undocumented: Vec::new(),
        best_grade: Grade::ChangeSeen,
        scope: EvidenceScope::DataKey,
        permissions: ["BUCKET_INSPECT", "BUCKET_READ", "BUCKET_UPDATE", "OBJECT_READ", "OBJECT_INSPECT"]
            .map(str::to_owned)
            .to_vec(),
        listing_names_key: false,
        remedy: None,
    }
}

impl ReKeyerView {
    /// Work requests of a compartment, newest first, until `is_enough`.
    fn work_requests(
        &self,
        operation: &'static str,
        region: &Region,
        compartment: &CompartmentId,
        mut is_enough: impl FnMut(&WorkRequestInfo) -> bool,
    ) -> Result<Reply<Vec<WorkRequestInfo>>> {
        let mut page = PageQuery::default();
        let mut all = Vec::new();
        loop {
            let part = reply(operation, self.world.list_work_requests(&self.call(), region, compartment, &page))?;
            let mut is_done = false;
            for info in part.value.items.iter().cloned() {
                is_done |= is_enough(&info);
                all.push(info);
            }
            match part.value.next.clone() {
                Some(next) if !is_done => page.page = Some(next),
                _ => return Ok(part.map(|_| all)),
            }
        }
    }

    pub(super) fn observe_bucket(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let address = address_of("observe", dependent)?;
        let seen = |presence, key| Observation { presence, key, version: None, held: Vec::new() };
        match self.world.get_bucket(&self.call(), &address) {
            // A bucket of the same name may have taken the place of the one that is meant.
            Ok(answer) if answer.value.id != dependent.id => reply("observe", Ok(answer))
                .map(|found| Reply { etag: None, ..found }.map(|_| seen(Presence::NotVisible, None))),
            Ok(answer) => Ok(reply("observe", Ok(answer))?.map(|info| {
                let presence = if info.is_read_only { Presence::Busy } else { Presence::Ready };
                seen(presence, info.key)
            })),
            Err(refusal) if refusal.status == 404 => Ok(Reply {
                value: seen(Presence::NotVisible, None),
                etag: None,
                server_date: Some(refusal.date),
                request_id: Some(refusal.request_id),
            }),
            Err(refusal) => reply("observe", Err(refusal)),
        }
    }

    pub(super) fn begin_bucket(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        let address = address_of("begin", &step.dependent)?;
        match step.step {
            StepKind::AssignKey => {
                let etag = step
                    .if_match
                    .as_ref()
                    .ok_or_else(|| Error::bug("assign_key", "a conditional step needs the etag that was observed"))?;
                let change = BucketUpdate { key: Some(step.key.to_string()), ..BucketUpdate::default() };
                let call = self.call().if_match(etag.as_str());
                let told = self.world.update_bucket(&call, &address, change);
                Ok(reply("assign_key", told).map_err(unusable_key)?.map(|_| Begun::Done))
            }
            StepKind::Reassign => Err(Error::refused("reassign", "a bucket is re-wrapped, not assigned its key again")),
            StepKind::Rewrap => {
                let told = self.world.reencrypt_bucket(&self.call(), &address);
                Ok(reply("rewrap", told)?.map(Begun::Working))
            }
        }
    }

    pub(super) fn poll_buckets(
        &self,
        tickets: &[Ticket],
        dependents: &[Dependent],
    ) -> Result<Reply<Vec<TicketReport>>> {
        let known: BTreeMap<&ResourceId, &Dependent> = dependents.iter().map(|d| (&d.id, d)).collect();
        let mut by_place: BTreeMap<(&Region, &CompartmentId), BTreeMap<&WorkRequestId, &Ticket>> = BTreeMap::new();
        for ticket in tickets {
            let dependent = known.get(&ticket.dependent).ok_or_else(|| {
                Error::bug("poll", "every ticket's dependent is named").with("dependent", &ticket.dependent)
            })?;
            let place = by_place.entry((&dependent.region, &dependent.compartment)).or_default();
            place.insert(&ticket.work_request, ticket);
        }
        let mut answer = Reply::bare(Vec::with_capacity(tickets.len()));
        for ((region, compartment), wanted) in by_place {
            let mut missing: BTreeSet<_> = wanted.keys().copied().collect();
            let listed = self.work_requests("poll", region, compartment, |info| {
                missing.remove(&info.id);
                missing.is_empty()
            })?;
            let found: BTreeMap<_, _> = listed.value.iter().map(|info| (&info.id, info)).collect();
            let reports = wanted.values().map(|ticket| match found.get(&ticket.work_request) {
                Some(info) => report(info),
                None => lost(ticket),
            });
            answer.value.extend(reports);
            // The earliest date of several is the one that all of it is true since.
            answer.server_date = answer.server_date.or(listed.server_date);
            answer.request_id = answer.request_id.or(listed.request_id);
        }
        Ok(answer)
    }

    pub(super) fn find_bucket(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        let is_since = |info: &WorkRequestInfo| info.time_accepted >= since;
        let listed = self.work_requests("find", &dependent.region, &dependent.compartment, |info| !is_since(info))?;
        Ok(listed.map(|all| {
            let ours = all.iter().filter(|info| info.bucket == dependent.id && is_since(info));
            ours.map(report).collect()
        }))
    }
}

fn address_of(operation: &'static str, dependent: &Dependent) -> Result<BucketAddress> {
    let namespace = dependent.namespace.clone().ok_or_else(|| {
        Error::bug(operation, "a bucket is addressed by namespace and name").with("dependent", &dependent.id)
    })?;
    Ok(BucketAddress { region: dependent.region.clone(), namespace, name: dependent.name.clone() })
}

fn report(info: &WorkRequestInfo) -> TicketReport {
    let state = match info.status {
        WorkStatus::Completed => TicketState::Completed,
        WorkStatus::Failed => TicketState::Failed("the service reports FAILED".to_owned()),
        WorkStatus::Accepted | WorkStatus::InProgress => TicketState::Working,
    };
    TicketReport {
        ticket: Ticket { work_request: info.id.clone(), dependent: info.bucket.clone() },
        state,
        accepted_at: Some(info.time_accepted),
        finished_at: info.time_finished,
    }
}

fn lost(ticket: &Ticket) -> TicketReport {
    TicketReport { ticket: ticket.clone(), state: TicketState::Lost, accepted_at: None, finished_at: None }
}
