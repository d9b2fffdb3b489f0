//! R6: one open rotation per lineage, and names that two processes compute alike.

use keywheel::model::{Request, StreamId, When};
use keywheel::testkit::executor::{Task, run_all};
use keywheel::testkit::{Lab, crash};
use keywheel::{Rotated, Started};

use crate::story::{LONG, Story};

fn if_due(lab: &Lab) -> Request {
    Request { key: lab.key.clone(), when: When::IfDue, actor: None }
}

fn openings(lab: &Lab) -> usize {
    let lines = lab.journal.lines(&StreamId::registry());
    lines.iter().filter(|line| line.text.contains("\"rotation_opened\"")).count()
}

#[test]
fn two_runners_that_open_at_once_open_one_rotation() {
    let lab = Lab::with_buckets(1);
    let first = lab.run(lab.rotator().start(&if_due(&lab))).expect("it is due");
    // The second one read the registry before the first one's line was there.
    lab.journal.read_stale(1);
    let second = lab.run(lab.rotator().start(&if_due(&lab))).expect("the conflict is resolved by reading again");
    assert_eq!(first, second);
    assert_eq!(openings(&lab), 1);
}

#[test]
fn two_runners_that_drive_one_rotation_mint_once() {
    let lab = Lab::with_buckets(3);
    let (one, two) = (lab.rotator(), lab.mortal_rotator(&crash::Points::new(crash::At::Nowhere), 9));
    let tasks: Vec<Task<'_, _>> = vec![Box::pin(one.rotate(&lab.key)), Box::pin(two.rotate(&lab.key))];
    let ended = run_all(&lab.clock, tasks);
    assert!(ended.iter().any(|ended| matches!(ended, Ok(Rotated::Completed(_)))), "{ended:?}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
    assert_eq!(openings(&lab), 1);
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn the_next_rotation_opens_only_after_the_open_one_has_ended() {
    let story = Story::begin();
    let again = story.lab.run(story.lab.rotator().start(&if_due(&story.lab))).expect("it is open");
    assert_eq!(again, Started::Open(story.rid.clone()));
    story.complete();
    story.lab.clock.advance(story.lab.settings.policy.cryptoperiod);
    let next = story.lab.run(story.lab.rotator().start(&if_due(&story.lab))).expect("it is due again");
    let Started::Open(next) = next else { panic!("{next:?}") };
    assert_ne!(next, story.rid, "another superseded version makes another name");
}

#[test]
fn a_cancelled_rotation_leaves_its_name_to_the_next_ordinal() {
    let story = Story::begin();
    story.lab.run(story.lab.rotator().cancel(&story.rid, None)).expect("nothing was minted");
    let next = story.lab.run(story.lab.rotator().start(&if_due(&story.lab))).expect("it is due");
    let Started::Open(next) = next else { panic!("{next:?}") };
    assert_ne!(next, story.rid);
    let rotated = story.lab.run(story.lab.rotator().run_for(&next, LONG)).expect("nothing goes wrong");
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
    let opened = Story { lab: story.lab, rid: next }.the("opened");
    assert_eq!(opened.body["name"]["ordinal"], 2);
}

#[test]
fn a_rotation_whose_opener_died_before_its_own_stream_is_taken_up_by_whoever_sees_it() {
    let lab = Lab::with_buckets(1);
    let points = crash::Points::new(crash::At::parse("append rotation_opened:after"));
    let dying = lab.mortal_rotator(&points, 3);
    assert!(lab.run_until_crash(&points, dying.start(&if_due(&lab))).is_none());
    let Started::Open(rid) = lab.run(lab.rotator().start(&if_due(&lab))).expect("it is open") else { panic!("open") };
    assert_eq!(lab.journal.lines(&StreamId::rotation(&rid)).len(), 1);
    assert_eq!(openings(&lab), 1);
}
