//! `keywheel doctor` as a child, through the OCI adapters, over HTTP: what it names, what it exits with, and that the
//! far end counts no request to mint that the journal does not intend.

mod rig;

use std::process::Output;
use std::time::Duration;

use keywheel::adapters::sqlite::SqliteJournal;
use keywheel::memory::{FaultPlan, WorldSettings};
use keywheel::model::{KeyId, StreamId, Timestamp};
use keywheel::ports::Journal as _;
use rig::{Rig, now, said};
use serde_json::Value;

/// The checks of a run in JSON.
fn checks(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("output is UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let doctor = lines.find(|line| line["type"] == "doctor").unwrap_or_else(|| panic!("{}", said(output)));
    assert_eq!(doctor["sections"][0]["name"], "assumptions");
    doctor["sections"][0]["checks"].as_array().expect("checks").clone()
}

/// Each check's id with its verdict.
fn verdicts(output: &Output) -> Vec<(String, String)> {
    let word = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    checks(output).iter().map(|check| (word(check, "id"), word(check, "verdict"))).collect()
}

struct Patient {
    rig: Rig,
    key: KeyId,
}

impl Patient {
    async fn with(settings: WorldSettings) -> Self {
        let rig = Rig::started(settings, now, |tenancy| tenancy.key.clone()).await;
        let key = rig.tenancy.add_throw_away_key();
        Self { rig, key }
    }

    async fn examine(&self) -> Output {
        self.rig.run(&["doctor", "--live", self.key.as_str(), "--yes", "--json"]).await
    }

    fn minted(&self) -> usize {
        self.rig.tenancy.world.versions(&self.key).len() - 1
    }

    /// This one is broken and no other, and the exit code says so.
    async fn only(settings: WorldSettings, plan: FaultPlan, id: &str) {
        let patient = Self::with(settings).await;
        patient.rig.tenancy.world.faults(plan);
        let output = patient.examine().await;
        let verdicts = verdicts(&output);
        let broken: Vec<_> = verdicts.iter().filter(|(_, word)| word == "broken").map(|(id, _)| id.as_str()).collect();
        assert_eq!(broken, [id], "{}", said(&output));
        assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_service_holds_and_each_mint_that_arrives_was_intended() {
    let patient = Patient::with(WorldSettings::lab()).await;
    let output = patient.examine().await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let holds = ["A1", "A2", "A3", "A4", "A5", "A6"].map(|id| (id.to_owned(), "holds".to_owned()));
    assert_eq!(verdicts(&output)[..6], holds, "{}", said(&output));
    assert_eq!(patient.minted(), 1);

    // A7: the far end counts what arrived, before anything is checked.
    let arrived = patient.rig.emulator.arrived_mints();
    let path = format!("/20180608/keys/{}/keyVersions", patient.key);
    assert!(arrived.iter().all(|mint| mint.path == path), "{arrived:?}");
    let arrived: Vec<_> =
        arrived.into_iter().map(|mint| (mint.token.expect("a token"), mint.date.expect("a date"))).collect();
    assert_eq!(arrived, intended(&patient).await, "each intent arrived once, in order, with its token and its date");
    assert_eq!(arrived.len(), 3, "stale, mint, repeat");
    let asked = checks(&output)[6]["seen"][0].as_str().expect("a sentence").to_owned();
    assert!(asked.contains("asked of the port: 4;"), "one of them names a key that the adapter does not find: {asked}");
}

/// Token and date of each mint on the throw-away key that the journal intends.
async fn intended(patient: &Patient) -> Vec<(String, String)> {
    let journal = SqliteJournal::open(patient.rig.folder.journal()).expect("the journal opens");
    let lines = journal.read(&StreamId::doctor(), 0, 1000).await.expect("lines");
    keywheel::journal::verify(&lines).expect("doctor's lines are chained");
    journal.close().await.expect("it closes");
    let values = lines.iter().map(|line| serde_json::from_str::<Value>(&line.text).expect("a line is JSON"));
    let intents = values.filter(|line| line["fact"] == "live_intended" && line["body"]["key"] == *patient.key.as_str());
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    intents
        .map(|line| {
            let date: Timestamp = text(&line["body"]["date"]).parse().expect("an instant");
            (text(&line["body"]["token"]), date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        })
        .collect()
}

/// Four services beside each other: each of these tests is nearly all waiting, by the wall clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_breaks_one_assumption_is_named_by_it_alone() {
    let (lab, secs) = (WorldSettings::lab, Duration::from_secs);
    // The stale mint is refused by its signature, before World counts it.
    let acts_and_refuses = FaultPlan::new().status_after("create_version", 1, 409, "IncorrectState");
    tokio::join!(
        Patient::only(WorldSettings { honours_tokens: false, ..lab() }, FaultPlan::new(), "A1"),
        Patient::only(WorldSettings { list_lag: secs(5), ..lab() }, FaultPlan::new(), "A2"),
        Patient::only(WorldSettings { skew_limit: secs(60), ..lab() }, FaultPlan::new(), "A3"),
        Patient::only(lab(), acts_and_refuses, "A6"),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_it_reads_only_and_shows_a_table() {
    let patient = Patient::with(WorldSettings::lab()).await;
    let output = patient.rig.run(&["doctor"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in ["A1  unknown", "A4  holds", "A5  holds", "token_life = 10m", "UNVERIFIED", "TEST", "--live KEY"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    assert_eq!(patient.rig.tenancy.world.writes(), 0, "the cloud is only read: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_use_is_refused_and_nobody_is_asked_in_a_script() {
    let patient = Patient::with(WorldSettings::lab()).await;
    let silent = patient.rig.run(&["doctor", "--live", patient.key.as_str()]).await;
    assert_eq!(silent.status.code(), Some(2), "{}", said(&silent));
    assert!(said(&silent).contains("add --yes"), "{}", said(&silent));
    let in_use = patient.rig.tenancy.key.clone();
    let refused = patient.rig.run(&["doctor", "--live", in_use.as_str(), "--yes"]).await;
    assert_eq!(refused.status.code(), Some(6), "{}", said(&refused));
    assert!(said(&refused).contains("keywheel-throw-away = true"), "{}", said(&refused));
    assert_eq!(patient.rig.emulator.arrived_mints(), []);
}

/// The checks of one section.
fn section(output: &Output, name: &str) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("output is UTF-8");
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    let doctor = lines.find(|line| line["type"] == "doctor").unwrap_or_else(|| panic!("{}", said(output)));
    let sections = doctor["sections"].as_array().expect("sections");
    let found = sections.iter().find(|section| section["name"] == *name);
    found.unwrap_or_else(|| panic!("{name} in {doctor}"))["checks"].as_array().expect("checks").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_permissions_and_policies_are_shown_and_a_denied_right_is_exit_code_8() {
    let patient = Patient::with(WorldSettings::lab()).await;
    let world = &patient.rig.tenancy.world;
    let broad = "Allow dynamic-group keywheel to manage keys in tenancy";
    world.add_policy(&world.tenancy_id(), "broad", &[broad]);
    let output = patient.rig.run(&["doctor", "--json", "--subject", "dynamic-group keywheel"]).await;
    assert_eq!(output.status.code(), Some(0), "too much breaks nothing: {}", said(&output));
    let endpoints = section(&output, "connectivity");
    assert!(endpoints.len() > 8 && endpoints.iter().all(|check| check["verdict"] == "holds"), "{endpoints:?}");
    let of = |checks: &[Value], call: &str| -> Value {
        let is_it =
            |check: &&Value| check["title"].as_str().is_some_and(|title| title.starts_with(&format!("{call}:")));
        checks.iter().find(is_it).unwrap_or_else(|| panic!("{call}")).clone()
    };
    let rights = section(&output, "permissions");
    assert_eq!(of(&rights, "list_buckets")["verdict"], "seen_working");
    assert_eq!(of(&rights, "create_key_version")["verdict"], "unknown");
    let found = section(&output, "over-broad rights");
    assert_eq!((found[1]["verdict"].as_str(), found[1]["title"].as_str()), (Some("too_broad"), Some(broad)));

    let hidden = world.add_compartment("hidden", &world.tenancy_id());
    world.faults(FaultPlan::new().deny_compartment(&hidden));
    let output = patient.rig.run(&["doctor", "--json"]).await;
    assert_eq!(output.status.code(), Some(8), "{}", said(&output));
    let denied = of(&section(&output, "permissions"), "list_buckets");
    assert_eq!(denied["verdict"], "denied");
    assert!(denied["seen"][0].as_str().is_some_and(|seen| seen.contains(hidden.as_str())), "{denied}");
    let next = denied["do_next"].as_str().expect("what to do");
    assert!(next.starts_with("add: Allow dynamic-group keywheel to {BUCKET_INSPECT, BUCKET_READ}"), "{next}");
    let shown = said(&patient.rig.run(&["doctor"]).await);
    for words in ["C1 ", "answered in", "seen working", "DENIED", "TOO BROAD", "BROKEN or DENIED: P", broad, "no proof"]
    {
        assert!(shown.contains(words), "{words:?} in {shown}");
    }
    let no_subject = patient.rig.run(&["doctor", "--subject", "keywheel"]).await;
    assert_eq!(no_subject.status.code(), Some(2), "{}", said(&no_subject));
}
