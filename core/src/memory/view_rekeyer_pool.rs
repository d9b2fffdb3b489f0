//! Node pools as the `ReKeyer` port sees them: a conditional call that goes on under a work request.
//!
//! Everything else the pool makes its nodes with is sent back as it was read. A pool that would replace its nodes is
//! left to a person.

use super::answer::PageQuery;
use super::holders::HolderAddress;
use super::node_pools::{PoolChange, PoolWorkInfo, PoolWorkStatus};
use super::translate::reply;
use super::view_rekeyer::ReKeyerView;
use crate::error::{Error, Result};
use crate::model::{Dependent, EvidenceScope, Grade, RekeyClass, Timestamp, to_seconds};
use crate::ports::{Begun, KindSpec, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState, unusable_key};

/// What node pools can do.
pub(super) fn spec() -> KindSpec {
    let permissions = [
        "CLUSTER_NODE_POOL_INSPECT",
        "CLUSTER_NODE_POOL_READ",
        "CLUSTER_NODE_POOL_UPDATE",
        "CLUSTER_WORK_REQUEST_INSPECT",
        "CLUSTER_WORK_REQUEST_READ",
        "KEY_ASSOCIATE",
        "KEY_DISASSOCIATE",
    ];
    KindSpec {
        class: RekeyClass::Source,
        steps_same_key: Vec::new(),
        steps_new_key: vec![StepKind::AssignKey],
        steps_undocumented: Vec::new(),
        best_grade: Grade::VersionSeen,
        scope: EvidenceScope::NewDataOnly,
        permissions: permissions.map(str::to_owned).to_vec(),
        listing_names_key: false,
        remedy: None,
    }
}

impl ReKeyerView {
    pub(super) fn begin_pool(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        if step.step != StepKind::AssignKey {
            return Err(Error::refused("begin", "a node pool has no re-wrap; assign another key"));
        }
        let etag = step
            .if_match
            .as_ref()
            .ok_or_else(|| Error::bug("update_node_pool", "a conditional step needs the etag that was observed"))?;
        let at = address_of(&step.dependent);
        let pool = reply("get_node_pool", self.world.get_holder(&self.call(), &at))?.value;
        if pool.is_cycling {
            return Err(Error::refused(
                "update_node_pool",
                "node cycling is on, so a change would replace its nodes; do it by hand",
            ));
        }
        let change = PoolChange { key: Some(step.key.to_string()), settings: pool.settings };
        let told = self.world.update_node_pool(&self.call().if_match(etag.as_str()), &at, &change);
        Ok(reply("update_node_pool", told).map_err(unusable_key)?.map(Begun::Working))
    }

    pub(super) fn poll_pool(&self, ticket: &Ticket, dependent: &Dependent) -> Result<Reply<TicketReport>> {
        match self.world.get_pool_work(&self.call(), &dependent.region, &ticket.work_request) {
            Err(refusal) if refusal.status == 404 => Ok(Reply::bare(TicketReport {
                ticket: ticket.clone(),
                state: TicketState::Lost,
                accepted_at: None,
                finished_at: None,
            })),
            told => Ok(reply("poll", told)?.map(|info| report(ticket.clone(), &info))),
        }
    }

    pub(super) fn find_pool(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        let (mut page, mut found) = (PageQuery::default(), Vec::new());
        let since = to_seconds(since);
        loop {
            let Dependent { region, compartment, id, .. } = dependent;
            let told = self.world.list_pool_works(&self.call(), region, compartment, Some(id), &page);
            let part = reply("find", told)?;
            let late = part.value.items.iter().filter(|info| info.time_accepted >= since);
            found
                .extend(late.map(|info| report(Ticket { work_request: info.id.clone(), dependent: id.clone() }, info)));
            match part.value.next.clone() {
                Some(next) => page.page = Some(next),
                None => return Ok(part.map(|_| found)),
            }
        }
    }
}

fn report(ticket: Ticket, info: &PoolWorkInfo) -> TicketReport {
    let state = match info.status {
        PoolWorkStatus::Succeeded => TicketState::Completed,
        PoolWorkStatus::Failed => TicketState::Failed("the service says FAILED".to_owned()),
        PoolWorkStatus::Accepted | PoolWorkStatus::InProgress => TicketState::Working,
    };
    TicketReport { ticket, state, accepted_at: Some(info.time_accepted), finished_at: info.time_finished }
}

pub(super) fn address_of(dependent: &Dependent) -> HolderAddress {
    HolderAddress { region: dependent.region.clone(), kind: dependent.kind.clone(), id: dependent.id.clone() }
}
