//! From a config to ports: the only file that names adapters.
//!
//! Builds and connects, decides nothing. Whatever can be refused without the network is refused first:
//! the config, the credentials, the journal, in this order.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::adapters::layers::{DigestPolicy, Digests, PacePolicy};
use crate::adapters::oci;
use crate::adapters::oci::credentials::{
    ConfigFile, InstancePrincipal, Principal, Profile, ProfileKind, ResourcePrincipal, WorkloadIdentity,
    WorkloadSettings,
};
use crate::adapters::oci::iam::{self, IamSubject, IamWants, LeastPrivilege};
use crate::adapters::sqlite::SqliteJournal;
use crate::adapters::system::{FileSink, StderrNotifier, SystemClock, SystemRandom};
#[cfg(feature = "webhook")]
use crate::adapters::webhook::{Format, Webhook, WebhookSettings};
use crate::config::{Audit, AuditBucketConfig, AuditLogConfig, Config, CredentialKind, MetricsTarget, WebhookConfig};
#[cfg(feature = "webhook")]
use crate::config::{HookAddress, HookFormat};
use crate::model::CompartmentId;
use crate::ports::{AuditSink, Examiner, KeyStore, MetricSink, Notifier, Ports, ReKeyer, ResourceCatalog};
use crate::rotator::Rotator;
use crate::{Error, ErrorKind, Result};

/// The IAM statements with which `subject` may do what a config asks for, and nothing more; grants to services included.
///
/// `keys_in` is the compartment of vaults and keys: without it, statements about them hold in the whole tenancy. Reads
/// and asks nothing.
#[must_use]
pub fn iam_policy(config: &Config, subject: IamSubject, keys_in: Option<&CompartmentId>) -> LeastPrivilege {
    iam::iam_policy(&IamWants {
        settings: &config.settings,
        has_topic: config.notices.topic.is_some(),
        metrics: config.metrics.as_ref().map(|target| &target.compartment),
        audit_bucket: config.audit.bucket.as_ref().map(|bucket| bucket.name.as_str()),
        has_audit_log: config.audit.log.is_some(),
        reads_audit_events: config.reads_audit_events,
        subject,
        keys_in,
    })
}

impl Rotator {
    /// A rotator for the tenancy and the journal that a config file names.
    ///
    /// Its calls need the caller's tokio runtime. Reads files and opens the journal here; OCI is not asked before the
    /// first call, only an instance asks its metadata service who it is, and a pod its cluster.
    ///
    /// # Errors
    /// `Config` with all problems of the file or of the credentials at once; the journal's own refusals.
    pub async fn from_config(path: impl AsRef<Path>) -> Result<Self> {
        let config = Config::load(path.as_ref())?;
        let ports = Ports::from_config(&config).await?;
        Ok(Self::with_ports(config.settings, ports))
    }
}

/// Ports that an application brings itself. What it brings, the config's adapters are not made for.
#[derive(Clone, Default)]
pub struct Brought {
    /// In place of the config's credentials.
    pub principal: Option<Principal>,
    /// In place of the vault adapter.
    pub key_store: Option<Arc<dyn KeyStore>>,
    /// In place of the catalog.
    pub catalog: Option<Arc<dyn ResourceCatalog>>,
    /// In place of the adapters of all kinds.
    pub rekeyer: Option<Arc<dyn ReKeyer>>,
    /// Besides the config's.
    pub audit: Vec<Arc<dyn AuditSink>>,
    /// Besides the config's.
    pub notifiers: Vec<Arc<dyn Notifier>>,
}

impl Brought {
    /// These ports with what was brought in place of theirs, or besides them.
    #[must_use]
    pub fn over(self, mut ports: Ports) -> Ports {
        ports.key_store = self.key_store.unwrap_or(ports.key_store);
        ports.catalog = self.catalog.unwrap_or(ports.catalog);
        ports.rekeyer = self.rekeyer.unwrap_or(ports.rekeyer);
        ports.audit.extend(self.audit);
        ports.notifiers.extend(self.notifiers);
        ports
    }
}

impl Ports {
    /// Every adapter that a config asks for, ready to be used or decorated. Sends what [`Tenancy::connect`] sends.
    ///
    /// # Errors
    /// As [`Rotator::from_config`].
    pub async fn from_config(config: &Config) -> Result<Self> {
        Self::from_config_and(config, Brought::default()).await
    }

