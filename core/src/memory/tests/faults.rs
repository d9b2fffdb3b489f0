//! Faults: what is lost, late, refused, denied, down; and that nothing else is.

use super::super::{Caller, FaultPlan, Note, PageQuery, Strikes, WorldSettings};
use super::{code, lab, refused, secs, us};

#[test]
fn a_lost_request_does_nothing_and_a_lost_answer_hides_what_was_done() {
    let lab = lab(WorldSettings::instant());
    lab.world.faults(FaultPlan::new().lose_request("create_version", 1).lose_answer("create_version", 2));
    assert!(refused(lab.mint(&us())).is_silence());
    assert_eq!((lab.world.versions(&lab.key).len(), lab.world.writes()), (1, 0));
    assert!(refused(lab.mint(&us())).is_silence());
    assert_eq!((lab.world.versions(&lab.key).len(), lab.world.writes()), (2, 1));
    lab.mint(&us()).expect("the third is not struck");
    let notes: Vec<_> = lab.world.log().iter().map(|entry| entry.note).collect();
    assert_eq!(notes, [Some(Note::Lost), Some(Note::Lost), None]);
}

#[test]
fn a_status_comes_before_or_after_the_effect() {
    let lab = lab(WorldSettings::instant());
    let plan = FaultPlan::new().status_before("create_version", 1, 500, "InternalServerError");
    lab.world.faults(plan.status_after("create_version", 2, 500, "InternalServerError"));
    assert_eq!(code(lab.mint(&us())), (500, "InternalServerError"));
    assert_eq!(lab.world.versions(&lab.key).len(), 1);
    assert_eq!(code(lab.mint(&us())).0, 500);
    assert_eq!(lab.world.versions(&lab.key).len(), 2);
}

#[test]
fn a_request_held_up_on_its_way_meets_the_fence() {
    let lab = lab(WorldSettings::instant());
    lab.world.faults(FaultPlan::new().delay("create_version", Strikes::First(2), secs(301)));
    let dated = us().dated(lab.world.now());
    assert!(refused(lab.mint(&dated)).is_silence());
    assert!(refused(lab.mint(&us())).is_silence());
    assert_eq!(lab.world.next_deferred(), Some(lab.world.now() + secs(301)));
    lab.clock.advance(secs(300));
    assert_eq!(lab.world.versions(&lab.key).len(), 1);
    lab.clock.advance(secs(5));
    let versions = lab.world.versions(&lab.key);
    assert_eq!(versions.len(), 2, "the dated one was refused, the undated one acted");
    assert_eq!(versions[1].time_created, lab.world.now() - secs(4), "at the instant it arrived");
    let late: Vec<_> = lab.world.log().iter().filter(|e| e.note == Some(Note::Delayed)).map(|e| e.status).collect();
    assert_eq!(late, [401, 200]);
}

#[test]
fn a_request_accepted_in_time_may_act_later_than_its_date_allows() {
    let lab = lab(WorldSettings::instant());
    lab.world.faults(FaultPlan::new().delay_processing("create_version", 1, secs(400)));
    let call = us().dated(lab.world.now()).token("t");
    assert!(refused(lab.mint(&call)).is_silence());
    lab.clock.advance(secs(399));
    assert_eq!(lab.world.versions(&lab.key).len(), 1);
    lab.clock.advance(secs(1));
    assert_eq!(lab.world.versions(&lab.key).len(), 2);
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn a_token_can_be_invalidated_and_a_flip_can_be_late() {
    let lab = lab(WorldSettings::instant());
    lab.world.faults(FaultPlan::new().invalidate_token("create_version", 1).flip_late(2, secs(90)));
    assert_eq!(code(lab.mint(&us().token("t"))), (409, "InvalidatedRetryToken"));
    let old = lab.current();
    let minted = lab.minted();
    lab.clock.advance(secs(89));
    assert_eq!(lab.current(), old);
    lab.clock.advance(secs(1));
    assert_eq!(lab.current(), minted);
}

#[test]
fn throttling_strikes_the_calls_it_names() {
    let lab = lab(WorldSettings::instant());
    lab.world.faults(FaultPlan::new().throttle("describe_key", 3).throttle("list_keys", Strikes::Every));
    let read = || lab.world.get_key(&us(), &lab.at, &lab.key);
    read().expect("the first passes");
    read().expect("the second passes");
    assert_eq!(code(read()), (429, "TooManyRequests"));
    read().expect("the fourth passes");
    for _ in 0..3 {
        assert_eq!(code(lab.world.list_keys(&us(), &lab.at, &lab.compartment, &PageQuery::default())).0, 429);
    }
}

#[test]
fn a_region_that_is_down_answers_503_and_a_denied_compartment_404() {
    let lab = lab(WorldSettings::instant());
    let read = || lab.world.get_key(&us(), &lab.at, &lab.key);
    lab.world.faults(FaultPlan::new().region_down(&lab.at.region));
    assert_eq!(code(read()), (503, "ServiceUnavailable"));
    lab.world.faults(FaultPlan::new().deny_compartment(&lab.compartment));
    assert_eq!(code(read()), (404, "NotAuthorizedOrNotFound"));
    assert_eq!(code(lab.world.list_keys(&us(), &lab.at, &lab.compartment, &PageQuery::default())).0, 404);
    lab.world.faults(FaultPlan::new());
    read().expect("the plan is over");
    lab.world.deny_operation(&Caller::keywheel(), "create_key_version");
    assert_eq!(code(lab.mint(&us())), (404, "NotAuthorizedOrNotFound"));
    read().expect("reading is another permission");
}

#[test]
#[should_panic(expected = "there is no \"create_keys\"")]
fn a_fault_for_an_operation_that_does_not_exist_is_a_mistake_in_the_test() {
    let _ = FaultPlan::new().lose_answer("create_keys", 1);
}

#[test]
fn two_worlds_of_one_seed_tell_the_same_story() {
    let story = |seed: u64| {
        let lab = lab(WorldSettings { seed, ..WorldSettings::lab() });
        lab.world.faults(FaultPlan::new().lose_answer("create_version", 2).throttle("describe_key", 2));
        for _ in 0..3 {
            let _ = lab.mint(&us());
            let _ = lab.world.get_key(&us(), &lab.at, &lab.key);
            lab.clock.advance(secs(1));
        }
        (lab.world.log(), lab.world.versions(&lab.key))
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7).1, story(8).1, "another seed, other names");
}
