//! R4 and `scope.kinds`: what the owner does not want looked at is named everywhere, and where it may hide what a new
//! version would leave undefined it takes the owner's own statement.

use keywheel::Rotated;
use keywheel::memory::{Caller, World};
use keywheel::model::{CoverageState, FindingKind, Kind, Outcome, RekeyClass, Report, TagSelector, Verdict};
use keywheel::testkit::{HOME, Lab};

const BLOCKS: [&str; 4] = ["block_volume", "block_volume_backup", "boot_volume", "boot_volume_backup"];

fn blocks() -> Vec<Kind> {
    BLOCKS.iter().map(|word| Kind::named(word).expect("it is named so")).collect()
}

/// Two buckets under a key, looked after by somebody who may not see block storage and looks at buckets only.
fn buckets_only() -> Lab {
    let mut lab = Lab::with_buckets(2).moving(World::movable_kinds());
    lab.settings.scope.kinds.insert(Kind::Bucket);
    for operation in ["list_volumes", "list_boot_volumes", "list_volume_backups", "list_boot_volume_backups"] {
        lab.world.deny_operation(&Caller::keywheel(), operation);
    }
    lab
}

fn rotate(lab: &Lab) -> Rotated {
    lab.run(lab.rotator().rotate(&lab.key)).expect("a pause is no error")
}

fn completed(lab: &Lab) -> Report {
    match rotate(lab) {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn left_out(report: &Report) -> Vec<String> {
    let found = report.findings.iter().filter(|finding| finding.kind == FindingKind::KindLeftOut);
    found.map(|finding| finding.subject.clone()).collect()
}

#[test]
fn with_the_owners_statement_a_buckets_key_is_rotated_without_a_view_of_block_storage() {
    let mut lab = buckets_only();
    lab.settings.scope.nothing_under_keys.extend(blocks());
    let report = completed(&lab);
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "what was not looked at is an exception");
    assert_eq!(left_out(&report), BLOCKS, "{report}");
    let regions = lab.world.regions().len();
    let holes = report.coverage.iter().filter(|part| part.state == CoverageState::LeftOut).count();
    assert_eq!((holes, report.coverage.len()), (regions * BLOCKS.len(), regions * BLOCKS.len()));
    assert_eq!((lab.world.minted_by_us(&lab.key), lab.not_on(&lab.current())), (1, Vec::new()));
    assert!(!lab.world.log().iter().any(|entry| entry.operation.contains("volume")), "nobody asked for them");
}

#[test]
fn without_the_statement_nothing_is_minted_and_the_pause_says_what_to_write() {
    let mut lab = buckets_only();
    lab.settings.scope.nothing_under_keys.extend(blocks().into_iter().skip(1));
    let Rotated::Paused { why, do_next, rotation } = rotate(&lab) else { panic!("it must not mint blind") };
    assert!(why.contains("scope.kinds leaves block volumes out"), "{why}");
    assert!(do_next.contains("\"block_volume\" to scope.kinds") && do_next.contains("nothing_under_keys"), "{do_next}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert!(plan.refusal.is_some(), "a plan says so too");
    lab.settings.scope.nothing_under_keys.insert(Kind::BlockVolume);
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    assert!(matches!(resumed, Rotated::Completed(_)), "{resumed:?}");
}

#[test]
fn one_dependent_that_search_shows_disproves_the_statement() {
    let mut lab = Lab::with_buckets(1).moving(World::movable_kinds());
    lab.settings.scope.kinds.insert(Kind::Bucket);
    lab.settings.scope.nothing_under_keys.extend(blocks());
    lab.settings.tag = Some(TagSelector { namespace: None, key: "managed".into(), value: "yes".into() });
    let home = keywheel::model::Region::parse(HOME).expect("valid");
    let seed = lab.world.add_boot_volume(&home, &lab.compartments[0], "forgotten").key(&lab.key);
    let volume = seed.tag("managed", "yes").done();
    lab.clock.advance(std::time::Duration::from_secs(3600));
    let Rotated::Paused { why, rotation, .. } = rotate(&lab) else { panic!("the statement is wrong") };
    assert!(why.contains("no boot volume is under these keys, and one is"), "{why}");
    assert_eq!((lab.world.minted_by_us(&lab.key), lab.world.keys_minted_by_us().len()), (0, 0));
    lab.settings.scope.nothing_under_keys.remove(&Kind::BootVolume);
    lab.settings.scope.kinds.insert(Kind::BootVolume);
    let resumed = lab.run(lab.rotator().resume(&rotation)).expect("it is open");
    let Rotated::Completed(_) = resumed else { panic!("{resumed:?}") };
    let all = lab.run(lab.rotator().dependents(&rotation)).expect("a read");
    let found = all.iter().find(|one| one.dependent.id == volume).expect("it is a dependent");
    assert!(matches!(found.outcome, Some(Outcome::Rekeyed { .. })), "{found:?}");
}

#[test]
fn a_kind_that_forbids_nothing_may_be_left_out_without_a_statement_and_is_named_all_the_same() {
    let mut lab = buckets_only();
    lab.settings.policy.classes.extend(blocks().into_iter().map(|kind| (kind, RekeyClass::Tolerates)));
    let report = completed(&lab);
    assert_eq!((left_out(&report), report.verdict), (BLOCKS.map(String::from).into(), Some(Verdict::WithExceptions)));
}

#[test]
fn a_second_leg_does_not_wait_for_what_the_owner_answers_for() {
    let mut lab = Lab::mixed(2, 0);
    let volume = lab.add_volume(&Kind::BlockVolume, HOME, 0, "v");
    lab.settings.scope.kinds.extend([Kind::Bucket, Kind::BlockVolume]);
    let rest = || blocks().into_iter().filter(|kind| *kind != Kind::BlockVolume);
    lab.settings.scope.nothing_under_keys.extend(rest());
    let report = completed(&lab);
    assert_eq!((lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key)), (1, 1), "{report}");
    assert_ne!(lab.wrapping_key(&volume).as_ref(), Some(&lab.key));
    assert_eq!(left_out(&report), rest().map(|kind| kind.word().to_owned()).collect::<Vec<_>>());
}

#[test]
fn a_statement_is_no_excuse_for_a_place_that_was_to_be_looked_at_and_could_not_be() {
    let mut lab = buckets_only();
    lab.settings.scope.kinds.clear();
    lab.settings.scope.nothing_under_keys.extend(blocks());
    let Rotated::Paused { why, .. } = rotate(&lab) else { panic!("it must not mint blind") };
    assert!(why.contains("could not be looked at"), "{why}");
}
