//! Hundreds of rotations at once and a topic that takes sixty messages a minute: everybody is told, nothing is refused.
//!
//! Everything runs in memory and in virtual time; World's topic counts as OCI's does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use keywheel::adapters::layers::{DigestPolicy, Digests};
use keywheel::memory::{FaultPlan, Strikes, WorldSettings};
use keywheel::model::{KeyId, Settings, TopicId};
use keywheel::testkit::{Lab, executor};
use keywheel::{Rotated, Rotator};

/// A lab with this many due keys, and a topic.
fn crowd(keys: usize) -> (Lab, Vec<KeyId>, TopicId) {
    let mut settings = Settings::lab();
    settings.budgets.mints_per_vault_and_day = 1000;
    settings.budgets.versions_per_vault = 1000;
    settings.policy.rotate_when_empty = true;
    let world = WorldSettings { kms_per_second: None, versions_per_vault: 1000, ..WorldSettings::lab() };
    let mut lab = Lab::build(0, settings, world);
    let created = lab.clock.now() - Duration::from_secs(100 * 86_400);
    let keys: Vec<KeyId> = (0..keys)
        .map(|number| lab.world.add_key(&lab.vault, &lab.compartments[0], &format!("k{number}"), created).done())
        .collect();
    lab.settings.scope.keys.extend(keys.iter().cloned());
    lab.clock.advance(Duration::from_secs(60));
    let region = keywheel::model::Region::parse("us-ashburn-1").expect("a region");
    let topic = lab.world.add_topic(&region, &lab.compartments[0], "rotations");
    (lab, keys, topic)
}

/// Another process of the same deployment.
fn rotator(lab: &Lab, topic: &TopicId, per_minute: u32) -> Rotator {
    let policy = DigestPolicy { per_minute, ..DigestPolicy::default() };
    let digests = Digests::new(lab.world.notifier(topic), Arc::new(lab.clock.clone()), policy);
    Rotator::with_ports(lab.settings.clone(), lab.ports().notifier(Arc::new(digests)))
}

/// What the topic refused.
fn refusals(lab: &Lab) -> Vec<u16> {
    let is_refusal = |entry: &&keywheel::memory::LogEntry| entry.operation == "publish_message" && entry.status >= 300;
    lab.world.log().iter().filter(is_refusal).map(|entry| entry.status).collect()
}

#[test]
fn two_hundred_keys_at_once_are_all_announced_and_no_message_is_one_too_many() {
    let (lab, keys, topic) = crowd(200);
    let rotator = rotator(&lab, &topic, DigestPolicy::default().per_minute);
    let results = lab.run(join_all(keys.iter().map(|key| rotator.rotate(key))));
    let mut rotations = BTreeSet::new();
    for result in results {
        let Ok(Rotated::Completed(report)) = result else { panic!("{result:?}") };
        rotations.insert(report.summary.rotation.clone());
    }
    assert_eq!((rotations.len(), refusals(&lab)), (keys.len(), Vec::new()));
    let messages = lab.world.messages(&topic);
    assert!(messages.len() < 60, "{} messages", messages.len());
    assert!(messages.iter().any(|message| message.body.contains("more notices")), "what was too many went together");
    for rotation in &rotations {
        let told = messages.iter().filter(|message| message.body.contains(&format!("{rotation}:accounted"))).count();
        assert_eq!(told, 1, "{rotation} is announced once");
        let facts = lab.run(rotator.facts(rotation)).expect("a read");
        let sent = facts.iter().filter(|fact| fact.contains("notice_sent")).count();
        assert_eq!(sent, 1, "and its journal says so");
        assert!(facts.iter().any(|fact| fact.contains("notice_sent") && fact.contains("message0")), "{facts:#?}");
    }
}

#[test]
fn a_process_that_dies_between_two_digests_leaves_nobody_unannounced() {
    let (lab, keys, topic) = crowd(40);
    let first = rotator(&lab, &topic, 5);
    let all = async { join_all(keys.iter().map(|key| first.rotate(key))).await };
    let died = executor::run_until(&lab.clock, all, || !lab.world.messages(&topic).is_empty());
    assert!(died.is_none(), "it dies when the first message has left");
    drop(first);
    let before = lab.world.messages(&topic).len();
    lab.clock.advance(Duration::from_secs(3600));
    let second = rotator(&lab, &topic, 5);
    let results = lab.run(second.rotate_due()).expect("a read");
    assert!(results.iter().all(|(_, result)| matches!(result, Ok(Rotated::Completed(_)))), "{results:?}");
    let messages = lab.world.messages(&topic);
    assert!(messages.len() > before);
    assert_eq!(refusals(&lab), Vec::<u16>::new());
    for summary in lab.run(second.history(None)).expect("a read") {
        let key = format!("{}:accounted", summary.rotation);
        assert!(messages.iter().any(|message| message.body.contains(&key)), "{key} is announced");
    }
}

#[test]
fn a_hundred_rotations_that_pause_at_once_are_a_few_digests_and_not_one_more_an_hour_later() {
    let (lab, keys, topic) = crowd(100);
    lab.world.faults(FaultPlan::new().status_before("replication", Strikes::Every, 409, "IncorrectState"));
    let tick = || lab.run(rotator(&lab, &topic, 10).rotate_due()).expect("a read");
    let results = tick();
    assert!(results.iter().all(|(_, result)| matches!(result, Ok(Rotated::Paused { .. }))), "{results:?}");
    assert_eq!((results.len(), refusals(&lab)), (keys.len() + 1, Vec::new()), "these, and the one that every lab has");
    let messages = lab.world.messages(&topic);
    assert!(messages.len() < 40, "{} messages", messages.len());
    assert!(messages.iter().all(|message| message.body.len() < 64 << 10));
    for summary in lab.run(rotator(&lab, &topic, 10).list()).expect("a read") {
        let (key, do_next) =
            (format!("{}:paused:1", summary.rotation), format!("keywheel resume {}", summary.rotation));
        let told: Vec<_> = messages.iter().filter(|message| message.body.contains(&key)).collect();
        assert!(matches!(told.as_slice(), [one] if one.body.contains(&do_next)), "{key}: {told:?}");
    }
    lab.clock.advance(Duration::from_secs(3600));
    tick();
    assert_eq!(lab.world.messages(&topic).len(), messages.len(), "nothing changed");
}
