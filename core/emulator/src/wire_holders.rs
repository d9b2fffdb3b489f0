//! Clusters on the wire: listed without their key, read with it, never changed.
//!
//! A kind whose service lets its key be changed has a file of its own.

use keywheel::memory::{HolderAddress, HolderInfo, World};
use keywheel::model::{CompartmentId, Kind};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_array, heard_json, instant};

/// ClusterSummary.
fn cluster_summary(info: &HolderInfo) -> Value {
    json!({
        "id": info.id, "name": info.name, "compartmentId": info.compartment, "vcnId": null,
        "kubernetesVersion": "v1.33.1", "type": "ENHANCED_CLUSTER", "availableKubernetesUpgrades": [],
        "lifecycleState": info.state.word(), "lifecycleDetails": null,
        "metadata": { "timeCreated": instant(info.time_created) },
        "freeformTags": info.tags.freeform, "definedTags": info.tags.defined, "systemTags": {},
    })
}

/// Cluster.
fn cluster(info: &HolderInfo) -> Value {
    let mut whole = cluster_summary(info);
    whole["kmsKeyId"] = json!(info.key);
    whole
}

/// Parameters by which OCI narrows a listing and World does not; answering with everything would be a lie.
const NOT_SERVED: &[&str] = &["clusterId", "lifecycleState", "name"];

pub(crate) fn list(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    if let Some(name) = NOT_SERVED.iter().find(|name| asked.query(name).is_some()) {
        let message = format!("the emulator does not narrow a listing by {name}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let (call, page) = (asked.call(), asked.page_query()?);
    heard_array(world.list_holders(&call, asked.region(), kind, &compartment, &page), |info| cluster_summary(&info))
}

pub(crate) fn get(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    let at = HolderAddress { region: asked.region().clone(), kind: kind.clone(), id: asked.path_id(0)? };
    heard_json(world.get_holder(&asked.call(), &at), |info| cluster(&info))
}
