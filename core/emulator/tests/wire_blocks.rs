//! Block storage on the wire: shapes, what is refused by name, and that keywheel sends what the official SDK sends.
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
use keywheel::memory::{FaultPlan, WorldSettings};
use keywheel::model::{Compartment, CompartmentId, Dependent, Etag, KeyId, Kind, ResourceId, Tags};
use keywheel::ports::{CatalogPage, Presence, ReKeyer, ResourceCatalog, Selector, StepKind, StepRequest};
use serde_json::json;

const KINDS: [Kind; 4] = [Kind::BlockVolume, Kind::BootVolume, Kind::BlockVolumeBackup, Kind::BootVolumeBackup];

/// One of each kind under the lab's key, in the order of [`KINDS`].
fn one_of_each(lab: &Lab) -> [ResourceId; 4] {
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "data").key(&lab.key).tag("team", "blue").done();
    let boot = lab.world.add_boot_volume(&lab.home, &lab.compartment, "boot").key(&lab.key).done();
    let (backup, boot_backup) = (lab.world.add_backup(&volume, "b").done(), lab.world.add_backup(&boot, "bb").done());
    [volume, boot, backup, boot_backup]
}

/// The path of a kind's collection.
fn collection(kind: &Kind) -> &'static str {
    match kind {
        Kind::BlockVolume => "/20160918/volumes",
        Kind::BootVolume => "/20160918/bootVolumes",
        Kind::BlockVolumeBackup => "/20160918/volumeBackups",
        Kind::BlockVolumeReplica => "/20160918/blockVolumeReplicas",
        Kind::BootVolumeReplica => "/20160918/bootVolumeReplicas",
        _ => "/20160918/bootVolumeBackups",
    }
}

const REPLICAS: [Kind; 2] = [Kind::BlockVolumeReplica, Kind::BootVolumeReplica];

/// Where a kind's key is put.
fn key_path(kind: &Kind, id: &ResourceId) -> String {
    let tail = if matches!(kind, Kind::BlockVolume | Kind::BootVolume) { "/kmsKey" } else { "" };
    format!("{}/{id}{tail}", collection(kind))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_and_a_backup_name_their_key_and_carry_an_etag() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let ids = one_of_each(&lab);
    for (kind, id) in KINDS.iter().zip(&ids) {
        let got = lab.client.get(lab.at_home(&format!("{}/{id}", collection(kind))));
        let body = got.json();
        assert_eq!((got.status, body["id"].as_str()), (200, Some(id.as_str())));
        assert_eq!((body["kmsKeyId"].as_str(), &body["lifecycleState"]), (Some(lab.key.as_str()), &json!("AVAILABLE")));
        assert!(got.header("etag").is_some());
        let listed = lab.client.get(lab.at_home(&format!("{}?compartmentId={}", collection(kind), lab.compartment)));
        assert_eq!(listed.json(), json!([body]), "a listing says what a get says");
    }
    let volume = lab.client.get(lab.at_home(&format!("/20160918/volumes/{}", ids[0]))).json();
    assert_eq!((&volume["freeformTags"]["team"], &volume["isHydrated"]), (&json!("blue"), &json!(true)));
    let backup = lab.client.get(lab.at_home(&format!("/20160918/bootVolumeBackups/{}", ids[3]))).json();
    assert_eq!(backup["bootVolumeId"].as_str(), Some(ids[1].as_str()));
    assert!(backup.get("availabilityDomain").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_names_its_key_and_its_volume_and_the_volume_names_its_replicas() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "v").key(&lab.key).done();
    let bare = lab.world.add_replica(&volume, &lab.away, "bare").done();
    let keyed = lab.world.add_replica(&volume, &lab.away, "keyed").key(&lab.key).done();
    let away = lab.emulator.region_url(&lab.away).expect("a port");
    let got = lab.client.get(format!("{away}/20160918/blockVolumeReplicas/{keyed}")).json();
    assert_eq!((&got["kmsKeyId"], &got["blockVolumeId"]), (&json!(lab.key), &json!(volume)));
    let of = format!("compartmentId={}", lab.compartment);
    let listed = lab.client.get(format!("{away}/20160918/blockVolumeReplicas?{of}")).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let here = lab.client.get(lab.at_home(&format!("/20160918/blockVolumeReplicas?{of}"))).json();
    assert_eq!(here, json!([]), "a replica is listed where it is");
    let told = lab.client.get(lab.at_home(&format!("/20160918/volumes/{volume}"))).json();
    let told = &told["blockVolumeReplicas"];
    assert_eq!((&told[0]["blockVolumeReplicaId"], &told[0]["kmsKeyId"]), (&json!(bare), &json!(null)));
    assert_eq!((&told[1]["blockVolumeReplicaId"], &told[1]["kmsKeyId"]), (&json!(keyed), &json!(lab.key)));
    let backup = lab.world.add_backup(&volume, "b").done();
    let copy = lab.world.others_copy_backup(&backup, &lab.away, None);
    let copy = lab.client.get(format!("{away}/20160918/volumeBackups/{copy}")).json();
    assert_eq!((&copy["sourceVolumeBackupId"], &copy["kmsKeyId"]), (&json!(backup), &json!(null)));
}

