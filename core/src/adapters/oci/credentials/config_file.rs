//! `~/.oci/config`: an INI file that names who one is and where the key lies.
//!
//! Read once, with all problems reported together. A secret in the file (pass_phrase, key_content) is
//! never repeated in an error.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use data_encoding::BASE64URL_NOPAD;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Credentials, Refreshed, SigningKey};
use crate::adapters::oci::region;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Region, ResourceId};

/// Files longer than this are not config, key or token files.
const FILE_BYTES_MAX: u64 = 1 << 20;
const DEFAULT_PROFILE: &str = "DEFAULT";

/// One profile, checked.
pub struct ConfigFile {
    /// The root compartment.
    pub tenancy: CompartmentId,
    /// Where calls go that name no region.
    pub region: Region,
    principal: Principal,
    key: SigningKey,
}

enum Principal {
    ApiKey { user: ResourceId },
    SessionToken { file: PathBuf, token: SecretString },
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile")
            .field("tenancy", &self.tenancy)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Program,
}

/// Everything wrong with a profile, one line each.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, field: &str, text: impl fmt::Display) {
        self.0.push(format!("{field}: {text}"));
    }

    /// Keeps a good value, notes a bad one.
    fn check<T, E: fmt::Display>(&mut self, field: &str, value: Result<T, E>) -> Option<T> {
        value.map_err(|why| self.add(field, why)).ok()
    }
}

impl ConfigFile {
    /// Reads a profile; without a path, of `~/.oci/config`. No environment variable names another.
    ///
    /// # Errors
    /// `Config`, with every problem of the profile in one message.
    pub fn load(path: Option<&Path>, profile: Option<&str>, passphrase: Option<&SecretString>) -> Result<Self> {
        let path = path.map_or_else(default_path, |path| Ok(expand_home(&path.to_string_lossy())))?;
        let profile = profile.unwrap_or(DEFAULT_PROFILE);
        let text = read_file(&path).map_err(|why| {
            Error::new(
                ErrorKind::Config,
                "oci_config",
                format!("the OCI config file {why}; `oci setup config` writes one"),
            )
            .with("file", path.display())
        })?;
        let text = String::from_utf8(text).map_err(|_| {
            Error::new(ErrorKind::Config, "oci_config", "the OCI config file is not UTF-8").with("file", path.display())
        })?;
        let mut problems = Problems::default();
        let values = section(&text, profile, &mut problems);
        let read = values.and_then(|values| Self::from_values(&values, passphrase, Origin::File, &mut problems));
        read.filter(|_| problems.0.is_empty()).ok_or_else(|| {
            let count = problems.0.len();
            let noun = if count == 1 { "problem" } else { "problems" };
            Error::new(
                ErrorKind::Config,
                "oci_config",
                format!("{count} {noun} in profile {profile:?}:\n  {}", problems.0.join("\n  ")),
            )
            .with("file", path.display())
        })
    }

    /// Checks what a program knows in place of a file: the same names and values. Here the key may stand in
    /// `key_content` itself.
    ///
    /// # Errors
    /// `Config`, with every problem in one message. No value is repeated that may be a secret.
    pub fn from_map(values: &BTreeMap<String, String>) -> Result<Self> {
        let mut problems = Problems::default();
        let read = Self::from_values(values, None, Origin::Program, &mut problems);
        read.filter(|_| problems.0.is_empty()).ok_or_else(|| {
            let list = problems.0.join("\n  ");
            Error::new(ErrorKind::Config, "oci_config", format!("the OCI config cannot be used:\n  {list}"))
        })
    }

