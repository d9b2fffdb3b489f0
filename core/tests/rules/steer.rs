//! Pause, resume, cancel and budgets: who may stop a rotation, when it is seen, what it says then.

use std::time::Duration;

use keywheel::Rotated;
use keywheel::memory::{FaultPlan, Strikes};
use keywheel::testkit::executor::{Task, run_all};

use crate::story::{LONG, Story};

#[test]
fn a_pause_is_seen_at_the_next_append_and_nothing_is_done_after_it() {
    let story = Story::begin();
    let (driver, person) = (story.lab.rotator(), story.lab.rotator());
    let clock = story.lab.clock.clone();
    let tasks: Vec<Task<'_, _>> = vec![
        Box::pin(driver.run_for(&story.rid, LONG)),
        Box::pin(async {
            keywheel::ports::Clock::sleep_until(&clock, clock.now() + Duration::from_millis(700)).await;
            person.pause(&story.rid, "a change freeze").await?;
            Ok(Rotated::OutOfTime { rotation: story.rid.clone() })
        }),
    ];
    let ended = run_all(&story.lab.clock, tasks);
    let Ok(Rotated::Paused { why, .. }) = &ended[0] else { panic!("{ended:?}") };
    assert_eq!(why, "a change freeze");
    let facts: Vec<_> = story.facts().into_iter().map(|told| told.fact).collect();
    let after = facts.iter().skip_while(|fact| *fact != "paused").skip(1).collect::<Vec<_>>();
    assert_eq!(after, ["notice_intended", "notice_sent"], "people are told, and that is all: {facts:#?}");
    assert_eq!(story.told("in_use").len(), 0, "it was paused while it waited for the flip");
}

#[test]
fn a_paused_rotation_rests_until_it_is_resumed_and_then_ends_well() {
    let story = Story::begin();
    let rotator = story.lab.rotator();
    story.lab.run(rotator.pause(&story.rid, "wait")).expect("it is open");
    let (why, _) = story.pause();
    assert_eq!((why.as_str(), story.minted()), ("wait", 0));
    story.lab.run(rotator.resume(&story.rid)).expect("nothing stops it");
    assert_eq!((story.told("resumed").len(), story.told("completed").len(), story.minted()), (1, 1, 1));
}

#[test]
fn a_pause_while_a_mint_is_on_its_way_does_not_lose_its_answer() {
    let story = Story::begin();
    story.die_at("create_version:after");
    story.lab.run(story.lab.rotator().pause(&story.rid, "wait")).expect("it is open");
    assert_eq!(story.pause().0, "wait");
    story.lab.run(story.lab.rotator().resume(&story.rid)).expect("nothing stops it");
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 1));
}

#[test]
fn before_the_pivot_a_rotation_may_be_cancelled_and_then_nothing_was_minted() {
    for point in ["append checked:before", "append checked:after", "append mint_intended:before"] {
        let story = Story::begin();
        story.die_at(point);
        story.lab.run(story.lab.rotator().cancel(&story.rid, None)).expect("no mint was intended");
        let rotated = story.drive(&story.lab.rotator()).expect("a cancelled rotation is no error");
        assert!(matches!(rotated, Rotated::Cancelled { .. }), "{rotated:?}");
        assert_eq!((story.minted(), story.lab.current()), (0, story.lab.superseded.clone()), "{point}");
    }
}

#[test]
fn after_the_intent_it_only_goes_forward() {
    for point in ["append mint_intended:after", "create_version:after", "append created:after"] {
        let story = Story::begin();
        story.die_at(point);
        let error = story.lab.run(story.lab.rotator().cancel(&story.rid, None)).expect_err("a version may exist");
        assert_eq!(error.kind(), keywheel::ErrorKind::Refused, "{point}");
        assert!(error.message().contains("only forward"), "{error}");
        story.complete();
        assert_eq!(story.minted(), 1, "{point}");
    }
}

#[test]
fn a_spent_budget_asks_for_a_person_says_what_to_do_and_goes_on_after_it() {
    let plan = FaultPlan::new().status_before("list_versions", Strikes::Every, 500, "InternalServerError");
    let story = Story::begin();
    story.die_at("append checked:after");
    story.lab.world.faults(plan);
    let (why, do_next) = story.pause();
    let attempts = story.lab.settings.budgets.attempts;
    assert!(why.contains(&format!("failed {attempts} times")), "{why}");
    assert!(do_next.contains("resume"), "{do_next}");
    assert_eq!(story.told("effect_failed").len(), attempts as usize);
    story.lab.world.faults(FaultPlan::new());
    story.lab.run(story.lab.rotator().resume(&story.rid)).expect("the list answers again");
    assert_eq!((story.minted(), story.told("completed").len()), (1, 1));
}

#[test]
fn a_run_that_is_short_of_time_leaves_the_quiet_period_to_the_next() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    let mut runs = 0;
    loop {
        runs += 1;
        let rotator = story.lab.rotator();
        match story.lab.run(rotator.run_for(&story.rid, Duration::from_secs(3))).expect("short of time is no error") {
            Rotated::OutOfTime { .. } => assert!(runs < 100, "it never ends"),
            Rotated::Completed(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(runs > 3, "{runs}");
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 1));
}
