//! Backup policies and their assignments on the wire: shapes, what is refused by name, what keywheel sends, and what a
//! rotation says of an assignment in another region than its key.
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
use keywheel::adapters::operation::Operation;
use keywheel::memory::WorldSettings;
use keywheel::model::{Compartment, CompartmentId, CoverageState, Dependent, KeyId, Kind, Region, ResourceId, Tags};
use keywheel::ports::{Candidate, CatalogPage, KeyHint, Presence, ReKeyer, ResourceCatalog, Selector};
use serde_json::json;

const POLICIES: &str = "/20160918/volumeBackupPolicies";
const ASSIGNMENTS: &str = "/20160918/volumeBackupPolicyAssignments";
const GROUPS: &str = "/20160918/volumeGroups";

/// A policy that copies, a volume that is assigned it under the lab's key, and the assignment.
fn assigned(lab: &Lab) -> (ResourceId, ResourceId, ResourceId) {
    let policy = lab.world.add_backup_policy(&lab.home, Some(&lab.compartment), "nightly", Some(&lab.away));
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "data").done();
    let assignment = lab.world.others_assign_backup_policy(&volume, &policy, Some(&lab.key));
    (policy, volume, assignment)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_says_where_it_copies_to_and_an_assignment_under_which_key() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let (policy, volume, assignment) = assigned(&lab);
    let oracles = lab.world.add_backup_policy(&lab.home, None, "gold", None);
    let group = lab.world.add_volume_group(&lab.home, &lab.compartment, "db", std::slice::from_ref(&volume));
    let get = |path: &str| lab.client.get(lab.at_home(path)).json();
    let listed = get(&format!("{POLICIES}?compartmentId={}", lab.compartment));
    assert_eq!((&listed[0]["id"], &listed[0]["destinationRegion"]), (&json!(policy), &json!(lab.away)));
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "Oracle's are in no compartment");
    let oracle_defined = get(POLICIES);
    assert_eq!((&oracle_defined[0]["id"], &oracle_defined[0]["compartmentId"]), (&json!(oracles), &json!(null)));
    assert_eq!(get(&format!("{POLICIES}/{policy}"))["displayName"], json!("nightly"));
    let of_volume = get(&format!("{ASSIGNMENTS}?assetId={volume}"));
    assert_eq!((&of_volume[0]["id"], &of_volume[0]["xrcKmsKeyId"]), (&json!(assignment), &json!(lab.key)));
    assert_eq!(get(&format!("{ASSIGNMENTS}?assetId={group}")), json!([]));
    assert_eq!(get(&format!("{ASSIGNMENTS}/{assignment}"))["policyId"], json!(policy));
    let groups = get(&format!("{GROUPS}?compartmentId={}", lab.compartment));
    assert_eq!((&groups[0]["id"], &groups[0]["volumeIds"]), (&json!(group), &json!([volume])));
}

/// A request that must be refused, by name, with what the refusal must be.
type Malformed = (&'static str, Ask, (u16, &'static str));

fn malformed_lists(lab: &Lab, path: &str, of: &str, more: Malformed) -> Vec<Malformed> {
    let get = |query: &str| Ask::new(Method::GET, lab.at_home(&format!("{path}{query}")));
    let name = of.split('=').next().unwrap_or_default();
    vec![
        ("an id that is no OCID", get(&format!("?{name}=apps")), (400, "InvalidParameter")),
        ("a limit of nought", get(&format!("?{of}&limit=0")), (400, "InvalidParameter")),
        ("a creation", Ask::new(Method::POST, lab.at_home(path)), (405, "MethodNotAllowed")),
        more,
    ]
}

