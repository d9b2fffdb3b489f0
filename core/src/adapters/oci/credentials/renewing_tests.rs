//! When a session is fetched and when not: by a clock that is turned by hand and a source that counts.

use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use data_encoding::BASE64URL_NOPAD;
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::*;

struct ByHand(StdMutex<Timestamp>);

impl ByHand {
    fn turn(&self, seconds: u64) {
        let mut now = self.0.lock().expect("not poisoned");
        *now = now.saturating_add(Duration::from_secs(seconds)).expect("in range");
    }
}

#[async_trait]
impl Clock for ByHand {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("not poisoned")
    }

    async fn sleep_until(&self, _at: Timestamp) {
        unreachable!("nothing here waits")
    }
}

/// Hands out sessions of an hour.
struct Counting {
    fetches: AtomicUsize,
    down: AtomicBool,
    same: AtomicBool,
    changed: AtomicBool,
}

#[async_trait]
impl Source for Arc<Counting> {
    async fn fetch(&self, now: Timestamp) -> Result<Session> {
        let fetch = self.fetches.fetch_add(1, Ordering::SeqCst);
        // Lets everybody else who waits come to the gate.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(Error::from_service("fetch", 503, "ServiceUnavailable", "down"));
        }
        let name = if self.same.load(Ordering::SeqCst) { 0 } else { fetch };
        Ok(Session::until_it_ends(key(), hour(now, name), now))
    }

    fn has_changed(&self) -> bool {
        self.changed.swap(false, Ordering::SeqCst)
    }
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::read(include_bytes!("fixtures/pkcs8.pem"), None).expect("a key"))
}

fn hour(now: Timestamp, name: usize) -> Token {
    let payload = format!("{{\"exp\":{},\"jti\":\"{name}\"}}", now.as_second() + 3600);
    Token::parse(&format!("aGVhZA.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes()))).expect("a token")
}

struct Bench {
    clock: Arc<ByHand>,
    source: Arc<Counting>,
    renewing: Renewing<Arc<Counting>>,
}

impl Bench {
    fn new() -> Self {
        let clock = Arc::new(ByHand(StdMutex::new("2026-11-22T19:00:00Z".parse().expect("a timestamp"))));
        let off = || AtomicBool::new(false);
        let source = Arc::new(Counting { fetches: AtomicUsize::new(0), down: off(), same: off(), changed: off() });
        let renewing = Renewing::new(Arc::clone(&source), Arc::clone(&clock) as Arc<dyn Clock>);
        Self { clock, source, renewing }
    }

    fn key_id(&self) -> Result<String> {
        run(self.renewing.key_id())
    }

    fn fetches(&self) -> usize {
        self.source.fetches.load(Ordering::SeqCst)
    }
}

/// Runs what only yields.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    (0..100).find_map(|_| future.as_mut().now_or_never()).expect("it only yields")
}

#[test]
fn a_session_serves_until_a_minute_before_it_ends() {
    let bench = Bench::new();
    let first = bench.key_id().expect("a session");
    bench.clock.turn(3539);
    assert_eq!(bench.key_id().expect("the same"), first);
    assert_eq!(bench.fetches(), 1);
    bench.clock.turn(1);
    assert_ne!(bench.key_id().expect("the next"), first);
    assert_eq!(bench.fetches(), 2);
}

#[test]
fn a_hundred_who_wait_are_served_by_one_fetch() {
    let bench = Bench::new();
    let all = run(join_all((0..100).map(|_| bench.renewing.key_id())));
    assert!(all.iter().all(|one| one.as_ref().is_ok_and(|id| Some(id) == all[0].as_ref().ok())));
    assert_eq!(bench.fetches(), 1);
    bench.clock.turn(10);
    let refreshed = run(join_all((0..100).map(|_| bench.renewing.refresh())));
    assert!(refreshed.iter().all(|one| matches!(one, Ok(Refreshed::Renewed))));
    assert_eq!(bench.fetches(), 2);
}

#[test]
fn a_hundred_who_wait_share_one_failure() {
    let bench = Bench::new();
    bench.source.down.store(true, Ordering::SeqCst);
    let all = run(join_all((0..100).map(|_| bench.renewing.key_id())));
    assert!(all.iter().all(|one| one.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unavailable)));
    assert_eq!(bench.fetches(), 1);
    bench.source.down.store(false, Ordering::SeqCst);
    assert!(bench.key_id().is_err(), "it rests for some seconds");
    bench.clock.turn(5);
    assert!(bench.key_id().is_ok());
}

#[test]
fn a_session_that_has_not_ended_outlives_a_failure() {
    let bench = Bench::new();
    let first = bench.key_id().expect("a session");
    bench.source.down.store(true, Ordering::SeqCst);
    bench.clock.turn(3545);
    assert_eq!(bench.key_id().expect("it lives for 55 s more"), first);
    assert_eq!(bench.key_id().expect("nobody is asked again at once"), first);
    assert_eq!(bench.fetches(), 2);
    bench.clock.turn(55);
    assert!(bench.key_id().is_err(), "it has ended");
}

#[test]
fn a_failure_says_that_nothing_landed() {
    let bench = Bench::new();
    bench.source.down.store(true, Ordering::SeqCst);
    assert_eq!(bench.key_id().expect_err("down").landed(), crate::Landed::No);
    bench.clock.turn(60);
    assert_eq!(run(bench.renewing.refresh()).expect_err("down").landed(), crate::Landed::No);
}

#[test]
fn what_has_changed_is_fetched_within_seconds() {
    let bench = Bench::new();
    let first = bench.key_id().expect("a session");
    bench.source.changed.store(true, Ordering::SeqCst);
    bench.clock.turn(4);
    assert_eq!(bench.key_id().expect("not looked yet"), first);
    bench.clock.turn(1);
    assert_ne!(bench.key_id().expect("looked"), first);
}

#[test]
fn a_refresh_says_whether_asking_again_makes_sense() {
    let bench = Bench::new();
    bench.source.same.store(true, Ordering::SeqCst);
    let at_first: Timestamp = bench.clock.now();
    bench.key_id().expect("a session");
    // The same instant: a token of the same second with the same name is the same token.
    assert_eq!(bench.clock.now(), at_first);
    assert_eq!(run(bench.renewing.refresh()).expect("fetched"), Refreshed::Same);
    bench.source.same.store(false, Ordering::SeqCst);
    assert_eq!(run(bench.renewing.refresh()).expect("fetched"), Refreshed::Renewed);
}

#[test]
fn a_session_of_seconds_is_not_fetched_for_every_request() {
    let bench = Bench::new();
    let now = bench.clock.now();
    let payload = format!("{{\"exp\":{}}}", now.as_second() + 10);
    let text = format!("aGVhZA.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes()));
    let session = Session::until_it_ends(key(), Token::parse(&text).expect("a token"), now);
    assert_eq!(session.renew_at.expect("it ends").duration_since(now).as_secs(), 5);
}
