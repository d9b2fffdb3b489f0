//! KMS as it is read: vaults, keys, versions, replication. Minting and changing is `kms_mint`.
//!
//! State is instants: whether a version is ENABLED, listed, current or replicated follows from the
//! present. Nothing here deletes or reveals material.

use super::answer::{Call, Listing, No, PageQuery, Told, VaultEndpoint, Yes};
use super::kms_state::{KeyRecord, VaultRecord};
use super::log::NotYet;
use super::operations as op;
use super::paging::page_of;
use super::world::{Ctx, State, World};
use crate::model::{
    CompartmentId, Etag, Key, KeyId, KeySummary, KeyVersion, KeyVersionId, Region, ReplicaState, ReplicaStatus, Tags,
    Vault, VaultId, VaultSummary, VaultUsage,
};

/// A vault as GetVault tells it, with what the model leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultInfo {
    /// The vault, as seen in the region that was asked.
    pub vault: Vault,
    /// Whether it can have a replica.
    pub is_replicable: bool,
    /// Its tags.
    pub tags: Tags,
}

/// A key version with the places the model leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionInfo {
    /// The version.
    pub version: KeyVersion,
    /// Vault that holds its key.
    pub vault: VaultId,
    /// Compartment that holds its key.
    pub compartment: CompartmentId,
    /// `false` at a replica's endpoint.
    pub is_primary: bool,
}

/// A vault's replica, as ListVaultReplicas tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultReplica {
    /// Where it is.
    pub region: Region,
}

impl State {
    /// A vault at an endpoint, and whether the endpoint is its primary's.
    pub(super) fn vault_at(&self, ctx: &Ctx, at: &VaultEndpoint) -> Result<(&VaultRecord, bool), No> {
        let not_found = || No::not_found(at.vault.as_str());
        let record = self.kms.vaults.get(&at.vault).ok_or_else(not_found)?;
        let place = &record.vault.compartment;
        if !self.is_open(ctx, place) || !self.is_allowed_in_vault(ctx, place) {
            return Err(not_found());
        }
        let is_home = record.vault.region == at.region;
        if !is_home && !record.vault.replicas.contains(&at.region) {
            return Err(not_found());
        }
        Ok((record, is_home && record.vault.is_primary != Some(false)))
    }

    /// A key of the vault at an endpoint.
    pub(super) fn key_at(&self, ctx: &Ctx, at: &VaultEndpoint, key: &KeyId) -> Result<(&KeyRecord, bool), No> {
        let not_found = || No::not_found(key.as_str());
        let vault = self.kms.vaults.get(&at.vault).ok_or_else(not_found)?;
        let is_home = vault.vault.region == at.region;
        let record = self.kms.keys.get(key).filter(|record| record.vault == at.vault).ok_or_else(not_found)?;
        if (!is_home && !vault.vault.replicas.contains(&at.region)) || !self.may_see(ctx, &record.compartment) {
            return Err(not_found());
        }
        Ok((record, is_home && vault.vault.is_primary != Some(false)))
    }
}

impl World {
    /// ListVaults: of one compartment, in one region; replicas are listed where they are.
    pub fn list_vaults(
        &self,
        call: &Call,
        region: &Region,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<VaultSummary>> {
        self.read(&op::LIST_VAULTS, call, region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let ids = state.kms.listed.get(&(region.clone(), compartment.clone())).map_or(&[][..], Vec::as_slice);
            page_of(
                &state.settings,
                query,
                ids.iter(),
                |id| id.as_str(),
                |id| {
                    let vault = &state.kms.vaults[id].vault;
                    VaultSummary {
                        id: vault.id.clone(),
                        compartment: vault.compartment.clone(),
                        region: region.clone(),
                        name: vault.name.clone(),
                        state: vault.state,
                        vault_type: vault.vault_type,
                    }
                },
            )
            .map(Yes::new)
        })
    }

