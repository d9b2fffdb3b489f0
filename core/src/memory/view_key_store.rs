//! The `KeyStore` port as a view over World: finds endpoints and primaries, keeps every promise.
//!
//! Translates only; what OCI does is World's business.

use std::sync::Arc;

use async_trait::async_trait;

use super::answer::{Call, Caller, PageQuery, VaultEndpoint};
use super::kms_mint::{KeyUpdate, NewKey};
use super::translate::{page, reply};
use super::world::World;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{
    CompartmentId, Etag, Key, KeyId, KeyShape, KeySummary, KeyVersion, KeyVersionId, ProtectionMode, Region,
    ReplicaStatus, Tags, Vault, VaultId, VaultSummary, VaultUsage,
};
use crate::ports::{Cursor, KeyMint, KeyStore, KeyStorePromises, Page, Reply, VersionMint};

struct KeyStoreView {
    world: Arc<World>,
    caller: Caller,
}

impl World {
    /// The vault side of this World, as the principal `keywheel`.
    #[must_use]
    pub fn key_store(self: &Arc<Self>) -> Arc<dyn KeyStore> {
        self.key_store_as(&Caller::keywheel())
    }

    /// The vault side of this World, as another principal.
    #[must_use]
    pub fn key_store_as(self: &Arc<Self>, caller: &Caller) -> Arc<dyn KeyStore> {
        Arc::new(KeyStoreView { world: Arc::clone(self), caller: caller.clone() })
    }
}

impl KeyStoreView {
    fn call(&self) -> Call {
        Call::by(&self.caller)
    }

    /// A key that nobody knows is asked for at an endpoint that nobody knows: World says 404 in its own words.
    fn home_of_key(&self, key: &KeyId) -> VaultEndpoint {
        self.world.primary_endpoint(key).unwrap_or_else(|| self.nowhere())
    }

    fn home_of_vault(&self, vault: &VaultId) -> VaultEndpoint {
        let found = self.world.vault_endpoints(vault).into_iter().next();
        found.unwrap_or_else(|| VaultEndpoint { vault: vault.clone(), ..self.nowhere() })
    }

    fn nowhere(&self) -> VaultEndpoint {
        VaultEndpoint {
            vault: VaultId::parse("ocid1.vault.oc1..nowhere").expect("an OCID of our own"),
            region: self.world.regions().swap_remove(0),
        }
    }
}

#[async_trait]
impl KeyStore for KeyStoreView {
    /// What OCI documents; a World that forgets tokens breaks the promise, as OCI might.
    fn promises(&self) -> KeyStorePromises {
        KeyStorePromises { retry_token: true, date_fence: true, if_match: true }
    }

    async fn list_vaults(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<VaultSummary>>> {
        let query = PageQuery::at(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        reply("list_vaults", self.world.list_vaults(&self.call(), region, compartment, &query)).map(page)
    }

    async fn describe_vault(&self, vault: &VaultId) -> Result<Reply<Vault>> {
        let told = self.world.get_vault(&self.call(), &self.home_of_vault(vault));
        Ok(reply("describe_vault", told)?.map(|info| info.vault))
    }

    async fn list_keys(
        &self,
        vault: &VaultId,
        compartment: &CompartmentId,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<KeySummary>>> {
        let query = PageQuery::at(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        let told = self.world.list_keys(&self.call(), &self.home_of_vault(vault), compartment, &query);
        reply("list_keys", told).map(page)
    }

    async fn describe_key(&self, key: &KeyId) -> Result<Reply<Key>> {
        reply("describe_key", self.world.get_key(&self.call(), &self.home_of_key(key), key))
    }

    async fn list_versions(&self, key: &KeyId, cursor: Option<Cursor>) -> Result<Reply<Page<KeyVersion>>> {
        let query = PageQuery::at(cursor.as_ref().map(|cursor| cursor.0.as_str()));
        let told = self.world.list_key_versions(&self.call(), &self.home_of_key(key), key, &query);
        let listing = reply("list_versions", told).map(page)?;
        Ok(listing
            .map(|page| Page { items: page.items.into_iter().map(|info| info.version).collect(), next: page.next }))
    }

    async fn create_version(&self, mint: &VersionMint) -> Result<Reply<KeyVersion>> {
        let call = self.call().dated(mint.date).token(mint.token.as_str());
        let told = self.world.create_key_version(&call, &self.home_of_key(&mint.key), &mint.key);
        Ok(reply("create_version", told)?.map(|info| info.version))
    }

    async fn create_key(&self, mint: &KeyMint) -> Result<Reply<Key>> {
        let new = key_from_body(&mint.body)?;
        let call = self.call().dated(mint.date).token(mint.token.as_str());
        reply("create_key", self.world.create_key(&call, &self.home_of_vault(&mint.vault), new))
    }

    async fn replication(&self, key: &KeyId, version: &KeyVersionId) -> Result<Reply<Vec<ReplicaStatus>>> {
        let home = self.home_of_key(key);
        let info = reply("replication", self.world.get_key_version(&self.call(), &home, key, version))?;
        let Some(id) = info.value.version.replication_id.clone() else {
            return Ok(info.map(|_| Vec::new()));
        };
        reply("replication", self.world.get_replication_status(&self.call(), &home, &id))
    }

    async fn usage(&self, vault: &VaultId) -> Result<Reply<VaultUsage>> {
        reply("usage", self.world.get_vault_usage(&self.call(), &self.home_of_vault(vault)))
    }

    async fn set_tags(&self, key: &KeyId, tags: &Tags, if_match: &Etag) -> Result<Reply<Key>> {
        let change = KeyUpdate {
            freeform: Some(tags.freeform.clone()),
            defined: Some(tags.defined.clone()),
            ..KeyUpdate::default()
        };
        let call = self.call().if_match(if_match.as_str());
        reply("set_tags", self.world.update_key(&call, &self.home_of_key(key), key, change))
    }
}

/// CreateKeyDetails as JSON, in OCI's spelling.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateKeyBody {
    compartment_id: CompartmentId,
    display_name: String,
    key_shape: KeyShape,
    protection_mode: Option<ProtectionMode>,
    #[serde(default)]
    freeform_tags: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    defined_tags: std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>,
}

fn key_from_body(body: &str) -> Result<NewKey> {
    let body: CreateKeyBody = serde_json::from_str(body).map_err(|error| {
        Error::new(ErrorKind::Refused, "create_key", "the body is not CreateKeyDetails")
            .with_code(400, "CannotParseRequest")
            .caused_by(error)
    })?;
    Ok(NewKey {
        compartment: body.compartment_id,
        name: body.display_name,
        shape: body.key_shape,
        protection: body.protection_mode.unwrap_or(ProtectionMode::Hsm),
        tags: Tags { freeform: body.freeform_tags, defined: body.defined_tags },
    })
}
