//! Volumes, boot volumes and their backups: one conditional call says which key, and it is done when it answers.
//!
//! Under the same key only by the owner's word, and only volumes: Oracle calls several versions of a block volume's key
//! undefined, and says elsewhere that naming the same key makes its data key anew (oci-api §0 fact 3). Never back to Oracle's key: no call for that exists here. The data key is wrapped anew, the content is not
//! written anew (oci-api §5.2); the read-back names the key, not the version.

use std::sync::Arc;

use async_trait::async_trait;

use crate::adapters::oci::blocks::{self, Calls};
use crate::adapters::oci::call::Call;
use crate::adapters::oci::client::Client;
use crate::adapters::oci::operation::Operation;
use crate::adapters::oci::wire;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Dependent, EvidenceScope, Grade, Kind, RekeyClass, Timestamp};
use crate::ports::{
    Begun, KindSpec, Observation, Presence, ReKeyer, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState,
};

/// Moves volumes, boot volumes and their backups.
pub struct BlockReKeyer {
    client: Arc<Client>,
}

impl BlockReKeyer {
    /// Block storage that a client may change.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    async fn assign(&self, step: &StepRequest, calls: &Calls) -> Result<Reply<Begun>> {
        let etag = step
            .if_match
            .as_ref()
            .ok_or_else(|| Error::bug(calls.update.name(), "a conditional step needs the etag that was observed"))?;
        let call = at(calls.update, calls, &step.dependent)
            .if_match(etag)
            .json(&wire::UpdateBlockKey { kms_key_id: &step.key })?;
        Ok(self.client.send(&call).await?.reply(Begun::Done))
    }
}

fn at(operation: Operation, calls: &Calls, dependent: &Dependent) -> Call {
    Call::new(operation, &dependent.region).param(calls.id, &dependent.id)
}

fn calls_of(operation: &'static str, kind: &Kind) -> Result<&'static Calls> {
    blocks::calls(kind).ok_or_else(|| Error::refused(operation, "this adapter moves block storage").with("kind", kind))
}

#[async_trait]
impl ReKeyer for BlockReKeyer {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        let calls = blocks::calls(kind)?;
        let needed = [calls.list, calls.get, calls.update];
        let mut permissions: Vec<_> =
            needed.iter().flat_map(|call| call.permissions()).map(|name| (*name).to_owned()).collect();
        permissions.sort();
        permissions.dedup();
        Some(KindSpec {
            class: RekeyClass::Forbids,
            steps_same_key: Vec::new(),
            steps_new_key: vec![StepKind::AssignKey],
            steps_undocumented: blocks::is_volume(kind).then_some(StepKind::Reassign).into_iter().collect(),
            best_grade: Grade::VersionSeen,
            scope: EvidenceScope::DataKey,
            permissions,
            remedy: None,
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        blocks::KINDS.to_vec()
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let calls = calls_of("observe", &dependent.kind)?;
        let seen = |presence, key| Observation { presence, key, version: None, held: Vec::new() };
        let answer = match self.client.send(&at(calls.get, calls, dependent)).await {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Reply {
                    value: seen(Presence::NotVisible, None),
                    etag: None,
                    server_date: error.server_date(),
                    request_id: error.request_id().cloned(),
                });
            }
            Err(error) => return Err(error),
        };
        let block: wire::Block = answer.json()?;
        if block.id != dependent.id {
            return Err(answer.unreadable("the answer speaks of another resource"));
        }
        let key = block.key().map_err(|why| answer.unreadable(&why))?;
        Ok(answer.reply(seen(presence(&block.lifecycle_state), key)))
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        let calls = calls_of("begin", &step.dependent.kind)?;
        match step.step {
            StepKind::AssignKey => self.assign(step, calls).await,
            StepKind::Reassign if blocks::is_volume(&step.dependent.kind) => self.assign(step, calls).await,
            StepKind::Reassign | StepKind::Rewrap => Err(Error::refused(
                calls.update.name(),
                "block storage has no re-wrap under the same key; assign another key",
            )
            .with("kind", &step.dependent.kind)),
        }
    }

    async fn poll(&self, tickets: &[Ticket], _: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        // Nothing goes on under a work request here, so nobody knows one.
        let lost = tickets.iter().map(|ticket| TicketReport {
            ticket: ticket.clone(),
            state: TicketState::Lost,
            accepted_at: None,
            finished_at: None,
        });
        Ok(Reply::bare(lost.collect()))
    }

    async fn find(&self, _: &Dependent, _: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        Ok(Reply::bare(Vec::new()))
    }
}

/// A word that is not known is a state in which nothing is tried.
fn presence(lifecycle_state: &str) -> Presence {
    match lifecycle_state {
        "AVAILABLE" => Presence::Ready,
        "TERMINATED" => Presence::Terminated,
        _ => Presence::Busy,
    }
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod tests;
