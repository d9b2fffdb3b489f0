//! Resource Search on the wire: structured queries and the list of types.
//!
//! Free-text search is not served; keywheel never uses it and World has no index for it.

use keywheel::memory::{ResourceSummary, World};
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpAnswer, HttpRefusal};
use crate::wire::{heard, instant};

/// Fields of every type.
const FIELDS: &[&str] = &["identifier", "displayName", "compartmentId", "lifecycleState", "timeCreated"];

pub(crate) fn search_resources(world: &World, asked: &Asked<'_>) -> Answered {
    let body = asked.json()?;
    match body.required_text("type")? {
        "Structured" => {}
        "FreeText" => {
            let message = "the emulator answers structured queries only";
            return Err(HttpRefusal::new(501, "MethodNotImplemented", message).into());
        }
        _ => return Err(HttpRefusal::invalid("type", "must be Structured or FreeText").into()),
    }
    let query = body.required_text("query")?;
    heard(world.search_resources(&asked.call(), asked.region(), query, &asked.page_query()?), |listing| {
        let items: Vec<Value> = listing.items.iter().map(summary_json).collect();
        Ok(HttpAnswer::json(&json!({ "items": items })).maybe("opc-next-page", listing.next))
    })
}

fn summary_json(resource: &ResourceSummary) -> Value {
    json!({
        "resourceType": resource.resource_type, "identifier": resource.identifier,
        "compartmentId": resource.compartment, "timeCreated": instant(resource.time_created),
        "displayName": resource.display_name, "availabilityDomain": resource.availability_domain,
        "lifecycleState": resource.lifecycle_state, "freeformTags": resource.tags.freeform,
        "definedTags": resource.tags.defined, "systemTags": {}, "identityContext": {},
        "additionalDetails": resource.additional, "searchContext": null,
    })
}

pub(crate) fn list_resource_types(world: &World, asked: &Asked<'_>) -> Answered {
    asked.page_query()?;
    let field = |name: &&str| json!({ "fieldType": "STRING", "fieldName": name, "isArray": false });
    heard(world.list_resource_types(&asked.call(), asked.region()), |listed| {
        let types = listed.iter().map(|one| {
            let fields: Vec<Value> = FIELDS.iter().chain(one.fields).map(field).collect();
            json!({ "name": one.name, "fields": fields })
        });
        Ok(HttpAnswer::json(&Value::Array(types.collect())))
    })
}
