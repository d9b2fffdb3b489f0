//! OKE node pools: one conditional call says which key the boot volumes of new nodes are made under.
//!
//! Never a pool whose nodes a change would replace, and never a part of its details alone: whether what is left out
//! stays is not documented, so everything that was read is sent back, fields unknown to us included. Nodes that exist
//! keep their boot volumes; those are dependents of their own.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::holder;
use crate::adapters::oci::call::Call;
use crate::adapters::oci::client::{Client, PAGE_ITEMS_MAX};
use crate::adapters::oci::operation::Operation;
use crate::adapters::oci::wire;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Dependent, EvidenceScope, Grade, Kind, RekeyClass, Timestamp, to_seconds};
use crate::ports::{
    Begun, KindSpec, Observation, ReKeyer, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState,
    unusable_key,
};

/// The one field of a pool's details that UpdateNodePool does not take back (SDK 2.189.0).
const ONLY_READ: &str = "computeClusterId";

/// Tells node pools another key.
pub struct NodePoolReKeyer {
    client: Arc<Client>,
}

impl NodePoolReKeyer {
    /// Node pools that a client may change.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    async fn assign(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        let operation = Operation::UpdateNodePool;
        let etag = step
            .if_match
            .as_ref()
            .ok_or_else(|| Error::bug(operation.name(), "a conditional step needs the etag that was observed"))?;
        let refuse = |why: &'static str| Error::refused(operation.name(), why).with("node_pool", &step.dependent.id);
        let answer = self.client.send(&at(Operation::GetNodePool, &step.dependent)).await?;
        let pool: wire::NodePool = answer.json()?;
        if pool.node_pool_cycling_details.is_some_and(|cycling| cycling.is_node_cycling_enabled == Some(true)) {
            return Err(refuse(
                "node cycling is on, so a change of the pool would replace its nodes: change its key when that suits you, or turn cycling off",
            ));
        }
        let details = pool.node_config_details.filter(|details| !details.is_empty());
        let mut details = details.ok_or_else(|| {
            refuse("the pool is scaled by subnets (quantityPerSubnet) and has no details that could name a key")
        })?;
        details.retain(|name, value| name != ONLY_READ && !value.is_null());
        details.insert("kmsKeyId".to_owned(), Value::from(step.key.as_str()));
        let body = wire::UpdateNodePool { node_config_details: details };
        // Whoever changed the pool since it was read changed its etag too: then this is refused and nothing is lost.
        let call = at(operation, &step.dependent).if_match(etag).json(&body)?;
        let answer = self.client.send(&call).await.map_err(unusable_key)?;
        match answer.witnesses.work_request.clone() {
            Some(work_request) => Ok(answer.reply(Begun::Working(work_request))),
            None => Err(answer.unreadable("an update was accepted without a work request id").has_landed()),
        }
    }

    async fn one(&self, ticket: &Ticket, dependent: &Dependent) -> Result<Reply<TicketReport>> {
        let call =
            Call::new(Operation::GetClusterWorkRequest, &dependent.region).param("workRequestId", &ticket.work_request);
        match self.client.send(&call).await {
            Ok(answer) => Ok(answer.reply(report(ticket.clone(), &answer.json()?))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Reply {
                value: TicketReport {
                    ticket: ticket.clone(),
                    state: TicketState::Lost,
                    accepted_at: None,
                    finished_at: None,
                },
                etag: None,
                server_date: error.server_date(),
                request_id: error.request_id().cloned(),
            }),
            Err(error) => Err(error),
        }
    }
}

fn at(operation: Operation, dependent: &Dependent) -> Call {
    Call::new(operation, &dependent.region).param("nodePoolId", &dependent.id)
}

/// OKE says SUCCEEDED where Object Storage says COMPLETED.
fn report(ticket: Ticket, read: &wire::WorkRequest) -> TicketReport {
    let state = match read.status.as_str() {
        "SUCCEEDED" => TicketState::Completed,
        "FAILED" | "CANCELED" => TicketState::Failed(format!("the service says {}", read.status)),
        _ => TicketState::Working,
    };
    TicketReport { ticket, state, accepted_at: read.time_accepted, finished_at: read.time_finished }
}

#[async_trait]
impl ReKeyer for NodePoolReKeyer {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        let calls = [
            Operation::ListNodePools,
            Operation::GetNodePool,
            Operation::UpdateNodePool,
            Operation::ListClusterWorkRequests,
            Operation::GetClusterWorkRequest,
        ];
        let mut permissions: Vec<_> =
            calls.iter().flat_map(|call| call.permissions()).map(|name| (*name).to_owned()).collect();
        permissions.sort();
        (*kind == Kind::NodePool).then(|| KindSpec {
            class: RekeyClass::Source,
            steps_same_key: Vec::new(),
            steps_new_key: vec![StepKind::AssignKey],
            steps_undocumented: Vec::new(),
            best_grade: Grade::VersionSeen,
            scope: EvidenceScope::NewDataOnly,
            permissions,
            listing_names_key: false,
            remedy: None,
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![Kind::NodePool]
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        holder::observe(&self.client, dependent).await
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        match step.step {
            StepKind::AssignKey => self.assign(step).await,
            StepKind::Reassign | StepKind::Rewrap => {
                Err(Error::refused(Operation::UpdateNodePool.name(), "a node pool has no re-wrap; assign another key"))
            }
        }
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        let by_id: HashMap<_, _> = dependents.iter().map(|one| (&one.id, one)).collect();
        let mut whole = Reply::bare(Vec::with_capacity(tickets.len()));
        for ticket in tickets {
            let dependent = by_id.get(&ticket.dependent).ok_or_else(|| {
                Error::bug("poll", "every ticket's dependent is named").with("dependent", &ticket.dependent)
            })?;
            let part = self.one(ticket, dependent).await?;
            whole.value.push(part.value);
            whole.server_date = whole.server_date.or(part.server_date);
            whole.request_id = whole.request_id.or(part.request_id);
        }
        Ok(whole)
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        // The service may keep whole seconds.
        let since = to_seconds(since);
        let mut whole = Reply::bare(Vec::new());
        let mut page: Option<String> = None;
        loop {
            let call = Call::new(Operation::ListClusterWorkRequests, &dependent.region)
                .query("compartmentId", &dependent.compartment)
                .query("resourceId", &dependent.id)
                .query("resourceType", "NODEPOOL")
                .query("limit", &PAGE_ITEMS_MAX)
                .page(page.as_deref());
            let answer = self.client.send(&call).await?;
            let found: Vec<wire::WorkRequest> = answer.json()?;
            whole.server_date = whole.server_date.or(answer.witnesses.server_date);
            whole.request_id = whole.request_id.take().or_else(|| answer.witnesses.request_id.clone());
            let is_ours = |read: &&wire::WorkRequest| {
                read.operation_type.as_deref() == Some("NODEPOOL_UPDATE")
                    && read.time_accepted.is_none_or(|accepted| accepted >= since)
            };
            whole.value.extend(
                found.iter().filter(is_ours).map(|read| {
                    report(Ticket { work_request: read.id.clone(), dependent: dependent.id.clone() }, read)
                }),
            );
            page = answer.witnesses.next_page;
            if page.is_none() {
                return Ok(whole);
            }
        }
    }
}

#[cfg(test)]
#[path = "node_pool_tests.rs"]
mod tests;