    /// The same with ports of the application's own. With all three that face a tenancy and neither a topic nor
    /// metrics to send nor an audit log to ask, no credentials are read.
    ///
    /// # Errors
    /// As [`Rotator::from_config`].
    pub async fn from_config_and(config: &Config, brought: Brought) -> Result<Self> {
        let (key_store, catalog, rekeyer, client) = match brought.clone() {
            Brought { key_store: Some(key_store), catalog: Some(catalog), rekeyer: Some(rekeyer), .. }
                if config.notices.topic.is_none()
                    && config.metrics.is_none()
                    && config.audit.log.is_none()
                    && config.audit.bucket.is_none()
                    && !config.reads_audit_events =>
            {
                (key_store, catalog, rekeyer, None)
            }
            _ => {
                let Tenancy { client, key_store, catalog, rekeyer } =
                    Tenancy::connect_as(config, brought.principal.clone()).await?;
                (key_store, catalog, rekeyer, Some(client))
            }
        };
        let pace = client.as_ref().map(|client| client.pace());
        let journal = SqliteJournal::open(&config.journal)?;
        let mut notifiers: Vec<Arc<dyn Notifier>> = Vec::new();
        let paced = |notifier| -> Arc<dyn Notifier> {
            let policy = DigestPolicy { per_minute: config.notices.messages_per_minute, ..DigestPolicy::default() };
            Arc::new(Digests::of_process(notifier, Arc::new(SystemClock), policy))
        };
        if let (Some((topic, region)), Some(client)) = (&config.notices.topic, client.clone()) {
            notifiers.push(paced(Arc::new(oci::Topic::new(client, topic.clone()).in_region(region.clone()))));
        }
        if let Some(hook) = &config.notices.webhook {
            notifiers.push(paced(webhook(hook, config.settings.is_test)?));
        }
        if config.notices.stderr {
            notifiers.push(Arc::new(StderrNotifier));
        }
        let mut audit: Vec<Arc<dyn AuditSink>> = Vec::new();
        if let Some(file) = &config.audit.file {
            audit.push(Arc::new(FileSink::open(file)?));
        }
        if let Some(client) = &client {
            audit.extend(far_sinks(&config.audit, client));
        }
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let examiner = client.clone().map(|client| {
            Arc::new(oci::OciExaminer::new(client, Arc::clone(&clock) as _, premises(config))) as Arc<dyn Examiner>
        });
        let reads_audit_events = client.clone().filter(|_| config.reads_audit_events);
        let audit_log = reads_audit_events.map(|client| Arc::new(oci::Audit::new(client)) as _);
        let mut metrics: Vec<Arc<dyn MetricSink>> = Vec::new();
        if let (Some(MetricsTarget { namespace, compartment, region }), Some(client)) =
            (config.metrics.clone(), client.clone())
        {
            metrics.push(Arc::new(oci::Monitoring::new(client, namespace, compartment, region)));
        }
        Ok(brought.over(Self {
            key_store,
            catalog,
            rekeyer,
            audit,
            notifiers,
            metrics,
            audit_log,
            examiner,
            journal,
            clock,
            random,
            pace,
        }))
    }
}

/// What a config uses of a tenancy, for `doctor` to look at.
fn premises(config: &Config) -> oci::Premises {
    oci::Premises {
        settings: config.settings.clone(),
        topic: config.notices.topic.as_ref().map(|(_, region)| region.clone()),
        metrics: config.metrics.as_ref().map(|target| (target.compartment.clone(), target.region.clone())),
        audit_bucket: config.audit.bucket.clone().map(|bucket| oci::AuditBucketPlace {
            region: bucket.region,
            namespace: bucket.namespace,
            bucket: bucket.name,
            prefix: bucket.prefix,
        }),
        audit_log: config.audit.log.as_ref().map(|log| log.region.clone()),
        reads_audit_events: config.reads_audit_events,
    }
}

/// Sinks that OCI keeps.
fn far_sinks(config: &Audit, client: &Arc<oci::Client>) -> Vec<Arc<dyn AuditSink>> {
    let mut sinks: Vec<Arc<dyn AuditSink>> = Vec::new();
    if let Some(AuditLogConfig { id, region, request_bytes_max }) = config.log.clone() {
        let log = oci::LoggingSink::new(Arc::clone(client), id, region).request_bytes(request_bytes_max);
        sinks.push(Arc::new(log));
    }
    if let Some(AuditBucketConfig { name: bucket, region, namespace, prefix }) = config.bucket.clone() {
        let place = oci::AuditBucketPlace { region, namespace, bucket, prefix };
        sinks.push(Arc::new(oci::AuditBucket::new(Arc::clone(client), place)));
    }
    sinks
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
    /// Reads the credentials that a config names. Asks nothing of OCI; an instance asks its metadata service who it
    /// is, and a pod its cluster.
    ///
    /// # Errors
    /// `Config` with all problems of the credentials at once; of an instance or a pod, that nobody answers.
    pub async fn connect(config: &Config) -> Result<Self> {
        Self::connect_as(config, None).await
    }

    /// The same as somebody whom the application knows; the config's credentials are not read then.
    ///
    /// # Errors
    /// As [`Tenancy::connect`].
    pub async fn connect_as(config: &Config, known: Option<Principal>) -> Result<Self> {
        let mut endpoints = oci::Endpoints::production();
        for (region, base) in &config.endpoints {
            endpoints = endpoints.with_override(region.clone(), base)?;
        }
        let settings = oci::ClientSettings {
            endpoints,
            pace: pace(config),
            listed_etags: listed_etags(config),
            ..oci::ClientSettings::default()
        };
        let principal = match known {
            Some(known) => known,
            None => principal(config, &settings).await?,
        };
        let client = oci::Client::with_principal(principal, settings);
        Ok(Self {
            key_store: Arc::new(oci::VaultKeyStore::new(Arc::clone(&client))),
            catalog: Arc::new(oci::Catalog::new(Arc::clone(&client))),
            rekeyer: Arc::new(oci::Rekeyers::new(Arc::clone(&client))),
            client,
        })
    }
}

