//! The promises of [`ReKeyer`] for a source that can be told another key: an OKE node pool.
//!
//! Conditional like block storage, and yet it goes on under a work request. What the source makes is not looked at here.

use std::time::Duration;

use async_trait::async_trait;

use super::{Passage, eventually};
use crate::error::{ErrorKind, Landed};
use crate::model::{Dependent, Etag, KeyId, Kind, RekeyClass, WorkRequestId, to_seconds};
use crate::ports::{
    Begun, Observation, Presence, ReKeyer, Reply, StepKind, StepRequest, Ticket, TicketReport, TicketState,
};

/// Whether a pool replaces its nodes when it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycling {
    /// It leaves them as they are.
    Off,
    /// It replaces them.
    On,
}

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait SourceFixture: Passage {
    /// The port.
    fn port(&self) -> &dyn ReKeyer;

    /// Within which a work request ends.
    fn work_request_deadline(&self) -> Duration;

    /// A new key, usable by what `new_pool` makes.
    async fn new_key(&self) -> KeyId;

    /// A new pool of this key; its details, apart from the key, are this JSON object.
    async fn new_pool(&self, key: &KeyId, settings: &str, cycling: Cycling) -> Dependent;

    /// What its details are now, apart from the key.
    async fn settings_of(&self, pool: &Dependent) -> String;

    /// The far end will act on the next update and its answer will not arrive.
    async fn lose_next_update_answer(&self);
}

const PLAIN: &str = r#"{"size":3}"#;

fn step(dependent: &Dependent, key: &KeyId, if_match: Option<Etag>) -> StepRequest {
    StepRequest { dependent: dependent.clone(), step: StepKind::AssignKey, key: key.clone(), if_match }
}

async fn observe(fixture: &dyn SourceFixture, dependent: &Dependent) -> Reply<Observation> {
    fixture.port().observe(dependent).await.expect("it can be observed")
}

async fn begin(fixture: &dyn SourceFixture, dependent: &Dependent, key: &KeyId) -> WorkRequestId {
    let etag = observe(fixture, dependent).await.etag;
    match fixture.port().begin(&step(dependent, key, etag)).await.expect("an update begins").value {
        Begun::Working(work_request) => work_request,
        Begun::Done => panic!("an update of a pool goes on under a work request"),
    }
}

async fn poll(fixture: &dyn SourceFixture, dependent: &Dependent, work_request: &WorkRequestId) -> TicketReport {
    let ticket = Ticket { work_request: work_request.clone(), dependent: dependent.id.clone() };
    let polled = fixture.port().poll(&[ticket], std::slice::from_ref(dependent)).await.expect("it can be polled");
    polled.value.into_iter().next().expect("one report for each ticket")
}

async fn ended(fixture: &dyn SourceFixture, dependent: &Dependent, work_request: &WorkRequestId) {
    let deadline = fixture.work_request_deadline();
    let is_done = eventually(fixture, deadline, async || {
        let report = poll(fixture, dependent, work_request).await;
        assert!(matches!(report.state, TicketState::Working | TicketState::Completed), "{report:?}");
        assert!(report.accepted_at.is_some());
        assert_eq!(report.finished_at.is_some(), report.state == TicketState::Completed);
        report.state == TicketState::Completed
    });
    assert!(is_done.await, "the work request ended");
}

/// Promises 1, 5 and 9: described as a source; busy while it is changed; on the new key once the ticket has ended.
pub async fn a_pool_gets_its_key_when_its_work_request_has_ended(fixture: &dyn SourceFixture) {
    let spec = fixture.port().describe(&Kind::NodePool).expect("it is described");
    assert_eq!((spec.class, spec.remedy.as_ref()), (RekeyClass::Source, None));
    assert_eq!((spec.steps_same_key, spec.steps_new_key), (vec![], vec![StepKind::AssignKey]));
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, PLAIN, Cycling::Off).await;
    let seen = observe(fixture, &pool).await;
    assert_eq!((seen.value.presence, seen.value.key.as_ref()), (Presence::Ready, Some(&first)));
    let work_request = begin(fixture, &pool, &second).await;
    ended(fixture, &pool, &work_request).await;
    let after = observe(fixture, &pool).await;
    assert_eq!((after.value.presence, after.value.key), (Presence::Ready, Some(second)));
    assert!(after.etag.is_some() && after.etag != seen.etag);
    let unknown = WorkRequestId::parse("wr-nobody-handed-out").expect("a token");
    assert_eq!(poll(fixture, &pool, &unknown).await.state, TicketState::Lost);
}

