//! KMS as it is changed: minting versions and keys, tags, and what others do to keys.
//!
//! Everything OCI refuses is refused here with OCI's code. There is no deletion for callers; what
//! others may do behind our back is named `others_…`.

use std::sync::Arc;
use std::time::Duration;

use super::answer::{Call, No, Told, VaultEndpoint, Yes};
use super::faults::Fault;
use super::kms::VersionInfo;
use super::kms_state::{KeyRecord, TokenUse, VersionRecord};
use super::log::Note;
use super::operations as op;
use super::world::{Ctx, State, World};
use crate::model::{
    AutoRotation, CompartmentId, Key, KeyId, KeyShape, KeyState, KeyVersionId, Origin, ProtectionMode, Tags, Timestamp,
    VaultId, VaultState, VaultUsage,
};

/// Whoever changes keys beside the ports.
const OTHERS: &str = "somebody-else";

/// CreateKeyDetails, as far as World knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Compartment that gets the key.
    pub compartment: CompartmentId,
    /// Display name.
    pub name: String,
    /// Algorithm and length.
    pub shape: KeyShape,
    /// Where the material is processed.
    pub protection: ProtectionMode,
    /// Tags.
    pub tags: Tags,
}

/// UpdateKeyDetails: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyUpdate {
    /// Display name.
    pub name: Option<String>,
    /// All free-form tags.
    pub freeform: Option<std::collections::BTreeMap<String, String>>,
    /// All defined tags.
    pub defined: Option<std::collections::BTreeMap<String, std::collections::BTreeMap<String, String>>>,
    /// OCI's own rotation.
    pub auto_rotation: Option<AutoRotation>,
}

/// How a version comes into the world.
pub(super) struct Mint {
    pub(super) created: Timestamp,
    pub(super) enabled_delay: Duration,
    pub(super) flip_delay: Duration,
    pub(super) list_lag: Duration,
    pub(super) replica_lag: Duration,
    pub(super) origin: Origin,
    pub(super) is_auto_rotated: bool,
    pub(super) by: Arc<str>,
    pub(super) token: Option<String>,
}

impl State {
    fn mint_now(&self, now: Timestamp, by: Arc<str>) -> Mint {
        let settings = &self.settings;
        Mint {
            created: now,
            enabled_delay: settings.enabled_delay,
            flip_delay: settings.flip_delay.max(settings.enabled_delay),
            list_lag: settings.list_lag,
            replica_lag: settings.replica_lag,
            origin: Origin::Internal,
            is_auto_rotated: false,
            by,
            token: None,
        }
    }

    /// A version for a key of this vault; the caller puts it into the key at `place`.
    pub(super) fn make_version(&mut self, key: &KeyId, vault: &VaultId, place: usize, mint: Mint) -> VersionRecord {
        let region = self.kms.vaults[vault].vault.region.clone();
        let id = self.ocid("keyversion", region.as_str());
        let is_replicated = !self.kms.vaults[vault].vault.replicas.is_empty();
        let replication = is_replicated.then(|| {
            let id = format!("replication{:010}", self.next_id());
            self.kms.replications.insert(id.clone(), (key.clone(), place));
            (id, mint.created + mint.replica_lag)
        });
        VersionRecord {
            id: KeyVersionId::parse(id).expect("World's own OCID"),
            fixed: None,
            origin: mint.origin,
            is_auto_rotated: mint.is_auto_rotated,
            created: mint.created,
            enabled: mint.created + mint.enabled_delay,
            flips: mint.created + mint.flip_delay,
            listed: mint.created + mint.list_lag,
            replication,
            deletion: None,
            minted_by: mint.by,
            token: mint.token,
        }
    }

    /// Adds a version to a key and returns its place.
    pub(super) fn add_version(&mut self, key: &KeyId, mint: Mint) -> usize {
        let record = &self.kms.keys[key];
        let (vault, place) = (record.vault.clone(), record.versions.len());
        let version = self.make_version(key, &vault, place, mint);
        self.kms.keys.get_mut(key).expect("it was there").versions.push(version);
        place
    }

    pub(super) fn usage_of(&self, vault: &VaultId) -> VaultUsage {
        let mut usage = VaultUsage::default();
        let places = self.kms.keys_of.iter().filter(|((held_by, _), _)| held_by == vault);
        for key in places.flat_map(|(_, keys)| keys).map(|id| &self.kms.keys[id]) {
            let (keys, versions) = match key.protection {
                ProtectionMode::Software => (&mut usage.software_keys, &mut usage.software_key_versions),
                _ => (&mut usage.keys, &mut usage.key_versions),
            };
            *keys += 1;
            *versions += key.quota();
        }
        usage
    }

