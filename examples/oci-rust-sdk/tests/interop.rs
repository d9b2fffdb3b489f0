//! The three adapters against keywheel's emulator: a whole rotation signed through the SDK's provider, the SDK's client
//! signed with keywheel's credentials, and instances found through the SDK beside what keywheel finds.
//!
//! Compute and container instances are no part of the emulator: a server of this file's own lists them as Oracle's
//! documents write them, and checks every signature with the emulator's verifier.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::credentials::{ConfigFile, Credentials, Principal, Profile, ProfileKind, Refreshed};
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, Topic, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{Caller, MemoryJournal, World, WorldSettings};
use keywheel::model::{
    Compartment, CompartmentId, CoverageState, KeyId, Kind, Margins, Region, Settings, Timestamp, VaultId,
};
use keywheel::ports::{KeyHint, Ports, ResourceCatalog, Selector};
use keywheel::testkit::conformance::catalog;
use keywheel::testkit::conformance::world::{Place, PortsUnderTest, WorldFixture};
use keywheel::{ErrorKind, Rotated, Rotator};
use keywheel_emulator::users::Users;
use keywheel_emulator::verify::{BodyHeaders, Received, verify};
use keywheel_emulator::{Emulator, EmulatorSettings, OciConfig};
use keywheel_oci_rust_sdk::{
    CONTAINER_INSTANCE, ContainerInstances, INSTANCE, Instances, Lent, SdkCredentials, Source as _, WithSdk,
};
use oci_rust_sdk::auth::{AuthProvider, SimpleAuthProvider, SimpleAuthProviderRequiredFields};
use oci_rust_sdk::container_instances::ContainerInstanceSummary;
use oci_rust_sdk::core::client::OciClient;
use oci_rust_sdk::core::{OciError, Retrier, RetryConfiguration};
use serde_json::{Value, json};

/// The secret that the container instance pulls its image with.
const SECRET: &str = "ocid1.vaultsecret.oc1.iad.s";

struct Lab {
    world: Arc<World>,
    home: Region,
    compartment: CompartmentId,
    vault: VaultId,
    key: KeyId,
    emulator: Arc<Emulator>,
    config: OciConfig,
    _files: tempfile::TempDir,
}

async fn lab() -> Lab {
    let home = Region::parse("us-ashburn-1").expect("a region");
    let settings = WorldSettings { kms_per_second: None, skew_limit: Duration::from_secs(120), ..WorldSettings::lab() };
    let world = World::new(Timestamp::now, &home, settings);
    let compartment = world.add_compartment("apps", &world.tenancy_id());
    let vault = world.add_vault(&home, &compartment, "payments").done();
    let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
    let key = world.add_key(&vault, &compartment, "cards", a_year_ago).done();
    let emulator = Emulator::start(EmulatorSettings::new(Arc::clone(&world))).await.expect("free ports");
    let emulator = Arc::new(emulator);
    let files = tempfile::tempdir().expect("a folder");
    let config = emulator.new_user().write_config(files.path()).expect("a config");
    Lab { world, home, compartment, vault, key, emulator, config, _files: files }
}

impl Lab {
    /// The SDK's own provider, as a team that uses it has it.
    fn provider(&self) -> Arc<dyn AuthProvider> {
        let private_key = std::fs::read_to_string(&self.config.key_path).expect("the key file");
        Arc::new(
            SimpleAuthProvider::builder(SimpleAuthProviderRequiredFields {
                tenancy: self.config.tenancy.clone(),
                user: self.config.user.clone(),
                fingerprint: self.config.fingerprint.clone(),
                private_key,
            })
            .build(),
        )
    }

    /// keywheel's client, signed through that provider.
    fn client(&self) -> Arc<Client> {
        let principal = Principal {
            credentials: Arc::new(SdkCredentials::new(self.provider()).expect("a key")),
            tenancy: self.world.tenancy_id(),
            region: self.home.clone(),
        };
        let url = self.emulator.region_url(&self.home).expect("a port");
        let endpoints = Endpoints::production().with_override(self.home.clone(), &url).expect("a loopback URL");
        let pace = PacePolicy { start: 500.0, kms_max: 500.0 };
        Client::with_principal(principal, ClientSettings { endpoints, pace, ..ClientSettings::default() })
    }