/// A request that must be refused, by name, with what the refusal must be.
type Malformed = (&'static str, Ask, (u16, &'static str));

fn malformed_lists(lab: &Lab, kind: &Kind) -> Vec<Malformed> {
    let get = |query: &str| Ask::new(Method::GET, lab.at_home(&format!("{}{query}", collection(kind))));
    let of = format!("?compartmentId={}", lab.compartment);
    let post = Ask::new(Method::POST, lab.at_home(collection(kind)));
    vec![
        ("no compartment", get(""), (400, "MissingParameter")),
        ("a compartment that is no OCID", get("?compartmentId=apps"), (400, "InvalidParameter")),
        ("a limit of nought", get(&format!("{of}&limit=0")), (400, "InvalidParameter")),
        ("a page token of somebody else's", get(&format!("{of}&page=AAA")), (400, "InvalidParameter")),
        ("a creation", post, (405, "MethodNotAllowed")),
    ]
}

fn malformed_gets(lab: &Lab, kind: &Kind, id: &ResourceId, other: &ResourceId) -> Vec<Malformed> {
    let path = |id: &str| format!("{}/{id}", collection(kind));
    let get = |id: &str| Ask::new(Method::GET, lab.at_home(&path(id)));
    let mut late = get(id.as_str());
    late.date -= SignedDuration::from_secs(600);
    vec![
        ("an id that is no OCID", get("data"), (404, "NotAuthorizedOrNotFound")),
        ("the id of another kind", get(other.as_str()), (404, "NotAuthorizedOrNotFound")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", Ask::new(Method::GET, lab.at_vault(&path(id.as_str()))), (404, "NotFound")),
        ("a deletion", Ask::new(Method::DELETE, lab.at_home(&path(id.as_str()))), (405, "MethodNotAllowed")),
    ]
}

fn malformed_updates(lab: &Lab, kind: &Kind, id: &ResourceId) -> Vec<Malformed> {
    let url = lab.at_home(&key_path(kind, id));
    let put = |body: &str| Ask::new(Method::PUT, url.clone()).body(body);
    let good = json!({ "kmsKeyId": lab.key }).to_string();
    let nobodys = json!({ "kmsKeyId": format!("{}x", lab.key) }).to_string();
    let mut all = vec![
        ("a body that is no JSON", put("{"), (400, "CannotParseRequest")),
        ("a body without a key", put("{}"), (400, "MissingParameter")),
        ("a key that is a number", put(r#"{"kmsKeyId":7}"#), (400, "InvalidParameter")),
        ("a key that is no key's OCID", put(r#"{"kmsKeyId":"ocid1.vault.oc1.iad.v.x"}"#), (400, "InvalidParameter")),
        ("a key that is nobody's", put(&nobodys), (400, "RelatedResourceNotAuthorizedOrNotFound")),
        ("a stale etag", put(&good).header("if-match", "stale"), (412, "NoEtagMatch")),
        ("a body that nobody signed", put(&good).unsigned_body(), (401, "NotAuthenticated")),
        ("a deletion", Ask::new(Method::DELETE, url.clone()), (405, "MethodNotAllowed")),
    ];
    if matches!(kind, Kind::BlockVolume | Kind::BootVolume) {
        all.push(("the empty text, which would be Oracle's key", put(r#"{"kmsKeyId":""}"#), (400, "InvalidParameter")));
    }
    all
}

/// What `wire_backup_policies` bends.
fn is_elsewhere(path: &str) -> bool {
    path.contains("/volumeBackupPolic") || path.contains("/volumeGroups")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_block_storage_is_refused_by_name_when_it_is_malformed_and_nothing_changes() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let ids = one_of_each(&lab);
    let etags = || {
        let get = |(kind, id): (&Kind, &ResourceId)| {
            let got = lab.client.get(lab.at_home(&format!("{}/{id}", collection(kind))));
            (got.json()["kmsKeyId"].clone(), got.header("etag").map(str::to_owned))
        };
        KINDS.iter().zip(&ids).map(get).collect::<Vec<_>>()
    };
    let before = etags();
    let mut asked: BTreeMap<Operation, usize> = BTreeMap::new();
    let calls = [
        [Operation::ListVolumes, Operation::GetVolume, Operation::UpdateVolumeKmsKey],
        [Operation::ListBootVolumes, Operation::GetBootVolume, Operation::UpdateBootVolumeKmsKey],
        [Operation::ListVolumeBackups, Operation::GetVolumeBackup, Operation::UpdateVolumeBackup],
        [Operation::ListBootVolumeBackups, Operation::GetBootVolumeBackup, Operation::UpdateBootVolumeBackup],
    ];
    for (nth, (kind, [list, get, update])) in KINDS.iter().zip(calls).enumerate() {
        let (id, other) = (&ids[nth], &ids[(nth + 1) % 4]);
        let malformed = [
            (list, malformed_lists(&lab, kind)),
            (get, malformed_gets(&lab, kind, id, other)),
            (update, malformed_updates(&lab, kind, id)),
        ];
        for (operation, all) in malformed {
            for (name, ask, (status, code)) in all {
                let answer = lab.client.send(ask).expect("an answer");
                assert_eq!(answer.refusal(), (status, code.to_owned()), "{operation:?}: {name}");
                *asked.entry(operation).or_default() += 1;
            }
        }
    }
    let replicas = [lab.world.add_replica(&ids[0], &lab.home, "r"), lab.world.add_replica(&ids[1], &lab.home, "br")];
    let replicas = replicas.map(|seed| seed.key(&lab.key).done());
    let reads = [
        [Operation::ListBlockVolumeReplicas, Operation::GetBlockVolumeReplica],
        [Operation::ListBootVolumeReplicas, Operation::GetBootVolumeReplica],
    ];
    for (nth, (kind, [list, get])) in REPLICAS.iter().zip(reads).enumerate() {
        let malformed = [
            (list, malformed_lists(&lab, kind)),
            (get, malformed_gets(&lab, kind, &replicas[nth], &replicas[(nth + 1) % 2])),
        ];
        for (operation, all) in malformed {
            for (name, ask, (status, code)) in all {
                let answer = lab.client.send(ask).expect("an answer");
                assert_eq!(answer.refusal(), (status, code.to_owned()), "{operation:?}: {name}");
                *asked.entry(operation).or_default() += 1;
            }
        }
    }
    assert_eq!(etags(), before, "what is refused changes nothing");
    let served =
        Operation::all().iter().filter(|one| one.service() == Service::BlockStorage && !is_elsewhere(one.path()));
    for operation in served {
        assert!(asked[operation] >= 4, "{operation:?} was bent in {} ways only", asked[operation]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_may_go_back_to_oracles_key_and_an_update_of_it_may_be_a_silent_no_op() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let [_, _, backup, _] = one_of_each(&lab);
    let put = |key: &str| {
        let url = lab.at_home(&key_path(&Kind::BlockVolumeBackup, &backup));
        lab.client.send(Ask::new(Method::PUT, url).body(json!({ "kmsKeyId": key }).to_string())).expect("an answer")
    };
    lab.world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", 1));
    let silent = put("");
    assert_eq!((silent.status, silent.json()["kmsKeyId"].as_str()), (200, Some(lab.key.as_str())));
    assert_eq!(put("").json()["kmsKeyId"], json!(null));
    assert_eq!(lab.world.wrapping(&backup), None);
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
    for kind in KINDS.into_iter().chain(REPLICAS) {
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
            kind: kind.clone(),
            region: lab.home.clone(),
            compartment: compartment.clone(),
            name: "data".to_owned(),
            namespace: None,
            availability_domain: None,
            tags: Tags::default(),
        };
        let seen = rekeyers.observe(&dependent).await.expect("404 is an observation").value;
        assert_eq!(seen.presence, Presence::NotVisible);
        if REPLICAS.contains(&kind) {
            continue;
        }
        let if_match = Some(Etag::parse(fact("etag")).expect("an etag"));
        let step = StepRequest { dependent, step: StepKind::AssignKey, key: key.clone(), if_match };
        assert_eq!(rekeyers.begin(&step).await.expect_err("it is not there").status(), Some(404));
    }
    assert_eq!(recorder.seen(), transcript::block_storage());
}
