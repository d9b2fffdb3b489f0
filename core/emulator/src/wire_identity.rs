//! Identity on the wire: tenancy, compartments, policies, availability domains, region subscriptions.

use keywheel::memory::{CompartmentInfo, Depth, World};
use keywheel::model::CompartmentId;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_array, heard_json, instant};

pub(crate) fn get_tenancy(world: &World, asked: &Asked<'_>) -> Answered {
    let id: CompartmentId = asked.path_id(0)?;
    let told = world.get_tenancy(&asked.call(), asked.region(), &id);
    let codes = world.list_region_subscriptions(&asked.call(), asked.region(), &id);
    heard_json(told, |tenancy| {
        let regions = codes.map(|answer| answer.value).unwrap_or_default();
        let home = regions.into_iter().find(|one| one.is_home).map(|one| one.code.to_uppercase());
        json!({
            "id": tenancy.id, "name": tenancy.name, "description": tenancy.name, "homeRegionKey": home,
            "upiIdpCompatibilityLayerTagging": null, "freeformTags": {}, "definedTags": {},
        })
    })
}

fn compartment_json(info: &CompartmentInfo) -> Value {
    json!({
        "id": info.compartment.id, "compartmentId": info.parent, "name": info.compartment.name,
        "description": info.compartment.name, "lifecycleState": "ACTIVE", "inactiveStatus": null,
        "isAccessible": true, "timeCreated": instant(info.time_created), "freeformTags": {}, "definedTags": {},
    })
}

pub(crate) fn get_compartment(world: &World, asked: &Asked<'_>) -> Answered {
    let id: CompartmentId = asked.path_id(0)?;
    let told = world.get_compartment(&asked.call(), asked.region(), &id);
    heard_json(told, |info| compartment_json(&info))
}

pub(crate) fn list_compartments(world: &World, asked: &Asked<'_>) -> Answered {
    let parent: CompartmentId = asked.query_id("compartmentId")?;
    if !matches!(asked.query("accessLevel"), None | Some("ANY" | "ACCESSIBLE")) {
        return Err(HttpRefusal::invalid("accessLevel", "must be ANY or ACCESSIBLE").into());
    }
    let depth = if asked.query_flag("compartmentIdInSubtree")? { Depth::Subtree } else { Depth::Children };
    let told = world.list_compartments(&asked.call(), asked.region(), &parent, depth, &asked.page_query()?);
    heard_array(told, |info| compartment_json(&info))
}

pub(crate) fn list_policies(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    if !matches!(asked.query("sortBy"), None | Some("TIMECREATED" | "NAME")) {
        return Err(HttpRefusal::invalid("sortBy", "must be TIMECREATED or NAME").into());
    }
    let name = asked.query("name");
    let told = world.list_policies(&asked.call(), asked.region(), &compartment, name, &asked.page_query()?);
    heard_array(told, |info| {
        json!({
            "id": info.policy.id, "compartmentId": info.policy.compartment, "name": info.policy.name,
            "description": info.policy.name, "statements": info.policy.statements, "lifecycleState": "ACTIVE",
            "inactiveStatus": null, "timeCreated": instant(info.time_created), "versionDate": null,
            "freeformTags": {}, "definedTags": {},
        })
    })
}

pub(crate) fn list_availability_domains(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let told = world.list_availability_domains(&asked.call(), asked.region(), &compartment);
    heard_json(told, |names| {
        let domain = |name: &String| json!({ "name": name, "id": format!("ocid1.availabilitydomain.oc1..{name}"), "compartmentId": compartment });
        Value::Array(names.iter().map(domain).collect())
    })
}

pub(crate) fn list_region_subscriptions(world: &World, asked: &Asked<'_>) -> Answered {
    let tenancy: CompartmentId = asked.path_id(0)?;
    let told = world.list_region_subscriptions(&asked.call(), asked.region(), &tenancy);
    heard_json(told, |subscriptions| {
        let items = subscriptions.iter().map(|one| {
            json!({
                "regionKey": one.code.to_uppercase(), "regionName": one.region,
                "status": "READY", "isHomeRegion": one.is_home,
            })
        });
        Value::Array(items.collect())
    })
}
