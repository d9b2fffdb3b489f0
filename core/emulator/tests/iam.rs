//! The printed statements over the wire: what only the real adapters call is missed when it is taken away. The sweep
//! over every other permission, and the rotation with all of them, is `core/tests/iam.rs`.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use keywheel::adapters::oci::iam::{IamSubject, IamWants, iam_policy};
use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Monitoring, Rekeyers, Topic, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{Caller, MemoryJournal, WorldSettings};
use keywheel::model::{Report, Settings, TopicId};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator};

use common::lab::Lab;

/// A key under buckets, a volume with a backup, a boot volume, a node pool and a cluster, and a topic to tell.
async fn tenancy() -> (Lab, TopicId) {
    let settings = WorldSettings { kms_per_second: None, needs_service_grants: true, ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    let (world, place) = (&lab.world, &lab.compartment);
    for (region, name) in [(&lab.home, "one"), (&lab.home, "two"), (&lab.away, "three")] {
        let _ = world.add_bucket(region, place, name).key(&lab.key).done();
    }
    let volume = world.add_volume(&lab.home, place, "volume").key(&lab.key).done();
    let _ = world.add_backup(&volume, "backup").done();
    let _ = world.add_boot_volume(&lab.home, place, "boot").key(&lab.key).done();
    let _ = world.add_node_pool(&lab.home, place, "pool").key(&lab.key).done();
    let _ = world.add_cluster(&lab.home, place, "cluster").key(&lab.key).done();
    let topic = world.add_topic(&lab.home, place, "notices");
    (lab, topic)
}

fn settings(lab: &Lab) -> Settings {
    let mut settings = Settings::lab();
    settings.scope.vaults.insert(lab.vault.clone());
    settings.scope.compartments.insert(lab.compartment.clone());
    settings.scope.regions.extend([lab.home.clone(), lab.away.clone()]);
    settings
}

fn printed(lab: &Lab) -> Vec<String> {
    let settings = settings(lab);
    let subject = IamSubject::parse("dynamic-group keyrotator").expect("a subject");
    let place = Some(&lab.compartment);
    let wants = IamWants {
        settings: &settings,
        has_topic: true,
        metrics: place,
        audit_bucket: None,
        has_audit_log: false,
        reads_audit_events: false,
        subject,
        keys_in: place,
    };
    iam_policy(&wants).statements.into_iter().map(|statement| statement.text).collect()
}

fn ports(lab: &Lab, topic: &TopicId) -> Ports {
    let mut endpoints = Endpoints::production();
    for region in lab.world.regions() {
        let url = lab.emulator.region_url(&region).expect("a port");
        endpoints = endpoints.with_override(region, &url).expect("a loopback URL");
    }
    let config_file = Some(lab.config.config_path.clone());
    let client = Client::from_config_file(ClientSettings { config_file, endpoints, ..ClientSettings::default() });
    let client = client.expect("a config");
    let topic = Topic::new(Arc::clone(&client), topic.clone());
    let metrics = Monitoring::new(Arc::clone(&client), "keywheel".into(), lab.compartment.clone(), lab.home.clone());
    Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(Catalog::new(Arc::clone(&client))),
        rekeyer: Arc::new(Rekeyers::new(client)),
        audit: Vec::new(),
        notifiers: vec![Arc::new(topic)],
        metrics: vec![Arc::new(metrics)],
        journal: MemoryJournal::new(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        audit_log: None,
        pace: None,
    }
}

/// What came of a rotation without `removed`, and the calls that were refused.
async fn rotated(removed: &str) -> (Result<Box<Report>, String>, BTreeSet<&'static str>) {
    let (lab, topic) = tenancy().await;
    let mut statements = printed(&lab);
    let word = |text: &str| [", ", "}"].iter().any(|end| text.contains(&format!("{removed}{end}")));
    let found = statements.iter_mut().find(|text| word(text)).expect("it is printed");
    *found = found.replacen(removed, "NOTHING", 1);
    let texts: Vec<&str> = statements.iter().map(String::as_str).collect();
    lab.world.add_policy(&lab.world.tenancy_id(), "keywheel", &texts);
    lab.world.restrict(&Caller::new(&lab.config.user), "dynamic-group keyrotator");
    let rotator = Rotator::with_ports(settings(&lab), ports(&lab, &topic));
    let told = match rotator.rotate(&lab.key).await {
        Ok(Rotated::Completed(report)) => Ok(report),
        other => Err(format!("{other:?}")),
    };
    rotator.end_tick(1, 0).await;
    let log = lab.world.log().into_iter();
    let refused = log.filter(|entry| matches!(entry.status, 400 | 404)).map(|entry| entry.operation).collect();
    (told, refused)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_adapters_call_is_missed_when_it_is_taken_away() {
    let removed = [
        ("VAULT_INSPECT", "list_vault_replicas"),
        ("OBJECT_READ", "get_work_request"),
        ("ONS_TOPIC_PUBLISH", "publish_message"),
        ("METRIC_WRITE", "post_metric_data"),
    ];
    let tries = removed.map(|(name, step)| async move {
        let (told, refused) = rotated(name).await;
        assert!(refused.contains(step), "{name}: {refused:?} {told:?}");
    });
    futures_util::future::join_all(tries).await;
}
