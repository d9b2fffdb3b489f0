//! Principals that are not API keys: sessions of people, Functions, compute instances, pods.
//!
//! Made for tests and demos on this machine: tokens are looked up, not verified, and certificates come from an
//! authority that is thrown away with the emulator. Private keys go into files of mode 0600 or over loopback.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use data_encoding::{BASE64URL_NOPAD, HEXUPPER};
use jiff::Timestamp;
use keywheel::model::Region;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, SanType};
use serde_json::json;

use crate::endpoints::Endpoint;
use crate::proxymux;
use crate::shared::Shared;
use crate::users::{ApiKey, FreshKey, encode_pem, fingerprint, write_private};

/// What a federation token lives in OCI, roughly.
const TOKEN_LIFE: Duration = Duration::from_secs(20 * 60);

/// What Kubernetes gives a service account.
const SERVICE_ACCOUNT_LIFE: Duration = Duration::from_secs(3600);

/// The authority, the instances, and how tokens are issued.
pub(crate) struct Principals {
    authority: Authority,
    token_life_ms: AtomicU64,
    issued: AtomicU64,
    instances: Mutex<HashMap<String, Arc<Identity>>>,
    /// Pods by their service account token.
    pods: Mutex<HashMap<String, String>>,
    /// Clusters are basic ones, which give no tokens.
    basic: AtomicBool,
}

/// Whom a token stands for.
pub(crate) struct Holder<'a> {
    pub(crate) tenancy: &'a str,
    pub(crate) compartment: &'a str,
    pub(crate) principal: &'a str,
    /// The session key's public half, DER SubjectPublicKeyInfo.
    pub(crate) spki: Vec<u8>,
}