    fn from_values(
        values: &BTreeMap<String, String>,
        passphrase: Option<&SecretString>,
        origin: Origin,
        problems: &mut Problems,
    ) -> Option<Self> {
        let value = |name: &str| values.get(name).map(String::as_str).filter(|value| !value.is_empty());
        for (name, why) in [
            (
                "key_content",
                "a key inside the config file is not read; put it into a file of its own and name it in key_file",
            ),
            ("delegation_token_file", "delegation tokens are not supported"),
        ] {
            if value(name).is_some() && (name, origin) != ("key_content", Origin::Program) {
                problems.add(name, why);
            }
        }
        if let Some(kind) = value("authentication_type") {
            problems.add(
                "authentication_type",
                format!("{:?} is not supported from a config file; use an API key", cut(kind)),
            );
        }

        let tenancy = required(&value, "tenancy", problems).and_then(|text| {
            let tenancy = CompartmentId::parse(text).ok().filter(|id| id.as_str().starts_with("ocid1.tenancy."));
            problems.check(
                "tenancy",
                tenancy.ok_or_else(|| format!("{:?} is not a tenancy OCID (ocid1.tenancy.…)", cut(text))),
            )
        });
        let region = required(&value, "region", problems)
            .and_then(|text| problems.check("region", region::parse(text).map_err(|error| error.message().to_owned())));
        let in_file = value("pass_phrase").map(SecretString::from);
        let passphrase = passphrase.or(in_file.as_ref());
        let key = match value("key_content").filter(|_| origin == Origin::Program) {
            Some(text) => {
                let read = SigningKey::read(text.as_bytes(), passphrase).map_err(|problem| problem.0);
                problems.check("key_content", read)
            }
            None => required(&value, "key_file", problems)
                .and_then(|path| problems.check("key_file", load_key(path, passphrase))),
        };

        let principal = if let Some(file) = value("security_token_file") {
            let file = expand_home(file);
            let token = problems.check("security_token_file", read_token(&file));
            token.map(|token| Principal::SessionToken { file, token })
        } else {
            let user = required(&value, "user", problems).and_then(|text| {
                let user = ResourceId::parse(text).ok().filter(|id| id.as_str().starts_with("ocid1.user."));
                problems.check("user", user.ok_or_else(|| format!("{:?} is not a user OCID (ocid1.user.…)", cut(text))))
            });
            let stated = required(&value, "fingerprint", problems);
            if let (Some(stated), Some(key)) = (stated, &key) {
                check_fingerprint(stated, key, problems);
            }
            user.map(|user| Principal::ApiKey { user })
        };
        Some(Self { tenancy: tenancy?, region: region?, principal: principal?, key: key? })
    }

    /// Turns it into something that signs.
    #[must_use]
    pub fn into_credentials(self) -> ConfigFileCredentials {
        let (key_id, token_file) = match self.principal {
            Principal::ApiKey { user } => {
                let key_id = format!("{}/{user}/{}", self.tenancy, self.key.fingerprint());
                (SecretString::from(key_id), None)
            }
            Principal::SessionToken { file, token } => (session_key_id(&token), Some(file)),
        };
        ConfigFileCredentials { key: Arc::new(self.key), key_id: RwLock::new(key_id), token_file }
    }
}

fn required<'a>(value: &impl Fn(&str) -> Option<&'a str>, name: &str, problems: &mut Problems) -> Option<&'a str> {
    let found = value(name);
    if found.is_none() {
        problems.add(name, "it is missing; `oci setup config` writes it");
    }
    found
}

fn check_fingerprint(stated: &str, key: &SigningKey, problems: &mut Problems) {
    let well_formed = stated.len() == 47
        && stated.split(':').count() == 16
        && stated.split(':').all(|pair| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit()));
    if !well_formed {
        problems.add("fingerprint", format!("{:?} is not 16 pairs of hex digits like 20:3b:97:…", cut(stated)));
    } else if !stated.eq_ignore_ascii_case(key.fingerprint()) {
        problems.add(
            "fingerprint",
            format!(
                "{stated} does not belong to the key in key_file, whose fingerprint is {}; one of the two is from another key",
                key.fingerprint()
            ),
        );
    }
}

fn load_key(path: &str, passphrase: Option<&SecretString>) -> Result<SigningKey, String> {
    let path = expand_home(path);
    let text = zeroize::Zeroizing::new(read_file(&path).map_err(|why| format!("{} {why}", path.display()))?);
    SigningKey::read(&text, passphrase).map_err(|problem| format!("{}: {}", path.display(), problem.0))
}

