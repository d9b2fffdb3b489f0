//! Audit on the wire: events of one compartment by the minute they were processed in.

use jiff::Timestamp;
use keywheel::memory::{AuditRecord, World};
use keywheel::model::CompartmentId;
use serde_json::{Value, json};

use crate::asked::Asked;
use crate::errors::{Answered, HttpRefusal};
use crate::wire::{heard_array, instant};

pub(crate) fn list_events(world: &World, asked: &Asked<'_>) -> Answered {
    let compartment: CompartmentId = asked.query_id("compartmentId")?;
    let minute = |name: &str| -> Result<Timestamp, HttpRefusal> {
        let text = asked.query(name).ok_or_else(|| HttpRefusal::missing(name))?;
        text.parse().map_err(|_| HttpRefusal::invalid(name, "is no RFC 3339 instant"))
    };
    let within = (minute("startTime")?, minute("endTime")?);
    let told = world.list_audit_events(&asked.call(), asked.region(), &compartment, within, &asked.page_query()?);
    heard_array(told, shown)
}

fn shown(record: AuditRecord) -> Value {
    let headers = record.retry_token.map(|token| json!({ "Opc-Retry-Token": [token] }));
    json!({
        "eventType": format!("com.oraclecloud.KeyManagementService.{}", record.operation),
        "cloudEventsVersion": "0.1", "eventTypeVersion": "2.0", "source": "KeyManagementService",
        "eventId": record.id, "eventTime": instant(record.at), "contentType": "application/json",
        "data": {
            "eventGroupingId": null, "eventName": record.operation, "compartmentId": record.compartment,
            "compartmentName": "", "resourceName": "", "resourceId": record.resource, "availabilityDomain": "",
            "freeformTags": null, "definedTags": null,
            "identity": {
                "principalName": "", "principalId": &*record.principal, "authType": "natv", "callerName": null,
                "callerId": null, "tenantId": "", "ipAddress": "192.0.2.7", "credentials": "", "userAgent": "",
                "consoleSessionId": null,
            },
            "request": {
                "id": record.request_id, "path": "", "action": "POST", "parameters": {}, "headers": headers.unwrap_or_else(|| json!({})),
            },
            "response": {
                "status": "200", "responseTime": instant(record.at), "headers": {}, "payload": {}, "message": null,
            },
            "stateChange": { "previous": null, "current": null }, "additionalDetails": {},
        },
    })
}
