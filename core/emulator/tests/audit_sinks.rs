//! Audit sinks of OCI over the wire: the promises of the port, what a bucket's rules promise, and what the service refuses.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::{AuditBucket, AuditBucketPlace, Client, ClientSettings, Endpoints, LoggingSink};
use keywheel::memory::{BucketAddress, Call, Caller, FaultPlan, ObjectQuery, Span, WorldSettings};
use keywheel::model::{LineHash, LogId, ResourceId, StreamId};
use keywheel::ports::{AuditEntry, AuditSink, KeepingPromise, LastHeld};
use keywheel::testkit::conformance::audit_sink as promises;
use keywheel::testkit::conformance::audit_sink::AuditSinkFixture;
use keywheel::{ErrorKind, Landed, Rotated, Rotator};
use serde_json::{Value, json};

const BUCKET: &str = "trail";

fn client(lab: &Lab, base: &str) -> Arc<Client> {
    let endpoints = Endpoints::production().with_override(lab.home.clone(), base).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let pace = PacePolicy { start: 500.0, kms_max: 500.0 };
    Client::from_config_file(ClientSettings { config_file, endpoints, pace, ..ClientSettings::default() })
        .expect("a config")
}

fn place(lab: &Lab) -> AuditBucketPlace {
    let (bucket, prefix) = (BUCKET.to_owned(), "keywheel/".to_owned());
    AuditBucketPlace { region: lab.home.clone(), namespace: None, bucket, prefix }
}

/// Another process's sink.
fn bucket_sink(lab: &Lab) -> AuditBucket {
    AuditBucket::new(client(lab, &lab.at_home("")), place(lab))
}

fn at(lab: &Lab) -> BucketAddress {
    BucketAddress { region: lab.home.clone(), namespace: lab.world.namespace(), name: BUCKET.to_owned() }
}

/// Every object of the bucket, by name.
fn objects(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let call = Call::by(&Caller::keywheel());
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let query = ObjectQuery { prefix: None, start, limit: None };
        let page = lab.world.list_objects(&call, &at(lab), &query).expect("a list").value;
        for object in page.objects {
            let bytes = lab.world.get_object(&call, &at(lab), &object.name).expect("an object").value;
            found.push((object.name, bytes));
        }
        start = page.next_start_with;
        if start.is_none() {
            return found;
        }
    }
}

