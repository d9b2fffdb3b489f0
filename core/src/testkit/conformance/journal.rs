//! What every [`Journal`] must keep.
//!
//! `make` opens the journal at a named place: an unknown name is an empty journal, the same name again is another
//! handle on the same lines, as another process or the same one after a crash would have it. How an answer gets lost
//! (`ambiguity_is_said`) and what a future format is (`a_future_format_is_refused`) only an adapter's own tests know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::error::{Error, ErrorKind, Landed, Result};
use crate::journal::{Chain, PAGE_LINES, Stamp, Unsealed, seal, verify};
use crate::model::{Head, RunnerId, SealedLine, StreamId, Timestamp};
use crate::ports::{Append, Fence, Journal, JournalExt};

const TTL: Duration = Duration::from_secs(60);

/// Runs every promise, each at a place of its own.
pub async fn check(make: impl AsyncFn(&str) -> Arc<dyn Journal>) {
    append_compares(&make).await;
    append_is_all_or_nothing(&make).await;
    appends_of_many_at_once_leave_one_history(&make).await;
    an_epoch_that_was_raised_refuses(&make).await;
    acknowledged_means_durable(&make).await;
    reads_see_acknowledged_lines(&make).await;
    streams_are_listed_in_pages(&make).await;
    lines_are_immutable(&make).await;
    claims_exclude_and_expire(&make).await;
    a_settled_append_knows_its_own(&make).await;
}

/// Reads every stream of a journal and checks its chain; returns all heads.
pub async fn verify_all(journal: &dyn Journal) -> Result<BTreeMap<StreamId, Head>> {
    let mut heads = BTreeMap::new();
    let mut after = None;
    loop {
        let names = journal.streams("", after.clone(), PAGE_LINES).await?;
        let Some(last) = names.last() else {
            return Ok(heads);
        };
        let is_further = after.as_ref().is_none_or(|after| names.iter().all(|name| name > after));
        if !is_further {
            let message = "the journal lists streams again that it has listed already";
            return Err(Error::new(ErrorKind::Foreign, "verify_all", message));
        }
        after = Some(last.clone());
        for name in names {
            let mut chain = Chain::new(name.clone());
            loop {
                let page = journal.read(&name, chain.head().next_seq, PAGE_LINES).await?;
                if page.is_empty() {
                    break;
                }
                for line in &page {
                    chain.push(line)?;
                }
            }
            heads.insert(name, chain.head().clone());
        }
    }
}

/// Seals `count` lines that follow `head`; `nonce` tells one writer from another.
#[must_use]
pub fn lines(stream: &StreamId, head: &Head, nonce: u8, count: usize) -> Vec<SealedLine> {
    let stamp = Stamp { epoch: 0, at: now(), server_time: None, runner: runner("writer"), actor: None };
    let fact = |n| Unsealed { fact: "noted".to_owned(), must: false, body: json!({ "n": n, "by": nonce }) };
    let facts: Vec<_> = (0..count).map(fact).collect();
    seal(stream, head, &stamp, [nonce; 16], &facts).expect("small facts can be sealed").0
}

/// An append of `count` such lines without a fence.
#[must_use]
pub fn append(stream: &StreamId, head: &Head, nonce: u8, count: usize) -> Append {
    Append { expected: head.clone(), lines: lines(stream, head, nonce, count), fence: None }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("in range")
}

fn runner(name: &str) -> RunnerId {
    RunnerId::parse(name).expect("a runner id")
}

fn rotation(name: &str) -> StreamId {
    StreamId::stored(format!("r/{name}"))
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T>, why: &str) -> Error {
    let error = result.expect_err(why);
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{why}: {error:?}");
    error
}

