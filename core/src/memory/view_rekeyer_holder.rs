//! What the `ReKeyer` port sees of resources that only name a key: what they are, and what a person does about them.
//!
//! Nothing is moved here.

use super::holders::HolderState;
use super::translate::reply;
use super::view_rekeyer::ReKeyerView;
use super::view_rekeyer_pool::address_of;
use crate::error::{Error, Result};
use crate::model::{Dependent, EvidenceScope, Grade, Kind, RekeyClass};
use crate::ports::{Begun, KindSpec, Observation, Presence, Reply, StepRequest};

const CLUSTER: &str = "write the cluster's secrets anew inside Kubernetes; its key was fixed when it was made";
const INSTANCE_CONFIGURATION: &str = "make a configuration that names another key, and point its instance pools at it";

/// What such a kind can do; `None` for any other kind.
pub(super) fn spec(kind: &Kind) -> Option<KindSpec> {
    let (class, permissions, remedy) = match kind {
        Kind::Cluster => (RekeyClass::Tolerates, ["CLUSTER_INSPECT", "CLUSTER_READ"], CLUSTER),
        Kind::InstanceConfiguration => (
            RekeyClass::FixedSource,
            ["INSTANCE_CONFIGURATION_INSPECT", "INSTANCE_CONFIGURATION_READ"],
            INSTANCE_CONFIGURATION,
        ),
        _ => return None,
    };
    Some(KindSpec {
        class,
        steps_same_key: Vec::new(),
        steps_new_key: Vec::new(),
        steps_undocumented: Vec::new(),
        best_grade: Grade::Unseen,
        scope: EvidenceScope::NewDataOnly,
        permissions: permissions.map(str::to_owned).to_vec(),
        listing_names_key: false,
        remedy: Some(remedy.to_owned()),
    })
}

impl ReKeyerView {
    pub(super) fn observe_holder(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        let seen = |presence, key, held| Observation { presence, key, version: None, held };
        match self.world.get_holder(&self.call(), &address_of(dependent)) {
            Ok(answer) => {
                Ok(reply("observe", Ok(answer))?.map(|info| seen(presence_of(info.state), info.key, info.more_keys)))
            }
            Err(refusal) if refusal.status == 404 => Ok(Reply {
                value: seen(Presence::NotVisible, None, Vec::new()),
                etag: None,
                server_date: Some(refusal.date),
                request_id: Some(refusal.request_id),
            }),
            Err(refusal) => reply("observe", Err(refusal)),
        }
    }
}

/// Refuses a step of a kind that has none.
pub(super) fn refuse(step: &StepRequest) -> Result<Reply<Begun>> {
    Err(Error::refused("begin", "this kind has no steps; a person acts on it").with("kind", &step.dependent.kind))
}

fn presence_of(state: HolderState) -> Presence {
    match state {
        HolderState::Active => Presence::Ready,
        HolderState::Creating | HolderState::Updating => Presence::Busy,
        HolderState::Deleted => Presence::Terminated,
    }
}
