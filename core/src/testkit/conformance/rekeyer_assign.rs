//! The promises of [`ReKeyer`] for kinds that are only assigned a key: no re-wrap, no work requests (block storage).
//!
//! The suite of kinds that re-wrap is `rekeyer`. Both hold the same trait to the same numbers.

use std::time::Duration;

use async_trait::async_trait;

use super::{Passage, eventually};
use crate::error::{ErrorKind, Landed};
use crate::model::{Dependent, Etag, KeyId, Kind, RekeyClass};
use crate::ports::{Begun, Observation, Presence, ReKeyer, Reply, StepKind, StepRequest};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait AssignFixture: Passage {
    /// The port.
    fn port(&self) -> &dyn ReKeyer;

    /// The kind under test.
    fn kind(&self) -> Kind;

    /// A new key, usable by what `new_dependent` makes.
    async fn new_key(&self) -> KeyId;

    /// A new dependent of this key, ready to be changed.
    async fn new_dependent(&self, key: &KeyId) -> Dependent;

    /// A new dependent of this key that is being made, and ready after a while.
    async fn unfinished_dependent(&self, key: &KeyId, within: Duration) -> Dependent;

    /// Somebody terminates the dependent; the service goes on showing it.
    async fn terminate(&self, dependent: &Dependent);

    /// The service no longer shows the dependent.
    async fn forget(&self, dependent: &Dependent);

    /// The far end will act on the next assignment and its answer will not arrive.
    async fn lose_next_assign_answer(&self);

    /// Somebody mints a version on the key; it is current when this returns.
    async fn mint(&self, key: &KeyId);

    /// Whether the data key really hangs on this key's current version; `None` if nobody can know.
    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool>;
}

fn step(dependent: &Dependent, key: &KeyId, if_match: Option<Etag>) -> StepRequest {
    StepRequest { dependent: dependent.clone(), step: StepKind::AssignKey, key: key.clone(), if_match }
}

async fn observe(fixture: &dyn AssignFixture, dependent: &Dependent) -> Reply<Observation> {
    fixture.port().observe(dependent).await.expect("it can be observed")
}

/// Promise 1: the description is constant, and it forbids what Oracle calls undefined.
pub async fn describe_is_constant(fixture: &dyn AssignFixture) {
    let (port, kind) = (fixture.port(), fixture.kind());
    assert!(port.kinds().contains(&kind));
    let before = port.describe(&kind).expect("it describes what it says it moves");
    assert_eq!(before.class, RekeyClass::Forbids);
    assert!(before.steps_same_key.is_empty(), "nothing may be done under the same key");
    assert_eq!(before.steps_new_key, [StepKind::AssignKey]);
    assert!(before.steps_undocumented.is_empty() || before.steps_undocumented == [StepKind::Reassign]);
    assert!(before.permissions.contains(&"KEY_ASSOCIATE".to_owned()));
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let etag = observe(fixture, &dependent).await.etag;
    port.begin(&step(&dependent, &second, etag)).await.expect("the key is assigned");
    assert_eq!(port.describe(&kind), Some(before));
}

/// Promise 2: a change is seen at once, under the etag that its answer carried; what is gone is not visible.
pub async fn observe_sees_the_owning_service(fixture: &dyn AssignFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let seen = observe(fixture, &dependent).await;
    assert_eq!((seen.value.presence, seen.value.key.as_ref()), (Presence::Ready, Some(&first)));
    assert_eq!(seen.value.version, None, "block storage names no version");
    assert!(seen.server_date.is_some() && seen.request_id.is_some(), "an answer carries its witnesses");
    let begun = fixture.port().begin(&step(&dependent, &second, seen.etag.clone())).await.expect("it is assigned");
    let after = observe(fixture, &dependent).await;
    assert_eq!(after.value.key.as_ref(), Some(&second));
    assert_eq!(after.etag, begun.etag, "the reply's etag is the witness of the change");
    assert!(after.etag.is_some() && after.etag != seen.etag);
    fixture.forget(&dependent).await;
    let gone = observe(fixture, &dependent).await;
    assert_eq!((gone.value.presence, gone.value.key), (Presence::NotVisible, None));
}

