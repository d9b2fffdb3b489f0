//! `init`: look at the tenancy, write a commented config. Writes nothing else, anywhere.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use keywheel::compose::Tenancy;
use keywheel::config::{Config, FoundKey, Template, home};
use keywheel::model::{KeyState, Region, VaultId, VaultState, VaultSummary};
use keywheel::ports::{Cursor, Page, Reply};
use keywheel::{Error, ErrorKind, Result};
use serde_json::json;

use crate::args::InitArgs;
use crate::exit::Exit;
use crate::render::Output;
use crate::render::escape::Foreign;

/// `keywheel init`.
pub(crate) async fn run(path: &Path, args: &InitArgs, output: &Output) -> Result<Exit> {
    if path.exists() && !args.force {
        return Err(Error::refused("init", "the config is there already; add --force to replace it, or --config FILE")
            .with("path", path.display()));
    }
    let mut template = Template {
        oci_config_file: args.oci_config.clone(),
        profile: args.profile.clone(),
        passphrase_file: args.passphrase_file.clone(),
        credentials: args.credentials.clone(),
        journal: "keywheel.sqlite".to_owned(),
        chosen: args.key.clone(),
        endpoints: args.endpoint.clone(),
        lab_margins: !args.endpoint.is_empty(),
        ..Template::default()
    };
    let config = Config::parse(&template.render(), path, home().as_deref())?;
    let tenancy = Tenancy::connect(&config).await?;
    template.keys = find_keys(&tenancy, &args.region, output).await?;
    write(path, &template.render(), args.force)?;
    let usable = template.keys.iter().filter(|key| key.unusable.is_none()).count();
    let value = json!({ "path": path, "keys": template.keys.len(), "usable": usable });
    output.show("config", &value, || {
        let found = template.keys.len();
        format!(
            "{} is written: {found} keys found, {usable} of them can be rotated, {} chosen\n  next: choose keys under [scope], then `keywheel plan`",
            path.display(),
            template.chosen.len()
        )
    });
    Ok(Exit::Done)
}

/// All keys of all primary vaults that can be seen.
async fn find_keys(tenancy: &Tenancy, regions: &[Region], output: &Output) -> Result<Vec<FoundKey>> {
    let scopes = tenancy.catalog.scopes().await?.value;
    let wanted = |region: &Region| regions.is_empty() || regions.contains(region);
    let mut vaults = Vec::new();
    for region in scopes.regions.iter().map(|scoped| &scoped.region).filter(|region| wanted(region)) {
        output.say(&format!("looking at {region} in {} compartments", scopes.compartments.len()));
        for compartment in &scopes.compartments {
            let listed = all(|cursor| tenancy.key_store.list_vaults(region, &compartment.id, cursor)).await;
            vaults.extend(visible(listed, output)?.into_iter().filter(|vault| vault.state == VaultState::Active));
        }
    }
    let mut found = Vec::new();
    for vault in primaries(tenancy, vaults).await? {
        for compartment in &scopes.compartments {
            let listed = all(|cursor| tenancy.key_store.list_keys(&vault.id, &compartment.id, cursor)).await;
            found.extend(visible(listed, output)?.into_iter().map(|key| FoundKey {
                unusable: unusable(key.state, &key.algorithm),
                id: key.id,
                name: key.name,
                vault: vault.id.clone(),
                vault_name: vault.name.clone(),
                region: vault.region.clone(),
            }));
        }
    }
    Ok(found)
}

/// Each vault once, at its primary: a replica has the same keys and refuses to be managed.
async fn primaries(tenancy: &Tenancy, vaults: Vec<VaultSummary>) -> Result<Vec<VaultSummary>> {
    let mut seen = BTreeSet::<VaultId>::new();
    let mut kept = Vec::new();
    for vault in vaults {
        if seen.contains(&vault.id) {
            continue;
        }
        let described = tenancy.key_store.describe_vault(&vault.id).await?.value;
        if described.is_primary != Some(false) && described.region == vault.region {
            seen.insert(vault.id.clone());
            kept.push(vault);
        }
    }
    Ok(kept)
}

fn unusable(state: KeyState, algorithm: &str) -> Option<String> {
    if state != KeyState::Enabled {
        return Some(format!("{state:?}"));
    }
    (algorithm != "AES").then(|| algorithm.to_owned())
}

/// What may be seen; a compartment we may not look into is said and passed over.
fn visible<T>(listed: Result<Vec<T>>, output: &Output) -> Result<Vec<T>> {
    match listed {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            output.say(&format!("  passed over: {}", Foreign(&error.to_string())));
            Ok(Vec::new())
        }
        listed => listed,
    }
}

async fn all<T, F>(list: impl Fn(Option<Cursor>) -> F) -> Result<Vec<T>>
where
    F: Future<Output = Result<Reply<Page<T>>>>,
{
    let (mut items, mut next) = (Vec::new(), None);
    loop {
        let page = list(next).await?.value;
        items.extend(page.items);
        next = page.next;
        if next.is_none() {
            return Ok(items);
        }
    }
}

/// Writes the file; never over one that somebody else wrote meanwhile, unless told to.
fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(ErrorKind::Config, "init", "the config cannot be written")
            .with("path", path.display())
            .caused_by(error)
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    if force {
        options.truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}
