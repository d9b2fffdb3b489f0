//! Clusters, node pools and instance configurations on the wire: listed, read, and a pool's key changed.
//!
//! A cluster and a configuration are never changed here. What a pool makes its nodes with is kept as it was sent.

use axum::http::StatusCode;
use keywheel::memory::{HolderAddress, HolderInfo, PoolChange, PoolWorkInfo, World};
use keywheel::model::{CompartmentId, Kind, ResourceId, WorkRequestId};
use serde_json::{Map, Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::wire::{heard, heard_array, heard_json, instant};

/// The listing's shape of a kind, or the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Summary,
    Whole,
}

/// ClusterSummary and Cluster: only the whole names the key.
fn cluster(info: &HolderInfo, shape: Shape) -> Value {
    let mut cluster = json!({
        "id": info.id, "name": info.name, "compartmentId": info.compartment, "vcnId": null,
        "kubernetesVersion": "v1.33.1", "type": "ENHANCED_CLUSTER", "availableKubernetesUpgrades": [],
        "lifecycleState": info.state.word(), "lifecycleDetails": null,
        "metadata": { "timeCreated": instant(info.time_created) },
        "freeformTags": info.tags.freeform, "definedTags": info.tags.defined, "systemTags": {},
    });
    if shape == Shape::Whole {
        cluster["kmsKeyId"] = json!(info.key);
    }
    cluster
}

/// NodePoolSummary and NodePool: both name the key.
fn node_pool(info: &HolderInfo, shape: Shape) -> Value {
    let mut details: Map<String, Value> = serde_json::from_str(&info.settings).unwrap_or_default();
    details.insert("kmsKeyId".to_owned(), json!(info.key));
    let mut pool = json!({
        "id": info.id, "name": info.name, "compartmentId": info.compartment, "clusterId": null,
        "kubernetesVersion": "v1.33.1", "nodeShape": "VM.Standard.E5.Flex", "nodeConfigDetails": details,
        "nodePoolCyclingDetails": { "isNodeCyclingEnabled": info.is_cycling },
        "lifecycleState": info.state.word(), "lifecycleDetails": null,
        "freeformTags": info.tags.freeform, "definedTags": info.tags.defined, "systemTags": {},
    });
    if shape == Shape::Whole {
        pool["nodes"] = json!([]);
        pool["nodeMetadata"] = json!({});
    }
    pool
}

/// InstanceConfigurationSummary and InstanceConfiguration: the first key is the boot volume's, others those of volumes.
fn instance_configuration(info: &HolderInfo, shape: Shape) -> Value {
    let mut configuration = json!({
        "id": info.id, "displayName": info.name, "compartmentId": info.compartment,
        "timeCreated": instant(info.time_created),
        "freeformTags": info.tags.freeform, "definedTags": info.tags.defined,
    });
    if shape == Shape::Whole {
        let volume = |key| json!({ "createDetails": { "sizeInGBs": 50, "kmsKeyId": key }, "attachDetails": null });
        let volumes: Vec<Value> = info.more_keys.iter().map(volume).collect();
        configuration["instanceDetails"] = json!({
            "instanceType": "compute", "blockVolumes": volumes, "secondaryVnics": [],
            "launchDetails": {
                "compartmentId": info.compartment, "shape": "VM.Standard.E5.Flex",
                "metadata": { "kmsKeyId": "what its owner calls so" },
                "sourceDetails": { "sourceType": "image", "imageId": null, "kmsKeyId": info.key },
            },
        });
    }
    configuration
}

fn shown(info: &HolderInfo, shape: Shape) -> Value {
    match info.kind {
        Kind::InstanceConfiguration => instance_configuration(info, shape),
        Kind::NodePool => node_pool(info, shape),
        _ => cluster(info, shape),
    }
}

/// Parameters by which OCI narrows a listing and World does not; answering with everything would be a lie.
const NOT_SERVED: &[&str] = &["clusterId", "lifecycleState", "name", "status"];

fn refuse_narrowing(asked: &Asked<'_>) -> Result<(), HttpRefusal> {
    let Some(name) = NOT_SERVED.iter().find(|name| asked.query(name).is_some()) else { return Ok(()) };
    let message = format!("the emulator does not narrow a listing by {name}");
    Err(HttpRefusal::new(501, "MethodNotImplemented", message))
}

