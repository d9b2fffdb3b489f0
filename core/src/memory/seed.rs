//! Making a World: compartments, vaults, keys, as they are before a test or a demonstration begins.
//!
//! Builders finish themselves with `done()`. What is seeded is old: listed, current, replicated and
//! indexed, unless its creation says that it is young.

use std::time::Duration;

use super::identity::PolicyInfo;
use super::kms_mint::{Mint, NewKey};
use super::kms_state::VaultRecord;
use super::world::{State, World};
use crate::model::{
    AutoRotation, CompartmentId, IamPolicy, KeyId, KeyShape, KeyState, KeyVersionId, Origin, ProtectionMode, Region,
    ResourceId, Tags, Timestamp, Vault, VaultId, VaultState, VaultType,
};

/// How old things are when nothing else is said.
const OLD: Duration = Duration::from_secs(400 * 86_400);

impl World {
    /// Subscribes the tenancy to a region.
    pub fn add_region(&self, region: &Region) {
        self.lock().subscribe(region);
    }

    /// A compartment below another.
    pub fn add_compartment(&self, name: &str, parent: &CompartmentId) -> CompartmentId {
        let created = self.now() - OLD;
        self.lock().insert_compartment(name, parent, created)
    }

    /// An IAM policy, attached to a compartment. World never judges by it: what is denied here is denied by name.
    pub fn add_policy(&self, compartment: &CompartmentId, name: &str, statements: &[&str]) -> ResourceId {
        let created = self.now() - OLD;
        let mut state = self.lock();
        let id = ResourceId::parse(state.ocid("policy", "")).expect("World's own OCID");
        let statements = statements.iter().map(|statement| (*statement).to_owned()).collect();
        let policy = IamPolicy { id: id.clone(), name: name.to_owned(), compartment: compartment.clone(), statements };
        state.identity.policies.push(PolicyInfo { policy, time_created: created });
        id
    }

    /// Somebody writes a policy's statements anew.
    pub fn others_rewrite_policy(&self, policy: &ResourceId, statements: &[&str]) {
        let mut state = self.lock();
        let found = state.identity.policies.iter_mut().find(|info| info.policy.id == *policy);
        let found = found.expect("a policy of this World");
        found.policy.statements = statements.iter().map(|statement| (*statement).to_owned()).collect();
    }

    /// A vault.
    pub fn add_vault(&self, region: &Region, compartment: &CompartmentId, name: &str) -> VaultSeed<'_> {
        VaultSeed {
            world: self,
            region: region.clone(),
            compartment: compartment.clone(),
            name: name.to_owned(),
            vault_type: VaultType::Default,
            state: VaultState::Active,
            replicas: Vec::new(),
            is_primary: true,
            tags: Tags::default(),
        }
    }

    /// A key with one version of the same age.
    pub fn add_key(&self, vault: &VaultId, compartment: &CompartmentId, name: &str, created: Timestamp) -> KeySeed<'_> {
        let shape = KeyShape { algorithm: "AES".to_owned(), length: 32, curve: None };
        KeySeed {
            world: self,
            vault: vault.clone(),
            created,
            new: NewKey {
                compartment: compartment.clone(),
                name: name.to_owned(),
                shape,
                protection: ProtectionMode::Software,
                tags: Tags::default(),
            },
            state: KeyState::Enabled,
            origin: Origin::Internal,
            auto_rotation: None,
            is_external: false,
            more_versions: Vec::new(),
        }
    }
}

impl World {
    /// Puts back a version that an earlier World minted for this key, so that a journal written against that
    /// World speaks of this one too. It is current from now on.
    pub fn restore_version(&self, key: &KeyId, version: &KeyVersionId, created: Timestamp) {
        let mut state = self.lock();
        let place = state.add_version(key, KeySeed::mint(Origin::Internal, created));
        state.kms.keys.get_mut(key).expect("a key of this World").versions[place].id = version.clone();
    }
}

impl World {
    /// Puts back a successor that an earlier World minted for this key, with its one version.
    pub fn restore_successor(&self, of: &KeyId, key: &KeyId, version: &KeyVersionId, created: Timestamp) {
        let mut state = self.lock();
        let like = &state.kms.keys[of];
        let new = NewKey {
            compartment: like.compartment.clone(),
            name: like.name.clone(),
            shape: like.shape.clone(),
            protection: like.protection,
            tags: like.tags.clone(),
        };
        let vault = like.vault.clone();
        let made = state.insert_key(&vault, new, KeySeed::mint(Origin::Internal, created));
        let mut record = state.kms.keys.remove(&made).expect("it was just made");
        record.id = key.clone();
        record.versions[0].id = version.clone();
        let listed = state.kms.keys_of.get_mut(&(vault, record.compartment.clone())).expect("it was just listed");
        *listed.last_mut().expect("it was just listed") = key.clone();
        state.kms.keys.insert(key.clone(), record);
    }
}

/// A vault to be.
#[must_use = "a seed grows with done()"]
pub struct VaultSeed<'w> {
    world: &'w World,
    region: Region,
    compartment: CompartmentId,
    name: String,
    vault_type: VaultType,
    state: VaultState,
    replicas: Vec<Region>,
    is_primary: bool,
    tags: Tags,
}

