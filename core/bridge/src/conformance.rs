//! core's conformance suites against ports and fixtures of a host language.
//!
//! The host answers for both through one call: the port's methods by their names, the fixture's with `fixture.` before
//! them. Every promise is tried, and each says whether it was kept.
#![allow(clippy::disallowed_methods, reason = "a fixture's short questions are asked from a thread of the runtime's")]

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use keywheel::model::{
    Compartment, CompartmentId, Dependent, KeyId, Kind, LineHash, Margins, Region, ResourceId, StepKind, Timestamp,
    VaultId,
};
use keywheel::ports::{AuditSink, KeyStore, Notifier, ReKeyer, ResourceCatalog};
use keywheel::testkit::conformance::{
    Passage, audit_sink, audit_sink::AuditSinkFixture, catalog, catalog::CatalogFixture, catalog::Copied,
    catalog::Wanted, key_store, key_store::KeyStoreFixture, notifier, notifier::NotifierFixture, rekeyer,
    rekeyer::ReKeyerFixture, rekeyer_assign, rekeyer_assign::AssignFixture,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::foreign::{Guest, Sort};
use crate::free::write;
use crate::guests::{GuestCatalog, GuestKeyStore, GuestNotifier, GuestReKeyer, GuestSink};
use crate::runtime::Runtime;
use crate::{Answer, Failure, Foreign};

/// The suites that [`check`] knows.
pub const SUITES: &[&str] = &["audit_sink", "catalog", "key_store", "notifier", "rekeyer"];

/// One promise, and how it was broken, if it was.
#[derive(Debug, Serialize)]
struct Tried {
    suite: &'static str,
    promise: &'static str,
    broken: Option<String>,
}

/// Tries every promise of a port, one after the other, in this thread; a JSON list of `{suite, promise, broken}`.
pub fn check(suite: &str, host: Arc<dyn Foreign>) -> Answer {
    let runtime = Runtime::current()?;
    let host = Host { guest: Guest::new(host, Arc::default()), handle: runtime.handle().clone() };
    let tried = runtime.enter(suite, host.tried(suite))??;
    write("check", &tried)
}

/// A host's port and fixture.
#[derive(Clone)]
struct Host {
    guest: Guest,
    handle: tokio::runtime::Handle,
}

/// A port as it was met, beside the fixture that goes with it.
struct With<P: ?Sized> {
    host: Host,
    port: Arc<P>,
}

macro_rules! every {
    ($suite:ident, $fixture:expr, [$($promise:ident),* $(,)?]) => {{
        let mut tried = Vec::new();
        $(
            let ended = AssertUnwindSafe($suite::$promise($fixture)).catch_unwind().await;
            let broken = ended.err().map(|panic| said(&*panic));
            tried.push(Tried { suite: stringify!($suite), promise: stringify!($promise), broken });
        )*
        tried
    }};
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

impl Host {
    async fn tried(&self, suite: &str) -> Result<Vec<Tried>, Box<Failure>> {
        let guest = || self.guest.clone();
        Ok(match suite {
            "audit_sink" => {
                let port = GuestSink::meet(guest()).await?;
                let fixture = With { host: self.clone(), port };
                every!(
                    audit_sink,
                    &fixture,
                    [
                        an_entry_may_come_twice,
                        a_fork_is_refused,
                        recorded_means_durable,
                        what_is_held_last_is_told_or_not_known,
                    ]
                )
            }
            "catalog" => {
                let fixture = With { host: self.clone(), port: GuestCatalog::meet(guest()) };
                every!(
                    catalog,
                    &fixture,
                    [
                        every_pass_ends_with_coverage,
                        what_is_listed_is_found,
                        what_is_terminated_is_left_out,
                        a_denied_compartment_is_a_verdict,
                        a_cursor_survives_its_process,
                        a_candidate_keeps_its_id,
                        tags_are_checked_again,
                        pages_are_homogeneous,
                        a_hint_is_the_services_word,
                    ]
                )
            }
            "key_store" => {
                let fixture = With { host: self.clone(), port: GuestKeyStore::meet(guest()).await? };
                every!(
                    key_store,
                    &fixture,
                    [
                        keys_read_what_was_minted,
                        a_mint_is_sent_once,
                        a_lost_answer_says_maybe,
                        one_token_one_version,
                        a_stale_date_is_refused,
                        a_replica_refuses_to_mint,
                        paging_is_complete,
                        answers_carry_witnesses,
                        a_stale_etag_changes_nothing,
                    ]
                )
            }
            "notifier" => {
                let fixture = With { host: self.clone(), port: GuestNotifier::meet(guest()).await? };
                every!(notifier, &fixture, [a_notice_carries_its_dedupe_key, ok_means_accepted])
            }
            "rekeyer" => self.tried_rekeyer().await?,
            other => {
                return Err(Failure::refused("check", format!("there is no suite {other:?}; there are {SUITES:?}")));
            }
        })
    }

    /// Kinds that re-wrap have other promises to keep than kinds that are only assigned a key.
    async fn tried_rekeyer(&self) -> Result<Vec<Tried>, Box<Failure>> {
        let fixture = With { host: self.clone(), port: GuestReKeyer::meet(self.guest.clone()).await? };
        let kind: Kind = self.guest.ask("fixture.kind", Sort::Look, &json!({})).await?;
        let Some(spec) = fixture.port.describe(&kind) else {
            return Err(Failure::refused("check", format!("the port does not move a {kind}, which its fixture makes")));
        };
        Ok(if spec.steps_same_key.contains(&StepKind::Rewrap) {
            every!(
                rekeyer,
                &fixture,
                [
                    describe_is_constant,
                    observe_sees_the_owning_service,
                    a_stale_etag_changes_nothing,
                    a_lost_answer_says_maybe,
                    a_ticket_can_be_polled,
                    find_shows_what_was_begun,
                    tickets_are_polled_together,
                ]
            )
        } else {
            every!(
                rekeyer_assign,
                &fixture,
                [
                    describe_is_constant,
                    observe_sees_the_owning_service,
                    a_stale_etag_changes_nothing,
                    there_is_no_rewrap,
                    a_lost_answer_says_maybe,
                    done_is_done,
                    the_same_key_again_is_done_only_where_it_is_described,
                    what_is_being_made_is_busy,
                    what_is_terminated_is_said_to_be,
                ]
            )
        })
    }

    /// Asks the fixture; one that fails is no broken promise of the port's, and the message says so.
    async fn fixture<T: DeserializeOwned>(&self, method: &'static str, arguments: Value) -> T {
        let answer = self.guest.ask(method, Sort::Look, &arguments).await;
        answer.unwrap_or_else(|error| panic!("the fixture failed, not the port: {error}"))
    }

    /// The same where the suite does not wait: the answer comes from another thread.
    fn at_once<T: DeserializeOwned + Send + 'static>(&self, method: &'static str) -> T {
        let (sender, receiver) = mpsc::channel();
        let guest = self.guest.clone();
        self.handle.spawn(async move { drop(sender.send(guest.ask(method, Sort::Look, &json!({})).await)) });
        let answer = receiver.recv().expect("the runtime answers");
        answer.unwrap_or_else(|error| panic!("the fixture failed, not the port: {error}"))
    }
}

#[async_trait]
impl<P: ?Sized + Send + Sync> Passage for With<P> {
    fn now(&self) -> Timestamp {
        self.host.at_once("fixture.now")
    }

    async fn pass(&self, by: Duration) {
        self.host.fixture::<()>("fixture.pass_time", json!({ "by": by })).await;
    }
}

#[async_trait]
impl AuditSinkFixture for With<dyn AuditSink> {
    fn reopened(&self) -> Arc<dyn AuditSink> {
        self.host.at_once::<()>("fixture.reopened");
        Arc::clone(&self.port)
    }

    async fn recorded(&self) -> Vec<LineHash> {
        self.host.fixture("fixture.recorded", json!({})).await
    }
}

#[async_trait]
impl CatalogFixture for With<dyn ResourceCatalog> {
    fn fresh_port(&self) -> Arc<dyn ResourceCatalog> {
        self.host.at_once::<()>("fixture.fresh_port");
        Arc::clone(&self.port)
    }

    fn region(&self) -> Region {
        self.host.at_once("fixture.region")
    }

    fn kind(&self) -> Kind {
        self.host.at_once("fixture.kind")
    }

    fn key(&self) -> KeyId {
        self.host.at_once("fixture.key")
    }

    fn search_lag(&self) -> Duration {
        self.host.at_once("fixture.search_lag")
    }

    async fn new_compartment(&self) -> Compartment {
        self.host.fixture("fixture.new_compartment", json!({})).await
    }

    // A catalog of the host's reads no policies (`ResourceCatalog::policies` has its default there), and the law is
    // silent about one that says so: the host has nothing to build for it.
    async fn compartment_below(&self, _: &CompartmentId) -> Compartment {
        self.new_compartment().await
    }

    async fn add_policy(&self, _: Option<&CompartmentId>, _: &str, _: &str) -> ResourceId {
        ResourceId::parse("ocid1.policy.oc1..unread").expect("an OCID")
    }

    // A fixture of the host's makes one kind of resource, without copies elsewhere.
    async fn make_copied(&self, _: &CompartmentId, _: &KeyId) -> Option<Copied> {
        None
    }

    async fn make(&self, wanted: &Wanted) -> ResourceId {
        let tags: std::collections::BTreeMap<_, _> = wanted.tags.iter().cloned().collect();
        let wanted = json!({ "compartment": wanted.compartment, "name": wanted.name, "tags": tags, "key": wanted.key });
        self.host.fixture("fixture.make", wanted).await
    }

    async fn terminate(&self, id: &ResourceId) -> bool {
        self.host.fixture("fixture.terminate", json!({ "id": id })).await
    }

    async fn deny(&self, compartment: &CompartmentId) {
        self.host.fixture::<()>("fixture.deny", json!({ "compartment": compartment })).await;
    }
}

#[async_trait]
impl KeyStoreFixture for With<dyn KeyStore> {
    fn port(&self) -> &dyn KeyStore {
        &*self.port
    }

    fn margins(&self) -> Margins {
        self.host.at_once("fixture.margins")
    }

    fn place(&self) -> (VaultId, CompartmentId) {
        self.host.at_once("fixture.place")
    }

    async fn new_key(&self) -> KeyId {
        self.host.fixture("fixture.new_key", json!({})).await
    }

    async fn replica_key(&self) -> KeyId {
        self.host.fixture("fixture.replica_key", json!({})).await
    }

    async fn disabled_key(&self) -> KeyId {
        self.host.fixture("fixture.disabled_key", json!({})).await
    }

    async fn lose_next_mint_answer(&self) {
        self.host.fixture::<()>("fixture.lose_next_mint_answer", json!({})).await;
    }

    async fn mints_arrived(&self) -> u64 {
        self.host.fixture("fixture.mints_arrived", json!({})).await
    }
}

#[async_trait]
impl NotifierFixture for With<dyn Notifier> {
    fn port(&self) -> &dyn Notifier {
        &*self.port
    }

    async fn accepted(&self) -> Vec<String> {
        self.host.fixture("fixture.accepted", json!({})).await
    }

    async fn refuse_next(&self) -> bool {
        self.host.fixture("fixture.refuse_next", json!({})).await
    }
}

#[async_trait]
impl ReKeyerFixture for With<dyn ReKeyer> {
    fn port(&self) -> &dyn ReKeyer {
        &*self.port
    }

    fn work_request_deadline(&self) -> Duration {
        self.host.at_once("fixture.work_request_deadline")
    }

    async fn new_key(&self) -> KeyId {
        self.host.fixture("fixture.new_key", json!({})).await
    }

    async fn new_dependent(&self, key: &KeyId) -> Dependent {
        self.host.fixture("fixture.new_dependent", json!({ "key": key })).await
    }

    async fn delete(&self, dependent: &Dependent) {
        self.host.fixture::<()>("fixture.delete", json!({ "dependent": dependent })).await;
    }

    async fn lose_next_rewrap_answer(&self) {
        self.host.fixture::<()>("fixture.lose_next_answer", json!({})).await;
    }

    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool> {
        self.host.fixture("fixture.hangs_on_current", json!({ "dependent": dependent, "key": key })).await
    }
}

#[async_trait]
impl AssignFixture for With<dyn ReKeyer> {
    fn port(&self) -> &dyn ReKeyer {
        &*self.port
    }

    fn kind(&self) -> Kind {
        self.host.at_once("fixture.kind")
    }

    async fn new_key(&self) -> KeyId {
        self.host.fixture("fixture.new_key", json!({})).await
    }

    async fn new_dependent(&self, key: &KeyId) -> Dependent {
        self.host.fixture("fixture.new_dependent", json!({ "key": key })).await
    }

    async fn unfinished_dependent(&self, key: &KeyId, within: Duration) -> Dependent {
        self.host.fixture("fixture.unfinished_dependent", json!({ "key": key, "within": within })).await
    }

    async fn terminate(&self, dependent: &Dependent) {
        self.host.fixture::<()>("fixture.terminate", json!({ "dependent": dependent })).await;
    }

    async fn forget(&self, dependent: &Dependent) {
        self.host.fixture::<()>("fixture.delete", json!({ "dependent": dependent })).await;
    }

    async fn lose_next_assign_answer(&self) {
        self.host.fixture::<()>("fixture.lose_next_answer", json!({})).await;
    }

    async fn mint(&self, key: &KeyId) {
        self.host.fixture::<()>("fixture.mint", json!({ "key": key })).await;
    }

    async fn hangs_on_current(&self, dependent: &Dependent, key: &KeyId) -> Option<bool> {
        self.host.fixture("fixture.hangs_on_current", json!({ "dependent": dependent, "key": key })).await
    }
}
