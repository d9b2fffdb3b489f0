//! A small cloud with an emulator over it and a client that may call it.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keywheel::memory::{World, WorldSettings};
use keywheel::model::{CompartmentId, KeyId, Region, VaultId};
use keywheel_emulator::{Emulator, EmulatorSettings, OciConfig};
use serde_json::{Value, json};

use super::client::Client;

/// Two regions, one compartment, one vault with a replica, one key.
pub(crate) struct Lab {
    pub(crate) world: Arc<World>,
    pub(crate) emulator: Emulator,
    pub(crate) config: OciConfig,
    pub(crate) client: Client,
    pub(crate) home: Region,
    pub(crate) away: Region,
    pub(crate) compartment: CompartmentId,
    pub(crate) vault: VaultId,
    pub(crate) key: KeyId,
    _files: tempfile::TempDir,
}

impl Lab {
    pub(crate) async fn new(settings: WorldSettings) -> Self {
        let home = Region::parse("us-ashburn-1").expect("a region");
        let away = Region::parse("us-phoenix-1").expect("a region");
        let world = World::new(Timestamp::now, &home, settings);
        let compartment = world.add_compartment("apps", &world.tenancy_id());
        let vault = world.add_vault(&home, &compartment, "payments").replica(&away).done();
        let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
        let key = world.add_key(&vault, &compartment, "cards", a_year_ago).done();
        let emulator = Emulator::start(EmulatorSettings::new(Arc::clone(&world))).await.expect("free ports");
        let files = tempfile::tempdir().expect("a folder");
        let config = emulator.new_user().write_config(files.path()).expect("a config");
        let client = Client::new(&config);
        Self { world, emulator, config, client, home, away, compartment, vault, key, _files: files }
    }

    /// `http://…` of a path at the home region's services.
    pub(crate) fn at_home(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.region_url(&self.home).expect("a port"))
    }

    /// `http://…` of a path at the vault.
    pub(crate) fn at_vault(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.vault_url(&self.vault).expect("a port"))
    }

    /// What a script in another language needs to know, with more of its own.
    pub(crate) fn facts(&self, more: Value) -> Value {
        let mut facts = json!({
            "config": self.config.config_path, "region": self.at_home(""), "tenancy": self.config.tenancy,
            "home": self.home, "away": self.away, "compartment": self.compartment,
            "vault": self.vault, "key": self.key,
        });
        let Value::Object(more) = more else { panic!("facts are an object") };
        facts.as_object_mut().expect("an object").extend(more);
        facts
    }
}
