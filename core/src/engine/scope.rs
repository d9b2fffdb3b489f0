//! Where to look: compartments in scope, regions where a key can be used, keys that are managed here. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use super::Engine;
use crate::model::{Compartment, CompartmentId, KeyId, Region, Vault, VaultId};
use crate::ports::Page;
use crate::rotation::State;
use crate::{Error, ErrorKind, Result};

impl Engine {
    /// Compartments that the settings want looked at. One that is named and cannot be seen is looked at all the same:
    /// its owner hears that it is denied, rather than nothing.
    pub(super) fn in_scope(&self, visible: Vec<Compartment>) -> Vec<Compartment> {
        let (named, trees) = (&self.settings.scope.compartments, &self.settings.scope.compartment_trees);
        if named.is_empty() && trees.is_empty() {
            return visible;
        }
        let unseen = named.union(trees).filter(|id| !visible.iter().any(|one| one.id == **id));
        let unseen: Vec<Compartment> =
            unseen.map(|id| Compartment { id: id.clone(), name: id.to_string(), parent: None }).collect();
        let parents: BTreeMap<CompartmentId, CompartmentId> =
            visible.iter().filter_map(|one| Some((one.id.clone(), one.parent.clone()?))).collect();
        let is_wanted = |one: &Compartment| named.contains(&one.id) || is_below(&one.id, trees, &parents);
        visible.into_iter().filter(is_wanted).chain(unseen).collect()
    }