pub(crate) fn list(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    refuse_narrowing(asked)?;
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let (call, page) = (asked.call(), asked.page_query()?);
    heard_array(world.list_holders(&call, asked.region(), kind, &compartment, &page), |info| {
        shown(&info, Shape::Summary)
    })
}

fn holder_in_path(asked: &Asked<'_>, kind: &Kind) -> Result<HolderAddress, HttpRefusal> {
    Ok(HolderAddress { region: asked.region().clone(), kind: kind.clone(), id: asked.path_id(0)? })
}

pub(crate) fn get(world: &World, asked: &Asked<'_>, kind: &Kind) -> Answered {
    heard_json(world.get_holder(&asked.call(), &holder_in_path(asked, kind)?), |info| shown(&info, Shape::Whole))
}

/// Fields of UpdateNodePoolDetails that World does not change.
const NOT_CHANGED: &[&str] = &[
    "definedTags",
    "freeformTags",
    "initialNodeLabels",
    "kubernetesVersion",
    "name",
    "networkLaunchType",
    "nodeEvictionNodePoolSettings",
    "nodeMetadata",
    "nodePoolCyclingDetails",
    "nodeShape",
    "nodeShapeConfig",
    "nodeSourceDetails",
    "primaryVnic",
    "quantityPerSubnet",
    "secondaryVnics",
    "sshPublicKey",
    "subnetIds",
];

/// UpdateNodePool, of which World changes the details; the answer is a work request and no body.
pub(crate) fn update_node_pool(world: &World, asked: &Asked<'_>) -> Answered {
    let at = holder_in_path(asked, &Kind::NodePool)?;
    let body = asked.json()?;
    if let Some(field) = NOT_CHANGED.iter().find(|field| body.has(field)) {
        let message = format!("the emulator does not change a node pool's {field}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    let details = body.required_object("nodeConfigDetails")?;
    if details.has("computeClusterId") {
        let message = "is not a field of UpdateNodePoolNodeConfigDetails";
        return Err(HttpRefusal::invalid("computeClusterId", message).into());
    }
    let key = match details.text("kmsKeyId")? {
        None | Some("") => None,
        Some(_) => Some(details.required_id::<keywheel::model::KeyId>("kmsKeyId")?.to_string()),
    };
    let mut settings = details.into_inner();
    settings.remove("kmsKeyId");
    let change = PoolChange { key, settings: Value::Object(settings).to_string() };
    heard(world.update_node_pool(&asked.call(), &at, &change), |work_request| {
        Ok(HttpAnswer::empty(StatusCode::ACCEPTED).with("opc-work-request-id", work_request.as_str()))
    })
}

/// WorkRequest and WorkRequestSummary of OKE.
fn work_request(info: &PoolWorkInfo) -> Value {
    json!({
        "id": info.id, "operationType": "NODEPOOL_UPDATE", "status": info.status.word(),
        "compartmentId": info.compartment,
        "resources": [{
            "actionType": "UPDATED", "entityType": "nodepool", "identifier": info.pool,
            "entityUri": format!("/20180222/nodePools/{}", info.pool),
        }],
        "timeAccepted": instant(info.time_accepted), "timeStarted": info.time_started.map(instant),
        "timeFinished": info.time_finished.map(instant),
    })
}

pub(crate) fn get_work_request(world: &World, asked: &Asked<'_>) -> Answered {
    let id = WorkRequestId::parse(asked.path(0)).map_err(|_| HttpRefusal::not_found(asked.path(0)))?;
    heard_json(world.get_pool_work(&asked.call(), asked.region(), &id), |info| work_request(&info))
}

pub(crate) fn list_work_requests(world: &World, asked: &Asked<'_>) -> Answered {
    refuse_narrowing(asked)?;
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    match asked.query("resourceType") {
        None | Some("CLUSTER" | "NODEPOOL") => {}
        Some(_) => return Err(HttpRefusal::invalid("resourceType", "must be CLUSTER or NODEPOOL").into()),
    }
    let resource = match asked.query("resourceId") {
        None => None,
        Some(_) => Some(asked.query_id::<ResourceId>("resourceId")?),
    };
    let (call, page) = (asked.call(), asked.page_query()?);
    let told = world.list_pool_works(&call, asked.region(), &compartment, resource.as_ref(), &page);
    heard_array(told, |info| work_request(&info))
}
