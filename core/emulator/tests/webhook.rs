//! Notices to a webhook, for real: a server on loopback takes them, a receiver in Python checks them, and the secrets in
//! address and file are said nowhere.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use common::lab::Lab;
use keywheel::adapters::webhook::{Format, Webhook, WebhookSettings};
use keywheel::memory::WorldSettings;
use keywheel::model::LineHash;
use keywheel::ports::{Notice, Notifier as _, Severity};
use keywheel::testkit::conformance::notifier::{NotifierFixture, a_notice_carries_its_dedupe_key, ok_means_accepted};
use keywheel::{Error, ErrorKind, Landed, Retry, Rotated, Rotator};
use tracing_subscriber::fmt::MakeWriter;

const SECRET: &str = "whsec_Q0FOQVJZLXNlY3JldC1DQU5BUlktc2VjcmV0LTE=";

/// One request as it came.
#[derive(Debug, Clone)]
struct Came {
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Default)]
struct Receiver {
    came: Mutex<Vec<Came>>,
    /// What the next requests are answered.
    answers: Mutex<Vec<Answer>>,
}

#[derive(Clone)]
enum Answer {
    Silence,
    Status(u16, Vec<(&'static str, String)>),
}

async fn take(State(receiver): State<Arc<Receiver>>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned()))
        .collect();
    let answer = receiver.answers.lock().expect("not poisoned").pop();
    match answer.unwrap_or(Answer::Status(204, Vec::new())) {
        Answer::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            StatusCode::OK.into_response()
        }
        Answer::Status(status, more) => {
            let status = StatusCode::from_u16(status).expect("a status");
            if status.is_success() {
                receiver.came.lock().expect("not poisoned").push(Came { path: uri.to_string(), headers, body });
            }
            let mut answer = (status, "CANARY-echo").into_response();
            for (name, value) in more {
                answer.headers_mut().insert(name, value.parse().expect("a header"));
            }
            answer
        }
    }
}

