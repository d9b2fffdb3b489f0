//! A rotation that pauses says so: once for each pause, to everybody, whoever dies meanwhile and however often it is looked at.
//!
//! Everything here runs over a lab in virtual time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keywheel::memory::{FaultPlan, RecordingNotifier, Strikes};
use keywheel::model::{Request, RotationId, When};
use keywheel::ports::{Notice, Notifier, Ports, Reply, Severity};
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Points};
use keywheel::{Error, ErrorKind, Result, Rotated, Rotator, Started};

const HOUR: Duration = Duration::from_secs(3600);

/// A lab whose replicas cannot be asked: a rotation pauses once its tries are spent.
fn stuck() -> Lab {
    let lab = Lab::with_buckets(3);
    lab.world.faults(FaultPlan::new().status_before("replication", Strikes::Every, 409, "IncorrectState"));
    lab
}

fn mend(lab: &Lab) {
    lab.world.faults(FaultPlan::new());
}

fn telling(lab: &Lab, notifier: &Arc<impl Notifier + 'static>) -> Rotator {
    Rotator::with_ports(lab.settings.clone(), lab.ports().notifier(Arc::clone(notifier) as _))
}

/// Runs as a scheduled function does, for one key.
fn tick(lab: &Lab, rotator: &Rotator) -> Rotated {
    let mut rows = lab.run(rotator.rotate_due()).expect("a read");
    rows.pop().expect("one key").1.expect("a pause is no error")
}

fn paused(rotated: Rotated) -> (RotationId, String, String) {
    let Rotated::Paused { rotation, why, do_next } = rotated else { panic!("{rotated:?}") };
    (rotation, why, do_next)
}

fn keys(notices: &[Notice]) -> Vec<&str> {
    notices.iter().map(|notice| notice.dedupe_key.as_str()).collect()
}

#[test]
fn a_pause_is_told_once_with_why_and_what_to_do_and_its_end_with_the_end() {
    let lab = stuck();
    let notifier = RecordingNotifier::new();
    let (rotation, why, do_next) = paused(tick(&lab, &telling(&lab, &notifier)));
    let told = notifier.notices();
    let [pause] = told.as_slice() else { panic!("one notice: {told:?}") };
    assert_eq!((pause.severity, pause.rotation.as_ref()), (Severity::Warning, Some(&rotation)));
    let resume = format!("keywheel resume {rotation}");
    for part in [why.as_str(), do_next.as_str(), "in_use", lab.key.as_str(), &resume, pause.chain_head.as_str()] {
        assert!(pause.body.contains(part), "{part:?} in {}", pause.body);
    }
    assert!(pause.title.starts_with("TEST ") && pause.title.contains("paused"), "{}", pause.title);
    for _ in 0..30 {
        lab.clock.advance(HOUR);
        paused(tick(&lab, &telling(&lab, &notifier)));
    }
    assert_eq!(notifier.notices().len(), 1, "nothing changed, so nobody is told");
    let lines = lab.run(lab.rotator().facts(&rotation)).expect("a read").len();
    paused(tick(&lab, &telling(&lab, &notifier)));
    assert_eq!(lab.run(lab.rotator().facts(&rotation)).expect("a read").len(), lines, "and nothing is written");

    mend(&lab);
    assert!(matches!(lab.run(telling(&lab, &notifier).resume(&rotation)), Ok(Rotated::Completed(_))));
    let told = notifier.notices();
    let [_, end] = told.as_slice() else { panic!("the end is told too: {told:?}") };
    assert!(end.body.contains("it was paused once and was resumed") && end.body.contains(&why), "{}", end.body);
    assert_ne!(end.dedupe_key, pause.dedupe_key);
}

#[test]
fn what_pauses_again_is_told_again_under_another_key() {
    let lab = stuck();
    let notifier = RecordingNotifier::new();
    let (rotation, ..) = paused(tick(&lab, &telling(&lab, &notifier)));
    paused(lab.run(telling(&lab, &notifier).resume(&rotation)).expect("it pauses again"));
    mend(&lab);
    lab.run(telling(&lab, &notifier).resume(&rotation)).expect("nothing goes wrong");
    let told = notifier.notices();
    assert_eq!(keys(&told).iter().collect::<BTreeSet<_>>().len(), 3, "{:?}", keys(&told));
    assert!(told[2].body.contains("it was paused 2 times"), "{}", told[2].body);
}