    /// keywheel's credentials, of a config file that may be exported or not.
    fn credentials(&self, exportable: bool) -> Arc<dyn Credentials> {
        let file = Some(self.config.config_path.as_path());
        let profile = Profile { file, name: None, passphrase: None, kind: ProfileKind::Any };
        let file = ConfigFile::load(profile, &SystemClock).expect("a config");
        let file = if exportable { file.exportable() } else { file };
        file.into_principal(Arc::new(SystemClock)).credentials
    }

    fn selector(&self) -> Selector {
        Selector {
            key: self.key.clone(),
            kinds: vec![Kind::Bucket],
            compartments: vec![Compartment { id: self.compartment.clone(), name: "apps".to_owned(), parent: None }],
            tag: None,
        }
    }
}

/// The SDK's client with a retry that a test can wait for.
fn sdk_client(provider: Arc<dyn AuthProvider>, endpoint: String) -> OciClient {
    let retry = RetryConfiguration { max_attempts: 1, ..RetryConfiguration::default() };
    OciClient::new(provider, endpoint).expect("a client").with_retrier(Retrier::with_config(retry))
}

// ------------------------------------------------------------------------------------------------ a far end

/// One compute instance as Oracle's documents write it.
fn instance(id: &str, compartment: &CompartmentId, state: &str, key: Option<&KeyId>) -> Value {
    json!({
        "id": id, "compartmentId": compartment, "availabilityDomain": "AD-1", "region": "iad", "shape": "VM.Standard.E5.Flex",
        "displayName": "web", "lifecycleState": state, "timeCreated": "2026-01-01T00:00:00.000Z",
        "launchMode": "PARAVIRTUALIZED", "shapeConfig": { "ocpus": 1.0, "memoryInGBs": 12.0 },
        "sourceDetails": { "sourceType": "image", "imageId": "ocid1.image.oc1..i", "bootVolumeSizeInGBs": 50, "kmsKeyId": key },
        "freeformTags": { "team": "web" }, "definedTags": { "ops": { "rotate": true } },
    })
}

/// One container instance as Oracle's documents write it.
fn container_instance(id: &str, compartment: &CompartmentId) -> Value {
    json!({
        "id": id, "compartmentId": compartment, "availabilityDomain": "AD-1", "displayName": "job",
        "lifecycleState": "ACTIVE", "timeCreated": "2026-01-01T00:00:00.000Z", "shape": "CI.Standard.E4.Flex",
        "shapeConfig": { "ocpus": 1.0, "memoryInGBs": 16.0, "processorDescription": "AMD", "networkingBandwidthInGbps": 1.0 },
        "containerCount": 1, "containerRestartPolicy": "ALWAYS", "freeformTags": {},
    })
}

