//! `gone` through the real adapters: a bucket and a volume that answer 404 over HTTP, once because they are no more
//! and once because they are hidden.
#![allow(clippy::disallowed_methods, reason = "over HTTP World lives by the wall clock")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use keywheel::adapters::oci::{Catalog, Client, ClientSettings, Endpoints, Rekeyers, VaultKeyStore};
use keywheel::adapters::system::{SystemClock, SystemRandom};
use keywheel::memory::{Caller, MemoryJournal, World, WorldSettings};
use keywheel::model::{Outcome, Report, Settings};
use keywheel::ports::Ports;
use keywheel::{Rotated, Rotator};

use common::lab::Lab;

/// Rotates the lab's key; `act` happens before anything is moved. What became of whom, by name.
async fn rotate(lab: &Lab, act: impl Fn(&World) + Send + 'static) -> (Report, BTreeMap<String, Outcome>) {
    let mut endpoints = Endpoints::production();
    for region in lab.world.regions() {
        let url = lab.emulator.region_url(&region).expect("a port");
        endpoints = endpoints.with_override(region, &url).expect("a loopback URL");
    }
    let config_file = Some(lab.config.config_path.clone());
    let client = ClientSettings { config_file, endpoints, ..ClientSettings::default() };
    let client = Client::from_config_file(client).expect("a config");
    let journal = MemoryJournal::new();
    let world = Arc::clone(&lab.world);
    journal.fail_when(move |append| {
        if append.lines.iter().any(|line| line.text.contains("\"fact\":\"inventoried\"")) {
            act(&world);
        }
        None
    });
    let ports = Ports {
        key_store: Arc::new(VaultKeyStore::new(Arc::clone(&client))),
        catalog: Arc::new(Catalog::new(Arc::clone(&client))),
        rekeyer: Arc::new(Rekeyers::new(client)),
        audit: Vec::new(),
        notifiers: Vec::new(),
        metrics: Vec::new(),
        audit_log: None,
        journal,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        examiner: None,
        pace: None,
    };
    let mut settings = Settings::lab();
    settings.scope.keys.insert(lab.key.clone());
    let rotator = Rotator::with_ports(settings, ports);
    let rotated = rotator.rotate(&lab.key).await.expect("nothing stops it");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    let all = rotator.dependents(&report.summary.rotation).await.expect("a read");
    let outcomes = all.into_iter().map(|one| (one.dependent.name, one.outcome.expect("it has ended"))).collect();
    (*report, outcomes)
}

async fn lab() -> Lab {
    let settings = WorldSettings { kms_per_second: None, ..WorldSettings::lab() };
    let lab = Lab::new(settings).await;
    for name in ["stays", "goes"] {
        let _ = lab.world.add_bucket(&lab.home, &lab.compartment, name).key(&lab.key).done();
    }
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_is_gone_over_the_wire() {
    let lab = lab().await;
    let goes = lab.world.add_bucket(&lab.home, &lab.compartment, "goes too").key(&lab.key).done();
    let volume = lab.world.add_volume(&lab.home, &lab.compartment, "vanishes").key(&lab.key).done();
    let acted = std::sync::atomic::AtomicBool::new(false);
    let (report, outcomes) = rotate(&lab, move |world| {
        // Two legs are inventoried; things vanish once.
        if !acted.swap(true, std::sync::atomic::Ordering::Relaxed) {
            world.others_delete_bucket(&goes);
            world.others_forget(&volume);
        }
    })
    .await;
    for name in ["goes too", "vanishes"] {
        assert!(matches!(&outcomes[name], Outcome::Gone { how } if how.contains("listed to the end")), "{outcomes:#?}");
    }
    for name in ["stays", "goes"] {
        assert!(matches!(outcomes[name], Outcome::Rekeyed { .. }), "{outcomes:#?}");
    }
    assert_eq!(report.summary.counts.with("gone"), 2, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_not_gone_over_the_wire() {
    let lab = lab().await;
    let (user, place) = (Caller::new(&lab.config.user), lab.compartment.clone());
    let (_, outcomes) = rotate(&lab, move |world| world.deny_compartment(&user, &place)).await;
    for name in ["stays", "goes"] {
        assert!(matches!(&outcomes[name], Outcome::Blocked { why } if why.contains("may not list")), "{outcomes:#?}");
    }
}
