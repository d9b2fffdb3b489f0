//! The promises of [`AuditSink`].

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{ErrorKind, Landed};
use crate::model::{LineHash, StreamId, Timestamp};
use crate::ports::{AuditEntry, AuditSink, LastHeld};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait AuditSinkFixture: Send + Sync {
    /// The port; opened anew each time, over the same storage.
    fn reopened(&self) -> Arc<dyn AuditSink>;

    /// Ids the storage holds now, in no order.
    async fn recorded(&self) -> Vec<LineHash>;
}

fn entry(stream: &str, seq: u64, id: char) -> AuditEntry {
    AuditEntry {
        id: LineHash::stored(id.to_string().repeat(64)),
        stream: StreamId::stored(stream),
        seq,
        at: Timestamp::UNIX_EPOCH,
        text: format!(r#"{{"seq":{seq},"fact":"{id}"}}"#),
    }
}

async fn has(fixture: &dyn AuditSinkFixture, entry: &AuditEntry) -> bool {
    fixture.recorded().await.contains(&entry.id)
}

/// Promise 1: the same entry again is the same, alone or among new ones.
pub async fn an_entry_may_come_twice(fixture: &dyn AuditSinkFixture) {
    let (first, second) = (entry("r/twice", 0, 'a'), entry("r/twice", 1, 'b'));
    fixture.reopened().record(std::slice::from_ref(&first)).await.expect("an entry is recorded");
    let again = [first.clone(), second.clone()];
    fixture.reopened().record(&again).await.expect("an entry may come again");
    assert!(has(fixture, &first).await && has(fixture, &second).await);
}

/// Whether it only takes: it can never say what it holds, and so cannot compare.
async fn only_takes(fixture: &dyn AuditSinkFixture) -> bool {
    let last = fixture.reopened().last_held(&StreamId::stored("r/asked")).await.expect("it can be asked").value;
    last == LastHeld::CannotSay
}

/// Promise 2: another id at a place is a fork, and nothing of that call is recorded. What only takes loses neither history.
pub async fn a_fork_is_refused(fixture: &dyn AuditSinkFixture) {
    let (first, forged, next) = (entry("r/fork", 0, 'c'), entry("r/fork", 0, 'd'), entry("r/fork", 1, 'e'));
    let both = [entry("r/both", 0, '5'), entry("r/both", 0, '6')];
    let error = fixture.reopened().record(&both).await.expect_err("a call that contradicts itself");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Fork, Landed::No), "{error}");
    assert!(!has(fixture, &both[0]).await && !has(fixture, &both[1]).await, "nothing of the call is recorded");
    fixture.reopened().record(std::slice::from_ref(&first)).await.expect("an entry is recorded");
    if only_takes(fixture).await {
        fixture.reopened().record(&[next.clone(), forged.clone()]).await.expect("it cannot know");
        assert!(has(fixture, &first).await && has(fixture, &forged).await, "both histories can be read");
        return;
    }
    let error = fixture.reopened().record(&[next.clone(), forged.clone()]).await.expect_err("a fork is refused");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Fork, Landed::No), "{error}");
    assert!(has(fixture, &first).await, "the first history stays");
    assert!(!has(fixture, &forged).await, "the other does not come in");
    assert!(!has(fixture, &next).await, "nothing of the call is recorded");
}

/// Promise 3: what was recorded is there when the sink is opened anew.
pub async fn recorded_means_durable(fixture: &dyn AuditSinkFixture) {
    let entries = [entry("r/durable", 0, 'f'), entry("r/durable", 1, '0')];
    let sink = fixture.reopened();
    sink.record(&entries).await.expect("entries are recorded");
    assert!(!sink.name().is_empty());
    drop(sink);
    if !only_takes(fixture).await {
        let forged = entry("r/durable", 1, '1');
        let error = fixture.reopened().record(&[forged]).await.expect_err("the sink remembers");
        assert_eq!(error.kind(), ErrorKind::Fork, "{error}");
    }
    assert!(has(fixture, &entries[0]).await && has(fixture, &entries[1]).await);
}

/// Promise 4: the highest number of a stream with its id, whatever came again since; or "cannot say", always.
pub async fn what_is_held_last_is_told_or_not_known(fixture: &dyn AuditSinkFixture) {
    let entries = [entry("r/last", 0, '2'), entry("r/last", 1, '3'), entry("r/last/p/1", 0, '4')];
    let stream = &entries[0].stream;
    let before = fixture.reopened().last_held(stream).await.expect("it can be asked").value;
    fixture.reopened().record(&entries).await.expect("entries are recorded");
    fixture.reopened().record(&entries[..1]).await.expect("an entry may come again");
    let after = fixture.reopened().last_held(stream).await.expect("it can be asked").value;
    if before == LastHeld::CannotSay {
        assert_eq!(after, LastHeld::CannotSay, "a sink that cannot say never can");
        return;
    }
    assert_eq!(before, LastHeld::Nothing);
    assert_eq!(after, LastHeld::Entry { seq: 1, id: entries[1].id.clone() });
}
