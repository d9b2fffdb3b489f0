//! The retry layer over ports: reads are made again, what changes the world passes through once.

use std::sync::Arc;

use async_trait::async_trait;

use super::Retrier;
use crate::error::Result;
use crate::model::{
    CompartmentId, Dependent, Etag, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Kind, PoliciesRead, Region,
    ReplicaStatus, Tags, Timestamp, Vault, VaultId, VaultSummary, VaultUsage,
};
use crate::ports::{
    Begun, CatalogPage, Cursor, KeyMint, KeyStore, KeyStorePromises, KindSpec, Observation, Page, ReKeyer, Reply,
    ResourceCatalog, Scopes, Selector, StepRequest, Ticket, TicketReport, VersionMint,
};

/// A port whose reads are made again when that makes sense.
pub struct Retrying<P: ?Sized> {
    inner: Arc<P>,
    retrier: Retrier,
}

impl<P: ?Sized> Retrying<P> {
    /// Wraps a port.
    #[must_use]
    pub fn new(inner: Arc<P>, retrier: Retrier) -> Self {
        Self { inner, retrier }
    }
}

#[async_trait]
impl KeyStore for Retrying<dyn KeyStore> {
    fn promises(&self) -> KeyStorePromises {
        self.inner.promises()
    }

    async fn list_vaults(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<VaultSummary>>> {
        self.retrier.read(|| self.inner.list_vaults(region, compartment, cursor.clone())).await
    }

    async fn describe_vault(&self, vault: &VaultId) -> Result<Reply<Vault>> {
        self.retrier.read(|| self.inner.describe_vault(vault)).await
    }

    async fn list_keys(
        &self,
        vault: &VaultId,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<KeySummary>>> {
        self.retrier.read(|| self.inner.list_keys(vault, compartment, cursor.clone())).await
    }

    async fn describe_key(&self, key: &KeyId) -> Result<Reply<Key>> {
        self.retrier.read(|| self.inner.describe_key(key)).await
    }

    async fn list_versions(&self, key: &KeyId, cursor: Option<Cursor>) -> Result<Reply<Page<KeyVersion>>> {
        self.retrier.read(|| self.inner.list_versions(key, cursor.clone())).await
    }

    async fn create_version(&self, mint: &VersionMint) -> Result<Reply<KeyVersion>> {
        self.inner.create_version(mint).await
    }

    async fn create_key(&self, mint: &KeyMint) -> Result<Reply<Key>> {
        self.inner.create_key(mint).await
    }

    async fn replication(&self, key: &KeyId, version: &KeyVersionId) -> Result<Reply<Vec<ReplicaStatus>>> {
        self.retrier.read(|| self.inner.replication(key, version)).await
    }

    async fn usage(&self, vault: &VaultId) -> Result<Reply<VaultUsage>> {
        self.retrier.read(|| self.inner.usage(vault)).await
    }

    async fn set_tags(&self, key: &KeyId, tags: &Tags, if_match: &Etag) -> Result<Reply<Key>> {
        self.inner.set_tags(key, tags, if_match).await
    }
}

#[async_trait]
impl ResourceCatalog for Retrying<dyn ResourceCatalog> {
    async fn scopes(&self) -> Result<Reply<Scopes>> {
        self.retrier.read(|| self.inner.scopes()).await
    }

    async fn dependents(
        &self,
        selector: &Selector,
        region: &Region,
        cursor: Option<Cursor>,
    ) -> Result<Reply<CatalogPage>> {
        self.retrier.read(|| self.inner.dependents(selector, region, cursor.clone())).await
    }

    async fn policies(&self, places: &[CompartmentId]) -> Result<Reply<Option<PoliciesRead>>> {
        self.retrier.read(|| self.inner.policies(places)).await
    }
}

#[async_trait]
impl ReKeyer for Retrying<dyn ReKeyer> {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        self.inner.describe(kind)
    }

    fn kinds(&self) -> Vec<Kind> {
        self.inner.kinds()
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        self.retrier.read(|| self.inner.observe(dependent)).await
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        self.inner.begin(step).await
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        self.retrier.read(|| self.inner.poll(tickets, dependents)).await
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        self.retrier.read(|| self.inner.find(dependent, since)).await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::adapters::layers::RetryPolicy;
    use crate::error::Error;
    use crate::ports::doubles::{MockClock, MockKeyStore, MockRandom};

    fn retrier() -> Retrier {
        let mut clock = MockClock::new();
        clock.expect_now().returning(|| Timestamp::UNIX_EPOCH);
        clock.expect_sleep_until().returning(|_| ());
        let mut random = MockRandom::new();
        random.expect_fill().returning(|bytes| bytes.fill(7));
        Retrier::new(Arc::new(clock), Arc::new(random), RetryPolicy { attempts_max: 3, ..RetryPolicy::default() })
    }

    fn throttled<T>() -> Result<T> {
        Err(Error::from_service("call", 429, "TooManyRequests", "slow down"))
    }

    #[test]
    fn a_mint_passes_through_once_and_a_read_three_times() {
        let mut store = MockKeyStore::new();
        store.expect_create_version().times(1).returning(|_| throttled());
        store.expect_set_tags().times(1).returning(|_, _, _| throttled());
        store.expect_describe_key().times(3).returning(|_| throttled());
        let store: Arc<dyn KeyStore> = Arc::new(store);
        let store = Retrying::new(store, retrier());
        let key = KeyId::parse("ocid1.key.oc1.iad.v.k").expect("a key");
        let mint = VersionMint {
            key: key.clone(),
            token: crate::model::RetryToken::parse("t").expect("a token"),
            date: Timestamp::UNIX_EPOCH,
            body: String::new(),
        };
        let etag = Etag::parse("e").expect("an etag");
        async {
            assert!(store.create_version(&mint).await.is_err());
            assert!(store.set_tags(&key, &Tags::default(), &etag).await.is_err());
            assert!(store.describe_key(&key).await.is_err());
        }
        .now_or_never()
        .expect("nothing here waits");
    }
}
