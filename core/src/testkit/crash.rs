//! Crash points: a decorator over all ports that dies before or after any call, in memory or for real.
//!
//! A point is named `<call>:before` or `<call>:after`; appends are named after their first fact, such as
//! `append mint_intended:after`. At the chosen point the call never returns: in memory the future is dropped
//! there, in a lab binary the process is killed there.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::Result;
use crate::model::{
    CompartmentId, Dependent, Etag, Head, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Kind, PoliciesRead, Region,
    ReplicaStatus, RunnerId, SealedLine, StreamId, Tags, Timestamp, Vault, VaultId, VaultSummary, VaultUsage,
};
use crate::ports::{
    Append, Begun, CatalogPage, Claim, Clock, Cursor, Journal, KeyMint, KeyStore, KeyStorePromises, KindSpec, Notice,
    Notifier, Observation, Page, Ports, ReKeyer, Reply, ResourceCatalog, Scopes, Selector, StepRequest, Ticket,
    TicketReport, VersionMint,
};

/// Where to die.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// At the n-th point passed, from 0, whatever it is called.
    Index(usize),
    /// At the n-th point of this name, from 1.
    Named(String, usize),
    /// Nowhere: only count.
    Nowhere,
}

impl At {
    /// Parses `name#n`; without `#n` the first.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.rsplit_once('#').and_then(|(name, nth)| Some((name, nth.parse().ok()?))) {
            Some((name, nth)) => Self::Named(name.to_owned(), nth),
            None => Self::Named(text.to_owned(), 1),
        }
    }
}

type OnHit = Box<dyn Fn(&str) + Send + Sync>;

/// How long a call stays on its way at a point, by the point's call.
pub type Lag = Box<dyn Fn(&str) -> Duration + Send + Sync>;

/// Whether every mint and every step reaches the world once, as promised, or twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effects {
    /// As promised (A7).
    Once,
    /// The same request twice, as a transport that replays would.
    Twice,
}

/// The points passed so far, and the one to die at.
pub struct Points {
    at: At,
    lag: Option<(Arc<dyn Clock>, Lag)>,
    effects: Effects,
    records: bool,
    count: AtomicUsize,
    passed: Mutex<Vec<String>>,
    hit: Mutex<Option<String>>,
    on_hit: OnHit,
}

impl Points {
    /// Dies at `at` by never returning.
    #[must_use]
    pub fn new(at: At) -> Arc<Self> {
        Self::with_action(at, |_| {})
    }

    /// Dies at `at` by doing this first; whatever it does, the call never returns.
    pub fn with_action(at: At, on_hit: impl Fn(&str) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self::build(at, Box::new(on_hit)))
    }

    fn build(at: At, on_hit: OnHit) -> Self {
        Self {
            lag: None,
            effects: Effects::Once,
            // No names where the point is looked for by its number: pairs are tens of thousands of runs.
            records: !matches!(at, At::Index(_)),
            at,
            count: AtomicUsize::new(0),
            passed: Mutex::default(),
            hit: Mutex::default(),
            on_hit,
        }
    }

    /// Dies at `at`, lets calls travel for as long as `lag` says, and does not remember points by name.
    #[must_use]
    pub fn with_lag(at: At, clock: Arc<dyn Clock>, lag: Lag) -> Arc<Self> {
        Arc::new(Self { lag: Some((clock, lag)), records: false, ..Self::build(at, Box::new(|_| {})) })
    }

    /// Lets every mint and every step of a dependent reach the world twice.
    #[must_use]
    pub fn with_effects(at: At, effects: Effects) -> Arc<Self> {
        Arc::new(Self { effects, ..Self::build(at, Box::new(|_| {})) })
    }

    /// How many points were passed.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Names of all points passed, in order; none where the point to die at is looked for by its number.
    #[must_use]
    pub fn passed(&self) -> Vec<String> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_dead(&self) -> bool {
        self.hit.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The point it died at.
    #[must_use]
    pub fn hit(&self) -> Option<String> {
        self.hit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn pass(&self, call: &str, side: &str) {
        if let Some((clock, lag)) = &self.lag {
            let on_its_way = lag(call);
            if !on_its_way.is_zero() {
                clock.sleep_until(clock.now() + on_its_way).await;
            }
        }
        if self.is_dead() {
            // Dead already: calls in flight beside the one that died do not go on either.
            pending::<()>().await;
        }
        let is_here = {
            let before = self.count.fetch_add(1, Ordering::Relaxed);
            let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
            if self.records {
                passed.push(format!("{call}:{side}"));
            }
            match &self.at {
                At::Index(index) => before == *index,
                At::Named(wanted, nth) => {
                    passed.last() == Some(wanted) && passed.iter().filter(|point| *point == wanted).count() == *nth
                }
                At::Nowhere => false,
            }
        };
        if is_here {
            let name = format!("{call}:{side}");
            *self.hit.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.clone());
            (self.on_hit)(&name);
            pending::<()>().await;
        }
    }

    async fn around<T>(&self, name: &str, call: impl Future<Output = T> + Send) -> T {
        self.pass(name, "before").await;
        let answer = call.await;
        self.pass(name, "after").await;
        answer
    }

    /// Puts points around every call of every port that changes or reads the world.
    #[must_use]
    pub fn over(self: &Arc<Self>, ports: Ports) -> Ports {
        let notifiers = ports.notifiers.into_iter();
        Ports {
            key_store: Arc::new(Over { points: Arc::clone(self), inner: ports.key_store }),
            catalog: Arc::new(Over { points: Arc::clone(self), inner: ports.catalog }),
            rekeyer: Arc::new(Over { points: Arc::clone(self), inner: ports.rekeyer }),
            journal: Arc::new(Over { points: Arc::clone(self), inner: ports.journal }),
            notifiers: notifiers
                .map(|inner| Arc::new(Over { points: Arc::clone(self), inner }) as Arc<dyn Notifier>)
                .collect(),
            ..ports
        }
    }
}

