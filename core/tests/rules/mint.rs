//! R7, steps 1 to 4: what is looked at before a mint, what is journaled, what a definitive answer means.

use std::sync::Arc;
use std::time::Duration;

use keywheel::memory::{FaultPlan, Skew, SkewedClock, Strikes};
use keywheel::{ErrorKind, Rotator};

use crate::story::Story;

#[test]
fn an_undisturbed_mint_is_journaled_sent_once_and_certainly_ours() {
    let story = Story::begin();
    story.complete();
    assert_eq!(story.minted(), 1);
    let adopted = story.the("adopted");
    assert_eq!((adopted.text("author"), adopted.body["census"]["ours"].as_u64()), ("ours".to_owned(), Some(1)));
    let intent = story.the("mint_intended");
    assert_eq!(intent.body["baseline"], serde_json::json!([story.lab.superseded]));
    let sends = story.lab.world.log().into_iter().filter(|entry| entry.operation == "create_key_version").count();
    assert_eq!(sends, 1);
}

#[test]
fn a_version_minted_by_somebody_else_before_our_intent_is_adopted_and_nobody_is_named() {
    let story = Story::begin();
    // It is listed at once, and current only later: what is pending is adopted, not doubled.
    story.lab.world.configure(|settings| settings.list_lag = Duration::ZERO);
    story.before("checked", 1, |scene| drop(scene.world.foreign_mint(&scene.key)));
    story.complete();
    assert_eq!(story.minted(), 0);
    assert_eq!(story.told("mint_intended").len(), 0);
    let adopted = story.the("adopted");
    assert_eq!((adopted.text("author"), adopted.body["census"]["others"].as_u64()), ("unknown".to_owned(), Some(1)));
}

#[test]
fn a_version_made_by_auto_rotation_is_adopted_and_attributed() {
    let story = Story::begin();
    // It is listed at once, and current only later: what is pending is adopted, not doubled.
    story.lab.world.configure(|settings| settings.list_lag = Duration::ZERO);
    story.before("checked", 1, |scene| drop(scene.world.auto_rotate(&scene.key)));
    story.complete();
    assert_eq!(story.minted(), 0);
    assert_eq!(story.the("adopted").text("author"), "auto");
}

#[test]
fn a_foreign_mint_between_our_list_and_our_send_is_counted_beside_ours() {
    let story = Story::begin();
    story.before("mint_intended", 1, |scene| {
        scene.world.foreign_mint(&scene.key);
        scene.clock.advance(Duration::from_secs(1));
    });
    story.complete();
    assert_eq!(story.minted(), 1);
    let census = &story.the("in_use").body["census"];
    assert_eq!((census["ours"].as_u64(), census["others"].as_u64()), (Some(1), Some(1)), "{census}");
}

#[test]
fn a_mint_refused_for_too_many_requests_is_sent_again_with_a_new_date_and_the_same_token() {
    let story = Story::with_faults(FaultPlan::new().throttle("create_version", Strikes::First(3)));
    story.complete();
    assert_dates_and_tokens(&story, 4);
    assert_eq!(story.told("mint_refused").len(), 3);
    assert!(story.told("mint_refused").iter().all(|told| told.number("status") == 429));
}

#[test]
fn a_mint_refused_for_the_keys_state_is_sent_again_with_a_new_date_and_the_same_token() {
    let plan = FaultPlan::new().status_before("create_version", Strikes::First(2), 409, "IncorrectState");
    let story = Story::with_faults(plan);
    story.complete();
    assert_dates_and_tokens(&story, 3);
}

/// One token; each date at least a second after the one journaled before.
fn assert_dates_and_tokens(story: &Story, intents: usize) {
    let intended = story.told("mint_intended");
    assert_eq!(intended.len(), intents, "{:#?}", story.facts());
    for pair in intended.windows(2) {
        assert_eq!(pair[0].text("token"), pair[1].text("token"));
        assert_eq!(pair[0].number("generation"), pair[1].number("generation"));
        let apart = pair[1].time("date").duration_since(pair[0].time("date"));
        assert!(apart >= one_second(), "{apart} between two journaled dates");
    }
    assert_eq!(story.minted(), 1);
}

