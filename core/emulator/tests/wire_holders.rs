//! Clusters on the wire: shapes, what is refused by name, and that keywheel sends what the official SDK sends.
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
use keywheel::model::{Compartment, CompartmentId, Dependent, KeyId, Kind, ResourceId, Tags};
use keywheel::ports::{CatalogPage, Presence, ReKeyer, ResourceCatalog, Selector};
use serde_json::json;

const KINDS: [Kind; 1] = [Kind::Cluster];

/// The calls of a kind and the path of its collection.
fn calls(kind: &Kind) -> (Operation, Operation, &'static str) {
    match kind {
        Kind::Cluster => (Operation::ListClusters, Operation::GetCluster, "/20180222/clusters"),
        other => panic!("{other} is not served here"),
    }
}

fn one(lab: &Lab, kind: &Kind) -> ResourceId {
    match kind {
        Kind::Cluster => {
            lab.world.add_cluster(&lab.home, &lab.compartment, "c").key(&lab.key).tag("team", "blue").done()
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

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_refused_by_name_when_it_is_malformed() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let mut asked: BTreeMap<Operation, usize> = BTreeMap::new();
    for kind in KINDS {
        let (list, get, path) = calls(&kind);
        let id = one(&lab, &kind);
        for (operation, all) in [(list, malformed_lists(&lab, path)), (get, malformed_gets(&lab, path, &id))] {
            for (name, ask, (status, code)) in all {
                let answer = lab.client.send(ask).expect("an answer");
                assert_eq!(answer.refusal(), (status, code.to_owned()), "{operation:?}: {name}");
                *asked.entry(operation).or_default() += 1;
            }
        }
        assert_eq!(lab.world.holder(&id).and_then(|info| info.key), Some(lab.key.clone()), "nothing changed");
    }
    let served = Operation::all().iter().filter(|one| one.service() == Service::ContainerEngine);
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
        let compartments = vec![Compartment { id: compartment.clone(), name: "apps".to_owned() }];
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
    }
    assert_eq!(recorder.seen(), transcript::holders());
}
