//! `ambiguity = fast`: what an owner gets who trusts retry tokens, what it costs, and that nobody else gets it.

use std::time::Duration;

use keywheel::memory::{FaultPlan, Strikes, WorldSettings};
use keywheel::model::{Ambiguity, FindingKind, Settings};

use crate::story::Story;

fn story(ambiguity: Ambiguity, plan: FaultPlan) -> Story {
    let mut settings = Settings::lab();
    settings.policy.ambiguity = ambiguity;
    settings.budgets.attempts = 3;
    // Lists lag as long as A2 lets them: what was minted is not seen before it is asked for again.
    let world = WorldSettings { list_lag: Duration::from_millis(1900), ..WorldSettings::lab() };
    let story = Story::with(settings, world);
    story.lab.world.faults(plan);
    story
}

fn quiet(story: &Story) -> Duration {
    story.lab.settings.margins.quiet_period()
}

/// How long after the n-th journaled date (from 0) the next one is.
fn apart(story: &Story, nth: usize) -> Duration {
    let intents = story.told("mint_intended");
    intents[nth + 1].time("date").duration_since(intents[nth].time("date")).unsigned_abs()
}

fn states_the_risk(story: &Story) -> bool {
    let report = story.lab.run(story.lab.rotator().status(&story.rid)).expect("it is in the journal");
    report.findings.iter().any(|finding| finding.kind == FindingKind::RiskAccepted && finding.text.contains("fast"))
}

#[test]
fn a_lost_answer_is_asked_for_again_at_once_where_the_token_is_trusted() {
    for plan in [
        FaultPlan::new().lose_answer("create_version", 1),
        FaultPlan::new().lose_request("create_version", 1),
        FaultPlan::new().status_after("create_version", 1, 503, "ServiceUnavailable"),
    ] {
        let story = story(Ambiguity::Fast, plan.clone());
        story.complete();
        let intents = story.told("mint_intended");
        assert_eq!((intents.len(), story.minted()), (2, 1), "{plan:?}");
        assert_eq!(intents[0].text("token"), intents[1].text("token"));
        assert_eq!(intents[1].number("generation"), 1);
        let apart = apart(&story, 0);
        assert!(apart >= Duration::from_secs(1) && apart < quiet(&story), "{apart:?} between two dates, {plan:?}");
        assert_eq!(story.the("adopted").text("author"), "ours");
        assert!(states_the_risk(&story));
    }
}

#[test]
fn standard_and_strict_wait_the_quiet_period_as_before() {
    for ambiguity in [Ambiguity::Standard, Ambiguity::Strict] {
        let story = story(ambiguity, FaultPlan::new().lose_request("create_version", 1));
        story.complete();
        assert_eq!((story.told("mint_intended").len(), story.told("mint_settled").len()), (2, 1));
        assert!(apart(&story, 0) > quiet(&story), "{ambiguity:?}: {:?}", apart(&story, 0));
        assert!(!states_the_risk(&story));
    }
}

#[test]
fn a_used_up_token_is_settled_also_where_tokens_are_trusted() {
    let story = story(Ambiguity::Fast, FaultPlan::new().invalidate_token("create_version", 1));
    story.complete();
    let generations: Vec<_> = story.told("mint_intended").iter().map(|told| told.number("generation")).collect();
    assert_eq!((generations, story.minted()), (vec![1, 2], 1));
    assert!(apart(&story, 0) > quiet(&story), "it is no lost answer: the quiet period counts");
}

#[test]
fn a_token_older_than_its_life_is_not_asked_with_again() {
    let story = story(Ambiguity::Fast, FaultPlan::new().lose_request("create_version", 1));
    story.die_at("append mint_in_doubt:before");
    story.lab.clock.advance(story.lab.settings.margins.token_life + Duration::from_secs(1));
    story.complete();
    let generations: Vec<_> = story.told("mint_intended").iter().map(|told| told.number("generation")).collect();
    assert_eq!((generations, story.told("mint_settled").len(), story.minted()), (vec![1, 2], 1, 1));
}

#[test]
fn a_version_that_is_listed_ends_the_asking() {
    let story = story(Ambiguity::Fast, FaultPlan::new().lose_answer("create_version", 1));
    story.lab.world.configure(|settings| settings.list_lag = Duration::ZERO);
    story.complete();
    assert_eq!((story.told("mint_intended").len(), story.minted()), (1, 1));
    let (adopted, intent) = (story.the("adopted"), story.the("mint_intended"));
    assert!(adopted.at > intent.time("date") + quiet(&story), "{}", adopted.at);
}

#[test]
fn after_its_budget_of_doubts_it_is_settled_and_asked_once_more() {
    let story = story(Ambiguity::Fast, FaultPlan::new().lose_request("create_version", Strikes::First(3)));
    story.complete();
    assert_eq!((story.told("mint_intended").len(), story.told("mint_settled").len(), story.minted()), (4, 1, 1));
    assert!(apart(&story, 0) < quiet(&story) && apart(&story, 1) < quiet(&story));
    assert!(apart(&story, 2) > quiet(&story), "{:?}", apart(&story, 2));
}

#[test]
fn who_trusts_tokens_no_longer_waits_for_what_was_asked_again_and_then_refused() {
    let plan =
        FaultPlan::new().lose_request("create_version", 1).status_before("create_version", 2, 409, "IncorrectState");
    let mut story = story(Ambiguity::Fast, plan);
    story.die_at("append mint_refused:after");
    story.lab.settings.policy.ambiguity = Ambiguity::Standard;
    story.complete();
    assert_eq!((story.told("mint_intended").len(), story.minted()), (3, 1));
    let dates: Vec<_> = story.told("mint_intended").iter().map(|told| told.time("date")).collect();
    assert!(dates[2] > dates[0] + quiet(&story), "the first one was never settled: {dates:?}");
    assert!(states_the_risk(&story), "it was taken, whatever the policy says now");
}

#[test]
fn without_tokens_that_hold_a_second_version_is_possible_and_this_test_would_see_it() {
    let story = story(Ambiguity::Fast, FaultPlan::new().lose_answer("create_version", 1));
    story.lab.world.configure(|settings| settings.honours_tokens = false);
    story.complete();
    assert_eq!(story.minted(), 2, "that is the risk the owner accepted");
}
