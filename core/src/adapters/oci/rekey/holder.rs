//! Kinds that are found and read and that no call of Oracle's moves: what they are, and what a person does about them.
//!
//! Nothing here sends anything but reads. A kind that gets a call which changes its key moves to a file of its own.

use std::sync::Arc;

use async_trait::async_trait;

use crate::adapters::oci::client::Client;
use crate::adapters::oci::{backup_policies, holders};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Dependent, EvidenceScope, Grade, Kind, RekeyClass, Timestamp};
use crate::ports::{
    Begun, KindSpec, Observation, Presence, ReKeyer, Reply, StepRequest, Ticket, TicketReport, TicketState,
};

/// An assignment has no call that updates it. Assigning a *different* policy silently takes the earlier one away; what
/// assigning the same one again does is not said (SDK 2.189.0), there is no if-match, and backups hang on it.
const BACKUP_POLICY_ASSIGNMENT: &str = "assign the policy to its volume or group again \
    (CreateVolumeBackupPolicyAssignment) with xrcKmsKeyId = the key that took over, which must exist in the region that \
    the policy copies to, and read it back; until then its copies are made under this key, and are moved to the successor, \
    if there is one, whenever they are found";

/// UpdateCluster has no key (SDK 2.189.0); Oracle's guide has the secrets written anew by the annotation.
const CLUSTER: &str = "new secrets use the key's current version; write existing ones anew inside Kubernetes: kubectl \
    annotate secrets --all --all-namespaces --overwrite encryption-key-rotation-time=\"$(date +%s)\"; the key was fixed \
    when the cluster was made: if it gets a successor, the cluster stays on this one, which must stay enabled";

/// UpdateInstanceConfiguration changes names and tags (SDK 2.189.0).
const INSTANCE_CONFIGURATION: &str = "the details of a configuration cannot be changed: make a new one that names the \
    key that took over, point its instance pools at it, and remove this one; until then what it launches is under this \
    key, and is moved to the successor, if there is one, whenever it is found";

/// Reads what it never moves.
pub struct HolderReader {
    client: Arc<Client>,
}

impl HolderReader {
    /// Resources that a client may read.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

/// Reads the keys that such a resource names.
pub(super) async fn observe(client: &Client, dependent: &Dependent) -> Result<Reply<Observation>> {
    let seen = |presence, key, held| Observation { presence, key, version: None, held };
    let read = match (&dependent.kind, holders::calls(&dependent.kind)) {
        // It has no life but being there.
        (Kind::BackupPolicyAssignment, _) => backup_policies::get(client, dependent)
            .await
            .map(|(answer, key)| answer.reply(seen(Presence::Ready, key, Vec::new()))),
        (_, Some(calls)) => holders::get(client, calls, dependent)
            .await
            .map(|(answer, read)| answer.reply(seen(read.presence, read.key, read.more_keys))),
        (kind, None) => Err(Error::refused("observe", "this adapter does not read the kind").with("kind", kind)),
    };
    match read {
        Ok(reply) => Ok(reply),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Reply {
            value: seen(Presence::NotVisible, None, Vec::new()),
            etag: None,
            server_date: error.server_date(),
            request_id: error.request_id().cloned(),
        }),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl ReKeyer for HolderReader {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        let (class, remedy) = match kind {
            Kind::BackupPolicyAssignment => (RekeyClass::FixedSource, BACKUP_POLICY_ASSIGNMENT),
            Kind::Cluster => (RekeyClass::Tolerates, CLUSTER),
            Kind::InstanceConfiguration => (RekeyClass::FixedSource, INSTANCE_CONFIGURATION),
            _ => return None,
        };
        let calls = match holders::calls(kind) {
            Some(calls) => vec![calls.list, calls.get],
            None => backup_policies::CALLS.to_vec(),
        };
        let mut permissions: Vec<_> =
            calls.iter().flat_map(|call| call.permissions()).map(|name| (*name).to_owned()).collect();
        permissions.sort();
        permissions.dedup();
        Some(KindSpec {
            class,
            steps_same_key: Vec::new(),
            steps_new_key: Vec::new(),
            steps_undocumented: Vec::new(),
            best_grade: Grade::Unseen,
            scope: EvidenceScope::NewDataOnly,
            permissions,
            listing_names_key: false,
            remedy: Some(remedy.to_owned()),
        })
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = holders::ONLY_READ.to_vec();
        kinds.push(Kind::BackupPolicyAssignment);
        kinds
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        observe(&self.client, dependent).await
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        Err(Error::refused("begin", "this kind has no steps; a person acts on it").with("kind", &step.dependent.kind))
    }

    async fn poll(&self, tickets: &[Ticket], _: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        // Nothing was ever begun here, so nobody knows a ticket.
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