impl Principals {
    pub(crate) fn found() -> Self {
        Self {
            authority: Authority::found(),
            token_life_ms: AtomicU64::new(TOKEN_LIFE.as_millis() as u64),
            issued: AtomicU64::new(0),
            instances: Mutex::default(),
            pods: Mutex::default(),
            basic: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_token_life(&self, life: Duration) {
        self.token_life_ms.store(u64::try_from(life.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn tokens_issued(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Issues a token of the usual life to whoever asked over the wire.
    pub(crate) fn issue(&self, shared: &Shared, holder: Holder<'_>) -> String {
        self.issued.fetch_add(1, Ordering::Relaxed);
        token(shared, holder, Duration::from_millis(self.token_life_ms.load(Ordering::Relaxed)))
    }

    pub(crate) fn instance(&self, id: &str) -> Option<Arc<Identity>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The instance whose present certificate this is.
    pub(crate) fn instance_by_certificate(&self, der: &[u8]) -> Option<Arc<Identity>> {
        let instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.values().find(|one| one.certificate == der).cloned()
    }

    pub(crate) fn make_clusters_basic(&self) {
        self.basic.store(true, Ordering::Relaxed);
    }

    pub(crate) fn clusters_are_basic(&self) -> bool {
        self.basic.load(Ordering::Relaxed)
    }

    pub(crate) fn intermediate(&self) -> &[u8] {
        &self.authority.intermediate
    }

    /// The pod with this service account token.
    pub(crate) fn pod(&self, service_account: &str) -> Option<String> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner).get(service_account).cloned()
    }
}

/// Makes a token and lets whoever signs with its key and names it be its holder.
fn token(shared: &Shared, holder: Holder<'_>, life: Duration) -> String {
    let now = shared.now();
    // Tokens count whole seconds; one that would end sooner than asked for would make tests wait for nothing.
    let ends = Timestamp::from_second((now + life).as_second() + 1).expect("a token's end is in range");
    let token = jwt(json!({
        "sub": holder.principal, "iat": now.as_second(), "exp": ends.as_second(), "jti": shared.next_request_id(),
        "tenant": holder.tenancy, "res_tenant": holder.tenancy, "res_compartment": holder.compartment,
    }));
    let (tenancy, user) = (holder.tenancy.to_owned(), holder.principal.to_owned());
    shared.users.put(format!("ST${token}"), ApiKey { tenancy, user, spki: holder.spki, ends: Some(ends) });
    token
}

/// Claims in the shape of a token. What stands for the signature is a hash: tokens are looked up here, and nobody else
/// could check one.
fn jwt(claims: serde_json::Value) -> String {
    let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let head = part(json!({ "alg": "RS256", "typ": "JWT", "kid": "keywheel_emulator" }));
    let text = format!("{head}.{}", part(claims));
    let sealed = digest(&SHA256, text.as_bytes());
    format!("{text}.{}", BASE64URL_NOPAD.encode(&sealed.as_ref().repeat(8)))
}

fn home(shared: &Shared) -> Region {
    shared.world.regions().into_iter().next().expect("a World is founded with its home region")
}

fn name(shared: &Shared, kind: &str) -> String {
    format!("ocid1.{kind}.oc1.iad.aaaaemu{}", shared.next_request_id().to_lowercase())
}

/// A fresh key and a token for it.
fn session(shared: &Shared, principal: &str, life: Duration) -> (String, FreshKey) {
    let key = FreshKey::make();
    let tenancy = shared.world.tenancy_id();
    let holder = Holder { tenancy: tenancy.as_str(), compartment: tenancy.as_str(), principal, spki: key.spki.clone() };
    (token(shared, holder, life), key)
}

/// A person with a session: a config file whose profile names a token file.
pub struct Session {
    shared: Arc<Shared>,
    user: String,
    /// The config file, section `DEFAULT`.
    pub config_path: PathBuf,
    /// The token.
    pub token_path: PathBuf,
    /// The session's private key, PKCS#8 PEM.
    pub key_path: PathBuf,
}

impl Session {
    pub(crate) fn start(shared: &Arc<Shared>, dir: &Path, life: Duration) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let user = format!("ocid1.user.oc1..aaaaemu{}", shared.next_request_id().to_lowercase());
        let session = Self {
            shared: Arc::clone(shared),
            user,
            config_path: dir.join("config"),
            token_path: dir.join("token"),
            key_path: dir.join("session.pem"),
        };
        let key = session.renew(life)?;
        let (token, key_file) = (session.token_path.display(), session.key_path.display());
        let text = format!(
            "[DEFAULT]\nfingerprint={}\nkey_file={key_file}\ntenancy={}\nregion={}\nsecurity_token_file={token}\n",
            fingerprint(&key.spki),
            shared.world.tenancy_id(),
            home(shared),
        );
        write_private(&session.config_path, &text)?;
        Ok(session)
    }

    /// Signs in again: another key, another token, the same files.
    pub fn sign_in(&self, life: Duration) -> io::Result<()> {
        self.renew(life).map(drop)
    }

    fn renew(&self, life: Duration) -> io::Result<FreshKey> {
        let (token, key) = session(&self.shared, &self.user, life);
        write_private(&self.key_path, &encode_pem("PRIVATE KEY", &key.pkcs8))?;
        write_private(&self.token_path, &token)?;
        Ok(key)
    }

    /// The user's OCID.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.user
    }
}

/// A resource with a token (RPST) and a key in files that the platform renews.
pub struct Resource {
    shared: Arc<Shared>,
    principal: String,
    /// The token.
    pub rpst: PathBuf,
    /// Its key, PKCS#8 PEM.
    pub private_pem: PathBuf,
    /// Where it runs, as the platform says it: a three-letter code where there is one.
    pub region: String,
}

impl Resource {
    pub(crate) fn start(shared: &Arc<Shared>, dir: &Path, life: Duration) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let resource = Self {
            shared: Arc::clone(shared),
            principal: name(shared, "fnfunc"),
            rpst: dir.join("rpst"),
            private_pem: dir.join("private.pem"),
            region: short_name(&home(shared)),
        };
        resource.renew(life)?;
        Ok(resource)
    }

    /// What the platform does every few minutes: another token and key in the same files.
    pub fn renew(&self, life: Duration) -> io::Result<()> {
        let (token, key) = session(&self.shared, &self.principal, life);
        write_private(&self.private_pem, &encode_pem("PRIVATE KEY", &key.pkcs8))?;
        write_private(&self.rpst, &token)
    }

    /// Its OCID.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }
}

/// What the metadata service tells an instance about itself.
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: FreshKey,
}

impl Identity {
    /// A new certificate for an instance; only the last one of an instance is accepted.
    fn make(shared: &Shared, id: &str) -> Arc<Self> {
        let key = FreshKey::make();
        let tenancy = shared.world.tenancy_id();
        let certificate = shared.principals.authority.leaf(id, tenancy.as_str(), &key);
        shared.users.insert(tenancy.as_str(), "fed-x509", &thumbprint(&certificate), key.spki.clone());
        let identity = Arc::new(Self { id: id.to_owned(), certificate, key });
        let mut instances = shared.principals.instances.lock().unwrap_or_else(PoisonError::into_inner);
        instances.insert(id.to_owned(), Arc::clone(&identity));
        identity
    }
}

/// A compute instance.
pub struct Instance {
    shared: Arc<Shared>,
    principal: String,
    /// The base of its metadata service, `http://127.0.0.1:PORT/opc/v2`.
    pub metadata_url: String,
}

