//! R7, steps 4 and 5: what becomes of a mint whose answer nobody has.

use std::time::Duration;

use keywheel::memory::{FaultPlan, NotYet, Note};
use keywheel::model::Timestamp;

use crate::story::Story;

/// The instant from which an answer by the server's own clock may settle the n-th intent (from 0).
fn quiet_from(story: &Story, nth: usize) -> Timestamp {
    let intent = &story.told("mint_intended")[nth];
    intent.time("date") + story.lab.settings.margins.quiet_period()
}

/// Whether World showed its versions at or before `at` and after `quiet`: what a negative decision needs.
fn listed_between(story: &Story, quiet: Timestamp, at: Timestamp) -> bool {
    let log = story.lab.world.log();
    log.iter().any(|entry| entry.operation == "list_key_versions" && entry.at > quiet && entry.at <= at)
}

#[test]
fn a_lost_answer_is_settled_by_adoption_after_the_quiet_period_and_not_before() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    story.complete();
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 1), "no second mint");
    let (adopted, quiet) = (story.the("adopted"), quiet_from(&story, 0));
    assert!(adopted.at > quiet, "adopted at {}, quiet from {quiet}", adopted.at);
    assert!(listed_between(&story, quiet, adopted.at));
    assert_eq!(
        (adopted.text("author"), adopted.body["census"]["presumed"].as_u64()),
        ("ours_presumed".into(), Some(1))
    );
    assert_eq!(story.the("sighted").body["versions"][0], adopted.body["version"]);
}

#[test]
fn a_version_seen_during_the_quiet_period_is_sighted_and_does_not_fix_the_target() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    story.lab.world.configure(|settings| settings.list_lag = Duration::ZERO);
    story.complete();
    let (sighted, adopted, quiet) = (story.the("sighted"), story.the("adopted"), quiet_from(&story, 0));
    assert!(sighted.at < quiet && adopted.at > quiet, "sighted {}, quiet {quiet}, adopted {}", sighted.at, adopted.at);
    assert_eq!(sighted.body["versions"][0], adopted.body["version"]);
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 1));
}

#[test]
fn a_lost_request_is_settled_as_none_and_sent_again_with_the_same_token_and_a_new_date() {
    let story = Story::with_faults(FaultPlan::new().lose_request("create_version", 1));
    story.complete();
    assert_eq!(story.minted(), 1);
    let (settled, quiet) = (story.the("mint_settled"), quiet_from(&story, 0));
    assert!(settled.at > quiet, "settled at {}, quiet from {quiet}", settled.at);
    assert!(listed_between(&story, quiet, settled.at));
    let intents = story.told("mint_intended");
    assert_eq!(intents.len(), 2);
    assert_eq!(intents[0].text("token"), intents[1].text("token"));
    assert_eq!(intents[1].number("generation"), 1);
    assert!(intents[1].time("date") > quiet);
    assert_eq!(story.the("adopted").text("author"), "ours");
}

#[test]
fn a_failure_after_the_effect_is_in_doubt_like_silence() {
    let story = Story::with_faults(FaultPlan::new().status_after("create_version", 1, 503, "ServiceUnavailable"));
    story.complete();
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 1));
    assert!(story.the("adopted").at > quiet_from(&story, 0));
}

#[test]
fn a_request_that_arrives_when_nobody_waits_for_it_any_more_dies_at_the_fence() {
    // Held up for longer than its signature lives, and let go while a second one is on its way.
    let story = Story::with_faults(FaultPlan::new().delay("create_version", 1, Duration::from_secs(12)));
    story.complete();
    story.lab.clock.advance(Duration::from_secs(3600));
    story.lab.world.settle();
    assert_eq!(story.minted(), 1);
    let log = story.lab.world.log();
    let late = log.iter().find(|entry| entry.note == Some(Note::Delayed)).expect("it did arrive");
    assert_eq!((late.operation, late.status), ("create_key_version", 401));
}

#[test]
fn without_retry_tokens_the_fence_alone_holds() {
    let plans = [
        FaultPlan::new().lose_answer("create_version", 1),
        FaultPlan::new().lose_request("create_version", 1),
        FaultPlan::new().delay("create_version", 1, Duration::from_secs(4)),
        FaultPlan::new().delay("create_version", 1, Duration::from_secs(12)),
    ];
    for plan in plans {
        let story = Story::with_faults(plan.clone());
        story.lab.world.configure(|settings| settings.honours_tokens = false);
        story.complete();
        story.lab.clock.advance(Duration::from_secs(3600));
        story.lab.world.settle();
        assert_eq!(story.minted(), 1, "{plan:?}");
    }
}

