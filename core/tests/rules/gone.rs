//! R10, `gone`: a 404 may mean "not permitted". Only two of them apart, and a full List of the place, are absence.

use std::time::Duration;

use keywheel::Rotated;
use keywheel::memory::{Caller, LogEntry};
use keywheel::model::{CompartmentId, Outcome, Report, ResourceId, Settings, Verdict};
use keywheel::testkit::Lab;

use crate::story::{Act, LONG, Scene, Story};

fn outcome(story: &Story, id: &ResourceId) -> Outcome {
    let all = story.lab.run(story.lab.rotator().dependents(&story.rid)).expect("a read");
    let mut found = all.into_iter().filter(|report| report.dependent.id == *id);
    let outcome = found.next().and_then(|report| report.outcome);
    assert!(found.next().is_none(), "one dependent has one outcome");
    outcome.unwrap_or_else(|| panic!("{id} has no outcome"))
}

fn completed(story: &Story) -> Report {
    let rotated = story.drive(&story.lab.rotator()).expect("nothing stops it");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}\n{:#?}", story.facts()) };
    *report
}

fn blocked(story: &Story, id: &ResourceId) -> String {
    match outcome(story, id) {
        Outcome::Blocked { why } => why,
        other => panic!("{other:?}"),
    }
}

fn log_of(story: &Story, wanted: impl Fn(&LogEntry) -> bool) -> Vec<LogEntry> {
    story.lab.world.log().into_iter().filter(wanted).collect()
}

fn settle() -> Duration {
    Settings::lab().margins.absence_settle
}

#[test]
fn what_was_deleted_meanwhile_is_gone_after_two_404s_apart_and_a_list_without_it() {
    let story = Story::begin();
    let bucket = story.lab.buckets[0].clone();
    let id = bucket.clone();
    story.before("inventoried", 1, move |scene| scene.world.others_delete_bucket(&id));
    let report = completed(&story);
    let Outcome::Gone { how } = outcome(&story, &bucket) else { panic!("{:?}", outcome(&story, &bucket)) };
    assert!(how.contains("404 at") && how.contains("listed to the end without it"), "{how}");
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
    assert_eq!((report.summary.counts.with("gone"), report.summary.counts.with("rekeyed")), (1, 2));

    let unseen = log_of(&story, |entry| entry.operation.ends_with("_bucket") && entry.status == 404);
    let (first, last) = (unseen.first().expect("it was asked for"), unseen.last().expect("it was read again"));
    assert!(last.at.duration_since(first.at).unsigned_abs() >= settle(), "{} and {}", first.at, last.at);
    let listed = log_of(&story, |entry| entry.operation == "list_buckets" && entry.at >= last.at);
    assert!(!listed.is_empty(), "its compartment was listed after the second 404");
}

#[test]
fn a_volume_that_nobody_shows_any_more_is_gone_and_holds_nothing_back() {
    let lab = Lab::mixed(1, 2);
    let story = Story::of(lab);
    let volume = story.lab.volumes[0].clone();
    let id = volume.clone();
    story.before("inventoried", 1, move |scene| scene.world.others_forget(&id));
    let report = completed(&story);
    assert!(matches!(outcome(&story, &volume), Outcome::Gone { .. }), "{:?}", outcome(&story, &volume));
    assert_eq!((report.verdict, story.minted()), (Some(Verdict::Clean), 1), "{report}");
}

#[test]
fn a_permission_that_was_withdrawn_is_not_absence() {
    let story = Story::begin();
    let place = story.lab.compartments[0].clone();
    let denied = place.clone();
    story.before("inventoried", 1, move |scene| scene.world.deny_compartment(&Caller::keywheel(), &denied));
    let report = completed(&story);
    let why = blocked(&story, &story.lab.buckets[0]);
    assert!(why.contains("may not list") && why.contains(place.as_str()), "{why}");
    assert_eq!(report.verdict, Some(Verdict::WithExceptions));
    assert_eq!(report.summary.counts.with("gone"), 0);
}

#[test]
fn what_is_listed_and_cannot_be_read_is_there() {
    let story = Story::of(Lab::mixed(0, 1));
    let volume = story.lab.volumes[0].clone();
    story.before("inventoried", 1, |scene| scene.world.deny_operation(&Caller::keywheel(), "get_volume"));
    completed(&story);
    let why = blocked(&story, &volume);
    assert!(why.contains("lists it") && why.contains("may not read it"), "{why}");
}

