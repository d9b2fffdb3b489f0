//! Hundreds of keys in one run: what fails, or waits for hours, holds up nobody; and a vault's limits hold although many keys
//! are worked on at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use keywheel::memory::{Caller, RecordingNotifier, WorldSettings};
use keywheel::model::{
    Budgets, CompartmentId, DueState, KeyId, KeyState, Region, Request, RotationId, RunnerId, Settings, StreamId,
    Timestamp, VaultId, When,
};
use keywheel::ports::Journal as _;
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{ELSEWHERE, HOME, Lab};
use keywheel::{Rotated, Rotator, Started};

const HOUR: Duration = Duration::from_secs(3600);

fn region(name: &str) -> Region {
    Region::parse(name).expect("a region")
}

/// A lab for many keys: replication takes an hour, what is under no dependents is rotated too.
fn lab(at_once: usize) -> Lab {
    let mut settings = Settings::lab();
    settings.policy.rotate_when_empty = true;
    settings.margins.replica_deadline = HOUR * 2;
    settings.margins.poll_max = Duration::from_secs(30);
    settings.margins.claim_ttl = Duration::from_secs(60);
    settings.budgets = Budgets {
        keys_at_once: at_once,
        mints_per_vault_and_day: 10_000,
        versions_per_vault: 10_000,
        ..settings.budgets
    };
    let world = WorldSettings {
        replica_lag: HOUR,
        versions_per_vault: 10_000,
        kms_per_second: None,
        log_limit: 1_000,
        ..WorldSettings::lab()
    };
    Lab::build(0, settings, world)
}

/// A key that is due, in a vault of this lab.
fn add_key(lab: &mut Lab, vault: &VaultId, compartment: &CompartmentId, name: &str) -> KeyId {
    let created = lab.clock.now() - Duration::from_secs(100 * 86_400);
    let key = lab.world.add_key(vault, compartment, name, created).done();
    lab.settings.scope.keys.insert(key.clone());
    key
}

fn start(lab: &Lab, key: &KeyId) -> RotationId {
    let request = Request { key: key.clone(), when: When::IfDue, actor: None };
    match lab.run(lab.rotator().start(&request)).expect("nothing stands against it yet") {
        Started::Open(rotation) => rotation,
        other => panic!("{other:?}"),
    }
}

/// What is wrong with a key, if anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Nothing,
    ClaimedElsewhere,
    Denied,
    Disabled,
    Paused,
    RegionDown,
    ReplicaStuck,
}

const WRONGS: [Wrong; 6] =
    [Wrong::ReplicaStuck, Wrong::ClaimedElsewhere, Wrong::Denied, Wrong::Disabled, Wrong::Paused, Wrong::RegionDown];

#[test]
fn of_three_hundred_keys_those_that_fail_or_wait_for_hours_hold_up_nobody() {
    let mut lab = lab(16);
    let tenancy = lab.world.tenancy_id();
    let compartment = lab.world.add_compartment("other-keys", &tenancy);
    let denied = lab.world.add_compartment("hidden-keys", &tenancy);
    let home = lab.world.add_vault(&region(HOME), &compartment, "home").done();
    let replicated = lab.vault.clone();
    let elsewhere = lab.world.add_vault(&region(ELSEWHERE), &compartment, "elsewhere").done();
    lab.settings.scope.keys.clear();

    // Every fourth key has something wrong with it, the first ones above all: more than may be worked on at once.
    let mut keys = Vec::new();
    for number in 0..300 {
        let wrong = if number < 40 || number % 8 == 0 { WRONGS[number % WRONGS.len()] } else { Wrong::Nothing };
        let (vault, holder) = match wrong {
            Wrong::ReplicaStuck => (&replicated, &compartment),
            Wrong::RegionDown => (&elsewhere, &compartment),
            Wrong::Denied => (&home, &denied),
            _ => (&home, &compartment),
        };
        let key = add_key(&mut lab, vault, holder, &format!("key-{number}"));
        if number % 10 == 9 {
            lab.key = key.clone();
            lab.add_bucket(HOME, number % 2, &format!("bucket-{number}"));
        }
        keys.push((key, wrong));
    }
    for (key, wrong) in &keys {
        match wrong {
            Wrong::Nothing | Wrong::ReplicaStuck => {}
            Wrong::Denied | Wrong::RegionDown => drop(start(&lab, key)),
            Wrong::Disabled => {
                start(&lab, key);
                lab.world.others_set_key_state(key, KeyState::Disabled);
            }
            Wrong::Paused => {
                let rotation = start(&lab, key);
                lab.run(lab.rotator().pause(&rotation, "somebody wants it so")).expect("it is open");
            }
            Wrong::ClaimedElsewhere => {
                let other = RunnerId::parse("run-somebody-else").expect("a runner");
                let scope = StreamId::rotation(&start(&lab, key));
                lab.run(lab.journal.claim(&scope, &other, lab.clock.now(), HOUR * 10)).expect("nobody has it");
            }
        }
    }
    lab.world.deny_compartment(&Caller::keywheel(), &denied);
    lab.world.region_down(&region(ELSEWHERE));

    let notifier = RecordingNotifier::new();
    let mut ports = lab.ports();
    ports.notifiers = vec![notifier.clone()];
    // Every call takes a while, so that keys are really under way beside each other.
    let lag = Box::new(|_: &str| Duration::from_millis(2));
    let ports = Points::with_lag(At::Nowhere, Arc::new(lab.clock.clone()), lag).over(ports);
    let rotator = Rotator::with_ports(lab.settings.clone(), ports);
    let began = lab.clock.now();
    let order: Vec<KeyId> = keys.iter().map(|(key, _)| key.clone()).collect();
    let ended: BTreeMap<usize, (Timestamp, keywheel::Result<Rotated>)> = lab.run(
        Box::pin(rotator.rotate_all(&order, None)).map(|(place, result)| (place, (lab.clock.now(), result))).collect(),
    );

    assert_eq!(ended.len(), 300);
    let mut longest = BTreeMap::<Wrong, Duration>::new();
    for (place, (at, result)) in &ended {
        let wrong = keys[*place].1;
        let took = at.duration_since(began).unsigned_abs();
        longest.entry(wrong).and_modify(|longest| *longest = took.max(*longest)).or_insert(took);
        match (wrong, result) {
            (Wrong::Nothing, Ok(Rotated::Completed(report))) => {
                assert_eq!(report.summary.counts.total(), u64::from(place % 10 == 9), "key {place}");
            }
            (Wrong::ReplicaStuck, Ok(Rotated::Completed(_))) => assert!(took >= HOUR, "its replica was not there"),
            (Wrong::Paused | Wrong::Disabled, Ok(Rotated::Paused { .. })) => {}
            (Wrong::ClaimedElsewhere | Wrong::Denied | Wrong::RegionDown | Wrong::Disabled, Err(_)) => {}
            (Wrong::Denied | Wrong::RegionDown, Ok(Rotated::Paused { .. })) => {}
            other => panic!("key {place}: {other:?}"),
        }
    }
    let healthy = longest[&Wrong::Nothing];
    // One alone takes about 3 s here; one after the other they would take a quarter of an hour, and wait for hours besides.
    assert!(healthy < Duration::from_secs(30), "{longest:?}");
    for (key, wrong) in &keys {
        let expected = usize::from(matches!(wrong, Wrong::Nothing | Wrong::ReplicaStuck));
        assert_eq!(lab.world.minted_by_us(key), expected, "{wrong:?}");
    }
    let told = notifier.notices().len();
    let is_told =
        |result: &keywheel::Result<Rotated>| matches!(result, Ok(Rotated::Completed(_) | Rotated::Paused { .. }));
    assert_eq!(told, ended.values().filter(|(_, result)| is_told(result)).count(), "each end and each pause, once");
}

