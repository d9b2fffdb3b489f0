//! The client: who we are, where we are, and the transport that all adapters share.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use super::answer::Answer;
use super::call::Call;
use super::credentials::{ConfigFile, Principal, Profile, ProfileKind};
use super::endpoint::Endpoints;
use super::operation::Operation;
use super::seen_buckets::{ListedEtags, SeenBuckets};
use super::transport::{Timeouts, Transport};
use super::{region, wire};
use crate::adapters::layers::{PacePolicy, Pacer, Retrier, RetryPolicy};
use crate::adapters::system::{SystemClock, SystemRandom};
use crate::error::{ErrorKind, Result};
use crate::model::{CompartmentId, NamespaceName, Region};
use crate::ports::{Clock, Pace, Random};

/// Listings ask for this many items at once.
pub(crate) const PAGE_ITEMS_MAX: u32 = 1000;

/// What a client needs to be told.
#[derive(Clone)]
pub struct ClientSettings {
    /// The OCI config file; `~/.oci/config` if none is named.
    pub config_file: Option<PathBuf>,
    /// The profile in it; `DEFAULT` if none is named.
    pub profile: Option<String>,
    /// What opens an encrypted key file, unless the profile says it.
    pub passphrase: Option<SecretString>,
    /// Where requests may go.
    pub endpoints: Endpoints,
    /// How long one attempt may take.
    pub timeouts: Timeouts,
    /// How reads are retried within the transport.
    pub retry: RetryPolicy,
    /// How fast services are asked.
    pub pace: PacePolicy,
    /// Whether a bucket whose listed etag did not change is read again.
    pub listed_etags: ListedEtags,
    /// What retries wait by.
    pub clock: Arc<dyn Clock>,
    /// What retries draw their jitter from.
    pub random: Arc<dyn Random>,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            config_file: None,
            profile: None,
            passphrase: None,
            endpoints: Endpoints::production(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            pace: PacePolicy::default(),
            listed_etags: ListedEtags::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        }
    }
}

/// One principal's access to one tenancy.
pub struct Client {
    transport: Transport,
    tenancy: CompartmentId,
    region: Region,
    namespace: Mutex<Option<NamespaceName>>,
    /// Regions that identity named last.
    subscribed: Mutex<Vec<Region>>,
    seen_buckets: SeenBuckets,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("tenancy", &self.tenancy).field("region", &self.region).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the principal that a config file names. Reads files, sends nothing.
    ///
    /// # Errors
    /// `Config`, with every problem of the profile in one message.
    pub fn from_config_file(settings: ClientSettings) -> Result<Arc<Self>> {
        let (file, name) = (settings.config_file.as_deref(), settings.profile.as_deref());
        let profile = Profile { file, name, passphrase: settings.passphrase.as_ref(), kind: ProfileKind::Any };
        let file = ConfigFile::load(profile, &*settings.clock)?;
        Ok(Self::with_principal(file.into_principal(Arc::clone(&settings.clock)), settings))
    }

    /// A client for any principal; the settings' config file is not read.
    #[must_use]
    pub fn with_principal(principal: Principal, settings: ClientSettings) -> Arc<Self> {
        let Principal { credentials, tenancy, region } = principal;
        let pacer = Arc::new(Pacer::new(Arc::clone(&settings.clock), settings.pace));
        let retrier = Retrier::new(settings.clock, settings.random, settings.retry);
        let transport = Transport::new(settings.endpoints, credentials, retrier, pacer, settings.timeouts);
        let seen_buckets = SeenBuckets::new(settings.listed_etags);
        Arc::new(Self {
            transport,
            tenancy,
            region,
            namespace: Mutex::default(),
            subscribed: Mutex::default(),
            seen_buckets,
        })
    }

    /// The region of calls that name none.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The tenancy, which is the root compartment.
    #[must_use]
    pub fn tenancy(&self) -> &CompartmentId {
        &self.tenancy
    }