impl Instance {
    pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let principal = name(shared, "instance");
        Identity::make(shared, &principal);
        let url = shared.url(&Endpoint::Metadata { region: home(shared), instance: principal.clone() })?;
        Ok(Self { shared: Arc::clone(shared), principal, metadata_url: format!("{url}/opc/v2") })
    }

    /// What happens several times a day: the metadata service has another certificate and key.
    pub fn renew_certificate(&self) {
        Identity::make(&self.shared, &self.principal);
    }

    /// Its OCID.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }
}

/// A pod, with what Kubernetes mounts into it and the proxymux of its cluster.
pub struct Pod {
    principal: String,
    /// The service account's token.
    pub token_path: PathBuf,
    /// The certificate of the cluster's authority.
    pub ca_path: PathBuf,
    /// `https://127.0.0.1:PORT`; in a real cluster the port is 12250.
    pub proxymux_url: String,
}

impl Pod {
    pub(crate) fn start(shared: &Arc<Shared>, dir: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let principal = name(shared, "workload");
        let service_account = jwt(json!({
            "sub": "system:serviceaccount:default:keywheel", "jti": shared.next_request_id(),
            "exp": (shared.now() + SERVICE_ACCOUNT_LIFE).as_second(),
        }));
        let (token_path, ca_path) = (dir.join("token"), dir.join("ca.crt"));
        write_private(&token_path, &service_account)?;
        write_private(&ca_path, &encode_pem("CERTIFICATE", &shared.principals.authority.root))?;
        shared
            .principals
            .pods
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(service_account, principal.clone());
        let address = proxymux::listen(shared, shared.principals.authority.server())?;
        Ok(Self { principal, token_path, ca_path, proxymux_url: format!("https://{address}") })
    }

    /// Its OCID.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }
}

macro_rules! shown_by_name {
    ($($of:ty),*) => {$(
        impl fmt::Debug for $of {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($of)).field("principal", &self.principal()).finish_non_exhaustive()
            }
        }
    )*};
}

shown_by_name!(Session, Resource, Instance, Pod);

/// The three-letter code of the two regions for which platforms say it.
pub(crate) fn short_name(region: &Region) -> String {
    match region.as_str() {
        "us-ashburn-1" => "iad".to_owned(),
        "us-phoenix-1" => "phx".to_owned(),
        long => long.to_owned(),
    }
}

/// SHA-1 of a certificate, `AA:BB:…`.
pub(crate) fn thumbprint(certificate: &[u8]) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    let pairs: Vec<String> = hash.as_ref().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect();
    pairs.join(":")
}

/// A root and an intermediate, thrown away with the emulator.
struct Authority {
    root: Vec<u8>,
    root_issuer: Issuer<'static, KeyPair>,
    intermediate: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

const MADE: &str = "rcgen makes certificates of sound parameters";

impl Authority {
    fn found() -> Self {
        let params = |name: &str| {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let (root, intermediate) = (params("keywheel emulator root"), params("PKISVC Identity Intermediate emulator"));
        let (root_key, key) = (KeyPair::generate().expect(MADE), KeyPair::generate().expect(MADE));
        let root_certificate = root.self_signed(&root_key).expect(MADE);
        let root_issuer = Issuer::new(root, root_key);
        let certificate = intermediate.signed_by(&key, &root_issuer).expect(MADE);
        Self {
            root: root_certificate.der().to_vec(),
            root_issuer,
            intermediate: certificate.der().to_vec(),
            issuer: Issuer::new(intermediate, key),
        }
    }

    /// A leaf as instances have it: the tenancy stands in the subject.
    fn leaf(&self, instance: &str, tenancy: &str, key: &FreshKey) -> Vec<u8> {
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&key.pkcs8.as_slice().into(), &PKCS_RSA_SHA256).expect(MADE);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "opc-certtype:instance");
        params.distinguished_name.push(DnType::OrganizationalUnitName, format!("opc-tenant:{tenancy}"));
        params.distinguished_name.push(DnType::CommonName, instance);
        params.signed_by(&pair, &self.issuer).expect(MADE).der().to_vec()
    }

    /// A certificate and key for TLS on 127.0.0.1.
    fn server(&self) -> proxymux::Server {
        let mut params = CertificateParams::default();
        params.subject_alt_names.push(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()));
        let key = KeyPair::generate().expect(MADE);
        let certificate = params.signed_by(&key, &self.root_issuer).expect(MADE).der().to_vec();
        proxymux::Server { certificate, key: key.serialize_der() }
    }
}