#[test]
fn what_moved_to_another_compartment_is_not_gone() {
    let story = Story::of(Lab::mixed(0, 1));
    let (volume, to) = (story.lab.volumes[0].clone(), story.lab.compartments[1].clone());
    let id = volume.clone();
    story.before("inventoried", 1, move |scene| scene.world.others_move_block(&id, &to));
    let report = completed(&story);
    assert!(matches!(outcome(&story, &volume), Outcome::Rekeyed { .. }));
    assert_eq!(report.verdict, Some(Verdict::Clean), "{report}");
}

#[test]
fn what_may_have_moved_to_where_we_may_not_look_is_not_gone() {
    let story = Story::of(Lab::mixed(0, 1));
    let (volume, to) = (story.lab.volumes[0].clone(), story.lab.compartments[1].clone());
    let (id, place) = (volume.clone(), to.clone());
    story.before("inventoried", 1, move |scene| {
        scene.world.deny_compartment(&Caller::keywheel(), &place);
        scene.world.others_move_block(&id, &place);
    });
    completed(&story);
    let why = blocked(&story, &volume);
    assert!(why.contains("may have moved to") && why.contains(to.as_str()), "{why}");
}

/// Out of scope, nothing is listed; what hides there and comes back is found like anything new.
#[test]
fn what_comes_back_after_it_was_called_gone_is_found_by_the_fresh_pass_and_moved() {
    let mut lab = Lab::mixed(0, 2);
    let (home, away): (CompartmentId, CompartmentId) = (lab.compartments[0].clone(), lab.compartments[1].clone());
    lab.settings.scope.compartments.insert(home.clone());
    lab.world.deny_compartment(&Caller::keywheel(), &away);
    let story = Story::of(lab);
    let volume = story.lab.volumes[0].clone();
    let (id, again, hide, back) = (volume.clone(), volume.clone(), away, home);
    story.when([
        ("inventoried", 1, Box::new(move |scene: &Scene| scene.world.others_move_block(&id, &hide)) as Act),
        // The backup's page closes first.
        ("page_closed", 2, Box::new(move |scene: &Scene| scene.world.others_move_block(&again, &back))),
    ]);
    let report = completed(&story);
    assert!(matches!(outcome(&story, &volume), Outcome::Rekeyed { .. }), "{:?}", outcome(&story, &volume));
    assert_eq!(report.summary.counts.with("gone"), 1, "it was called gone: {report}");
    assert_ne!(story.lab.wrapping_key(&volume).as_ref(), Some(&story.lab.key));
}

#[test]
fn a_change_that_is_not_permitted_is_told_from_absence_without_waiting() {
    let story = Story::begin();
    story.before("inventoried", 1, |scene| scene.world.deny_operation(&Caller::keywheel(), "reencrypt_bucket"));
    completed(&story);
    let why = blocked(&story, &story.lab.buckets[0]);
    assert!(why.contains("404") || why.contains("NotAuthorizedOrNotFound"), "{why}");
    let (begun, closed) = (story.the("inventoried").at, story.told("page_closed")[0].at);
    assert!(closed.duration_since(begun).unsigned_abs() < settle(), "{begun} to {closed}");
}

#[test]
fn a_runner_that_dies_between_the_two_404s_does_not_begin_anew() {
    let story = Story::begin();
    let bucket = story.lab.buckets[0].clone();
    let id = bucket.clone();
    story.before("inventoried", 1, move |scene| scene.world.others_delete_bucket(&id));
    story.die_at("append step_failed:after");
    story.lab.clock.advance(settle());
    let died = story.lab.clock.now();
    completed(&story);
    assert!(matches!(outcome(&story, &bucket), Outcome::Gone { .. }));
    let late = log_of(&story, |entry| entry.operation == "get_bucket" && entry.status == 404 && entry.at >= died);
    assert_eq!(late.len(), 1, "the first 404 was on disk");
}

#[test]
fn a_place_that_cannot_be_reached_is_asked_again_and_then_given_up() {
    let story = Story::begin();
    let bucket = story.lab.buckets[0].clone();
    let id = bucket.clone();
    story.before("inventoried", 1, move |scene| {
        scene.world.others_delete_bucket(&id);
        scene.world.deny_operation(&Caller::keywheel(), "list_compartments");
    });
    let rotated = story.lab.run(story.lab.rotator().run_for(&story.rid, LONG)).expect("a pause is no error");
    drop(rotated);
    let why = blocked(&story, &bucket);
    assert!(why.contains("could not be listed"), "{why}");
}
