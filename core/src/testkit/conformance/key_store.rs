//! The promises of [`KeyStore`].

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;

use super::{Passage, eventually};
use crate::error::{ErrorKind, Landed};
use crate::model::{
    CompartmentId, KeyId, KeyState, Margins, RequestId, RetryToken, Tags, Timestamp, VaultId, to_seconds,
};
use crate::ports::{KeyStore, KeyStoreExt, VersionMint};

/// What the suite needs from whoever runs it.
#[async_trait]
pub trait KeyStoreFixture: Passage {
    /// The port.
    fn port(&self) -> &dyn KeyStore;

    /// Bounds within which the far end's lags stay.
    fn margins(&self) -> Margins;

    /// The vault and compartment of the keys made by `new_key`.
    fn place(&self) -> (VaultId, CompartmentId);

    /// A new ENABLED AES key with one version.
    async fn new_key(&self) -> KeyId;

    /// A key of which only a replica can be reached.
    async fn replica_key(&self) -> KeyId;

    /// A key that is disabled.
    async fn disabled_key(&self) -> KeyId;

    /// The far end will act on the next mint and its answer will not arrive.
    async fn lose_next_mint_answer(&self);

    /// Mint requests that arrived at the far end so far.
    async fn mints_arrived(&self) -> u64;
}

/// A mint of a version of this key, dated now, under this token.
fn mint(fixture: &dyn KeyStoreFixture, key: &KeyId, token: &str) -> VersionMint {
    dated(key, token, to_seconds(fixture.now()))
}

fn dated(key: &KeyId, token: &str, date: Timestamp) -> VersionMint {
    let token = RetryToken::parse(token).expect("the suite's own token");
    VersionMint { key: key.clone(), token, date, body: String::new() }
}

async fn version_count(fixture: &dyn KeyStoreFixture, key: &KeyId) -> usize {
    fixture.port().all_versions(key).await.expect("versions can be listed").value.len()
}

/// Long enough for everything accepted so far to have acted and be listed.
async fn quiet(fixture: &dyn KeyStoreFixture) {
    let margins = fixture.margins();
    fixture.pass(margins.processing + margins.list_lag).await;
}

/// Promise 1: what was minted is listed, becomes current, and counts in the vault.
pub async fn keys_read_what_was_minted(fixture: &dyn KeyStoreFixture) {
    let (port, key) = (fixture.port(), fixture.new_key().await);
    let (vault, _) = fixture.place();
    let before = port.describe_key(&key).await.expect("a key can be described").value;
    assert_eq!((&before.id, before.state), (&key, KeyState::Enabled));
    let used = port.usage(&vault).await.expect("usage can be read").value;
    let minted = port.create_version(&mint(fixture, &key, "reads-1")).await.expect("a version is minted").value;
    assert_eq!(minted.key, key);
    assert_ne!(minted.id, before.current_version);
    quiet(fixture).await;
    let listed = port.all_versions(&key).await.expect("versions can be listed").value;
    let ids: BTreeSet<_> = listed.iter().map(|version| version.id.clone()).collect();
    assert_eq!(ids, BTreeSet::from([before.current_version, minted.id.clone()]));
    let is_current = eventually(fixture, fixture.margins().flip_deadline, async || {
        let key = port.describe_key(&key).await.expect("a key can be described").value;
        key.current_version == minted.id
    });
    assert!(is_current.await, "the minted version became current");
    let now_used = port.usage(&vault).await.expect("usage can be read").value;
    let total = |usage: crate::model::VaultUsage| usage.key_versions + usage.software_key_versions;
    assert_eq!(total(now_used), total(used) + 1);
}

/// Promise 2: one call, one request, also when its answer is lost.
pub async fn a_mint_is_sent_once(fixture: &dyn KeyStoreFixture) {
    let key = fixture.new_key().await;
    let before = fixture.mints_arrived().await;
    fixture.lose_next_mint_answer().await;
    let told = fixture.port().create_version(&mint(fixture, &key, "once-1")).await;
    assert!(told.is_err(), "an answer that was lost is no answer");
    quiet(fixture).await;
    assert_eq!(fixture.mints_arrived().await, before + 1);
}

/// Promise 3: `Maybe` after a lost answer, `No` only after a definitive refusal.
pub async fn a_lost_answer_says_maybe(fixture: &dyn KeyStoreFixture) {
    let key = fixture.new_key().await;
    fixture.lose_next_mint_answer().await;
    let error = fixture.port().create_version(&mint(fixture, &key, "lost-1")).await.expect_err("the answer was lost");
    assert_eq!(error.landed(), Landed::Maybe, "{error}");
    quiet(fixture).await;
    assert_eq!(version_count(fixture, &key).await, 2, "the request itself had arrived");

    let disabled = fixture.disabled_key().await;
    let error =
        fixture.port().create_version(&mint(fixture, &disabled, "lost-2")).await.expect_err("a disabled key refuses");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
}

/// Promise 4: a token used twice makes one version; another token makes another.
pub async fn one_token_one_version(fixture: &dyn KeyStoreFixture) {
    if !fixture.port().promises().retry_token {
        return;
    }
    let (port, key) = (fixture.port(), fixture.new_key().await);
    let first = port.create_version(&mint(fixture, &key, "token-1")).await.expect("a version is minted").value;
    fixture.pass(Duration::from_secs(1)).await;
    let again = port.create_version(&mint(fixture, &key, "token-1")).await.expect("the first answer again").value;
    assert_eq!(first.id, again.id);
    let other = port.create_version(&mint(fixture, &key, "token-2")).await.expect("a version is minted").value;
    assert_ne!(first.id, other.id);
    quiet(fixture).await;
    assert_eq!(version_count(fixture, &key).await, 3);
}

