//! R5 by the owner's word: what a kind does with several versions is a documented default that the config may change,
//! and every change is stated. The same key again is off, wants its risk named, and never proves much.

use keywheel::Rotated;
use keywheel::memory::{FaultPlan, WorldSettings};
use keywheel::model::{
    EvidenceScope, Finding, FindingKind, Grade, Kind, Outcome, RekeyClass, Report, ResourceId, Risk, Settings, Verdict,
};
use keywheel::testkit::{HOME, Lab};

/// A bucket, a volume and a boot volume under one key, whose owner classes these kinds otherwise.
fn lab(classes: &[(Kind, RekeyClass)], world: WorldSettings) -> (Lab, Vec<ResourceId>) {
    let mut settings = Settings::lab();
    settings.policy.classes.extend(classes.iter().cloned());
    let lab = Lab::build(1, settings, world).moving(keywheel::memory::World::movable_kinds());
    let blocks = [(Kind::BlockVolume, "v"), (Kind::BootVolume, "boot")];
    let blocks = blocks.iter().map(|(kind, name)| lab.add_volume(kind, HOME, 0, name)).collect();
    (lab, blocks)
}

/// The same with volumes that are given their own key again.
fn same_key(world: WorldSettings) -> (Lab, Vec<ResourceId>) {
    let rewraps = [(Kind::BlockVolume, RekeyClass::Rewraps), (Kind::BootVolume, RekeyClass::Rewraps)];
    let (mut lab, blocks) = lab(&rewraps, world);
    lab.settings.policy.accept_risks.insert(Risk::SameKeyVolumes);
    (lab, blocks)
}

fn completed(lab: &Lab) -> Report {
    match lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it") {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn outcome(lab: &Lab, report: &Report, id: &ResourceId) -> Outcome {
    let all = lab.run(lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    let found = all.into_iter().find(|one| one.dependent.id == *id);
    found.and_then(|one| one.outcome).expect("it has an outcome")
}

fn said(findings: &[Finding], kind: FindingKind) -> Vec<&str> {
    findings.iter().filter(|finding| finding.kind == kind).map(|finding| finding.subject.as_str()).collect()
}

#[test]
fn what_its_owner_calls_harmless_stays_where_it_is_and_both_plan_and_report_say_so() {
    let classes = [(Kind::BlockVolume, RekeyClass::Tolerates), (Kind::BootVolume, RekeyClass::Tolerates)];
    let (lab, volumes) = lab(&classes, WorldSettings::lab());
    let overridden = ["block_volume", "boot_volume"];
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert_eq!((said(&plan.findings, FindingKind::ClassOverridden), plan.strategies.len()), (overridden.into(), 1));
    let report = completed(&lab);
    assert_eq!(said(&report.findings, FindingKind::ClassOverridden), overridden, "{report}");
    assert_eq!((lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key)), (0, 1));
    for volume in &volumes {
        let Outcome::Excluded { policy } = outcome(&lab, &report, volume) else { panic!("{report}") };
        assert!(policy.contains("tolerates"), "{policy}");
        assert_eq!(lab.world.wrapping_version(volume), Some(lab.superseded.clone()));
    }
}

#[test]
fn the_same_key_again_moves_a_volume_without_a_successor_and_says_that_nobody_documents_it() {
    let (lab, volumes) = same_key(WorldSettings::lab());
    let report = completed(&lab);
    assert_eq!((lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key)), (0, 1), "one leg, one version");
    for volume in &volumes {
        assert_eq!(lab.world.wrapping_version(volume), Some(lab.current()));
        let Outcome::Rekeyed { evidence } = outcome(&lab, &report, volume) else { panic!("{report}") };
        assert_eq!((evidence.grade, evidence.scope), (Grade::ChangeSeen, EvidenceScope::Unknown));
        assert!(evidence.witness.is_some_and(|etag| etag.starts_with("bs")), "the etag is the witness");
        assert!(evidence.caveat.is_some_and(|text| text.contains("does not document")));
    }
    let risks: Vec<_> = report.findings.iter().filter(|one| one.kind == FindingKind::RiskAccepted).collect();
    assert!(risks.iter().all(|one| one.text.contains("same_key_volumes")), "{report}");
    assert_eq!((risks.len(), report.verdict), (4, Some(Verdict::WithExceptions)), "once as a plan, once as done");
}

