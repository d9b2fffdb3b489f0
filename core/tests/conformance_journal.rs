//! The journal in memory keeps what every journal keeps, and misbehaves only when asked to.
//!
//! No adapter is named here; SQLite has its own binary.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use keywheel::memory::{Failure, MemoryJournal};
use keywheel::model::{Head, StreamId};
use keywheel::ports::{Journal, JournalExt};
use keywheel::testkit::conformance::journal::{self as suite, append};
use keywheel::{ErrorKind, Landed};

#[tokio::test]
async fn memory_keeps_every_promise_of_a_journal() {
    let places: Mutex<BTreeMap<String, Arc<MemoryJournal>>> = Mutex::default();
    suite::check(async |place: &str| {
        let mut places = places.lock().expect("no test panicked");
        Arc::clone(places.entry(place.to_owned()).or_default()) as Arc<dyn Journal>
    })
    .await;
}

#[tokio::test]
async fn ambiguity_is_said_and_settled_by_nonce() {
    let journal = MemoryJournal::new();
    let stream = StreamId::registry();
    let first = append(&stream, &Head::empty(), 1, 2);

    journal.fail_next(Failure::AmbiguousStored);
    let error = journal.append(&first).await.expect_err("asked to fail");
    assert_eq!(error.landed(), Landed::Maybe);
    assert_eq!(journal.lines(&stream), first.lines);

    let head = first.head_after();
    let second = append(&stream, &head, 2, 1);
    journal.fail_next(Failure::AmbiguousNotStored);
    assert_eq!(journal.append(&second).await.expect_err("asked to fail").landed(), Landed::Maybe);
    assert_eq!(journal.lines(&stream).len(), 2);

    journal.fail_next(Failure::AmbiguousStored);
    let head = journal.append_settled(&second).await.expect("settled as ours");
    assert_eq!(head, second.head_after());
    journal.fail_next(Failure::AmbiguousNotStored);
    let error = journal.append_settled(&append(&stream, &head, 3, 1)).await.expect_err("settled as not stored");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, Landed::No));
}

#[tokio::test]
async fn a_full_journal_stores_nothing() {
    let journal = MemoryJournal::new();
    let first = append(&StreamId::meta(), &Head::empty(), 1, 2);
    journal.fail_when(|append| (append.lines[0].stream == StreamId::meta()).then_some(Failure::Full));
    let error = journal.append(&first).await.expect_err("full");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Refused, Landed::No));
    journal.append(&append(&StreamId::registry(), &Head::empty(), 1, 1)).await.expect("not asked to fail");
    journal.fail_no_more();
    journal.append(&first).await.expect("room again");
}

#[tokio::test]
async fn a_stale_read_misses_exactly_the_last_append() {
    let journal = MemoryJournal::new();
    let stream = StreamId::meta();
    let first = append(&stream, &Head::empty(), 1, 2);
    let head = journal.append(&first).await.expect("stored");
    journal.append(&append(&stream, &head, 2, 2)).await.expect("stored");
    journal.read_stale(2);
    assert_eq!(journal.head(&stream).await.expect("a head"), head);
    assert_eq!(journal.read(&stream, 0, 9).await.expect("lines"), first.lines);
    assert_eq!(journal.read(&stream, 0, 9).await.expect("lines").len(), 4);
}

#[tokio::test]
async fn tampering_is_seen_and_a_restored_backup_is_a_shorter_whole() {
    let journal = MemoryJournal::new();
    let stream = StreamId::registry();
    let head = journal.append(&append(&stream, &Head::empty(), 1, 2)).await.expect("stored");
    let backup = journal.lengths();
    journal.append(&append(&stream, &head, 2, 2)).await.expect("stored");
    journal.append(&append(&StreamId::meta(), &Head::empty(), 2, 1)).await.expect("stored");

    let copy = journal.copy();
    assert!(copy.tamper(&stream, 1, |line| line.text = line.text.replace("\"n\":1", "\"n\":2")));
    assert!(!copy.tamper(&stream, 9, |_| ()), "there is no such line");
    assert_eq!(suite::verify_all(&*copy).await.expect_err("a changed line").kind(), ErrorKind::Corrupt);

    suite::verify_all(&*journal).await.expect("the original is another value");
    journal.restore_from_backup(&backup);
    assert_eq!(suite::verify_all(&*journal).await.expect("whole"), BTreeMap::from([(stream, head)]));
}
