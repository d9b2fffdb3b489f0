//! The promises of [`ReKeyer`] for kinds that are found and read and have no steps: a person acts on them.
//!
//! The suites of kinds that move are `rekeyer` and `rekeyer_assign`. All hold the same trait to the same numbers.

use std::time::Duration;

use async_trait::async_trait;

use super::{Passage, eventually};
use crate::error::Landed;
use crate::model::{Dependent, KeyId, Kind};
use crate::ports::{Observation, Presence, ReKeyer, Reply, StepKind, StepRequest};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait ReadFixture: Passage {
    /// The port.
    fn port(&self) -> &dyn ReKeyer;

    /// The kind under test.
    fn kind(&self) -> Kind;

    /// A new key.
    async fn new_key(&self) -> KeyId;

    /// A new dependent that names this key, or none: Oracle's.
    async fn new_dependent(&self, key: Option<&KeyId>) -> Dependent;

    /// A new dependent of this key that is being made, and ready after a while; `None` if this kind knows no such thing.
    async fn unfinished_dependent(&self, key: &KeyId, within: Duration) -> Option<Dependent>;

    /// Somebody terminates the dependent and the service goes on showing it; `false` if this kind knows no such thing.
    async fn terminate(&self, dependent: &Dependent) -> bool;

    /// The service no longer shows the dependent.
    async fn forget(&self, dependent: &Dependent);

    /// Calls that would change something and reached the far end.
    async fn writes_arrived(&self) -> u64;
}

/// How long it takes until something is made.
const WHILES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(30)];

async fn observe(fixture: &dyn ReadFixture, dependent: &Dependent) -> Reply<Observation> {
    fixture.port().observe(dependent).await.expect("it can be observed")
}

/// Promises 1 and 10: it is described, constantly; it has no step, and a person is told what to do.
pub async fn a_kind_without_steps_says_what_a_person_does(fixture: &dyn ReadFixture) {
    let (port, kind) = (fixture.port(), fixture.kind());
    assert!(port.kinds().contains(&kind), "what is only read is looked for all the same");
    let spec = port.describe(&kind).expect("it describes what it says it reads");
    assert_eq!((&spec.steps_same_key, &spec.steps_new_key), (&Vec::new(), &Vec::new()));
    assert!(spec.remedy.as_ref().is_some_and(|remedy| remedy.len() > 20), "{:?}", spec.remedy);
    assert!(!spec.permissions.is_empty());
    assert!(!spec.permissions.iter().any(|name| name.starts_with("KEY_") || name.ends_with("_UPDATE")), "reads only");
    let (key, other) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(Some(&key)).await;
    let etag = observe(fixture, &dependent).await.etag;
    let before = fixture.writes_arrived().await;
    for step in [StepKind::AssignKey, StepKind::Rewrap] {
        let step = StepRequest { dependent: dependent.clone(), step, key: other.clone(), if_match: etag.clone() };
        let error = port.begin(&step).await.expect_err("it has no step");
        assert_eq!(error.landed(), Landed::No, "{error}");
    }
    assert_eq!(fixture.writes_arrived().await, before, "nothing was sent");
    assert_eq!(observe(fixture, &dependent).await.value.key, Some(key));
    assert_eq!(port.find(&dependent, fixture.now()).await.expect("looking is harmless").value, []);
    assert_eq!(port.describe(&kind), Some(spec));
}

/// Promise 2: the key is the owning service's word; what is gone is not visible.
pub async fn observe_sees_the_owning_service(fixture: &dyn ReadFixture) {
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(Some(&key)).await;
    let seen = observe(fixture, &dependent).await;
    assert_eq!((seen.value.presence, seen.value.key), (Presence::Ready, Some(key)));
    assert_eq!(seen.value.version, None, "no version is named");
    assert!(seen.server_date.is_some() && seen.request_id.is_some(), "an answer carries its witnesses");
    let oracles = fixture.new_dependent(None).await;
    assert_eq!(observe(fixture, &oracles).await.value.key, None);
    fixture.forget(&dependent).await;
    let gone = observe(fixture, &dependent).await;
    assert_eq!((gone.value.presence, gone.value.key), (Presence::NotVisible, None));
}

/// Promise 9: what is being made is busy until it is ready.
pub async fn what_is_being_made_is_busy(fixture: &dyn ReadFixture) {
    let key = fixture.new_key().await;
    // A busy machine may be slower than the shorter while; then nothing was seen and the longer one tells.
    let mut whiles = WHILES.into_iter();
    let (dependent, within) = loop {
        let within = whiles.next().expect("the longest while is longer than one read");
        let ready = fixture.now() + within;
        let Some(dependent) = fixture.unfinished_dependent(&key, within).await else { return };
        let seen = observe(fixture, &dependent).await;
        if fixture.now() < ready {
            assert_eq!((seen.value.presence, seen.value.key), (Presence::Busy, Some(key)));
            break (dependent, within);
        }
    };
    let is_ready =
        eventually(fixture, within, async || observe(fixture, &dependent).await.value.presence == Presence::Ready);
    assert!(is_ready.await, "it was made in the end");
}

/// Promise 9: what is terminated is still shown, and is not taken for something that needs anybody.
pub async fn what_is_terminated_is_said_to_be(fixture: &dyn ReadFixture) {
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(Some(&key)).await;
    if fixture.terminate(&dependent).await {
        assert_eq!(observe(fixture, &dependent).await.value.presence, Presence::Terminated);
    }
}
