//! Every kind of credentials drives a whole rotation over HTTP, outlives its token, and never repeats a mint.
//!
//! The emulator plays the metadata service, the federation endpoint and the proxymux; nothing reads this process's
//! environment, and nothing leaves loopback.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::lab::Lab;
use keywheel::adapters::layers::RetryPolicy;
use keywheel::adapters::oci::credentials::{
    ConfigFile, InstancePrincipal, Principal, Profile, ProfileKind, ResourcePrincipal, WorkloadIdentity,
    WorkloadSettings,
};
use keywheel::adapters::oci::operation::Operation;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{MemoryJournal, WorldSettings};
use keywheel::model::{Margins, ResourceId, Settings};
use keywheel::ports::{KeyStore as _, Ports};
use keywheel::{ErrorKind, Rotated, Rotator};
use keywheel_emulator::{Pod, Resource, Session};

const HOUR: Duration = Duration::from_secs(3600);

/// A small cloud with a bucket under the key.
struct Far {
    lab: Lab,
    bucket: ResourceId,
    files: tempfile::TempDir,
}

impl Far {
    async fn new() -> Self {
        let settings = WorldSettings { kms_per_second: None, ..WorldSettings::lab() };
        let lab = Lab::new(settings).await;
        let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
        Self { lab, bucket, files: tempfile::tempdir().expect("a folder") }
    }

    fn dir(&self) -> &Path {
        self.files.path()
    }

    fn settings(&self) -> ClientSettings {
        let endpoints =
            [&self.lab.home, &self.lab.away].into_iter().fold(Endpoints::production(), |endpoints, region| {
                let url = self.lab.emulator.region_url(region).expect("a port");
                endpoints.with_override(region.clone(), &url).expect("a loopback URL")
            });
        ClientSettings { endpoints, ..ClientSettings::default() }
    }

    fn client(&self, principal: Principal) -> Arc<Client> {
        Client::with_principal(principal, self.settings())
    }

    fn of_resource(&self, resource: &Resource) -> Principal {
        let variables = variables(resource);
        ResourcePrincipal::from_variables(|name| variables.get(name).cloned(), &SystemClock)
            .expect("the variables are good")
            .into_principal(Arc::new(SystemClock))
    }

    fn of_session(session: &Session) -> Principal {
        let profile =
            Profile { file: Some(&session.config_path), kind: ProfileKind::SessionToken, ..Profile::default() };
        ConfigFile::load(profile, &SystemClock).expect("a good profile").into_principal(Arc::new(SystemClock))
    }

    async fn of_pod(&self, pod: &Pod) -> Principal {
        let settings = self.settings();
        let workload = WorkloadSettings {
            token_file: Some(pod.token_path.clone()),
            ca_file: Some(pod.ca_path.clone()),
            proxymux: Some(pod.proxymux_url.clone()),
            region: Some(self.lab.home.clone()),
            ..WorkloadSettings::default()
        };
        let identity = WorkloadIdentity::from_variables(|_| None, &settings, &workload).await.expect("a token");
        identity.into_principal(&settings)
    }

    async fn of_instance(&self, metadata: &str) -> Principal {
        let settings = self.settings();
        let instance = InstancePrincipal::discover(&settings, Some(metadata)).await.expect("an instance");
        instance.into_principal(Arc::clone(&settings.clock))
    }