/// A receiver and the address of its hook, which is a secret.
async fn receiver() -> (Arc<Receiver>, String) {
    let receiver = Arc::new(Receiver::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let app = Router::new().fallback(take).with_state(Arc::clone(&receiver));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (receiver, format!("{base}/services/CANARY-path?token=CANARY-query"))
}

impl Receiver {
    fn came(&self) -> Vec<Came> {
        self.came.lock().expect("not poisoned").clone()
    }

    fn answer(&self, answer: Answer) {
        self.answers.lock().expect("not poisoned").push(answer);
    }
}

fn settings(url: &str) -> WebhookSettings {
    let timeout = Duration::from_secs(5);
    WebhookSettings { secret: Some(SECRET.into()), timeout, is_test: true, ..WebhookSettings::new(url.into()) }
}

fn notice() -> Notice {
    Notice {
        dedupe_key: "r7:accounted".to_owned(),
        severity: Severity::Warning,
        title: "rotation <!channel> paused".to_owned(),
        body: "a person must look & act\n".to_owned(),
        rotation: None,
        chain_head: LineHash::genesis(),
    }
}

struct Suite {
    receiver: Arc<Receiver>,
    port: Webhook,
}

#[async_trait::async_trait]
impl NotifierFixture for Suite {
    fn port(&self) -> &dyn keywheel::ports::Notifier {
        &self.port
    }

    async fn accepted(&self) -> Vec<String> {
        self.receiver.came().into_iter().map(|came| came.body).collect()
    }

    async fn refuse_next(&self) -> bool {
        self.receiver.answer(Answer::Status(400, Vec::new()));
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_promises_of_a_notifier_hold_in_both_formats() {
    for format in [Format::Json, Format::Slack] {
        let (receiver, url) = receiver().await;
        let port = Webhook::new(WebhookSettings { format, ..settings(&url) }).expect("good");
        let suite = Suite { receiver, port };
        a_notice_carries_its_dedupe_key(&suite).await;
        ok_means_accepted(&suite).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_follows_the_example_knows_ours_from_others() {
    let (receiver, url) = receiver().await;
    let hook = Webhook::new(settings(&url)).expect("good");
    assert_eq!(hook.notify(&notice()).await.expect("taken").value, "http 204");
    let [came] = receiver.came().try_into().expect("one notice");
    assert_eq!(came.path, "/services/CANARY-path?token=CANARY-query");
    assert_eq!(came.headers["idempotency-key"], "r7:accounted");
    let body: serde_json::Value = serde_json::from_str(&came.body).expect("JSON");
    let expected = serde_json::json!({
        "dedupe_key": "r7:accounted", "severity": "warning", "title": "rotation <!channel> paused",
        "body": "a person must look & act\n", "rotation": null, "chain_head": "0".repeat(64), "is_test": true,
    });
    assert_eq!(body, expected);

    let files = tempfile::tempdir().expect("a folder");
    let secret = files.path().join("secret");
    std::fs::write(&secret, SECRET).expect("written");
    let Some(said) = verified(&came, &secret) else { return };
    assert_eq!(said.expect("it is ours"), "warning: rotation <!channel> paused (r7:accounted)\n");
    let forged = Came { body: came.body.replace("warning", "info"), ..came.clone() };
    verified(&forged, &secret).expect("Python is there").expect_err("another body");
    let mut other_id = came.clone();
    other_id.headers.insert("webhook-id".to_owned(), "r8:accounted".to_owned());
    verified(&other_id, &secret).expect("Python is there").expect_err("another id");
    let mut old = came;
    let at: i64 = old.headers["webhook-timestamp"].parse().expect("seconds");
    old.headers.insert("webhook-timestamp".to_owned(), (at - 301).to_string());
    let why = verified(&old, &secret).expect("Python is there").expect_err("another time");
    assert!(why.contains("too old"), "{why}");
}

/// What the example in Python says; `None`: there is no Python.
fn verified(came: &Came, secret: &Path) -> Option<Result<String, String>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/webhook/verify.py");
    let python = std::env::var_os("KEYWHEEL_PYTHON").map_or_else(|| "python3".into(), common::from_root);
    let mut command = Command::new(python);
    command.arg(script).arg(secret).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        let required = std::env::var("KEYWHEEL_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|lane| lane == "python"), "KEYWHEEL_REQUIRE asks for python");
        eprintln!("SKIPPED: there is no Python to run the example with");
        return None;
    };
    let text = serde_json::json!({ "headers": came.headers, "body": came.body }).to_string();
    io::Write::write_all(&mut child.stdin.take().expect("piped"), text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) })
}

#[tokio::test(flavor = "multi_thread")]
async fn slacks_form_calls_nobody() {
    let (receiver, url) = receiver().await;
    let hook = Webhook::new(WebhookSettings { format: Format::Slack, secret: None, ..settings(&url) }).expect("good");
    hook.notify(&notice()).await.expect("taken");
    let [came] = receiver.came().try_into().expect("one notice");
    assert!(!came.headers.contains_key("webhook-signature"));
    let body: serde_json::Value = serde_json::from_str(&came.body).expect("JSON");
    let text = body["text"].as_str().expect("a text");
    assert!(text.starts_with("[warning] rotation &lt;!channel&gt; paused\na person must look &amp; act\n"), "{text}");
    assert!(text.ends_with("TEST: of a rehearsal"), "{text}");
    assert_eq!(body.as_object().expect("an object").len(), 1);
}

/// An error as logs, people and machines get it, with all its causes.
fn whole(error: &Error) -> String {
    let (mut text, mut cause) = (format!("{error} {error:?} {error:#?}"), std::error::Error::source(error));
    while let Some(next) = cause {
        write!(text, "; {next} {next:?} {next:#?}").expect("writing to a String never fails");
        cause = next.source();
    }
    text
}

#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Said {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_say_what_may_be_done_and_nothing_says_the_secrets() {
    let said = Said::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(said.clone()).with_ansi(false).init();
    let (receiver, url) = receiver().await;
    let timeout = Duration::from_millis(500);
    let hook = Webhook::new(WebhookSettings { timeout, ..settings(&url) }).expect("good");
    let mut all = format!("{hook:?} {:?} {}", settings(&url), hook.name());
    let elsewhere = "http://127.0.0.1:1/CANARY-elsewhere".to_owned();
    let status = |status: u16| Answer::Status(status, Vec::new());
    for (answer, kind, retry, landed) in [
        (Answer::Status(307, vec![("location", elsewhere)]), ErrorKind::Foreign, Retry::Never, Landed::No),
        (status(403), ErrorKind::Denied, Retry::Never, Landed::No),
        (status(404), ErrorKind::NotFound, Retry::Never, Landed::No),
        (status(422), ErrorKind::Foreign, Retry::Never, Landed::No),
        (
            Answer::Status(429, vec![("retry-after", "7".to_owned())]),
            ErrorKind::Throttled,
            Retry::Later(Some(Duration::from_secs(7))),
            Landed::No,
        ),
        (status(502), ErrorKind::Unavailable, Retry::Later(None), Landed::Maybe),
        (Answer::Silence, ErrorKind::Timeout, Retry::Later(None), Landed::Maybe),
    ] {
        receiver.answer(answer);
        let error = hook.notify(&notice()).await.expect_err("it was not taken");
        assert_eq!((error.kind(), error.retry(), error.landed()), (kind, retry, landed), "{error}");
        all.push_str(&whole(&error));
    }
    assert_eq!(receiver.came().len(), 0);
    let gone = url.replace(url.split('/').nth(2).expect("a host"), "127.0.0.1:1");
    let error = Webhook::new(settings(&gone)).expect("good").notify(&notice()).await.expect_err("nobody is there");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, Landed::No), "{error}");
    all.push_str(&whole(&error));
    for bad in ["CANARY", "http://example.com/CANARY", "http://localhost:1/CANARY", "https://CANARY:x@example.com/"] {
        let error = Webhook::new(settings(bad)).expect_err("no secret goes there");
        assert_eq!(error.kind(), ErrorKind::Config);
        all.push_str(&whole(&error));
    }
    all.push_str(&String::from_utf8_lossy(&said.0.lock().expect("not poisoned")));
    assert!(all.contains("the webhook failed") && all.len() > 2000);
    for secret in ["CANARY", SECRET, "Q0FOQVJZ"] {
        assert!(!all.contains(secret), "{secret} was said: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_names_a_webhook_tells_it_how_a_rotation_ended() {
    let lab = Lab::new(WorldSettings { kms_per_second: None, ..WorldSettings::lab() }).await;
    lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let (receiver, url) = receiver().await;
    let files = tempfile::tempdir().expect("a folder");
    std::fs::write(files.path().join("hook"), format!("{url}\n")).expect("written");
    std::fs::write(files.path().join("hook-secret"), SECRET).expect("written");
    let mut text = format!(
        "[oci]\nconfig_file = {:?}\n[scope]\nkeys = [{:?}]\n[margins]\nprofile = \"lab\"\n[notices]\nstderr = false\n\
         [notices.webhook]\nurl_file = \"hook\"\nsecret_file = \"hook-secret\"\n",
        lab.config.config_path,
        lab.key.as_str()
    );
    for region in [&lab.home, &lab.away] {
        let url = lab.emulator.region_url(region).expect("a port");
        writeln!(text, "[endpoints.{region}]\nbase = {url:?}").expect("writing to a String never fails");
    }
    let config = files.path().join("keywheel.toml");
    std::fs::write(&config, text).expect("written");
    let rotator = Rotator::from_config(&config).await.expect("a good config");
    let rotated = rotator.rotate(&lab.key).await.expect("nothing stops it");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    let [came] = receiver.came().try_into().expect("one notice");
    assert!(came.headers["webhook-signature"].starts_with("v1,"));
    let body: serde_json::Value = serde_json::from_str(&came.body).expect("JSON");
    assert_eq!(body["rotation"], report.summary.rotation.as_str());
    assert_eq!(body["is_test"], true);
    let facts = rotator.facts(&report.summary.rotation).await.expect("a read");
    let sent = facts.iter().find(|fact| fact.contains("notice_sent")).expect("it is in the journal");
    assert!(sent.contains("http 204") && !facts.concat().contains("CANARY"), "{sent}");
}