struct Over<P: ?Sized> {
    points: Arc<Points>,
    inner: Arc<P>,
}

#[async_trait]
impl KeyStore for Over<dyn KeyStore> {
    fn promises(&self) -> KeyStorePromises {
        self.inner.promises()
    }

    async fn list_vaults(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<VaultSummary>>> {
        self.points.around("list_vaults", self.inner.list_vaults(region, compartment, cursor)).await
    }

    async fn describe_vault(&self, vault: &VaultId) -> Result<Reply<Vault>> {
        self.points.around("describe_vault", self.inner.describe_vault(vault)).await
    }

    async fn list_keys(
        &self,
        vault: &VaultId,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<KeySummary>>> {
        self.points.around("list_keys", self.inner.list_keys(vault, compartment, cursor)).await
    }

    async fn describe_key(&self, key: &KeyId) -> Result<Reply<Key>> {
        self.points.around("describe_key", self.inner.describe_key(key)).await
    }

    async fn list_versions(&self, key: &KeyId, cursor: Option<Cursor>) -> Result<Reply<Page<KeyVersion>>> {
        self.points.around("list_versions", self.inner.list_versions(key, cursor)).await
    }

    async fn create_version(&self, mint: &VersionMint) -> Result<Reply<KeyVersion>> {
        if self.points.effects == Effects::Twice {
            let _ = self.inner.create_version(mint).await;
        }
        self.points.around("create_version", self.inner.create_version(mint)).await
    }

    async fn create_key(&self, mint: &KeyMint) -> Result<Reply<Key>> {
        self.points.around("create_key", self.inner.create_key(mint)).await
    }

    async fn replication(&self, key: &KeyId, version: &KeyVersionId) -> Result<Reply<Vec<ReplicaStatus>>> {
        self.points.around("replication", self.inner.replication(key, version)).await
    }

    async fn usage(&self, vault: &VaultId) -> Result<Reply<VaultUsage>> {
        self.points.around("usage", self.inner.usage(vault)).await
    }

    async fn set_tags(&self, key: &KeyId, tags: &Tags, if_match: &Etag) -> Result<Reply<Key>> {
        self.points.around("set_tags", self.inner.set_tags(key, tags, if_match)).await
    }
}

#[async_trait]
impl ResourceCatalog for Over<dyn ResourceCatalog> {
    async fn scopes(&self) -> Result<Reply<Scopes>> {
        self.points.around("scopes", self.inner.scopes()).await
    }

    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        self.points.around("dependents", self.inner.dependents(selector, region, cursor)).await
    }

    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        self.points.around("policies", self.inner.policies(places)).await
    }
}

#[async_trait]
impl ReKeyer for Over<dyn ReKeyer> {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        self.inner.describe(kind)
    }

    fn kinds(&self) -> Vec<Kind> {
        self.inner.kinds()
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        self.points.around("observe", self.inner.observe(dependent)).await
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        if self.points.effects == Effects::Twice {
            let _ = self.inner.begin(step).await;
        }
        self.points.around("begin", self.inner.begin(step)).await
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        self.points.around("poll", self.inner.poll(tickets, dependents)).await
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        self.points.around("find", self.inner.find(dependent, since)).await
    }
}

#[async_trait]
impl Notifier for Over<dyn Notifier> {
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        self.points.around("notify", self.inner.notify(notice)).await
    }
}

#[async_trait]
impl Journal for Over<dyn Journal> {
    fn place(&self) -> String {
        self.inner.place()
    }

    async fn head(&self, stream: &StreamId) -> Result<Head> {
        self.inner.head(stream).await
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<SealedLine>> {
        self.inner.read(stream, from, limit).await
    }

    async fn append(&self, append: &Append) -> Result<Head> {
        // Members stand in order, and none after `fact` has a member of this name.
        let fact = append.lines.first().and_then(|line| {
            let (_, rest) = line.text.rsplit_once(r#""fact":""#)?;
            Some(rest.split_once('"')?.0)
        });
        let name = format!("append {}", fact.unwrap_or_default());
        self.points.around(&name, self.inner.append(append)).await
    }

    async fn streams(&self, prefix: &str, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamId>> {
        self.inner.streams(prefix, after, limit).await
    }

    async fn epoch(&self, scope: &StreamId) -> Result<u64> {
        self.inner.epoch(scope).await
    }

    async fn claim(&self, scope: &StreamId, runner: &RunnerId, now: Timestamp, ttl: Duration) -> Result<Claim> {
        self.points.around("claim", self.inner.claim(scope, runner, now, ttl)).await
    }

    async fn renew(&self, claim: &Claim, now: Timestamp, ttl: Duration) -> Result<Claim> {
        self.inner.renew(claim, now, ttl).await
    }

    async fn release(&self, claim: &Claim) -> Result<()> {
        self.points.around("release", self.inner.release(claim)).await
    }
}