    /// A whole rotation in somebody's name: minted by them, once, and the bucket is under it.
    async fn rotates(&self, principal: Principal, name: &str) {
        let (world, key) = (&self.lab.world, &self.lab.key);
        assert_eq!(principal.tenancy, world.tenancy_id());
        assert_eq!(principal.region, self.lab.home);
        let before = world.wrapping_version(&self.bucket);
        let client = self.client(principal);
        let ports = Ports {
            key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
            catalog: Arc::new(Catalog::new(Arc::clone(&client))),
            rekeyer: Arc::new(Rekeyers::new(client)),
            audit: Vec::new(),
            notifiers: Vec::new(),
            metrics: Vec::new(),
            audit_log: None,
            journal: MemoryJournal::new(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            examiner: None,
            pace: None,
        };
        let mut settings = Settings::lab();
        let second = Duration::from_secs(1);
        settings.margins = Margins { processing: second, list_lag: second, clock_error: second, ..settings.margins };
        settings.scope.keys.insert(key.clone());
        let rotated = Rotator::with_ports(settings, ports).rotate(key).await.expect("nothing stops it");
        assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
        assert_eq!(world.minted_by(key, name), 1, "minted in the name of {name}");
        assert_eq!(world.wrapping_version(&self.bucket), Some(world.current_version(key)));
        assert_ne!(world.wrapping_version(&self.bucket), before);
    }
}

fn variables(resource: &Resource) -> BTreeMap<&'static str, String> {
    let path = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    BTreeMap::from([
        ("OCI_RESOURCE_PRINCIPAL_VERSION", "2.2".to_owned()),
        ("OCI_RESOURCE_PRINCIPAL_RPST", path(&resource.rpst)),
        ("OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM", path(&resource.private_pem)),
        ("OCI_RESOURCE_PRINCIPAL_REGION", resource.region.clone()),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_principal_rotates_a_key() {
    let far = Far::new().await;
    let resource = far.lab.emulator.new_resource(far.dir(), HOUR).expect("written");
    assert_eq!(resource.region, "iad");
    far.rotates(far.of_resource(&resource), resource.principal()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_rotates_a_key() {
    let far = Far::new().await;
    let session = far.lab.emulator.new_session(far.dir(), HOUR).expect("written");
    far.rotates(Far::of_session(&session), session.principal()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_rotates_a_key_with_tokens_that_live_for_seconds() {
    let far = Far::new().await;
    far.lab.emulator.set_token_life(Duration::from_secs(3));
    let instance = far.lab.emulator.new_instance().expect("a port");
    far.rotates(far.of_instance(&instance.metadata_url).await, instance.principal()).await;
    assert!(far.lab.emulator.tokens_issued() > 1, "a rotation takes longer than a token lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_rotates_a_key() {
    let far = Far::new().await;
    let pod = far.lab.emulator.new_pod(far.dir()).expect("written");
    far.rotates(far.of_pod(&pod).await, pod.principal()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_token_serves_all_calls_that_wait_for_it() {
    let far = Far::new().await;
    let instance = far.lab.emulator.new_instance().expect("a port");
    let store = VaultKeyStore::new(far.client(far.of_instance(&instance.metadata_url).await));
    // As many as a vault's pace lets through in seconds.
    let calls = (0..20).map(|_| store.describe_key(&far.lab.key));
    let all = futures_util::future::join_all(calls).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(far.lab.emulator.tokens_issued(), 1);
    // After a 401 for everybody at once: one more.
    far.lab.emulator.end_sessions();
    let all = futures_util::future::join_all((0..20).map(|_| store.describe_key(&far.lab.key))).await;
    assert!(all.iter().all(Result::is_ok), "{:?}", all.iter().find(|one| one.is_err()));
    assert!(far.lab.emulator.tokens_issued() <= 3, "{} tokens", far.lab.emulator.tokens_issued());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_token_costs_a_read_one_resend() {
    let far = Far::new().await;
    let resource = far.lab.emulator.new_resource(far.dir(), HOUR).expect("written");
    let client = far.client(far.of_resource(&resource));
    let store = VaultKeyStore::new(Arc::clone(&client));
    store.describe_key(&far.lab.key).await.expect("the token lives");
    let reads = || client.calls()[&Operation::GetKey];
    let before = reads();
    far.lab.emulator.end_sessions();
    // The platform has written nothing new: the same token makes no second request.
    let error = store.describe_key(&far.lab.key).await.expect_err("it has ended");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Denied, Some(401)));
    assert_eq!(reads(), before + 1);
    resource.renew(HOUR).expect("written");
    store.describe_key(&far.lab.key).await.expect("read anew after the 401");
    assert_eq!(reads(), before + 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_that_is_refused_with_401_is_followed_by_another_under_a_new_date() {
    let far = Far::new().await;
    let instance = far.lab.emulator.new_instance().expect("a port");
    let principal = far.of_instance(&instance.metadata_url).await;
    far.lab.emulator.end_sessions_at_the_next_mint();
    far.rotates(principal, instance.principal()).await;
    let mints = far.lab.emulator.arrived_mints();
    let [refused, made] = mints.as_slice() else { panic!("{mints:?}") };
    assert_eq!(refused.token, made.token);
    assert_ne!(refused.date, made.date);
    assert_eq!(far.lab.emulator.tokens_issued(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_replaced_serves_the_next_token() {
    let far = Far::new().await;
    let instance = far.lab.emulator.new_instance().expect("a port");
    let store = VaultKeyStore::new(far.client(far.of_instance(&instance.metadata_url).await));
    store.describe_key(&far.lab.key).await.expect("the first token");
    instance.renew_certificate();
    far.lab.emulator.end_sessions();
    store.describe_key(&far.lab.key).await.expect("a token for the new certificate");
    assert_eq!(far.lab.emulator.tokens_issued(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_names_the_command_that_helps() {
    let far = Far::new().await;
    let session = far.lab.emulator.new_session(far.dir(), Duration::from_secs(1)).expect("written");
    let store = VaultKeyStore::new(far.client(Far::of_session(&session)));
    store.describe_key(&far.lab.key).await.expect("the session lives");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let error = store.describe_key(&far.lab.key).await.expect_err("it has ended");
    let text = error.to_string();
    assert!(text.contains("oci session refresh --profile DEFAULT") && error.kind() == ErrorKind::Denied, "{text}");
    session.sign_in(HOUR).expect("written");
    // Another key, another token, the same files; whoever failed rests for some seconds.
    tokio::time::sleep(Duration::from_secs(6)).await;
    store.describe_key(&far.lab.key).await.expect("the new session is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_no_token() {
    let far = Far::new().await;
    let pod = far.lab.emulator.new_pod(far.dir()).expect("written");
    std::fs::write(&pod.token_path, "sa-of-nobody").expect("written");
    let workload = WorkloadSettings {
        token_file: Some(pod.token_path.clone()),
        ca_file: Some(pod.ca_path.clone()),
        proxymux: Some(pod.proxymux_url.clone()),
        region: Some(far.lab.home.clone()),
        ..WorkloadSettings::default()
    };
    let settings = far.settings();
    let error = WorkloadIdentity::from_variables(|_| None, &settings, &workload).await.expect_err("no pod has it");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Denied, Some(401)));
    assert!(!error.to_string().contains("sa-of-nobody"), "{error}");
    // An authority that did not sign the proxymux's certificate.
    let folder = tempfile::tempdir().expect("a folder");
    let other = Far::new().await;
    let other_pod = other.lab.emulator.new_pod(folder.path()).expect("written");
    let workload = WorkloadSettings { ca_file: Some(other_pod.ca_path.clone()), ..workload };
    let settings = ClientSettings { retry: RetryPolicy { attempts_max: 1, ..settings.retry }, ..settings };
    let error = WorkloadIdentity::from_variables(|_| None, &settings, &workload).await.expect_err("nobody vouches");
    assert!(error.status().is_none(), "{error}");
    assert_eq!(far.lab.emulator.tokens_issued(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basic_cluster_is_told_from_one_that_is_down() {
    let far = Far::new().await;
    let pod = far.lab.emulator.new_pod(far.dir()).expect("written");
    far.lab.emulator.make_clusters_basic();
    let workload = WorkloadSettings {
        token_file: Some(pod.token_path.clone()),
        ca_file: Some(pod.ca_path.clone()),
        proxymux: Some(pod.proxymux_url.clone()),
        region: Some(far.lab.home.clone()),
        ..WorkloadSettings::default()
    };
    let error = WorkloadIdentity::from_variables(|_| None, &far.settings(), &workload).await.expect_err("no token");
    assert_eq!((error.kind(), error.status()), (ErrorKind::Denied, Some(403)));
    assert!(error.to_string().contains("needs an enhanced cluster"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_metadata_service_of_oci_that_is_said() {
    let far = Far::new().await;
    // Another cloud's: it answers, and knows nothing of this.
    let recorder = common::recorder::Recorder::start();
    let error = InstancePrincipal::discover(&far.settings(), Some(&recorder.url())).await.expect_err("another cloud");
    assert_eq!(error.kind(), ErrorKind::Foreign);
    assert!(error.to_string().contains("this is no OCI compute instance"), "{error}");
    // Nobody listens.
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = format!("http://{}", socket.local_addr().expect("bound"));
    drop(socket);
    let retry = RetryPolicy { attempts_max: 2, delay_base: Duration::from_millis(1), ..RetryPolicy::default() };
    let settings = ClientSettings { retry, ..far.settings() };
    let error = InstancePrincipal::discover(&settings, Some(&closed)).await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Exhausted);
    assert!(error.to_string().contains("choose another kind of credentials"), "{error}");
    let error = InstancePrincipal::discover(&settings, Some("http://10.0.0.1:80")).await.expect_err("not loopback");
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_asks_for_tokens_and_nothing_else() {
    let far = Far::new().await;
    let instance = far.lab.emulator.new_instance().expect("a port");
    let principal = far.of_instance(&instance.metadata_url).await;
    let token = principal.credentials.key_id().await.expect("a token");
    // An API key gets no token at the federation endpoint.
    let ask = far.lab.client.post(far.lab.at_home("/v1/x509"), &serde_json::json!({}));
    assert_eq!(ask.refusal(), (401, "NotAuthenticated".to_owned()));
    assert!(token.starts_with("ST$"));
    assert_eq!(far.lab.emulator.tokens_issued(), 1);
}
