//! Backup policies that copy to another region (decision 34): their assignments are found and left to a person.

use keywheel::Rotated;
use keywheel::memory::World;
use keywheel::model::{FindingKind, KeyId, Kind, Outcome, Region, Report, ResourceId, Verdict};
use keywheel::testkit::{ELSEWHERE, HOME, Lab};

fn home() -> Region {
    Region::parse(HOME).expect("valid")
}

fn completed(lab: &Lab) -> Report {
    match lab.run(lab.rotator().rotate(&lab.key)).expect("nothing stops it") {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

/// A volume in the other region that a policy backs up to the home region, under this key of it or none.
fn backed_up(lab: &Lab, name: &str, key: Option<&KeyId>) -> ResourceId {
    let away = Region::parse(ELSEWHERE).expect("valid");
    let volume = lab.world.add_volume(&away, &lab.compartments[0], name).done();
    let policy = lab.world.add_backup_policy(&away, Some(&lab.compartments[0]), "nightly", Some(&home()));
    lab.world.others_assign_backup_policy(&volume, &policy, key)
}

#[test]
fn an_assignment_of_a_backup_policy_in_another_region_is_found_and_left_to_a_person() {
    let lab = Lab::mixed(1, 1).moving(World::kinds());
    backed_up(&lab, "far", Some(&lab.key));
    let report = completed(&lab);
    assert_eq!(lab.world.minted_by_us(&lab.key), 1, "a source holds no version back");
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "{report}");
    let exception = report.exceptions.iter().find(|one| one.dependent.name == "backup policy of far");
    let outcome = exception.map(|exception| &exception.outcome);
    assert!(matches!(outcome, Some(Outcome::Manual { remedy }) if remedy.contains("assign")), "{report}");
    let left = report.findings.iter().find(|finding| finding.kind == FindingKind::SourceLeft);
    assert!(left.is_some_and(|finding| finding.subject == "backup policy assignment"), "{report}");
}

#[test]
fn a_policy_that_will_copy_a_volume_under_oracles_key_is_a_finding() {
    let lab = Lab::mixed(1, 1).moving(World::kinds());
    let (away, place) = (Region::parse(ELSEWHERE).expect("valid"), &lab.compartments[0]);
    let policy = lab.world.add_backup_policy(&home(), Some(place), "nightly", Some(&away));
    let plain = lab.world.add_backup_policy(&home(), Some(place), "weekly", None);
    let bare = lab.world.others_assign_backup_policy(&lab.volumes[0], &policy, None);
    let local = lab.add_volume(&Kind::BlockVolume, HOME, 0, "local");
    lab.world.others_assign_backup_policy(&local, &plain, None);
    let report = completed(&lab);
    let copies = report.findings.iter().filter(|finding| finding.kind == FindingKind::CopyUnderOraclesKey);
    let subjects: Vec<_> =
        copies.map(|finding| (finding.subject.as_str(), finding.text.contains("xrcKmsKeyId"))).collect();
    assert_eq!(subjects, [(bare.as_str(), true)], "{report}");
}

#[test]
fn where_no_policy_copies_no_volume_is_asked_about() {
    let lab = Lab::mixed(1, 1).moving(World::kinds());
    lab.world.add_backup_policy(&home(), Some(&lab.compartments[0]), "weekly", None);
    completed(&lab);
    let asked = |word: &str| lab.world.log().iter().filter(|entry| entry.operation == word).count();
    assert_eq!(asked("get_volume_backup_policy_asset_assignment"), 0);
    assert!(asked("list_volume_backup_policies") > 0, "the policies were looked at");
}
