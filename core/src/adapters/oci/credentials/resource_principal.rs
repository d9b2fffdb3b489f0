//! Resource principal v2.2: what OCI Functions and container instances put into their environment.
//!
//! A token (RPST) and its key, each a file if the variable holds an absolute path and the value itself otherwise. The
//! platform renews the files; they are read anew when they change, before the token ends and after a 401. The
//! environment is read in one place, and only when a config chooses this kind.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::files::{Stamp, read_file};
use super::renewing::{Renewing, Session, Source};
use super::token::Token;
use super::{Principal, SigningKey};
use crate::adapters::oci::region;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, Region, Timestamp};
use crate::ports::Clock;

const VERSION: &str = "OCI_RESOURCE_PRINCIPAL_VERSION";
const RPST: &str = "OCI_RESOURCE_PRINCIPAL_RPST";
const PRIVATE_PEM: &str = "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM";
const PASSPHRASE: &str = "OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM_PASSPHRASE";
const REGION: &str = "OCI_RESOURCE_PRINCIPAL_REGION";

/// A resource that may call OCI in its own name, such as a Function.
pub struct ResourcePrincipal {
    /// Its tenancy (claim `res_tenant`).
    pub tenancy: CompartmentId,
    /// Its compartment (claim `res_compartment`), if the token says it.
    pub compartment: Option<CompartmentId>,
    /// Where it runs.
    pub region: Region,
    source: Variables,
}

impl std::fmt::Debug for ResourcePrincipal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourcePrincipal")
            .field("tenancy", &self.tenancy)
            .field("compartment", &self.compartment)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

impl ResourcePrincipal {
    /// Reads `OCI_RESOURCE_PRINCIPAL_…` of this process's environment.
    ///
    /// # Errors
    /// As [`Self::from_variables`].
    #[allow(clippy::disallowed_methods, reason = "the platform hands a resource its principal in the environment")]
    pub fn from_environment(clock: &dyn Clock) -> Result<Self> {
        Self::from_variables(|name| std::env::var(name).ok(), clock)
    }

    /// Reads the same variables from somewhere else.
    ///
    /// # Errors
    /// `Config`, with every problem of the variables in one message.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>, clock: &dyn Clock) -> Result<Self> {
        let mut problems = Vec::new();
        let mut needed = |name: &'static str| {
            let value = variable(name).filter(|value| !value.trim().is_empty());
            if value.is_none() {
                problems
                    .push(format!("{name}: it is not set; the platform sets it for a Function or container instance"));
            }
            value
        };
        let version = needed(VERSION);
        let (rpst, pem, region) = (needed(RPST), needed(PRIVATE_PEM), needed(REGION));
        if let Some(version) = version.filter(|version| version.trim() != "2.2") {
            let shown: String = version.chars().take(20).flat_map(char::escape_debug).collect();
            problems.push(format!("{VERSION}: {shown:?} is not supported; 2.2 is, which Functions have"));
        }
        let region = region.and_then(|text| match region::parse(&text) {
            Ok(region) => Some(region),
            Err(error) => {
                problems.push(format!("{REGION}: {}", error.message()));
                None
            }
        });
        let source = rpst.zip(pem).map(|(rpst, pem)| Variables {
            rpst: Held::of(rpst),
            pem: Held::of(pem),
            passphrase: variable(PASSPHRASE).filter(|text| !text.is_empty()).map(Held::of),
            read: Mutex::default(),
        });
        let mut tenancy = None;
        let mut compartment = None;
        if let Some(source) = &source {
            if let Err(why) = source.key() {
                problems.push(why);
            }
            match source.token(clock.now()) {
                Ok(token) => {
                    (tenancy, compartment) = (token.tenancy(), token.compartment());
                    if tenancy.is_none() {
                        problems.push(format!("{RPST}: the token does not say its tenancy (claim res_tenant)"));
                    }
                }
                Err(why) => problems.push(why),
            }
        }
        match (source, tenancy, region) {
            (Some(source), Some(tenancy), Some(region)) if problems.is_empty() => {
                Ok(Self { tenancy, compartment, region, source })
            }
            _ => {
                let (count, noun) = (problems.len(), if problems.len() == 1 { "problem" } else { "problems" });
                let list = problems.join("\n  ");
                let text = format!("{count} {noun} with the resource principal:\n  {list}");
                Err(Error::new(ErrorKind::Config, "resource_principal", text))
            }
        }
    }

    /// Turns it into somebody who signs.
    #[must_use]
    pub fn into_principal(self, clock: Arc<dyn Clock>) -> Principal {
        let credentials = Arc::new(Renewing::new(self.source, clock));
        Principal { credentials, tenancy: self.tenancy, region: self.region }
    }
}

