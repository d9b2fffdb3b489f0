//! The promises of [`ReKeyer`].

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::{Passage, eventually};
use crate::error::{ErrorKind, Landed};
use crate::model::{Dependent, KeyId, Kind, WorkRequestId, to_seconds};
use crate::ports::{Begun, Presence, ReKeyer, StepKind, StepRequest, Ticket, TicketState};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait ReKeyerFixture: Passage {
    /// The port.
    fn port(&self) -> &dyn ReKeyer;

    /// Within which a work request ends.
    fn work_request_deadline(&self) -> Duration;

    /// A new key, usable by what `new_dependent` makes.
    async fn new_key(&self) -> KeyId;

    /// A new dependent of this key, of a kind with `AssignKey` and `Rewrap`.
    async fn new_dependent(&self, key: &KeyId) -> Dependent;

    /// Somebody deletes the dependent.
    async fn delete(&self, dependent: &Dependent);

    /// The far end will act on the next re-wrap and its answer will not arrive.
    async fn lose_next_rewrap_answer(&self);

    /// Whether the data really hangs on this key's current version; `None` if nobody can know.
    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool>;
}

fn rewrap(dependent: &Dependent, key: &KeyId) -> StepRequest {
    StepRequest { dependent: dependent.clone(), step: StepKind::Rewrap, key: key.clone(), if_match: None }
}

async fn work_on(fixture: &dyn ReKeyerFixture, dependent: &Dependent, key: &KeyId) -> WorkRequestId {
    let begun = fixture.port().begin(&rewrap(dependent, key)).await.expect("a re-wrap begins").value;
    match begun {
        Begun::Working(work_request) => work_request,
        Begun::Done => panic!("a re-wrap of this kind goes on under a work request"),
    }
}

/// Promise 1: what a kind can do does not depend on when one asks; unknown kinds are not moved.
pub async fn describe_is_constant(fixture: &dyn ReKeyerFixture) {
    let port = fixture.port();
    let kinds = port.kinds();
    assert!(!kinds.is_empty());
    let before: Vec<_> = kinds.iter().map(|kind| port.describe(kind)).collect();
    assert!(before.iter().all(Option::is_some), "it describes what it says it moves");
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(&key).await;
    work_on(fixture, &dependent, &key).await;
    let after: Vec<_> = kinds.iter().map(|kind| port.describe(kind)).collect();
    assert_eq!(before, after);
    assert_eq!(port.describe(&Kind::Other("no-such-kind".to_owned())), None);
}