fn read_token(path: &Path) -> Result<SecretString, String> {
    let bytes = read_file(path).map_err(|why| format!("{} {why}", path.display()))?;
    let token = String::from_utf8(bytes).unwrap_or_default();
    let token = token.trim();
    if token.split('.').count() != 3 || !token.bytes().all(|b| b.is_ascii_graphic() && b != b'"') {
        return Err(format!("{} holds no session token; `oci session authenticate` writes one", path.display()));
    }
    #[allow(
        clippy::disallowed_methods,
        reason = "a session ends by the wall clock, whatever clock the engine waits by"
    )]
    let now = jiff::Timestamp::now();
    let expired = expiry(token).filter(|expiry| *expiry <= now);
    match expired {
        Some(expiry) => Err(format!("the session ended at {expiry}; `oci session authenticate` starts a new one")),
        None => Ok(SecretString::from(token)),
    }
}

/// The `exp` claim of a token, unverified: only the service can verify it.
fn expiry(token: &str) -> Option<jiff::Timestamp> {
    let payload = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
    jiff::Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

fn session_key_id(token: &SecretString) -> SecretString {
    SecretString::from(format!("ST${}", token.expose_secret()))
}

/// The values of one section over those of `[DEFAULT]`, as Python's ConfigParser has it.
fn section(text: &str, profile: &str, problems: &mut Problems) -> Option<BTreeMap<String, String>> {
    let mut sections: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            sections.entry(name.trim().to_owned()).or_default();
            current = Some(name.trim().to_owned());
            continue;
        }
        // The line itself may hold a passphrase, so only its number is told.
        let Some((name, value)) = line.split_once(['=', ':']) else {
            problems.add(&format!("line {}", number + 1), "it is neither [section] nor name=value");
            continue;
        };
        let Some(section) = current.as_ref().and_then(|name| sections.get_mut(name)) else {
            problems
                .add(&format!("line {}", number + 1), "it stands before any [section]; begin the file with [DEFAULT]");
            continue;
        };
        section.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut values = sections.get(DEFAULT_PROFILE).cloned().unwrap_or_default();
    match sections.get(profile) {
        Some(own) => values.extend(own.clone()),
        None => {
            let known: Vec<_> = sections.keys().map(|name| cut(name)).collect();
            problems.add("profile", format!("there is no [{}]; the file has: {}", cut(profile), known.join(", ")));
            return None;
        }
    }
    Some(values)
}

fn cut(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(path).map_err(|cause| format!("cannot be read ({cause})"))?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("is {length} bytes long and cannot be what it is taken for"));
    }
    std::fs::read(path).map_err(|cause| format!("cannot be read ({cause})"))
}

fn expand_home(path: &str) -> PathBuf {
    let rest = path.strip_prefix("~/").or_else(|| path.strip_prefix("~\\"));
    match (rest, std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

fn default_path() -> Result<PathBuf> {
    let usual = expand_home("~/.oci/config");
    if usual.is_file() {
        return Ok(usual);
    }
    Err(Error::new(
        ErrorKind::Config,
        "oci_config",
        "there is no OCI config file; `oci setup config` writes one, or name another",
    )
    .with("file", usual.display()))
}

/// Signs with the key that a config file names.
pub struct ConfigFileCredentials {
    key: Arc<SigningKey>,
    key_id: RwLock<SecretString>,
    token_file: Option<PathBuf>,
}

#[async_trait]
impl Credentials for ConfigFileCredentials {
    fn key_id(&self) -> String {
        self.key_id.read().unwrap_or_else(std::sync::PoisonError::into_inner).expose_secret().to_owned()
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        self.key
            .sign(signing_string.as_bytes())
            .map_err(|_| Error::bug("sign", "the RSA library refused to sign with a key that it accepted"))
    }

    /// An API key is what it is; a session token may have been renewed by `oci session refresh`.
    async fn refresh(&self) -> Result<Refreshed> {
        let Some(file) = &self.token_file else { return Ok(Refreshed::Same) };
        let token = read_token(file).map_err(|why| Error::new(ErrorKind::Denied, "refresh", why))?;
        let renewed = session_key_id(&token);
        let mut held = self.key_id.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.expose_secret() == renewed.expose_secret() {
            return Ok(Refreshed::Same);
        }
        *held = renewed;
        Ok(Refreshed::Renewed)
    }
}

#[cfg(test)]
#[path = "config_file_tests.rs"]
mod tests;
