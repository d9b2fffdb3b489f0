//! Fixtures over a [`World`]: for the memory views, and for any adapter that reaches a World over a wire.
//!
//! They seed and break the World directly; only the port under test goes the adapter's way.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::Passage;
use super::catalog::{CatalogFixture, Copied, Wanted};
use super::key_store::KeyStoreFixture;
use super::notifier::NotifierFixture;
use super::rekeyer::ReKeyerFixture;
use super::rekeyer_assign::AssignFixture;
use super::rekeyer_read::ReadFixture;
use super::rekeyer_source::{Cycling, SourceFixture};
use crate::memory::{BlockSeed, BucketSeed, Caller, FaultPlan, HolderSeed, World};
use crate::model::{
    Compartment, CompartmentId, Dependent, KeyId, KeyState, Kind, Margins, Region, ResourceId, Tags, Timestamp,
    TopicId, VaultId,
};
use crate::ports::{Copies, KeyStore, Notifier, ReKeyer, ResourceCatalog};

/// Lets time pass: turns a clock by hand, or sleeps.
pub type Pass = Box<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A World with a vault, and a port of each kind that reaches it.
pub struct WorldFixture {
    /// The World.
    pub world: Arc<World>,
    /// How time passes in it.
    pub pass: Pass,
    /// The bounds its lags stay within.
    pub margins: Margins,
    /// The principal the ports are seen as.
    pub caller: Caller,
    /// Ports under test.
    pub key_store: Arc<dyn KeyStore>,
    /// Makes a catalog as another process would have it.
    pub catalog: Box<dyn Fn() -> Arc<dyn ResourceCatalog> + Send + Sync>,
    /// Ports under test.
    pub rekeyer: Arc<dyn ReKeyer>,
    /// Ports under test, and the topic it publishes to.
    pub notifier: (Arc<dyn Notifier>, TopicId),
    /// Where things are made.
    pub place: Place,
    /// The kind that the catalog's suite makes, and the suite of kinds that are only assigned a key.
    pub kind: Kind,
    made: AtomicU64,
}

/// Where a fixture makes things.
#[derive(Debug, Clone)]
pub struct Place {
    /// Region of the vault and of dependents.
    pub region: Region,
    /// Compartment of keys and dependents.
    pub compartment: CompartmentId,
    /// The vault.
    pub vault: VaultId,
    /// A vault of which only a replica is there.
    pub replica: VaultId,
    /// A topic.
    pub topic: TopicId,
}

impl Place {
    /// Makes the places a fixture needs; call it before an emulator is started over the World.
    #[must_use]
    pub fn seed(world: &World) -> Self {
        let region = world.regions().swap_remove(0);
        let compartment = world.add_compartment("suite", &world.tenancy_id());
        let vault = world.add_vault(&region, &compartment, "suite").done();
        let replica = world.add_vault(&region, &compartment, "suite-replica").is_replica().done();
        let topic = world.add_topic(&region, &compartment, "suite");
        Self { region, compartment, vault, replica, topic }
    }
}

/// The ports under test.
pub struct PortsUnderTest {
    /// The vault side.
    pub key_store: Arc<dyn KeyStore>,
    /// Makes a catalog as another process would have it.
    pub catalog: Box<dyn Fn() -> Arc<dyn ResourceCatalog> + Send + Sync>,
    /// Moves dependents.
    pub rekeyer: Arc<dyn ReKeyer>,
    /// Publishes to the place's topic.
    pub notifier: Arc<dyn Notifier>,
}

impl PortsUnderTest {
    /// World's own views.
    #[must_use]
    pub fn views(world: &Arc<World>, place: &Place) -> Self {
        let catalog_world = Arc::clone(world);
        Self {
            key_store: world.key_store(),
            catalog: Box::new(move || catalog_world.catalog()),
            rekeyer: world.rekeyer(),
            notifier: world.notifier(&place.topic),
        }
    }
}

