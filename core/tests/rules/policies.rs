//! A successor is another OCID: a service policy that names the key by its own would deny it. Found before the pivot.

use keywheel::Rotated;
use keywheel::memory::Caller;
use keywheel::model::{Finding, FindingKind, Outcome, Report, ResourceId, Risk, RotationId, Strategy, Verdict};
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Points};

fn rotate(lab: &Lab) -> Rotated {
    lab.run(lab.rotator().rotate(&lab.key)).expect("a pause is no error")
}

fn resume(lab: &Lab, rid: &RotationId) -> Rotated {
    lab.run(lab.rotator().resume(rid)).expect("it is open")
}

fn completed(rotated: Rotated) -> Report {
    match rotated {
        Rotated::Completed(report) => *report,
        other => panic!("{other:?}"),
    }
}

fn paused(rotated: Rotated) -> (RotationId, String, String) {
    match rotated {
        Rotated::Paused { rotation, why, do_next } => (rotation, why, do_next),
        other => panic!("{other:?}"),
    }
}

/// What a person wrote who wanted to be exact.
fn pinned(lab: &Lab) -> String {
    format!("Allow service blockstorage to use keys in compartment keys where target.key.id = '{}'", lab.key)
}

fn about(report: &Report, kind: FindingKind) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.kind == kind).collect()
}

#[test]
fn a_policy_that_names_the_key_stops_a_successor_before_its_pivot_and_a_mended_one_lets_it_go_on() {
    let lab = Lab::mixed(1, 2);
    let keys = lab.world.key(&lab.key).expect("it is there").compartment;
    let policy =
        lab.world.add_policy(&keys, "block storage", &["Allow group A to read keys in tenancy", &pinned(&lab)]);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert!(plan.refusal.is_some_and(|why| why.contains(policy.as_str())), "a plan says so");

    let (rid, why, do_next) = paused(rotate(&lab));
    assert!(why.contains(policy.as_str()) && why.contains("block storage") && why.contains("target.key.id"), "{why}");
    assert!(do_next.contains("target.vault.id") && do_next.contains("pinned_policies"), "{do_next}");
    assert_eq!((lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key)), (0, 0));
    lab.run(lab.rotator().cancel(&rid, None)).expect("the pivot is not behind it");

    let (rid, ..) = paused(rotate(&lab));
    lab.world.others_rewrite_policy(&policy, &["Allow service blockstorage to use keys in compartment keys"]);
    let report = completed(resume(&lab, &rid));
    assert_eq!((report.verdict, about(&report, FindingKind::PoliciesUnread).len()), (Some(Verdict::Clean), 0));
}

#[test]
fn a_policy_of_the_root_or_above_a_dependent_is_found_too() {
    for place in [0, 1] {
        let lab = Lab::mixed(0, 1);
        let (root, apps) = (lab.world.tenancy_id(), lab.compartments[0].clone());
        lab.world.add_policy([&root, &apps][place], "far away", &[&pinned(&lab)]);
        let (_, why, _) = paused(rotate(&lab));
        assert!(why.contains("far away"), "{why}");
    }
}

#[test]
fn a_policy_beside_or_about_another_key_stops_nobody() {
    let lab = Lab::mixed(0, 1);
    let beside = lab.world.add_compartment("beside", &lab.world.tenancy_id());
    lab.world.add_policy(&beside, "beside", &[&pinned(&lab)]);
    lab.world.add_policy(
        &lab.world.tenancy_id(),
        "longer",
        &[&pinned(&lab).replace(lab.key.as_str(), &format!("{}7", lab.key))],
    );
    assert_eq!(completed(rotate(&lab)).verdict, Some(Verdict::Clean));
}

#[test]
fn an_owner_who_accepts_pinned_policies_goes_on_and_every_report_says_so() {
    let mut lab = Lab::mixed(1, 1);
    lab.settings.policy.accept_risks.insert(Risk::PinnedPolicies);
    let policy = lab.world.add_policy(&lab.world.tenancy_id(), "block storage", &[&pinned(&lab)]);
    let report = completed(rotate(&lab));
    let accepted = about(&report, FindingKind::RiskAccepted);
    assert_eq!((accepted.len(), accepted[0].subject.as_str()), (1, policy.as_str()));
    assert!(accepted[0].text.contains("pinned_policies"), "{report}");
}

#[test]
fn policies_that_may_not_be_read_are_a_finding_and_no_pause() {
    let lab = Lab::mixed(1, 1);
    lab.world.add_policy(&lab.world.tenancy_id(), "block storage", &[&pinned(&lab)]);
    lab.world.deny_operation(&Caller::keywheel(), "list_policies");
    let report = completed(rotate(&lab));
    let unread = about(&report, FindingKind::PoliciesUnread);
    assert!(unread.iter().any(|finding| finding.subject == lab.world.tenancy_id().as_str()), "{report}");
    assert!(unread.iter().all(|finding| finding.text.contains("POLICY_READ")), "{report}");
}

