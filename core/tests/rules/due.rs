//! R1 (what is owed) and R2 (who may ask for it now).

use std::time::Duration;

use keywheel::Started;
use keywheel::model::{DueState, KeyId, KeyState, Request, Settings, VaultState, VaultType, When};
use keywheel::testkit::{HOME, Lab};

use crate::story::{LONG, Story};

const DAY: Duration = Duration::from_secs(86_400);

fn verdict(mut lab: Lab, key: &KeyId) -> (DueState, String) {
    lab.settings.scope.keys = [key.clone()].into();
    let mut rows = lab.run(lab.rotator().due()).expect("a read");
    assert_eq!(rows.len(), 1, "{rows:?}");
    let due = rows.remove(0).due;
    assert!(!due.why.is_empty(), "a verdict without words");
    (due.state, due.why)
}

/// A lab with a second key of a kind of its own.
fn with_key(plant: impl FnOnce(&Lab) -> KeyId) -> (DueState, String) {
    let lab = Lab::with_buckets(1);
    let key = plant(&lab);
    verdict(lab, &key)
}

fn old(lab: &Lab) -> keywheel::model::Timestamp {
    lab.clock.now() - 100 * DAY
}

#[test]
fn a_version_older_than_the_cryptoperiod_is_due_and_a_younger_one_waits() {
    assert_eq!(with_key(|lab| lab.key.clone()).0, DueState::Due);
    let young = |lab: &Lab| {
        let created = lab.clock.now() - 89 * DAY;
        lab.world.add_key(&lab.vault, &lab.compartments[0], "young", created).done()
    };
    let (state, why) = with_key(young);
    assert_eq!(state, DueState::Waiting);
    assert_eq!(why, "1 days left");
}

#[test]
fn age_is_that_of_the_current_version_not_of_the_key() {
    let rotated_by_hand = |lab: &Lab| {
        let seed = lab.world.add_key(&lab.vault, &lab.compartments[0], "by hand", old(lab));
        seed.version(lab.clock.now() - DAY).done()
    };
    assert_eq!(with_key(rotated_by_hand).0, DueState::Waiting);
}

#[test]
fn a_key_whose_rotation_is_open_says_which() {
    let story = Story::begin();
    let rows = story.lab.run(story.lab.rotator().due()).expect("a read");
    assert_eq!(rows[0].due.state, DueState::Open(story.rid.clone()));
}

#[test]
fn what_oci_cannot_rotate_for_us_is_a_persons_work() {
    let imported = |lab: &Lab| lab.world.add_key(&lab.vault, &lab.compartments[0], "i", old(lab)).imported().done();
    let external = |lab: &Lab| lab.world.add_key(&lab.vault, &lab.compartments[0], "e", old(lab)).external().done();
    let signing =
        |lab: &Lab| lab.world.add_key(&lab.vault, &lab.compartments[0], "s", old(lab)).shape("RSA", 256).done();
    let elsewhere = |lab: &Lab| {
        let region = keywheel::model::Region::parse(HOME).expect("valid");
        let vault = lab.world.add_vault(&region, &lab.compartments[0], "x").vault_type(VaultType::External).done();
        lab.world.add_key(&vault, &lab.compartments[0], "x", old(lab)).done()
    };
    assert_eq!(with_key(imported).0, DueState::Manual);
    assert_eq!(with_key(external).0, DueState::Manual);
    assert_eq!(with_key(signing).0, DueState::Manual);
    assert_eq!(with_key(elsewhere).0, DueState::Manual);
}

#[test]
fn a_key_that_cannot_be_used_is_blocked_however_old_it_is() {
    for state in [KeyState::Disabled, KeyState::PendingDeletion, KeyState::Updating] {
        let plant = |lab: &Lab| lab.world.add_key(&lab.vault, &lab.compartments[0], "b", old(lab)).state(state).done();
        assert_eq!(with_key(plant).0, DueState::Blocked, "{state:?}");
    }
    let in_dying_vault = |lab: &Lab| {
        let region = keywheel::model::Region::parse(HOME).expect("valid");
        let seed = lab.world.add_vault(&region, &lab.compartments[0], "v");
        let vault = seed.state(VaultState::PendingDeletion).done();
        lab.world.add_key(&vault, &lab.compartments[0], "k", old(lab)).done()
    };
    assert_eq!(with_key(in_dying_vault).0, DueState::Blocked);
}

