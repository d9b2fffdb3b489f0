//! What the official Python SDK (oci 2.189.0) sends for each call of block storage and for policies, as recorded.
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

/// The same of ListPolicies.
pub(crate) fn policies() -> Value {
    serde_json::from_str(include_str!("../transcripts/policies.json")).expect("a transcript is JSON")
}