#[test]
fn a_rotation_that_never_paused_does_not_speak_of_pauses() {
    let lab = Lab::with_buckets(1);
    let notifier = RecordingNotifier::new();
    assert!(matches!(tick(&lab, &telling(&lab, &notifier)), Rotated::Completed(_)));
    assert!(notifier.notices().iter().all(|notice| !notice.body.contains("paused")), "{:?}", notifier.notices());
}

#[test]
fn a_process_that_dies_at_any_point_of_telling_is_followed_by_one_that_tells_the_same() {
    let points = [
        ("append paused:before", 1),
        ("append paused:after", 1),
        ("append notice_intended:before", 1),
        ("append notice_intended:after", 1),
        ("notify:before", 1),
        ("notify:after", 2),
        ("append notice_sent:before", 2),
        ("append notice_sent:after", 1),
    ];
    for (at, times) in points {
        let lab = stuck();
        let notifier = RecordingNotifier::new();
        let rotator = |at, nth| {
            let points = Points::new(at);
            let ports = Ports {
                random: Arc::new(keywheel::memory::SeededRandom::new(nth)),
                ..lab.ports().notifier(Arc::clone(&notifier) as _)
            };
            (Rotator::with_ports(lab.settings.clone(), points.over(ports)), points)
        };
        let (mortal, died) = rotator(At::parse(at), 1);
        assert!(lab.run_until_crash(&died, mortal.rotate(&lab.key)).is_none(), "{at} is passed");
        for _ in 0..3 {
            lab.clock.advance(HOUR);
            paused(tick(&lab, &rotator(At::Nowhere, 2).0));
        }
        let told = notifier.notices();
        assert_eq!(told.len(), times, "{at}: {:?}", keys(&told));
        assert!(keys(&told).iter().all(|key| *key == told[0].dedupe_key), "{at}: duplicates can be told");
    }
}

#[test]
fn what_a_person_paused_is_told_to_the_others_by_whoever_looks_next() {
    let lab = Lab::with_buckets(1);
    let notifier = RecordingNotifier::new();
    let started = lab.run(lab.rotator().start(&Request { key: lab.key.clone(), when: When::IfDue, actor: None }));
    let Ok(Started::Open(rotation)) = started else { panic!("{started:?}") };
    lab.run(lab.rotator().pause(&rotation, "change\u{1b}[2J freeze")).expect("it is open");
    assert_eq!(notifier.notices(), []);
    paused(tick(&lab, &telling(&lab, &notifier)));
    let told = notifier.notices();
    assert!(matches!(told.as_slice(), [one] if one.body.contains("change\u{fffd}[2J freeze")), "{told:?}");
}

/// Takes nothing until it is mended.
#[derive(Default)]
struct Broken {
    heard: Mutex<Vec<Notice>>,
    is_mended: Mutex<bool>,
}

#[async_trait::async_trait]
impl Notifier for Broken {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        self.heard.lock().expect("no panic in here").push(notice.clone());
        match *self.is_mended.lock().expect("no panic in here") {
            true => Ok(Reply::bare("taken".to_owned())),
            false => Err(Error::new(ErrorKind::Unavailable, "notify", "nobody is there").retry_never()),
        }
    }
}

#[test]
fn a_pause_that_nobody_took_is_tried_again_seldom_and_not_where_it_was_taken() {
    let lab = stuck();
    let (sound, broken) = (RecordingNotifier::new(), Arc::new(Broken::default()));
    let tick_both = || {
        let ports = lab.ports().notifier(Arc::clone(&broken) as _).notifier(Arc::clone(&sound) as _);
        paused(tick(&lab, &Rotator::with_ports(lab.settings.clone(), ports)));
    };
    let heard = || broken.heard.lock().expect("no panic in here").len();
    tick_both();
    tick_both();
    assert_eq!(heard(), 1, "not by the next run at once");
    for _ in 0..7 * 24 {
        lab.clock.advance(HOUR);
        tick_both();
    }
    // Half an hour, doubled up to a day: 1, 1, 2, 4, 8, 16, 24, 24 … hours.
    assert_eq!(heard(), 1 + 6 + 5, "a week");
    *broken.is_mended.lock().expect("no panic in here") = true;
    for _ in 0..48 {
        lab.clock.advance(HOUR);
        tick_both();
    }
    assert_eq!((heard(), sound.notices().len()), (1 + 6 + 5 + 1, 1));
    let heard = broken.heard.lock().expect("no panic in here");
    assert!(heard.iter().all(|notice| notice.dedupe_key == sound.notices()[0].dedupe_key));
}