/// What a variable holds.
enum Held {
    File(PathBuf),
    Literal(SecretString),
}

impl Held {
    fn of(value: String) -> Self {
        if Path::new(value.trim()).is_absolute() {
            Self::File(PathBuf::from(value.trim()))
        } else {
            Self::Literal(SecretString::from(value))
        }
    }

    fn read(&self, name: &str) -> std::result::Result<Zeroizing<Vec<u8>>, String> {
        match self {
            Self::File(path) => {
                read_file(path).map(Zeroizing::new).map_err(|why| format!("{name}: {} {why}", path.display()))
            }
            Self::Literal(text) => Ok(Zeroizing::new(text.expose_secret().as_bytes().to_vec())),
        }
    }

    fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::File(path) => Some(Stamp::of(path)),
            Self::Literal(_) => None,
        }
    }
}

/// The variables as sources of sessions.
struct Variables {
    rpst: Held,
    pem: Held,
    passphrase: Option<Held>,
    read: Mutex<Option<[Option<Stamp>; 2]>>,
}

impl Variables {
    fn key(&self) -> std::result::Result<SigningKey, String> {
        let passphrase = match &self.passphrase {
            None => None,
            Some(held) => {
                let bytes = held.read(PASSPHRASE)?;
                let text = std::str::from_utf8(&bytes).map_err(|_| format!("{PASSPHRASE}: it is not UTF-8"))?;
                Some(SecretString::from(text.trim_end_matches(['\r', '\n'])))
            }
        };
        let pem = self.pem.read(PRIVATE_PEM)?;
        SigningKey::read(&pem, passphrase.as_ref()).map_err(|problem| format!("{PRIVATE_PEM}: {}", problem.0))
    }

    fn token(&self, now: Timestamp) -> std::result::Result<Token, String> {
        let bytes = self.rpst.read(RPST)?;
        let token = std::str::from_utf8(&bytes).ok().and_then(Token::parse);
        let token = token.ok_or_else(|| match &self.rpst {
            Held::File(path) => format!("{RPST}: {} holds no token", path.display()),
            Held::Literal(_) => format!("{RPST}: it is neither a token nor the absolute path of a file with one"),
        })?;
        match (token.expires().filter(|end| *end <= now), &self.rpst) {
            (None, _) => Ok(token),
            (Some(end), Held::File(path)) => Err(format!(
                "{RPST}: the token in {} ended at {end} and the platform has written no other",
                path.display()
            )),
            (Some(end), Held::Literal(_)) => Err(format!(
                "{RPST}: the token ended at {end}; one in the environment cannot be renewed, start the process again or name a file"
            )),
        }
    }

    fn stamps(&self) -> [Option<Stamp>; 2] {
        [self.rpst.stamp(), self.pem.stamp()]
    }
}

#[async_trait]
impl Source for Variables {
    async fn fetch(&self, now: Timestamp) -> Result<Session> {
        // Before reading: a change while we read is a change that was not seen.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.stamps());
        let unusable = |why| Error::new(ErrorKind::Denied, "resource_principal", why);
        let key = self.key().map_err(unusable)?;
        let token = self.token(now).map_err(unusable)?;
        Ok(Session::until_it_ends(Arc::new(key), token, now))
    }

    fn has_changed(&self) -> bool {
        let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.is_some_and(|read| read != self.stamps())
    }
}

#[cfg(test)]
#[path = "resource_principal_tests.rs"]
mod tests;