#[test]
fn a_vault_with_room_for_five_versions_gets_five_although_twenty_keys_are_looked_at_at_once() {
    let mut lab = lab(16);
    let tenancy = lab.world.tenancy_id();
    let compartment = lab.world.add_compartment("other-keys", &tenancy);
    let vault = lab.world.add_vault(&region(HOME), &compartment, "small").done();
    lab.settings.scope.keys.clear();
    lab.settings.budgets.versions_per_vault = 25;
    let keys: Vec<KeyId> =
        (0..20).map(|number| add_key(&mut lab, &vault, &compartment, &format!("key-{number}"))).collect();

    // The key store answers slowly: all twenty are judged before the first has reserved its version.
    let lag = Box::new(|call: &str| Duration::from_millis(if call == "usage" { 500 } else { 0 }));
    let ports = Points::with_lag(At::Nowhere, Arc::new(lab.clock.clone()), lag).over(lab.ports());
    let rotator = Rotator::with_ports(lab.settings.clone(), ports);
    let results = lab.run(rotator.rotate_due()).expect("the journal is there");

    assert_eq!(
        results.iter().map(|(key, _)| key).collect::<Vec<_>>(),
        lab.settings.scope.keys.iter().collect::<Vec<_>>()
    );
    let minted: usize = keys.iter().map(|key| lab.world.minted_by_us(key)).sum();
    assert_eq!(minted, 5, "{results:#?}");
    let completed = results.iter().filter(|(_, result)| matches!(result, Ok(Rotated::Completed(_)))).count();
    assert_eq!(completed, 5);
    for (key, result) in &results {
        let is_told = match result {
            Ok(Rotated::Completed(_)) => true,
            Ok(Rotated::Paused { why, .. }) => why.contains("versions of 25"),
            Err(error) => error.to_string().contains("versions of 25"),
            Ok(_) => false,
        };
        assert!(is_told, "{key}: {result:?}");
    }
}

#[test]
fn no_more_keys_are_worked_on_at_once_than_the_limit_says_and_in_their_order() {
    let mut lab = lab(3);
    let (vault, compartment) = (lab.vault.clone(), lab.compartments[0].clone());
    for number in 0..8 {
        add_key(&mut lab, &vault, &compartment, &format!("key-{number}"));
    }
    let rotator = lab.rotator();
    let rows = lab.run(rotator.due()).expect("all can be read");
    assert!(rows.iter().all(|row| row.due.state == DueState::Due));
    let slow = Box::new(|call: &str| Duration::from_millis(if call == "describe_key" { 400 } else { 0 }));
    let ports = Points::with_lag(At::Nowhere, Arc::new(lab.clock.clone()), slow).over(lab.ports());
    let rotator = Rotator::with_ports(lab.settings.clone(), ports);
    let keys: Vec<KeyId> = rows.into_iter().map(|row| row.key).collect();
    let mut running = Box::pin(rotator.rotate_all(&keys, None));
    // Nobody waits for more than its look yet: three rotations are opened, then three more.
    let began = lab.clock.now();
    for (after, opened) in [(Duration::from_millis(850), 3), (Duration::from_millis(1_900), 6)] {
        let stop = || lab.clock.now() >= began + after;
        let ended = keywheel::testkit::executor::run_until(&lab.clock, running.next(), stop);
        assert!(ended.is_none(), "none is done so soon");
        let open = lab.run(lab.rotator().list()).expect("a journal");
        assert!(open.len() <= opened, "{} after {after:?}", open.len());
        let first: Vec<_> = open.iter().map(|row| row.key.clone()).collect();
        assert!(first.iter().all(|key| keys[..opened].contains(key)), "{first:?}");
    }
}
