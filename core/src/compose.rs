//! From a config to ports: the only file that names adapters.
//!
//! Builds and connects, decides nothing. Whatever can be refused without the network is refused first:
//! the config, the credentials, the journal, in this order.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::adapters::layers::PacePolicy;
use crate::adapters::oci;
use crate::adapters::sqlite::SqliteJournal;
use crate::adapters::system::{FileSink, StderrNotifier, SystemClock, SystemRandom};
use crate::config::Config;
use crate::ports::{AuditSink, KeyStore, Notifier, Ports, ReKeyer, ResourceCatalog};
use crate::rotator::Rotator;
use crate::{Error, ErrorKind, Result};

impl Rotator {
    /// A rotator for the tenancy and the journal that a config file names.
    ///
    /// Its calls need the caller's tokio runtime. Reads files and opens the journal here; the network is not
    /// touched before the first call.
    ///
    /// # Errors
    /// `Config` with all problems of the file or of the OCI profile at once; the journal's own refusals.
    pub async fn from_config(path: impl AsRef<Path>) -> Result<Self> {
        let config = Config::load(path.as_ref())?;
        let ports = Ports::from_config(&config)?;
        Ok(Self::with_ports(config.settings, ports))
    }
}

impl Ports {
    /// Every adapter that a config asks for, ready to be used or decorated. Sends nothing.
    ///
    /// # Errors
    /// As [`Rotator::from_config`].
    pub fn from_config(config: &Config) -> Result<Self> {
        let Tenancy { client, key_store, catalog, rekeyer } = Tenancy::connect(config)?;
        let pace = Some(client.pace());
        let journal = SqliteJournal::open(&config.journal)?;
        let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
        if let Some((topic, region)) = &config.notices.topic {
            notifiers.push(Arc::new(oci::Topic::new(client, topic.clone()).in_region(region.clone())));
        }
        if config.notices.stderr {
            notifiers.push(Arc::new(StderrNotifier));
        }
        let mut audit: Vec<Arc<dyn AuditSink>> = Vec::new();
        if let Some(file) = &config.audit_file {
            audit.push(Arc::new(FileSink::open(file)?));
        }
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        Ok(Self { key_store, catalog, rekeyer, audit, notifiers, journal, clock, random, pace })
    }
}

/// The ports that face a tenancy, without a journal: for looking around before there is one.
pub struct Tenancy {
    client: Arc<oci::Client>,
    /// Vaults, keys, versions.
    pub key_store: Arc<dyn KeyStore>,
    /// Regions, compartments, resources.
    pub catalog: Arc<dyn ResourceCatalog>,
    rekeyer: Arc<dyn ReKeyer>,
}

impl Tenancy {
    /// Reads the credentials that a config names. Sends nothing.
    ///
    /// # Errors
    /// `Config` with all problems of the OCI profile at once.
    pub fn connect(config: &Config) -> Result<Self> {
        let passphrase = config.oci.passphrase_file.as_deref().map(read_passphrase).transpose()?;
        let mut endpoints = oci::Endpoints::production();
        for (region, base) in &config.endpoints {
            endpoints = endpoints.with_override(region.clone(), base)?;
        }
        let client = oci::Client::from_config_file(oci::ClientSettings {
            config_file: Some(config.oci.config_file.clone()),
            profile: Some(config.oci.profile.clone()),
            passphrase,
            endpoints,
            pace: PacePolicy { kms_max: f64::from(config.oci.kms_requests_per_second), ..PacePolicy::default() },
            ..oci::ClientSettings::default()
        })?;
        Ok(Self {
            key_store: Arc::new(oci::VaultKeyStore::new(Arc::clone(&client))),
            catalog: Arc::new(oci::Catalog::new(Arc::clone(&client))),
            rekeyer: Arc::new(oci::Rekeyers::new(Arc::clone(&client))),
            client,
        })
    }
}

/// Reads the first line of a passphrase file; the rest of the world never sees it.
fn read_passphrase(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Error::new(ErrorKind::Config, "config", "the passphrase file (oci.passphrase_file) cannot be read")
            .with("path", path.display())
            .caused_by(error)
    })?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}
