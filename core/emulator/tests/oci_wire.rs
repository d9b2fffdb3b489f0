//! The wire itself: shapes, codes and headers, asked with this test's own client of one socket.

mod common;

use axum::http::Method;
use common::client::{Ask, exchange};
use common::lab::Lab;
use jiff::SignedDuration;
use keywheel::adapters::operation::{Operation, Service};
use keywheel::memory::{Caller, FaultPlan, WorldSettings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_says_where_its_keys_are_and_its_port_has_only_them() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let listed = lab.client.get(lab.at_home(&format!("/20180608/vaults?compartmentId={}", lab.compartment)));
    assert_eq!(listed.status, 200);
    assert_eq!(listed.json()[0]["id"], lab.vault.as_str());
    let vault = lab.client.get(lab.at_home(&format!("/20180608/vaults/{}", lab.vault)));
    let url = vault.json()["managementEndpoint"].as_str().expect("an endpoint").to_owned();
    assert_eq!(url, lab.emulator.vault_url(&lab.vault).expect("a port"));
    assert_eq!(listed.json()[0]["managementEndpoint"], url);
    assert_eq!(vault.json()["isPrimary"], true);
    assert!(vault.header("etag").is_some());

    // A vault seeded later gets a port when somebody asks.
    let other = lab.world.add_vault(&lab.home, &lab.compartment, "later").done();
    let other_url = lab.emulator.vault_url(&other).expect("a port on demand");
    assert_ne!(other_url, url);
    let keys = |url: &str| lab.client.get(format!("{url}/20180608/keys?compartmentId={}", lab.compartment)).json();
    assert_eq!(keys(&url).as_array().map(Vec::len), Some(1));
    assert_eq!(keys(&other_url).as_array().map(Vec::len), Some(0));
    lab.emulator.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_retry_token_makes_one_version() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let url = lab.at_vault(&format!("/20180608/keys/{}/keyVersions", lab.key));
    let mint = |token: &str| {
        let ask = Ask::new(Method::POST, url.clone()).header("opc-retry-token", token);
        lab.client.send(ask).expect("an answer").json()["id"].clone()
    };
    let first = mint("one");
    assert_eq!(mint("one"), first);
    assert_ne!(mint("two"), first);
    assert_eq!(lab.world.minted_by(&lab.key, &lab.config.user), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_get_tells_how_a_version_is_replicated() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let url = lab.at_vault(&format!("/20180608/keys/{}/keyVersions", lab.key));
    let made = lab.client.post(url.clone(), &json!({})).json();
    let version = made["id"].as_str().expect("an id");
    let listed = lab.client.get(url.clone()).json();
    assert!(listed[1].get("replicaDetails").is_none() && listed[1].get("isPrimary").is_none());
    let got = lab.client.get(format!("{url}/{version}")).json();
    let id = got["replicaDetails"]["replicationId"].as_str().expect("a replication id");
    let status = lab.client.get(lab.at_vault(&format!("/20180608/replicaOperations/{id}/status"))).json();
    assert_eq!(status, json!({ "replicaDetails": [{ "region": "us-phoenix-1", "status": "REPLICATED" }] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_a_broken_connection_after_the_effect() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let url = lab.at_vault(&format!("/20180608/keys/{}/keyVersions", lab.key));
    lab.world.faults(FaultPlan::new().lose_request("create_version", 1).lose_answer("create_version", 2));
    let send = || lab.client.send(Ask::new(Method::POST, url.clone()));
    assert!(send().is_none(), "a lost request has no answer");
    assert_eq!(lab.world.versions(&lab.key).len(), 1);
    assert!(send().is_none(), "a lost answer does not arrive");
    assert_eq!(lab.world.versions(&lab.key).len(), 2);
    assert_eq!(send().expect("the third is answered").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_names_the_request_and_the_date() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let ask = |path: &str| Ask::new(Method::GET, lab.at_vault(path)).header("opc-request-id", "CLIENT1/x/y");
    for path in [&format!("/20180608/keys/{}", lab.key)[..], "/20180608/keys/ocid1.key.oc1.iad.aaaa.none", "/none"] {
        let answer = lab.client.send(ask(path)).expect("an answer");
        let id = answer.header("opc-request-id").expect("a request id");
        assert!(id.starts_with("CLIENT1/") && id.len() == "CLIENT1/".len() + 32, "{id}");
        assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let answer = lab.client.send(ask(&format!("/20180608/keys/{}", lab.key))).expect("an answer");
    let log = lab.world.log();
    let named = log.last().expect("World's log has it").request_id.as_str();
    assert_eq!(answer.header("opc-request-id"), Some(format!("CLIENT1/{named}").as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_speak_oracles_codes() {
    let lab = Lab::new(WorldSettings { kms_per_second: None, ..WorldSettings::instant() }).await;
    let key_path = format!("/20180608/keys/{}", lab.key);
    let versions = format!("{key_path}/keyVersions");
    let refusal = |ask: Ask| lab.client.send(ask).expect("an answer").refusal();
    let get = |url: String| refusal(Ask::new(Method::GET, url));
    let put = |body: &str| Ask::new(Method::PUT, lab.at_vault(&key_path)).body(body);

    assert_eq!(
        get(lab.at_vault("/20180608/keys/ocid1.key.oc1.iad.aaaa.none")),
        (404, "NotAuthorizedOrNotFound".into())
    );
    assert_eq!(get(lab.at_vault("/20180608/keys")), (400, "MissingParameter".into()));
    assert_eq!(get(lab.at_vault("/20180608/keys?compartmentId=x")), (400, "InvalidParameter".into()));
    assert_eq!(get(lab.at_home("/20180608/vaults?compartmentId=x&limit=0")).0, 400);
    assert_eq!(get(lab.at_home("/20990101/vaults")), (404, "NotFound".into()));
    assert_eq!(refusal(Ask::new(Method::DELETE, lab.at_vault(&key_path))), (405, "MethodNotAllowed".into()));
    assert_eq!(refusal(put("{").header("if-match", "x")), (400, "CannotParseRequest".into()));
    assert_eq!(refusal(put(r#"{"displayName":"n"}"#).header("if-match", "stale")), (412, "NoEtagMatch".into()));
    let wrong = lab.client.send(put(r#"{"freeformTags":{"a":1}}"#)).expect("an answer");
    assert_eq!(wrong.refusal(), (400, "InvalidParameter".into()));
    assert!(wrong.json()["message"].as_str().is_some_and(|text| text.contains("freeformTags")));

    let replica = lab.emulator.replica_url(&lab.vault, &lab.away).expect("a port");
    assert_eq!(refusal(Ask::new(Method::POST, format!("{replica}{versions}"))), (409, "IncorrectState".into()));
    lab.world.configure(|settings| settings.kms_per_second = Some(1));
    let codes: Vec<_> = (0..3).map(|_| lab.client.get(lab.at_vault(&key_path)).status).collect();
    assert!(codes.contains(&429), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_nobody_signed_is_refused_before_anything_happens() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let url = lab.at_vault(&format!("/20180608/keys/{}/keyVersions", lab.key));
    let ask = || Ask::new(Method::POST, url.clone());
    let refused = |answer: Option<common::client::RawAnswer>| {
        assert_eq!(answer.expect("an answer").refusal(), (401, "NotAuthenticated".into()));
    };
    let mut late = ask();
    late.date -= SignedDuration::from_secs(600);
    refused(lab.client.send(late));
    let mut bent = lab.client.signed(ask());
    let text = String::from_utf8(bent.bytes)
        .expect("text")
        .replace("date (request-target) host", "date host (request-target)");
    bent.bytes = text.into_bytes();
    refused(exchange(&bent));
    let mut longer = lab.client.signed(ask().body("{}"));
    let text = String::from_utf8(longer.bytes).expect("text").replace("\r\n\r\n{}", "\r\n\r\n[]");
    longer.bytes = text.into_bytes();
    refused(exchange(&longer));
    let stranger = Lab::new(WorldSettings::instant()).await;
    refused(stranger.client.send(ask()));
    assert_eq!(lab.world.versions(&lab.key).len(), 1);
    assert_eq!(lab.world.writes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenancy_shows_its_compartments_and_regions() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let tenancy = &lab.config.tenancy;
    let inner = lab.world.add_compartment("inner", &lab.compartment);
    let list =
        |more: &str| lab.client.get(lab.at_home(&format!("/20160918/compartments?compartmentId={tenancy}{more}")));
    assert_eq!(list("").json().as_array().map(Vec::len), Some(1));
    let all = list("&compartmentIdInSubtree=true&accessLevel=ANY");
    assert_eq!(all.json()[1]["id"], inner.as_str());
    assert_eq!(all.json()[1]["compartmentId"], lab.compartment.as_str());
    let first = list("&compartmentIdInSubtree=true&limit=1");
    let next = first.header("opc-next-page").expect("there is more").to_owned();
    assert_eq!(list(&format!("&compartmentIdInSubtree=true&limit=1&page={next}")).json()[0]["id"], inner.as_str());
    let regions = lab.client.get(lab.at_home(&format!("/20160918/tenancies/{tenancy}/regionSubscriptions")));
    let home = json!({"regionKey": "IAD", "regionName": "us-ashburn-1", "status": "READY", "isHomeRegion": true});
    assert_eq!(regions.json()[0], home);
    assert_eq!(lab.client.get(lab.at_home(&format!("/20160918/tenancies/{tenancy}"))).json()["homeRegionKey"], "IAD");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_table_is_served() {
    let lab = Lab::new(WorldSettings::instant()).await;
    for operation in Operation::all() {
        let path: Vec<&str> =
            operation.path().split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect();
        let path = path.join("/");
        let url = if operation.service() == Service::KmsManagement { lab.at_vault(&path) } else { lab.at_home(&path) };
        let method = Method::from_bytes(operation.method().as_str().as_bytes()).expect("a method");
        let answer = lab.client.send(Ask::new(method, url)).expect("an answer");
        let is_unserved = matches!(answer.status, 405 | 500..) || answer.body.windows(10).any(|w| w == b"\"NotFound\"");
        assert!(!is_unserved, "{operation:?}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_only_in_its_region() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let namespace = lab.client.get(lab.at_home("/n")).json();
    let path = format!("/n/{}/b/ledger", namespace.as_str().expect("a bare string"));
    let here = lab.client.get(lab.at_home(&path));
    assert_eq!(
        (here.json()["id"].as_str(), here.json()["kmsKeyId"].as_str()),
        (Some(bucket.as_str()), Some(lab.key.as_str()))
    );
    assert_eq!(here.json()["etag"].as_str(), here.header("etag"));
    let there = format!("{}{path}", lab.emulator.region_url(&lab.away).expect("a port"));
    assert_eq!(lab.client.get(there).refusal(), (404, "BucketNotFound".into()));
    assert_eq!(lab.client.get(lab.at_home("/n/none/b/ledger")).refusal(), (404, "NamespaceNotFound".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_emulator_cannot_do_it_refuses_rather_than_pretends() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let _bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let bucket = lab.at_home(&format!("/n/{}/b/ledger", lab.world.namespace()));
    let keys_only = format!("{bucket}/actions/reencrypt?isReencryptBucketKeyOnly=true");
    assert_eq!(lab.client.post(keys_only, &json!({})).status, 501);
    assert_eq!(lab.client.post(bucket.clone(), &json!({ "versioning": "Enabled" })).status, 501);
    let free_text = json!({ "type": "FreeText", "text": "x" });
    assert_eq!(lab.client.post(lab.at_home("/20180409/resources"), &free_text).status, 501);
    let wrong = lab.client.post(bucket, &json!({ "kmsKeyId": 7 }));
    assert_eq!(wrong.refusal(), (400, "InvalidParameter".into()));
    assert!(wrong.json()["message"].as_str().is_some_and(|text| text.contains("kmsKeyId")));
    let missing = lab.client.post(lab.at_home("/20180409/resources"), &json!({ "type": "Structured" }));
    assert_eq!(missing.refusal(), (400, "MissingParameter".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_written_on_conditions_and_with_an_unsigned_body() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let _bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").done();
    let url = lab.at_home(&format!("/n/{}/b/ledger/o/a%2Fb", lab.world.namespace()));
    let put = || Ask::new(Method::PUT, url.clone()).body("one").header("expect", "100-continue");
    let created = lab.client.send(put().unsigned_body().header("if-none-match", "*")).expect("an answer");
    assert_eq!(created.status, 200);
    let etag = created.header("etag").expect("an etag").to_owned();
    let again = lab.client.send(put().header("if-none-match", "*")).expect("an answer");
    assert_eq!(again.refusal(), (412, "IfNoneMatchFailed".into()));
    let get = |etag: &str| {
        lab.client.send(Ask::new(Method::GET, url.clone()).header("if-none-match", etag)).expect("an answer")
    };
    assert_eq!((get("other").status, get("other").body), (200, b"one".to_vec()));
    assert_eq!((get(&etag).status, get(&etag).body.len()), (304, 0));
    let head = lab.client.send(Ask::new(Method::HEAD, url.clone())).expect("an answer");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("3"), 0));
    // Every other PUT must sign its body's headers.
    let key = lab.at_vault(&format!("/20180608/keys/{}", lab.key));
    let update = lab.client.send(Ask::new(Method::PUT, key).body("{}").unsigned_body()).expect("an answer");
    assert_eq!(update.refusal(), (401, "NotAuthenticated".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_limited_by_topic_and_minute() {
    let lab = Lab::new(WorldSettings { messages_per_minute: Some(2), ..WorldSettings::instant() }).await;
    let topic = lab.world.add_topic(&lab.home, &lab.compartment, "rotations");
    let url = lab.at_home(&format!("/20181201/topics/{topic}/messages"));
    let statuses: Vec<_> = (0..3).map(|_| lab.client.post(url.clone(), &json!({ "body": "b" })).status).collect();
    assert_eq!(statuses, [202, 202, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_compartment_is_404_and_its_resources_are_not_found() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let hidden = lab.world.add_compartment("hidden", &lab.compartment);
    let _bucket = lab.world.add_bucket(&lab.home, &hidden, "secret").tag("t", "v").done();
    lab.world.deny_compartment(&Caller::new(&lab.config.user), &hidden);
    let namespace = lab.world.namespace();
    let listed = lab.client.get(lab.at_home(&format!("/n/{namespace}/b?compartmentId={hidden}")));
    assert_eq!(listed.refusal(), (404, "NotAuthorizedOrNotFound".into()));
    let query = json!({ "type": "Structured", "query": "query bucket resources" });
    let found = lab.client.post(lab.at_home("/20180409/resources"), &query);
    assert_eq!(found.json()["items"], json!([]), "Search filters silently");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new(WorldSettings::instant()).await;
    for path in [&lab.config.config_path, &lab.config.key_path] {
        assert_eq!(std::fs::metadata(path).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let text = std::fs::read_to_string(&lab.config.config_path).expect("a config");
    assert!(text.contains(&format!("fingerprint={}", lab.config.fingerprint)) && text.starts_with("[DEFAULT]\n"));
}
