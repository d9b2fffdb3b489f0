//! The intent register through the real adapter: a signed UpdateKey with if-match and every tag of the key, before
//! the mint; and a stranger's register that is waited for, by the clock on the wall.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

use std::sync::Arc;
use std::time::Duration;

use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{MemoryJournal, World, WorldSettings};
use keywheel::model::{KeyId, Margins, Region, Settings, TagName, Timestamp, to_seconds};
use keywheel::ports::Ports;
use keywheel::rotation::{Reading, read_register};
use keywheel::{Rotated, Rotator};
use keywheel_emulator::{Emulator, EmulatorSettings};

struct Far {
    world: Arc<World>,
    key: KeyId,
    ports: Ports,
    _emulator: Emulator,
    _files: tempfile::TempDir,
}

async fn far() -> Far {
    let home = Region::parse("us-ashburn-1").expect("a region");
    let settings = WorldSettings { honours_tokens: false, kms_per_second: None, ..WorldSettings::lab() };
    let world = World::new(Timestamp::now, &home, settings);
    let compartment = world.add_compartment("apps", &world.tenancy_id());
    let vault = world.add_vault(&home, &compartment, "payments").done();
    let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
    let key = world.add_key(&vault, &compartment, "cards", a_year_ago).done();
    let emulator = Emulator::start(EmulatorSettings::new(Arc::clone(&world))).await.expect("free ports");
    let files = tempfile::tempdir().expect("a folder");
    let config = emulator.new_user().write_config(files.path()).expect("a config");
    let url = emulator.region_url(&home).expect("a port");
    let endpoints = Endpoints::production().with_override(home, &url).expect("a loopback URL");
    let config_file = Some(config.config_path.clone());
    let client = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let client = Client::from_config_file(client).expect("a config");
    let ports = Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(Catalog::new(Arc::clone(&client))),
        rekeyer: Arc::new(Rekeyers::new(client)),
        audit: Vec::new(),
        notifiers: Vec::new(),
        metrics: Vec::new(),
        audit_log: None,
        journal: MemoryJournal::new(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        examiner: None,
        pace: None,
    };
    Far { world, key, ports, _emulator: emulator, _files: files }
}

fn place() -> TagName {
    TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() }
}

fn settings(far: &Far) -> Settings {
    let mut settings = Settings::lab();
    // Seconds, and few of them: the wall clock is what is waited by.
    let second = Duration::from_secs(1);
    settings.margins = Margins { processing: second, list_lag: second, clock_error: second, ..settings.margins };
    settings.policy.intent_register = Some(place());
    settings.policy.rotate_when_empty = true;
    settings.scope.keys.insert(far.key.clone());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mint_is_announced_under_if_match_and_a_strangers_is_waited_for() {
    let far = far().await;
    let store = &far.ports.key_store;
    let read = store.describe_key(&far.key).await.expect("the key is there");
    let version = far.world.current_version(&far.key);
    let mut tags = read.value.tags.clone();
    tags.freeform.insert("owner".to_owned(), "payments & cards".to_owned());
    tags.defined.entry("ops".to_owned()).or_default().insert("rotate".to_owned(), "yes".to_owned());
    let date = to_seconds(far.world.now());
    let stranger = format!("kw1 o=1 g=1 d={date} n=1 m=feedfeedfeedfeed v={version}");
    let of_keywheel = tags.defined.entry("KeyWheel".to_owned()).or_default();
    of_keywheel.insert("Intent".to_owned(), stranger);
    of_keywheel.insert("managed".to_owned(), "yes".to_owned());
    let etag = read.etag.expect("a key has an etag");
    store.set_tags(&far.key, &tags, &etag).await.expect("the etag is fresh");

    let settings = settings(&far);
    let quiet = settings.margins.quiet_period();
    let rotator = Rotator::with_ports(settings, far.ports.clone());
    let rotated = rotator.rotate(&far.key).await.expect("nothing stops it");
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");

    let now = far.world.key(&far.key).expect("it is there").tags;
    let Reading::Written(register) = read_register(&now, &place()) else { panic!("{now:?}") };
    assert!(register.date > date + quiet, "announced for {}, the stranger for {date}", register.date);
    assert_eq!(register.newest, version.as_str());
    let ours = now.defined["KeyWheel"]["Intent"].clone();
    tags.defined.get_mut("KeyWheel").expect("spelled as it was").insert("Intent".to_owned(), ours);
    assert_eq!(now, tags, "every other tag is as it was");
    let log = far.world.log();
    let is_write =
        |entry: &&keywheel::memory::LogEntry| ["update_key", "create_key_version"].contains(&entry.operation);
    let writes: Vec<_> = log.iter().filter(is_write).map(|entry| (entry.operation, entry.status)).collect();
    assert_eq!(writes, [("update_key", 200), ("update_key", 200), ("create_key_version", 200)]);

    let error = store.set_tags(&far.key, &tags, &etag).await.expect_err("the etag is long gone");
    assert_eq!(error.status(), Some(412), "{error}");
}