/// Who signs, as the config says.
async fn principal(config: &Config, settings: &oci::ClientSettings) -> Result<Principal> {
    let clock = Arc::clone(&settings.clock);
    let kind = match &config.credentials {
        CredentialKind::InstancePrincipal { metadata } => {
            let instance = InstancePrincipal::discover(settings, metadata.as_deref()).await?;
            return Ok(instance.into_principal(clock));
        }
        CredentialKind::ResourcePrincipal => {
            return Ok(ResourcePrincipal::from_environment(&*clock)?.into_principal(clock));
        }
        CredentialKind::WorkloadIdentity(access) => {
            let workload = WorkloadSettings {
                region: access.region.clone(),
                tenancy: access.tenancy.clone(),
                token_file: access.token_file.clone(),
                ca_file: access.ca_file.clone(),
                proxymux: access.proxymux.clone(),
            };
            return Ok(WorkloadIdentity::from_environment(settings, &workload).await?.into_principal(settings));
        }
        CredentialKind::SessionToken => ProfileKind::SessionToken,
        CredentialKind::Profile => ProfileKind::Any,
    };
    let passphrase =
        config.oci.passphrase_file.as_deref().map(|file| read_secret(file, "oci.passphrase_file")).transpose()?;
    let profile = Profile {
        file: Some(&config.oci.config_file),
        name: Some(&config.oci.profile),
        passphrase: passphrase.as_ref(),
        kind,
    };
    Ok(ConfigFile::load(profile, &*clock)?.into_principal(clock))
}

fn listed_etags(config: &Config) -> oci::ListedEtags {
    if config.oci.believe_listed_etags { oci::ListedEtags::Believed } else { oci::ListedEtags::Ignored }
}

/// A rehearsal's services are this machine's: nobody is in the way, and nothing has to be found out.
fn pace(config: &Config) -> PacePolicy {
    let kms_max = f64::from(config.oci.kms_requests_per_second);
    match config.settings.is_test {
        true => PacePolicy { start: 500.0, kms_max },
        false => PacePolicy { kms_max, ..PacePolicy::default() },
    }
}

/// Somebody told by an address of their own.
#[cfg(feature = "webhook")]
fn webhook(config: &WebhookConfig, is_test: bool) -> Result<Arc<dyn Notifier>> {
    let url = match &config.address {
        HookAddress::File(file) => read_secret(file, "notices.webhook.url_file")?,
        HookAddress::Url(url) => url.secret(),
    };
    let secret = config.secret_file.as_deref().map(|file| read_secret(file, "notices.webhook.secret_file"));
    let format = match config.format {
        HookFormat::Json => Format::Json,
        HookFormat::Slack => Format::Slack,
    };
    let settings = WebhookSettings {
        secret: secret.transpose()?,
        format,
        timeout: config.timeout,
        is_test,
        ..WebhookSettings::new(url)
    };
    Ok(Arc::new(Webhook::new(settings)?))
}

#[cfg(not(feature = "webhook"))]
fn webhook(_: &WebhookConfig, _: bool) -> Result<Arc<dyn Notifier>> {
    let why = "this build cannot send notices to a webhook ([notices.webhook]); build it with the feature `webhook`";
    Err(Error::new(ErrorKind::Config, "config", why))
}

/// Reads the first line of a file that holds a secret; the rest of the world never sees it.
fn read_secret(path: &Path, key: &'static str) -> Result<SecretString> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Error::new(ErrorKind::Config, "config", format!("the file that {key} names cannot be read"))
            .with("path", path.display())
            .caused_by(error)
    })?;
    Ok(SecretString::from(text.lines().next().unwrap_or_default()))
}
