//! Clusters, node pools and instance configurations on the wire: shapes, what is refused by name, and that keywheel sends what the official SDK sends.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use common::client::Ask;
use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use jiff::SignedDuration;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers};
use keywheel::adapters::operation::{Operation, Service};
use keywheel::memory::WorldSettings;
use keywheel::model::{
    Compartment, CompartmentId, Dependent, Etag, KeyId, Kind, ResourceId, Tags, Timestamp, WorkRequestId,
};
use keywheel::ports::{
    CatalogPage, Presence, ReKeyer, ResourceCatalog, Selector, StepKind, StepRequest, Ticket, TicketState,
};
use serde_json::json;

const KINDS: [Kind; 3] = [Kind::Cluster, Kind::NodePool, Kind::InstanceConfiguration];

/// The calls of a kind and the path of its collection.
fn calls(kind: &Kind) -> (Operation, Operation, &'static str) {
    match kind {
        Kind::Cluster => (Operation::ListClusters, Operation::GetCluster, "/20180222/clusters"),
        Kind::NodePool => (Operation::ListNodePools, Operation::GetNodePool, "/20180222/nodePools"),
        Kind::InstanceConfiguration => (
            Operation::ListInstanceConfigurations,
            Operation::GetInstanceConfiguration,
            "/20160918/instanceConfigurations",
        ),
        other => panic!("{other} is not served here"),
    }
}