impl WorldFixture {
    /// A fixture over a World in which [`Place::seed`] was called.
    #[must_use]
    pub fn new(world: &Arc<World>, place: Place, ports: PortsUnderTest, margins: Margins, pass: Pass) -> Self {
        Self {
            world: Arc::clone(world),
            pass,
            margins,
            caller: Caller::keywheel(),
            key_store: ports.key_store,
            catalog: ports.catalog,
            rekeyer: ports.rekeyer,
            notifier: (ports.notifier, place.topic.clone()),
            place,
            kind: Kind::Bucket,
            made: AtomicU64::new(0),
        }
    }

    fn name(&self, what: &str) -> String {
        format!("{what}-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    fn key_in(&self, vault: &VaultId) -> KeyId {
        self.world.add_key(vault, &self.place.compartment, &self.name("key"), old(&self.world)).done()
    }

    fn bucket(&self, compartment: &CompartmentId, name: &str) -> BucketSeed<'_> {
        self.world.add_bucket(&self.place.region, compartment, name)
    }
}

impl WorldFixture {
    /// A volume, or a backup of a volume made for it, which lies in another compartment.
    fn block(&self, compartment: &CompartmentId, name: &str) -> BlockSeed<'_> {
        let Place { region, .. } = &self.place;
        let source = || self.world.add_compartment(&self.name("sources"), &self.world.tenancy_id());
        match &self.kind {
            Kind::BlockVolume => self.world.add_volume(region, compartment, name),
            Kind::BootVolume => self.world.add_boot_volume(region, compartment, name),
            Kind::BlockVolumeBackup => {
                let volume = self.world.add_volume(region, &source(), name).done();
                self.world.add_backup(&volume, name).compartment(compartment)
            }
            Kind::BootVolumeBackup => {
                let volume = self.world.add_boot_volume(region, &source(), name).done();
                self.world.add_backup(&volume, name).compartment(compartment)
            }
            Kind::BlockVolumeReplica => {
                let volume = self.world.add_volume(region, &source(), name).done();
                self.world.add_replica(&volume, region, name).compartment(compartment)
            }
            Kind::BootVolumeReplica => {
                let volume = self.world.add_boot_volume(region, &source(), name).done();
                self.world.add_replica(&volume, region, name).compartment(compartment)
            }
            kind => panic!("a {kind} is not block storage"),
        }
    }

    /// A resource that only names a key; `None` if the kind is another.
    fn holder(&self, compartment: &CompartmentId, name: &str) -> Option<HolderSeed<'_>> {
        match &self.kind {
            Kind::Cluster => Some(self.world.add_cluster(&self.place.region, compartment, name)),
            Kind::InstanceConfiguration => {
                Some(self.world.add_instance_configuration(&self.place.region, compartment, name))
            }
            Kind::NodePool => Some(self.world.add_node_pool(&self.place.region, compartment, name)),
            _ => None,
        }
    }

    /// A volume's assignment of a backup policy. One with a key copies to another region; one without copies nowhere,
    /// but a policy that does is always there, so that assignments are looked at.
    fn assignment(&self, compartment: &CompartmentId, name: &str, key: Option<&KeyId>) -> ResourceId {
        let Place { region, compartment: place, .. } = &self.place;
        let volume = self.world.add_volume(region, compartment, name).done();
        let copying = self.world.add_backup_policy(region, Some(place), &self.name("policy"), Some(region));
        let plain = self.world.add_backup_policy(region, None, &self.name("policy"), None);
        self.world.others_assign_backup_policy(&volume, if key.is_some() { &copying } else { &plain }, key)
    }

    fn dependent(&self, id: ResourceId) -> Dependent {
        if let Some(assignment) = self.world.assignment(&id) {
            let asset = self.world.block(&assignment.asset).expect("a volume is assigned one here");
            return Dependent {
                id,
                kind: Kind::BackupPolicyAssignment,
                region: asset.region,
                compartment: asset.compartment,
                name: asset.name,
                namespace: None,
                availability_domain: None,
                tags: Tags::default(),
            };
        }
        if let Some(info) = self.world.holder(&id) {
            return Dependent {
                id,
                kind: info.kind,
                region: info.region,
                compartment: info.compartment,
                name: info.name,
                namespace: None,
                availability_domain: None,
                tags: info.tags,
            };
        }
        let info = self.world.block(&id).expect("it was made just now");
        Dependent {
            id,
            kind: info.kind,
            region: info.region,
            compartment: info.compartment,
            name: info.name,
            namespace: None,
            availability_domain: info.availability_domain,
            tags: info.tags,
        }
    }
}