/// Promise 1: only on the expected head.
pub async fn append_compares(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("append_compares").await;
    let stream = StreamId::registry();
    assert_eq!(journal.head(&stream).await.expect("a head"), Head::empty());

    let ours = append(&stream, &Head::empty(), 1, 2);
    let head = journal.append(&ours).await.expect("the first append");
    assert_eq!(head, ours.head_after());
    assert_eq!(journal.head(&stream).await.expect("a head"), head);

    assert_conflict(journal.append(&append(&stream, &Head::empty(), 2, 1)).await, "the stream is no longer empty");
    assert_conflict(journal.append(&ours).await, "the same append again");
    let other_history = lines(&stream, &Head::empty(), 3, 2);
    let elsewhere = Head { next_seq: 2, hash: other_history[1].hash.clone() };
    assert_conflict(journal.append(&append(&stream, &elsewhere, 3, 1)).await, "right number, another history");
    let ahead = Head { next_seq: 9, hash: head.hash.clone() };
    assert_conflict(journal.append(&append(&stream, &ahead, 3, 1)).await, "a gap");
    assert_eq!(journal.head(&stream).await.expect("a head"), head);

    journal.append(&append(&rotation("another"), &Head::empty(), 1, 1)).await.expect("streams are independent");
    journal.append(&append(&stream, &head, 2, 1)).await.expect("the right head");
}

/// Promise 1: all lines or none, also when only a later one is wrong.
pub async fn append_is_all_or_nothing(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("append_is_all_or_nothing").await;
    let stream = StreamId::registry();
    let good = append(&stream, &Head::empty(), 1, 3);
    let with = |change: &dyn Fn(&mut Vec<SealedLine>)| {
        let mut bad = good.clone();
        change(&mut bad.lines);
        bad
    };
    let bad = [
        ("no lines", with(&|lines| lines.clear())),
        ("a gap", with(&|lines| drop(lines.remove(1)))),
        ("out of order", with(&|lines| lines.swap(1, 2))),
        ("another stream", with(&|lines| lines[2].stream = StreamId::meta())),
        ("a wrong link", with(&|lines| lines[2].prev = lines[0].prev.clone())),
        ("a wrong number", with(&|lines| lines[2].seq = 7)),
    ];
    for (why, append) in &bad {
        let error = journal.append(append).await.expect_err(why);
        assert_eq!(error.landed(), Landed::No, "{why}");
        assert_eq!(journal.head(&stream).await.expect("a head"), Head::empty(), "{why}");
        assert!(journal.read(&stream, 0, 9).await.expect("lines").is_empty(), "{why}");
        assert!(journal.streams("", None, 9).await.expect("streams").is_empty(), "{why}");
    }
    journal.append(&good).await.expect("the right lines");
    assert_eq!(journal.read(&stream, 0, 9).await.expect("lines"), good.lines);
}

/// Promise 1 under contention: of many appends on one head, one wins and the others conflict.
pub async fn appends_of_many_at_once_leave_one_history(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let place = "appends_of_many_at_once";
    let handles = [make(place).await, make(place).await];
    let stream = StreamId::registry();
    let mut head = Head::empty();
    for round in 0..8_u8 {
        let rivals: Vec<_> = (0..6).map(|n| append(&stream, &head, round * 6 + n, 2)).collect();
        let racing = rivals.iter().zip(handles.iter().cycle()).map(|(rival, handle)| handle.append(rival));
        let outcomes = join_all(racing).await;
        let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(winners.len(), 1, "one append wins: {outcomes:?}");
        head = winners[0].clone();
        for outcome in &outcomes {
            if let Err(error) = outcome {
                assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No));
            }
        }
    }
    let stored = handles[1].read(&stream, 0, 99).await.expect("lines");
    assert_eq!(stored.len(), 16);
    assert_eq!(verify(&stored).expect("one history"), head);

    // Appends to different streams do not disturb each other, whatever becomes of their neighbours.
    let (first, late) = (append(&rotation("a"), &Head::empty(), 1, 1), append(&stream, &Head::empty(), 2, 1));
    let second = append(&rotation("b"), &Head::empty(), 3, 1);
    let outcomes = join_all([&first, &late, &second].map(|append| handles[0].append(append))).await;
    assert!(outcomes[0].is_ok() && outcomes[1].is_err() && outcomes[2].is_ok(), "{outcomes:?}");
}

