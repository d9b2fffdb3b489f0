//! No private key, passphrase or token gets out: not in a log at any level, an error, a `Debug`, the journal, the audit
//! file. Every kind of credentials is used, renewed and refused while everything that this process says is kept.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use common::client::{Wired, exchange};
use common::lab::Lab;
use keywheel::adapters::layers::RetryPolicy;
use keywheel::adapters::oci::credentials::{
    ConfigFile, InstancePrincipal, Principal, Profile, ProfileKind, ResourcePrincipal, WorkloadIdentity,
    WorkloadSettings,
};
use keywheel::adapters::oci::iam::IamSubject;
use keywheel::adapters::oci::{Client, ClientSettings, Endpoints, VaultKeyStore};
use keywheel::adapters::system::SystemClock;
use keywheel::compliance::render_prometheus;
use keywheel::compose::Brought;
use keywheel::config::Config;
use keywheel::memory::{BucketAddress, Call, Caller, ObjectQuery, WorldSettings};
use keywheel::model::KeyId;
use keywheel::ports::{KeyStore as _, Ports};
use keywheel::{Error, Rotated, Rotator};
use tracing_subscriber::fmt::MakeWriter;

const HOUR: Duration = Duration::from_secs(3600);

/// Everything that was said, by whomever.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    /// What this process says, in whichever test.
    fn all() -> Self {
        static ALL: OnceLock<Said> = OnceLock::new();
        let said = ALL.get_or_init(|| {
            let (said, level) = (Self::default(), tracing::Level::TRACE);
            tracing_subscriber::fmt().with_max_level(level).with_writer(said.clone()).with_ansi(false).init();
            said
        });
        said.clone()
    }

    fn note(&self, what: &impl std::fmt::Debug) {
        self.0.lock().expect("not poisoned").extend(format!("{what:?} {what:#?}\n").bytes());
    }

    /// An error as logs, people and machines get it, with all its causes.
    fn error(&self, error: &Error) {
        self.note(error);
        let (mut text, mut cause) = (error.to_string(), std::error::Error::source(error));
        while let Some(next) = cause {
            write!(text, "; {next} {next:?}").expect("writing to a String never fails");
            cause = next.source();
        }
        self.0.lock().expect("not poisoned").extend(text.bytes());
    }
}

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

/// What must not be said.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    /// A PEM file, line by line.
    fn pem(&mut self, text: &str) {
        let before = self.0.len();
        self.0.extend(text.lines().filter(|line| line.len() >= 40 && !line.starts_with('-')).map(str::to_owned));
        assert!(self.0.len() > before + 5, "a key has many lines");
    }

    /// A token: its claims and what seals them.
    fn token(&mut self, text: &str) {
        let parts: Vec<_> = text.trim().split('.').skip(1).map(str::to_owned).collect();
        assert_eq!(parts.len(), 2, "a token has three parts");
        self.0.extend(parts);
    }

    async fn of(&mut self, principal: &Principal) {
        self.token(&principal.credentials.key_id().await.expect("a key id"));
    }

    /// None is in it; and it is what it is taken for, since it holds the mark, and a secret in it would be seen.
    fn none_in_marked(&self, what: &str, text: &str, mark: &str) {
        assert!(text.contains(mark), "{what} holds {mark:?}, or it was not looked at");
        let padded = format!("{text}\n{}", "-".repeat(500));
        self.none_in(padded.as_bytes(), what);
        for secret in [self.0.first(), self.0.last()].into_iter().flatten() {
            let bait = format!("{padded}{secret}");
            let is_seen = std::panic::catch_unwind(|| self.none_in(bait.as_bytes(), "bait")).is_err();
            assert!(is_seen, "a secret in {what} would be seen");
        }
    }

    fn none_in(&self, bytes: &[u8], what: &str) {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.len() > 500, "{what} was looked at");
        for secret in &self.0 {
            assert!(!text.contains(secret.as_str()), "{what} holds {secret}");
        }
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("the file is there")
}

