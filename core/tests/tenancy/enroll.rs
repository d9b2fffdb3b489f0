//! Enrolling: what carries the tag and is under another key comes under ours by policy, and never otherwise.

use std::collections::BTreeSet;
use std::time::Duration;

use keywheel::memory::World;
use keywheel::model::{
    Enroll, EnrollFrom, EnrolledFrom, FindingKind, KeyId, Kind, Outcome, Report, ResourceId, TagSelector, Tags, Verdict,
};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{HOME, Lab};
use keywheel::{Result, Rotated};

use super::build::region;

fn completed(rotated: &Result<Rotated>) -> &Report {
    match rotated {
        Ok(Rotated::Completed(report)) => report,
        other => panic!("{other:?}"),
    }
}

/// A lab with a bucket and, if wanted, a volume under the key, and strangers beside them that carry the tag.
struct Strangers {
    lab: Lab,
    /// A customer key that nobody manages.
    other: KeyId,
    /// A bucket under Oracle's key.
    bucket: ResourceId,
    /// A volume under the other key.
    volume: ResourceId,
    /// A bucket under Oracle's key without the tag.
    untagged: ResourceId,
}

impl Strangers {
    fn of(mut lab: Lab, from: Option<EnrollFrom>) -> Self {
        lab.settings.tag = Some(TagSelector { namespace: None, key: "keywheel".into(), value: "yes".into() });
        let (place, compartment) = (region(HOME), lab.compartments[0].clone());
        let created = lab.world.now() - Duration::from_secs(86_400);
        let other = lab.world.add_key(&lab.vault, &compartment, "other", created).done();
        let bucket = lab.world.add_bucket(&place, &compartment, "stray").tag("keywheel", "yes").done();
        let volume = lab.world.add_volume(&place, &compartment, "stray").key(&other).tag("keywheel", "yes").done();
        let untagged = lab.world.add_bucket(&place, &compartment, "nobody's").done();
        lab.settings.scope.enroll = from.map(|from| Enroll { from, to: [lab.key.clone()].into() });
        lab.clock.advance(Duration::from_secs(60));
        Self { lab, other, bucket, volume, untagged }
    }

    fn rotate(&self) -> Result<Rotated> {
        self.lab.run(self.lab.rotator().rotate(&self.lab.key))
    }

    fn subjects(&self, report: &Report, wanted: FindingKind) -> BTreeSet<String> {
        let named = report.findings.iter().filter(|finding| finding.kind == wanted);
        named.map(|finding| finding.subject.clone()).collect()
    }
}

fn ids<const N: usize>(all: [&ResourceId; N]) -> BTreeSet<String> {
    all.map(ToString::to_string).into()
}

#[test]
fn without_the_policy_a_tag_moves_nothing_and_what_is_elsewhere_is_a_finding() {
    let strangers = Strangers::of(Lab::mixed(1, 1), None);
    let rotated = strangers.rotate();
    let report = completed(&rotated);
    let elsewhere = strangers.subjects(report, FindingKind::TaggedElsewhere);
    assert_eq!(elsewhere, ids([&strangers.bucket, &strangers.volume]));
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), None);
    assert_eq!(strangers.lab.wrapping_key(&strangers.volume), Some(strangers.other.clone()));
}

#[test]
fn from_oracles_key_alone_the_bucket_comes_along_and_the_volume_of_another_key_stays_a_finding() {
    let strangers = Strangers::of(Lab::mixed(1, 1), Some(EnrollFrom::OraclesKey));
    let rotated = strangers.rotate();
    let report = completed(&rotated);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(strangers.subjects(report, FindingKind::Enrolled), ids([&strangers.bucket]));
    assert_eq!(strangers.subjects(report, FindingKind::TaggedElsewhere), ids([&strangers.volume]));
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), Some(strangers.lab.key.clone()));
    let found = strangers.lab.run(strangers.lab.rotator().dependents(&report.summary.rotation)).expect("a read");
    let enrolled: Vec<_> = found.iter().filter(|one| one.enrolled_from.is_some()).collect();
    let [one] = enrolled.as_slice() else { panic!("{enrolled:?}") };
    assert_eq!((&one.dependent.id, &one.enrolled_from), (&strangers.bucket, &Some(EnrolledFrom::OraclesKey)));
    assert!(matches!(one.outcome, Some(Outcome::Rekeyed { .. })), "{one:?}");
    assert_eq!(strangers.lab.world.wrapping_version(&strangers.bucket), Some(strangers.lab.current()));
    assert_eq!(strangers.lab.wrapping_key(&strangers.untagged), None, "what has no tag is nobody's business");
}

#[test]
fn a_volume_of_an_unmanaged_key_goes_to_the_successor_because_it_forbids_several_versions() {
    // Nothing but a bucket is under the key: the successor is made for the volume alone.
    let strangers = Strangers::of(Lab::with_buckets(1).moving(World::movable_kinds()), Some(EnrollFrom::UnmanagedKeys));
    let plan = strangers.lab.run(strangers.lab.rotator().plan(&strangers.lab.key)).expect("a read");
    assert_eq!((plan.dependents.get(&Kind::Bucket), plan.dependents.get(&Kind::BlockVolume)), (Some(&2), Some(&1)));
    let rotated = strangers.rotate();
    let report = completed(&rotated);
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!(strangers.subjects(report, FindingKind::Enrolled), ids([&strangers.bucket, &strangers.volume]));
    let successor = strangers.lab.wrapping_key(&strangers.volume).expect("a customer's key");
    assert!(successor != strangers.lab.key && successor != strangers.other, "{successor}");
    assert_eq!(strangers.lab.world.versions(&successor).len(), 1);
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), Some(strangers.lab.key.clone()));
}

