//! Volumes, boot volumes and their backups: one conditional call says which key, and it is done when it answers. Their
//! replicas in other regions: found and read, and no call of theirs says which key.
//!
//! Under the same key only by the owner's word, and only volumes: Oracle calls several versions of a block volume's key
//! undefined, and says elsewhere that naming the same key makes its data key anew (oci-api §0 fact 3). Never back to
//! Oracle's key: no call for that exists here. The data key is wrapped anew, the content is not
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
    unusable_key,
};

/// A replica's key is a field of its volume's list of replicas. Whether UpdateVolume keeps a replica that the list leaves
/// out is not documented, and neither is what becomes of data that was copied already: so nothing here sends that list.
const REPLICA: &str = "give it the key by UpdateVolume (UpdateBootVolume) on its source volume: send every entry of the \
    volume's blockVolumeReplicas (bootVolumeReplicas), this one with xrrKmsKeyId = the key that took over, which must \
    exist in the replica's region; or turn replication off and on again under that key. Then resume";

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
        let update = calls.update.ok_or_else(|| {
            Error::refused("begin", "this kind has no steps; a person acts on it").with("kind", &step.dependent.kind)
        })?;
        let etag = step
            .if_match
            .as_ref()
            .ok_or_else(|| Error::bug(update.name(), "a conditional step needs the etag that was observed"))?;
        let call =
            at(update, calls, &step.dependent).if_match(etag).json(&wire::UpdateBlockKey { kms_key_id: &step.key })?;
        Ok(self.client.send(&call).await.map_err(unusable_key)?.reply(Begun::Done))
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
        let needed = [Some(calls.list), Some(calls.get), calls.update];
        let mut permissions: Vec<_> =
            needed.iter().flatten().flat_map(|call| call.permissions()).map(|name| (*name).to_owned()).collect();
        permissions.sort();
        permissions.dedup();
        Some(KindSpec {
            class: RekeyClass::Forbids,
            steps_same_key: Vec::new(),
            steps_new_key: calls.update.map(|_| StepKind::AssignKey).into_iter().collect(),
            steps_undocumented: blocks::is_volume(kind).then_some(StepKind::Reassign).into_iter().collect(),
            best_grade: if calls.update.is_some() { Grade::VersionSeen } else { Grade::Unseen },
            scope: if calls.update.is_some() { EvidenceScope::DataKey } else { EvidenceScope::Unknown },
            permissions,
            listing_names_key: calls.update.is_some(),
            remedy: calls.update.is_none().then(|| REPLICA.to_owned()),
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
            StepKind::Reassign | StepKind::Rewrap => {
                Err(Error::refused("begin", "block storage has no re-wrap under the same key; assign another key")
                    .with("kind", &step.dependent.kind))
            }
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
