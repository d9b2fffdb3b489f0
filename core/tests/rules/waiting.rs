//! That the world said "not yet" and was waited for: each lag was met at least once before its step went on.

use keywheel::memory::{NotYet, Note};
use keywheel::model::{Outcome, TagSelector};

use crate::story::Story;

#[test]
fn nothing_is_moved_before_the_flip_and_every_replica() {
    let story = Story::begin();
    story.complete();
    let (in_use, replicated) = (story.the("in_use"), story.the("replicated"));
    let log = story.lab.world.log();
    let told = |which| log.iter().filter(move |entry| entry.note == Some(Note::NotYet(which)));
    assert!(told(NotYet::Flip).any(|entry| entry.at < in_use.at), "the flip was awaited");
    assert!(told(NotYet::Flip).all(|entry| entry.at <= in_use.at));
    let gate = |entry: &&keywheel::memory::LogEntry| entry.at >= in_use.at && entry.at < replicated.at;
    assert!(told(NotYet::Replica).any(|entry| gate(&entry)), "the replica was awaited");
    let first = log.iter().find(|entry| entry.operation == "reencrypt_bucket").expect("buckets are re-wrapped");
    assert!(first.at >= replicated.at, "re-wrapped at {}, replicated at {}", first.at, replicated.at);
    assert!(told(NotYet::WorkRequest).count() > 0, "work requests were awaited");
}

#[test]
fn a_bucket_that_arrives_during_the_run_is_moved_too() {
    let story = Story::begin();
    let region = keywheel::model::Region::parse(keywheel::testkit::HOME).expect("valid");
    let compartment = story.lab.compartments[0].clone();
    story.before("in_use", 1, move |scene| {
        let on = scene.world.versions(&scene.key)[0].id.clone();
        let seed = scene.world.add_bucket(&region, &compartment, "late");
        let _ = seed.key(&scene.key).wrapped_by(&on).created(scene.clock.now()).done();
    });
    story.complete();
    let all = story.lab.run(story.lab.rotator().dependents(&story.rid)).expect("a read");
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|dependent| matches!(dependent.outcome, Some(Outcome::Rekeyed { .. }))), "{all:#?}");
    let passes = story.told("pass_ended");
    assert_eq!(passes.iter().map(|pass| pass.number("added")).collect::<Vec<_>>(), [3, 1, 0]);
}

#[test]
fn what_search_does_not_show_yet_is_found_by_listing() {
    let mut settings = keywheel::model::Settings::lab();
    settings.tag = Some(TagSelector { namespace: None, key: "managed".into(), value: "yes".into() });
    let story = Story::with(settings, keywheel::memory::WorldSettings::lab());
    let region = keywheel::model::Region::parse(keywheel::testkit::HOME).expect("valid");
    let compartment = story.lab.compartments[0].clone();
    story.before("pass_begun", 1, move |scene| {
        let seed = scene.world.add_bucket(&region, &compartment, "tagged");
        let _ = seed.key(&scene.key).tag("managed", "yes").created(scene.clock.now()).done();
    });
    story.complete();
    assert!(story.lab.world.not_yets(NotYet::Search) > 0, "Search was asked while it lagged");
    let all = story.lab.run(story.lab.rotator().dependents(&story.rid)).expect("a read");
    assert_eq!(all.len(), 4);
}
