//! A whole rotation against services that refuse with 429, say nothing of when to come again and close the connection: every
//! refusal is requeued, none counts as a try, no fact speaks of a failure that was not one, and key management's limit is never touched.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

use std::sync::Arc;
use std::time::Duration;

use keywheel::adapters::layers::PacePolicy;
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, ListedEtags, Rekeyers, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{MemoryJournal, World, WorldSettings};
use keywheel::model::{Margins, Region, Settings, StreamId, Timestamp, Verdict};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator};
use keywheel_emulator::{Emulator, EmulatorSettings};

const BUCKETS: usize = 40;
/// Far below what keywheel begins with.
const PER_SECOND: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_requeued_uncounted_and_what_was_found_out_is_kept() {
    let home = Region::parse("us-ashburn-1").expect("a region");
    let settings = WorldSettings { others_per_second: Some(PER_SECOND), ..WorldSettings::lab() };
    let world = World::new(Timestamp::now, &home, settings);
    let compartment = world.add_compartment("apps", &world.tenancy_id());
    let vault = world.add_vault(&home, &compartment, "payments").done();
    let a_year_ago = Timestamp::now() - Duration::from_secs(365 * 86_400);
    let key = world.add_key(&vault, &compartment, "cards", a_year_ago).done();
    for number in 0..BUCKETS {
        world.add_bucket(&home, &compartment, &format!("bucket-{number}")).key(&key).done();
    }
    let emulator = EmulatorSettings { closes_after_throttling: true, ..EmulatorSettings::new(Arc::clone(&world)) };
    let emulator = Emulator::start(emulator).await.expect("free ports");
    let files = tempfile::tempdir().expect("a folder");
    let config = emulator.new_user().write_config(files.path()).expect("a config");
    let url = emulator.region_url(&home).expect("a port");
    let endpoints = Endpoints::production().with_override(home.clone(), &url).expect("a loopback URL");
    let config_file = Some(config.config_path.clone());
    // As in production: ten at first, of key management's ten at most eight.
    let pace = PacePolicy::default();
    let listed_etags = ListedEtags::Believed;
    let client = ClientSettings { config_file, endpoints, pace, listed_etags, ..ClientSettings::default() };
    let client = Client::from_config_file(client).expect("a config");
    let journal = MemoryJournal::new();
    let ports = Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(Catalog::new(Arc::clone(&client))),
        rekeyer: Arc::new(Rekeyers::new(Arc::clone(&client))),
        audit: Vec::new(),
        notifiers: Vec::new(),
        metrics: Vec::new(),
        journal: journal.clone(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        audit_log: None,
        examiner: None,
        pace: Some(client.pace()),
    };
    let mut settings = Settings::lab();
    let second = Duration::from_secs(1);
    settings.margins = Margins { processing: second, list_lag: second, clock_error: second, ..settings.margins };
    settings.scope.keys.insert(key.clone());
    let rotator = Rotator::with_ports(settings, ports);

    let rotated = rotator.rotate(&key).await.expect("a refusal is no failure");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report:#?}");
    assert_eq!(report.summary.counts.total(), BUCKETS as u64);
    assert_eq!(world.versions(&key).len(), 2);

    let meters = world.meters();
    let throttled = |name: &str| meters.operations.get(name).map_or(0, |calls| calls.throttled);
    assert!(throttled("get_bucket") + throttled("reencrypt_bucket") > 0, "nothing was refused: {meters:#?}");
    let kms = ["get_key", "get_vault", "get_vault_usage", "list_key_versions", "create_key_version"];
    assert_eq!(kms.map(throttled), [0; 5], "key management's limit belongs to everybody");
    let reencrypted = meters.operations["reencrypt_bucket"];
    assert_eq!(reencrypted.served, BUCKETS as u64, "each once");
    // Once when it is found and once when it has moved; the passes in between see by its etag that it is the same.
    assert_eq!(meters.operations["get_bucket"].served, 2 * BUCKETS as u64);
    let rid = &report.summary.rotation;
    let streams = [StreamId::rotation(rid), StreamId::page(rid, 1)];
    let lines = streams.iter().flat_map(|stream| journal.lines(stream)).map(|line| line.text);
    let (mut refused, mut tries) = (0, Vec::new());
    for line in lines.filter(|line| line.contains("_failed\"")) {
        let fact: serde_json::Value = serde_json::from_str(&line).expect("a line is JSON");
        let (name, body) = (fact["fact"].as_str().unwrap_or_default(), &fact["body"]);
        // A step was intended, so that it was refused is written down (decisions, 14), and counts as no try.
        let is_refusal = body["error"].as_str().is_some_and(|error| error.contains("429"));
        match (name, body["counted"].as_bool(), is_refusal) {
            ("step_failed", Some(false), true) => refused += 1,
            _ => tries.push(line),
        }
    }
    assert!(tries.is_empty(), "a refusal is no try, and nothing else fails: {tries:#?}");
    assert_eq!(refused, throttled("reencrypt_bucket"), "of what was intended, each refusal and nothing else");
    let kept = journal.lines(&StreamId::meta());
    assert!(
        kept.iter().any(|line| line.text.contains("rate_learned") && line.text.contains("objectstorage")),
        "{kept:?}"
    );
}
