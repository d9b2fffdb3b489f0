//! Fuzzes reading answers: whatever a service, or a proxy in front of it, says is read as it stands or refused, and
//! what may have landed is never called undone.
//!
//! Input: an answer as HTTP writes it: operation and status on the first line, headers, an empty line, the body. It
//! is read as every noun and as a refusal. What the model says is compared with the body as plain JSON.
#![no_main]

use keywheel::adapters::oci::fuzzing::{Came, Noun};
use keywheel::adapters::operation::Operation;
use keywheel::model::{Region, Timestamp};
use keywheel::{Error, ErrorKind, Landed};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &b""[..]), |at| (&data[..at], &data[at + 2..]));
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let (name, status) = first.split_once(' ').unwrap_or((first, "200"));
    let operation = Operation::all().iter().find(|one| one.name() == name).copied().unwrap_or(Operation::GetKey);
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    let came = Came { operation, status: status.parse().unwrap_or(500), headers: &headers, body };
    let region = Region::parse("us-ashburn-1").expect("a region");

    let seen = came.understood();
    // Which of two is believed does not matter here; what is no header value is not one of them.
    let was_given = |name: &str, value: &str| {
        headers.iter().any(|(known, given)| known.eq_ignore_ascii_case(name) && given.trim() == value)
    };
    for (name, value) in [
        ("etag", &seen.etag),
        ("opc-request-id", &seen.request_id),
        ("opc-next-page", &seen.next_page),
        ("opc-work-request-id", &seen.work_request),
    ] {
        if let Some(value) = value {
            assert!(was_given(name, value), "{name} is made up: {value}");
            assert!(!value.is_empty(), "{name}");
        }
    }

    // Words of an enum need not be UTF-8 to be unknown; everything that is compared below is.
    let json: Option<Value> = serde_json::from_str(&String::from_utf8_lossy(body)).ok();
    for noun in Noun::ALL {
        match came.read(noun, &region) {
            // A number that no float holds may stand where nobody looks; then there is nothing to compare with.
            Ok(model) => json.iter().for_each(|body| is_what_it_says(noun, &model, body, &region)),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Foreign, "{error}");
                assert_eq!(error.landed() == Landed::Maybe, operation.mutates(), "{error}");
                is_fit_to_print(&error);
            }
        }
    }

    let signed: Timestamp = "2026-11-22T12:00:00Z".parse().expect("an instant");
    let refusal = came.refusal(signed);
    is_fit_to_print(&refusal);
    assert_eq!(refusal.status(), Some(came.status));
    if !operation.mutates() {
        assert_eq!(refusal.landed(), Landed::No, "{refusal}");
    } else if json.as_ref().is_none_or(|body| body["code"].as_str().is_none_or(str::is_empty)) {
        // No word of OCI's own: whoever spoke, it may have landed.
        assert_eq!(refusal.landed(), Landed::Maybe, "{refusal}");
    }
});

fn is_fit_to_print(error: &Error) {
    let shown = error.to_string();
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    assert!(shown.chars().count() < 6000, "{} characters", shown.chars().count());
}

fn is_what_it_says(noun: Noun, model: &Value, body: &Value, region: &Region) {
    let (model, key) = match noun {
        Noun::Block | Noun::Bucket => (&model["dependent"], Some(&model["key"])),
        _ => (model, None),
    };
    assert_eq!(model["id"], body["id"], "{noun:?}");
    if let Some(key) = key {
        // Oracle's own key is said by nothing at all or by the empty text; anything else is a key, or no candidate.
        match &body["kmsKeyId"] {
            Value::Null => assert_eq!(key, "oracle_managed"),
            Value::String(id) if id.is_empty() => assert_eq!(key, "oracle_managed"),
            id => assert_eq!(&key["key"], id),
        }
    }
    for (ours, theirs) in [
        ("compartment", "compartmentId"),
        ("vault", "vaultId"),
        ("key", "keyId"),
        ("current_version", "currentKeyVersion"),
    ] {
        if let (Some(ours), Some(theirs)) = (model.get(ours), body.get(theirs)) {
            assert_eq!(ours, theirs, "{noun:?}");
        }
    }
    if let Some(place) = model.get("region") {
        assert_eq!(place, region.as_str(), "a body does not say where it came from");
    }
    if let Some(tags) = model.get("tags")
        && let Some(Value::Object(given)) = body.get("freeformTags")
    {
        for (name, value) in given {
            assert_eq!(&tags["freeform"][name], value, "{noun:?}");
        }
    }
    if noun == Noun::Key && body["lifecycleState"] != "ENABLED" {
        assert_ne!(model["state"], "ENABLED", "a word that we do not know is never taken for ENABLED");
        assert_ne!(model["state"], "enabled", "a word that we do not know is never taken for ENABLED");
    }
}
