//! The `KeyStore` port over OCI Vault.
//!
//! A mint sends exactly the journaled body, token and date, once; where it goes is found out before.
//! Deleting, disabling or exporting is not in the operations table and cannot be called.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::locate::{Locator, Place, is_hidden};
use super::operation::Operation;
use super::wire;
use crate::error::{ErrorKind, Result};
use crate::model::{
    CompartmentId, Etag, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Region, ReplicaState, ReplicaStatus, Tags,
    Vault, VaultId, VaultSummary, VaultUsage,
};
use crate::ports::{Cursor, KeyMint, KeyStore, KeyStorePromises, Page, Reply, VersionMint};

/// Keys and versions in OCI Vault.
pub struct VaultKeyStore {
    client: Arc<Client>,
    locator: Locator,
}

impl VaultKeyStore {
    /// The vaults that a client may see.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self { locator: Locator::new(Arc::clone(&client)), client }
    }

    /// Reads something at a key's vault; if the remembered endpoint does not know the key, it is looked for once more.
    async fn at_key(&self, name: &'static str, key: &KeyId, call: impl Fn(&Place) -> Call) -> Result<(Place, Answer)> {
        let place = self.locator.key(name, key).await?;
        match self.client.send(&call(&place)).await {
            Err(error) if error.kind() == ErrorKind::NotFound && self.locator.forget_key(key) => {
                let place = self.locator.key(name, key).await?;
                let answer = self.client.send(&call(&place)).await?;
                Ok((place, answer))
            }
            answered => answered.map(|answer| (place, answer)),
        }
    }

    async fn replicas(&self, region: &Region, vault: &VaultId) -> Result<Vec<Region>> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let call = Call::new(Operation::ListVaultReplicas, region).param("vaultId", vault).page(page.as_deref());
            let answer = match self.client.send(&call).await {
                Ok(answer) => answer,
                // Without leave to look nothing is known of replicas; the replication of a version still tells.
                Err(error) if is_hidden(&error) => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let found: Vec<wire::VaultReplica> = answer.json()?;
            let there = found.into_iter().filter(|one| !matches!(one.status.as_deref(), Some("DELETED" | "DELETING")));
            all.extend(there.map(|one| one.region));
            page = answer.witnesses.next_page;
            if page.is_none() {
                return Ok(all);
            }
        }
    }
}

fn get_key(place: &Place, key: &KeyId) -> Call {
    Call::new(Operation::GetKey, &place.region).at_vault(&place.endpoint).param("keyId", key)
}

#[async_trait]
impl KeyStore for VaultKeyStore {
    fn promises(&self) -> KeyStorePromises {
        KeyStorePromises { retry_token: true, date_fence: true, if_match: true }
    }