fn one_second() -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(1)
}

#[test]
fn a_mint_refused_for_good_asks_for_a_person_and_says_what_to_do() {
    let plan = FaultPlan::new().status_before("create_version", Strikes::Every, 404, "NotAuthorizedOrNotFound");
    let story = Story::with_faults(plan);
    let (why, do_next) = story.pause();
    assert!(why.contains("NotAuthorizedOrNotFound") || why.contains("404"), "{why}");
    assert!(do_next.contains("policy"), "{do_next}");
    assert_eq!((story.told("mint_intended").len(), story.minted()), (1, 0));
    story.lab.world.faults(FaultPlan::new());
    story.lab.run(story.lab.rotator().resume(&story.rid)).expect("the permission is back");
    assert_eq!(story.minted(), 1);
}

#[test]
fn a_local_clock_too_far_off_is_refused_before_anything_is_written() {
    for skew in [Skew::Fast(Duration::from_secs(10)), Skew::Slow(Duration::from_secs(10))] {
        let lab = keywheel::testkit::Lab::with_buckets(1);
        let mut ports = lab.ports();
        ports.clock = Arc::new(SkewedClock::new(&lab.clock, skew));
        let rotator = Rotator::with_ports(lab.settings.clone(), ports);
        let error = lab.run(rotator.rotate(&lab.key)).expect_err("ten seconds of four");
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.message().contains("clock"), "{error}");
        assert!(lab.journal.lengths().is_empty(), "{:?}", lab.journal.lengths());
    }
}

#[test]
fn a_local_clock_a_little_off_still_signs_with_the_servers_time() {
    let story = Story::begin();
    let mut ports = story.lab.ports();
    ports.clock = Arc::new(SkewedClock::new(&story.lab.clock, Skew::Slow(Duration::from_secs(3))));
    story.drive(&Rotator::with_ports(story.lab.settings.clone(), ports)).expect("within the limit");
    let intent = story.the("mint_intended");
    let sent = story.lab.world.log().into_iter().find(|entry| entry.operation == "create_key_version");
    let off = sent.expect("it was sent").at.duration_since(intent.time("date"));
    assert!(off.abs() <= one_second(), "the request's date is {off} off the server's time");
    assert_eq!(story.minted(), 1);
}

#[test]
fn data_is_never_moved_to_material_older_than_what_is_superseded() {
    let story = Story::begin();
    story.before("checked", 1, |scene| {
        // Somebody schedules the deletion of the version that is current: OCI falls back to an earlier one.
        let current = scene.world.current_version(&scene.key);
        scene.world.restore_version(&scene.key, &earlier(), scene.clock.now() - Duration::from_secs(200 * 86_400));
        scene.world.others_schedule_deletion(&scene.key, &current);
    });
    let (why, do_next) = story.pause();
    assert!(why.contains("newer than"), "{why}");
    assert!(do_next.contains("audit log"), "{do_next}");
    assert_eq!((story.told("adopted").len(), story.minted()), (0, 0));
}

fn earlier() -> keywheel::model::KeyVersionId {
    keywheel::model::KeyVersionId::parse("ocid1.keyversion.oc1.iad.aaaa.earlier").expect("valid")
}

#[test]
fn a_mint_whose_date_grew_old_before_it_was_sent_is_intended_anew_and_asks_for_nobody() {
    let story = Story::begin();
    // The machine sleeps between the intent and the send: OCI refuses the date, which is certain.
    story.before("mint_intended", 1, |scene| {
        scene.clock.advance(Duration::from_secs(20));
    });
    story.complete();
    let refused = story.told("mint_refused");
    assert!(matches!(refused.as_slice(), [one] if one.number("status") == 401), "{refused:?}");
    assert_eq!((story.minted(), story.told("mint_intended").len()), (1, 2));
}