fn old(world: &World) -> Timestamp {
    world.now() - Duration::from_secs(200 * 86_400)
}

#[async_trait]
impl Passage for WorldFixture {
    fn now(&self) -> Timestamp {
        self.world.now()
    }

    async fn pass(&self, by: Duration) {
        (self.pass)(by).await;
    }
}

#[async_trait]
impl KeyStoreFixture for WorldFixture {
    fn port(&self) -> &dyn KeyStore {
        &*self.key_store
    }

    fn margins(&self) -> Margins {
        self.margins.clone()
    }

    fn place(&self) -> (VaultId, CompartmentId) {
        (self.place.vault.clone(), self.place.compartment.clone())
    }

    async fn new_key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    async fn replica_key(&self) -> KeyId {
        self.key_in(&self.place.replica)
    }

    async fn disabled_key(&self) -> KeyId {
        let key = self.key_in(&self.place.vault);
        self.world.others_set_key_state(&key, KeyState::Disabled);
        key
    }

    async fn lose_next_mint_answer(&self) {
        self.world.faults(FaultPlan::new().lose_answer("create_version", 1));
    }

    async fn mints_arrived(&self) -> u64 {
        self.world.writes()
    }
}

#[async_trait]
impl CatalogFixture for WorldFixture {
    fn fresh_port(&self) -> Arc<dyn ResourceCatalog> {
        (self.catalog)()
    }

    fn region(&self) -> Region {
        self.place.region.clone()
    }

    fn kind(&self) -> Kind {
        self.kind.clone()
    }

    fn key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    fn search_lag(&self) -> Duration {
        self.margins.search_lag
    }

    async fn new_compartment(&self) -> Compartment {
        let name = self.name("compartment");
        {
            let parent = Some(self.place.compartment.clone());
            Compartment { id: self.world.add_compartment(&name, &self.place.compartment), name, parent }
        }
    }

    async fn make(&self, wanted: &Wanted) -> ResourceId {
        let now = self.world.now();
        if self.kind == Kind::Bucket {
            let seed = self.bucket(&wanted.compartment, &wanted.name).created(now);
            let seed = wanted.key.iter().fold(seed, BucketSeed::key);
            return wanted.tags.iter().fold(seed, |seed, (key, value)| seed.tag(key, value)).done();
        }
        if self.kind == Kind::BackupPolicyAssignment {
            return self.assignment(&wanted.compartment, &wanted.name, wanted.key.as_ref());
        }
        if let Some(seed) = self.holder(&wanted.compartment, &wanted.name) {
            let seed = wanted.key.iter().fold(seed.created(now), HolderSeed::key);
            return wanted.tags.iter().fold(seed, |seed, (key, value)| seed.tag(key, value)).done();
        }
        let seed = self.block(&wanted.compartment, &wanted.name).created(now);
        let seed = wanted.key.iter().fold(seed, BlockSeed::key);
        wanted.tags.iter().fold(seed, |seed, (key, value)| seed.tag(key, value)).done()
    }

    async fn terminate(&self, id: &ResourceId) -> bool {
        if let Some(info) = self.world.holder(id) {
            if info.kind == Kind::InstanceConfiguration {
                return false;
            }
            self.world.others_delete_holder(id);
            return true;
        }
        let is_block = self.world.block(id).is_some();
        if is_block {
            self.world.others_terminate(id);
        }
        is_block
    }

    async fn compartment_below(&self, above: &CompartmentId) -> Compartment {
        let name = self.name("compartment");
        Compartment { id: self.world.add_compartment(&name, above), name, parent: Some(above.clone()) }
    }

    async fn add_policy(&self, compartment: Option<&CompartmentId>, name: &str, statement: &str) -> ResourceId {
        let root = self.world.tenancy_id();
        self.world.add_policy(compartment.unwrap_or(&root), name, &[statement])
    }

