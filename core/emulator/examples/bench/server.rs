//! The far end: a throttled tenancy behind the emulator, in a process of its own. Told what to do by lines on standard input,
//! so that no path of it can be mistaken for one of OCI's.

use std::io::{BufRead as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keywheel::memory::{Stretch, World, WorldSettings};
use keywheel::model::{CompartmentId, Dependent, KeyId, KeyVersionId, Kind, Region, ResourceId, Tags, VaultId};
use keywheel_emulator::{Emulator, EmulatorSettings};
use serde_json::{Value, json};

use crate::{Dependents, HOME, Size};

/// How many compartments the dependents are spread over.
const COMPARTMENTS: usize = 6;
/// The first bucket.
const BUCKET: &str = "bucket-00000";

struct Tenancy {
    world: Arc<World>,
    vault: VaultId,
    /// The head of the lineage when counting began, and its version then.
    key: KeyId,
    version: KeyVersionId,
    dependents: Vec<ResourceId>,
    /// What holds the first of them.
    compartment: CompartmentId,
}

/// Serves until standard input ends.
pub(crate) async fn serve(dir: &Path, size: Size) -> std::io::Result<()> {
    let mut tenancy = grow(size);
    let settings =
        EmulatorSettings { closes_after_throttling: true, ..EmulatorSettings::new(Arc::clone(&tenancy.world)) };
    let emulator = Emulator::start(settings).await?;
    let config = emulator.new_user().write_config(dir)?;
    let home = Region::parse(HOME).expect("a region");
    say(&json!({
        "config": config.config_path,
        "url": emulator.region_url(&home)?,
        "vault_url": emulator.vault_url(&tenancy.vault)?,
        "vault": tenancy.vault,
        "tenancy": tenancy.world.tenancy_id(),
        "key": tenancy.key,
        "size": size,
        "sample": tenancy.sample(&home),
    }));
    let (lines, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || lines.send(line.unwrap_or_default()).is_err() {
                return;
            }
        }
    });
    while let Some(line) = told.recv().await {
        match line.as_str() {
            "anew" => {
                tenancy.begin();
                say(&json!({ "versions": tenancy.versions(), "key": tenancy.key }));
            }
            _ => {
                tenancy.write_log()?;
                say(&tenancy.counted(size));
            }
        }
    }
    emulator.shutdown().await;
    Ok(())
}

fn say(value: &Value) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone ends this process with its standard input.
    let _ = writeln!(out, "{value}").and_then(|()| out.flush());
}

fn grow(size: Size) -> Tenancy {
    let home = Region::parse(HOME).expect("a region");
    let settings = WorldSettings {
        others_per_second: Some(size.per_second),
        page_size: 1000,
        log_limit: if log().is_some() { 1_000_000 } else { 0 },
        versions_per_vault: 100,
        ..WorldSettings::lab()
    };
    let world = World::new(Timestamp::now, &home, settings);
    let root = world.tenancy_id();
    let compartments: Vec<_> =
        (0..COMPARTMENTS).map(|number| world.add_compartment(&format!("team-{number}"), &root)).collect();
    let vault = world.add_vault(&home, &compartments[0], "main").done();
    let created = Timestamp::now() - Duration::from_secs(120 * 86_400);
    let key = world.add_key(&vault, &compartments[0], "backup-key", created).done();
    let mut dependents: Vec<ResourceId> = Vec::with_capacity(size.dependents);
    for number in 0..size.dependents {
        let holder = &compartments[number % COMPARTMENTS];
        dependents.push(match size.kind {
            Dependents::Buckets => world.add_bucket(&home, holder, &format!("bucket-{number:05}")).key(&key).done(),
            Dependents::Volumes if number % 2 == 0 => {
                world.add_volume(&home, holder, &format!("volume-{number:05}")).key(&key).done()
            }
            Dependents::Volumes => {
                let volume = dependents.last().expect("a volume came before").clone();
                world.add_backup(&volume, &format!("backup-{number:05}")).done()
            }
        });
    }
    let version = world.current_version(&key);
    let compartment = compartments[0].clone();
    Tenancy { world, vault, key, version, dependents, compartment }
}

/// Where each call is written down, for whoever asks where the time went.
fn log() -> Option<std::path::PathBuf> {
    std::env::var_os("BENCH_LOG").filter(|path| !path.is_empty()).map(Into::into)
}

impl Tenancy {
    /// Adds a line to the log for every call: its time, service, operation, status.
    fn write_log(&self) -> std::io::Result<()> {
        let Some(path) = log() else { return Ok(()) };
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        for entry in self.world.log() {
            writeln!(file, "{}\t{}\t{}\t{}", entry.at, entry.service, entry.operation, entry.status)?;
        }
        Ok(())
    }

    /// Counts from here on. The newest key of the vault is the one that everything is under.
    fn begin(&mut self) {
        self.key = self.world.keys_of_vault(&self.vault).pop().expect("it was seeded with one");
        self.version = self.world.current_version(&self.key);
        self.world.reset_meters();
    }

    /// One of the dependents, as a client names it.
    fn sample(&self, region: &Region) -> Option<Dependent> {
        let id = self.dependents.first()?.clone();
        (id.as_str().starts_with("ocid1.bucket.")).then(|| Dependent {
            id,
            kind: Kind::Bucket,
            region: region.clone(),
            compartment: self.compartment.clone(),
            name: BUCKET.to_owned(),
            namespace: Some(self.world.namespace()),
            availability_domain: None,
            tags: Tags::default(),
        })
    }

    fn versions(&self) -> usize {
        self.world.keys_of_vault(&self.vault).iter().map(|key| self.world.versions(key).len()).sum()
    }

    /// Dependents that are still on what they were on when counting began: the version, or for block storage the key.
    fn behind(&self, size: Size) -> usize {
        let is_behind = |one: &&ResourceId| match size.kind {
            Dependents::Buckets => self.world.wrapping_version(one).as_ref() == Some(&self.version),
            Dependents::Volumes => self.world.wrapping(one).is_some_and(|wrapping| wrapping.key == self.key),
        };
        self.dependents.iter().filter(is_behind).count()
    }

    fn counted(&self, size: Size) -> Value {
        let meters = self.world.meters();
        let stretch = |one: &Stretch| {
            json!({
                "first": one.first, "taken": one.taken, "throttled": one.throttled,
                "seconds": one.length().as_secs_f64(), "ideal": one.ideal(size.per_second).as_secs_f64(),
            })
        };
        let services: Vec<_> = meters
            .services
            .iter()
            .map(|((service, region), stretches)| {
                let stretches: Vec<_> = stretches.iter().map(stretch).collect();
                json!({ "service": service, "region": region, "stretches": stretches })
            })
            .collect();
        let first = meters.services.values().flatten().map(|one| one.first).min();
        let last = meters.services.values().flatten().map(|one| one.last).max();
        let seconds = first.zip(last).map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        json!({
            "operations": meters.operations, "services": services, "seconds": seconds,
            "busiest_second": meters.busiest_second, "versions": self.versions(), "behind": self.behind(size),
        })
    }
}