/// Promise 1: only under the expected epoch, for the rotation's stream and for its pages.
pub async fn an_epoch_that_was_raised_refuses(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("an_epoch_that_was_raised").await;
    let (main, page) = (rotation("aaaa"), StreamId::stored("r/aaaa/p/0"));
    assert_eq!(journal.epoch(&main).await.expect("an epoch"), 0);
    let claim = journal.claim(&main, &runner("one"), now(), TTL).await.expect("free");
    assert!(claim.epoch > 0, "a first claim raises the epoch");
    let fence = |epoch, raises| Some(Fence { scope: main.clone(), epoch, raises });

    let opened = Append { fence: fence(claim.epoch, false), ..append(&main, &Head::empty(), 1, 1) };
    let head = journal.append(&opened).await.expect("the epoch holds");
    assert_eq!(journal.epoch(&main).await.expect("an epoch"), claim.epoch, "an append alone raises nothing");

    let refused = Append { fence: fence(claim.epoch + 5, true), ..append(&main, &head, 2, 1) };
    assert_conflict(journal.append(&refused).await, "an epoch that never was");
    assert_eq!(journal.epoch(&main).await.expect("an epoch"), claim.epoch, "what is refused raises nothing");
    let stale_head = Append { fence: fence(claim.epoch, true), ..append(&main, &Head::empty(), 2, 1) };
    assert_conflict(journal.append(&stale_head).await, "the epoch holds and the head does not");
    assert_eq!(journal.epoch(&main).await.expect("an epoch"), claim.epoch, "what is refused raises nothing");

    let pause = Append { fence: fence(claim.epoch, true), ..append(&main, &head, 2, 1) };
    journal.append(&pause).await.expect("the epoch still holds");
    assert_eq!(journal.epoch(&main).await.expect("an epoch"), claim.epoch + 1);

    let late = Append { fence: fence(claim.epoch, false), ..append(&page, &Head::empty(), 3, 1) };
    assert_conflict(journal.append(&late).await, "a page of a paused rotation");
    let renewed = journal.renew(&claim, now(), TTL).await.expect("the claim itself was not taken");
    assert_eq!(renewed.epoch, claim.epoch, "a renewal hides no pause");
    let informed = Append { fence: fence(claim.epoch + 1, false), ..append(&page, &Head::empty(), 3, 1) };
    journal.append(&informed).await.expect("the new epoch");
}

/// Promise 2, as far as a test can see it: another handle finds everything that was acknowledged.
pub async fn acknowledged_means_durable(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let place = "acknowledged_means_durable";
    let stream = rotation("aaaa");
    let before = make(place).await;
    let ours = append(&stream, &Head::empty(), 1, 3);
    let head = before.append(&ours).await.expect("an append");
    let claim = before.claim(&stream, &runner("one"), now(), TTL).await.expect("free");
    let after = make(place).await;
    assert_eq!(after.read(&stream, 0, 9).await.expect("lines"), ours.lines);
    assert_eq!(after.head(&stream).await.expect("a head"), head);
    assert_eq!(after.epoch(&stream).await.expect("an epoch"), claim.epoch);
    assert_conflict(after.claim(&stream, &runner("two"), now(), TTL).await, "the claim survives too");
    drop(before);
    assert_eq!(verify_all(&*after).await.expect("whole"), BTreeMap::from([(stream, head)]));
}