    fn check_quota(&self, vault: &VaultId, shape: &KeyShape, protection: ProtectionMode) -> Result<(), No> {
        let usage = self.usage_of(vault);
        let held =
            if protection == ProtectionMode::Software { usage.software_key_versions } else { usage.key_versions };
        let wanted = if shape.algorithm == "AES" { 1 } else { 2 };
        if held + wanted > self.settings.versions_per_vault {
            return Err(No::new(400, "LimitExceeded", "the vault holds as many key versions as its limit allows"));
        }
        Ok(())
    }

    fn token_name(ctx: &Ctx, subject: &str) -> Option<(Arc<str>, String, String)> {
        let token = ctx.call.token.as_ref()?;
        Some((ctx.call.caller.principal.clone(), subject.to_owned(), token.clone()))
    }

    fn is_remembered<T>(&self, used: &TokenUse<T>, now: Timestamp) -> bool {
        self.settings.honours_tokens && now.duration_since(used.at).unsigned_abs() < self.settings.token_life
    }

    fn create_key_version(&mut self, ctx: &Ctx, at: &VaultEndpoint, key: &KeyId) -> Result<Yes<VersionInfo>, No> {
        let (record, is_primary) = self.key_at(ctx, at, key)?;
        if !is_primary {
            return Err(No::incorrect_state("the vault is a replica; use its primary"));
        }
        let token = Self::token_name(ctx, key.as_str());
        if let Some(used) = token.as_ref().and_then(|name| self.kms.version_tokens.get(name))
            && self.is_remembered(used, ctx.now)
        {
            let info = record.version_info(&record.versions[used.made], true, ctx.now);
            return Ok(Yes::new(info).note(Note::TokenReplay));
        }
        let is = record.state_at(ctx.now);
        if is != KeyState::Enabled {
            return Err(No::incorrect_state(format!("the key is {is:?}, not ENABLED")));
        }
        if record.is_external {
            return Err(No::invalid("an external key needs an externalKeyVersionId"));
        }
        self.check_quota(&record.vault, &record.shape, record.protection)?;
        let mut mint = self.mint_now(ctx.now, ctx.call.caller.principal.clone());
        mint.token = ctx.call.token.clone();
        if let Some(by) = ctx.struck.pick(|f| if let Fault::FlipLate(by) = f { Some(*by) } else { None }) {
            mint.flip_delay += by;
        }
        let place = self.add_version(key, mint);
        if let Some(name) = token {
            self.kms.version_tokens.insert(name, TokenUse { at: ctx.now, made: place });
        }
        let record = &self.kms.keys[key];
        Ok(Yes::new(record.version_info(&record.versions[place], true, ctx.now)))
    }

    fn create_key(&mut self, ctx: &Ctx, at: &VaultEndpoint, new: NewKey) -> Result<Yes<Key>, No> {
        let (_, is_primary) = self.vault_at(ctx, at)?;
        if !is_primary {
            return Err(No::incorrect_state("the vault is a replica; use its primary"));
        }
        let token = Self::token_name(ctx, at.vault.as_str());
        if let Some(used) = token.as_ref().and_then(|name| self.kms.key_tokens.get(name))
            && self.is_remembered(used, ctx.now)
        {
            let key = &self.kms.keys[&used.made];
            let model = key.model(&at.region, true, ctx.now);
            return Ok(Yes::new(model).etag(key.etag(ctx.now)).note(Note::TokenReplay));
        }
        self.check_compartment(ctx, &new.compartment)?;
        self.check_quota(&at.vault, &new.shape, new.protection)?;
        let mint = self.mint_now(ctx.now, ctx.call.caller.principal.clone());
        let key = self.insert_key(&at.vault, new, mint);
        self.index_key(&key, ctx.now + self.settings.search_lag);
        if let Some(name) = token {
            self.kms.key_tokens.insert(name, TokenUse { at: ctx.now, made: key.clone() });
        }
        let record = &self.kms.keys[&key];
        Ok(Yes::new(record.model(&at.region, true, ctx.now)).etag(record.etag(ctx.now)))
    }

