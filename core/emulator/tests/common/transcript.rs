//! What the official Python SDK (oci 2.189.0) sends for each call of block storage, of what is only read and for policies.
//!
//! Two tests compare with it: the SDK itself, where it is installed, and keywheel's own adapters, always.

use serde_json::{Value, json};

/// The names the transcript was recorded with.
pub(crate) fn facts() -> Value {
    json!({
        "compartment": "ocid1.compartment.oc1..aaaa", "key": "ocid1.key.oc1.iad.v.k",
        "id": "ocid1.volume.oc1.iad.abuw", "etag": "\"e-1\"",
    })
}

/// Each request: method, path, query, body, conditions.
pub(crate) fn block_storage() -> Value {
    serde_json::from_str(include_str!("../transcripts/block_storage.json")).expect("a transcript is JSON")
}

/// The same for clusters.
pub(crate) fn holders() -> Value {
    serde_json::from_str(include_str!("../transcripts/holders.json")).expect("a transcript is JSON")
}

/// A node pool as the recorder shows it, with a field that only reading knows and one that says nothing.
pub(crate) fn node_pool() -> Value {
    json!({
        "id": facts()["id"], "compartmentId": facts()["compartment"], "lifecycleState": "ACTIVE",
        "nodeConfigDetails": {
            "size": 3, "kmsKeyId": "ocid1.key.oc1.iad.v.before", "computeClusterId": "ocid1.computecluster.oc1.c",
            "nsgIds": ["ocid1.nsg.oc1.a"], "isPvEncryptionInTransitEnabled": true, "freeformTags": null,
            "placementConfigs": [{ "availabilityDomain": "AD-1", "subnetId": "ocid1.subnet.oc1.a" }],
        },
    })
}

/// What the SDK sends for reading that pool and then naming another key in details that are otherwise the same.
pub(crate) fn node_pool_update() -> Value {
    serde_json::from_str(include_str!("../transcripts/node_pool_update.json")).expect("a transcript is JSON")
}

/// The same of backup policies and what they are assigned to.
pub(crate) fn backup_policies() -> Value {
    serde_json::from_str(include_str!("../transcripts/backup_policies.json")).expect("a transcript is JSON")
}

/// The same of PostMetricData.
pub(crate) fn metrics() -> Value {
    serde_json::from_str(include_str!("../transcripts/metrics.json")).expect("a transcript is JSON")
}

/// The names that the transcript of audit sinks was recorded with.
pub(crate) fn audit_sink_facts() -> Value {
    json!({
        "log": "ocid1.log.oc1.iad.l", "id": "0123456789abcdef".repeat(4), "stream": "r/abc", "data": "{\"fact\":\"\u{fc}\"}",
        "time": "2026-11-22T12:00:00.250Z", "bucket": "trail",
    })
}

/// What the SDK sends for one log entry, a bucket and its retention rules. Instants as milliseconds: how many noughts they end with is
/// each writer's own.
pub(crate) fn audit_sinks() -> Value {
    serde_json::from_str(include_str!("../transcripts/audit_sinks.json")).expect("a transcript is JSON")
}

/// Writes every instant in its shortest form.
pub(crate) fn without_precision(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(at) = text.parse::<jiff::Timestamp>() {
                *text = at.to_string();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_precision),
        Value::Object(fields) => fields.values_mut().for_each(without_precision),
        _ => {}
    }
}

/// The same of ListEvents.
pub(crate) fn audit_events() -> Value {
    serde_json::from_str(include_str!("../transcripts/audit_events.json")).expect("a transcript is JSON")
}

/// The same of ListPolicies.
pub(crate) fn policies() -> Value {
    serde_json::from_str(include_str!("../transcripts/policies.json")).expect("a transcript is JSON")
}
