//! R5, R8 and R10 for what forbids several versions of its key: a successor first, then a version; one successor, ever.

use keywheel::memory::{Caller, FaultPlan, Strikes, World, WorldSettings};
use keywheel::model::{
    DueState, EvidenceScope, FindingKind, Grade, KeyId, KeyState, Kind, Outcome, Region, Request, Risk, RotationId,
    Settings, StrategyPolicy, Tags, Verdict, When,
};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{ELSEWHERE, HOME, Lab};
use keywheel::{Rotated, Started};

use crate::story::LONG;

fn if_due(key: &KeyId) -> Request {
    Request { key: key.clone(), when: When::IfDue, actor: None }
}

fn rotate(lab: &Lab) -> Rotated {
    lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it")
}

fn completed(lab: &Lab) -> keywheel::model::Report {
    match rotate(lab) {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn successors(lab: &Lab) -> Vec<KeyId> {
    lab.world.keys_minted_by_us()
}

fn outcome_of(lab: &Lab, rid: &RotationId, name: &str) -> Outcome {
    let all = lab.run(lab.rotator().dependents(rid)).expect("a read");
    let found = all.into_iter().rev().find(|report| report.dependent.name == name);
    found.and_then(|report| report.outcome).unwrap_or_else(|| panic!("{name} has no outcome"))
}

/// Three buckets, two volumes, a boot volume, and a backup of the first volume: all under the lab's key.
fn mixed() -> (Lab, Vec<keywheel::model::ResourceId>) {
    let lab = Lab::mixed(3, 0);
    let mut blocks = vec![
        lab.add_volume(&Kind::BlockVolume, HOME, 0, "v0"),
        lab.add_volume(&Kind::BlockVolume, HOME, 0, "v1"),
        lab.add_volume(&Kind::BootVolume, HOME, 0, "boot"),
    ];
    blocks.push(lab.add_backup(&blocks[0], "v0-backup"));
    (lab, blocks)
}

#[test]
fn what_forbids_versions_moves_to_a_successor_before_a_version_is_minted_on_its_key() {
    let (lab, blocks) = mixed();
    let report = completed(&lab);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    let [successor] = successors(&lab).try_into().expect("one successor");
    for block in &blocks {
        assert_eq!(lab.wrapping_key(block), Some(successor.clone()));
    }
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "the buckets' version");
    assert_eq!(lab.world.minted_by_us(&successor), 1, "the successor has one version");
    assert_eq!(lab.not_on(&lab.current()), []);
    // World's own order of events: no version on the key before the last volume had left it.
    let log = lab.world.take_log();
    let last = |operation: &str| log.iter().rposition(|entry| entry.operation == operation && entry.status == 200);
    let moves = ["update_volume_kms_key", "update_boot_volume_kms_key", "update_volume_backup"];
    let last_move = moves.into_iter().filter_map(last).max().expect("volumes were moved");
    let minted = last("create_key_version").expect("a version was minted");
    assert!(last_move < minted, "{last_move} {minted}");
}

#[test]
fn evidence_of_a_successor_is_the_version_because_the_key_has_one() {
    let (lab, _) = mixed();
    let report = completed(&lab);
    let outcome = outcome_of(&lab, &report.summary.rotation, "v0");
    assert_eq!(outcome.evidence().map(|evidence| evidence.grade), Some(Grade::VersionSeen), "{outcome:?}");
    let bucket = lab.run(lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    let bucket = bucket.iter().find(|report| report.dependent.kind == Kind::Bucket).expect("a bucket");
    let grade = bucket.outcome.as_ref().and_then(Outcome::evidence).map(|evidence| evidence.grade);
    assert_eq!(grade, Some(Grade::ChangeSeen), "a bucket shows no version");
}

#[test]
fn a_key_that_only_block_storage_uses_gets_a_successor_and_no_version_and_is_retained() {
    let lab = Lab::mixed(0, 2);
    let report = completed(&lab);
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    let [successor] = successors(&lab).try_into().expect("one successor");
    let due = lab.run(lab.rotator().due()).expect("a read").remove(0).due;
    assert_eq!(due.state, DueState::Predecessor, "{due}");
    assert!(due.why.contains(successor.as_str()), "{due}");
    lab.clock.advance(lab.settings.policy.cryptoperiod * 3);
    assert!(matches!(rotate(&lab), Rotated::NotDue { .. }), "a predecessor is exempt from age");
    assert_eq!(report.census.ours, 1);
}

#[test]
fn the_successor_takes_shape_compartment_protection_and_its_owners_tags_but_none_of_ours() {
    let lab = Lab::mixed(0, 1);
    completed(&lab);
    let [first] = successors(&lab).try_into().expect("one successor");
    let mut lab = lab;
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    lab.settings.scope.keys = [first.clone()].into();
    let rotated = lab.run(lab.rotator().rotate(&first)).expect("it is due");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    let keys = successors(&lab);
    assert_eq!(keys.len(), 2, "a lineage of three");
    let (old, new) = (lab.world.key(&first).expect("it is there"), lab.world.key(&keys[1]).expect("it is there"));
    assert_eq!((&new.shape, &new.compartment, new.protection), (&old.shape, &old.compartment, old.protection));
    let lineage = |key: &keywheel::model::Key| key.tags.defined["keywheel"]["lineage"].clone();
    assert_eq!(lineage(&new), keywheel::rotation::lineage_value(&first, &report.summary.rotation));
    assert_ne!(lineage(&old), lineage(&new));
}

#[test]
fn a_late_backup_on_a_predecessor_is_swept_to_the_head_of_the_lineage() {
    let lab = Lab::mixed(0, 1);
    completed(&lab);
    let home = Region::parse(HOME).expect("valid");
    lab.clock.advance(lab.settings.policy.min_age / 10);
    let late = lab.world.add_volume(&home, &lab.compartments[0], "forgotten").key(&lab.key).done();
    let rows = lab.run(lab.rotator().rotate_due()).expect("a read");
    assert!(matches!(rows.as_slice(), [(_, Ok(Rotated::Completed(_)))]), "{rows:?}");
    let [successor] = successors(&lab).try_into().expect("no second successor");
    assert_eq!(lab.wrapping_key(&late), Some(successor));
    let rows = lab.run(lab.rotator().rotate_due()).expect("a read");
    assert!(matches!(rows.as_slice(), [(_, Ok(Rotated::NotDue { .. }))]), "{rows:?}");
    assert_eq!(lab.run(lab.rotator().rotate_due()).expect("a read").len(), 0, "it was looked at a moment ago");
}

#[test]
fn a_volume_that_arrives_while_the_first_leg_runs_is_moved_before_the_version_is_minted() {
    let (lab, _) = mixed();
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    let points = Points::new(At::parse("append rekeyed:after"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    let late = lab.add_volume(&Kind::BlockVolume, HOME, 0, "late");
    let report = completed(&lab);
    assert_eq!(lab.wrapping_key(&late).as_ref(), successors(&lab).first());
    assert_eq!(report.summary.dependents, 8);
}

#[test]
fn a_silent_no_op_on_a_backup_holds_back_the_version_until_somebody_has_moved_it() {
    let (lab, blocks) = mixed();
    lab.world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", Strikes::Every));
    let Rotated::Paused { rotation, why, .. } = rotate(&lab) else { panic!("it must not mint") };
    assert!(why.contains("forbid"), "{why}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0, "no version while a backup is on the key");
    assert!(matches!(outcome_of(&lab, &rotation, "v0-backup"), Outcome::Blocked { .. }));
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    assert!(matches!(resumed, Rotated::Paused { .. }), "looked at again, and still there: {resumed:?}");
    lab.world.faults(FaultPlan::new());
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(lab.wrapping_key(&blocks[3]).as_ref(), successors(&lab).first());
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn a_policy_of_new_keys_moves_buckets_too() {
    let mut settings = Settings::lab();
    settings.policy.strategy = StrategyPolicy::NewKey;
    let lab = Lab::build(2, settings, WorldSettings::lab());
    completed(&lab);
    let [successor] = successors(&lab).try_into().expect("one successor");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    for bucket in &lab.buckets {
        assert_eq!(lab.wrapping_key(bucket), Some(successor.clone()));
    }
}

// ------------------------------------------------------------------------------------------------- R7 and R8

#[test]
fn a_lost_answer_to_the_mint_of_a_successor_is_settled_without_a_second_one() {
    for plan in [FaultPlan::new().lose_answer("create_key", 1), FaultPlan::new().lose_request("create_key", 1)] {
        let lab = Lab::mixed(1, 2);
        lab.world.faults(plan);
        let report = completed(&lab);
        assert_eq!((successors(&lab).len(), report.verdict), (1, Some(Verdict::Clean)));
    }
}

#[test]
fn without_retry_tokens_the_fence_alone_keeps_a_predecessor_at_one_successor() {
    for point in ["create_key:before", "create_key:after", "append mint_intended:after", "append created:before"] {
        let lab = Lab::mixed(1, 2);
        lab.world.configure(|world| world.honours_tokens = false);
        let points = Points::new(At::parse(point));
        let dying = lab.mortal_rotator(&points, 5);
        assert!(lab.run_until_crash(&points, dying.rotate(&lab.key)).is_none(), "it did not die at {point}");
        let report = completed(&lab);
        assert_eq!((successors(&lab).len(), report.verdict), (1, Some(Verdict::Clean)), "{point}");
    }
}

/// A key beside the lab's that carries the tag of the rotation that is about to mint.
fn planted(lab: &Lab, rid: &RotationId) -> KeyId {
    let compartment = lab.world.key(&lab.key).expect("it is there").compartment;
    let mut tags = Tags::default();
    tags.defined
        .entry("keywheel".to_owned())
        .or_default()
        .insert("lineage".to_owned(), keywheel::rotation::lineage_value(&lab.key, rid));
    lab.world.add_key(&lab.vault, &compartment, "fake", lab.clock.now()).tags(tags).done()
}

#[test]
fn a_planted_successor_pauses_the_rotation_and_nothing_moves_to_it() {
    let lab = Lab::mixed(1, 2);
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    let fake = planted(&lab, &rid);
    let rotated = lab.run(lab.rotator().run_for(&rid, LONG)).expect("a pause is no error");
    let Rotated::Paused { why, .. } = rotated else { panic!("{rotated:?}") };
    assert!(why.contains(fake.as_str()), "{why}");
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (0, 0));
}

#[test]
fn a_planted_successor_with_two_versions_is_not_taken_for_a_lost_one_of_ours() {
    let lab = Lab::mixed(1, 2);
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    lab.world.faults(FaultPlan::new().lose_request("create_key", 1));
    let points = Points::new(At::parse("create_key:after"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    lab.clock.advance(std::time::Duration::from_secs(1));
    let fake = planted(&lab, &rid);
    lab.world.foreign_mint(&fake);
    let rotated = lab.run(lab.rotator().run_for(&rid, LONG)).expect("a pause is no error");
    let Rotated::Paused { why, .. } = rotated else { panic!("{rotated:?}") };
    assert!(why.contains("2 versions"), "{why}");
}

#[test]
fn two_runners_make_one_successor() {
    let lab = Lab::mixed(2, 2);
    let (one, two) = (lab.rotator(), lab.mortal_rotator(&Points::new(At::Nowhere), 9));
    let tasks: Vec<keywheel::testkit::executor::Task<'_, _>> =
        vec![Box::pin(one.rotate(&lab.key)), Box::pin(two.rotate(&lab.key))];
    keywheel::testkit::executor::run_all(&lab.clock, tasks);
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (1, 1));
}

#[test]
fn a_death_between_any_two_appends_of_two_legs_is_harmless() {
    let dry = {
        let lab = Lab::mixed(1, 2);
        let points = Points::new(At::Nowhere);
        let rotator = lab.mortal_rotator(&points, 5);
        let ended = lab.run_until_crash(&points, rotator.rotate(&lab.key));
        assert!(matches!(ended, Some(Ok(Rotated::Completed(_)))), "{ended:?}");
        points.count()
    };
    assert!(dry > 60, "too few points to mean anything: {dry}");
    for point in 0..dry {
        let lab = Lab::mixed(1, 2);
        let points = Points::new(At::Index(point));
        let rotator = lab.mortal_rotator(&points, 5);
        let _ = lab.run_until_crash(&points, rotator.rotate(&lab.key));
        let rid = lab.run(lab.rotator().history(None)).expect("a read").first().map(|row| row.rotation.clone());
        let ended = match rid {
            Some(rid) => lab.run(lab.rotator().resume(&rid)),
            None => lab.run(lab.rotator().rotate(&lab.key)),
        };
        assert!(matches!(ended, Ok(Rotated::Completed(_))), "point {point}: {ended:?}");
        assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (1, 1), "point {point}");
        assert_eq!(lab.not_on(&lab.current()), [], "point {point}");
    }
}

// ------------------------------------------------------------------------------------------------------- R4

#[test]
fn no_version_is_minted_while_parts_of_the_scope_may_hide_block_storage() {
    let lab = Lab::mixed(2, 0);
    lab.world.faults(FaultPlan::new().deny_compartment(&lab.compartments[1]));
    let Rotated::Paused { rotation, why, do_next } = rotate(&lab) else { panic!("it must not mint") };
    assert!(why.contains("could not be looked at"), "{why}");
    assert!(do_next.contains("VOLUME_INSPECT") && do_next.contains("unseen_block_storage"), "{do_next}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    let mut lab = lab;
    lab.settings.policy.accept_risks.insert(Risk::UnseenBlockStorage);
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "what was not seen is an exception");
}

#[test]
fn a_successor_alone_needs_no_view_of_what_forbids_versions_elsewhere() {
    let lab = Lab::mixed(0, 1);
    lab.world.faults(FaultPlan::new().deny_compartment(&lab.compartments[1]));
    let report = completed(&lab);
    assert_eq!((successors(&lab).len(), report.verdict), (1, Some(Verdict::WithExceptions)));
}

// ------------------------------------------------------------------------------------- what the simulator found

/// Found by the simulator (seed 236): the pass before the pivot was never repeated, so no resume could lift the pause.
#[test]
fn what_could_not_be_listed_is_looked_at_again_when_somebody_resumes() {
    let lab = Lab::mixed(1, 2);
    lab.world.deny_operation(&Caller::keywheel(), "list_boot_volumes");
    let Rotated::Paused { rotation, why, .. } = rotate(&lab) else { panic!("it must not mint blind") };
    assert!(why.contains("boot volume"), "{why}");
    let still = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    assert!(matches!(still, Rotated::Paused { .. }), "{still:?}");
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (0, 0));
    lab.world.allow_operation(&Caller::keywheel(), "list_boot_volumes");
    let Ok(Rotated::Completed(report)) = lab.run(lab.rotator().resume(&rotation)) else { panic!("it can be seen now") };
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
}

/// R4 holds before the second leg too: its pass must have seen all that forbids versions.
#[test]
fn no_version_is_minted_after_a_pass_that_could_not_list_what_forbids_versions() {
    let lab = Lab::mixed(1, 2);
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    let points = Points::new(At::parse("append rekeyed:after"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    let late = lab.add_volume(&Kind::BootVolume, HOME, 0, "late");
    lab.world.deny_operation(&Caller::keywheel(), "list_boot_volumes");
    let Rotated::Paused { why, .. } = rotate(&lab) else { panic!("it must not mint blind") };
    assert!(why.contains("boot volume"), "{why}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    lab.world.allow_operation(&Caller::keywheel(), "list_boot_volumes");
    let Ok(Rotated::Completed(report)) = lab.run(lab.rotator().resume(&rid)) else { panic!("it can be seen now") };
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(lab.wrapping_key(&late).as_ref(), successors(&lab).first());
}

/// Found by the simulator (seed 334): a fake that was seen while our mint was in doubt, and then thrown away as we had
/// asked, was waited for ever after.
#[test]
fn a_planted_successor_that_is_thrown_away_again_is_not_waited_for() {
    let lab = Lab::mixed(1, 2);
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    lab.world.faults(FaultPlan::new().lose_request("create_key", 1));
    let points = Points::new(At::parse("create_key:after"));
    let dying = lab.mortal_rotator(&points, 5);
    assert!(lab.run_until_crash(&points, dying.run_for(&rid, LONG)).is_none());
    lab.clock.advance(std::time::Duration::from_secs(1));
    let fake = planted(&lab, &rid);
    lab.world.foreign_mint(&fake);
    assert!(matches!(lab.run(lab.rotator().run_for(&rid, LONG)), Ok(Rotated::Paused { .. })));
    lab.world.others_set_key_state(&fake, KeyState::PendingDeletion);
    let resumed = lab.run(lab.rotator().resume(&rid)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    assert_eq!((successors(&lab).len(), report.verdict), (1, Some(Verdict::Clean)));
}

/// Found by the simulator (seed 1023665): reading every key that claimed to be the successor took more than the ten
/// reads a second that the tenancy has, and the look never ended.
#[test]
fn a_crowd_of_planted_successors_neither_stops_the_look_nor_is_believed() {
    let lab = Lab::mixed(1, 2);
    let Ok(Started::Open(rid)) = lab.run(lab.rotator().start(&if_due(&lab.key))) else { panic!("it is due") };
    for _ in 0..30 {
        planted(&lab, &rid);
    }
    let rotated = lab.run(lab.rotator().run_for(&rid, LONG)).expect("a pause is no error");
    let Rotated::Paused { why, .. } = rotated else { panic!("{rotated:?}") };
    assert!(why.contains("claim to be the successor"), "{why}");
    assert_eq!(successors(&lab).len(), 0);
}

// ------------------------------------------------------------------------------------ what is found and only read

fn add_cluster(lab: &Lab, name: &str) -> keywheel::model::ResourceId {
    let home = Region::parse(HOME).expect("valid");
    lab.world.add_cluster(&home, &lab.compartments[0], name).key(&lab.key).done()
}

#[test]
fn a_cluster_is_left_to_a_person_with_what_to_do_and_holds_back_no_version() {
    let lab = mixed().0.moving(World::kinds());
    add_cluster(&lab, "c");
    let report = completed(&lab);
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "{report}");
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (1, 1), "both legs ran");
    let outcome = outcome_of(&lab, &report.summary.rotation, "c");
    assert!(matches!(&outcome, Outcome::Manual { remedy } if remedy.contains("Kubernetes")), "{outcome:?}");
    assert_eq!(report.summary.counts.0[&Kind::Cluster].outcomes["manual"], 1);
    assert!(report.findings.iter().any(|finding| finding.subject == "OKE cluster"), "{report}");
}

#[test]
fn a_key_that_only_a_cluster_uses_gets_its_version_and_no_successor() {
    let lab = Lab::mixed(0, 0).moving(World::kinds());
    add_cluster(&lab, "c");
    let report = completed(&lab);
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (0, 1), "{report}");
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    completed(&lab);
    assert_eq!(lab.world.minted_by_us(&lab.key), 2, "new secrets get new material every cryptoperiod");
}

#[test]
fn what_was_still_open_when_exceptions_were_looked_at_again_is_counted_once() {
    let lab = mixed().0.moving(World::kinds());
    add_cluster(&lab, "c");
    lab.world.faults(FaultPlan::new().silent_no_op_on("update_volume_backup", Strikes::Every));
    let Rotated::Paused { rotation, .. } = rotate(&lab) else { panic!("it must not mint") };
    lab.world.faults(FaultPlan::new());
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    assert_eq!(report.summary.counts.0[&Kind::Cluster].outcomes["manual"], 1, "{report}");
    assert_eq!((report.summary.dependents, report.summary.counts.total()), (8, 8), "{report}");
}

// ------------------------------------------------------------------------------------------------------- sources

fn home() -> Region {
    Region::parse(HOME).expect("valid")
}

fn add_pool(lab: &Lab, name: &str) -> keywheel::model::ResourceId {
    lab.world.add_node_pool(&home(), &lab.compartments[0], name).key(&lab.key).done()
}

fn add_configuration(lab: &Lab, name: &str) -> keywheel::model::ResourceId {
    lab.world.add_instance_configuration(&home(), &lab.compartments[0], name).key(&lab.key).done()
}

fn named_by(lab: &Lab, source: &keywheel::model::ResourceId) -> Option<KeyId> {
    lab.world.holder(source).expect("it is there").key
}

#[test]
fn a_node_pool_goes_to_the_successor_with_the_volumes_and_speaks_of_new_data_only() {
    let lab = mixed().0.moving(World::kinds());
    let pool = add_pool(&lab, "pool");
    let report = completed(&lab);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    let [successor] = successors(&lab).try_into().expect("one successor");
    assert_eq!(named_by(&lab, &pool), Some(successor));
    let outcome = outcome_of(&lab, &report.summary.rotation, "pool");
    let evidence = outcome.evidence().unwrap_or_else(|| panic!("{outcome:?}"));
    assert_eq!((evidence.grade, evidence.scope), (Grade::VersionSeen, EvidenceScope::NewDataOnly));
    assert!(evidence.witness.as_ref().is_some_and(|witness| witness.starts_with("cewr")), "{evidence:?}");
}

#[test]
fn a_node_pool_that_can_be_updated_makes_a_successor_of_its_own() {
    let lab = Lab::mixed(1, 0).moving(World::kinds());
    let pool = add_pool(&lab, "pool");
    let report = completed(&lab);
    let [successor] = successors(&lab).try_into().expect("one successor");
    assert_eq!((named_by(&lab, &pool), report.verdict), (Some(successor), Some(Verdict::Clean)), "{report}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "the bucket's version");
}

#[test]
fn a_node_pool_that_cannot_be_moved_now_holds_back_no_version() {
    let lab = Lab::mixed(1, 0).moving(World::kinds());
    lab.world.add_node_pool(&home(), &lab.compartments[0], "busy").key(&lab.key).cycling().done();
    let report = completed(&lab);
    assert_eq!((lab.world.minted_by_us(&lab.key), report.verdict), (1, Some(Verdict::WithExceptions)), "{report}");
    let outcome = outcome_of(&lab, &report.summary.rotation, "busy");
    assert!(matches!(&outcome, Outcome::Blocked { why } if why.contains("replace its nodes")), "{outcome:?}");
}

#[test]
fn what_goes_wrong_with_a_node_pool_is_settled_or_tried_again_and_nothing_else_of_it_changes() {
    let plans = [
        FaultPlan::new().lose_answer("update_node_pool", 1),
        FaultPlan::new().lose_request("update_node_pool", 1),
        FaultPlan::new().status_after("update_node_pool", 1, 503, "ServiceUnavailable"),
        FaultPlan::new().status_before("update_node_pool", 1, 409, "IncorrectState"),
        FaultPlan::new().throttle("update_node_pool", Strikes::First(3)),
    ];
    for plan in plans {
        let lab = Lab::mixed(1, 1).moving(World::kinds());
        let settings = r#"{"size":4,"nsgIds":["a"]}"#;
        let seed = lab.world.add_node_pool(&home(), &lab.compartments[0], "pool").key(&lab.key).settings(settings);
        let pool = seed.done();
        lab.world.faults(plan);
        let report = completed(&lab);
        assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
        assert_eq!(named_by(&lab, &pool).as_ref(), successors(&lab).first());
        assert_eq!(lab.world.holder(&pool).expect("it is there").settings, settings);
    }
}

#[test]
fn a_configuration_that_nothing_updates_makes_no_leg_and_goes_with_the_successor_where_there_is_one() {
    let lab = Lab::mixed(0, 1).moving(World::kinds());
    add_configuration(&lab, "template");
    let report = completed(&lab);
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (1, 0), "no version for it: {report}");
    let outcome = outcome_of(&lab, &report.summary.rotation, "template");
    assert!(matches!(outcome, Outcome::Manual { .. }), "{outcome:?}");
    assert!(!report.findings.iter().any(|finding| finding.kind == FindingKind::SourceLeft), "{report}");
    // Only a person can move it, so it is no reason to sweep the predecessor again and again.
    lab.clock.advance(lab.settings.policy.predecessor_look * 2);
    let rows = lab.run(lab.rotator().rotate_due()).expect("a read");
    assert!(rows.iter().all(|(_, rotated)| matches!(rotated, Ok(Rotated::NotDue { .. }))), "{rows:?}");
}

#[test]
fn a_configuration_beside_buckets_gets_no_successor_and_a_finding_says_what_it_will_create() {
    let lab = Lab::mixed(2, 0).moving(World::kinds());
    add_configuration(&lab, "template");
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert!(plan.findings.iter().any(|finding| finding.kind == FindingKind::SourceLeft), "{:?}", plan.findings);
    let report = completed(&lab);
    assert_eq!((successors(&lab).len(), lab.world.minted_by_us(&lab.key)), (0, 1), "{report}");
    assert_eq!(report.verdict, Some(Verdict::WithExceptions));
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::SourceLeft), "{report}");
    // What it creates is what the next rotation moves.
    let created = lab.add_volume(&Kind::BlockVolume, HOME, 0, "made-by-the-template");
    lab.clock.advance(lab.settings.policy.cryptoperiod);
    completed(&lab);
    assert_eq!(lab.wrapping_key(&created).as_ref(), successors(&lab).first());
}

#[test]
fn a_configuration_is_found_under_each_key_that_it_names() {
    let lab = Lab::mixed(1, 0).moving(World::kinds());
    let created = lab.world.now() - lab.settings.policy.cryptoperiod;
    let boot = lab.world.add_key(&lab.vault, &lab.compartments[0], "boot", created).done();
    let seed = lab.world.add_instance_configuration(&home(), &lab.compartments[0], "template").key(&boot);
    seed.more_key(&lab.key).done();
    let report = completed(&lab);
    assert_eq!(report.summary.counts.0[&Kind::InstanceConfiguration].outcomes["manual"], 1, "{report}");
}

// ---------------------------------------------------------------------------------------- copies in other regions

/// A volume under the lab's key with a replica in the other region, under the key or under Oracle's.
fn add_replica(lab: &Lab, name: &str, key: Option<&KeyId>) -> keywheel::model::ResourceId {
    let volume = lab.add_volume(&Kind::BlockVolume, HOME, 0, &format!("source-of-{name}"));
    let away = Region::parse(ELSEWHERE).expect("valid");
    let seed = lab.world.add_replica(&volume, &away, name);
    key.into_iter().fold(seed, |seed, key| seed.key(key)).done()
}

#[test]
fn a_replica_under_the_key_holds_back_the_version_until_a_person_has_moved_it() {
    let lab = Lab::mixed(2, 0).moving(World::kinds());
    let replica = add_replica(&lab, "replica", Some(&lab.key));
    let Rotated::Paused { rotation, why, .. } = rotate(&lab) else { panic!("it must not mint") };
    assert!(why.contains("forbid"), "{why}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    let outcome = outcome_of(&lab, &rotation, "replica");
    assert!(matches!(&outcome, Outcome::Manual { remedy } if remedy.contains("list of replicas")), "{outcome:?}");
    let [successor] = successors(&lab).try_into().expect("there is a key to point it at");
    lab.world.others_key_replica(&replica, &successor);
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    assert_eq!((report.verdict, lab.world.minted_by_us(&lab.key)), (Some(Verdict::Clean), 1), "{report}");
}

#[test]
fn a_replica_under_oracles_key_is_a_finding_in_the_plan_and_in_the_report() {
    let lab = Lab::mixed(1, 0).moving(World::kinds());
    let replica = add_replica(&lab, "bare", None);
    let named = |findings: &[keywheel::model::Finding]| {
        let of_kind = findings.iter().filter(|finding| finding.kind == FindingKind::CopyUnderOraclesKey);
        of_kind.filter(|finding| finding.text.contains(replica.as_str())).count()
    };
    assert_eq!(named(&lab.run(lab.rotator().plan(&lab.key)).expect("a read").findings), 1);
    let report = completed(&lab);
    assert_eq!((named(&report.findings), report.verdict), (1, Some(Verdict::Clean)), "{report}");
}

#[test]
fn a_backup_that_was_copied_to_another_region_without_a_key_is_a_finding_whichever_region_is_looked_at_first() {
    for (from, to) in [(HOME, ELSEWHERE), (ELSEWHERE, HOME)] {
        let lab = Lab::mixed(1, 0).moving(World::kinds());
        let volume = lab.add_volume(&Kind::BlockVolume, from, 0, "v");
        let backup = lab.add_backup(&volume, "b");
        let to = Region::parse(to).expect("valid");
        let copy = lab.world.others_copy_backup(&backup, &to, None);
        lab.world.others_copy_backup(&backup, &to, Some(&lab.key));
        let oracles = lab.world.add_volume(&home(), &lab.compartments[0], "oracles").done();
        let others = lab.world.add_backup(&oracles, "oracles-backup").done();
        lab.world.others_copy_backup(&others, &to, None);
        let report = completed(&lab);
        let found = report.findings.iter().filter(|finding| finding.kind == FindingKind::CopyUnderOraclesKey);
        let subjects: Vec<_> = found.map(|finding| finding.subject.as_str()).collect();
        assert_eq!(subjects, [copy.as_str()], "{report}");
    }
}
