//! `keywheel emulate`: an OCI of one's own, for any client that lets its endpoint be set.

#![allow(clippy::disallowed_methods, reason = "the emulator lives by the wall clock and runs for a time one can name")]

use keywheel::Result;
use keywheel::config::FoundKey;
use keywheel::memory::WorldSettings;
use keywheel::model::{KeyId, Region, Timestamp};
use keywheel_emulator::{Emulator, EmulatorSettings};
use serde_json::json;

use super::files::{Folder, failed};
use super::seed::{Seed, Tenancy};
use crate::args::EmulateArgs;
use crate::exit::Exit;
use crate::render::Output;

/// A running emulator with what a client needs to find it.
pub(crate) struct Lab {
    pub(crate) emulator: Emulator,
    pub(crate) tenancy: Tenancy,
    pub(crate) folder: Folder,
    pub(crate) oci_config: std::path::PathBuf,
    pub(crate) endpoints: Vec<(Region, String)>,
}

impl Lab {
    /// Starts the emulator over a tenancy and writes the files into the folder.
    pub(crate) async fn start(folder: Folder, tenancy: Tenancy) -> Result<Self> {
        let settings = EmulatorSettings::new(tenancy.world.clone());
        let emulator = Emulator::start(settings).await.map_err(|error| failed(&folder.0, error))?;
        let written =
            emulator.new_user().write_config(&folder.0.join("oci")).map_err(|error| failed(&folder.0, error))?;
        let mut endpoints = Vec::new();
        for region in tenancy.world.regions() {
            let url = emulator.region_url(&region).map_err(|error| failed(&folder.0, error))?;
            endpoints.push((region, url));
        }
        let key = FoundKey {
            id: tenancy.key.clone(),
            name: "backup-key".to_owned(),
            vault: tenancy.vault.clone(),
            vault_name: "main".to_owned(),
            region: tenancy.home.clone(),
            unusable: None,
        };
        folder.write_config(&written.config_path, endpoints.clone(), key)?;
        Ok(Self { emulator, tenancy, folder, oci_config: written.config_path, endpoints })
    }
}

/// `keywheel emulate`.
pub(crate) async fn run(args: &EmulateArgs, output: &Output) -> Result<Exit> {
    let folder = Folder::make(&args.dir)?;
    let seed = Seed {
        at: Timestamp::now(),
        buckets: args.buckets,
        volumes: args.volumes,
        clusters: 0,
        compartments: 8,
        minted: None,
        successor: None,
        settings: WorldSettings::lab(),
    };
    let lab = Lab::start(folder, seed.grow(Timestamp::now)).await?;
    let throw_away = lab.tenancy.add_throw_away_key();
    tell(&lab, &throw_away, output)?;
    match args.run_for {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
    lab.emulator.shutdown().await;
    Ok(Exit::Done)
}

fn tell(lab: &Lab, throw_away: &KeyId, output: &Output) -> Result<()> {
    let vault = lab.emulator.vault_url(&lab.tenancy.vault).map_err(|error| failed(&lab.folder.0, error))?;
    let regions: std::collections::BTreeMap<_, _> = lab.endpoints.iter().cloned().collect();
    let value = json!({
        "oci_config": lab.oci_config,
        "keywheel_config": lab.folder.config(),
        "regions": regions,
        "vault": lab.tenancy.vault,
        "vault_endpoint": vault,
        "key": lab.tenancy.key,
        "throw_away_key": throw_away,
        "tenancy": lab.tenancy.world.tenancy_id(),
    });
    output.show("emulator", &value, || text(lab, throw_away, &vault));
    Ok(())
}

fn text(lab: &Lab, throw_away: &KeyId, vault: &str) -> String {
    let config = lab.oci_config.display();
    let (home, url) = &lab.endpoints[0];
    let mut text = String::from("an OCI of your own is up on this machine; nothing here is real\n\n");
    for (region, url) in &lab.endpoints {
        text += &format!("  {region:<16} {url}   identity, vaults, search, object and block storage, notifications\n");
    }
    let (tenancy, key) = (lab.tenancy.world.tenancy_id(), &lab.tenancy.key);
    text + &format!(
        r#"  vault "main"     {vault}   keys and versions

  OCI config  {config}   (section DEFAULT)
  keywheel    keywheel --config {toml} due
  tenancy     {tenancy}
  key         {key}
  throw-away  {throw_away}   (for keywheel doctor --live)

Vaults in {home}, from each client:
  Python      oci.key_management.KmsVaultClient(oci.config.from_file("{config}"), service_endpoint="{url}")
  TypeScript  client.endpoint = "{url}";
  Java        client.setEndpoint("{url}");
  Go          client.Host = "{url}"
  CLI         oci --config-file {config} kms management vault list --compartment-id {compartment} --endpoint {url}
Keys of the vault, the same with {vault}:
  Python      oci.key_management.KmsManagementClient(oci.config.from_file("{config}"), "{vault}")
  CLI         oci --config-file {config} kms management key get --key-id {key} --endpoint {vault}

Ctrl-C stops it; what it holds is gone then."#,
        toml = lab.folder.config().display(),
        compartment = lab.tenancy.compartment,
    )
}
