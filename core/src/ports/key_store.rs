//! The vault side: read keys and versions, mint, watch replication.
//!
//! There is no call to delete, export, disable or decrypt, in no adapter.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Cursor, Page, Reply};
use crate::error::Result;
use crate::model::{
    CompartmentId, Etag, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Region, ReplicaStatus, RetryToken, Tags,
    Timestamp, Vault, VaultId, VaultSummary, VaultUsage,
};

/// What an adapter can keep of the protocol. The engine acts on it (protocol.md):
/// both token and date fence → full; one → only with a named risk; neither → it refuses to mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyStorePromises {
    /// A repeated `create_version` with one token makes at most one version (A1).
    pub retry_token: bool,
    /// A mint signed with date `d` has no effect long after `d` (A3), and is sent at most once (A7).
    pub date_fence: bool,
    /// `set_tags` honours `if_match`.
    pub if_match: bool,
}

/// A request to mint a version. Every field was journaled before; the adapter sends exactly this, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionMint {
    /// The key that gets a version.
    pub key: KeyId,
    /// The deterministic retry token.
    pub token: RetryToken,
    /// The date the request is signed with, whole seconds.
    pub date: Timestamp,
    /// The canonical body, byte for byte; empty for OCI keys.
    pub body: String,
}

/// A request to mint a successor key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyMint {
    /// The vault that gets a key.
    pub vault: VaultId,
    /// The deterministic retry token.
    pub token: RetryToken,
    /// The date the request is signed with, whole seconds.
    pub date: Timestamp,
    /// The canonical body (CreateKeyDetails), byte for byte.
    pub body: String,
}

/// Keys and versions.
///
/// 1. Every call says the truth of one moment; nothing is cached between calls except endpoints.
///    (`keys_read_what_was_minted`)
/// 2. `create_version` and `create_key` send at most one request (A7) and never retry, refresh-and-resend
///    or follow a redirect. (`a_mint_is_sent_once`)
/// 3. An error of a mint says `Landed::No` only for a definitive refusal (A6); otherwise `Maybe`.
///    (`a_lost_answer_says_maybe`)
/// 4. One token makes one version within 24 h, if `promises().retry_token`. (`one_token_one_version`)
/// 5. A request dated too far from server time has no effect, if `promises().date_fence`.
///    (`a_stale_date_is_refused`)
/// 6. Management calls on a replica are refused before anything is sent or by the service.
///    (`a_replica_refuses_to_mint`)
/// 7. Lists are complete when the last page has no `next`; a page may be empty. (`paging_is_complete`)
/// 8. Every answer and every answered error carries `server_date` and `request_id`. (`answers_carry_witnesses`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// What this adapter can promise.
    fn promises(&self) -> KeyStorePromises;

    /// Lists the vaults of one compartment in one region.
    async fn list_vaults(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<VaultSummary>>>;

    /// Describes a vault.
    async fn describe_vault(&self, vault: &VaultId) -> Result<Reply<Vault>>;

    /// Lists the keys of one vault in one compartment; keys may live in other compartments than their vault.
    async fn list_keys(
        &self,
        vault: &VaultId,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<KeySummary>>>;

    /// Describes a key, at its primary.
    async fn describe_key(&self, key: &KeyId) -> Result<Reply<Key>>;

    /// Lists a key's versions.
    async fn list_versions(&self, key: &KeyId, cursor: Option<Cursor>) -> Result<Reply<Page<KeyVersion>>>;

    /// Mints a version. Irreversible.
    async fn create_version(&self, mint: &VersionMint) -> Result<Reply<KeyVersion>>;

    /// Mints a successor key. Irreversible.
    async fn create_key(&self, mint: &KeyMint) -> Result<Reply<Key>>;

    /// Says how far each replica region is with a version; empty where nothing is replicated.
    async fn replication(&self, key: &KeyId, version: &KeyVersionId) -> Result<Reply<Vec<ReplicaStatus>>>;

    /// Counts the versions in a vault.
    async fn usage(&self, vault: &VaultId) -> Result<Reply<VaultUsage>>;

    /// Replaces a key's tags, if it still has this etag.
    async fn set_tags(&self, key: &KeyId, tags: &Tags, if_match: &Etag) -> Result<Reply<Key>>;
}

/// Conveniences over [`KeyStore`].
#[async_trait]
pub trait KeyStoreExt: KeyStore {
    /// Lists all versions of a key; the reply's witnesses are those of the first page, the oldest view.
    async fn all_versions(&self, key: &KeyId) -> Result<Reply<Vec<KeyVersion>>> {
        let first = self.list_versions(key, None).await?;
        let mut next = first.value.next.clone();
        let mut all = first.map(|page| page.items);
        while let Some(cursor) = next {
            let page = self.list_versions(key, Some(cursor)).await?;
            all.value.extend(page.value.items);
            next = page.value.next;
        }
        Ok(all)
    }
}

impl<T: KeyStore + ?Sized> KeyStoreExt for T {}
