//! Regions that do not answer: replicas that stay away, a key's own region, the home region, and how often one is asked.

use std::sync::Arc;
use std::time::Duration;

use keywheel::memory::RecordingNotifier;
use keywheel::model::{
    CoverageState, DueState, FindingKind, KeyId, KeyVersionId, Kind, LookedAt, Outcome, Region, Report, ResourceId,
    RotationId, Verdict,
};
use keywheel::testkit::{ELSEWHERE, HOME, Lab, executor};
use keywheel::{ErrorKind, Result, Rotated, Rotator};

use super::build::region;

const FAR: &str = "eu-frankfurt-1";

fn completed(rotated: &Result<Rotated>) -> &Report {
    match rotated {
        Ok(Rotated::Completed(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn paused(rotated: &Result<Rotated>) -> (RotationId, String, String) {
    match rotated {
        Ok(Rotated::Paused { rotation, why, do_next }) => (rotation.clone(), why.clone(), do_next.clone()),
        other => panic!("{other:?}"),
    }
}

/// A lab, and a second key with buckets of its own in a region that is not the home region.
struct Far {
    lab: Lab,
    key: KeyId,
    superseded: KeyVersionId,
    notifier: Arc<RecordingNotifier>,
    buckets: Vec<ResourceId>,
}

impl Far {
    fn with_buckets(count: usize) -> Self {
        let mut lab = Lab::with_buckets(3);
        let far = region(FAR);
        lab.world.add_region(&far);
        let vault = lab.world.add_vault(&far, &lab.compartments[0], "far").done();
        let created = lab.world.now() - Duration::from_secs(100 * 86_400);
        let key = lab.world.add_key(&vault, &lab.compartments[0], "far", created).done();
        let put = |number: usize| {
            let bucket = lab.world.add_bucket(&far, &lab.compartments[number % 2], &format!("far-{number}"));
            bucket.key(&key).done()
        };
        let buckets = (0..count).map(put).collect();
        lab.settings.scope.keys.insert(key.clone());
        lab.settings.budgets.in_flight = 2;
        lab.clock.advance(Duration::from_secs(60));
        let superseded = lab.world.current_version(&key);
        Self { lab, key, superseded, notifier: RecordingNotifier::new(), buckets }
    }

    /// A rotator that tells people.
    fn telling(&self) -> Rotator {
        let ports = self.lab.ports().notifier(Arc::clone(&self.notifier) as _);
        Rotator::with_ports(self.lab.settings.clone(), ports)
    }

    /// Buckets whose data hangs on another version than at the start.
    fn moved(&self) -> usize {
        let is_moved = |one: &&ResourceId| self.lab.world.wrapping_version(one).as_ref() != Some(&self.superseded);
        self.buckets.iter().filter(is_moved).count()
    }

    /// Re-wraps that the far region accepted.
    fn begun(&self) -> usize {
        let log = self.lab.world.log();
        let far = log.iter().filter(|entry| entry.operation == "reencrypt_bucket" && entry.region == region(FAR));
        far.filter(|entry| entry.status == 202 || entry.status == 200).count()
    }

    /// Takes up all that is due; the far region goes down as soon as this is so.
    fn rotate_due_until_down(&self, is_so: impl Fn() -> bool) -> (Result<Rotated>, Result<Rotated>) {
        let rotator = self.telling();
        let mut run = Box::pin(rotator.rotate_due());
        let early = executor::run_until(&self.lab.clock, run.as_mut(), is_so);
        assert!(early.is_none(), "it goes down half-way: {early:?}");
        self.lab.world.region_down(&region(FAR));
        self.both(self.lab.run(run).expect("each key by itself"))
    }

    /// What became of the lab's key, and of the far one.
    fn both(&self, results: Vec<(KeyId, Result<Rotated>)>) -> (Result<Rotated>, Result<Rotated>) {
        let (mut near, mut far) = (None, None);
        for (key, result) in results {
            let place = if key == self.key { &mut far } else { &mut near };
            *place = Some(result);
        }
        (near.expect("the lab's key was due"), far.expect("the far key was due"))
    }

    fn ends_clean_when_it_is_back(&self, rotation: &RotationId) {
        self.lab.world.region_up(&region(FAR));
        let results = self.lab.run(self.lab.rotator().rotate_due()).expect("all answer");
        let (_, rotated) = results.into_iter().find(|(key, _)| *key == self.key).expect("it is open");
        let report = completed(&rotated);
        assert_eq!((&report.summary.rotation, report.verdict), (rotation, Some(Verdict::Clean)), "{report}");
        assert_eq!((self.moved(), self.lab.world.versions(&self.key).len()), (self.buckets.len(), 2));
    }
}

#[test]
fn a_replica_that_stays_away_pauses_the_rotation_at_the_deadline_and_resume_waits_as_long_again() {
    let lab = Lab::with_buckets(5);
    let deadline = lab.settings.margins.replica_deadline;
    let rotator = lab.rotator();
    let mut run = Box::pin(rotator.rotate(&lab.key));
    let minted = || lab.world.versions(&lab.key).len() == 2;
    assert!(executor::run_until(&lab.clock, run.as_mut(), minted).is_none());
    lab.world.others_stall_replication(&lab.key, deadline * 5 / 2);
    let (rotation, why, do_next) = paused(&lab.run(run));
    assert!(why.contains("not replicated to us-phoenix-1") && do_next.contains("resume"), "{why}; {do_next}");
    // Nothing is moved, in any region, before every replica has the version.
    let current = lab.current();
    assert_eq!(lab.not_on(&current).len(), 5);
    let report = lab.run(lab.rotator().status(&rotation)).expect("a read");
    assert!(
        report.verdict.is_none() && report.summary.paused.is_some() && report.kinds.iter().all(|kind| kind.open > 0)
    );
    // A person who resumes buys it the whole deadline once more, not one look.
    let resumed = lab.clock.now();
    let (_, why, _) = paused(&lab.run(lab.rotator().resume(&rotation)));
    assert!(why.contains("not replicated") && lab.clock.now().duration_since(resumed).unsigned_abs() >= deadline);
    // No tick ends this rest: a replica that stays away is not one that does not answer.
    assert!(matches!(lab.run(lab.rotator().rotate(&lab.key)), Ok(Rotated::Paused { .. })));
    // It comes late, while somebody waits for it.
    let rotated = lab.run(lab.rotator().resume(&rotation));
    assert_eq!(completed(&rotated).verdict, Some(Verdict::Clean));
    assert_eq!((lab.not_on(&current).len(), lab.world.versions(&lab.key).len()), (0, 2));
}

#[test]
fn a_region_that_goes_down_after_the_mint_keeps_its_rotation_and_holds_nobody_up() {
    let far = Far::with_buckets(4);
    let (near, late) = far.rotate_due_until_down(|| far.lab.world.versions(&far.key).len() == 2);
    assert_eq!(completed(&near).verdict, Some(Verdict::Clean), "the other key has nothing there");
    let (rotation, why, do_next) = paused(&late);
    assert!(why.contains("observe_flip failed") && do_next.contains("next run"), "{why}; {do_next}");
    let report = far.lab.run(far.lab.rotator().status(&rotation)).expect("a read");
    assert!(report.verdict.is_none() && report.summary.paused.is_some(), "{report}");
    // A tick while it is down changes nothing, and says why.
    let dues = far.lab.run(far.lab.rotator().due()).expect("the other region answers");
    let row = dues.iter().find(|row| row.key == far.key).expect("it is in scope");
    assert!(matches!(row.due.state, DueState::Blocked), "{row:?}");
    assert!(far.lab.run(far.lab.rotator().rotate_due()).expect("it answers").is_empty());
    far.ends_clean_when_it_is_back(&rotation);
}

#[test]
fn a_region_that_goes_down_half_way_through_its_dependents_blocks_none_of_them() {
    let mut far = Far::with_buckets(12);
    // Eight pages are driven at once; the last four have not begun.
    far.lab.settings.budgets.page_size = 1;
    let (near, late) = far.rotate_due_until_down(|| far.begun() >= 6);
    assert_eq!(completed(&near).verdict, Some(Verdict::Clean));
    let (rotation, why, _) = paused(&late);
    assert!(why.contains("rekey_pages failed") && why.contains("none is given up") && why.contains(FAR), "{why}");
    let moved = far.moved();
    assert!((6..12).contains(&moved) && far.begun() < 12, "{moved}");
    let dependents = far.lab.run(far.lab.rotator().dependents(&rotation)).expect("a read");
    let is_fine = |outcome: &Option<Outcome>| matches!(outcome, None | Some(Outcome::Rekeyed { .. }));
    assert!(dependents.len() == 12 && dependents.iter().all(|one| is_fine(&one.outcome)), "{dependents:?}");
    far.ends_clean_when_it_is_back(&rotation);
}

#[test]
fn an_outage_is_told_once_and_a_person_who_pauses_it_is_not_overruled_when_the_region_is_back() {
    let far = Far::with_buckets(4);
    let (_, late) = far.rotate_due_until_down(|| far.lab.world.versions(&far.key).len() == 2);
    let (rotation, ..) = paused(&late);
    for _ in 0..3 {
        paused(&far.lab.run(far.telling().rotate(&far.key)));
    }
    let told = far.notifier.notices().into_iter().filter(|notice| notice.rotation.as_ref() == Some(&rotation));
    let told: Vec<_> = told.map(|notice| notice.title).collect();
    assert!(told.len() == 1 && told[0].contains("does not answer"), "an outage is told once: {told:?}");
    far.lab.run(far.lab.rotator().pause(&rotation, "the auditors are here")).expect("it is open");
    far.lab.world.region_up(&region(FAR));
    let (_, why, _) = paused(&far.lab.run(far.lab.rotator().rotate(&far.key)));
    assert_eq!(why, "the auditors are here");
}

#[test]
fn without_the_home_region_an_earlier_look_at_the_compartments_is_used_and_said_with_its_age() {
    let far = Far::with_buckets(4);
    let rotate = |rotator: &Rotator, key: &KeyId| far.lab.run(rotator.rotate(key));
    assert_eq!(completed(&rotate(&far.lab.rotator(), &far.lab.key)).verdict, Some(Verdict::Clean));
    far.lab.clock.advance(Duration::from_secs(7200));
    far.lab.world.region_down(&region(HOME));
    let unseen = far.lab.world.add_compartment("made-since", &far.lab.compartments[0]);
    let hidden = far.lab.world.add_bucket(&region(FAR), &unseen, "hidden").key(&far.key).done();
    let rotated = rotate(&far.lab.rotator(), &far.key);
    let report = completed(&rotated);
    let scopes = report.scopes.as_ref().expect("it was remembered");
    assert!((7200..8000).contains(&scopes.age_s), "{scopes:?}");
    assert_eq!(far.moved(), 4);
    let said = report.findings.iter().find(|finding| finding.kind == FindingKind::ScopesRemembered);
    assert!(said.is_some_and(|finding| finding.text.contains("what was made")), "{report}");
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "nobody looked at {hidden} in {unseen}");
    assert!(format!("{report}").contains("remembered"), "{report}");
}

#[test]
fn without_the_home_region_and_without_an_earlier_look_nothing_is_looked_for_and_it_is_said() {
    let far = Far::with_buckets(2);
    far.lab.world.region_down(&region(HOME));
    let (rotation, why, do_next) = paused(&far.lab.run(far.lab.rotator().rotate(&far.key)));
    assert!(why.contains("remembers no earlier look") && do_next.contains("next run"), "{why}; {do_next}");
    let error = far.lab.run(far.lab.rotator().plan(&far.key)).expect_err("there is nowhere to look");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    far.lab.world.region_up(&region(HOME));
    far.ends_clean_when_it_is_back(&rotation);
}

#[test]
fn compartments_that_are_remembered_for_too_long_let_no_version_be_minted_where_volumes_may_be() {
    let mut far = Far::with_buckets(2);
    far.lab = far.lab.moving(keywheel::memory::World::movable_kinds());
    completed(&far.lab.run(far.lab.rotator().rotate(&far.lab.key)));
    far.lab.clock.advance(far.lab.settings.margins.scopes_age_max + Duration::from_secs(3600));
    far.lab.world.region_down(&region(HOME));
    let (rotation, why, _) = paused(&far.lab.run(far.lab.rotator().rotate(&far.key)));
    assert!(why.contains("scopes_age_max"), "{why}");
    assert_eq!(far.lab.world.versions(&far.key).len(), 1);
    far.lab.world.region_up(&region(HOME));
    far.ends_clean_when_it_is_back(&rotation);
}

/// Answers of the region that was down, by what was asked, and the rows of a plan's walk.
fn asked_in(lab: &Lab, place: &Region) -> usize {
    lab.world.log().iter().filter(|entry| entry.region == *place && entry.operation != "get_replication_status").count()
}

#[test]
fn a_service_that_does_not_answer_is_asked_a_few_times_and_the_rest_of_its_places_is_named() {
    let mut lab = Lab::mixed(5, 4);
    for number in 0..30 {
        lab.world.add_compartment(&format!("more-{number}"), &lab.compartments[0]);
    }
    lab.settings.policy.accept_risks.insert(keywheel::model::Risk::UnseenBlockStorage);
    let (down, compartments) = (region(ELSEWHERE), 34);
    lab.world.region_down(&down);
    let before = asked_in(&lab, &down);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("the other region answers");
    assert_eq!(asked_in(&lab, &down) - before, 6, "three times for each of two services");
    let holes = plan.holes.iter().filter(|hole| hole.region == down);
    let kinds: Vec<_> = holes.map(|hole| (hole.kind.clone(), hole.compartment.clone(), hole.state.clone())).collect();
    let whole = |kind: &Kind| (Some(kind.clone()), None, CoverageState::Unreachable);
    assert_eq!(kinds.len(), lab.kinds.len(), "{kinds:?}");
    assert!(lab.kinds.iter().all(|kind| kinds.contains(&whole(kind))), "{kinds:?}");
    let rotated = lab.run(lab.rotator().rotate(&lab.key));
    let report = completed(&rotated);
    assert_eq!(report.verdict, Some(Verdict::WithExceptions), "never called clean");
    let rows: Vec<&LookedAt> = report.looked_at.iter().filter(|row| row.region == down).collect();
    assert!(rows.len() == lab.kinds.len() && rows.iter().all(|row| row.unreachable == compartments), "{rows:?}");
    // Who wants each place asked says so.
    lab.settings.budgets.unreachable_after = 0;
    let before = asked_in(&lab, &down);
    lab.run(lab.rotator().plan(&lab.key)).expect("the other region answers");
    assert_eq!(asked_in(&lab, &down) - before, lab.kinds.len() * 34);
}

#[test]
fn one_service_that_is_down_does_not_keep_another_from_being_asked_in_the_same_region() {
    let lab = Lab::mixed(5, 4);
    let mut faults = keywheel::memory::FaultPlan::new();
    for operation in ["list_volumes", "list_boot_volumes", "list_volume_backups", "list_boot_volume_backups"] {
        faults = faults.status_before(operation, keywheel::memory::Strikes::Every, 503, "ServiceUnavailable");
    }
    lab.world.faults(faults);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("it answers");
    assert_eq!(plan.dependents.get(&Kind::Bucket), Some(&5), "{plan:?}");
    assert!(
        plan.holes.iter().all(|hole| hole.kind != Some(Kind::Bucket) && hole.compartment.is_none()),
        "{:?}",
        plan.holes
    );
    assert_eq!(plan.holes.len(), 2 * 4, "four kinds of block storage in two regions");
}
