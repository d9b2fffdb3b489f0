//! IAM policies on the wire: their shape, what is refused by name, and that keywheel asks as the official SDK does.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use axum::http::Method;
use common::client::Ask;
use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use jiff::SignedDuration;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers};
use keywheel::memory::WorldSettings;
use keywheel::model::{CompartmentId, Dependent, Kind, ResourceId, StepKind, Tags};
use keywheel::ports::{Begun, ReKeyer, ResourceCatalog, StepRequest};
use keywheel::{Landed, Retry};
use serde_json::json;

const PATH: &str = "/20160918/policies";

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_listed_where_it_is_attached_with_its_statements_word_for_word() {
    let lab = Lab::new(WorldSettings { page_size: 1, ..WorldSettings::instant() }).await;
    let statement = "Allow service blockstorage to use keys in tenancy where target.key.id = 'ocid1.key.oc1.iad.v.k'";
    let ids = ["one", "two"].map(|name| lab.world.add_policy(&lab.compartment, name, &[statement, "Allow …"]));
    let of = format!("{PATH}?compartmentId={}", lab.compartment);
    let first = lab.client.get(lab.at_home(&of));
    let page = first.header("opc-next-page").expect("there is more").to_owned();
    let body = first.json();
    assert_eq!((body[0]["id"].as_str(), body[0]["name"].as_str()), (Some(ids[0].as_str()), Some("one")));
    assert_eq!(body[0]["statements"], json!([statement, "Allow …"]));
    assert_eq!((&body[0]["lifecycleState"], &body[0]["versionDate"]), (&json!("ACTIVE"), &json!(null)));
    assert_eq!(body[0]["compartmentId"].as_str(), Some(lab.compartment.as_str()));
    let second = lab.client.get(lab.at_home(&format!("{of}&page={page}"))).json();
    assert_eq!(second[0]["id"].as_str(), Some(ids[1].as_str()));
    let named = lab.client.get(lab.at_home(&format!("{of}&name=two"))).json();
    assert_eq!((named.as_array().map(Vec::len), named[0]["name"].as_str()), (Some(1), Some("two")));
    let root = lab.client.get(lab.at_home(&format!("{PATH}?compartmentId={}", lab.world.tenancy_id())));
    assert_eq!(root.json(), json!([]), "a policy is listed where it is attached, not above");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_list_of_policies_is_refused_by_name() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let get = |query: &str| Ask::new(Method::GET, lab.at_home(&format!("{PATH}{query}")));
    let of = format!("?compartmentId={}", lab.compartment);
    let mut late = get(&of);
    late.date -= SignedDuration::from_secs(600);
    let nobodys = format!("?compartmentId={}x", lab.compartment);
    let at_vault = Ask::new(Method::GET, lab.at_vault(&format!("{PATH}{of}")));
    let all = [
        ("no compartment", get(""), (400, "MissingParameter")),
        ("a compartment that is no OCID", get("?compartmentId=apps"), (400, "InvalidParameter")),
        ("a compartment that is nobody's", get(&nobodys), (404, "NotAuthorizedOrNotFound")),
        ("a limit of nought", get(&format!("{of}&limit=0")), (400, "InvalidParameter")),
        ("a page token of somebody else's", get(&format!("{of}&page=AAA")), (400, "InvalidParameter")),
        ("an order that there is not", get(&format!("{of}&sortBy=SIZE")), (400, "InvalidParameter")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", at_vault, (404, "NotFound")),
        ("a creation", Ask::new(Method::POST, lab.at_home(PATH)), (405, "MethodNotAllowed")),
    ];
    for (name, ask, (status, code)) in all {
        let answer = lab.client.send(ask).expect("an answer");
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_lists_policies_as_the_official_sdk_does() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let recorder = Recorder::start();
    let endpoints = Endpoints::production().with_override(lab.home.clone(), &recorder.url()).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let settings = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let client = Client::from_config_file(settings).expect("a config");
    let facts = transcript::facts();
    let place = CompartmentId::parse(facts["compartment"].as_str().expect("a text")).expect("an OCID");
    Catalog::new(client).policies(std::slice::from_ref(&place)).await.expect("it is read");
    let seen = recorder.seen();
    let of_place = |one: &&serde_json::Value| one["path"] == PATH && one["query"]["compartmentId"] == place.as_str();
    let asked: Vec<_> = seen.as_array().expect("requests").iter().filter(of_place).cloned().collect();
    assert_eq!(json!(asked), transcript::policies());
}

/// A successor that no statement covers yet: refused over the wire as OCI does, tried again by keywheel, taken once mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_policy_keeps_from_a_service_is_refused_and_said_so_until_the_policy_is_mended() {
    let lab = Lab::new(WorldSettings { needs_service_grants: true, ..WorldSettings::instant() }).await;
    let root = lab.world.tenancy_id();
    let pinned = format!("to use keys in compartment apps where target.key.id = '{}'", lab.key);
    let services = ["blockstorage", "oke", "objectstorage-us-ashburn-1"];
    let policies = services.map(|service| {
        (service, lab.world.add_policy(&root, service, &[&format!("Allow service {service} {pinned}")]))
    });
    let successor = lab.world.add_key(&lab.vault, &lab.compartment, "next", lab.world.now()).done();
    let endpoints = Endpoints::production().with_override(lab.home.clone(), &lab.at_home("")).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let settings = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let rekeyers = Rekeyers::new(Client::from_config_file(settings).expect("a config"));
    let dependent = |kind: Kind, id: ResourceId| Dependent {
        id,
        kind,
        region: lab.home.clone(),
        compartment: lab.compartment.clone(),
        name: "data".to_owned(),
        namespace: Some(lab.world.namespace()),
        availability_domain: None,
        tags: Tags::default(),
    };
    let all = [
        (Kind::BlockVolume, lab.world.add_volume(&lab.home, &lab.compartment, "data").key(&lab.key).done()),
        (Kind::NodePool, lab.world.add_node_pool(&lab.home, &lab.compartment, "data").key(&lab.key).done()),
        (Kind::Bucket, lab.world.add_bucket(&lab.home, &lab.compartment, "data").key(&lab.key).done()),
    ]
    .map(|(kind, id)| dependent(kind, id));
    let assign = async |dependent: &Dependent| {
        let etag = rekeyers.observe(dependent).await.expect("it can be read").etag;
        let (dependent, key) = (dependent.clone(), successor.clone());
        rekeyers.begin(&StepRequest { dependent, step: StepKind::AssignKey, key, if_match: etag }).await
    };
    for dependent in &all {
        let refused = assign(dependent).await.expect_err("it is pinned");
        assert_eq!(refused.code(), Some("RelatedResourceNotAuthorizedOrNotFound"), "{refused}");
        assert_eq!((refused.retry(), refused.landed()), (Retry::Later(None), Landed::No), "{refused}");
        assert!(refused.to_string().contains("target.key.id"), "a person can act on it: {refused}");
    }
    for (service, policy) in &policies {
        lab.world.others_rewrite_policy(policy, &[&format!("Allow service {service} to use keys in compartment apps")]);
    }
    for dependent in &all {
        let begun = assign(dependent).await.expect("it is covered").value;
        assert_eq!(matches!(begun, Begun::Working(_)), dependent.kind == Kind::NodePool, "{begun:?}");
    }
}