    /// GetVault, in the region of the primary or of the replica.
    pub fn get_vault(&self, call: &Call, at: &VaultEndpoint) -> Told<VaultInfo> {
        self.read(&op::GET_VAULT, call, &at.region, at.vault.as_str(), |state, ctx| {
            let (record, is_primary) = state.vault_at(ctx, at)?;
            let mut vault = record.vault.clone();
            vault.region = at.region.clone();
            vault.is_primary = Some(is_primary);
            let etag = Etag::parse(format!("v{}", record.etag)).expect("letters and digits");
            Ok(Yes::new(VaultInfo { vault, is_replicable: record.is_replicable, tags: record.tags.clone() }).etag(etag))
        })
    }

    /// GetVaultUsage: versions in all compartments, DELETED ones excluded.
    pub fn get_vault_usage(&self, call: &Call, at: &VaultEndpoint) -> Told<VaultUsage> {
        self.read(&op::GET_VAULT_USAGE, call, &at.region, at.vault.as_str(), |state, ctx| {
            state.vault_at(ctx, at)?;
            Ok(Yes::new(state.usage_of(&at.vault)))
        })
    }

    /// ListVaultReplicas.
    pub fn list_vault_replicas(&self, call: &Call, at: &VaultEndpoint) -> Told<Listing<VaultReplica>> {
        self.read(&op::LIST_VAULT_REPLICAS, call, &at.region, at.vault.as_str(), |state, ctx| {
            let (record, _) = state.vault_at(ctx, at)?;
            let items = record.vault.replicas.iter().map(|region| VaultReplica { region: region.clone() }).collect();
            Ok(Yes::new(Listing { items, next: None }))
        })
    }

    /// ListKeys: of the endpoint's vault, in one compartment.
    pub fn list_keys(
        &self,
        call: &Call,
        at: &VaultEndpoint,
        compartment: &CompartmentId,
        query: &PageQuery,
    ) -> Told<Listing<KeySummary>> {
        self.read(&op::LIST_KEYS, call, &at.region, compartment.as_str(), |state, ctx| {
            state.check_compartment(ctx, compartment)?;
            let ids = state.kms.keys_of.get(&(at.vault.clone(), compartment.clone())).map_or(&[][..], Vec::as_slice);
            let now = ctx.now;
            let listed = ids.iter().filter(|id| state.kms.keys[*id].is_listed(now));
            page_of(
                &state.settings,
                query,
                listed,
                |id| id.as_str(),
                |id| {
                    let key = &state.kms.keys[id];
                    KeySummary {
                        id: key.id.clone(),
                        compartment: key.compartment.clone(),
                        vault: key.vault.clone(),
                        name: key.name.clone(),
                        state: key.state_at(now),
                        algorithm: key.shape.algorithm.clone(),
                        tags: key.tags.clone(),
                    }
                },
            )
            .map(Yes::new)
        })
    }

    /// GetKey.
    pub fn get_key(&self, call: &Call, at: &VaultEndpoint, key: &KeyId) -> Told<Key> {
        self.read(&op::GET_KEY, call, &at.region, key.as_str(), |state, ctx| {
            let (record, is_primary) = state.key_at(ctx, at, key)?;
            let not_yet = record.is_flip_pending(ctx.now).then_some(NotYet::Flip);
            let model = record.model(&at.region, is_primary, ctx.now);
            Ok(Yes::new(model).etag(record.etag(ctx.now)).not_yet(not_yet))
        })
    }

    /// ListKeyVersions: a new version comes after the list lag.
    pub fn list_key_versions(
        &self,
        call: &Call,
        at: &VaultEndpoint,
        key: &KeyId,
        query: &PageQuery,
    ) -> Told<Listing<VersionInfo>> {
        self.read(&op::LIST_KEY_VERSIONS, call, &at.region, key.as_str(), |state, ctx| {
            let (record, is_primary) = state.key_at(ctx, at, key)?;
            let now = ctx.now;
            let hidden = record.versions.iter().any(|v| v.listed > now);
            let shown = record.versions.iter().filter(|v| v.listed <= now);
            let listing =
                page_of(&state.settings, query, shown, |v| v.id.as_str(), |v| record.version_info(v, is_primary, now))?;
            Ok(Yes::new(listing).not_yet(hidden.then_some(NotYet::List)))
        })
    }