/// Lists two pages of instances and one of container instances to the emulator's users; to nobody without one.
async fn compute(emulator: Option<Arc<Emulator>>, instances: [Vec<Value>; 2], containers: Vec<Value>) -> String {
    let (state, nobody) = (Arc::new((emulator, instances, containers)), Arc::new(Users::default()));
    let answer = move |request: Request<Body>| {
        let (state, nobody) = (Arc::clone(&state), Arc::clone(&nobody));
        async move {
            let (emulator, instances, containers) = &*state;
            let users = emulator.as_deref().map_or(&*nobody, Emulator::users);
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, 1 << 20).await.expect("a body");
            let target = parts.uri.path_and_query().expect("a target").as_str();
            let received = Received { method: &parts.method, target, headers: &parts.headers, body: &body };
            let skew = Duration::from_secs(120);
            let pulling =
                json!({ "imagePullSecrets": [{ "secretType": "VAULT", "secretId": SECRET, "registryEndpoint": "r" }] });
            let none = |code: &str, why: &str| json!({ "code": code, "message": why });
            let (status, body, next): (u16, Value, &str) =
                match verify(received, users, Timestamp::now(), skew, BodyHeaders::ByMethod) {
                    Err(refused) => (401, none("NotAuthenticated", &refused.0), ""),
                    Ok(_) if target.contains("denied") => (404, none("NotAuthorizedOrNotFound", "no"), ""),
                    Ok(_) => match (parts.uri.path(), target.contains("&page=2%2F")) {
                        ("/20160918/instances", false) => (200, instances[0].clone().into(), "2/"),
                        ("/20160918/instances", true) => (200, instances[1].clone().into(), ""),
                        (path, _) if path.ends_with(".iad.d") => (200, pulling.clone(), ""),
                        ("/20210410/containerInstances", _) => (200, json!({ "items": containers }), ""),
                        _ => (404, none("NotFound", "no"), ""),
                    },
                };
            let answer = Response::builder().status(status).header("opc-next-page", next);
            answer.body(Body::from(body.to_string())).expect("an answer")
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    url
}

impl Lab {
    /// keywheel's catalog with the SDK's listings beside it.
    async fn with_sdk(&self) -> WithSdk {
        let of = |id: &str, state, key| instance(id, &self.compartment, state, key);
        let instances = [
            vec![
                of("ocid1.instance.oc1.iad.a", "RUNNING", Some(&self.key)),
                of("ocid1.instance.oc1.iad.b", "TERMINATED", Some(&self.key)),
            ],
            vec![
                of("ocid1.instance.oc1.iad.c", "STOPPED", Some(&self.key)),
                of("ocid1.instance.oc1.iad.e", "RUNNING", None),
            ],
        ];
        let containers = vec![container_instance("ocid1.computecontainerinstance.oc1.iad.d", &self.compartment)];
        self.with_sdk_of(instances, containers).await
    }

    async fn with_sdk_of(&self, instances: [Vec<Value>; 2], containers: Vec<Value>) -> WithSdk {
        let url = compute(Some(Arc::clone(&self.emulator)), instances, containers).await;
        let lent: Arc<dyn AuthProvider> = Arc::new(Lent::of(&*self.credentials(true)).await.expect("exportable"));
        let inner = Arc::new(Catalog::new(self.client()));
        WithSdk::over(inner)
            .instances(&self.home, Instances(sdk_client(Arc::clone(&lent), url.clone())))
            .container_instances(
                &self.home,
                ContainerInstances {
                    client: sdk_client(lent, url),
                    secrets: [(SECRET.to_owned(), self.key.to_string())].into(),
                },
            )
    }
}

// ---------------------------------------------------------------------------------------------------- tests

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_rotation_is_signed_through_the_sdks_provider_and_names_what_the_sdk_found() {
    let lab = lab().await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let client = lab.client();
    let ports = Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(lab.with_sdk().await),
        rekeyer: Arc::new(Rekeyers::new(client)),
        audit: Vec::new(),
        notifiers: Vec::new(),
        metrics: Vec::new(),
        journal: MemoryJournal::new(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        examiner: None,
        pace: None,
        audit_log: None,
    };
    let mut settings = Settings::lab();
    settings.scope.keys.insert(lab.key.clone());
    let rotator = Rotator::with_ports(settings, ports);
    let rotated = rotator.rotate(&lab.key).await.expect("nothing stops it");
    let Rotated::Completed(report) = rotated else { panic!("it did not complete: {rotated:?}") };
    println!("{report}");
    assert_eq!(lab.world.minted_by(&lab.key, &lab.config.user), 1, "signed as the SDK's provider");
    assert_eq!(lab.world.reencrypts_of(&bucket), 1);
    assert!(report.is_test);
    let kinds: BTreeSet<_> = report.kinds.iter().map(|one| one.kind.clone()).collect();
    assert!(kinds.contains(&Kind::Other(INSTANCE.to_owned())), "{kinds:?}");
    let named = report.exceptions.iter().any(|one| format!("{one:?}").contains("ocid1.instance.oc1.iad.a"));
    assert!(named, "an instance under the key is left to a person, by name: {:?}", report.exceptions);
    assert!(!format!("{report:?}").contains("ocid1.instance.oc1.iad.b"), "a terminated one is nobody's");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdks_client_is_signed_with_keywheels_credentials() {
    let lab = lab().await;
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "data").key(&lab.key).done();
    let credentials = lab.credentials(true);
    let lent = Lent::of(&*credentials).await.expect("exportable");
    assert!(lent.is_current(&*credentials).await.expect("asked"));
    let client = sdk_client(Arc::new(lent), lab.emulator.region_url(&lab.home).expect("a port"));
    let path = format!("/20160918/volumes?compartmentId={}", lab.compartment);
    let listed = client.get::<Vec<Value>>(&path).await.expect("a list").body;
    assert_eq!((&listed[0]["id"], &listed[0]["kmsKeyId"]), (&json!(volume), &json!(lab.key)));
    let query = json!({ "type": "Structured", "query": "query volume resources", "matchingContextType": "NONE" });
    let found = client.post::<_, Value>("/20180409/resources", Some(&query)).await.expect("a body is signed, too");
    assert!(found.body["items"].is_array());

    // A management endpoint: the same client elsewhere. A key that is hidden is refused in OCI's words.
    let lent = Arc::new(Lent::of(&*credentials).await.expect("exportable"));
    let client = sdk_client(lent, lab.emulator.vault_url(&lab.vault).expect("a port"));
    let key = client.get::<Value>(&format!("/20180608/keys/{}", lab.key)).await.expect("a key").body;
    assert_eq!(key["id"], json!(lab.key));
    let hidden = client.get::<Value>(&format!("/20180608/keys/{}x", lab.key)).await.err();
    assert!(matches!(hidden, Some(OciError::ServiceError { status: 404, .. })), "{hidden:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_be_exported_is_not_lent() {
    let lab = lab().await;
    let refused = Lent::of(&*lab.credentials(false)).await.expect_err("it stays where it is");
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(refused.to_string().contains("exportable()"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sdk_lists_is_found_beside_what_keywheel_finds() {
    let lab = lab().await;
    let bucket = lab.world.add_bucket(&lab.home, &lab.compartment, "ledger").key(&lab.key).done();
    let catalog = lab.with_sdk().await;
    let denied = CompartmentId::parse("ocid1.compartment.oc1..denied").expect("an OCID");
    let mut selector = lab.selector();
    selector.compartments.push(Compartment { id: denied.clone(), name: "denied".to_owned(), parent: None });
    let (mut cursor, mut found, mut coverage) = (None, Vec::new(), Vec::new());
    loop {
        let page = catalog.dependents(&selector, &lab.home, cursor).await.expect("a page").value;
        found.extend(page.candidates.into_iter().map(|one| (one.dependent.id.to_string(), one.key)));
        coverage.extend(page.coverage);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let under = KeyHint::Key(lab.key.clone());
    let expected = [
        (bucket.to_string(), under.clone()),
        ("ocid1.computecontainerinstance.oc1.iad.d".to_owned(), under.clone()),
        ("ocid1.instance.oc1.iad.a".to_owned(), under.clone()),
        ("ocid1.instance.oc1.iad.c".to_owned(), under),
    ];
    assert_eq!(found, expected, "pages are followed; what is terminated or names no key is left out");
    for kind in [INSTANCE, CONTAINER_INSTANCE] {
        let kind = Some(Kind::Other(kind.to_owned()));
        let of = |place: &CompartmentId| {
            let here = coverage.iter().filter(|one| one.kind == kind && one.compartment.as_ref() == Some(place));
            here.map(|one| one.state.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(&lab.compartment), [CoverageState::Listed], "{kind:?}");
        assert_eq!(of(&denied), [CoverageState::Denied], "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_is_not_the_users_lists_nothing() {
    let lab = lab().await;
    let strangers = compute(None, [Vec::new(), Vec::new()], Vec::new()).await;
    let source = Instances(sdk_client(lab.provider(), strangers));
    let refused = source.page(lab.compartment.as_str(), None).await;
    assert!(matches!(refused, Err(OciError::ServiceError { status: 401, .. })), "{refused:?}");
}

/// A provider that becomes somebody else, as one with sessions does.
struct Turning {
    keys: [(String, String); 2],
    turn: std::sync::atomic::AtomicUsize,
}

impl AuthProvider for Turning {
    fn get_key_id(&self) -> String {
        self.keys[self.turn.load(std::sync::atomic::Ordering::SeqCst)].0.clone()
    }

    fn get_private_key(&self) -> &str {
        &self.keys[self.turn.load(std::sync::atomic::Ordering::SeqCst)].1
    }

    fn get_passphrase(&self) -> Option<&str> {
        None
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_changes_is_read_again_before_anything_is_signed() {
    let lab = lab().await;
    let files = tempfile::tempdir().expect("a folder");
    let second = lab.emulator.new_user().write_config(files.path()).expect("a config");
    let key = |config: &OciConfig| {
        let pem = std::fs::read_to_string(&config.key_path).expect("the key file");
        (format!("{}/{}/{}", config.tenancy, config.user, config.fingerprint), pem)
    };
    let provider = Arc::new(Turning { keys: [key(&lab.config), key(&second)], turn: 0.into() });
    let credentials = SdkCredentials::new(Arc::clone(&provider) as Arc<dyn AuthProvider>).expect("a key");
    let (id, signed) = (credentials.key_id().await.expect("an id"), credentials.sign("x").await.expect("signed"));
    assert_eq!(credentials.refresh().await.expect("read"), Refreshed::Same);
    provider.turn.store(1, std::sync::atomic::Ordering::SeqCst);
    assert_ne!(credentials.sign("x").await.expect("signed"), signed, "by the key that the id belongs to");
    assert_ne!(credentials.key_id().await.expect("an id"), id);
    provider.turn.store(0, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(credentials.refresh().await.expect("read"), Refreshed::Renewed);
    assert_eq!(credentials.sign("x").await.expect("signed"), signed);
}

#[test]
fn no_key_is_said_by_anybody() {
    let canary = "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQCanary0123456789";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n");
    let provider = SimpleAuthProvider::new("ocid1.tenancy.oc1..t", "ocid1.user.oc1..u", "aa:bb", pem);
    // Why the SDK's provider is never formatted here: it shows its key.
    assert!(format!("{provider:?}").contains(canary), "the README says so of 0.4.6");
    let error = SdkCredentials::new(Arc::new(provider)).err().expect("it is no key");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error} {error:?} {error:#?}").contains("Canary"), "{error}");
}

/// What the README says that the SDK cannot do: when one of these fails, the SDK can, and the README is behind.
#[test]
fn the_sdk_still_cannot_read_a_container_instance_as_oracle_writes_it() {
    let compartment = CompartmentId::parse("ocid1.compartment.oc1..c").expect("an OCID");
    let written = container_instance("ocid1.computecontainerinstance.oc1.iad.d", &compartment);
    let read = serde_json::from_value::<ContainerInstanceSummary>(written);
    let why = read.expect_err("0.4.6 wants whole OCPUs and another spelling of GB").to_string();
    assert!(why.contains("1.0") || why.contains("memoryInGbs"), "{why}");
}

// ---------------------------------------------------------------------------------------- the port's promises

/// keywheel's suite for catalogs, over HTTP, with the SDK's listings beside what the suite makes.
async fn fixture() -> (WorldFixture, Lab) {
    let lab = lab().await;
    let place = Place::seed(&lab.world);
    let client = lab.client();
    // Nothing of the SDK's: the suite counts exactly what it made. Every page and verdict of its places comes all the same.
    let of_sdk = lab.with_sdk_of([Vec::new(), Vec::new()], Vec::new()).await;
    let shared: Arc<dyn ResourceCatalog> = Arc::new(of_sdk);
    let ports = PortsUnderTest {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Box::new(move || Arc::clone(&shared)),
        rekeyer: Arc::new(Rekeyers::new(Arc::clone(&client))),
        notifier: Arc::new(Topic::new(client, place.topic.clone())),
    };
    let pass = Box::new(|by: Duration| {
        let done: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(tokio::time::sleep(by));
        done
    });
    let mut fixture = WorldFixture::new(&lab.world, place, ports, Margins::lab(), pass);
    fixture.caller = Caller::new(&lab.config.user);
    fixture.kind = Kind::BlockVolume;
    (fixture, lab)
}

macro_rules! promises {
    ($($promise:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $promise() {
            let (fixture, _lab) = fixture().await;
            catalog::$promise(&fixture).await;
        })*
    };
}

// Not `every_pass_ends_with_coverage`: it wants verdicts of the kinds asked for and of no other, and here there are more.
promises!(
    a_denied_compartment_is_a_verdict
    a_cursor_survives_its_process
    a_candidate_keeps_its_id
    tags_are_checked_again
    pages_are_homogeneous
    what_is_terminated_is_left_out
    policies_are_read_up_to_the_root
);