/// Promise 2: a change is seen at once, and what is gone is not visible.
pub async fn observe_sees_the_owning_service(fixture: &dyn ReKeyerFixture) {
    let (port, first, second) = (fixture.port(), fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let seen = port.observe(&dependent).await.expect("it can be observed");
    assert_eq!((seen.value.presence, seen.value.key.as_ref()), (Presence::Ready, Some(&first)));
    assert!(seen.server_date.is_some() && seen.request_id.is_some(), "an answer carries its witnesses");
    let assign = StepRequest {
        dependent: dependent.clone(),
        step: StepKind::AssignKey,
        key: second.clone(),
        if_match: seen.etag,
    };
    let begun = port.begin(&assign).await.expect("the key is assigned");
    assert_eq!(begun.value, Begun::Done);
    let after = port.observe(&dependent).await.expect("it can be observed");
    assert_eq!(after.value.key.as_ref(), Some(&second));
    assert_eq!(after.etag, begun.etag, "the reply's etag is the witness of the change");
    fixture.delete(&dependent).await;
    let gone = port.observe(&dependent).await.expect("404 is an observation");
    assert_eq!((gone.value.presence, gone.value.key), (Presence::NotVisible, None));
}

/// Promise 3: under a stale etag nothing is changed.
pub async fn a_stale_etag_changes_nothing(fixture: &dyn ReKeyerFixture) {
    let (port, first, second) = (fixture.port(), fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let stale = port.observe(&dependent).await.expect("it can be observed").etag;
    assert!(stale.is_some(), "a conditional step needs an etag");
    let assign = |key: &KeyId| StepRequest {
        dependent: dependent.clone(),
        step: StepKind::AssignKey,
        key: key.clone(),
        if_match: stale.clone(),
    };
    port.begin(&assign(&second)).await.expect("the etag is the one that was read");
    let error = port.begin(&assign(&first)).await.expect_err("the etag is stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
    assert_eq!(port.observe(&dependent).await.expect("it can be observed").value.key, Some(second));
}

/// Promise 4: after a lost answer nobody says that nothing happened.
pub async fn a_lost_answer_says_maybe(fixture: &dyn ReKeyerFixture) {
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(&key).await;
    let since = to_seconds(fixture.now());
    fixture.lose_next_rewrap_answer().await;
    let error = fixture.port().begin(&rewrap(&dependent, &key)).await.expect_err("the answer was lost");
    assert_eq!(error.landed(), Landed::Maybe, "{error}");
    let found = fixture.port().find(&dependent, since).await.expect("work requests can be found").value;
    assert_eq!(found.len(), 1, "the request itself had arrived, once");
}

/// Promise 5: a ticket goes from working to completed, and the data has moved by then.
pub async fn a_ticket_can_be_polled(fixture: &dyn ReKeyerFixture) {
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(&key).await;
    let ticket = Ticket { work_request: work_on(fixture, &dependent, &key).await, dependent: dependent.id.clone() };
    let unknown = Ticket {
        work_request: WorkRequestId::parse("wr-nobody-handed-out").expect("a token"),
        dependent: dependent.id.clone(),
    };
    let dependents = [dependent.clone()];
    let is_done = eventually(fixture, fixture.work_request_deadline(), async || {
        let tickets = [ticket.clone(), unknown.clone()];
        let reports = fixture.port().poll(&tickets, &dependents).await.expect("tickets can be polled").value;
        let state = |ticket: &Ticket| reports.iter().find(|report| report.ticket == *ticket).map(|r| r.state.clone());
        assert_eq!(state(&unknown), Some(TicketState::Lost), "nobody knows this work request");
        let ours = state(&ticket).expect("a ticket that was handed out is known");
        assert!(matches!(ours, TicketState::Working | TicketState::Completed), "{ours:?}");
        let report = reports.iter().find(|report| report.ticket == ticket).expect("found just now");
        assert_eq!(report.finished_at.is_some(), ours == TicketState::Completed);
        assert!(report.accepted_at.is_some());
        ours == TicketState::Completed
    });
    assert!(is_done.await, "the work request ended");
    assert_ne!(fixture.hangs_on_current(&dependent, &key).await, Some(false));
}

/// Promise 6: everything begun at or after an instant is found, and nothing of other dependents.
pub async fn find_shows_what_was_begun(fixture: &dyn ReKeyerFixture) {
    let key = fixture.new_key().await;
    let (one, other) = (fixture.new_dependent(&key).await, fixture.new_dependent(&key).await);
    let earlier = work_on(fixture, &one, &key).await;
    fixture.pass(Duration::from_secs(3)).await;
    let since = to_seconds(fixture.now());
    work_on(fixture, &other, &key).await;
    let later = work_on(fixture, &one, &key).await;
    let ids = async |since| {
        let found = fixture.port().find(&one, since).await.expect("work requests can be found").value;
        found.into_iter().map(|report| report.ticket.work_request).collect::<BTreeSet<_>>()
    };
    assert_eq!(ids(since).await, BTreeSet::from([later.clone()]));
    let before = since - Duration::from_secs(60);
    assert_eq!(ids(before).await, BTreeSet::from([earlier, later]));
}

/// Promise 7: one call answers for several dependents.
pub async fn tickets_are_polled_together(fixture: &dyn ReKeyerFixture) {
    let key = fixture.new_key().await;
    let (mut tickets, mut dependents) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let dependent = fixture.new_dependent(&key).await;
        let work_request = work_on(fixture, &dependent, &key).await;
        tickets.push(Ticket { work_request, dependent: dependent.id.clone() });
        dependents.insert(0, dependent);
    }
    let reports = fixture.port().poll(&tickets, &dependents).await.expect("tickets can be polled").value;
    let answered: BTreeSet<_> = reports.iter().map(|report| report.ticket.clone()).collect();
    assert_eq!(answered, tickets.into_iter().collect());
    assert_eq!(reports.len(), answered.len(), "one report for each");
    assert!(reports.iter().all(|report| report.state != TicketState::Lost));
}
