//! Builds the tenancy: three regions, sixty compartments, forty keys, and what hangs on them.

use std::sync::Arc;
use std::time::Duration;

use keywheel::Rotator;
use keywheel::memory::{ManualClock, MemoryJournal, SeededRandom, World, WorldSettings};
use keywheel::model::{
    CompartmentId, KeyId, KeyVersionId, Kind, Region, ResourceId, Risk, Settings, TagSelector, Timestamp, VaultId,
};
use keywheel::ports::Ports;
use keywheel::testkit::executor;

pub(crate) const HOME: &str = "us-ashburn-1";
pub(crate) const WEST: &str = "us-phoenix-1";
pub(crate) const DOWN: &str = "eu-frankfurt-1";
const DAY: Duration = Duration::from_secs(86_400);

pub(crate) fn region(name: &str) -> Region {
    Region::parse(name).expect("a region")
}

/// A resource as it was put there.
#[derive(Clone)]
pub(crate) struct Put {
    pub(crate) id: ResourceId,
    pub(crate) kind: Kind,
    pub(crate) region: Region,
    pub(crate) compartment: CompartmentId,
    pub(crate) is_tagged: bool,
}

/// A key and what was put under it.
pub(crate) struct Hung {
    pub(crate) key: KeyId,
    pub(crate) region: Region,
    pub(crate) superseded: KeyVersionId,
    pub(crate) resources: Vec<Put>,
}

pub(crate) struct Tenancy {
    pub(crate) world: Arc<World>,
    pub(crate) clock: ManualClock,
    pub(crate) settings: Settings,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) compartments: Vec<CompartmentId>,
    pub(crate) vaults: Vec<VaultId>,
    pub(crate) keys: Vec<Hung>,
    /// Tagged and under Oracle's key.
    pub(crate) strays: Vec<Put>,
}

/// Chance that is the same in every run.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

impl Tenancy {
    /// The tenancy of issue and design: what is in it depends on the seed alone.
    pub(crate) fn build(seed: u64) -> Self {
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("an instant");
        let clock = ManualClock::new(start);
        let instant = WorldSettings { seed, log_limit: 1000, ..WorldSettings::lab() };
        let world = World::new(clock.clone(), &region(HOME), WorldSettings { kms_per_second: None, ..instant });
        for name in [WEST, DOWN] {
            world.add_region(&region(name));
        }
        let root = world.tenancy_id();
        let mut compartments = Vec::new();
        for department in 0..6 {
            let head = world.add_compartment(&format!("department-{department}"), &root);
            compartments.push(head.clone());
            compartments.extend((0..9).map(|team| world.add_compartment(&format!("team-{department}-{team}"), &head)));
        }
        let vault = |name: &str, place: usize| world.add_vault(&region(name), &compartments[place], name);
        let vaults = vec![vault(HOME, 0).replica(&region(WEST)).done(), vault(WEST, 10).done(), vault(DOWN, 20).done()];
        let mut settings = Settings::lab();
        settings.tag = Some(TagSelector { namespace: None, key: "keywheel".into(), value: "yes".into() });
        settings.policy.accept_risks.insert(Risk::UnseenBlockStorage);
        settings.budgets.mints_per_vault_and_day = 200;
        settings.budgets.attempts = 3;
        let kinds: Vec<Kind> = World::movable_kinds().into_iter().chain([Kind::Cluster]).collect();
        let mut tenancy = Self {
            world,
            clock,
            settings,
            kinds,
            journal: MemoryJournal::new(),
            compartments,
            vaults,
            keys: Vec::new(),
            strays: Vec::new(),
        };
        tenancy.hang(&mut Dice(seed), start);
        tenancy.clock.advance(Duration::from_secs(60));
        tenancy
    }

    fn hang(&mut self, dice: &mut Dice, start: Timestamp) {
        for (vault, name, keys) in [(0, HOME, 16), (1, WEST, 16), (2, DOWN, 8)] {
            for number in 0..keys {
                // A key lives in another compartment than its vault.
                let place = self.compartments[30 + dice.below(30)].clone();
                let seed =
                    self.world.add_key(&self.vaults[vault], &place, &format!("{name}-{number}"), start - 100 * DAY);
                let key = seed.done();
                let superseded = self.world.current_version(&key);
                let mut hung = Hung { key, region: region(name), superseded, resources: Vec::new() };
                for nth in 0..3 + dice.below(5) {
                    // The keys of the replicated vault can be used in two regions.
                    let place = if name == HOME && dice.below(4) == 0 { WEST } else { name };
                    self.put(&mut hung, dice, place, &format!("{name}-{number}-{nth}"));
                }
                self.keys.push(hung);
            }
        }
        for nth in 0..4 {
            let (place, compartment) = (region([HOME, WEST][nth % 2]), self.compartments[dice.below(60)].clone());
            let id = self.world.add_bucket(&place, &compartment, &format!("stray-{nth}")).tag("keywheel", "yes").done();
            self.strays.push(Put { id, kind: Kind::Bucket, region: place, compartment, is_tagged: true });
        }
    }

    fn put(&self, hung: &mut Hung, dice: &mut Dice, place: &str, name: &str) {
        let (at, compartment) = (region(place), self.compartments[dice.below(60)].clone());
        let is_tagged = dice.below(6) > 0;
        let value = if is_tagged { "yes" } else { "no" };
        let mut keep = |id: ResourceId, kind: Kind| {
            let (region, compartment) = (at.clone(), compartment.clone());
            hung.resources.push(Put { id, kind, region, compartment, is_tagged });
        };
        let (world, key) = (&self.world, &hung.key);
        match dice.below(8) {
            0..=2 => {
                keep(world.add_bucket(&at, &compartment, name).key(key).tag("keywheel", value).done(), Kind::Bucket);
            }
            3 | 4 => {
                let volume = world.add_volume(&at, &compartment, name).key(key).tag("keywheel", value).done();
                let backup = world.add_backup(&volume, name).tag("keywheel", value).done();
                keep(volume, Kind::BlockVolume);
                keep(backup, Kind::BlockVolumeBackup);
            }
            5 | 6 => {
                let volume = world.add_boot_volume(&at, &compartment, name).key(key).tag("keywheel", value).done();
                if dice.below(2) == 0 {
                    let backup = world.add_backup(&volume, name).tag("keywheel", value).done();
                    keep(backup, Kind::BootVolumeBackup);
                }
                keep(volume, Kind::BootVolume);
            }
            _ => keep(world.add_cluster(&at, &compartment, name).key(key).tag("keywheel", value).done(), Kind::Cluster),
        }
    }

    pub(crate) fn rotator(&self) -> Rotator {
        let ports = Ports {
            key_store: self.world.key_store(),
            catalog: self.world.catalog(),
            rekeyer: self.world.rekeyer_of(&self.kinds),
            audit: Vec::new(),
            notifiers: Vec::new(),
            metrics: Vec::new(),
            journal: Arc::clone(&self.journal) as _,
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(SeededRandom::new(7)),
            audit_log: None,
            examiner: None,
            pace: None,
        };
        Rotator::with_ports(self.settings.clone(), ports)
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        executor::run(&self.clock, future)
    }
}
