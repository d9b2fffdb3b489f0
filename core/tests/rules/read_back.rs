//! What is read back: many volumes with few listings, and by itself whatever a listing does not show where it shall be.

use std::sync::Arc;
use std::time::Duration;

use keywheel::Rotated;
use keywheel::memory::FaultPlan;
use keywheel::model::{Grade, Kind, Outcome, Report, Verdict};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{HOME, Lab};

const VOLUMES: usize = 60;

fn lab() -> Lab {
    let lab = Lab::mixed(0, 0);
    for number in 0..VOLUMES {
        lab.add_volume(&Kind::BlockVolume, HOME, 0, &format!("volume-{number:02}"));
    }
    lab
}

fn rotate(lab: &Lab) -> Report {
    match lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it") {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn calls(lab: &Lab, operation: &str) -> usize {
    lab.world.log().iter().filter(|entry| entry.operation == operation).count()
}

#[test]
fn volumes_are_read_once_for_their_etags_and_read_back_by_listing_their_compartment() {
    let lab = lab();
    let report = rotate(&lab);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(report.summary.counts.with("rekeyed"), VOLUMES as u64);
    assert_eq!((calls(&lab, "get_volume"), calls(&lab, "update_volume_kms_key")), (VOLUMES, VOLUMES));
    let dependents = lab.run(lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    for dependent in dependents {
        let Some(Outcome::Rekeyed { evidence }) = dependent.outcome else { panic!("{dependent:?}") };
        assert_eq!(evidence.grade, Grade::VersionSeen);
        assert_eq!(evidence.key, lab.wrapping_key(&dependent.dependent.id));
    }
}

#[test]
fn what_a_listing_still_shows_under_the_predecessor_is_read_by_itself_until_it_is_given_up() {
    let lab = lab();
    // The third change is accepted and does nothing.
    lab.world.faults(FaultPlan::new().silent_no_op_on("update_volume_kms_key", 3));
    let report = rotate(&lab);
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "{report}");
    let counts = &report.summary.counts;
    assert_eq!((counts.with("rekeyed"), counts.with("blocked")), (VOLUMES as u64 - 1, 1), "{report}");
    let reads = lab.settings.budgets.attempts as usize;
    assert_eq!(calls(&lab, "get_volume"), VOLUMES + reads, "only the one that did not move");
}

#[test]
fn a_listing_that_is_refused_leaves_each_to_be_read_by_itself() {
    let undisturbed = lab();
    rotate(&undisturbed);
    let log = undisturbed.world.log();
    let moved = log.iter().rposition(|entry| entry.operation == "update_volume_kms_key").expect("volumes were moved");
    let before = log[..moved].iter().filter(|entry| entry.operation == "list_volumes").count();

    let lab = lab();
    let nth = u32::try_from(before).expect("a few") + 1;
    lab.world.faults(FaultPlan::new().status_before("list_volumes", nth, 404, "NotAuthorizedOrNotFound"));
    let report = rotate(&lab);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(calls(&lab, "get_volume"), 2 * VOLUMES);
}

#[test]
fn work_requests_are_asked_for_together_while_other_buckets_begin() {
    let lab = Lab::with_buckets(200);
    // Each call takes a while, so that buckets begin one after the other and not all at once.
    let slow = Points::with_lag(At::Nowhere, Arc::new(lab.clock.clone()), Box::new(|_| Duration::from_millis(200)));
    let rotated = lab.run(lab.mortal_rotator(&slow, 1).rotate(&lab.key)).expect("nothing stops it");
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
    let polls = calls(&lab, "list_work_requests") + calls(&lab, "get_work_request");
    assert!(polls <= 12, "{polls} calls for 200 work requests");
}
