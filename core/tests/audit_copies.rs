//! What a report says of the copies of the trail: how much of it was taken, what keeps it, and when that was seen. No more.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keywheel::memory::MemoryAuditSink;
use keywheel::model::{AuditCopy, Keeping, KeepingPromise, RotationId, StreamId};
use keywheel::ports::{AuditEntry, AuditSink, LastHeld, Reply};
use keywheel::testkit::Lab;
use keywheel::{Error, ErrorKind, Result, Rotated, Rotator};

const DAY: Duration = Duration::from_secs(86_400);

/// What the far end does next.
#[derive(Clone)]
enum Says {
    Keeps(KeepingPromise),
    Denied,
    Down,
}

/// A sink whose far end can be asked what keeps its entries.
struct Sink {
    inner: Arc<MemoryAuditSink>,
    says: Mutex<Says>,
    asked: Mutex<usize>,
    takes: Mutex<bool>,
}

impl Sink {
    fn new(promise: KeepingPromise) -> Arc<Self> {
        let (says, asked, takes) = (Mutex::new(Says::Keeps(promise)), Mutex::default(), Mutex::new(true));
        Arc::new(Self { inner: MemoryAuditSink::new(), says, asked, takes })
    }

    fn will_say(&self, says: Says) {
        *self.says.lock().expect("no panic in here") = says;
    }

    fn asked(&self) -> usize {
        *self.asked.lock().expect("no panic in here")
    }
}

#[async_trait::async_trait]
impl AuditSink for Sink {
    fn name(&self) -> String {
        "a vaulted bucket".to_owned()
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        let takes = *self.takes.lock().expect("no panic in here");
        match takes {
            true => self.inner.record(entries).await,
            false => Err(Error::new(ErrorKind::Unavailable, "record", "nobody is there").retry_later(None)),
        }
    }

    async fn last_held(&self, stream: &StreamId) -> Result<Reply<LastHeld>> {
        self.inner.last_held(stream).await
    }

    async fn keeping(&self) -> Result<Reply<Keeping>> {
        *self.asked.lock().expect("no panic in here") += 1;
        let says = self.says.lock().expect("no panic in here").clone();
        match says {
            Says::Keeps(promise) => Ok(Reply::bare(Keeping { promise, text: vec!["rule \"years\"".to_owned()] })),
            Says::Denied => Err(Error::new(ErrorKind::NotFound, "keeping", "not here, or not for you").retry_never()),
            Says::Down => Err(Error::new(ErrorKind::Unavailable, "keeping", "nobody is there").retry_later(None)),
        }
    }
}

fn rotator(lab: &Lab, sink: &Arc<Sink>) -> Rotator {
    Rotator::with_ports(lab.settings.clone(), lab.ports().audit_sink(Arc::clone(sink) as _))
}

/// Rotates the lab's key once more, when it is due again.
fn rotate(lab: &Lab, sink: &Arc<Sink>) -> RotationId {
    let rotated = lab.run(rotator(lab, sink).rotate(&lab.key)).expect("nothing goes wrong");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    report.summary.rotation
}

fn copy(lab: &Lab, rotator: &Rotator, rotation: &RotationId) -> AuditCopy {
    let copies = lab.run(rotator.status(rotation)).expect("a read").audit_copies;
    let [copy] = copies.as_slice() else { panic!("one sink: {copies:?}") };
    copy.clone()
}

#[test]
fn a_report_says_how_much_was_taken_and_what_keeps_it_and_when_that_was_seen() {
    let lab = Lab::with_buckets(3);
    let sink = Sink::new(KeepingPromise::Locked);
    let began = lab.clock.now();
    let rotation = rotate(&lab, &sink);
    let taken = copy(&lab, &rotator(&lab, &sink), &rotation);
    assert_eq!((taken.taken, taken.facts), (sink.inner.entries().len() as u64, taken.taken), "every fact, pages' too");
    assert!(taken.facts > 20, "{taken}");
    let seen = taken.keeping.clone().expect("it was asked");
    assert_eq!(seen.keeping.promise, KeepingPromise::Locked);
    assert!(seen.seen_at > began && seen.seen_at <= lab.clock.now() && seen.same_since == seen.seen_at, "{seen:?}");
    assert!(taken.to_string().contains("kept by: locked, as seen on 2026-11-22"), "{taken}");

    lab.clock.advance(DAY * 1000);
    assert_eq!(copy(&lab, &lab.rotator(), &rotation), taken, "the same later, from the journal alone");
}

#[test]
fn a_sink_is_asked_once_a_day_and_the_same_answer_is_told_from_a_new_one() {
    let mut lab = Lab::with_buckets(1);
    lab.settings.policy.cryptoperiod = DAY * 2;
    let sink = Sink::new(KeepingPromise::Locked);
    let rotator = rotator(&lab, &sink);
    let mut ends = Vec::new();
    for number in 0..3 {
        let rows = lab.run(rotator.rotate_due()).expect("a read");
        let Some((_, Ok(Rotated::Completed(report)))) = rows.first() else { panic!("{number}: {rows:?}") };
        ends.push(copy(&lab, &rotator, &report.summary.rotation).keeping.expect("it was asked"));
        assert_eq!(sink.asked(), number + 1);
        // Nothing is due, and a rotation that is looked at again asks nobody.
        lab.run(rotator.resume(&report.summary.rotation)).expect("it has ended");
        lab.clock.advance(DAY * 2);
        if number == 1 {
            sink.will_say(Says::Keeps(KeepingPromise::Removable));
        }
    }
    assert_eq!((ends[1].same_since, ends[0].keeping.promise), (ends[0].seen_at, KeepingPromise::Locked));
    assert!(ends[1].seen_at > ends[0].seen_at);
    assert_eq!((ends[2].same_since, ends[2].keeping.promise), (ends[2].seen_at, KeepingPromise::Removable));
}

#[test]
fn what_cannot_be_asked_is_never_called_safe_and_what_was_not_taken_is_not_counted() {
    let lab = Lab::with_buckets(1);
    let sink = Sink::new(KeepingPromise::Locked);
    sink.will_say(Says::Down);
    *sink.takes.lock().expect("no panic in here") = false;
    let rotation = rotate(&lab, &sink);
    let none = copy(&lab, &rotator(&lab, &sink), &rotation);
    assert_eq!((none.taken, none.keeping.is_none()), (0, true), "{none}");
    assert!(none.to_string().contains("took 0 of") && none.to_string().contains("not asked yet"), "{none}");

    sink.will_say(Says::Denied);
    lab.run(rotator(&lab, &sink).resume(&rotation)).expect("it has ended");
    let denied = copy(&lab, &rotator(&lab, &sink), &rotation).keeping.expect("it was asked again");
    assert_eq!(denied.keeping.promise, KeepingPromise::CannotSay);
    assert!(denied.keeping.text.concat().contains("not here, or not for you"), "{denied:?}");
}

#[test]
fn a_rotation_without_a_sink_has_no_copies() {
    let lab = Lab::with_buckets(1);
    let rotated = lab.run(lab.rotator().rotate(&lab.key)).expect("nothing goes wrong");
    let Rotated::Completed(report) = rotated else { panic!("{rotated:?}") };
    assert_eq!(report.audit_copies, []);
}
