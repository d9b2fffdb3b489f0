//! The wire itself: shapes, codes and headers, asked with this test's own client of one socket.

mod common;

use axum::http::Method;
use common::client::{Ask, exchange};
use common::lab::Lab;
use jiff::SignedDuration;
use keywheel::memory::{FaultPlan, WorldSettings};
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