/// What the metadata service hands to whoever is on the instance.
fn metadata(base: &str, path: &str) -> String {
    let host = base.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a URL").to_owned();
    let head = format!(
        "GET /opc/v2/{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer Oracle\r\nconnection: close\r\n\r\n"
    );
    let answer = exchange(&Wired { host, bytes: head.into_bytes() }).expect("an answer");
    String::from_utf8(answer.body).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_by_anybody() {
    let said = Said::all();
    let lab = Lab::new(WorldSettings { kms_per_second: None, ..WorldSettings::lab() }).await;
    lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let files = tempfile::tempdir().expect("a folder");
    let dir = |name: &str| files.path().join(name);
    let (emulator, mut secrets) = (&lab.emulator, Secrets::default());
    let mut endpoints = Endpoints::production();
    for region in [&lab.home, &lab.away] {
        let url = emulator.region_url(region).expect("a port");
        endpoints = endpoints.with_override(region.clone(), &url).expect("loopback");
    }
    let retry = RetryPolicy { attempts_max: 2, delay_base: Duration::from_millis(1), ..RetryPolicy::default() };
    let settings = ClientSettings { endpoints, retry, ..ClientSettings::default() };
    let clock = || Arc::clone(&settings.clock);

    let session = emulator.new_session(&dir("session"), HOUR).expect("written");
    let profile = Profile { file: Some(&session.config_path), kind: ProfileKind::SessionToken, ..Profile::default() };
    let file = ConfigFile::load(profile, &SystemClock).expect("good");
    said.note(&file);
    secrets.pem(&read(&session.key_path));
    let of_session = file.into_principal(clock());

    let resource = emulator.new_resource(&dir("function"), HOUR).expect("written");
    let variables = |name: &str| {
        let of_file = |path: &Path| Some(path.to_str().expect("UTF-8").to_owned());
        match name.strip_prefix("OCI_RESOURCE_PRINCIPAL_")? {
            "VERSION" => Some("2.2".to_owned()),
            "RPST" => of_file(&resource.rpst),
            "PRIVATE_PEM" => of_file(&resource.private_pem),
            "PRIVATE_PEM_PASSPHRASE" => Some("CANARY-passphrase".to_owned()),
            _ => Some(resource.region.clone()),
        }
    };
    secrets.0.push("CANARY-passphrase".to_owned());
    let function = ResourcePrincipal::from_variables(variables, &SystemClock).expect("good");
    said.note(&function);
    secrets.pem(&read(&resource.private_pem));
    let of_function = function.into_principal(clock());

    let machine = emulator.new_instance().expect("a port");
    let instance = InstancePrincipal::discover(&settings, Some(&machine.metadata_url)).await.expect("an instance");
    said.note(&instance);
    secrets.pem(&metadata(&machine.metadata_url, "identity/key.pem"));
    let of_instance = instance.into_principal(clock());

    let pod = emulator.new_pod(&dir("pod")).expect("written");
    secrets.token(&read(&pod.token_path));
    let workload = WorkloadSettings {
        region: Some(lab.home.clone()),
        token_file: Some(pod.token_path.clone()),
        ca_file: Some(pod.ca_path.clone()),
        proxymux: Some(pod.proxymux_url.clone()),
        ..WorkloadSettings::default()
    };
    let identity = WorkloadIdentity::from_variables(|_| None, &settings, &workload).await.expect("a pod");
    said.note(&identity);
    let of_pod = identity.into_principal(&settings);

    for principal in [of_session, of_function, of_instance, of_pod] {
        // Whoever was here before ended everybody's sessions.
        session.sign_in(HOUR).expect("written");
        resource.renew(HOUR).expect("written");
        secrets.pem(&read(&session.key_path));
        secrets.pem(&read(&resource.private_pem));
        secrets.of(&principal).await;
        let client = Client::with_principal(principal.clone(), settings.clone());
        said.note(&(&principal, &client));
        let store = VaultKeyStore::new(client);
        store.describe_key(&lab.key).await.expect("it may read");
        secrets.of(&principal).await;
        emulator.end_sessions();
        match store.describe_key(&lab.key).await {
            Ok(_) => secrets.of(&principal).await,
            Err(error) => said.error(&error),
        }
    }

    // A federation that refuses, and files that hold secrets in the wrong place.
    let stranger = Lab::new(WorldSettings::lab()).await;
    let elsewhere = stranger.emulator.region_url(&stranger.home).expect("a port");
    let elsewhere = Endpoints::production().with_override(lab.home.clone(), &elsewhere).expect("loopback");
    let settings = ClientSettings { endpoints: elsewhere, ..settings.clone() };
    let lost =
        InstancePrincipal::discover(&settings, Some(&machine.metadata_url)).await.expect("the metadata is there");
    let lost = lost.into_principal(Arc::clone(&settings.clock));
    said.error(&lost.credentials.key_id().await.expect_err("nobody there knows its certificate"));
    std::fs::copy(&session.key_path, &session.token_path).expect("copied");
    said.error(&ConfigFile::load(profile, &SystemClock).expect_err("a key is no token"));
    std::fs::copy(&resource.rpst, &resource.private_pem).expect("copied");
    said.error(&ResourcePrincipal::from_variables(variables, &SystemClock).expect_err("a token is no key"));

    let heard = said.0.lock().expect("not poisoned").clone();
    let text = String::from_utf8_lossy(&heard);
    for part in ["InstancePrincipal", "WorkloadIdentity", "the federation endpoint refused", "TRACE", "answers"] {
        assert!(text.contains(part), "{part} was said");
    }
    secrets.none_in(&heard, "what was said");
    // The check itself: what holds a secret is seen.
    let bait = format!("{}{}", "x".repeat(500), secrets.0[3]);
    assert!(std::panic::catch_unwind(|| secrets.none_in(bait.as_bytes(), "bait")).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_says_instance_principal_rotates_and_writes_no_secret() {
    let lab = Lab::new(WorldSettings { kms_per_second: None, ..WorldSettings::lab() }).await;
    lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let files = tempfile::tempdir().expect("a folder");
    let machine = lab.emulator.new_instance().expect("a port");
    let mut text = format!(
        "[credentials]\nkind = \"instance_principal\"\nmetadata = {:?}\n[scope]\nkeys = [{:?}]\n[margins]\nprofile = \"lab\"\n\
         [audit]\nfile = \"audit.jsonl\"\n",
        machine.metadata_url.trim_end_matches("/opc/v2"),
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
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
    assert_eq!(lab.world.minted_by(&lab.key, machine.principal()), 1);
    let mut secrets = Secrets::default();
    secrets.pem(&metadata(&machine.metadata_url, "identity/key.pem"));
    secrets.0.push("ST$".to_owned());
    for file in std::fs::read_dir(files.path()).expect("a folder") {
        let path = file.expect("an entry").path();
        if path != config {
            let bytes = std::fs::read(&path).expect("a file");
            if bytes.len() > 500 {
                secrets.none_in(&bytes, &path.display().to_string());
            }
        }
    }
}

/// Bodies that a hook was sent.
type Came = Arc<Mutex<Vec<String>>>;

/// A hook on loopback; its address holds a secret.
async fn hook() -> (Came, String) {
    let came = Came::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hooks/CANARY-of-the-address", listener.local_addr().expect("bound"));
    let kept = Arc::clone(&came);
    let take = move |body: String| async move { kept.lock().expect("not poisoned").push(body) };
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(take)).await });
    (came, url)
}

/// Everything that a config can name, so that everything has something to say.
async fn full(lab: &Lab, dir: &Path, hook: &str, key: &KeyId) -> (Config, [String; 3]) {
    let name = format!("trail-{}", dir.file_name().expect("a name").to_string_lossy());
    lab.world.add_bucket(&lab.home, &lab.compartment, &name).done();
    let (log, topic) = (
        lab.world.add_custom_log(&lab.home, &lab.compartment),
        lab.world.add_topic(&lab.home, &lab.compartment, "rotations"),
    );
    std::fs::write(dir.join("hook"), hook).expect("written");
    std::fs::write(dir.join("hook-secret"), HOOK_SECRET).expect("written");
    let mut text = format!(
        "[oci]\nconfig_file = {:?}\n[scope]\nkeys = [{:?}]\n[margins]\nprofile = \"lab\"\n[attribution]\naudit_events = true\n\
         [notices]\nstderr = false\ntopic = \"{topic}\"\ntopic_region = \"{home}\"\n\
         [notices.webhook]\nurl_file = \"hook\"\nsecret_file = \"hook-secret\"\n\
         [metrics]\ncompartment = \"{}\"\nregion = \"{home}\"\n\
         [audit]\nfile = \"audit.jsonl\"\n[audit.log]\nid = \"{log}\"\nregion = \"{home}\"\n\
         [audit.bucket]\nname = {name:?}\nregion = \"{home}\"\n",
        lab.config.config_path,
        key.as_str(),
        lab.compartment,
        home = lab.home,
    );
    for region in [&lab.home, &lab.away] {
        let url = lab.emulator.region_url(region).expect("a port");
        writeln!(text, "[endpoints.{region}]\nbase = {url:?}").expect("writing to a String never fails");
    }
    let file = dir.join("keywheel.toml");
    std::fs::write(&file, text).expect("written");
    (Config::load(&file).expect("a good config"), [name, log.to_string(), topic.to_string()])
}

const HOOK_SECRET: &str = "whsec_Q0FOQVJZLXNlY3JldC1DQU5BUlktc2VjcmV0LTE=";

/// Every byte that lies in a folder, but for what the test put there.
fn left_in(dir: &Path) -> String {
    let mut text = String::new();
    for file in std::fs::read_dir(dir).expect("a folder") {
        let path = file.expect("an entry").path();
        let is_ours = path
            .file_name()
            .is_some_and(|name| ["hook", "hook-secret", "keywheel.toml"].iter().any(|own| name == *own));
        if path.is_file() && !is_ours {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(&path).expect("a file")));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_kind_of_credentials_nothing_that_is_kept_sent_or_reported_holds_a_secret() {
    let said = Said::all();
    let lab = Lab::new(WorldSettings { kms_per_second: None, ..WorldSettings::lab() }).await;
    let files = tempfile::tempdir().expect("a folder");
    let dir = |name: &str| files.path().join(name);
    let (emulator, mut secrets) = (&lab.emulator, Secrets::default());
    let endpoints = [&lab.home, &lab.away].into_iter().fold(Endpoints::production(), |endpoints, region| {
        endpoints.with_override(region.clone(), &emulator.region_url(region).expect("a port")).expect("loopback")
    });
    let settings = ClientSettings { endpoints, ..ClientSettings::default() };
    let clock = || Arc::clone(&settings.clock);
    let (came, hook) = hook().await;
    let subject = IamSubject::parse("dynamic-group keywheel").expect("a subject");
    secrets.0.extend([HOOK_SECRET.trim_start_matches("whsec_").to_owned(), "CANARY-of-the-address".to_owned()]);
    secrets.pem(&read(&lab.config.key_path));

    let session = emulator.new_session(&dir("session"), HOUR).expect("written");
    secrets.pem(&read(&session.key_path));
    let profile = Profile { file: Some(&session.config_path), kind: ProfileKind::SessionToken, ..Profile::default() };
    let of_session = ConfigFile::load(profile, &SystemClock).expect("good").into_principal(clock());
    let resource = emulator.new_resource(&dir("function"), HOUR).expect("written");
    secrets.pem(&read(&resource.private_pem));
    let variables = |name: &str| {
        let of_file = |path: &Path| Some(path.to_str().expect("UTF-8").to_owned());
        match name.strip_prefix("OCI_RESOURCE_PRINCIPAL_")? {
            "VERSION" => Some("2.2".to_owned()),
            "RPST" => of_file(&resource.rpst),
            "PRIVATE_PEM" => of_file(&resource.private_pem),
            "PRIVATE_PEM_PASSPHRASE" => None,
            _ => Some(resource.region.clone()),
        }
    };
    let of_function = ResourcePrincipal::from_variables(variables, &SystemClock).expect("good").into_principal(clock());
    let machine = emulator.new_instance().expect("a port");
    secrets.pem(&metadata(&machine.metadata_url, "identity/key.pem"));
    let instance = InstancePrincipal::discover(&settings, Some(&machine.metadata_url)).await.expect("an instance");
    let of_instance = instance.into_principal(clock());
    let pod = emulator.new_pod(&dir("pod")).expect("written");
    secrets.token(&read(&pod.token_path));
    let workload = WorkloadSettings {
        region: Some(lab.home.clone()),
        token_file: Some(pod.token_path.clone()),
        ca_file: Some(pod.ca_path.clone()),
        proxymux: Some(pod.proxymux_url.clone()),
        ..WorkloadSettings::default()
    };
    let of_pod = WorkloadIdentity::from_variables(|_| None, &settings, &workload)
        .await
        .expect("a pod")
        .into_principal(&settings);
    for principal in [&of_session, &of_function, &of_instance, &of_pod] {
        secrets.of(principal).await;
    }

    let kinds = [
        ("api_key", None),
        ("session_token", Some(of_session)),
        ("resource_principal", Some(of_function)),
        ("instance_principal", Some(of_instance)),
        ("workload_identity", Some(of_pod)),
    ];
    for (kind, principal) in kinds {
        let year_old = lab.world.now() - Duration::from_secs(365 * 86_400);
        let key = lab.world.add_key(&lab.vault, &lab.compartment, kind, year_old).done();
        lab.world.add_bucket(&lab.home, &lab.compartment, &format!("ledger-{kind}")).key(&key).done();
        let folder = dir(&format!("run-{kind}"));
        std::fs::create_dir(&folder).expect("a folder");
        let (config, [trail, log, topic]) = full(&lab, &folder, &hook, &key).await;
        let brought = Brought { principal: principal.clone(), ..Brought::default() };
        let ports = Ports::from_config_and(&config, brought).await.expect("good ports");
        let rotator = Rotator::with_ports(config.settings.clone(), ports);
        let version = lab.world.current_version(&key);
        let mut told = format!("{:?}{:?}", rotator.plan(&key).await, rotator.due().await);
        let rows = rotator.rotate_due().await.expect("a read");
        let Some((_, Ok(Rotated::Completed(report)))) = rows.first() else { panic!("{kind}: {rows:?}") };
        let rid = report.summary.rotation.clone();
        lab.world.others_schedule_deletion(&key, &version);
        rotator.rotate_due().await.expect("the alarm is raised");
        if let Some(principal) = &principal {
            secrets.of(principal).await;
        }

        write!(told, "{report} {report:?} {:?}", rotator.dependents(&rid).await).expect("text");
        let mark = key.as_str();
        secrets.none_in_marked(&format!("{kind}: reports and plans"), &told, mark);
        let facts = rotator.facts(&rid).await.expect("a read").concat();
        secrets.none_in_marked(&format!("{kind}: facts"), &facts, mark);
        secrets.none_in_marked(&format!("{kind}: journal and audit file"), &left_in(&folder), mark);
        let metrics = rotator.metrics().await.expect("a read");
        let metrics = format!("{metrics:?} {} {:?}", render_prometheus(&metrics), lab.world.posted_metrics());
        secrets.none_in_marked(&format!("{kind}: metrics"), &metrics, mark);
        let checkup = rotator.doctor(None).await.expect("a checkup");
        let checkup = format!("{checkup:?} {}", serde_json::to_string(&checkup).expect("JSON"));
        secrets.none_in_marked(&format!("{kind}: doctor"), &checkup, "audit sinks");
        let policy = keywheel::iam_policy(&config, subject.clone(), None);
        secrets.none_in_marked(
            &format!("{kind}: policy"),
            &format!("{policy} {policy:?} {config:?}"),
            "dynamic-group keywheel",
        );
        let at = BucketAddress { region: lab.home.clone(), namespace: lab.world.namespace(), name: trail };
        let call = Call::by(&Caller::keywheel());
        let query = ObjectQuery { prefix: None, start: None, limit: None };
        let mut objects = String::new();
        for object in lab.world.list_objects(&call, &at, &query).expect("a list").value.objects {
            let bytes = lab.world.get_object(&call, &at, &object.name).expect("an object").value;
            write!(objects, "{} {}", object.name, String::from_utf8_lossy(&bytes)).expect("text");
        }
        secrets.none_in_marked(&format!("{kind}: the trail's objects"), &objects, mark);
        let lines = format!("{:?}", lab.world.log_lines(&log.parse().expect("an OCID")));
        secrets.none_in_marked(&format!("{kind}: the trail's log"), &lines, mark);
        let messages = format!("{:?}", lab.world.messages(&topic.parse().expect("an OCID")));
        secrets.none_in_marked(&format!("{kind}: messages"), &messages, version.as_str());
        let bodies = came.lock().expect("not poisoned").concat();
        secrets.none_in_marked(&format!("{kind}: what the hook was sent"), &bodies, version.as_str());
    }
    let heard = said.0.lock().expect("not poisoned").clone();
    secrets.none_in_marked("what was said", &String::from_utf8_lossy(&heard), "TRACE");
}
