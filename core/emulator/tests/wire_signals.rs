//! Metrics and audit events on the wire: their shape, what is refused by name, and that keywheel asks as the official SDK does.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use common::client::Ask;
use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use jiff::{SignedDuration, Timestamp};
use keywheel::ErrorKind;
use keywheel::adapters::oci::{Audit, Client, ClientSettings, Endpoints, Monitoring};
use keywheel::memory::WorldSettings;
use keywheel::model::{AuditEvent, CompartmentId, Metric, MetricUnit};
use keywheel::ports::{AuditLog, Cursor, MetricSink};
use serde_json::{Value, json};

const PATH: &str = "/20180401/metrics";

fn metric(name: &str, unit: MetricUnit, dimensions: &[(&str, &str)], value: f64, at: Timestamp) -> Metric {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let dimensions: BTreeMap<_, _> = dimensions.iter().map(own).collect();
    Metric { name: name.to_owned(), unit, dimensions, value, at }
}

fn monitoring(lab: &Lab, url: &str, compartment: &CompartmentId) -> Monitoring {
    Monitoring::new(client(lab, url), "keywheel".to_owned(), compartment.clone(), lab.home.clone())
}

/// A lab, and its monitoring through the emulator.
async fn over_emulator() -> (Lab, Monitoring) {
    let lab = Lab::new(WorldSettings::instant()).await;
    let url = lab.at_home("");
    let sink = monitoring(&lab, url.trim_end_matches('/'), &lab.compartment);
    (lab, sink)
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_posts_metrics_as_the_official_sdk_does() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let recorder = Recorder::start();
    let facts = transcript::facts();
    let place = CompartmentId::parse(facts["compartment"].as_str().expect("a text")).expect("an OCID");
    let at: Timestamp = "2026-11-22T12:00:00.250Z".parse().expect("an instant");
    let about = [("key", facts["key"].as_str().expect("a text")), ("name", "k \u{fc}")];
    let all = [
        metric("key_age_days", MetricUnit::Days, &about, 12.5, at),
        metric("rotations_open", MetricUnit::Count, &[], 1.0, at),
    ];
    monitoring(&lab, &recorder.url(), &place).record(&all).await.expect_err("the recorder knows nothing");
    assert_eq!(recorder.seen(), transcript::metrics());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_and_twenty_metrics_are_three_calls_and_all_are_taken() {
    let (lab, sink) = over_emulator().await;
    let number = |n: u32| metric("keys", MetricUnit::Count, &[("n", &n.to_string())], f64::from(n), lab.world.now());
    let all: Vec<_> = (0..120).map(number).collect();
    sink.record(&all).await.expect("all are taken");
    let posted = lab.world.posted_metrics();
    assert_eq!((posted.len(), lab.world.writes()), (120, 3));
    assert_eq!(posted[119].datapoints[0].1, 119.0);
    assert_eq!(posted[7].namespace, "keywheel");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_metrics_may_be_sent_again() {
    let (lab, sink) = over_emulator().await;
    let one = [metric("keys", MetricUnit::Count, &[], 1.0, lab.world.now())];
    for _ in 0..2 {
        sink.record(&one).await.expect("it is taken");
    }
    let posted = lab.world.posted_metrics();
    assert_eq!(posted[0], posted[1]);
    assert_eq!(posted[0].dimensions, BTreeMap::from([("program".to_owned(), "keywheel".to_owned())]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_that_refuses_a_part_is_an_error() {
    let (lab, sink) = over_emulator().await;
    let now = lab.world.now();
    let all = [
        metric("keys", MetricUnit::Count, &[], 1.0, now),
        metric("late", MetricUnit::Count, &[], 1.0, now - SignedDuration::from_hours(3)),
    ];
    let error = sink.record(&all).await.expect_err("one was not taken");
    assert_eq!(error.kind(), ErrorKind::Refused);
    let said = error.to_string();
    assert!(said.contains("timestamp") && said.contains("refused"), "{said}");
    assert_eq!(lab.world.posted_metrics().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_metrics_are_refused_by_name() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let good = json!({
        "namespace": "keywheel", "compartmentId": lab.compartment, "name": "keys", "dimensions": { "state": "due" },
        "datapoints": [{ "timestamp": lab.world.now().to_string(), "value": 1 }],
    });
    let to = |url: String, body: &Value| Ask::new(Method::POST, url).body(body.to_string());
    let post = |body: &Value| to(lab.at_home(PATH), body);
    let without = |name: &str| {
        let mut metric = good.clone();
        metric.as_object_mut().expect("an object").remove(name);
        post(&json!({ "metricData": [metric] }))
    };
    let with = |name: &str, value: Value| {
        let mut metric = good.clone();
        metric[name] = value;
        post(&json!({ "metricData": [metric] }))
    };
    let mut late = post(&json!({ "metricData": [good] }));
    late.date -= SignedDuration::from_secs(600);
    let at_vault = to(lab.at_vault(PATH), &json!({ "metricData": [good] }));
    let all = [
        ("no metrics", post(&json!({})), (400, "MissingParameter")),
        ("an empty list", post(&json!({ "metricData": [] })), (400, "InvalidParameter")),
        ("no namespace", without("namespace"), (400, "MissingParameter")),
        ("no datapoints", without("datapoints"), (400, "MissingParameter")),
        (
            "a value in words",
            with("datapoints", json!([{ "timestamp": "2026-11-22T12:00:00Z", "value": "1" }])),
            (400, "InvalidParameter"),
        ),
        ("a dimension that is no string", with("dimensions", json!({ "n": 1 })), (400, "InvalidParameter")),
        (
            "a compartment that is nobody's",
            with("compartmentId", json!(format!("{}x", lab.compartment))),
            (404, "NotAuthorizedOrNotFound"),
        ),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("the port of a vault", at_vault, (404, "NotFound")),
        ("a question", Ask::new(Method::GET, lab.at_home(PATH)), (405, "MethodNotAllowed")),
    ];
    for (name, ask, (status, code)) in all {
        let answer = lab.client.send(ask).expect("an answer");
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}");
    }
    assert_eq!(lab.world.posted_metrics(), []);
}

const EVENTS: &str = "/20190901/auditEvents";

fn client(lab: &Lab, url: &str) -> Arc<Client> {
    let endpoints = Endpoints::production().with_override(lab.home.clone(), url).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    Client::from_config_file(ClientSettings { config_file, endpoints, ..ClientSettings::default() }).expect("a config")
}

/// A whole minute, some minutes from now.
fn minute(lab: &Lab, from_now: i64) -> Timestamp {
    let second = lab.world.now().as_second().div_euclid(60) * 60 + from_now * 60;
    Timestamp::from_second(second).expect("in range")
}

async fn events(lab: &Lab, from: i64, until: i64) -> Vec<AuditEvent> {
    let log = Audit::new(client(lab, lab.at_home("").trim_end_matches('/')));
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let (from, until) = (minute(lab, from), minute(lab, until));
        let page = log.events(&lab.home, &lab.compartment, from, until, cursor).await.expect("it is read").value;
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_events_are_listed_by_the_minute_they_were_processed_in() {
    let lab = Lab::new(WorldSettings { page_size: 1, ..WorldSettings::instant() }).await;
    let path = format!("/20180608/keys/{}/keyVersions", lab.key);
    let ask = Ask::new(Method::POST, lab.at_vault(&path)).header("opc-retry-token", "a-token").body("");
    let minted = lab.client.send(ask).expect("an answer");
    assert_eq!(minted.status, 200);
    let request = minted.header("opc-request-id").expect("a name").to_owned();
    lab.world.foreign_mint(&lab.key);
    let found = events(&lab, -1, 2).await;
    let [ours, theirs] = found.as_slice() else { panic!("two pages of one event each: {found:?}") };
    assert_eq!((ours.operation.as_str(), ours.resource.as_deref()), ("CreateKeyVersion", Some(lab.key.as_str())));
    assert!(request.ends_with(ours.request_id.as_ref().expect("a name").as_str()), "{request}");
    assert_eq!(ours.retry_token.as_deref(), Some("a-token"));
    assert_eq!((theirs.principal.as_deref(), theirs.is_refused), (Some("somebody-else"), false));
    assert_eq!(events(&lab, -9, -3).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_late_is_not_listed_yet() {
    let lab = Lab::new(WorldSettings { audit_lag: Duration::from_secs(300), ..WorldSettings::instant() }).await;
    lab.world.foreign_mint(&lab.key);
    assert_eq!(events(&lab, -1, 30).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_question_for_audit_events_is_refused_by_name() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let get = |query: &str| Ask::new(Method::GET, lab.at_home(&format!("{EVENTS}{query}")));
    let (of, span) =
        (format!("?compartmentId={}", lab.compartment), "&startTime=2026-11-22T12:00:00Z&endTime=2026-11-22T12:05:00Z");
    let mut late = get(&format!("{of}{span}"));
    late.date -= SignedDuration::from_secs(600);
    let all = [
        ("no compartment", get(&format!("?{}", &span[1..])), (400, "MissingParameter")),
        ("no start", get(&format!("{of}&endTime=2026-11-22T12:05:00Z")), (400, "MissingParameter")),
        (
            "seconds",
            get(&format!("{of}&startTime=2026-11-22T12:00:01Z&endTime=2026-11-22T12:05:00Z")),
            (400, "InvalidParameter"),
        ),
        ("no instant", get(&format!("{of}&startTime=noon&endTime=2026-11-22T12:05:00Z")), (400, "InvalidParameter")),
        (
            "an end before the start",
            get(&format!("{of}&startTime=2026-11-22T12:05:00Z&endTime=2026-11-22T12:00:00Z")),
            (400, "InvalidParameter"),
        ),
        ("a compartment that is nobody's", get(&format!("{of}x{span}")), (404, "NotAuthorizedOrNotFound")),
        ("a date ten minutes ago", late, (401, "NotAuthenticated")),
        ("a creation", Ask::new(Method::POST, lab.at_home(EVENTS)), (405, "MethodNotAllowed")),
    ];
    for (name, ask, (status, code)) in all {
        let answer = lab.client.send(ask).expect("an answer");
        assert_eq!(answer.refusal(), (status, code.to_owned()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keywheel_asks_for_audit_events_as_the_official_sdk_does() {
    let lab = Lab::new(WorldSettings::instant()).await;
    let recorder = Recorder::start();
    let facts = transcript::facts();
    let place = CompartmentId::parse(facts["compartment"].as_str().expect("a text")).expect("an OCID");
    let [from, until] = ["2026-11-22T12:00:00Z", "2026-11-22T12:05:00Z"].map(|at| at.parse().expect("an instant"));
    let log = Audit::new(client(&lab, &recorder.url()));
    log.events(&lab.home, &place, from, until, None).await.expect_err("the recorder knows nothing");
    log.events(&lab.home, &place, from, until, Some(Cursor("p2/+=&".to_owned()))).await.expect_err("nor then");
    assert_eq!(recorder.seen(), transcript::audit_events());
}