/// Promise 3: in order, without gaps, in pages, from anywhere.
pub async fn reads_see_acknowledged_lines(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("reads_see_acknowledged_lines").await;
    let stream = rotation("aaaa");
    let mut head = Head::empty();
    let mut all = Vec::new();
    for nonce in 0..10 {
        let next = append(&stream, &head, nonce, 3);
        head = journal.append(&next).await.expect("an append");
        all.extend(next.lines);
        assert_eq!(journal.read(&stream, 0, 99).await.expect("lines"), all);
    }
    assert_eq!(verify(&all).expect("whole"), head);
    assert_eq!(journal.read(&stream, 7, 5).await.expect("lines"), all[7..12]);
    assert_eq!(journal.read(&stream, 28, 5).await.expect("lines"), all[28..]);
    for (from, limit) in [(30, 5), (u64::MAX, 5), (0, 0)] {
        assert!(journal.read(&stream, from, limit).await.expect("lines").is_empty(), "from {from}, {limit} lines");
    }
    assert!(journal.read(&StreamId::meta(), 0, 5).await.expect("lines").is_empty(), "a stream that does not exist");
    let long = Unsealed { fact: "noted".to_owned(), must: true, body: json!("ü\u{0}\"\n".repeat(100_000)) };
    let stamp = Stamp { epoch: 0, at: now(), server_time: None, runner: runner("writer"), actor: None };
    let (lines, _) = seal(&stream, &head, &stamp, [99; 16], &[long]).expect("within the limit");
    journal.append(&Append { expected: head, lines: lines.clone(), fence: None }).await.expect("a long line");
    assert_eq!(journal.read(&stream, 30, 1).await.expect("lines"), lines);
}