    /// GetKeyVersion.
    pub fn get_key_version(
        &self,
        call: &Call,
        at: &VaultEndpoint,
        key: &KeyId,
        version: &KeyVersionId,
    ) -> Told<VersionInfo> {
        self.read(&op::GET_KEY_VERSION, call, &at.region, version.as_str(), |state, ctx| {
            let (record, is_primary) = state.key_at(ctx, at, key)?;
            let found = record.versions.iter().enumerate().find(|(_, v)| v.id == *version && v.listed <= ctx.now);
            let (place, found) = found.ok_or_else(|| No::not_found(version.as_str()))?;
            let etag = Etag::parse(format!("kv{place}-{:?}", found.state(ctx.now))).expect("letters and digits");
            Ok(Yes::new(record.version_info(found, is_primary, ctx.now)).etag(etag))
        })
    }

    /// GetReplicationStatus of one replication operation.
    pub fn get_replication_status(
        &self,
        call: &Call,
        at: &VaultEndpoint,
        replication_id: &str,
    ) -> Told<Vec<ReplicaStatus>> {
        self.read(&op::GET_REPLICATION_STATUS, call, &at.region, replication_id, |state, ctx| {
            let (vault, _) = state.vault_at(ctx, at)?;
            let not_found = || No::not_found(replication_id);
            let (key, place) = state.kms.replications.get(replication_id).ok_or_else(not_found)?;
            let key = state.kms.keys.get(key).filter(|key| key.vault == at.vault).ok_or_else(not_found)?;
            let arrives = key.versions[*place].replication.as_ref().map_or(ctx.now, |(_, at)| *at);
            let status = if ctx.now >= arrives { ReplicaState::Replicated } else { ReplicaState::Replicating };
            let regions = vault.vault.replicas.iter();
            let value = regions.map(|region| ReplicaStatus { region: region.clone(), state: status }).collect();
            Ok(Yes::new(value).not_yet((ctx.now < arrives).then_some(NotYet::Replica)))
        })
    }

    /// The endpoint of a key's primary, as somebody who knows everything would find it.
    #[must_use]
    pub fn primary_endpoint(&self, key: &KeyId) -> Option<VaultEndpoint> {
        let state = self.lock();
        let vault = &state.kms.keys.get(key)?.vault;
        Some(VaultEndpoint { vault: vault.clone(), region: state.kms.vaults.get(vault)?.vault.region.clone() })
    }

    /// The endpoints of a vault: the primary's first, then its replicas'.
    #[must_use]
    pub fn vault_endpoints(&self, vault: &VaultId) -> Vec<VaultEndpoint> {
        let state = self.lock();
        let Some(record) = state.kms.vaults.get(vault) else { return Vec::new() };
        let regions = std::iter::once(&record.vault.region).chain(&record.vault.replicas);
        regions.map(|region| VaultEndpoint { vault: vault.clone(), region: region.clone() }).collect()
    }

    /// A key as it is at its primary, whoever may see it.
    #[must_use]
    pub fn key(&self, key: &KeyId) -> Option<Key> {
        let now = self.now();
        let mut state = self.lock();
        state.run_deferred(now);
        let record = state.kms.keys.get(key)?;
        let vault = &state.kms.vaults.get(&record.vault)?.vault;
        Some(record.model(&vault.region, vault.is_primary != Some(false), now))
    }

    /// A vault as it is at its primary, whoever may see it.
    #[must_use]
    pub fn vault(&self, vault: &VaultId) -> Option<VaultInfo> {
        let state = self.lock();
        let record = state.kms.vaults.get(vault)?;
        Some(VaultInfo { vault: record.vault.clone(), is_replicable: record.is_replicable, tags: record.tags.clone() })
    }

    /// Every vault there is, in order of creation.
    #[must_use]
    pub fn vaults(&self) -> Vec<VaultId> {
        let state = self.lock();
        let mut ids: Vec<_> = state.kms.vaults.keys().cloned().collect();
        ids.sort_by(|a, b| a.as_str().rsplit('.').next().cmp(&b.as_str().rsplit('.').next()));
        ids
    }
}