impl VaultSeed<'_> {
    /// With a replica in another region.
    pub fn replica(mut self, region: &Region) -> Self {
        self.replicas.push(region.clone());
        self
    }

    /// Itself the replica of a vault that this World does not have.
    pub fn is_replica(mut self) -> Self {
        self.is_primary = false;
        self
    }

    /// Of another type.
    pub fn vault_type(mut self, vault_type: VaultType) -> Self {
        self.vault_type = vault_type;
        self
    }

    /// In another state.
    pub fn state(mut self, state: VaultState) -> Self {
        self.state = state;
        self
    }

    /// With tags.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// Makes it.
    #[must_use]
    pub fn done(self) -> VaultId {
        let created = self.world.now() - OLD;
        let mut state = self.world.lock();
        let id = VaultId::parse(state.ocid("vault", self.region.as_str())).expect("World's own OCID");
        for region in std::iter::once(&self.region).chain(&self.replicas) {
            state.subscribe(region);
            let place = (region.clone(), self.compartment.clone());
            state.kms.listed.entry(place).or_default().push(id.clone());
        }
        let vault = Vault {
            id: id.clone(),
            compartment: self.compartment,
            region: self.region,
            name: self.name,
            state: self.state,
            vault_type: self.vault_type,
            is_primary: Some(self.is_primary),
            replicas: self.replicas,
            time_created: created,
            time_of_deletion: None,
        };
        let is_replicable = self.vault_type != VaultType::External;
        let record = VaultRecord { vault, is_replicable, tags: self.tags, etag: 1 };
        state.kms.vaults.insert(id.clone(), record);
        state.index_vault(&id, created);
        id
    }
}

/// A key to be.
#[must_use = "a seed grows with done()"]
pub struct KeySeed<'w> {
    world: &'w World,
    vault: VaultId,
    created: Timestamp,
    new: NewKey,
    state: KeyState,
    origin: Origin,
    auto_rotation: Option<AutoRotation>,
    is_external: bool,
    more_versions: Vec<Timestamp>,
}

impl KeySeed<'_> {
    /// Of another algorithm or length; asymmetric keys count twice in the vault's quota.
    pub fn shape(mut self, algorithm: &str, length: u32) -> Self {
        self.new.shape = KeyShape { algorithm: algorithm.to_owned(), length, curve: None };
        self
    }

    /// Processed elsewhere than in software.
    pub fn protection(mut self, protection: ProtectionMode) -> Self {
        self.new.protection = protection;
        self
    }

    /// In another state.
    pub fn state(mut self, state: KeyState) -> Self {
        self.state = state;
        self
    }

    /// With imported material.
    pub fn imported(mut self) -> Self {
        self.origin = Origin::External;
        self
    }

    /// A reference to a key in an external key manager.
    pub fn external(mut self) -> Self {
        self.is_external = true;
        self.new.protection = ProtectionMode::External;
        self
    }

    /// With OCI's own rotation on.
    pub fn auto_rotating(mut self, interval_days: u32) -> Self {
        self.auto_rotation = Some(AutoRotation { enabled: true, interval_days: Some(interval_days) });
        self
    }

    /// With tags.
    pub fn tags(mut self, tags: Tags) -> Self {
        self.new.tags = tags;
        self
    }

    /// With another version, made later.
    pub fn version(mut self, created: Timestamp) -> Self {
        self.more_versions.push(created);
        self
    }

    fn mint(origin: Origin, created: Timestamp) -> Mint {
        Mint {
            created,
            enabled_delay: Duration::ZERO,
            flip_delay: Duration::ZERO,
            list_lag: Duration::ZERO,
            replica_lag: Duration::ZERO,
            origin,
            is_auto_rotated: false,
            by: "seed".into(),
            token: None,
        }
    }

    /// Makes it.
    #[must_use]
    pub fn done(self) -> KeyId {
        let mut state = self.world.lock();
        let key = state.insert_key(&self.vault, self.new, Self::mint(self.origin, self.created));
        for created in self.more_versions {
            state.add_version(&key, Self::mint(self.origin, created));
        }
        let record = state.kms.keys.get_mut(&key).expect("just made");
        record.state = self.state;
        record.auto_rotation = self.auto_rotation;
        record.is_external = self.is_external;
        let lag = state.settings.search_lag;
        state.index_key(&key, self.created + lag);
        key
    }
}

impl State {
    fn index_vault(&mut self, vault: &VaultId, from: Timestamp) {
        let record = &self.kms.vaults[vault];
        let summary = super::search::ResourceSummary {
            resource_type: "Vault",
            identifier: vault.to_string(),
            compartment: record.vault.compartment.clone(),
            display_name: record.vault.name.clone(),
            lifecycle_state: "ACTIVE".to_owned(),
            time_created: record.vault.time_created,
            tags: record.tags.clone(),
            availability_domain: None,
            additional: std::collections::BTreeMap::new(),
        };
        let regions: Vec<_> = std::iter::once(&record.vault.region).chain(&record.vault.replicas).cloned().collect();
        for region in regions {
            self.index.put(&region, summary.clone(), from);
        }
    }
}