/// Promise 5: a date too far off, in either direction, has no effect.
pub async fn a_stale_date_is_refused(fixture: &dyn KeyStoreFixture) {
    if !fixture.port().promises().date_fence {
        return;
    }
    let key = fixture.new_key().await;
    let off = fixture.margins().skew_limit + Duration::from_secs(2);
    let now = to_seconds(fixture.now());
    for (token, date) in [("stale-1", now - off), ("stale-2", now + off + Duration::from_secs(1))] {
        let error = fixture.port().create_version(&dated(&key, token, date)).await.expect_err("the date is refused");
        assert_eq!((error.kind(), error.landed()), (ErrorKind::Denied, Landed::No), "{error}");
    }
    quiet(fixture).await;
    assert_eq!(version_count(fixture, &key).await, 1);
}

/// Promise 6: nothing is minted at a replica.
pub async fn a_replica_refuses_to_mint(fixture: &dyn KeyStoreFixture) {
    let key = fixture.replica_key().await;
    let error = fixture.port().create_version(&mint(fixture, &key, "replica-1")).await.expect_err("replicas refuse");
    assert_eq!(error.landed(), Landed::No, "{error}");
    quiet(fixture).await;
    // A port may refuse to read at a replica too; if it does read, nothing was minted.
    if let Ok(listed) = fixture.port().all_versions(&key).await {
        assert_eq!(listed.value.len(), 1);
    }
}

/// Promise 7: a listing followed to its end shows everything once.
pub async fn paging_is_complete(fixture: &dyn KeyStoreFixture) {
    let (vault, compartment) = fixture.place();
    let mut made = BTreeSet::new();
    for _ in 0..7 {
        made.insert(fixture.new_key().await);
    }
    let (mut listed, mut cursor, mut parts) = (Vec::new(), None, 0);
    loop {
        let page = fixture.port().list_keys(&vault, &compartment, cursor).await.expect("keys can be listed").value;
        listed.extend(page.items.into_iter().map(|key| key.id));
        parts += 1;
        assert!(parts < 1000, "a listing ends");
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let distinct: BTreeSet<_> = listed.iter().cloned().collect();
    assert_eq!(distinct.len(), listed.len(), "nothing is listed twice");
    assert!(made.is_subset(&distinct), "everything is listed");
}

/// Promise 8: date and request id come with answers and with answered errors, and no two ids are equal.
pub async fn answers_carry_witnesses(fixture: &dyn KeyStoreFixture) {
    let (port, key) = (fixture.port(), fixture.new_key().await);
    let (vault, _) = fixture.place();
    let mut seen: Vec<(Option<Timestamp>, Option<RequestId>)> = Vec::new();
    let described = port.describe_key(&key).await.expect("a key can be described");
    assert!(described.etag.is_some(), "a key has an etag");
    seen.push((described.server_date, described.request_id));
    let described = port.describe_vault(&vault).await.expect("a vault can be described");
    seen.push((described.server_date, described.request_id));
    let listed = port.list_versions(&key, None).await.expect("versions can be listed");
    seen.push((listed.server_date, listed.request_id));
    let minted = port.create_version(&mint(fixture, &key, "witness-1")).await.expect("a version is minted");
    seen.push((minted.server_date, minted.request_id));
    let unknown = KeyId::parse("ocid1.key.oc1..nowhere.aaaanothing").expect("an OCID");
    let error = port.describe_key(&unknown).await.expect_err("nobody knows this key");
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let disabled = fixture.disabled_key().await;
    let error = port.create_version(&mint(fixture, &disabled, "witness-2")).await.expect_err("a disabled key refuses");
    seen.push((error.server_date(), error.request_id().cloned()));

    let now = fixture.now();
    for (date, _) in &seen {
        let date = date.expect("an answer carries the far end's date");
        assert_eq!(date, to_seconds(date), "in whole seconds");
        assert!(now.duration_since(date).unsigned_abs() < Duration::from_secs(120), "of the present");
    }
    let ids: BTreeSet<_> = seen.iter().map(|(_, id)| id.clone().expect("an answer carries its request id")).collect();
    assert_eq!(ids.len(), seen.len());
}

/// `promises().if_match`: tags are replaced under the etag that was read, and under no other.
pub async fn a_stale_etag_changes_nothing(fixture: &dyn KeyStoreFixture) {
    if !fixture.port().promises().if_match {
        return;
    }
    let (port, key) = (fixture.port(), fixture.new_key().await);
    let stale = port.describe_key(&key).await.expect("a key can be described").etag.expect("a key has an etag");
    let tagged = |value: &str| {
        let mut tags = Tags::default();
        tags.freeform.insert("owner".to_owned(), value.to_owned());
        tags
    };
    let changed = port.set_tags(&key, &tagged("first"), &stale).await.expect("the etag is the one that was read");
    assert_eq!(changed.value.tags, tagged("first"));
    let error = port.set_tags(&key, &tagged("second"), &stale).await.expect_err("the etag is stale");
    assert_eq!((error.kind(), error.landed()), (ErrorKind::Conflict, Landed::No), "{error}");
    assert_eq!(port.describe_key(&key).await.expect("a key can be described").value.tags, tagged("first"));
}