    /// Regions where resources can be under a key; `None`: it cannot be read, so anywhere.
    pub(super) async fn regions_of(&self, key: &KeyId) -> Result<Option<BTreeSet<Region>>> {
        match self.ports.key_store.describe_key(key).await {
            Ok(reply) => self.regions_of_vault(&reply.value.vault).await,
            Err(error) if error.is_out_of_reach() || is_hidden(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same for a rotation's key: as its preflight saw it, or before that as the vault says.
    pub(super) async fn key_regions(&self, state: &State) -> Result<Option<BTreeSet<Region>>> {
        let opened = &state.opened;
        match &state.checked {
            Some(checked) => Ok(Some(checked.replicas.iter().chain([&opened.region]).cloned().collect())),
            None => self.regions_of_vault(&opened.vault).await,
        }
    }

    async fn regions_of_vault(&self, vault: &VaultId) -> Result<Option<BTreeSet<Region>>> {
        match self.ports.key_store.describe_vault(vault).await {
            Ok(reply) => Ok(Some(regions_of(&reply.value))),
            Err(error) if error.is_out_of_reach() || is_hidden(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keys that are managed here: what carries the tag and is under one of them is where it belongs. Vaults in scope
    /// are asked for their keys once; if they do not answer, what is under those keys is a finding too many.
    pub(super) async fn managed(&self) -> Result<BTreeSet<KeyId>> {
        if self.settings.tag.is_none() {
            return Ok(BTreeSet::new());
        }
        if !self.settings.scope.vaults.is_empty() && self.keys_seen().is_none() {
            let asked = self.keys_in_scope().await;
            drop(asked.inspect_err(|error| tracing::warn!(%error, "which keys are in scope is not known")));
        }
        let mut keys = self.settings.scope.keys.clone();
        keys.extend(self.keys_seen().iter().flatten().cloned());
        if let Some(registry) = self.registry().await?.state() {
            keys.extend(registry.rotations.values().map(|rotation| rotation.opened.name.key.clone()));
            keys.extend(registry.predecessors.keys().cloned());
        }
        Ok(keys)
    }

    /// Whether every key that is managed here is known, as far as anybody answered.
    pub(super) fn knows_managed(&self) -> bool {
        let is_told = self.keys_seen().is_some() && !self.keys_unseen.load(Ordering::Relaxed);
        self.settings.scope.vaults.is_empty() || is_told
    }

    /// Keys of one lineage with this one.
    pub(super) async fn kin_of(&self, key: &KeyId) -> Result<BTreeSet<KeyId>> {
        let registry = self.registry().await?;
        let Some(registry) = registry.state() else { return Ok([key.clone()].into()) };
        let root = registry.root_of(key);
        let successors = registry.successors_of([root.clone()].iter());
        Ok(successors.into_iter().chain([root, key.clone()]).collect())
    }

    /// Keys in scope: those named, the AES keys of the vaults named, and whatever took over from any of them.
    ///
    /// A vault that cannot be reached does not hide the others: of its keys those are in scope that the journal knows.
    /// That others may be missing is an error only when nothing else is in scope.
    pub async fn keys_in_scope(&self) -> Result<Vec<(KeyId, String)>> {
        let scope = &self.settings.scope;
        let mut keys: BTreeMap<KeyId, String> = scope.keys.iter().map(|key| (key.clone(), String::new())).collect();
        let mut unreached = None;
        if !scope.vaults.is_empty() {
            // A key may be in another compartment than its vault, so each that can be seen is asked for.
            let (is_named, compartments) = match scope.key_compartments.is_empty() {
                true => {
                    let seen = Box::pin(self.scopes()).await?.scopes.compartments;
                    (false, seen.into_iter().map(|one| one.id).collect())
                }
                false => (true, scope.key_compartments.clone()),
            };
            for vault in &scope.vaults {
                match self.keys_of(vault, &compartments).await {
                    // A compartment we may not look into holds no key that we could rotate; one that somebody names does.
                    Ok((found, Some(hidden))) if is_named => {
                        tracing::error!(%vault, error = %hidden, "keys cannot be listed in a compartment of scope.key_compartments; of those there only what the journal knows is shown");
                        keys.extend(found);
                        keys.extend(self.known_keys_of(vault).await?.into_iter().map(|key| (key, String::new())));
                        unreached = Some(hidden);
                    }
                    Ok((found, _)) => keys.extend(found),
                    Err(error) if error.is_out_of_reach() => {
                        tracing::error!(%vault, %error, "a vault cannot be reached; of its keys only those that the journal knows are shown");
                        keys.extend(self.known_keys_of(vault).await?.into_iter().map(|key| (key, String::new())));
                        unreached = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        self.keys_unseen.store(unreached.is_some(), Ordering::Relaxed);
        if let Some(error) = unreached.filter(|_| keys.is_empty()) {
            return Err(error);
        }
        // Whoever manages a key manages what took over from it.
        let registry = self.registry().await?;
        if let Some(registry) = registry.state() {
            for successor in registry.successors_of(keys.keys()) {
                keys.entry(successor).or_default();
            }
        }
        *self.keys_seen() = Some(keys.keys().cloned().collect());
        Ok(keys.into_iter().collect())
    }

    /// AES keys of a vault in these compartments, and why one of them could not be listed.
    async fn keys_of(
        &self,
        vault: &VaultId,
        compartments: &BTreeSet<CompartmentId>,
    ) -> Result<(Vec<(KeyId, String)>, Option<Error>)> {
        let (mut keys, mut hidden) = (Vec::new(), None);
        for compartment in compartments {
            let mut cursor = None;
            loop {
                let Page { items, next } = match self.ports.key_store.list_keys(vault, compartment, cursor).await {
                    Ok(reply) => reply.value,
                    Err(error) if is_hidden(&error) => {
                        hidden = Some(error.with("compartment", compartment));
                        break;
                    }
                    Err(error) => return Err(error),
                };
                let aes = items.into_iter().filter(|key| key.algorithm == "AES");
                keys.extend(aes.map(|key| (key.id, key.name)));
                let Some(more) = next else { break };
                cursor = Some(more);
            }
        }
        Ok((keys, hidden))
    }

    async fn known_keys_of(&self, vault: &VaultId) -> Result<BTreeSet<KeyId>> {
        let registry = self.registry().await?;
        let rotations = registry.state().into_iter().flat_map(|registry| registry.rotations.values());
        let of_vault = rotations.filter(|rotation| rotation.opened.vault == *vault);
        Ok(of_vault.map(|rotation| rotation.opened.name.key.clone()).collect())
    }
}

/// Where the keys of a vault can be used: a resource and its key are in one region (oci-api §2.4), and a replicated
/// vault's keys are in two.
pub(super) fn regions_of(vault: &Vault) -> BTreeSet<Region> {
    vault.replicas.iter().chain([&vault.region]).cloned().collect()
}

/// Whether a compartment is one of these, or below one. What holds it may be hidden: then it is not known to be below.
fn is_below(
    compartment: &CompartmentId,
    trees: &BTreeSet<CompartmentId>,
    parents: &BTreeMap<CompartmentId, CompartmentId>,
) -> bool {
    let mut at = compartment;
    // The service would not tell of a ring; the bound is for one that does.
    for _ in 0..=parents.len() {
        if trees.contains(at) {
            return true;
        }
        let Some(above) = parents.get(at) else { return false };
        at = above;
    }
    false
}

fn is_hidden(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound)
}
