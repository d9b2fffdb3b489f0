//! What answers and refusals mean, and what they do not.

use super::*;
use crate::model::{Kind, Region, StepKind};
use crate::rotation::doctor::Shown;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("an instant")
}

fn asked(answer: EndpointAnswer, date: Option<Timestamp>) -> CheckVerdict {
    let seen = EndpointSeen {
        service: "kms".to_owned(),
        region: Region::parse("us-ashburn-1").expect("a region"),
        host: "kms.example".to_owned(),
        asked: at(0),
        came: at(1),
        date,
        answer,
    };
    let section = connectivity(&[seen], &Shown::default(), &Margins::production());
    let check = section.checks.into_iter().next().expect("one");
    assert_eq!(check.do_next.is_some(), check.verdict == CheckVerdict::Broken, "{check:?}");
    check.verdict
}

#[test]
fn an_endpoint_that_answers_with_a_refusal_answers_and_one_whose_clock_is_minutes_off_is_broken() {
    let answered = || EndpointAnswer::Answered("x".to_owned());
    assert_eq!(asked(answered(), None), CheckVerdict::Holds);
    assert_eq!(asked(answered(), Some(at(0))), CheckVerdict::Holds);
    for second in [-400, 400] {
        assert_eq!(asked(answered(), Some(at(second))), CheckVerdict::Broken);
    }
    assert_eq!(asked(EndpointAnswer::NoAnswer("x".to_owned()), None), CheckVerdict::Broken);
    assert_eq!(asked(EndpointAnswer::Refused("x".to_owned()), Some(at(0))), CheckVerdict::Broken);
    assert_eq!(asked(EndpointAnswer::OnlyWritten(ShownBy::Unrecorded), None), CheckVerdict::Unknown);
}

fn tried(places: Vec<Tried>, shown_by: Option<ShownBy>, shown: &Shown) -> Check {
    let places = places
        .into_iter()
        .map(|tried| PlaceSeen { place: "here".to_owned(), statement: "Allow x".to_owned(), tried })
        .collect();
    let seen = CallSeen {
        operation: "list_keys".to_owned(),
        permissions: vec!["KEY_INSPECT".to_owned()],
        reason: "find keys".to_owned(),
        standing: Standing::Documented,
        source: "table".to_owned(),
        places,
        untried: 0,
        shown_by,
    };
    permissions(&[seen], shown, at(0)).checks.into_iter().next().expect("one")
}

#[test]
fn a_right_is_seen_working_only_where_something_was_answered() {
    let (word, none) = (|| "x".to_owned(), Shown::default());
    let verdict = |places| tried(places, None, &none).verdict;
    assert_eq!(verdict(vec![Tried::Worked(word())]), CheckVerdict::SeenWorking);
    assert_eq!(verdict(vec![Tried::Worked(word()), Tried::Not(word())]), CheckVerdict::SeenWorking);
    assert_eq!(verdict(vec![Tried::Worked(word()), Tried::Denied(word())]), CheckVerdict::Denied);
    for unclear in [vec![Tried::Unclear(word())], vec![Tried::Not(word())], vec![]] {
        assert_eq!(verdict(unclear), CheckVerdict::Unknown);
    }
    let denied = tried(vec![Tried::Denied(word())], None, &none);
    assert_eq!(denied.do_next.as_deref(), Some("add: Allow x"));
}

#[test]
fn the_journals_last_word_counts_for_what_is_not_tried_unless_it_is_old() {
    let step = || ShownBy::Step(Kind::Bucket, StepKind::Rewrap);
    let mut shown = Shown::default();
    let with = |shown: &Shown| tried(vec![Tried::Not("x".to_owned())], Some(step()), shown).verdict;
    assert_eq!(with(&shown), CheckVerdict::Unknown);
    shown.tell(step(), at(-5), None);
    assert_eq!(with(&shown), CheckVerdict::Unknown, "too old");
    shown.tell(step(), at(5), None);
    assert_eq!(with(&shown), CheckVerdict::SeenWorking);
    shown.tell(step(), at(4), Some("404".to_owned()));
    assert_eq!(with(&shown), CheckVerdict::SeenWorking, "an older refusal");
    shown.tell(step(), at(6), Some("404".to_owned()));
    assert_eq!(with(&shown), CheckVerdict::Denied);
}