/// `streams` lists names in order, by prefix, and goes on after a name.
pub async fn streams_are_listed_in_pages(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("streams_are_listed").await;
    let names = ["key/k", "meta", "r/a", "r/a/p/0", "r/a/p/1", "r/a/p/10", "r/b", "registry", "rä"];
    for name in names.iter().rev() {
        let stream = StreamId::stored(*name);
        journal.append(&append(&stream, &Head::empty(), 1, 1)).await.expect("an append");
    }
    journal.claim(&StreamId::stored("r/claimed"), &runner("one"), now(), TTL).await.expect("free");
    let list = async |prefix: &str, after: Option<&str>, limit| {
        let found = journal.streams(prefix, after.map(StreamId::stored), limit).await.expect("streams");
        found.iter().map(|stream| stream.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("", None, 99).await, names);
    assert_eq!(list("r/", None, 99).await, names[2..7], "a claim alone makes no stream");
    assert_eq!(list("r/a/p/", None, 2).await, names[3..5]);
    assert_eq!(list("r/a/p/", Some("r/a/p/1"), 2).await, names[5..6]);
    assert_eq!(list("r/", Some("r/a"), 2).await, names[3..5]);
    assert_eq!(list("r/", Some("key/k"), 1).await, names[2..3], "after a name before the prefix");
    assert!(list("r/", Some("s"), 9).await.is_empty(), "after a name behind the prefix");
    assert!(list("x", None, 9).await.is_empty());
    assert!(list("", None, 0).await.is_empty());
}

/// Promise 4: nothing that can be called changes a stored line.
pub async fn lines_are_immutable(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("lines_are_immutable").await;
    let stream = StreamId::registry();
    let ours = append(&stream, &Head::empty(), 1, 3);
    let head = journal.append(&ours).await.expect("an append");
    for (seq, expected) in [(0, Head::empty()), (2, Head { next_seq: 2, hash: ours.lines[1].hash.clone() })] {
        let over = append(&stream, &expected, 2, 1);
        assert_conflict(journal.append(&over).await, "a place that is taken");
        assert_eq!(
            journal.read(&stream, seq, 1).await.expect("lines"),
            ours.lines[usize::try_from(seq).expect("small")..][..1]
        );
    }
    let claim = journal.claim(&stream, &runner("one"), now(), TTL).await.expect("free");
    journal.release(&claim).await.expect("ours");
    assert_eq!(journal.read(&stream, 0, 9).await.expect("lines"), ours.lines);
    assert_eq!(journal.head(&stream).await.expect("a head"), head);
}

/// Promise 5: who holds a claim keeps others out until it ends.
pub async fn claims_exclude_and_expire(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let place = "claims_exclude_and_expire";
    let (journal, elsewhere) = (make(place).await, make(place).await);
    let scope = rotation("aaaa");
    let (one, two) = (runner("one"), runner("two"));
    let later = |seconds| now().checked_add(Duration::from_secs(seconds)).expect("in range");

    let first = journal.claim(&scope, &one, now(), TTL).await.expect("free");
    assert_eq!((&first.scope, &first.runner, first.until), (&scope, &one, later(60)));
    assert_eq!(first.epoch, journal.epoch(&scope).await.expect("an epoch"));
    assert_conflict(elsewhere.claim(&scope, &two, later(59), TTL).await, "a live claim of another");
    elsewhere.claim(&rotation("bbbb"), &two, now(), TTL).await.expect("another scope");

    let renewed = journal.renew(&first, later(30), TTL).await.expect("ours");
    assert_eq!((renewed.epoch, renewed.until), (first.epoch, later(90)));
    assert_conflict(elsewhere.claim(&scope, &two, later(89), TTL).await, "a renewed claim");
    let again = journal.claim(&scope, &one, later(30), TTL).await.expect("one's own");
    assert_eq!(again.epoch, first.epoch, "claiming what one holds is a renewal");

    let taken = elsewhere.claim(&scope, &two, later(90), TTL).await.expect("expired at that instant");
    assert_eq!(taken.epoch, first.epoch + 1, "taking it over raises the epoch");
    assert_conflict(journal.renew(&renewed, later(90), TTL).await, "it was taken");
    assert_conflict(journal.claim(&scope, &one, later(91), TTL).await, "it is another's now");
    journal.release(&renewed).await.expect("gone already, no error");
    assert_conflict(journal.claim(&scope, &one, later(91), TTL).await, "another's claim is not ours to release");

    elsewhere.release(&taken).await.expect("ours");
    elsewhere.release(&taken).await.expect("no error twice");
    assert_eq!(journal.epoch(&scope).await.expect("an epoch"), taken.epoch);
    assert_conflict(elsewhere.renew(&taken, later(91), TTL).await, "a claim that was given back");
    let third = journal.claim(&scope, &one, later(91), TTL).await.expect("given back");
    assert_eq!(third.epoch, taken.epoch + 1);
    let forever = journal.renew(&third, later(91), Duration::MAX).await.expect("ours");
    assert_conflict(elsewhere.claim(&scope, &two, later(1_000_000_000), TTL).await, "a claim without end");
    journal.release(&forever).await.expect("ours");

    // Whoever lost a claim and got it back holds the new one: the old one neither renews nor releases it.
    let back = rotation("cccc");
    let lost = journal.claim(&back, &one, now(), TTL).await.expect("free");
    elsewhere.claim(&back, &two, later(60), TTL).await.expect("expired");
    let regained = journal.claim(&back, &one, later(120), TTL).await.expect("expired");
    assert_eq!(regained.epoch, lost.epoch + 2);
    assert_conflict(journal.renew(&lost, later(121), TTL).await, "the claim of an earlier time");
    journal.release(&lost).await.expect("gone already, no error");
    assert_conflict(elsewhere.claim(&back, &two, later(121), TTL).await, "the regained claim lives");
}

/// Promise 6's other half: whoever reads its nonce back knows whether it landed.
pub async fn a_settled_append_knows_its_own(make: &impl AsyncFn(&str) -> Arc<dyn Journal>) {
    let journal = make("a_settled_append").await;
    let stream = StreamId::registry();
    let ours = append(&stream, &Head::empty(), 1, 2);
    let head = journal.append_settled(&ours).await.expect("free");
    let stored = journal.read(&stream, 0, 9).await.expect("lines");
    assert!(stored.iter().zip(&ours.lines).all(|(there, line)| there.nonce == line.nonce));
    assert_conflict(journal.append_settled(&append(&stream, &Head::empty(), 2, 1)).await, "somebody was first");
    assert_eq!(journal.append_settled(&append(&stream, &head, 2, 1)).await.expect("the right head").next_seq, 3);
}