#[test]
fn without_the_fence_the_token_alone_holds() {
    let story = Story::with_faults(FaultPlan::new().delay("create_version", 1, Duration::from_secs(30)));
    story.lab.world.configure(|settings| settings.skew_limit = Duration::from_secs(86_400));
    story.complete();
    story.lab.clock.advance(Duration::from_secs(3600));
    story.lab.world.settle();
    let log = story.lab.world.log();
    assert!(log.iter().any(|entry| entry.note == Some(Note::Delayed) && entry.status == 200), "the fence is off");
    assert_eq!(story.minted(), 1);
}

#[test]
fn without_both_a_second_version_is_possible_and_this_test_would_see_it() {
    let story = Story::with_faults(FaultPlan::new().delay("create_version", 1, Duration::from_secs(30)));
    story.lab.world.configure(|settings| {
        settings.skew_limit = Duration::from_secs(86_400);
        settings.honours_tokens = false;
    });
    story.complete();
    story.lab.clock.advance(Duration::from_secs(3600));
    story.lab.world.settle();
    assert_eq!(story.minted(), 2);
}

#[test]
fn an_invalidated_token_with_nothing_listed_begins_the_next_generation() {
    let story = Story::with_faults(FaultPlan::new().invalidate_token("create_version", 1));
    story.complete();
    assert_eq!(story.minted(), 1);
    let intents = story.told("mint_intended");
    assert_eq!(intents.iter().map(|told| told.number("generation")).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(intents[0].text("token"), intents[1].text("token"));
    assert!(story.the("mint_settled").at > quiet_from(&story, 0), "it is no refusal: the quiet period counts");
    assert_eq!(story.told("mint_refused").len(), 0);
}

#[test]
fn an_invalidated_token_with_a_version_outside_the_baseline_is_settled_by_adoption() {
    let story = Story::with_faults(FaultPlan::new().invalidate_token("create_version", 1));
    story.before("mint_intended", 1, |scene| drop(scene.world.foreign_mint(&scene.key)));
    story.complete();
    assert_eq!((story.minted(), story.told("mint_intended").len()), (0, 1));
    assert!(story.the("adopted").at > quiet_from(&story, 0));
}

#[test]
fn a_token_older_than_its_life_is_not_used_again() {
    let story = Story::with_faults(FaultPlan::new().lose_request("create_version", 1));
    story.die_at("append mint_in_doubt:before");
    story.lab.clock.advance(story.lab.settings.margins.token_life + Duration::from_secs(1));
    story.complete();
    let intents = story.told("mint_intended");
    assert_eq!(intents.iter().map(|told| told.number("generation")).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(intents[0].text("token"), intents[1].text("token"));
    assert_eq!(story.minted(), 1);
}

#[test]
fn an_intent_whose_sender_died_is_in_doubt_and_never_sent_again_by_anybody_else() {
    for (point, sent) in [("create_version:before", 0), ("create_version:after", 1)] {
        let story = Story::begin();
        story.die_at(point);
        assert_eq!(story.minted(), sent, "{point}");
        story.complete();
        assert_eq!(story.minted(), 1, "{point}");
        let first = story.told("mint_intended").remove(0);
        assert_eq!(story.told("mint_intended").len(), 2 - sent, "{point}");
        let outcome = story.facts().into_iter().find(|told| told.fact == "adopted" || told.fact == "mint_settled");
        assert!(outcome.expect("it was settled").at > first.time("date") + quiet(&story), "{point}");
    }
}

fn quiet(story: &Story) -> Duration {
    story.lab.settings.margins.quiet_period()
}

#[test]
fn two_versions_of_one_instant_are_a_persons_choice() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    story.before("mint_intended", 1, |scene| drop(scene.world.foreign_mint(&scene.key)));
    let (why, do_next) = story.pause();
    assert!(why.contains("2 usable versions"), "{why}");
    assert!(do_next.contains("by hand"), "{do_next}");
    assert_eq!((story.minted(), story.told("adopted").len()), (1, 0));
}

#[test]
fn a_version_that_is_not_listed_yet_is_not_taken_for_none() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    story.lab.world.configure(|settings| settings.list_lag = Duration::from_millis(1900));
    story.complete();
    assert!(story.lab.world.not_yets(NotYet::List) > 0, "the list was asked while it lagged");
    assert_eq!((story.minted(), story.told("mint_settled").len()), (1, 0));
}