/// C6: where no API shows a no-op, the evidence is never above change-seen.
#[test]
fn where_the_same_key_again_does_nothing_no_evidence_says_more_than_that_it_was_accepted() {
    let (lab, volumes) = same_key(WorldSettings { same_key_regenerates: false, ..WorldSettings::lab() });
    let report = completed(&lab);
    for volume in &volumes {
        assert_eq!(lab.world.wrapping_version(volume), Some(lab.superseded.clone()), "nothing happened");
        let Outcome::Rekeyed { evidence } = outcome(&lab, &report, volume) else { panic!("{report}") };
        assert_eq!((evidence.grade, evidence.scope), (Grade::ChangeSeen, EvidenceScope::Unknown));
    }
}

#[test]
fn the_same_key_again_is_done_once_more_when_its_answer_was_lost() {
    let (lab, volumes) = same_key(WorldSettings::lab());
    lab.world.faults(FaultPlan::new().lose_answer("update_volume_kms_key", 1));
    let report = completed(&lab);
    let puts = lab.world.log().iter().filter(|entry| entry.operation == "update_volume_kms_key").count();
    assert_eq!(puts, 2, "reading cannot tell whether the first one took effect");
    assert!(matches!(outcome(&lab, &report, &volumes[0]), Outcome::Rekeyed { .. }));
    assert_eq!(lab.world.wrapping_version(&volumes[0]), Some(lab.current()));
}

#[test]
fn the_same_key_again_is_refused_until_its_risk_is_named() {
    let (mut lab, _) = same_key(WorldSettings::lab());
    lab.settings.policy.accept_risks.clear();
    let error = lab.run(lab.rotator().rotate(&lab.key)).expect_err("it is refused");
    assert!(error.message().contains("same_key_volumes"), "{error}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0);
}

#[test]
fn a_class_that_a_kind_has_no_step_for_stops_every_preflight() {
    for (kind, class) in
        [(Kind::BlockVolumeBackup, RekeyClass::Rewraps), (Kind::Other("analytics".to_owned()), RekeyClass::Tolerates)]
    {
        let (lab, _) = lab(&[(kind.clone(), class)], WorldSettings::lab());
        let error = lab.run(lab.rotator().rotate(&lab.key)).expect_err("it is refused");
        assert!(error.message().contains("no step for"), "{error}");
        let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a plan is made all the same");
        assert!(plan.refusal.is_some_and(|why| why.contains(&kind.to_string())));
    }
}

#[test]
fn a_bucket_may_be_moved_to_a_successor_by_its_owners_word() {
    let (lab, volumes) = lab(&[(Kind::Bucket, RekeyClass::Ignores)], WorldSettings::lab());
    let report = completed(&lab);
    let [successor] = lab.world.keys_minted_by_us().try_into().expect("one successor");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0, "nothing is left that wants a version");
    for id in lab.buckets.iter().chain(&volumes) {
        assert_eq!(lab.wrapping_key(id), Some(successor.clone()), "{report}");
    }
    assert_eq!(said(&report.findings, FindingKind::ClassOverridden), ["bucket"]);
}

#[test]
fn a_class_that_only_repeats_the_default_is_no_finding() {
    let (lab, _) = lab(&[(Kind::Bucket, RekeyClass::Rewraps)], WorldSettings::lab());
    assert_eq!(said(&completed(&lab).findings, FindingKind::ClassOverridden), Vec::<&str>::new());
}