fn one(lab: &Lab, kind: &Kind) -> ResourceId {
    match kind {
        Kind::Cluster => {
            lab.world.add_cluster(&lab.home, &lab.compartment, "c").key(&lab.key).tag("team", "blue").done()
        }
        Kind::NodePool => lab.world.add_node_pool(&lab.home, &lab.compartment, "p").key(&lab.key).done(),
        Kind::InstanceConfiguration => {
            lab.world.add_instance_configuration(&lab.home, &lab.compartment, "i").key(&lab.key).done()
        }
        other => panic!("{other} is not served here"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_of_clusters_does_not_name_the_key_and_a_cluster_does() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let id = one(&lab, &Kind::Cluster);
    let listed = lab.client.get(lab.at_home(&format!("/20180222/clusters?compartmentId={}", lab.compartment))).json();
    let summary = &listed[0];
    assert_eq!((&summary["id"], &summary["name"]), (&json!(id), &json!("c")));
    assert_eq!((&summary["lifecycleState"], &summary["freeformTags"]["team"]), (&json!("ACTIVE"), &json!("blue")));
    assert!(summary.get("kmsKeyId").is_none(), "{summary}");
    let got = lab.client.get(lab.at_home(&format!("/20180222/clusters/{id}")));
    assert_eq!((got.status, &got.json()["kmsKeyId"]), (200, &json!(lab.key)));
    assert!(got.header("etag").is_some());
    lab.world.others_delete_holder(&id);
    assert_eq!(lab.client.get(lab.at_home(&format!("/20180222/clusters/{id}"))).json()["lifecycleState"], "DELETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_names_its_keys_where_it_makes_volumes_and_its_summary_names_none() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let other = lab.world.add_key(&lab.vault, &lab.compartment, "data", lab.world.now()).done();
    let seed = lab.world.add_instance_configuration(&lab.home, &lab.compartment, "i").key(&lab.key);
    let id = seed.more_key(&other).done();
    let path = "/20160918/instanceConfigurations";
    let listed = lab.client.get(lab.at_home(&format!("{path}?compartmentId={}", lab.compartment))).json();
    assert!(listed[0].get("instanceDetails").is_none(), "{listed}");
    let details = lab.client.get(lab.at_home(&format!("{path}/{id}"))).json()["instanceDetails"].clone();
    assert_eq!(details["launchDetails"]["sourceDetails"]["kmsKeyId"], json!(lab.key));
    assert_eq!(details["blockVolumes"][0]["createDetails"]["kmsKeyId"], json!(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_pool_is_changed_under_a_work_request_and_keeps_what_was_sent_of_it() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let id = one(&lab, &Kind::NodePool);
    let successor = lab.world.add_key(&lab.vault, &lab.compartment, "next", lab.world.now()).done();
    let url = lab.at_home(&format!("/20180222/nodePools/{id}"));
    let body = json!({ "nodeConfigDetails": { "size": 7, "kmsKeyId": successor } }).to_string();
    let answer = lab.client.send(Ask::new(Method::PUT, url.clone()).body(body)).expect("an answer");
    let work_request = answer.header("opc-work-request-id").expect("it goes on under one").to_owned();
    assert_eq!((answer.status, answer.body.is_empty()), (202, true));
    let read = lab.client.get(lab.at_home(&format!("/20180222/workRequests/{work_request}"))).json();
    assert_eq!((&read["status"], &read["operationType"]), (&json!("SUCCEEDED"), &json!("NODEPOOL_UPDATE")));
    let of = format!("compartmentId={}&resourceId={id}&resourceType=NODEPOOL", lab.compartment);
    let listed = lab.client.get(lab.at_home(&format!("/20180222/workRequests?{of}"))).json();
    assert_eq!(listed[0]["id"], json!(work_request));
    let details = lab.client.get(url).json()["nodeConfigDetails"].clone();
    assert_eq!(details, json!({ "size": 7, "kmsKeyId": successor }));
}

/// A request that must be refused, by name, with what the refusal must be.
type Malformed = (&'static str, Ask, (u16, &'static str));

fn malformed_lists(lab: &Lab, path: &str) -> Vec<Malformed> {
    let get = |query: &str| Ask::new(Method::GET, lab.at_home(&format!("{path}{query}")));
    let of = format!("?compartmentId={}", lab.compartment);
    vec![
        ("no compartment", get(""), (400, "MissingParameter")),
        ("a compartment that is no OCID", get("?compartmentId=apps"), (400, "InvalidParameter")),
        ("a limit of nought", get(&format!("{of}&limit=0")), (400, "InvalidParameter")),
        ("a page token of somebody else's", get(&format!("{of}&page=AAA")), (400, "InvalidParameter")),
        ("a narrowing that is not served", get(&format!("{of}&name=c")), (501, "MethodNotImplemented")),
        ("a creation", Ask::new(Method::POST, lab.at_home(path)), (405, "MethodNotAllowed")),
    ]
}

fn malformed_gets(lab: &Lab, path: &str, id: &ResourceId) -> Vec<Malformed> {
    let at = |id: &str| format!("{path}/{id}");
    let get = |id: &str| Ask::new(Method::GET, lab.at_home(&at(id)));
    let mut late = get(id.as_str());
    late.date -= SignedDuration::from_secs(600);
    let of_another_kind = lab.world.add_bucket(&lab.home, &lab.compartment, &format!("b-{}", path.len())).done();
    vec![
        ("an id that is no OCID", get("c"), (404, "NotAuthorizedOrNotFound")),
        ("the id of another kind", get(of_another_kind.as_str()), (404, "NotAuthorizedOrNotFound")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", Ask::new(Method::GET, lab.at_vault(&at(id.as_str()))), (404, "NotFound")),
        ("a deletion", Ask::new(Method::DELETE, lab.at_home(&at(id.as_str()))), (405, "MethodNotAllowed")),
    ]
}

fn malformed_updates(lab: &Lab, id: &ResourceId) -> Vec<Malformed> {
    let url = lab.at_home(&format!("/20180222/nodePools/{id}"));
    let put = |body: serde_json::Value| Ask::new(Method::PUT, url.clone()).body(body.to_string());
    let key = |key: &str| json!({ "nodeConfigDetails": { "kmsKeyId": key } });
    vec![
        ("a body without details", put(json!({})), (400, "MissingParameter")),
        ("a key that is no key's OCID", put(key("ocid1.vault.oc1.iad.v.x")), (400, "InvalidParameter")),
        ("a key that is nobody's", put(key(&format!("{}x", lab.key))), (400, "RelatedResourceNotAuthorizedOrNotFound")),
        ("a stale etag", put(key(lab.key.as_str())).header("if-match", "stale"), (412, "NoEtagMatch")),
        ("a body that nobody signed", put(key(lab.key.as_str())).unsigned_body(), (401, "NotAuthenticated")),
        (
            "a field that only reading knows",
            put(json!({ "nodeConfigDetails": { "computeClusterId": "ocid1.computecluster.c" } })),
            (400, "InvalidParameter"),
        ),
        ("a name, which is not served", put(json!({ "name": "n" })), (501, "MethodNotImplemented")),
    ]
}

fn malformed_work_requests(lab: &Lab) -> [(Operation, Vec<Malformed>); 2] {
    let path = "/20180222/workRequests";
    let get = |rest: &str| Ask::new(Method::GET, lab.at_home(&format!("{path}{rest}")));
    let of = format!("?compartmentId={}", lab.compartment);
    let mut late = get("/wr");
    late.date -= SignedDuration::from_secs(600);
    let lists = vec![
        ("no compartment", get(""), (400, "MissingParameter")),
        ("a limit of nought", get(&format!("{of}&limit=0")), (400, "InvalidParameter")),
        ("a type of nobody", get(&format!("{of}&resourceType=VCN")), (400, "InvalidParameter")),
        ("a resource that is no OCID", get(&format!("{of}&resourceId=p")), (400, "InvalidParameter")),
        ("a narrowing that is not served", get(&format!("{of}&status=FAILED")), (501, "MethodNotImplemented")),
    ];
    let gets = vec![
        ("nobody's id", get("/wr"), (404, "NotAuthorizedOrNotFound")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", Ask::new(Method::GET, lab.at_vault(&format!("{path}/wr"))), (404, "NotFound")),
        ("a cancellation", Ask::new(Method::DELETE, lab.at_home(&format!("{path}/wr"))), (405, "MethodNotAllowed")),
    ];
    [(Operation::ListClusterWorkRequests, lists), (Operation::GetClusterWorkRequest, gets)]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_refused_by_name_when_it_is_malformed() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let mut asked: BTreeMap<Operation, usize> = BTreeMap::new();
    for kind in KINDS {
        let (list, get, path) = calls(&kind);
        let id = one(&lab, &kind);
        let mut malformed = vec![(list, malformed_lists(&lab, path)), (get, malformed_gets(&lab, path, &id))];
        if kind == Kind::NodePool {
            malformed.push((Operation::UpdateNodePool, malformed_updates(&lab, &id)));
            malformed.extend(malformed_work_requests(&lab));
        }
        for (operation, all) in malformed {
            for (name, ask, (status, code)) in all {
                let answer = lab.client.send(ask).expect("an answer");
                assert_eq!(answer.refusal(), (status, code.to_owned()), "{operation:?}: {name}");
                *asked.entry(operation).or_default() += 1;
            }
        }
        assert_eq!(lab.world.holder(&id).and_then(|info| info.key), Some(lab.key.clone()), "nothing changed");
    }
    let is_ours = |service| matches!(service, Service::Compute | Service::ContainerEngine);
    let served = Operation::all().iter().filter(|one| is_ours(one.service()));
    for operation in served {
        assert!(asked.get(operation).is_some_and(|ways| *ways >= 4), "{operation:?} was bent in too few ways");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_sends_what_the_official_sdk_sends() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let recorder = Recorder::start();
    let endpoints = Endpoints::production().with_override(lab.home.clone(), &recorder.url()).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let settings = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let client = Client::from_config_file(settings).expect("a config");
    let (catalog, rekeyers) = (Catalog::new(Arc::clone(&client)), Rekeyers::new(client));
    let facts = transcript::facts();
    let fact = |name: &str| facts[name].as_str().expect("a text").to_owned();
    let compartment = CompartmentId::parse(fact("compartment")).expect("an OCID");
    let key = KeyId::parse(fact("key")).expect("an OCID");
    for kind in KINDS {
        let compartments = vec![Compartment { id: compartment.clone(), name: "apps".to_owned(), parent: None }];
        let selector = Selector { key: key.clone(), kinds: vec![kind.clone()], compartments, tag: None };
        let mut cursor = None;
        loop {
            let page = catalog.dependents(&selector, &lab.home, cursor).await.expect("a verdict").value;
            let CatalogPage { next, .. } = page;
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        let dependent = Dependent {
            id: ResourceId::parse(fact("id")).expect("an OCID"),
            kind,
            region: lab.home.clone(),
            compartment: compartment.clone(),
            name: "data".to_owned(),
            namespace: None,
            availability_domain: None,
            tags: Tags::default(),
        };
        let seen = rekeyers.observe(&dependent).await.expect("404 is an observation").value;
        assert_eq!(seen.presence, Presence::NotVisible);
        if dependent.kind == Kind::NodePool {
            let work_request = WorkRequestId::parse("wr1").expect("a token");
            let ticket = Ticket { work_request, dependent: dependent.id.clone() };
            let polled = rekeyers.poll(&[ticket], std::slice::from_ref(&dependent)).await.expect("404 says lost").value;
            assert_eq!(polled[0].state, TicketState::Lost);
            rekeyers.find(&dependent, Timestamp::UNIX_EPOCH).await.expect_err("the second page is not there");
        }
    }
    assert_eq!(recorder.seen(), transcript::holders());
}

/// The recorder knows no pool, so what keywheel sends for an update is compared where there is one to read first.
#[tokio::test(flavor = "multi_thread")]
async fn keywheel_updates_a_node_pool_as_the_official_sdk_does() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let recorder = Recorder::with_body(&transcript::node_pool());
    let endpoints = Endpoints::production().with_override(lab.home.clone(), &recorder.url()).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let settings = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let rekeyers = Rekeyers::new(Client::from_config_file(settings).expect("a config"));
    let facts = transcript::facts();
    let fact = |name: &str| facts[name].as_str().expect("a text").to_owned();
    let dependent = Dependent {
        id: ResourceId::parse(fact("id")).expect("an OCID"),
        kind: Kind::NodePool,
        region: lab.home.clone(),
        compartment: CompartmentId::parse(fact("compartment")).expect("an OCID"),
        name: "p".to_owned(),
        namespace: None,
        availability_domain: None,
        tags: Tags::default(),
    };
    let step = StepRequest {
        dependent,
        step: StepKind::AssignKey,
        key: KeyId::parse(fact("key")).expect("an OCID"),
        if_match: Some(Etag::parse(fact("etag")).expect("an etag")),
    };
    assert!(rekeyers.begin(&step).await.is_err(), "the recorder hands out no work request");
    assert_eq!(recorder.seen(), transcript::node_pool_update());
}
