//! What keywheel says of itself, on the wire: metrics, their shape, what is refused by name, and that keywheel posts as the official
//! SDK does.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::Method;
use common::client::Ask;
use common::lab::Lab;
use common::recorder::Recorder;
use common::transcript;
use jiff::{SignedDuration, Timestamp};
use keywheel::ErrorKind;
use keywheel::adapters::oci::{Client, ClientSettings, Endpoints, Monitoring};
use keywheel::memory::WorldSettings;
use keywheel::model::{CompartmentId, Metric, MetricUnit};
use keywheel::ports::MetricSink;
use serde_json::{Value, json};

const PATH: &str = "/20180401/metrics";

fn metric(name: &str, unit: MetricUnit, dimensions: &[(&str, &str)], value: f64, at: Timestamp) -> Metric {
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let dimensions: BTreeMap<_, _> = dimensions.iter().map(own).collect();
    Metric { name: name.to_owned(), unit, dimensions, value, at }
}

fn monitoring(lab: &Lab, url: &str, compartment: &CompartmentId) -> Monitoring {
    let endpoints = Endpoints::production().with_override(lab.home.clone(), url).expect("loopback");
    let config_file = Some(lab.config.config_path.clone());
    let settings = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let client: Arc<Client> = Client::from_config_file(settings).expect("a config");
    Monitoring::new(client, "keywheel".to_owned(), compartment.clone(), lab.home.clone())
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