fn malformed_gets(lab: &Lab, path: &str, id: &ResourceId) -> Vec<Malformed> {
    let get = |id: &str| Ask::new(Method::GET, lab.at_home(&format!("{path}/{id}")));
    let mut late = get(id.as_str());
    late.date -= SignedDuration::from_secs(600);
    let vault = lab.at_vault(&format!("{path}/{id}"));
    vec![
        ("an id that is no OCID", get("c"), (404, "NotAuthorizedOrNotFound")),
        ("nobody's id", get(&format!("{id}x")), (404, "NotAuthorizedOrNotFound")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", Ask::new(Method::GET, vault), (404, "NotFound")),
        ("a deletion", Ask::new(Method::DELETE, lab.at_home(&format!("{path}/{id}"))), (405, "MethodNotAllowed")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_refused_by_name_when_it_is_malformed() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let (policy, volume, assignment) = assigned(&lab);
    let get = |path: &str, query: &str| Ask::new(Method::GET, lab.at_home(&format!("{path}{query}")));
    let foreign_token = get(POLICIES, &format!("?compartmentId={}&page=AAA", lab.compartment));
    let of = format!("compartmentId={}", lab.compartment);
    let mut asked: BTreeMap<Operation, usize> = BTreeMap::new();
    let all = [
        (
            Operation::ListVolumeBackupPolicies,
            malformed_lists(&lab, POLICIES, &of, ("somebody else's token", foreign_token, (400, "InvalidParameter"))),
        ),
        (Operation::GetVolumeBackupPolicy, malformed_gets(&lab, POLICIES, &policy)),
        (
            Operation::GetVolumeBackupPolicyAssetAssignment,
            malformed_lists(
                &lab,
                ASSIGNMENTS,
                &format!("assetId={volume}"),
                ("no asset", get(ASSIGNMENTS, ""), (400, "MissingParameter")),
            ),
        ),
        (Operation::GetVolumeBackupPolicyAssignment, malformed_gets(&lab, ASSIGNMENTS, &assignment)),
        (
            Operation::ListVolumeGroups,
            malformed_lists(&lab, GROUPS, &of, ("no compartment", get(GROUPS, ""), (400, "MissingParameter"))),
        ),
    ];
    for (operation, all) in all {
        for (name, ask, (status, code)) in all {
            let answer = lab.client.send(ask).expect("an answer");
            assert_eq!(answer.refusal(), (status, code.to_owned()), "{operation:?}: {name}");
            *asked.entry(operation).or_default() += 1;
        }
    }
    assert!(asked.values().all(|ways| *ways >= 4), "{asked:?}");
}

fn client(lab: &Lab, endpoints: Endpoints) -> Arc<Client> {
    let config_file = Some(lab.config.config_path.clone());
    Client::from_config_file(ClientSettings { config_file, endpoints, ..ClientSettings::default() }).expect("a config")
}

fn selector(key: &KeyId, compartment: &CompartmentId) -> Selector {
    let compartments = vec![Compartment { id: compartment.clone(), name: "apps".to_owned(), parent: None }];
    Selector { key: key.clone(), kinds: vec![Kind::BackupPolicyAssignment], compartments, tag: None }
}

/// Walks a region to its end: candidates and verdicts.
async fn pass(catalog: &Catalog, selector: &Selector, region: &Region) -> (Vec<Candidate>, Vec<CoverageState>) {
    let (mut candidates, mut verdicts, mut cursor) = (Vec::new(), Vec::new(), None);
    loop {
        let page: CatalogPage = catalog.dependents(selector, region, cursor).await.expect("a verdict").value;
        candidates.extend(page.candidates);
        verdicts.extend(page.coverage.into_iter().map(|part| part.state));
        cursor = page.next;
        if cursor.is_none() {
            return (candidates, verdicts);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_sends_what_the_official_sdk_sends() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let facts = transcript::facts();
    let fact = |name: &str| facts[name].as_str().expect("a text").to_owned();
    let compartment = CompartmentId::parse(fact("compartment")).expect("an OCID");
    let key = KeyId::parse(fact("key")).expect("an OCID");
    // Everything that is listed is a policy that copies and a volume at once; nothing else is there.
    let recorder = Recorder::listing(&json!([{ "id": fact("id"), "destinationRegion": "us-phoenix-1" }]));
    let endpoints = Endpoints::production().with_override(lab.home.clone(), &recorder.url()).expect("loopback");
    let client = client(&lab, endpoints);
    let (_, verdicts) = pass(&Catalog::new(Arc::clone(&client)), &selector(&key, &compartment), &lab.home).await;
    assert_eq!(verdicts, [CoverageState::Denied], "what is listed may not be asked about");
    let dependent = Dependent {
        id: ResourceId::parse(fact("id")).expect("an OCID"),
        kind: Kind::BackupPolicyAssignment,
        region: lab.home.clone(),
        compartment,
        name: "data".to_owned(),
        namespace: None,
        availability_domain: None,
        tags: Tags::default(),
    };
    let seen = Rekeyers::new(client).observe(&dependent).await.expect("404 is an observation").value;
    assert_eq!(seen.presence, Presence::NotVisible);
    let sent = recorder.seen();
    let sent = sent.as_array().expect("requests");
    let expected = transcript::backup_policies();
    for request in expected.as_array().expect("requests") {
        // The first policy that copies is enough, and only an assignment without a key has its policy read.
        let is_of_oracles = request["query"] == json!({ "limit": "1000" });
        let is_left_out = is_of_oracles || request["path"].as_str().is_some_and(|path| path.contains("Policies/"));
        assert!(is_left_out || sent.contains(request), "{request:#} is not among {sent:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn assignments_are_read_only_where_a_policy_copies_or_may_not_be_seen() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let endpoints = Endpoints::production()
        .with_override(lab.home.clone(), &lab.at_home(""))
        .and_then(|all| {
            all.with_override(lab.away.clone(), lab.emulator.region_url(&lab.away).expect("a port").as_str())
        })
        .expect("loopback");
    let catalog = Catalog::new(client(&lab, endpoints));
    let volume = |name: &str| lab.world.add_volume(&lab.home, &lab.compartment, name).done();
    let (one, other) = (volume("one"), volume("other"));
    let plain = lab.world.add_backup_policy(&lab.home, Some(&lab.compartment), "weekly", None);
    lab.world.others_assign_backup_policy(&one, &plain, None);
    let asked = |word: &str| lab.world.log().iter().filter(|entry| entry.operation == word).count();
    let wanted = selector(&lab.key, &lab.compartment);
    let (found, verdicts) = pass(&catalog, &wanted, &lab.home).await;
    assert_eq!((found.len(), verdicts), (0, vec![CoverageState::Listed]));
    assert_eq!(asked("get_volume_backup_policy_asset_assignment"), 0, "no policy copies, so no volume is asked about");

    // In a compartment that is out of scope, but can be seen.
    let elsewhere = lab.world.add_compartment("policies", &lab.world.tenancy_id());
    let copying = lab.world.add_backup_policy(&lab.home, Some(&elsewhere), "nightly", Some(&lab.away));
    let assignment = lab.world.others_assign_backup_policy(&other, &copying, Some(&lab.key));
    let group = lab.world.add_volume_group(&lab.home, &lab.compartment, "db", &[]);
    let of_group = lab.world.others_assign_backup_policy(&group, &copying, None);
    let (found, verdicts) = pass(&catalog, &wanted, &lab.home).await;
    assert_eq!(verdicts, vec![CoverageState::Listed]);
    let shown: BTreeMap<_, _> = found.iter().map(|one| (&one.dependent.id, (&one.key, &one.copies.of))).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[&assignment], (&KeyHint::Key(lab.key.clone()), &None));
    assert_eq!(shown[&of_group], (&KeyHint::OracleManaged, &Some(group)));
}