    /// Puts a key with one version into a vault.
    pub(super) fn insert_key(&mut self, vault: &VaultId, new: NewKey, mint: Mint) -> KeyId {
        let region = self.kms.vaults[vault].vault.region.clone();
        let id = KeyId::parse(self.ocid("key", region.as_str())).expect("World's own OCID");
        let created = mint.created;
        let first = self.make_version(&id, vault, 0, mint);
        self.kms.keys_of.entry((vault.clone(), new.compartment.clone())).or_default().push(id.clone());
        let record = KeyRecord {
            id: id.clone(),
            vault: vault.clone(),
            compartment: new.compartment,
            name: new.name,
            state: KeyState::Enabled,
            shape: new.shape,
            protection: new.protection,
            auto_rotation: None,
            is_external: false,
            created,
            deletion: None,
            tags: new.tags,
            etag: 1,
            versions: vec![first],
        };
        self.kms.keys.insert(id.clone(), record);
        id
    }

    fn update_key(&mut self, ctx: &Ctx, at: &VaultEndpoint, key: &KeyId, change: KeyUpdate) -> Result<Yes<Key>, No> {
        let (record, is_primary) = self.key_at(ctx, at, key)?;
        if !is_primary {
            return Err(No::incorrect_state("the vault is a replica; use its primary"));
        }
        ctx.check_etag(&record.etag(ctx.now))?;
        if !matches!(record.state, KeyState::Enabled | KeyState::Creating) {
            return Err(No::incorrect_state(format!("the key is {:?}, not ENABLED", record.state)));
        }
        let record = self.kms.keys.get_mut(key).expect("it was there");
        record.etag += 1;
        record.name = change.name.unwrap_or_else(|| record.name.clone());
        if let Some(freeform) = change.freeform {
            record.tags.freeform = freeform;
        }
        if let Some(defined) = change.defined {
            record.tags.defined = defined;
        }
        if change.auto_rotation.is_some() {
            record.auto_rotation = change.auto_rotation;
        }
        let answer = Yes::new(record.model(&at.region, true, ctx.now)).etag(record.etag(ctx.now));
        self.index_key(key, ctx.now + self.settings.search_lag);
        Ok(answer)
    }
}

impl World {
    /// CreateKeyVersion: takes a retry token, no if-match.
    pub fn create_key_version(&self, call: &Call, at: &VaultEndpoint, key: &KeyId) -> Told<VersionInfo> {
        let (endpoint, id) = (at.clone(), key.clone());
        self.write(&op::CREATE_KEY_VERSION, call, &at.region, key.as_str(), move |state, ctx| {
            state.create_key_version(ctx, &endpoint, &id)
        })
    }

    /// CreateKey.
    pub fn create_key(&self, call: &Call, at: &VaultEndpoint, new: NewKey) -> Told<Key> {
        let endpoint = at.clone();
        self.write(&op::CREATE_KEY, call, &at.region, at.vault.as_str(), move |state, ctx| {
            state.create_key(ctx, &endpoint, new)
        })
    }

    /// UpdateKey: honours if-match.
    pub fn update_key(&self, call: &Call, at: &VaultEndpoint, key: &KeyId, change: KeyUpdate) -> Told<Key> {
        let (endpoint, id) = (at.clone(), key.clone());
        self.write(&op::UPDATE_KEY, call, &at.region, key.as_str(), move |state, ctx| {
            state.update_key(ctx, &endpoint, &id, change)
        })
    }

    /// OCI's own rotation mints a version.
    pub fn auto_rotate(&self, key: &KeyId) -> KeyVersionId {
        self.others_mint(key, "auto-rotation", true)
    }

    /// Somebody else mints a version.
    pub fn foreign_mint(&self, key: &KeyId) -> KeyVersionId {
        self.others_mint(key, OTHERS, false)
    }

    fn others_mint(&self, key: &KeyId, by: &str, is_auto_rotated: bool) -> KeyVersionId {
        let (now, mut state) = self.settled();
        let mint = Mint { is_auto_rotated, ..state.mint_now(now, by.into()) };
        let place = state.add_version(key, mint);
        state.audit_others(now, "CreateKeyVersion", key.as_str(), &by.into());
        state.kms.keys[key].versions[place].id.clone()
    }

    /// Somebody else disables, enables or schedules the deletion of a key.
    pub fn others_set_key_state(&self, key: &KeyId, to: KeyState) {
        let (now, mut state) = self.settled();
        let record = state.kms.keys.get_mut(key).expect("a key of this World");
        record.state = to;
        record.etag += 1;
        let was_pending = record.deletion.is_some();
        record.deletion = (to == KeyState::PendingDeletion).then(|| now + Duration::from_secs(30 * 86_400));
        match (was_pending, to == KeyState::PendingDeletion) {
            (_, true) => state.audit_others(now, "ScheduleKeyDeletion", key.as_str(), &OTHERS.into()),
            (true, false) => state.audit_others(now, "CancelKeyDeletion", key.as_str(), &OTHERS.into()),
            (false, false) => {}
        }
    }