fn entries_in(lab: &Lab) -> Vec<AuditEntry> {
    let lines = objects(lab).into_iter().flat_map(|(_, bytes)| {
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.map(|line| serde_json::from_str(&line).expect("an entry")).collect()
}

async fn lab() -> (Lab, ResourceId) {
    // Lists come in pages of two.
    let lab = Lab::new(WorldSettings { page_size: 2, kms_per_second: None, ..WorldSettings::lab() }).await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, BUCKET).done();
    (lab, bucket)
}

struct InBucket(Lab);

#[async_trait::async_trait]
impl AuditSinkFixture for InBucket {
    fn reopened(&self) -> Arc<dyn AuditSink> {
        Arc::new(bucket_sink(&self.0))
    }

    async fn recorded(&self) -> Vec<LineHash> {
        entries_in(&self.0).into_iter().map(|entry| entry.id).collect()
    }
}

struct InLog(Lab, LogId);

#[async_trait::async_trait]
impl AuditSinkFixture for InLog {
    fn reopened(&self) -> Arc<dyn AuditSink> {
        Arc::new(LoggingSink::new(client(&self.0, &self.0.at_home("")), self.1.clone(), self.0.home.clone()))
    }

    async fn recorded(&self) -> Vec<LineHash> {
        self.0.world.log_lines(&self.1).into_iter().map(|line| LineHash::stored(line.id)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_the_promises_of_a_sink() {
    let fixture = InBucket(lab().await.0);
    promises::an_entry_may_come_twice(&fixture).await;
    promises::a_fork_is_refused(&fixture).await;
    promises::recorded_means_durable(&fixture).await;
    promises::what_is_held_last_is_told_or_not_known(&fixture).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_keeps_the_promises_of_a_sink_that_only_takes() {
    let (lab, _) = lab().await;
    let log = lab.world.add_custom_log(&lab.home, &lab.compartment);
    let fixture = InLog(lab, log);
    promises::an_entry_may_come_twice(&fixture).await;
    promises::a_fork_is_refused(&fixture).await;
    promises::recorded_means_durable(&fixture).await;
    promises::what_is_held_last_is_told_or_not_known(&fixture).await;
}

fn entry(stream: &str, seq: u64, text: &str) -> AuditEntry {
    AuditEntry {
        id: LineHash::stored(format!("{seq:032}{:032}", text.len())),
        stream: StreamId::stored(stream),
        seq,
        at: "2026-11-22T12:00:00.25Z".parse().expect("an instant"),
        text: text.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_sort_as_facts_do_and_are_never_written_again() {
    let (lab, _) = lab().await;
    let all: Vec<_> = (0..7).map(|seq| entry("r/x", seq, "fact")).collect();
    let page = entry("r/x/p/1", 0, "page");
    let sink = bucket_sink(&lab);
    sink.record(&all[..3]).await.expect("recorded");
    sink.record(&[all[3].clone(), page.clone()]).await.expect("recorded");
    // Another process, which begins earlier and knows more.
    bucket_sink(&lab).record(&all[1..]).await.expect("recorded");
    sink.record(&all).await.expect("the first sees what the other wrote");
    let names: Vec<_> = objects(&lab).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "r~x/00000000000000000000",
        "r~x/00000000000000000003",
        "r~x/00000000000000000004",
        "r~x~p~1/00000000000000000000",
    ];
    assert_eq!(names, expected.map(|name| format!("keywheel/{name}.jsonl")));
    let mut kept = entries_in(&lab);
    assert_eq!(kept.pop(), Some(page));
    assert_eq!(kept, all);
    let held = sink.last_held(&StreamId::stored("r/x")).await.expect("asked").value;
    assert_eq!(held, LastHeld::Entry { seq: 6, id: all[6].id.clone() });
    let overwritten =
        lab.world.log().iter().filter(|entry| entry.operation == "put_object" && entry.status == 200).count();
    assert_eq!(overwritten, names.len(), "each object was written once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_read_back_and_is_ours() {
    let (lab, _) = lab().await;
    let sink = bucket_sink(&lab);
    lab.world.faults(FaultPlan::new().lose_answer("put_object", 1));
    let error = sink.record(&[entry("r/x", 0, "fact")]).await.expect_err("nobody answered");
    assert_eq!(error.landed(), Landed::Maybe, "{error}");
    sink.record(&[entry("r/x", 0, "fact"), entry("r/x", 1, "next")]).await.expect("it is there and the same");
    assert_eq!(entries_in(&lab).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_quicker_is_compared_with_and_another_history_is_a_fork() {
    let (lab, _) = lab().await;
    let (one, two) = (bucket_sink(&lab), bucket_sink(&lab));
    let facts: Vec<_> = (0..2).map(|seq| entry("r/x", seq, "fact")).collect();
    // Both look, then both write.
    let (first, second) = tokio::join!(one.record(&facts[..1]), two.record(&facts));
    first.expect("the same entry");
    second.expect("the same entry");
    assert_eq!(entries_in(&lab).iter().filter(|entry| entry.seq == 1).count(), 1);
    let forged = AuditEntry { text: "another".to_owned(), ..facts[0].clone() };
    for sink in [&one, &two, &bucket_sink(&lab)] {
        let error = sink.record(std::slice::from_ref(&forged)).await.expect_err("another text under the same id");
        assert_eq!((error.kind(), error.landed()), (ErrorKind::Fork, Landed::No), "{error}");
    }
    let call = Call::by(&Caller::somebody_else());
    lab.world
        .put_object(&call, &at(&lab), "keywheel/r~y/00000000000000000000.jsonl", b"hello\n".to_vec())
        .expect("put");
    let error = one.record(&[entry("r/y", 1, "fact")]).await.expect_err("somebody else writes there");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("r~y/"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_buckets_rules_promise_is_told_honestly() {
    let (lab, bucket) = lab().await;
    let keeping = async || bucket_sink(&lab).keeping().await.expect("it may look").value;
    assert_eq!(keeping().await.promise, KeepingPromise::Nothing);
    lab.world.add_retention_rule(&bucket, "hold", None, None);
    assert_eq!(keeping().await.promise, KeepingPromise::Removable);
    let day = Duration::from_secs(86_400);
    lab.world.add_retention_rule(&bucket, "soon", Some(Span::Years(7)), Some(lab.world.now() + 14 * day));
    let soon = keeping().await;
    assert_eq!((soon.promise, soon.text.len()), (KeepingPromise::Removable, 2));
    assert!(soon.text[0].contains("7 years after it was written") && soon.text[0].contains("until then"), "{soon:?}");
    lab.world.add_retention_rule(&bucket, "sealed", Some(Span::Days(400)), Some(lab.world.now() - day));
    assert_eq!(keeping().await.promise, KeepingPromise::Locked);
    let versioned = lab.world.add_bucket(&lab.home, &lab.compartment, "versioned").done();
    lab.world.turn_versioning_on(&versioned);
    let place = AuditBucketPlace { bucket: "versioned".to_owned(), ..place(&lab) };
    let sink = AuditBucket::new(client(&lab, &lab.at_home("")), place);
    let told = sink.keeping().await.expect("it may look").value;
    assert_eq!(told.promise, KeepingPromise::Nothing);
    assert!(told.text.concat().contains("versioning is on"), "{told:?}");
    let writes = lab
        .world
        .log()
        .iter()
        .filter(|entry| entry.operation.contains("retention"))
        .all(|one| one.operation == "list_retention_rules");
    assert!(writes, "keywheel makes no rule");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_gets_each_fact_under_its_hash_in_requests_of_bounded_size() {
    let (lab, _) = lab().await;
    let log = lab.world.add_custom_log(&lab.home, &lab.compartment);
    let sink = LoggingSink::new(client(&lab, &lab.at_home("")), log.clone(), lab.home.clone()).request_bytes(20_000);
    let all: Vec<_> = (0..10).map(|seq| entry("r/x", seq, &"\"fact\"".repeat(1000))).collect();
    sink.record(&all).await.expect("taken");
    let lines = lab.world.log_lines(&log);
    let came: Vec<_> = lines.iter().map(|line| (line.id.as_str(), line.data.as_str(), line.at)).collect();
    let sent: Vec<_> = all.iter().map(|one| (one.id.as_str(), one.text.as_str(), one.at)).collect();
    assert_eq!(came, sent);
    assert!(lines.iter().all(|line| line.subject.as_deref() == Some("r/x") && line.source == "keywheel"));
    let requests = lab.world.log().iter().filter(|entry| entry.operation == "put_logs").count();
    assert_eq!(requests, 5, "two entries of 8 kB as JSON go into 20 kB");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_log_entries_are_refused_by_name() {
    let (lab, _) = lab().await;
    let log = lab.world.add_custom_log(&lab.home, &lab.compartment);
    let path = |log: &str| lab.at_home(&format!("/20200831/logs/{log}/actions/push"));
    let good = json!({ "specversion": "1.0", "logEntryBatches": [{
        "source": "s", "type": "t", "defaultlogentrytime": "2026-11-22T12:00:00Z", "entries": [{ "id": "i", "data": "d" }],
    }] });
    let with = |change: &dyn Fn(&mut Value)| {
        let mut body = good.clone();
        change(&mut body);
        body
    };
    let batch = |body: &mut Value| body["logEntryBatches"][0].take();
    let all = [
        ("no version", with(&|body| drop(body["specversion"].take())), (400, "MissingParameter")),
        ("another version", with(&|body| body["specversion"] = json!("2.0")), (400, "InvalidParameter")),
        ("no batch", with(&|body| body["logEntryBatches"] = json!([])), (400, "InvalidParameter")),
        ("a batch that is none", with(&|body| drop(batch(body))), (400, "InvalidParameter")),
        (
            "a capital letter in the one name without",
            with(&|body| {
                let time = body["logEntryBatches"][0]["defaultlogentrytime"].take();
                body["logEntryBatches"][0]["defaultLogEntryTime"] = time;
            }),
            (400, "MissingParameter"),
        ),
        (
            "an entry without an id",
            with(&|body| drop(body["logEntryBatches"][0]["entries"][0]["id"].take())),
            (400, "MissingParameter"),
        ),
        (
            "data that is no text",
            with(&|body| body["logEntryBatches"][0]["entries"][0]["data"] = json!({})),
            (400, "InvalidParameter"),
        ),
        (
            "a time that is none",
            with(&|body| body["logEntryBatches"][0]["entries"][0]["time"] = json!("noon")),
            (400, "InvalidParameter"),
        ),
        (
            "too much",
            with(&|body| body["logEntryBatches"][0]["entries"][0]["data"] = json!("x".repeat(1_000_000))),
            (413, "PayloadTooLarge"),
        ),
    ];
    let send = |url: String, body: &Value| lab.client.post(url, body);
    for (name, body, (status, code)) in all {
        assert_eq!(send(path(log.as_str()), &body).refusal(), (status, code.to_owned()), "{name}");
    }
    let nobodys = format!("{log}x");
    assert_eq!(send(path(&nobodys), &good).refusal(), (404, "NotAuthorizedOrNotFound".to_owned()));
    assert_eq!(lab.world.log_lines(&log), [], "all or nothing");
    assert_eq!(send(path(log.as_str()), &good).status, 200);
    assert_eq!(lab.world.log_lines(&log).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_sends_what_the_official_sdk_sends() {
    let (lab, _) = lab().await;
    let recorder = Recorder::with_body(&json!({ "items": [] }));
    let client = client(&lab, &recorder.url());
    let facts = transcript::audit_sink_facts();
    let text = |name: &str| facts[name].as_str().expect("a text").to_owned();
    let at = text("time").parse().expect("an instant");
    let fact = AuditEntry {
        id: LineHash::stored(text("id")),
        stream: StreamId::stored(text("stream")),
        seq: 0,
        at,
        text: text("data"),
    };
    let log = LogId::parse(text("log")).expect("an OCID");
    LoggingSink::new(Arc::clone(&client), log, lab.home.clone()).record(&[fact]).await.expect("taken");
    let namespace = Some(keywheel::model::NamespaceName::parse("ns").expect("a name"));
    let place = AuditBucketPlace { region: lab.home.clone(), namespace, bucket: text("bucket"), prefix: String::new() };
    AuditBucket::new(client, place).keeping().await.expect("there are no rules");
    let mut seen = recorder.seen();
    transcript::without_precision(&mut seen);
    assert_eq!(seen, transcript::audit_sinks(), "sent:\n{seen:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_names_log_and_bucket_copies_every_fact_to_both_and_doctor_says_what_keeps_them() {
    let (lab, bucket) = lab().await;
    lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    lab.world.add_retention_rule(&bucket, "year", Some(Span::Years(1)), None);
    let log = lab.world.add_custom_log(&lab.home, &lab.compartment);
    let files = tempfile::tempdir().expect("a folder");
    let mut text = format!(
        "[oci]\nconfig_file = {:?}\n[scope]\nkeys = [{:?}]\n[margins]\nprofile = \"lab\"\n[notices]\nstderr = false\n\
         [audit]\nfile = \"audit.jsonl\"\n[audit.log]\nid = \"{log}\"\nregion = \"{}\"\n\
         [audit.bucket]\nname = \"{BUCKET}\"\nregion = \"{}\"\n",
        lab.config.config_path,
        lab.key.as_str(),
        lab.home,
        lab.home
    );
    for region in [&lab.home, &lab.away] {
        let url = lab.emulator.region_url(region).expect("a port");
        text.push_str(&format!("[endpoints.{region}]\nbase = {url:?}\n"));
    }
    let config = files.path().join("keywheel.toml");
    std::fs::write(&config, text).expect("written");
    let rotator = Rotator::from_config(&config).await.expect("a good config");
    let rotated = rotator.rotate(&lab.key).await.expect("nothing stops it");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    let facts = rotator.facts(&report.summary.rotation).await.expect("a read");
    let stream = StreamId::rotation(&report.summary.rotation);
    let of_rotation = |entries: Vec<(String, String)>| -> Vec<String> {
        entries.into_iter().filter(|(of, _)| *of == stream.as_str()).map(|(_, text)| text).collect()
    };
    let in_bucket = entries_in(&lab).into_iter().map(|one| (one.stream.to_string(), one.text)).collect();
    assert_eq!(of_rotation(in_bucket), facts);
    let in_log =
        lab.world.log_lines(&log).into_iter().map(|line| (line.subject.unwrap_or_default(), line.data)).collect();
    assert_eq!(of_rotation(in_log), facts);

    let checkup = rotator.doctor(None).await.expect("it can look");
    let section = checkup.sections.iter().find(|section| section.name == "audit sinks").expect("there are sinks");
    let said: Vec<_> = section.checks.iter().map(|check| (check.value.as_str(), check.seen.concat())).collect();
    assert_eq!(said.len(), 3, "{said:#?}");
    let words: Vec<_> = said.iter().map(|(value, _)| *value).collect();
    assert_eq!(words, ["nothing", "cannot say", "can be taken back"]);
    assert!(said[2].1.contains("1 years after it was written"), "{said:#?}");
}