/// Promise 3, and what no service documents: nothing but the key is changed, whatever else a pool has.
pub async fn everything_else_is_sent_back_as_it_was(fixture: &dyn SourceFixture) {
    let settings = serde_json::json!({
        "size": 5, "nsgIds": ["ocid1.nsg.a", "ocid1.nsg.b"], "isPvEncryptionInTransitEnabled": true,
        "placementConfigs": [{ "availabilityDomain": "AD-1", "subnetId": "ocid1.subnet.a", "faultDomains": ["FD-2"] }],
        "aFieldOfTomorrow": { "nested": [1, 2.5, "x"] },
    });
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, &settings.to_string(), Cycling::Off).await;
    let work_request = begin(fixture, &pool, &second).await;
    ended(fixture, &pool, &work_request).await;
    let left: serde_json::Value = serde_json::from_str(&fixture.settings_of(&pool).await).expect("JSON");
    assert_eq!(left, settings);
}

/// Promise 3: under a stale etag nothing is changed, and without one nothing is sent.
pub async fn a_stale_etag_changes_nothing(fixture: &dyn SourceFixture) {
    let (port, first, second) = (fixture.port(), fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, PLAIN, Cycling::Off).await;
    let stale = observe(fixture, &pool).await.etag;
    let work_request = begin(fixture, &pool, &second).await;
    ended(fixture, &pool, &work_request).await;
    let error = port.begin(&step(&pool, &first, stale)).await.expect_err("the etag is stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
    let error = port.begin(&step(&pool, &first, None)).await.expect_err("a conditional step has an etag");
    assert_eq!(error.landed(), Landed::No, "{error}");
    let rewrap = StepRequest { step: StepKind::Rewrap, ..step(&pool, &first, None) };
    assert_eq!(port.begin(&rewrap).await.expect_err("it has no re-wrap").landed(), Landed::No);
    assert_eq!(observe(fixture, &pool).await.value.key, Some(second));
}

/// Promise 4: after a lost answer nobody says that nothing happened; reading tells, in the end.
pub async fn a_lost_answer_says_maybe(fixture: &dyn SourceFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, PLAIN, Cycling::Off).await;
    let etag = observe(fixture, &pool).await.etag;
    fixture.lose_next_update_answer().await;
    let error = fixture.port().begin(&step(&pool, &second, etag)).await.expect_err("the answer was lost");
    assert_eq!(error.landed(), Landed::Maybe, "{error}");
    let deadline = fixture.work_request_deadline();
    let is_on = eventually(fixture, deadline, async || {
        let seen = observe(fixture, &pool).await.value;
        seen.presence == Presence::Ready && seen.key.as_ref() == Some(&second)
    });
    assert!(is_on.await, "the request itself had arrived");
}

/// Whose change would replace nodes is refused before anything is sent.
pub async fn a_pool_that_would_replace_its_nodes_is_left_alone(fixture: &dyn SourceFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, PLAIN, Cycling::On).await;
    let etag = observe(fixture, &pool).await.etag;
    let error = fixture.port().begin(&step(&pool, &second, etag.clone())).await.expect_err("its nodes run something");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Refused, Landed::No), "{error}");
    let after = observe(fixture, &pool).await;
    assert_eq!((after.value.key, after.etag), (Some(first), etag));
}

/// Promise 6: what was begun since is found, and nothing of other pools.
pub async fn find_shows_what_was_begun(fixture: &dyn SourceFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let pool = fixture.new_pool(&first, PLAIN, Cycling::Off).await;
    let other = fixture.new_pool(&first, PLAIN, Cycling::Off).await;
    let since = to_seconds(fixture.now());
    let work_request = begin(fixture, &pool, &second).await;
    begin(fixture, &other, &second).await;
    let found = fixture.port().find(&pool, since).await.expect("work requests can be found").value;
    assert_eq!(found.iter().map(|report| &report.ticket.work_request).collect::<Vec<_>>(), [&work_request]);
    let later = fixture.now() + Duration::from_secs(60);
    assert_eq!(fixture.port().find(&pool, later).await.expect("work requests can be found").value, []);
}