    /// Somebody else schedules the deletion of a version; it is unusable at once.
    pub fn others_schedule_deletion(&self, key: &KeyId, version: &KeyVersionId) {
        let (now, mut state) = self.settled();
        let record = state.kms.keys.get_mut(key).expect("a key of this World");
        record.etag += 1;
        let found = record.versions.iter_mut().find(|v| v.id == *version).expect("a version of this key");
        found.fixed = Some(KeyState::PendingDeletion);
        found.deletion = Some(now + Duration::from_secs(30 * 86_400));
        state.audit_of_version(now, "ScheduleKeyVersionDeletion", (key, version), &OTHERS.into());
    }

    /// Somebody cancels the deletion of a version.
    pub fn others_cancel_deletion(&self, key: &KeyId, version: &KeyVersionId) {
        let (now, mut state) = self.settled();
        let record = state.kms.keys.get_mut(key).expect("a key of this World");
        record.etag += 1;
        let found = record.versions.iter_mut().find(|v| v.id == *version).expect("a version of this key");
        (found.fixed, found.deletion) = (None, None);
        state.audit_of_version(now, "CancelKeyVersionDeletion", (key, version), &OTHERS.into());
    }

    /// Somebody else schedules the deletion of a vault, or cancels it.
    pub fn others_set_vault_state(&self, vault: &VaultId, to: VaultState) {
        let (now, mut state) = self.settled();
        let record = state.kms.vaults.get_mut(vault).expect("a vault of this World");
        record.etag += 1;
        record.vault.state = to;
        record.vault.time_of_deletion = to.is_going().then(|| now + Duration::from_secs(30 * 86_400));
        let what = if to.is_going() { "ScheduleVaultDeletion" } else { "CancelVaultDeletion" };
        state.audit_others(now, what, vault.as_str(), &OTHERS.into());
    }

    /// The day of a version's deletion has come.
    pub fn others_delete_version(&self, key: &KeyId, version: &KeyVersionId) {
        let (_, mut state) = self.settled();
        let record = state.kms.keys.get_mut(key).expect("a key of this World");
        let found = record.versions.iter_mut().find(|v| v.id == *version).expect("a version of this key");
        found.fixed = Some(KeyState::Deleted);
    }

    /// All versions of a key as they are, lags or not, oldest first.
    #[must_use]
    pub fn versions(&self, key: &KeyId) -> Vec<crate::model::KeyVersion> {
        let (now, state) = self.settled();
        let record = state.kms.keys.get(key).expect("a key of this World");
        record.versions.iter().map(|version| record.version_model(version, now)).collect()
    }

    /// The current version of a key as it is.
    #[must_use]
    pub fn current_version(&self, key: &KeyId) -> KeyVersionId {
        let (now, state) = self.settled();
        state.kms.keys.get(key).expect("a key of this World").current_id(now).clone()
    }

    /// How many versions of a key this principal minted; seeds do not count.
    #[must_use]
    pub fn minted_by(&self, key: &KeyId, principal: &str) -> usize {
        let (_, state) = self.settled();
        let versions = &state.kms.keys.get(key).expect("a key of this World").versions;
        versions.iter().filter(|version| &*version.minted_by == principal).count()
    }

    /// How many versions of a key the port views minted.
    #[must_use]
    pub fn minted_by_us(&self, key: &KeyId) -> usize {
        self.minted_by(key, "keywheel")
    }

    /// Keys of a vault, oldest first.
    #[must_use]
    pub fn keys_of_vault(&self, vault: &VaultId) -> Vec<KeyId> {
        let (_, state) = self.settled();
        let here = state.kms.keys.values().filter(|key| key.vault == *vault);
        let mut keys: Vec<_> = here.map(|key| (key.created, key.id.clone())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Keys that keywheel minted, oldest first.
    #[must_use]
    pub fn keys_minted_by_us(&self) -> Vec<KeyId> {
        let state = self.lock();
        let ours =
            state.kms.keys.values().filter(|key| key.versions.first().is_some_and(|v| &*v.minted_by == "keywheel"));
        let mut keys: Vec<_> = ours.map(|key| (key.created, key.id.clone())).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key).collect()
    }
}
