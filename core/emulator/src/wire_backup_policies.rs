//! Volume backup policies, their assignments and volume groups on the wire: listed and read.
//!
//! Nothing here assigns a policy or takes one away.

use keywheel::memory::{AssignmentInfo, BackupPolicyInfo, VolumeGroupInfo, World};
use keywheel::model::{CompartmentId, ResourceId};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_array, heard_json, instant};

fn policy_json(info: &BackupPolicyInfo) -> Value {
    json!({
        "id": info.id, "displayName": info.name, "compartmentId": info.compartment,
        "destinationRegion": info.destination, "timeCreated": instant(info.time_created),
        "schedules": [{
            "backupType": "INCREMENTAL", "period": "ONE_DAY", "retentionSeconds": 604_800, "offsetType": "STRUCTURED",
            "offsetSeconds": 0, "hourOfDay": 2, "dayOfWeek": null, "dayOfMonth": null, "month": null, "timeZone": "UTC",
        }],
        "freeformTags": {}, "definedTags": {},
    })
}

fn assignment_json(info: &AssignmentInfo) -> Value {
    json!({
        "id": info.id, "assetId": info.asset, "policyId": info.policy, "xrcKmsKeyId": info.key,
        "timeCreated": instant(info.time_created),
    })
}

fn group_json(info: &VolumeGroupInfo) -> Value {
    json!({
        "id": info.id, "displayName": info.name, "compartmentId": info.compartment, "availabilityDomain": null,
        "lifecycleState": "AVAILABLE", "sizeInMBs": 51_200, "sizeInGBs": 50, "isHydrated": true,
        "sourceDetails": { "type": "volumeIds", "volumeIds": info.members }, "volumeIds": info.members,
        "volumeGroupReplicas": [], "timeCreated": instant(info.time_created), "freeformTags": {}, "definedTags": {},
    })
}

pub(crate) fn list_policies(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment = match asked.query("compartmentId") {
        None => None,
        Some(_) => Some(asked.query_id::<CompartmentId>("compartmentId")?),
    };
    let (call, page) = (asked.call(), asked.page_query()?);
    let told = world.list_backup_policies(&call, asked.region(), compartment.as_ref(), &page);
    heard_array(told, |info| policy_json(&info))
}

pub(crate) fn get_policy(world: &World, asked: &Asked<'_>) -> Answered {
    let id: ResourceId = asked.path_id(0)?;
    heard_json(world.get_backup_policy(&asked.call(), asked.region(), &id), |info| policy_json(&info))
}

/// GetVolumeBackupPolicyAssetAssignment: an array of one at most.
pub(crate) fn list_assignments(world: &World, asked: &Asked<'_>) -> Answered {
    let asset: ResourceId = asked.query_id("assetId")?;
    let (call, page) = (asked.call(), asked.page_query()?);
    let told = world.list_asset_assignments(&call, asked.region(), &asset, &page);
    heard_array(told, |info| assignment_json(&info))
}

pub(crate) fn get_assignment(world: &World, asked: &Asked<'_>) -> Answered {
    let id: ResourceId = asked.path_id(0)?;
    heard_json(world.get_assignment(&asked.call(), asked.region(), &id), |info| assignment_json(&info))
}

/// Parameters by which OCI narrows a listing and World does not; answering with everything would be a lie.
const NOT_SERVED: &[&str] = &["availabilityDomain", "displayName", "lifecycleState"];

pub(crate) fn list_groups(world: &World, asked: &Asked<'_>) -> Answered {
    if let Some(name) = NOT_SERVED.iter().find(|name| asked.query(name).is_some()) {
        let message = format!("the emulator does not narrow a listing by {name}");
        return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
    }
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let (call, page) = (asked.call(), asked.page_query()?);
    heard_array(world.list_volume_groups(&call, asked.region(), &compartment, &page), |info| group_json(&info))
}