/// Promise 3: under a stale etag nothing is changed, and without one nothing is sent.
pub async fn a_stale_etag_changes_nothing(fixture: &dyn AssignFixture) {
    let (port, first, second) = (fixture.port(), fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let stale = observe(fixture, &dependent).await.etag;
    assert!(stale.is_some(), "a conditional step needs an etag");
    port.begin(&step(&dependent, &second, stale.clone())).await.expect("the etag is the one that was read");
    let error = port.begin(&step(&dependent, &first, stale)).await.expect_err("the etag is stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
    let error = port.begin(&step(&dependent, &first, None)).await.expect_err("a conditional step has an etag");
    assert_eq!(error.landed(), Landed::No, "{error}");
    assert_eq!(observe(fixture, &dependent).await.value.key, Some(second));
}

/// Promise 3: a step that the kind does not have is refused before anything is sent.
pub async fn there_is_no_rewrap(fixture: &dyn AssignFixture) {
    let key = fixture.new_key().await;
    let dependent = fixture.new_dependent(&key).await;
    let before = observe(fixture, &dependent).await.etag;
    let rewrap = StepRequest { step: StepKind::Rewrap, ..step(&dependent, &key, before.clone()) };
    let error = fixture.port().begin(&rewrap).await.expect_err("block storage has no re-wrap");
    assert_eq!(error.landed(), Landed::No, "{error}");
    assert_eq!(observe(fixture, &dependent).await.etag, before, "nothing was changed");
    let found = fixture.port().find(&dependent, fixture.now()).await.expect("looking for work requests is harmless");
    assert_eq!(found.value, []);
}

/// Promise 4: after a lost answer nobody says that nothing happened; reading tells.
pub async fn a_lost_answer_says_maybe(fixture: &dyn AssignFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    let etag = observe(fixture, &dependent).await.etag;
    fixture.lose_next_assign_answer().await;
    let error = fixture.port().begin(&step(&dependent, &second, etag.clone())).await.expect_err("the answer was lost");
    assert_eq!(error.landed(), Landed::Maybe, "{error}");
    let seen = observe(fixture, &dependent).await;
    assert_eq!(seen.value.key, Some(second), "the request itself had arrived");
    assert_ne!(seen.etag, etag);
}

/// Promise 8: once it is done the data key hangs on the new key.
pub async fn done_is_done(fixture: &dyn AssignFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    assert_ne!(fixture.hangs_on_current(&dependent, &first).await, Some(false));
    let etag = observe(fixture, &dependent).await.etag;
    let begun = fixture.port().begin(&step(&dependent, &second, etag)).await.expect("it is assigned");
    assert_eq!(begun.value, Begun::Done);
    assert_ne!(fixture.hangs_on_current(&dependent, &second).await, Some(false));
    assert_ne!(fixture.hangs_on_current(&dependent, &first).await, Some(true));
}

/// Promise 10: the key that it has is given to it again only where the description says so, under the etag that was
/// read; and then the data key is wrapped anew, under the version that is current.
pub async fn the_same_key_again_is_done_only_where_it_is_described(fixture: &dyn AssignFixture) {
    let (port, key) = (fixture.port(), fixture.new_key().await);
    let dependent = fixture.new_dependent(&key).await;
    let spec = port.describe(&fixture.kind()).expect("it describes what it says it moves");
    fixture.mint(&key).await;
    assert_ne!(fixture.hangs_on_current(&dependent, &key).await, Some(true), "a mint moves nothing");
    let before = observe(fixture, &dependent).await.etag;
    let again = |etag| StepRequest { step: StepKind::Reassign, ..step(&dependent, &key, etag) };
    if spec.steps_undocumented.is_empty() {
        let error = port.begin(&again(before.clone())).await.expect_err("the kind has no such step");
        assert_eq!(error.landed(), Landed::No, "{error}");
        assert_eq!(observe(fixture, &dependent).await.etag, before, "nothing was changed");
        return;
    }
    let error = port.begin(&again(None)).await.expect_err("a conditional step has an etag");
    assert_eq!(error.landed(), Landed::No, "{error}");
    let begun = port.begin(&again(before.clone())).await.expect("it is accepted");
    assert_eq!(begun.value, Begun::Done);
    assert_ne!(fixture.hangs_on_current(&dependent, &key).await, Some(false), "it was wrapped anew");
    let after = observe(fixture, &dependent).await;
    assert_eq!((after.value.key.as_ref(), &after.etag), (Some(&key), &begun.etag));
    let error = port.begin(&again(before)).await.expect_err("the etag is stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
}

/// Promise 9: what is being made refuses, is busy until it is ready, and takes a key then.
pub async fn what_is_being_made_is_busy(fixture: &dyn AssignFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    // A busy machine may be slower than the shorter while; then nothing was seen and the longer one tells.
    let mut whiles = [Duration::from_secs(3), Duration::from_secs(30)].into_iter();
    let (dependent, within) = loop {
        let within = whiles.next().expect("the longest while is longer than two calls");
        let ready = fixture.now() + within;
        let dependent = fixture.unfinished_dependent(&first, within).await;
        let seen = observe(fixture, &dependent).await;
        let begun = fixture.port().begin(&step(&dependent, &second, seen.etag)).await;
        if fixture.now() < ready {
            assert_eq!((seen.value.presence, seen.value.key.as_ref()), (Presence::Busy, Some(&first)));
            let error = begun.expect_err("it is being made");
            assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
            break (dependent, within);
        }
    };
    let is_ready =
        eventually(fixture, within, async || observe(fixture, &dependent).await.value.presence == Presence::Ready);
    assert!(is_ready.await, "it was made in the end");
    let seen = observe(fixture, &dependent).await;
    assert_eq!(seen.value.key, Some(first), "what was refused changed nothing");
    fixture.port().begin(&step(&dependent, &second, seen.etag)).await.expect("it takes a key now");
}

/// Promise 9: what is terminated is still shown, and is not taken for something to move.
pub async fn what_is_terminated_is_said_to_be(fixture: &dyn AssignFixture) {
    let (first, second) = (fixture.new_key().await, fixture.new_key().await);
    let dependent = fixture.new_dependent(&first).await;
    fixture.terminate(&dependent).await;
    let seen = observe(fixture, &dependent).await;
    assert_eq!(seen.value.presence, Presence::Terminated);
    let error = fixture.port().begin(&step(&dependent, &second, seen.etag)).await.expect_err("it is gone");
    assert_eq!(error.landed(), Landed::No, "{error}");
}
