//! A report kind by kind and leg by leg, its evidence with its scope, its exceptions by name with what to do.

use keywheel::Rotated;
use keywheel::memory::{Caller, FaultPlan, Strikes};
use keywheel::model::{EvidenceScope, Grade, Kind, KindReport, Outcome, Report, Shown, Strategy};
use keywheel::testkit::{HOME, Lab};

fn rotate(lab: &Lab) -> Report {
    let rotated = lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it");
    let rid = match rotated {
        Rotated::Completed(report) => return *report,
        Rotated::Paused { rotation, .. } => rotation,
        other => panic!("{other:?}"),
    };
    lab.run(lab.rotator().status(&rid)).expect("a read")
}

fn of<'a>(report: &'a Report, kind: &Kind) -> &'a KindReport {
    report.kinds.iter().find(|one| one.kind == *kind).unwrap_or_else(|| panic!("{report}"))
}

const DATA_KEY: Option<EvidenceScope> = Some(EvidenceScope::DataKey);

#[test]
fn each_kind_is_counted_in_its_leg_with_the_weakest_and_the_strongest_evidence() {
    let lab = Lab::mixed(3, 2);
    let mut lab = lab;
    lab.settings.policy.exclude.insert(lab.buckets[2].clone());
    let report = rotate(&lab);
    let legs: Vec<_> = report.kinds.iter().map(|one| (one.leg, one.strategy)).collect();
    let (first, second) = ((Some(1), Some(Strategy::NewKey)), (Some(2), Some(Strategy::NewVersion)));
    assert_eq!(legs, [first, first, second], "{report}");
    let volumes = of(&report, &Kind::BlockVolume);
    let seen = Some(Shown { grade: Grade::VersionSeen, scope: DATA_KEY });
    assert_eq!((volumes.found, volumes.rekeyed, volumes.best, volumes.worst), (2, 2, seen, seen));
    let buckets = of(&report, &Kind::Bucket);
    assert_eq!((buckets.found, buckets.rekeyed, buckets.excluded, buckets.open), (3, 2, 1, 0));
    assert_eq!(buckets.worst, Some(Shown { grade: Grade::ChangeSeen, scope: DATA_KEY }));
    let text = report.to_string();
    assert!(text.contains("leg 2: 3 found, 2 rekeyed, 1 excluded (evidence: change-seen of the data key)"), "{text}");
}

#[test]
fn every_outcome_with_evidence_says_what_it_speaks_of_and_the_counts_agree() {
    let lab = Lab::mixed(2, 3);
    let report = rotate(&lab);
    let all = lab.run(lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    for kind in &report.kinds {
        let of_kind = all.iter().filter(|one| one.dependent.kind == kind.kind);
        let shown: Vec<_> = of_kind.filter_map(|one| one.outcome.as_ref()?.evidence()).collect();
        assert_eq!(shown.len() as u64, kind.rekeyed + kind.already, "{report}");
        let scopes = &report.summary.counts.0[&kind.kind].scopes;
        let counted: u64 = scopes.values().flat_map(|scopes| scopes.values()).sum();
        assert_eq!(counted, shown.len() as u64);
        assert!(shown.iter().all(|evidence| scopes[&evidence.grade].contains_key(&evidence.scope)));
    }
    assert_eq!(report.kinds.iter().map(|one| one.found).sum::<u64>(), report.summary.dependents);
}

#[test]
fn exceptions_are_listed_by_name_with_what_to_do() {
    let lab = Lab::with_buckets(2);
    lab.world.faults(FaultPlan::new().work_request_fails(Strikes::Every));
    let report = rotate(&lab);
    assert_eq!((report.exceptions.len(), report.exceptions_unnamed), (2, 0), "{report}");
    for exception in &report.exceptions {
        assert!(lab.buckets.contains(&exception.dependent.id));
        assert!(matches!(exception.outcome, Outcome::Blocked { .. }));
        assert!(!exception.remedy.is_empty());
    }
    let text = report.to_string();
    assert!(text.contains("exception   bucket bucket-0") && text.contains("blocked:"), "{text}");
    assert_eq!(of(&report, &Kind::Bucket).blocked, 2);
}

#[test]
fn what_is_looked_at_again_is_counted_and_named_once() {
    let lab = Lab::mixed(1, 0);
    let volume = lab.add_volume(&Kind::BlockVolume, HOME, 0, "v");
    lab.world.deny_operation(&Caller::keywheel(), "update_volume_kms_key");
    let report = rotate(&lab);
    assert!(report.summary.paused.is_some(), "{report}");
    let named: Vec<_> = report.exceptions.iter().map(|one| &one.dependent.id).collect();
    assert_eq!((named, of(&report, &Kind::BlockVolume).blocked), (vec![&volume], 1));
    lab.world.allow_operation(&Caller::keywheel(), "update_volume_kms_key");
    let resumed = lab.run(lab.rotator().resume(&report.summary.rotation)).expect("it is open");
    let Rotated::Completed(report) = resumed else { panic!("{resumed:?}") };
    let volumes = of(&report, &Kind::BlockVolume);
    assert_eq!((report.exceptions.len(), volumes.found, volumes.rekeyed, volumes.blocked), (0, 1, 1, 0), "{report}");
}
