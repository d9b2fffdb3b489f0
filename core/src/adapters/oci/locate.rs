//! Finding the endpoint that manages a key: its vault through Search, else by looking into every vault.
//!
//! An OCID does not say where its vault is (oci-api §0 fact 16). Replicas are passed over for their primary.
//! Only endpoints are remembered, and only until one of them does not know the key any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Url;

use super::answer::Answer;
use super::call::Call;
use super::client::{Client, PAGE_ITEMS_MAX};
use super::operation::Operation;
use super::{search, wire};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{CompartmentId, KeyId, Region, VaultId, VaultState};

/// Where a vault is managed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub vault: VaultId,
    pub region: Region,
    pub endpoint: Url,
}

pub(crate) struct Locator {
    client: Arc<Client>,
    vaults: Mutex<HashMap<VaultId, Place>>,
    keys: Mutex<HashMap<KeyId, Place>>,
}

/// A vault as GetVault described it, and the answer that did.
pub(crate) struct Described {
    pub answer: Answer,
    pub region: Region,
    pub vault: wire::Vault,
}

impl Locator {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        Self { client, vaults: Mutex::default(), keys: Mutex::default() }
    }

    /// Reads a vault, in its primary's region if it has replicas; a replica only if no primary shows.
    pub(crate) async fn describe(&self, operation: &'static str, vault: &VaultId) -> Result<Described> {
        if let Some(known) = remembered(&self.vaults, vault) {
            match self.get_vault(&known.region, vault).await {
                Ok(described) if described.vault.is_primary != Some(false) => return Ok(described),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            forget(&self.vaults, vault);
        }
        let mut replica = None;
        let mut unseen = None;
        for region in self.client.regions_for(vault.as_str()).await? {
            match self.get_vault(&region, vault).await {
                Ok(described) if described.vault.is_primary == Some(false) => replica = replica.or(Some(described)),
                Ok(described) => {
                    let place = self.place(&described)?;
                    remember(&self.vaults, vault, place);
                    return Ok(described);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => unseen = unseen.or(Some(error)),
                // Another region may know it; if none does, this is why we cannot say.
                Err(error) if is_passing(&error) => unseen = Some(error),
                Err(error) => return Err(error),
            }
        }
        match (replica, unseen) {
            (Some(replica), _) => Ok(replica),
            (None, Some(error)) => Err(error.with("vault", vault)),
            (None, None) => Err(Error::bug(operation, "a client has at least one region")),
        }
    }

    /// Where a vault is managed; a replica is refused.
    pub(crate) async fn vault(&self, operation: &'static str, vault: &VaultId) -> Result<Place> {
        if let Some(place) = remembered(&self.vaults, vault) {
            return Ok(place);
        }
        let described = self.describe(operation, vault).await?;
        if described.vault.is_primary == Some(false) {
            return Err(replica_refused(operation, &described));
        }
        self.place(&described)
    }

    /// Where a key is managed.
    pub(crate) async fn key(&self, operation: &'static str, key: &KeyId) -> Result<Place> {
        if let Some(place) = remembered(&self.keys, key) {
            return Ok(place);
        }
        let regions = self.client.regions_for(key.as_str()).await?;
        let place = match self.by_search(operation, key, &regions).await? {
            Some(place) => place,
            None => self.by_inventory(operation, key, &regions).await?,
        };
        remember(&self.keys, key, place.clone());
        Ok(place)
    }

    /// Remembers where a key is that its vault has just made.
    pub(crate) fn remember_key(&self, key: &KeyId, place: &Place) {
        remember(&self.keys, key, place.clone());
    }

    /// Forgets where a key was, after its endpoint said that it does not know it.
    pub(crate) fn forget_key(&self, key: &KeyId) -> bool {
        let place = remembered(&self.keys, key);
        if let Some(place) = &place {
            forget(&self.vaults, &place.vault);
        }
        forget(&self.keys, key);
        place.is_some()
    }

    async fn by_search(&self, operation: &'static str, key: &KeyId, regions: &[Region]) -> Result<Option<Place>> {
        let query = search::key_query(key)?;
        for region in regions {
            let found = match search::page(&self.client, region, &query, None).await {
                Ok((_, found)) => found,
                // Search is a short cut: without it every vault is looked into.
                Err(error) if error.status() == Some(401) || error.kind() == ErrorKind::Config => return Err(error),
                Err(_) => continue,
            };
            let vault = found
                .iter()
                .filter(|one| one.identifier == key.as_str())
                .filter_map(|one| one.additional_details.as_ref()?.get("vaultId")?.as_str())
                .find_map(|id| VaultId::parse(id).ok());
            if let Some(vault) = vault {
                match self.vault(operation, &vault).await {
                    Ok(place) => return Ok(Some(place)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error.with("key", key)),
                }
            }
        }
        Ok(None)
    }

    /// Asks every vault that we can see whether it has the key.
    async fn by_inventory(&self, operation: &'static str, key: &KeyId, regions: &[Region]) -> Result<Place> {
        let mut compartments = vec![self.client.tenancy().clone()];
        match self.client.compartments().await {
            Ok(found) => compartments.extend(found.into_iter().map(|one| one.id)),
            Err(error) if is_hidden(&error) => {}
            Err(error) => return Err(error),
        }
        let mut unseen = None;
        for region in regions {
            for compartment in &compartments {
                let vaults = match self.list_vaults(region, compartment).await {
                    Ok(vaults) => vaults,
                    Err(error) if is_hidden(&error) => continue,
                    Err(error) if is_passing(&error) => {
                        unseen = Some(error);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                // A vault that is to be deleted is looked into as well: that is what people must hear of.
                let is_looked_into = |state: VaultState| state == VaultState::Active || state.is_going();
                for vault in vaults.into_iter().filter(|vault| is_looked_into(vault.lifecycle_state)) {
                    let endpoint = self.client.endpoints().vault(region, &vault.management_endpoint)?;
                    let call = Call::new(Operation::GetKey, region).at_vault(&endpoint).param("keyId", key);
                    match self.client.send(&call).await {
                        // A replica knows the key too; its primary is asked for by name.
                        Ok(_) => return self.vault(operation, &vault.id).await,
                        Err(error) if is_hidden(&error) => {}
                        Err(error) if is_passing(&error) => unseen = Some(error),
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Err(unseen
            .unwrap_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    operation,
                    "no vault that these credentials can see has this key; check its OCID, and that the policy allows \
                 VAULT_INSPECT, VAULT_READ and KEY_READ where it is",
                )
            })
            .with("key", key)
            .with("regions", regions.iter().map(Region::as_str).collect::<Vec<_>>().join(" ")))
    }

    async fn list_vaults(&self, region: &Region, compartment: &CompartmentId) -> Result<Vec<wire::VaultSummary>> {
        let mut all = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let call = Call::new(Operation::ListVaults, region)
                .query("compartmentId", compartment)
                .query("limit", &PAGE_ITEMS_MAX)
                .page(page.as_deref());
            let answer = self.client.send(&call).await?;
            all.extend(answer.json::<Vec<wire::VaultSummary>>()?);
            page = answer.witnesses.next_page;
            if page.is_none() {
                return Ok(all);
            }
        }
    }

    async fn get_vault(&self, region: &Region, vault: &VaultId) -> Result<Described> {
        let call = Call::new(Operation::GetVault, region).param("vaultId", vault);
        let answer = self.client.send(&call).await?;
        let read: wire::Vault = answer.json()?;
        Ok(Described { answer, region: region.clone(), vault: read })
    }

    fn place(&self, described: &Described) -> Result<Place> {
        let summary = &described.vault.summary;
        Ok(Place {
            vault: summary.id.clone(),
            region: described.region.clone(),
            endpoint: self.client.endpoints().vault(&described.region, &summary.management_endpoint)?,
        })
    }
}

fn replica_refused(operation: &'static str, described: &Described) -> Error {
    Error::refused(
        operation,
        "this vault is a replica, which refuses management calls, and its primary shows in no region that these credentials \
         can see; use the primary vault's tenancy and region",
    )
    .with("vault", &described.vault.summary.id)
    .with("replica_region", &described.region)
    .answered(described.answer.witnesses.server_date, described.answer.witnesses.request_id.clone())
}

/// 404 and 403 both mean: nothing here that we may see.
pub(crate) fn is_hidden(error: &Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.status() == Some(403)
}

/// It may answer another time.
pub(crate) fn is_passing(error: &Error) -> bool {
    matches!(error.retry(), crate::Retry::Later(_))
}

fn remembered<K: std::hash::Hash + Eq>(map: &Mutex<HashMap<K, Place>>, key: &K) -> Option<Place> {
    map.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
}

fn remember<K: std::hash::Hash + Eq + Clone>(map: &Mutex<HashMap<K, Place>>, key: &K, place: Place) {
    map.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), place);
}

fn forget<K: std::hash::Hash + Eq>(map: &Mutex<HashMap<K, Place>>, key: &K) {
    map.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
}
