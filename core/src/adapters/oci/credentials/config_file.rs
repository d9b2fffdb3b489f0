//! `~/.oci/config`: an INI file that names who one is and where the key lies.
//!
//! Read once, with all problems reported together. A secret in the file (pass_phrase, key_content) is
//! never repeated in an error.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::files::{expand_home, read_file};
use super::renewing::Renewing;
use super::session_token::SessionFiles;
use super::{Credentials, Principal, Refreshed, SigningKey};
use crate::adapters::oci::region;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Region, ResourceId};
use crate::ports::Clock;

const DEFAULT_PROFILE: &str = "DEFAULT";

/// One profile, checked.
pub struct ConfigFile {
    /// The root compartment.
    pub tenancy: CompartmentId,
    /// Where calls go that name no region.
    pub region: Region,
    signer: Signer,
    exportable: bool,
}

enum Signer {
    ApiKey { user: ResourceId, key: SigningKey },
    Session(SessionFiles),
}

/// Which profile of which file, and how it must sign.
#[derive(Clone, Copy, Default)]
pub struct Profile<'a> {
    /// The file; `~/.oci/config` if none is named.
    pub file: Option<&'a Path>,
    /// The section; `DEFAULT` if none is named.
    pub name: Option<&'a str>,
    /// What opens an encrypted key file, before what the profile says.
    pub passphrase: Option<&'a SecretString>,
    /// What it must hold.
    pub kind: ProfileKind,
}

/// What a profile must hold to sign with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProfileKind {
    /// An API key, or a session token if it names one.
    #[default]
    Any,
    /// The same, held by a program in place of a file: the key may stand in `key_content` itself.
    InMemory,
    /// A session token.
    SessionToken,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigFile")
            .field("tenancy", &self.tenancy)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
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
    /// Reads a profile. No environment variable names another. A session must live at `clock`'s present.
    ///
    /// # Errors
    /// `Config`, with every problem of the profile in one message.
    pub fn load(wanted: Profile<'_>, clock: &dyn Clock) -> Result<Self> {
        let path = wanted.file.map_or_else(default_path, |path| Ok(expand_home(&path.to_string_lossy())))?;
        let profile = wanted.name.unwrap_or(DEFAULT_PROFILE);
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
        let read = values.and_then(|values| Self::from_values(&values, profile, wanted, clock, &mut problems));
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

    /// Checks what a program knows in place of a file: the same names and values.
    ///
    /// # Errors
    /// `Config`, with every problem in one message. No value is repeated that may be a secret.
    pub fn from_map(values: &BTreeMap<String, String>, clock: &dyn Clock) -> Result<Self> {
        let (mut problems, wanted) =
            (Problems::default(), Profile { kind: ProfileKind::InMemory, ..Profile::default() });
        let read = Self::from_values(values, DEFAULT_PROFILE, wanted, clock, &mut problems);
        read.filter(|_| problems.0.is_empty()).ok_or_else(|| {
            let list = problems.0.join("\n  ");
            Error::new(ErrorKind::Config, "oci_config", format!("the OCI config cannot be used:\n  {list}"))
        })
    }

    fn from_values(
        values: &BTreeMap<String, String>,
        profile: &str,
        wanted: Profile<'_>,
        clock: &dyn Clock,
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
            if value(name).is_some() && (name, wanted.kind) != ("key_content", ProfileKind::InMemory) {
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
        let passphrase = wanted.passphrase.or(in_file.as_ref());
        let key_content = value("key_content").filter(|_| wanted.kind == ProfileKind::InMemory);
        let key_file = match key_content {
            Some(_) => None,
            None => required(&value, "key_file", problems).map(expand_home),
        };

        let signer = match value("security_token_file") {
            Some(token) => {
                let token = expand_home(token);
                key_file.and_then(|key| {
                    let (profile, passphrase) = (profile.to_owned(), passphrase.cloned());
                    let files = SessionFiles { profile, token, key, passphrase, read: Mutex::default() };
                    let key = problems.check("key_file", files.load_key());
                    let token = problems.check("security_token_file", files.load_token(clock.now()));
                    (key.is_some() && token.is_some()).then_some(Signer::Session(files))
                })
            }
            None if wanted.kind == ProfileKind::SessionToken => {
                let why =
                    "it is missing; `oci session authenticate` writes a profile with one, or use kind = \"profile\"";
                problems.add("security_token_file", why);
                None
            }
            None => {
                let key = match key_content {
                    Some(text) => {
                        let read = SigningKey::read(text.as_bytes(), passphrase).map_err(|problem| problem.0);
                        problems.check("key_content", read)
                    }
                    None => key_file.and_then(|path| problems.check("key_file", load_key(&path, passphrase))),
                };
                let user = required(&value, "user", problems).and_then(|text| {
                    let user = ResourceId::parse(text).ok().filter(|id| id.as_str().starts_with("ocid1.user."));
                    problems
                        .check("user", user.ok_or_else(|| format!("{:?} is not a user OCID (ocid1.user.…)", cut(text))))
                });
                let stated = required(&value, "fingerprint", problems);
                if let (Some(stated), Some(key)) = (stated, &key) {
                    check_fingerprint(stated, key, problems);
                }
                user.zip(key).map(|(user, key)| Signer::ApiKey { user, key })
            }
        };
        Some(Self { tenancy: tenancy?, region: region?, signer: signer?, exportable: false })
    }

    /// Lets the credentials hand out their private key, for another client in this process.
    #[must_use]
    pub fn exportable(mut self) -> Self {
        self.exportable = true;
        self
    }

    /// Turns it into somebody who signs.
    #[must_use]
    pub fn into_principal(self, clock: Arc<dyn Clock>) -> Principal {
        let credentials: Arc<dyn Credentials> = match self.signer {
            Signer::ApiKey { user, key } => {
                let key_id = SecretString::from(format!("{}/{user}/{}", self.tenancy, key.fingerprint()));
                Arc::new(ApiKey { key, key_id, exportable: self.exportable })
            }
            Signer::Session(files) => {
                let renewing = Renewing::new(files, clock);
                Arc::new(if self.exportable { renewing.exportable() } else { renewing })
            }
        };
        Principal { credentials, tenancy: self.tenancy, region: self.region }
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

fn load_key(path: &Path, passphrase: Option<&SecretString>) -> Result<SigningKey, String> {
    let text = Zeroizing::new(read_file(path).map_err(|why| format!("{} {why}", path.display()))?);
    SigningKey::read(&text, passphrase).map_err(|problem| format!("{}: {}", path.display(), problem.0))
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

/// A user's API key: it never ends and cannot be renewed.
struct ApiKey {
    key: SigningKey,
    key_id: SecretString,
    exportable: bool,
}

#[async_trait]
impl Credentials for ApiKey {
    async fn key_id(&self) -> Result<String> {
        Ok(self.key_id.expose_secret().to_owned())
    }

    async fn sign(&self, signing_string: &str) -> Result<Vec<u8>> {
        self.key.signature(signing_string)
    }

    async fn refresh(&self) -> Result<Refreshed> {
        Ok(Refreshed::Same)
    }

    fn exportable_key(&self) -> Option<SecretString> {
        self.exportable.then(|| self.key.to_pem())?
    }
}

#[cfg(test)]
#[path = "config_file_tests.rs"]
mod tests;