#[test]
fn what_is_under_a_key_that_is_managed_here_is_taken_only_if_policy_says_any_key() {
    for (from, is_taken) in [(EnrollFrom::UnmanagedKeys, false), (EnrollFrom::AnyKey, true)] {
        let mut strangers = Strangers::of(Lab::mixed(1, 1), Some(from));
        strangers.lab.settings.scope.keys.insert(strangers.other.clone());
        let rotated = strangers.rotate();
        let report = completed(&rotated);
        let is_other = strangers.lab.wrapping_key(&strangers.volume) == Some(strangers.other.clone());
        assert_eq!(is_other, !is_taken, "{from:?}: {report}");
        let elsewhere = strangers.subjects(report, FindingKind::TaggedElsewhere);
        assert!(elsewhere.is_empty(), "it is where it belongs, or was moved: {elsewhere:?}");
    }
}

#[test]
fn where_two_keys_could_take_it_neither_does() {
    let mut strangers = Strangers::of(Lab::mixed(1, 1), Some(EnrollFrom::OraclesKey));
    let enroll = strangers.lab.settings.scope.enroll.as_mut().expect("it is on");
    enroll.to.insert(strangers.other.clone());
    strangers.lab.settings.scope.keys.insert(strangers.other.clone());
    let rotated = strangers.rotate();
    let report = completed(&rotated);
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), None);
    assert_eq!(strangers.subjects(report, FindingKind::TaggedElsewhere), ids([&strangers.bucket]));
}

#[test]
fn a_tag_that_only_the_index_still_shows_moves_nothing() {
    let strangers = Strangers::of(Lab::mixed(1, 1), Some(EnrollFrom::OraclesKey));
    // The index shows the tag for an hour after it was taken off.
    strangers.lab.world.configure(|settings| settings.search_lag = Duration::from_secs(3600));
    strangers.lab.world.others_retag(&strangers.bucket, Tags::default());
    completed(&strangers.rotate());
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), None);
}

#[test]
fn a_tag_that_could_end_a_querys_quotes_enrolls_nothing() {
    let mut strangers = Strangers::of(Lab::mixed(1, 1), Some(EnrollFrom::AnyKey));
    let hostile = "yes' || lifecycleState = 'AVAILABLE";
    let place = (region(HOME), strangers.lab.compartments[0].clone());
    let bucket = strangers.lab.world.add_bucket(&place.0, &place.1, "hostile").tag("keywheel", hostile).done();
    strangers.lab.settings.tag.as_mut().expect("it is on").value = hostile.to_owned();
    let rotated = strangers.rotate();
    let Ok(Rotated::Paused { why, .. }) = &rotated else { panic!("{rotated:?}") };
    assert!(why.contains("cannot be searched for"), "{why}");
    assert!([&bucket, &strangers.bucket].iter().all(|one| strangers.lab.wrapping_key(one).is_none()));
    assert_eq!(strangers.lab.wrapping_key(&strangers.volume), Some(strangers.other.clone()));
}

#[test]
fn a_vault_that_does_not_answer_may_hold_any_key_so_nothing_is_taken_from_one() {
    let mut strangers = Strangers::of(Lab::mixed(1, 1), Some(EnrollFrom::UnmanagedKeys));
    let far = region("eu-frankfurt-1");
    strangers.lab.world.add_region(&far);
    let vault = strangers.lab.world.add_vault(&far, &strangers.lab.compartments[0], "far").done();
    strangers.lab.settings.scope.vaults.insert(vault);
    strangers.lab.world.region_down(&far);
    let rotated = strangers.rotate();
    completed(&rotated);
    assert_eq!(strangers.lab.wrapping_key(&strangers.volume), Some(strangers.other.clone()));
    assert_eq!(strangers.lab.wrapping_key(&strangers.bucket), Some(strangers.lab.key.clone()), "Oracle's is nobody's");
}

#[test]
fn a_process_that_dies_between_intent_and_effect_of_enrolling_is_followed_by_one_that_enrolls_once() {
    let lab = || Lab::with_buckets(1).moving(World::movable_kinds());
    let strangers = || Strangers::of(lab(), Some(EnrollFrom::UnmanagedKeys));
    let points = Points::new(At::Nowhere);
    let whole = strangers();
    completed(&whole.lab.run(whole.lab.mortal_rotator(&points, 0).rotate(&whole.lab.key)));
    let total = points.count();
    assert!(total > 50, "{total}");
    for nth in 0..total {
        let strangers = strangers();
        let points = Points::new(At::Index(nth));
        let rotator = strangers.lab.mortal_rotator(&points, 1);
        drop(strangers.lab.run_until_crash(&points, rotator.rotate(&strangers.lab.key)));
        // Near the end nothing is left to do: it was closed before it died.
        match strangers.rotate() {
            Ok(Rotated::NotDue { .. }) => {}
            rotated => assert_eq!(completed(&rotated).verdict, Some(Verdict::Clean), "{nth}"),
        }
        let keys = [&strangers.bucket, &strangers.volume].map(|one| strangers.lab.wrapping_key(one));
        assert!(keys[0] == Some(strangers.lab.key.clone()), "{nth}");
        assert!(keys[1].is_some() && keys[1] != Some(strangers.other.clone()), "{nth}");
        assert_eq!(strangers.lab.world.versions(&strangers.lab.key).len(), 2, "{nth}");
    }
}