    async fn list_vaults(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<VaultSummary>>> {
        let call = Call::new(Operation::ListVaults, region)
            .query("compartmentId", compartment)
            .query("limit", &PAGE_ITEMS_MAX)
            .page(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        let answer = self.client.send(&call).await?;
        let vaults: Vec<wire::VaultSummary> = answer.json()?;
        let items = vaults.into_iter().map(|vault| vault.into_model(region)).collect();
        Ok(answer.reply(Page { items, next: answer.next() }))
    }

    async fn describe_vault(&self, vault: &VaultId) -> Result<Reply<Vault>> {
        let described = self.locator.describe("describe_vault", vault).await?;
        let is_replica = described.vault.is_primary == Some(false);
        let replicas = if is_replica { Vec::new() } else { self.replicas(&described.region, vault).await? };
        Ok(described.answer.reply(described.vault.into_model(&described.region, replicas)))
    }

    async fn list_keys(
        &self,
        vault: &VaultId,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<KeySummary>>> {
        let place = self.locator.vault("list_keys", vault).await?;
        let call = Call::new(Operation::ListKeys, &place.region)
            .at_vault(&place.endpoint)
            .query("compartmentId", compartment)
            .query("limit", &PAGE_ITEMS_MAX)
            .page(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        let answer = self.client.send(&call).await?;
        let keys: Vec<wire::KeySummary> = answer.json()?;
        Ok(answer.reply(Page { items: keys.into_iter().map(Into::into).collect(), next: answer.next() }))
    }

    async fn describe_key(&self, key: &KeyId) -> Result<Reply<Key>> {
        let (place, answer) = self.at_key("describe_key", key, |place| get_key(place, key)).await?;
        let read: wire::Key = answer.json()?;
        Ok(answer.reply(read.into_model(&place.region)))
    }

    async fn list_versions(&self, key: &KeyId, cursor: Option<Cursor>) -> Result<Reply<Page<KeyVersion>>> {
        let call = |place: &Place| {
            Call::new(Operation::ListKeyVersions, &place.region)
                .at_vault(&place.endpoint)
                .param("keyId", key)
                .query("limit", &PAGE_ITEMS_MAX)
                .page(cursor.as_ref().map(|cursor| cursor.0.as_str()))
        };
        let (_, answer) = self.at_key("list_versions", key, call).await?;
        let versions: Vec<wire::KeyVersion> = answer.json()?;
        Ok(answer.reply(Page { items: versions.into_iter().map(Into::into).collect(), next: answer.next() }))
    }

    async fn create_version(&self, mint: &VersionMint) -> Result<Reply<KeyVersion>> {
        let place = self.locator.key("create_version", &mint.key).await?;
        let call = Call::new(Operation::CreateKeyVersion, &place.region)
            .at_vault(&place.endpoint)
            .param("keyId", &mint.key)
            .fenced(&mint.token, mint.date)
            .raw(mint.body.clone());
        let answer = self.client.send(&call).await?;
        let version: wire::KeyVersion = answer.json()?;
        Ok(answer.reply(version.into()))
    }

    async fn create_key(&self, mint: &KeyMint) -> Result<Reply<Key>> {
        let place = self.locator.vault("create_key", &mint.vault).await?;
        let call = Call::new(Operation::CreateKey, &place.region)
            .at_vault(&place.endpoint)
            .fenced(&mint.token, mint.date)
            .raw(mint.body.clone());
        let answer = self.client.send(&call).await?;
        let key: wire::Key = answer.json()?;
        // Search will not know it for a while, and looking for it would mean asking every vault.
        self.locator.remember_key(&key.id, &place);
        Ok(answer.reply(key.into_model(&place.region)))
    }

    async fn replication(&self, key: &KeyId, version: &KeyVersionId) -> Result<Reply<Vec<ReplicaStatus>>> {
        let call = |place: &Place| {
            Call::new(Operation::GetKeyVersion, &place.region)
                .at_vault(&place.endpoint)
                .param("keyId", key)
                .param("keyVersionId", version)
        };
        let (place, answer) = self.at_key("replication", key, call).await?;
        let read: wire::KeyVersion = answer.json()?;
        let Some(id) = read.replica_details.and_then(|details| details.replication_id) else {
            // The vault may have a replica that this version is not yet on its way to: the gate stays shut.
            let regions = self.replicas(&place.region, &place.vault).await?;
            let unsaid = regions.into_iter().map(|region| ReplicaStatus { region, state: ReplicaState::Unknown });
            return Ok(answer.reply(unsaid.collect()));
        };
        let call = Call::new(Operation::GetReplicationStatus, &place.region)
            .at_vault(&place.endpoint)
            .param("replicationId", &id);
        let answer = self.client.send(&call).await?;
        let status: wire::ReplicationStatus = answer.json()?;
        let states =
            status.replica_details.into_iter().map(|one| ReplicaStatus { region: one.region, state: one.status });
        Ok(answer.reply(states.collect()))
    }

    async fn usage(&self, vault: &VaultId) -> Result<Reply<VaultUsage>> {
        let place = self.locator.vault("usage", vault).await?;
        let answer =
            self.client.send(&Call::new(Operation::GetVaultUsage, &place.region).param("vaultId", vault)).await?;
        let usage: wire::VaultUsage = answer.json()?;
        Ok(answer.reply(usage.into()))
    }

    async fn set_tags(&self, key: &KeyId, tags: &Tags, if_match: &Etag) -> Result<Reply<Key>> {
        let place = self.locator.key("set_tags", key).await?;
        let body = wire::UpdateKey { freeform_tags: &tags.freeform, defined_tags: &tags.defined };
        let call = Call::new(Operation::UpdateKey, &place.region)
            .at_vault(&place.endpoint)
            .param("keyId", key)
            .if_match(if_match)
            .json(&body)?;
        let answer = self.client.send(&call).await?;
        let read: wire::Key = answer.json()?;
        Ok(answer.reply(read.into_model(&place.region)))
    }
}

#[cfg(test)]
#[path = "key_store_tests.rs"]
mod tests;
