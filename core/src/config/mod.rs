//! The config file: text in, checked settings out, every problem of it reported together.
//!
//! Nothing here touches the network or the journal. What is wrong is said with path, value and
//! remedy; a value that might be a secret is never repeated.

mod attribution;
mod audit;
mod credentials;
mod duration;
mod enroll;
mod metrics;
mod notices;
mod problem;
mod reader;
mod sections;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use audit::{Audit, AuditBucketConfig, AuditLogConfig};
pub use credentials::{CredentialKind, WorkloadAccess};
pub use duration::{parse_duration, show_duration};
pub use metrics::MetricsTarget;
pub use notices::{HookAddress, HookFormat, HookUrl, Notices, WebhookConfig};
pub use problem::{Problem, Problems};
pub use template::{FoundKey, Template};

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Region, Settings};

/// A config whose every value was checked; what `compose` needs besides [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it came from.
    pub path: PathBuf,
    /// The profile of an OCI config file, for the kinds of credentials that come from one.
    pub oci: OciAccess,
    /// Who signs.
    pub credentials: CredentialKind,
    /// The SQLite file of the journal.
    pub journal: PathBuf,
    /// Policy, scope, margins, budgets.
    pub settings: Settings,
    /// Who is told.
    pub notices: Notices,
    /// Where OCI Monitoring keeps metrics, if it is to.
    pub metrics: Option<MetricsTarget>,
    /// Where the audit trail is copied to.
    pub audit: Audit,
    /// Whether Oracle's audit log is asked who made a version.
    pub reads_audit_events: bool,
    /// Regions whose endpoints are a rehearsal's, on literal loopback.
    pub endpoints: BTreeMap<Region, String>,
}

/// Which section of which OCI config file to sign with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciAccess {
    /// The OCI config file.
    pub config_file: PathBuf,
    /// Its section.
    pub profile: String,
    /// A file that holds the private key's passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// Requests per second to key management: a part of the tenancy's limit, which people share.
    pub kms_requests_per_second: u32,
    /// Whether a bucket whose listed etag did not change since it was read is taken to be under the same key.
    pub believe_listed_etags: bool,
}

impl Config {
    /// Reads and checks a config file; relative paths in it are relative to it.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Config, "config", "the config file cannot be read; write one with `keywheel init`")
                .with("path", path.display())
                .caused_by(error)
        })?;
        Self::parse(&text, path, home().as_deref())
    }

    /// Checks a config's text as if it stood at `path`; `home` is what `~` stands for.
    pub fn parse(text: &str, path: &Path, home: Option<&Path>) -> Result<Self> {
        let mut problems = Vec::new();
        let config = sections::read(text, path, home, &mut problems);
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(Problems::new(path, problems).into_error()),
        }
    }
}

/// The home directory that `~` stands for.
#[allow(clippy::disallowed_methods, reason = "`~` in a path of the config means HOME; nothing else is read from it")]
#[must_use]
pub fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}
