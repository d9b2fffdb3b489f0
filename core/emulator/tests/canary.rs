//! No private key, passphrase or token gets out: not in a log at any level, an error, a `Debug`, the journal, the audit
//! file. Every kind of credentials is used, renewed and refused while everything that this process says is kept.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::client::{Wired, exchange};
use common::lab::Lab;
use keywheel::adapters::layers::RetryPolicy;
use keywheel::adapters::oci::credentials::{
    ConfigFile, InstancePrincipal, Principal, Profile, ProfileKind, ResourcePrincipal, WorkloadIdentity,
    WorkloadSettings,
};
use keywheel::adapters::oci::{Client, ClientSettings, Endpoints, VaultKeyStore};
use keywheel::adapters::system::SystemClock;
use keywheel::memory::WorldSettings;
use keywheel::ports::KeyStore as _;
use keywheel::{Error, Rotated, Rotator};
use tracing_subscriber::fmt::MakeWriter;

const HOUR: Duration = Duration::from_secs(3600);

/// Everything that was said, by whomever.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
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
    let said = Said::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(said.clone()).with_ansi(false).init();
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
