//! What is asked of node pools and read of configurations, what their answers mean, and what is never sent.

use super::*;
use crate::Landed;
use crate::adapters::oci::Rekeyers;
use crate::adapters::oci::loopback::{FarEnd, ashburn, ok, ok_with};
use crate::model::{CompartmentId, Etag, KeyId, ResourceId, Tags, WorkRequestId};
use crate::ports::Presence;

const KEY: &str = "ocid1.key.oc1.iad.v.k";
const OTHER: &str = "ocid1.key.oc1.iad.v.other";

fn dependent(kind: Kind) -> Dependent {
    Dependent {
        id: ResourceId::parse("ocid1.nodepool.oc1.iad.p").expect("an OCID"),
        kind,
        region: ashburn(),
        compartment: CompartmentId::parse("ocid1.compartment.oc1..c").expect("a compartment"),
        name: "pool".to_owned(),
        namespace: None,
        availability_domain: None,
        tags: Tags::default(),
    }
}

fn assign() -> StepRequest {
    StepRequest {
        dependent: dependent(Kind::NodePool),
        step: StepKind::AssignKey,
        key: KeyId::parse(KEY).expect("a key"),
        if_match: Some(Etag::parse("e1").expect("an etag")),
    }
}

fn resource(more: &str) -> String {
    format!("{{\"id\":\"ocid1.nodepool.oc1.iad.p\",\"compartmentId\":\"ocid1.compartment.oc1..c\"{more}}}")
}

#[tokio::test]
async fn a_state_that_is_not_known_is_busy_and_no_key_is_oracles() {
    let named = format!("{{\"size\":1,\"kmsKeyId\":\"{KEY}\"}}");
    let said = [
        ("ACTIVE", named.as_str(), Presence::Ready, Some(KEY)),
        ("UPDATING", "{\"kmsKeyId\":\"\"}", Presence::Busy, None),
        ("NEEDS_ATTENTION", "null", Presence::Busy, None),
        ("HIBERNATING", "{}", Presence::Busy, None),
        ("DELETED", named.as_str(), Presence::Terminated, Some(KEY)),
    ];
    let show = |(state, details, ..): &(&str, &str, Presence, Option<&str>)| {
        resource(&format!(",\"lifecycleState\":\"{state}\",\"nodeConfigDetails\":{details},\"novelty\":[1]"))
    };
    let bodies: Vec<String> = said.iter().map(show).collect();
    let far = FarEnd::start(move |_, before| ok_with(&[("etag", "e7")], &bodies[before])).await;
    let rekeyers = Rekeyers::new(far.client());
    for (state, _, presence, key) in said {
        let seen = rekeyers.observe(&dependent(Kind::NodePool)).await.expect("answered");
        assert_eq!((seen.value.presence, seen.value.key.as_ref().map(KeyId::as_str)), (presence, key), "{state}");
        assert_eq!(seen.etag.as_ref().map(Etag::as_str), Some("e7"));
    }
}

#[tokio::test]
async fn a_pool_without_details_or_with_node_cycling_is_read_and_never_written() {
    let cycling = ",\"nodePoolCyclingDetails\":{\"isNodeCyclingEnabled\":true},\"nodeConfigDetails\":{\"size\":3}";
    for more in [cycling, ",\"quantityPerSubnet\":1,\"subnetIds\":[\"s\"]", ",\"nodeConfigDetails\":{}"] {
        let body = resource(more);
        let far = FarEnd::start(move |_, _| ok(&body)).await;
        let error = Rekeyers::new(far.client()).begin(&assign()).await.expect_err("a person must do it");
        assert_eq!((error.kind(), error.landed()), (ErrorKind::Refused, Landed::No), "{error}");
        assert_eq!(far.seen().len(), 1, "one read, and no write: {more}");
    }
}

#[tokio::test]
async fn an_update_without_a_work_request_has_landed_all_the_same() {
    let body = resource(",\"nodeConfigDetails\":{\"size\":3,\"tomorrow\":{\"a\":[1]},\"nsgIds\":null}");
    let far = FarEnd::start(move |_, before| if before == 0 { ok(&body) } else { ok("") }).await;
    let error = Rekeyers::new(far.client()).begin(&assign()).await.expect_err("nobody can follow it");
    assert_eq!(error.landed(), Landed::Yes, "{error}");
}

#[tokio::test]
async fn work_requests_of_oke_succeed_and_are_followed_to_their_end() {
    let said = [
        ("ACCEPTED", TicketState::Working),
        ("IN_PROGRESS", TicketState::Working),
        ("SUCCEEDED", TicketState::Completed),
        ("COMPLETED", TicketState::Working),
        ("FAILED", TicketState::Failed("the service says FAILED".to_owned())),
        ("CANCELED", TicketState::Failed("the service says CANCELED".to_owned())),
    ];
    let words: Vec<_> = said.iter().map(|(word, _)| *word).collect();
    let far = FarEnd::start(move |_, before| ok(&format!("{{\"id\":\"wr1\",\"status\":\"{}\"}}", words[before]))).await;
    let rekeyers = Rekeyers::new(far.client());
    let pool = dependent(Kind::NodePool);
    let work_request = WorkRequestId::parse("wr1").expect("a token");
    let ticket = Ticket { work_request, dependent: pool.id.clone() };
    for (word, state) in said {
        let polled = rekeyers.poll(std::slice::from_ref(&ticket), std::slice::from_ref(&pool)).await.expect("answered");
        assert_eq!(polled.value[0].state, state, "{word}");
    }
}

#[tokio::test]
async fn a_configuration_names_the_keys_of_all_that_it_launches_whatever_its_shape_and_none_that_its_owner_calls_so() {
    let launch = format!(
        "{{\"metadata\":{{\"kmsKeyId\":\"{OTHER}x\"}},\"sourceDetails\":{{\"sourceType\":\"image\",\"kmsKeyId\":\"{KEY}\"}}}}"
    );
    let volume = format!("{{\"createDetails\":{{\"kmsKeyId\":\"{KEY}\",\"xrcKmsKeyId\":\"{OTHER}\"}}}}");
    let compute = format!("{{\"instanceType\":\"compute\",\"launchDetails\":{launch},\"blockVolumes\":[{volume}]}}");
    let options = format!("{{\"instanceType\":\"instance_options\",\"options\":[{compute}]}}");
    for details in [compute, options] {
        let body = resource(&format!(",\"displayName\":\"t\",\"instanceDetails\":{details}"));
        let far = FarEnd::start(move |_, _| ok(&body)).await;
        let seen = Rekeyers::new(far.client()).observe(&dependent(Kind::InstanceConfiguration)).await;
        let seen = seen.expect("answered").value;
        let mut keys: Vec<_> = seen.key.into_iter().chain(seen.held).collect();
        keys.sort();
        assert_eq!((seen.presence, keys.len()), (Presence::Ready, 2), "{keys:?}");
        assert_eq!((keys[0].as_str(), keys[1].as_str()), (KEY, OTHER));
    }
}
