//! World's quirks, one by one, on a clock that is turned by hand.
//!
//! The promises of the ports are tested by the conformance suites, not here.

mod blocks;
mod dependents;
mod faults;
mod grants;
mod keys;
mod search;

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Call, Caller, ManualClock, PageQuery, Refusal, Told, VaultEndpoint, World, WorldSettings};
use crate::model::{CompartmentId, KeyId, KeyVersionId, Region, Timestamp};

/// A World with one vault, replicated, and one key.
struct Lab {
    clock: ManualClock,
    world: Arc<World>,
    compartment: CompartmentId,
    at: VaultEndpoint,
    key: KeyId,
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn region(name: &str) -> Region {
    Region::parse(name).expect("a region")
}

fn us() -> Call {
    Call::by(&Caller::keywheel())
}

fn lab(settings: WorldSettings) -> Lab {
    let start: Timestamp = "2026-11-22T08:00:00Z".parse().expect("an instant");
    let clock = ManualClock::new(start);
    let home = region("us-ashburn-1");
    let world = World::new(clock.clone(), &home, settings);
    let compartment = world.add_compartment("apps", &world.tenancy_id());
    let vault = world.add_vault(&home, &compartment, "vault").replica(&region("us-phoenix-1")).done();
    let key = world.add_key(&vault, &compartment, "key", start - secs(100 * 86_400)).done();
    Lab { clock, world, compartment, at: VaultEndpoint { vault, region: home }, key }
}

impl Lab {
    fn mint(&self, call: &Call) -> Told<super::VersionInfo> {
        self.world.create_key_version(call, &self.at, &self.key)
    }

    fn minted(&self) -> KeyVersionId {
        self.mint(&us()).expect("a version is minted").value.version.id
    }

    fn current(&self) -> KeyVersionId {
        self.world.get_key(&us(), &self.at, &self.key).expect("a key can be read").value.current_version
    }

    fn listed(&self) -> Vec<KeyVersionId> {
        let told = self.world.list_key_versions(&us(), &self.at, &self.key, &PageQuery::default());
        told.expect("versions can be listed").value.items.into_iter().map(|info| info.version.id).collect()
    }
}

fn refused<T: std::fmt::Debug>(told: Told<T>) -> Refusal {
    told.map(|Answer { value, .. }| value).expect_err("World refuses this")
}

fn code<T: std::fmt::Debug>(told: Told<T>) -> (u16, &'static str) {
    let refusal = refused(told);
    (refusal.status, refusal.code)
}
