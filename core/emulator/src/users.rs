//! API keys: who may sign, and the OCI config file that lets an official client be one of them.
//!
//! Private keys are made here for tests and demos, go into a file of mode 0600 and are kept nowhere.

use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use data_encoding::{BASE64, BASE64_MIME, HEXLOWER};
use jiff::Timestamp;
use md5::{Digest, Md5};

/// A registered public key and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The tenancy's OCID.
    pub tenancy: String,
    /// The user's OCID.
    pub user: String,
    /// DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// When it stops being accepted; an API key never does, a session's key ends with its token.
    pub ends: Option<Timestamp>,
}

/// Every key the emulator knows, by keyId: `<tenancy>/<user>/<fingerprint>` or `ST$<token>`.
#[derive(Debug, Default)]
pub struct Users {
    keys: RwLock<HashMap<String, ApiKey>>,
}

impl Users {
    /// Registers a PEM public key under its own fingerprint and returns the fingerprint.
    pub fn register(&self, tenancy: &str, user: &str, public_pem: &str) -> Result<String, String> {
        let spki = decode_pem(public_pem)?;
        let fingerprint = fingerprint(&spki);
        self.insert(tenancy, user, &fingerprint, spki);
        Ok(fingerprint)
    }

    /// Registers a PEM public key under a fingerprint that is not its own, as the published vectors need it.
    pub fn register_as(&self, tenancy: &str, user: &str, fingerprint: &str, public_pem: &str) -> Result<(), String> {
        let spki = decode_pem(public_pem)?;
        self.insert(tenancy, user, fingerprint, spki);
        Ok(())
    }

    /// Returns the key with this keyId.
    #[must_use]
    pub fn key(&self, key_id: &str) -> Option<ApiKey> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(key_id).cloned()
    }

    pub(crate) fn insert(&self, tenancy: &str, user: &str, fingerprint: &str, spki: Vec<u8>) {
        let key = ApiKey { tenancy: tenancy.to_owned(), user: user.to_owned(), spki, ends: None };
        self.put(format!("{tenancy}/{user}/{fingerprint}"), key);
    }

    pub(crate) fn put(&self, key_id: String, key: ApiKey) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(key_id, key);
    }

    /// Ends every session that there is at this instant; API keys stay.
    pub(crate) fn end_sessions(&self, now: Timestamp) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.values_mut().filter_map(|key| key.ends.as_mut()).for_each(|ends| *ends = now.min(*ends));
    }
}

/// A new RSA-2048 key, both halves in DER.
pub(crate) struct FreshKey {
    pub(crate) spki: Vec<u8>,
    pub(crate) pkcs8: Vec<u8>,
}

impl FreshKey {
    pub(crate) fn make() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("aws-lc makes RSA keys of 2048 bits");
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().expect("a fresh public key has a DER form");
        let private: Pkcs8V1Der<'_> = pair.as_der().expect("a fresh key has a PKCS#8 form");
        Self { spki: public.as_ref().to_vec(), pkcs8: private.as_ref().to_vec() }
    }

    /// The PKCS#1 form, which the metadata service hands out.
    pub(crate) fn pkcs1(&self) -> &[u8] {
        /// Version, algorithm and two headers with lengths of two bytes each.
        const HEAD: usize = 26;
        let inner = &self.pkcs8[HEAD..];
        assert!(inner.starts_with(&[0x30, 0x82]), "PKCS#8 of an RSA-2048 key has a head of 26 bytes");
        inner
    }
}

/// A user with a fresh RSA-2048 key, registered at the emulator.
pub struct ApiUser {
    tenancy: String,
    user: String,
    region: String,
    fingerprint: String,
    private_pem: String,
}

impl ApiUser {
    /// Makes a key and registers its public half.
    pub(crate) fn make(users: &Users, tenancy: &str, user: &str, region: &str) -> Self {
        let FreshKey { spki, pkcs8 } = FreshKey::make();
        let fingerprint = fingerprint(&spki);
        users.insert(tenancy, user, &fingerprint, spki);
        Self {
            tenancy: tenancy.to_owned(),
            user: user.to_owned(),
            region: region.to_owned(),
            fingerprint,
            private_pem: encode_pem("PRIVATE KEY", &pkcs8),
        }
    }

    /// Writes `config` and `key.pem` into `dir`, both readable by the owner alone.
    pub fn write_config(&self, dir: &Path) -> std::io::Result<OciConfig> {
        std::fs::create_dir_all(dir)?;
        let dir = dir.canonicalize()?;
        let (config_path, key_path) = (dir.join("config"), dir.join("key.pem"));
        write_private(&key_path, &self.private_pem)?;
        let Self { tenancy, user, region, fingerprint, .. } = self;
        let text = format!(
            "[DEFAULT]\nuser={user}\nfingerprint={fingerprint}\ntenancy={tenancy}\nregion={region}\nkey_file={}\n",
            key_path.display()
        );
        write_private(&config_path, &text)?;
        Ok(OciConfig {
            config_path,
            key_path,
            user: user.clone(),
            tenancy: tenancy.clone(),
            fingerprint: fingerprint.clone(),
            region: region.clone(),
        })
    }

    /// The user's OCID.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }
}

impl fmt::Debug for ApiUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiUser")
            .field("user", &self.user)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// An OCI config on disk, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciConfig {
    /// The config file, section `DEFAULT`.
    pub config_path: PathBuf,
    /// The private key, PKCS#8 PEM.
    pub key_path: PathBuf,
    /// The user's OCID.
    pub user: String,
    /// The tenancy's OCID.
    pub tenancy: String,
    /// MD5 of the public key, lower-case hex with colons.
    pub fingerprint: String,
    /// The home region's identifier.
    pub region: String,
}

/// MD5 of DER SubjectPublicKeyInfo, `aa:bb:…`: what OCI calls a key's fingerprint.
#[must_use]
pub fn fingerprint(spki: &[u8]) -> String {
    let hex = HEXLOWER.encode(&Md5::digest(spki));
    let pairs: Vec<&str> = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]).collect();
    pairs.join(":")
}

pub(crate) fn encode_pem(label: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for start in (0..text.len()).step_by(64) {
        pem.push_str(&text[start..text.len().min(start + 64)]);
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

fn decode_pem(pem: &str) -> Result<Vec<u8>, String> {
    let body = pem
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(body, _)| body)
        .ok_or("not a PEM public key (-----BEGIN PUBLIC KEY-----)")?;
    let compact: String = body.split_whitespace().collect();
    BASE64_MIME.decode(compact.as_bytes()).map_err(|error| format!("the PEM's base64 is broken: {error}"))
}

pub(crate) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    file.write_all(text.as_bytes())
}