    /// Whether it talks to loopback instead of OCI.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.transport.endpoints.is_test()
    }

    /// Requests sent so far, by operation.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        self.transport.counts()
    }

    /// What paces its requests: to keep what was learned from one run to the next.
    #[must_use]
    pub fn pace(&self) -> Arc<dyn Pace> {
        Arc::clone(&self.transport.pacer) as _
    }

    #[cfg(test)]
    pub(crate) fn credentials(&self) -> Arc<dyn super::credentials::Credentials> {
        self.transport.credentials()
    }

    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.transport.endpoints
    }

    pub(crate) async fn send(&self, call: &Call) -> Result<Answer> {
        self.transport.send(call).await
    }

    /// A reading call, sent once.
    pub(crate) async fn ask_once(&self, call: &Call) -> Result<Answer> {
        self.transport.ask_once(call).await
    }

    /// Buckets as this process read them last.
    pub(crate) fn seen_buckets(&self) -> &SeenBuckets {
        &self.seen_buckets
    }

    /// The tenancy's Object Storage namespace; it never changes, and every region knows it. Asked where it is needed, so that
    /// no other region has to answer.
    pub(crate) async fn namespace(&self, region: &Region) -> Result<NamespaceName> {
        if let Some(known) = self.namespace.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(known);
        }
        let answer = self.send(&Call::new(Operation::GetNamespace, region)).await?;
        let name: String = answer.json()?;
        let name = NamespaceName::parse(name).map_err(|why| answer.unreadable(&why.to_string()))?;
        *self.namespace.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.clone());
        Ok(name)
    }

    /// Regions the tenancy subscribes to and may use.
    pub(crate) async fn subscriptions(&self) -> Result<(Answer, Vec<wire::RegionSubscription>)> {
        let call = Call::new(Operation::ListRegionSubscriptions, &self.region).param("tenancyId", &self.tenancy);
        let answer = self.send(&call).await?;
        let mut regions: Vec<wire::RegionSubscription> = answer.json()?;
        regions.retain(|region| region.status.as_deref().is_none_or(|status| status == "READY"));
        let names = regions.iter().map(|region| region.region_name.clone()).collect();
        *self.subscribed.lock().unwrap_or_else(PoisonError::into_inner) = names;
        Ok((answer, regions))
    }

    /// All compartments below the root that we can see and that are in use.
    pub(crate) async fn compartments(&self) -> Result<Vec<wire::Compartment>> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let call = Call::new(Operation::ListCompartments, &self.region)
                .query("compartmentId", &self.tenancy)
                .query("compartmentIdInSubtree", "true")
                .query("accessLevel", "ANY")
                .query("limit", &PAGE_ITEMS_MAX)
                .page(page.as_deref());
            let answer = self.send(&call).await?;
            let found: Vec<wire::Compartment> = answer.json()?;
            all.extend(
                found.into_iter().filter(|one| one.lifecycle_state.as_deref().is_none_or(|state| state == "ACTIVE")),
            );
            page = answer.witnesses.next_page;
            if page.is_none() {
                return Ok(all);
            }
        }
    }

    /// Regions to look for something in: ours first, then the rest of the tenancy's.
    ///
    /// Without leave to list subscriptions only ours is known. If identity does not answer, those are asked that it named
    /// before and the one that the OCID names, which is a hint and no more (oci-api §0 fact 16).
    pub(crate) async fn regions_for(&self, ocid: &str) -> Result<Vec<Region>> {
        let mut regions = vec![self.region.clone()];
        match self.subscriptions().await {
            Ok((_, found)) => {
                regions.extend(found.into_iter().map(|one| one.region_name).filter(|region| *region != self.region));
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Denied) && error.status() != Some(401) => {}
            Err(error) if error.is_out_of_reach() => {
                let known = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let hint = ocid.split('.').nth(3).and_then(|segment| region::parse(segment).ok());
                for region in known.into_iter().chain(hint) {
                    if !regions.contains(&region) {
                        regions.push(region);
                    }
                }
                if regions.len() == 1 {
                    return Err(error);
                }
                tracing::warn!(%error, "subscriptions are not shown; regions that are known otherwise are asked");
            }
            Err(error) => return Err(error),
        }
        Ok(regions)
    }
}