    async fn make_copied(&self, compartment: &CompartmentId, key: &KeyId) -> Option<Copied> {
        let (name, region) = (self.name("copied"), &self.place.region);
        match &self.kind {
            Kind::BlockVolume | Kind::BootVolume => {
                let volume = self.block(compartment, &name).key(key).done();
                // In another compartment of this region: World does not mind, and the listing is that of the volume.
                let elsewhere = self.world.add_compartment(&self.name("away"), &self.world.tenancy_id());
                let replica = |name| self.world.add_replica(&volume, region, name).compartment(&elsewhere);
                let bare = replica("bare").done();
                replica("keyed").key(key).done();
                let copies = Copies { under_oracles_key: vec![bare.to_string()], of: None };
                Some(Copied { told_by: volume, copies })
            }
            Kind::BackupPolicyAssignment => {
                let volume = self.world.add_volume(region, compartment, &name).key(key).done();
                let copying = self.world.add_backup_policy(region, None, &name, Some(region));
                let told_by = self.world.others_assign_backup_policy(&volume, &copying, None);
                Some(Copied { told_by, copies: Copies { under_oracles_key: Vec::new(), of: Some(volume) } })
            }
            Kind::BlockVolumeBackup | Kind::BootVolumeBackup => {
                let elsewhere = self.world.add_compartment(&self.name("away"), &self.world.tenancy_id());
                let backup = self.block(&elsewhere, &name).key(key).done();
                let copy = self.world.others_copy_backup(&backup, region, None);
                self.world.others_move_block(&copy, compartment);
                Some(Copied { told_by: copy, copies: Copies { under_oracles_key: Vec::new(), of: Some(backup) } })
            }
            _ => None,
        }
    }

    async fn deny(&self, compartment: &CompartmentId) {
        self.world.deny_compartment(&self.caller, compartment);
    }
}

#[async_trait]
impl ReKeyerFixture for WorldFixture {
    fn port(&self) -> &dyn ReKeyer {
        &*self.rekeyer
    }

    fn work_request_deadline(&self) -> Duration {
        self.margins.work_request_deadline.min(Duration::from_secs(600))
    }

    async fn new_key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    async fn new_dependent(&self, key: &KeyId) -> Dependent {
        let name = self.name("bucket");
        let id = self.bucket(&self.place.compartment, &name).key(key).done();
        Dependent {
            id,
            kind: Kind::Bucket,
            region: self.place.region.clone(),
            compartment: self.place.compartment.clone(),
            name,
            namespace: Some(self.world.namespace()),
            availability_domain: None,
            tags: Tags::default(),
        }
    }

    async fn delete(&self, dependent: &Dependent) {
        self.world.others_delete_bucket(&dependent.id);
    }

    async fn lose_next_rewrap_answer(&self) {
        self.world.faults(FaultPlan::new().lose_answer("rewrap", 1));
    }

    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool> {
        Some(self.world.wrapping_version(&dependent.id) == Some(self.world.current_version(key)))
    }
}

#[async_trait]
impl AssignFixture for WorldFixture {
    fn port(&self) -> &dyn ReKeyer {
        &*self.rekeyer
    }

    fn kind(&self) -> Kind {
        self.kind.clone()
    }

    async fn new_key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    async fn new_dependent(&self, key: &KeyId) -> Dependent {
        let name = self.name("block");
        self.dependent(self.block(&self.place.compartment, &name).key(key).done())
    }

    async fn unfinished_dependent(&self, key: &KeyId, within: Duration) -> Dependent {
        let (name, now) = (self.name("block"), self.world.now());
        let seed = self.block(&self.place.compartment, &name).key(key);
        self.dependent(seed.created(now).ready(now + within).done())
    }

    async fn terminate(&self, dependent: &Dependent) {
        self.world.others_terminate(&dependent.id);
    }

    async fn forget(&self, dependent: &Dependent) {
        self.world.others_forget(&dependent.id);
    }

    async fn lose_next_assign_answer(&self) {
        let operation = match self.kind {
            Kind::BlockVolume => "update_volume_kms_key",
            Kind::BootVolume => "update_boot_volume_kms_key",
            Kind::BlockVolumeBackup => "update_volume_backup",
            _ => "update_boot_volume_backup",
        };
        self.world.faults(FaultPlan::new().lose_answer(operation, 1));
    }