#[test]
fn without_a_successor_no_policy_is_read() {
    let lab = Lab::with_buckets(2);
    lab.world.add_policy(&lab.world.tenancy_id(), "object storage", &[&pinned(&lab)]);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("a read");
    assert_eq!(plan.strategies, [Strategy::NewVersion]);
    completed(rotate(&lab));
    assert!(!lab.world.log().iter().any(|entry| entry.operation == "list_policies"));
}

/// The head of the lineage has an OCID already, so a policy may name both.
#[test]
fn a_sweep_to_the_head_goes_on_where_the_policies_name_the_head_too() {
    let lab = Lab::mixed(0, 1);
    completed(rotate(&lab));
    let [successor] = lab.world.keys_minted_by_us().try_into().expect("one successor");
    let late = lab.add_volume(&keywheel::model::Kind::BlockVolume, keywheel::testkit::HOME, 0, "late");
    let policy = lab.world.add_policy(&lab.world.tenancy_id(), "block storage", &[&pinned(&lab)]);
    lab.clock.advance(lab.settings.policy.predecessor_look);
    let (rid, ..) = paused(rotate(&lab));
    let both = pinned(&lab).replace(lab.key.as_str(), successor.as_str());
    lab.world.others_rewrite_policy(&policy, &[&pinned(&lab), &both]);
    completed(resume(&lab, &rid));
    assert_eq!(lab.wrapping_key(&late), Some(successor));
}

/// A lab whose services ask the policies, with one for block storage that is pinned to the key.
fn asking() -> (Lab, ResourceId) {
    let lab = Lab::mixed(1, 2);
    lab.world.configure(|world| world.needs_service_grants = true);
    let root = lab.world.tenancy_id();
    let buckets = "Allow service objectstorage-us-ashburn-1 to use keys in compartment keys";
    lab.world.add_policy(&root, "object storage", &[buckets]);
    let policy = lab.world.add_policy(&root, "block storage", &[&pinned(&lab)]);
    (lab, policy)
}

const MENDED: &str = "Allow service blockstorage to use keys in compartment keys";

#[test]
fn where_services_ask_policies_the_pause_comes_before_anything_is_made_and_the_mended_policy_suffices() {
    let (lab, policy) = asking();
    let (rid, ..) = paused(rotate(&lab));
    let writes = lab.world.log().into_iter().filter(|entry| entry.operation.starts_with("update_")).count();
    assert_eq!((lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key), writes), (0, 0, 0));
    lab.world.others_rewrite_policy(&policy, &[MENDED]);
    assert_eq!(completed(resume(&lab, &rid)).verdict, Some(Verdict::Clean));
    assert!(lab.volumes.iter().all(|volume| lab.wrapping_key(volume) != Some(lab.key.clone())));
}

#[test]
fn an_accepted_pin_that_is_one_blocks_the_volumes_and_holds_leg_two_until_it_is_mended() {
    let (mut lab, policy) = asking();
    lab.settings.policy.accept_risks.insert(Risk::PinnedPolicies);
    let (rid, why, do_next) = paused(rotate(&lab));
    let blocked = |lab: &Lab| {
        let all = lab.run(lab.rotator().dependents(&rid)).expect("a read").into_iter();
        all.filter_map(|one| match one.outcome {
            Some(Outcome::Blocked { why }) => Some(why),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(blocked(&lab).len(), 3, "two volumes and a backup; {why}");
    for why in blocked(&lab) {
        assert!(why.contains("RelatedResourceNotAuthorizedOrNotFound") && why.contains("target.key.id"), "{why}");
        assert!(why.contains("8 tries"), "a key made a moment ago may only be unknown yet: {why}");
    }
    assert!(do_next.contains("resume"), "{do_next}");
    let [successor] = lab.world.keys_minted_by_us().try_into().expect("one successor");
    assert_eq!(lab.world.minted_by_us(&lab.key), 0, "leg 2 is held");

    // Nothing was mended: a resume finds the same, and makes nothing.
    let (again, ..) = paused(resume(&lab, &rid));
    assert_eq!((again, lab.world.keys_minted_by_us().len(), lab.world.minted_by_us(&lab.key)), (rid.clone(), 1, 0));

    lab.world.others_rewrite_policy(&policy, &[MENDED]);
    let report = completed(resume(&lab, &rid));
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(lab.world.keys_minted_by_us(), std::slice::from_ref(&successor), "no second successor");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
    for block in lab.volumes.iter().chain(&lab.backups) {
        assert_eq!(lab.wrapping_key(block), Some(successor.clone()));
    }
}

#[test]
fn a_policy_that_takes_minutes_to_spread_blocks_nobody() {
    let (mut lab, policy) = asking();
    lab.settings.policy.accept_risks.insert(Risk::PinnedPolicies);
    let points = Points::new(At::parse("append step_failed:after"));
    assert!(lab.run_until_crash(&points, lab.mortal_rotator(&points, 0).rotate(&lab.key)).is_none());
    lab.world.others_rewrite_policy(&policy, &[MENDED]);
    let report = completed(rotate(&lab));
    assert_eq!((report.verdict, lab.world.keys_minted_by_us().len()), (Some(Verdict::Clean), 1), "{report}");
}