#[test]
fn a_key_that_cannot_be_read_is_blocked_and_hides_no_other() {
    let mut lab = Lab::with_buckets(1);
    lab.settings.scope.keys.insert(KeyId::parse("ocid1.key.oc1.iad.aaaa.nowhere").expect("valid"));
    let rows = lab.run(lab.rotator().due()).expect("a read");
    let mut states: Vec<_> = rows.iter().map(|row| row.due.state.word()).collect();
    states.sort_unstable();
    assert_eq!(states, ["blocked", "due"]);
}

#[test]
fn a_key_that_oci_rotates_by_itself_is_left_to_it() {
    let auto = |lab: &Lab| lab.world.add_key(&lab.vault, &lab.compartments[0], "a", old(lab)).auto_rotating(90).done();
    assert_eq!(with_key(auto).0, DueState::AutoRotated);
}

#[test]
fn a_replica_is_counted_once_at_its_primary() {
    let replica = |lab: &Lab| {
        let region = keywheel::model::Region::parse(HOME).expect("valid");
        let vault = lab.world.add_vault(&region, &lab.compartments[0], "r").is_replica().done();
        lab.world.add_key(&vault, &lab.compartments[0], "r", old(lab)).done()
    };
    assert_eq!(with_key(replica).0, DueState::Replica);
}

#[test]
fn a_cancelled_rotation_holds_due_back_until_the_day_named() {
    let story = Story::begin();
    let rotator = story.lab.rotator();
    let until = story.lab.clock.now() + 7 * DAY;
    story.lab.run(rotator.cancel(&story.rid, Some(until))).expect("nothing was minted");
    let rows = story.lab.run(rotator.due()).expect("a read");
    assert_eq!((&rows[0].due.state, rows[0].due.next), (&DueState::Waiting, Some(until)));
    story.lab.clock.advance_to(until);
    let rows = story.lab.run(rotator.due()).expect("a read");
    assert_eq!(rows[0].due.state, DueState::Due);
}

// ------------------------------------------------------------------------------------------------------- R2

fn now(lab: &Lab, supersedes: Option<keywheel::model::KeyVersionId>, request_id: Option<&str>) -> Request {
    let when = When::Now { supersedes, request_id: request_id.map(str::to_owned) };
    Request { key: lab.key.clone(), when, actor: None }
}

/// A lab whose key was just rotated.
fn rotated() -> Lab {
    let lab = Lab::with_buckets(1);
    lab.run(lab.rotator().rotate(&lab.key)).expect("nothing goes wrong");
    assert_ne!(lab.current(), lab.superseded);
    lab
}

#[test]
fn now_without_a_name_is_refused_while_the_version_is_young() {
    let lab = rotated();
    let error = lab.run(lab.rotator().start(&now(&lab, None, None))).expect_err("it is minutes old");
    assert_eq!(error.kind(), keywheel::ErrorKind::Refused);
    assert!(error.message().contains("min_age"), "{error}");
    lab.clock.advance(Settings::lab().policy.min_age);
    let started = lab.run(lab.rotator().start(&now(&lab, None, None))).expect("it is old enough");
    assert!(matches!(started, Started::Open(_)), "{started:?}");
}

#[test]
fn now_that_names_the_current_version_is_granted_and_one_that_names_another_is_refused() {
    let lab = rotated();
    let error = lab.run(lab.rotator().start(&now(&lab, Some(lab.superseded.clone()), None)));
    assert!(error.expect_err("somebody rotated already").message().contains("not current any more"));
    let started = lab.run(lab.rotator().start(&now(&lab, Some(lab.current()), None))).expect("it is named");
    assert!(matches!(started, Started::Open(_)), "{started:?}");
}

#[test]
fn a_request_id_asked_twice_rotates_once() {
    let lab = rotated();
    let request = now(&lab, None, Some("change-4711"));
    let rotator = lab.rotator();
    let Started::Open(rid) = lab.run(rotator.start(&request)).expect("it has a name") else { panic!("it opens") };
    let again = lab.run(rotator.start(&request)).expect("it is open");
    assert_eq!(again, Started::Open(rid.clone()), "while it is open");
    lab.run(rotator.run_for(&rid, LONG)).expect("nothing goes wrong");
    assert_eq!(lab.world.minted_by_us(&lab.key), 2);
    let late = lab.run(rotator.start(&request)).expect("the journal remembers");
    assert_eq!(late, Started::Ended(rid), "after it has ended");
    assert_eq!(lab.world.minted_by_us(&lab.key), 2);
}
