//! R7, the target: what everything moves to when others mint or delete while we wait for the flip.

use std::time::Duration;

use keywheel::memory::FaultPlan;

use crate::story::{Act, Scene, Story};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_newer_version_that_becomes_current_during_the_wait_becomes_the_target() {
    let story = Story::with_faults(FaultPlan::new().flip_late(1, Duration::from_secs(30)));
    story.before("created", 1, |scene| {
        scene.clock.advance(SECOND);
        scene.world.foreign_mint(&scene.key);
    });
    let foreign_is_current = || {
        let versions = story.lab.world.versions(&story.lab.key);
        versions.last().expect("it was minted").id.clone()
    };
    let rotated = story.drive(&story.lab.rotator()).expect("nothing stops it");
    assert!(matches!(rotated, keywheel::Rotated::Completed(_)), "{rotated:?}");
    let (created, retargeted, in_use) = (story.the("created"), story.the("retargeted"), story.the("in_use"));
    assert_eq!(retargeted.text("version"), foreign_is_current().to_string());
    assert_ne!(retargeted.text("version"), created.text("version"));
    assert_eq!(in_use.text("version"), retargeted.text("version"));
    assert_eq!(retargeted.text("author"), "unknown");
    let census = &in_use.body["census"];
    assert_eq!((census["ours"].as_u64(), census["others"].as_u64()), (Some(1), Some(1)), "{census}");
    assert_eq!(story.minted(), 1);
}

#[test]
fn a_target_lost_before_the_flip_is_minted_anew_under_the_next_generation() {
    let story = Story::begin();
    story.before("created", 1, |scene| scene.world.others_schedule_deletion(&scene.key, &scene.newest()));
    story.complete();
    let lost = story.the("target_lost");
    assert_eq!(lost.text("version"), story.told("created")[0].text("version"));
    let intents = story.told("mint_intended");
    assert_eq!(intents.iter().map(|told| told.number("generation")).collect::<Vec<_>>(), [1, 2]);
    assert_ne!(intents[0].text("token"), intents[1].text("token"));
    assert_eq!(story.minted(), 2, "the first one is no live version any more");
    let live = story.lab.world.versions(&story.lab.key).iter().filter(|version| version.is_usable()).count();
    assert_eq!(live, 2, "the superseded one and its successor");
}

#[test]
fn a_presumed_target_that_is_lost_counts_as_the_end_of_its_token() {
    let story = Story::with_faults(FaultPlan::new().lose_answer("create_version", 1));
    story.before("adopted", 1, |scene| scene.world.others_schedule_deletion(&scene.key, &scene.newest()));
    // Late, so that the loss comes before the flip.
    story.lab.world.configure(|settings| settings.flip_delay = Duration::from_secs(40));
    story.complete();
    let generations: Vec<_> = story.told("mint_intended").iter().map(|told| told.number("generation")).collect();
    assert_eq!(generations, [1, 2]);
}

#[test]
fn a_lost_target_gives_way_to_a_version_that_superseded_meanwhile() {
    let story = Story::with_faults(FaultPlan::new().flip_late(1, Duration::from_secs(30)));
    let mint = |scene: &Scene| {
        scene.world.foreign_mint(&scene.key);
        scene.clock.advance(SECOND);
    };
    let delete = |scene: &Scene| scene.world.others_schedule_deletion(&scene.key, &scene.newest());
    story.when([("mint_intended", 1, Box::new(mint) as Act), ("created", 1, Box::new(delete))]);
    story.complete();
    assert_eq!(story.minted(), 1, "what somebody else minted is enough");
    assert_eq!(story.the("retargeted").text("author"), "unknown");
}

#[test]
fn a_version_that_never_becomes_current_asks_for_a_person() {
    let story = Story::with_faults(FaultPlan::new().flip_late(1, Duration::from_secs(100_000)));
    let (why, do_next) = story.pause();
    assert!(why.contains("is not current after"), "{why}");
    assert!(do_next.contains("Console"), "{do_next}");
    assert_eq!(story.told("inventoried").len(), 0, "nothing is moved before the flip");
}
