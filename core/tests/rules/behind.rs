//! R1 and R6 after the first rotation: keys that are behind are swept without a mint, and an open rotation gives way
//! to the next one only when its own version is to be superseded.

use std::collections::BTreeSet;
use std::time::Duration;

use keywheel::memory::WorldSettings;
use keywheel::model::{DueState, HistoryPolicy, KeyId, Request, Settings, Verdict, When};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{HOME, Lab};
use keywheel::{Rotated, Started};

use crate::story::LONG;

fn rotate(lab: &Lab) -> Rotated {
    lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it")
}

fn completed(lab: &Lab) -> keywheel::model::Report {
    match rotate(lab) {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn owed(lab: &Lab) -> DueState {
    lab.run(lab.rotator().due()).expect("a read").remove(0).due.state
}

/// A key that keywheel has rotated once.
fn rotated() -> Lab {
    let lab = Lab::with_buckets(3);
    completed(&lab);
    lab
}

/// The same, after somebody else minted a version that is current now.
fn left_behind() -> Lab {
    let lab = rotated();
    lab.clock.advance(lab.settings.policy.min_age / 4);
    lab.world.foreign_mint(&lab.key);
    lab.clock.advance(lab.settings.margins.flip_deadline);
    lab
}

#[test]
fn a_key_whose_version_somebody_else_minted_is_behind_and_a_sweep_moves_its_dependents_without_a_mint() {
    let lab = left_behind();
    assert_eq!(lab.not_on(&lab.current()).len(), 3, "nobody moved them yet");
    assert_eq!(owed(&lab), DueState::Behind);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert!(plan.is_sweep && plan.refusal.is_none(), "{plan:?}");
    let minted = lab.world.minted_by_us(&lab.key);
    let report = completed(&lab);
    assert!(report.summary.is_sweep);
    assert_eq!(report.summary.target, Some(lab.current()));
    assert_eq!(lab.world.minted_by_us(&lab.key), minted, "a sweep mints nothing");
    assert_eq!(lab.not_on(&lab.current()), []);
    assert_eq!(owed(&lab), DueState::Waiting, "a sweep has ended on its version");
}

#[test]
fn a_young_version_does_not_hide_dependents_that_were_never_moved() {
    let lab = left_behind();
    let rows = lab.run(lab.rotator().rotate_due()).expect("a read");
    assert!(matches!(rows.as_slice(), [(_, Ok(Rotated::Completed(_)))]), "{rows:?}");
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn a_key_first_seen_with_one_version_is_never_behind() {
    let lab = Lab::with_buckets(2);
    let young = lab.world.add_key(&lab.vault, &lab.compartments[0], "young", lab.clock.now()).done();
    let lab = with_key(lab, &young);
    assert_eq!(owed(&lab), DueState::Waiting);
    assert!(matches!(rotate_key(&lab, &young), Rotated::NotDue { .. }));
}

#[test]
fn a_version_that_appears_after_the_first_look_makes_a_key_behind_that_was_never_rotated_here() {
    let lab = Lab::with_buckets(2);
    let young = lab.world.add_key(&lab.vault, &lab.compartments[0], "young", lab.clock.now()).done();
    let lab = with_key(lab, &young);
    assert!(matches!(rotate_key(&lab, &young), Rotated::NotDue { .. }), "the look that counts");
    lab.clock.advance(lab.settings.policy.min_age / 4);
    lab.world.foreign_mint(&young);
    lab.clock.advance(lab.settings.margins.flip_deadline);
    assert_eq!(owed(&lab), DueState::Behind);
}

#[test]
fn a_key_first_seen_with_several_versions_is_as_its_owner_says() {
    let several = |policy| {
        let mut lab = Lab::with_buckets(2);
        lab.world.foreign_mint(&lab.key);
        lab.clock.advance(lab.settings.margins.flip_deadline);
        lab.settings.policy.history = policy;
        owed(&lab)
    };
    assert_eq!(several(HistoryPolicy::Report), DueState::Waiting);
    assert_eq!(several(HistoryPolicy::AssumeMoved), DueState::Waiting);
    assert_eq!(several(HistoryPolicy::Sweep), DueState::Behind);
}

/// Found by the simulator: a version that was on its way when the key was first seen was taken for history of which
/// nothing is known, although a rotation of ours had then moved everything to it.
#[test]
fn a_version_that_was_on_its_way_at_the_first_look_is_no_history() {
    let lab =
        Lab::build(3, Settings::lab(), WorldSettings { flip_delay: Duration::from_secs(5), ..WorldSettings::lab() });
    let pending = lab.world.foreign_mint(&lab.key);
    lab.clock.advance(Duration::from_secs(2));
    assert_eq!(completed(&lab).summary.target, Some(pending), "it was adopted");
    lab.clock.advance(lab.settings.policy.min_age / 4);
    lab.world.foreign_mint(&lab.key);
    lab.clock.advance(lab.settings.margins.flip_deadline);
    assert_eq!(owed(&lab), DueState::Behind);
    completed(&lab);
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn a_version_that_oci_minted_by_itself_is_followed_by_a_sweep() {
    let lab = Lab::with_buckets(2);
    let auto = lab.world.add_key(&lab.vault, &lab.compartments[0], "auto", lab.clock.now()).auto_rotating(90).done();
    let lab = with_key(lab, &auto);
    assert_eq!(owed(&lab), DueState::AutoRotated);
    let started = lab.run(lab.rotator().start(&if_due(&auto)));
    assert!(started.is_err(), "two rotators would compete: {started:?}");
    let home = keywheel::model::Region::parse(HOME).expect("valid");
    let bucket = lab.world.add_bucket(&home, &lab.compartments[0], "follows").key(&auto).done();
    lab.clock.advance(Duration::from_secs(90 * 86_400));
    let minted = lab.world.foreign_mint(&auto);
    lab.clock.advance(lab.settings.margins.flip_deadline);
    assert_eq!(owed(&lab), DueState::Behind);
    let swept = rotate_key(&lab, &auto);
    assert!(matches!(swept, Rotated::Completed(_)), "{swept:?}");
    assert_eq!(lab.world.wrapping_version(&bucket), Some(minted));
    assert_eq!(owed(&lab), DueState::AutoRotated);
}

#[test]
fn a_key_that_is_behind_and_old_is_rotated_which_moves_everything() {
    let lab = left_behind();
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    assert_eq!(owed(&lab), DueState::Due);
    let report = completed(&lab);
    assert!(!report.summary.is_sweep);
    assert_eq!(lab.not_on(&lab.current()), []);
    assert_eq!(owed(&lab), DueState::Waiting);
}

#[test]
fn a_sweep_may_be_cancelled_until_re_keying_may_have_begun_and_stays_away_until_the_day_named() {
    let lab = left_behind();
    let rotator = lab.rotator();
    let Ok(Started::Open(rid)) = lab.run(rotator.start(&if_due(&lab.key))) else { panic!("it is behind") };
    let until = lab.clock.now() + Duration::from_secs(86_400);
    lab.run(rotator.cancel(&rid, Some(until))).expect("nothing was moved");
    assert_eq!(owed(&lab), DueState::Waiting);
    lab.clock.advance_to(until);
    let Ok(Started::Open(next)) = lab.run(rotator.start(&if_due(&lab.key))) else { panic!("it is behind again") };
    assert_ne!(next, rid, "its name is free under the next ordinal");
    let points = Points::new(At::parse("append page_closed:before"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&next, LONG)).is_none());
    let error = lab.run(rotator.cancel(&next, None)).expect_err("data moves");
    assert!(error.message().contains("only forward"), "{error}");
}

#[test]
fn a_sweep_that_is_killed_anywhere_is_taken_up_and_still_mints_nothing() {
    for point in [
        "append opened:after",
        "append checked:after",
        "append adopted:after",
        "append in_use:after",
        "append inventoried:after",
        "append page_closed:after",
        "append accounted:before",
    ] {
        let lab = left_behind();
        let minted = lab.world.minted_by_us(&lab.key);
        let points = Points::new(At::parse(point));
        let dying = lab.mortal_rotator(&points, 5);
        assert!(lab.run_until_crash(&points, dying.rotate(&lab.key)).is_none(), "it did not die at {point}");
        let report = completed(&lab);
        assert_eq!((report.verdict, lab.world.minted_by_us(&lab.key)), (Some(Verdict::Clean), minted), "{point}");
        assert_eq!(lab.not_on(&lab.current()), [], "{point}");
    }
}

// ------------------------------------------------------------------------------------------------------- R6

/// A rotation that is paused after its version came into use, with everything still on the superseded one.
fn stuck() -> (Lab, keywheel::model::RotationId) {
    let lab = Lab::with_buckets(3);
    let rotator = lab.rotator();
    let Ok(Started::Open(rid)) = lab.run(rotator.start(&if_due(&lab.key))) else { panic!("it is due") };
    let points = Points::new(At::parse("append inventoried:before"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    lab.run(rotator.pause(&rid, "a change freeze")).expect("it is open");
    (lab, rid)
}

#[test]
fn an_open_rotation_is_taken_up_as_long_as_its_own_version_is_young() {
    let (lab, rid) = stuck();
    let started = lab.run(lab.rotator().start(&if_due(&lab.key))).expect("it is open");
    assert_eq!(started, Started::Open(rid));
}

#[test]
fn a_rotation_whose_own_version_is_to_be_superseded_is_overtaken_and_its_dependents_are_inherited() {
    let (lab, rid) = stuck();
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    let report = completed(&lab);
    assert_ne!(report.summary.rotation, rid);
    assert_eq!(lab.not_on(&lab.current()), []);
    assert_eq!(report.summary.dependents, 3);
    let before = lab.run(lab.rotator().status(&rid)).expect("a read").summary;
    assert_eq!((before.phase.as_str(), before.overtaken_by), ("overtaken", Some(report.summary.rotation)));
    assert_eq!(lab.run(lab.rotator().list()).expect("a read"), [], "none is open");
    assert_eq!(lab.world.minted_by_us(&lab.key), 2);
    let resumed = lab.run(lab.rotator().resume(&rid)).expect("a look");
    assert!(matches!(resumed, Rotated::Overtaken { .. }), "{resumed:?}");
}

#[test]
fn who_names_the_version_that_an_open_rotation_made_opens_the_next_one() {
    let (lab, rid) = stuck();
    let now = When::Now { supersedes: Some(lab.current()), request_id: None };
    let request = Request { key: lab.key.clone(), when: now, actor: None };
    let Ok(Started::Open(next)) = lab.run(lab.rotator().start(&request)) else { panic!("it is named") };
    assert_ne!(next, rid);
    assert_eq!(lab.run(lab.rotator().start(&request)).expect("it is open"), Started::Open(next));
}

#[test]
fn a_dependent_that_the_catalog_hides_is_inherited_from_the_overtaken_rotation() {
    let (mut lab, _) = stuck();
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    lab.settings.scope.compartments = lab.compartments.iter().cloned().collect();
    let outside = lab.world.add_compartment("outside", &lab.world.tenancy_id());
    lab.world.others_move_bucket(&lab.buckets[0], &outside);
    let report = completed(&lab);
    assert_eq!(report.summary.dependents, 3, "the journal knew it");
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn an_opener_that_dies_between_the_registry_and_the_overtaken_one_is_followed_by_whoever_drives_the_next() {
    for point in ["append rotation_closed:after", "append opened:after", "append overtaken:after"] {
        let (lab, rid) = stuck();
        lab.clock.advance(lab.settings.policy.cryptoperiod);
        let points = Points::new(At::parse(point));
        let dying = lab.mortal_rotator(&points, 5);
        assert!(lab.run_until_crash(&points, dying.rotate(&lab.key)).is_none(), "it did not die at {point}");
        let report = completed(&lab);
        let before = lab.run(lab.rotator().status(&rid)).expect("a read").summary;
        assert_eq!(before.overtaken_by, Some(report.summary.rotation), "{point}");
        assert_eq!(lab.world.minted_by_us(&lab.key), 2, "{point}");
    }
}

#[test]
fn a_mint_in_doubt_is_never_overtaken() {
    let lab = Lab::build(2, Settings::lab(), WorldSettings::lab());
    let rotator = lab.rotator();
    let Ok(Started::Open(rid)) = lab.run(rotator.start(&if_due(&lab.key))) else { panic!("it is due") };
    let points = Points::new(At::parse("append mint_intended:after"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    lab.clock.advance(lab.settings.policy.cryptoperiod * 2);
    let started = lab.run(lab.rotator().start(&if_due(&lab.key))).expect("it is open");
    assert_eq!(started, Started::Open(rid));
}

fn if_due(key: &KeyId) -> Request {
    Request { key: key.clone(), when: When::IfDue, actor: None }
}

fn rotate_key(lab: &Lab, key: &KeyId) -> Rotated {
    lab.run(lab.rotator().rotate(key)).expect("nothing stops it")
}

fn with_key(mut lab: Lab, key: &KeyId) -> Lab {
    lab.settings.scope.keys = BTreeSet::from([key.clone()]);
    lab
}