    async fn mint(&self, key: &KeyId) {
        let minted = self.world.foreign_mint(key);
        let settings = self.world.settings();
        self.pass(settings.flip_delay.max(settings.enabled_delay) + Duration::from_millis(50)).await;
        assert_eq!(self.world.current_version(key), minted, "the version is current by now");
    }

    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool> {
        Some(self.world.wrapping_version(&dependent.id) == Some(self.world.current_version(key)))
    }
}

#[async_trait]
impl ReadFixture for WorldFixture {
    fn port(&self) -> &dyn ReKeyer {
        &*self.rekeyer
    }

    fn kind(&self) -> Kind {
        self.kind.clone()
    }

    async fn new_key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    async fn new_dependent(&self, key: Option<&KeyId>) -> Dependent {
        let (name, compartment) = (self.name("read"), &self.place.compartment);
        if self.kind == Kind::BackupPolicyAssignment {
            return self.dependent(self.assignment(compartment, &name, key));
        }
        self.dependent(match self.holder(compartment, &name) {
            Some(seed) => key.into_iter().fold(seed, HolderSeed::key).done(),
            None => key.into_iter().fold(self.block(compartment, &name), BlockSeed::key).done(),
        })
    }

    async fn unfinished_dependent(&self, key: &KeyId, within: Duration) -> Option<Dependent> {
        if matches!(self.kind, Kind::BackupPolicyAssignment | Kind::InstanceConfiguration) {
            return None;
        }
        let (name, now, compartment) = (self.name("read"), self.world.now(), &self.place.compartment);
        Some(self.dependent(match self.holder(compartment, &name) {
            Some(seed) => seed.key(key).created(now).ready(now + within).done(),
            None => self.block(compartment, &name).key(key).created(now).ready(now + within).done(),
        }))
    }

    async fn terminate(&self, dependent: &Dependent) -> bool {
        CatalogFixture::terminate(self, &dependent.id).await
    }

    async fn forget(&self, dependent: &Dependent) {
        if self.world.assignment(&dependent.id).is_some() {
            return self.world.others_unassign_backup_policy(&dependent.id);
        }
        if self.world.holder(&dependent.id).is_none() {
            return self.world.others_forget(&dependent.id);
        }
        self.world.others_forget_holder(&dependent.id);
    }

    async fn writes_arrived(&self) -> u64 {
        self.world.writes()
    }
}

#[async_trait]
impl SourceFixture for WorldFixture {
    fn port(&self) -> &dyn ReKeyer {
        &*self.rekeyer
    }

    fn work_request_deadline(&self) -> Duration {
        self.margins.work_request_deadline.min(Duration::from_secs(600))
    }

    async fn new_key(&self) -> KeyId {
        self.key_in(&self.place.vault)
    }

    async fn new_pool(&self, key: &KeyId, settings: &str, cycles: Cycling) -> Dependent {
        let name = self.name("pool");
        let Place { region, compartment, .. } = &self.place;
        let seed = self.world.add_node_pool(region, compartment, &name).key(key).settings(settings);
        self.dependent(if cycles == Cycling::On { seed.cycling() } else { seed }.done())
    }

    async fn settings_of(&self, pool: &Dependent) -> String {
        self.world.holder(&pool.id).expect("a pool of this World").settings
    }

    async fn lose_next_update_answer(&self) {
        self.world.faults(FaultPlan::new().lose_answer("update_node_pool", 1));
    }
}

#[async_trait]
impl NotifierFixture for WorldFixture {
    fn port(&self) -> &dyn Notifier {
        &*self.notifier.0
    }

    async fn accepted(&self) -> Vec<String> {
        let messages = self.world.messages(&self.notifier.1);
        messages.into_iter().map(|message| format!("{}\n{}", message.title.unwrap_or_default(), message.body)).collect()
    }

    async fn refuse_next(&self) -> bool {
        self.world.faults(FaultPlan::new().status_before("notify", 1, 413, "PayloadTooLarge"));
        true
    }
}
