//! Notices wait together, leave together, and fail together.

use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::*;
use crate::memory::{ManualClock, RecordingNotifier};
use crate::model::LineHash;
use crate::ports::Severity;
use crate::testkit::executor::run;

fn clock() -> ManualClock {
    ManualClock::new("2026-11-22T12:00:00Z".parse().expect("an instant"))
}

fn notice(number: usize) -> Notice {
    Notice {
        dedupe_key: format!("r{number}:accounted"),
        severity: Severity::Info,
        title: format!("rotation r{number}"),
        body: "three of three\n".to_owned(),
        rotation: None,
        chain_head: LineHash::stored(format!("{number:064}")),
    }
}

fn over(inner: Arc<dyn Notifier>, clock: &ManualClock, per_minute: u32) -> Digests {
    let policy = DigestPolicy { per_minute, ..DigestPolicy::default() };
    Digests::new(inner, Arc::new(clock.clone()), policy)
}

/// Refuses the first so many notices.
struct Sulking {
    inner: Arc<RecordingNotifier>,
    refusals: AtomicU32,
    error: fn() -> Error,
}

#[async_trait]
impl Notifier for Sulking {
    fn name(&self) -> String {
        "sulking".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let left = self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if left.is_ok() {
            return Err((self.error)());
        }
        self.inner.notify(notice).await
    }
}

#[test]
fn one_notice_goes_as_it_is() {
    let (clock, far) = (clock(), RecordingNotifier::new());
    let digests = over(Arc::clone(&far) as _, &clock, 50);
    let reply = digests.notify(&notice(1)).now_or_never().expect("nothing to wait for").expect("taken");
    assert_eq!((reply.value.as_str(), far.notices()), ("notice-1", vec![notice(1)]));
}

#[test]
fn what_exceeds_the_minute_waits_and_goes_together_with_every_key_and_head() {
    let (clock, far) = (clock(), RecordingNotifier::new());
    let digests = over(Arc::clone(&far) as _, &clock, 2);
    let start = clock.now();
    let mut given: Vec<_> = (0..9).map(notice).collect();
    given[7].severity = Severity::Critical;
    for one in &given[..2] {
        digests.notify(one).now_or_never().expect("the minute has room").expect("taken");
    }
    let replies = run(&clock, join_all(given[2..].iter().map(|one| digests.notify(one))));
    assert!(clock.now() >= start + Duration::from_secs(60), "the third waits for a minute");
    let notices = far.notices();
    assert_eq!(notices.len(), 3, "seven go as one: {notices:#?}");
    assert!(replies.iter().all(|reply| reply.as_ref().expect("taken").value == "notice-3"), "{replies:?}");
    let digest = &notices[2];
    assert_eq!(digest.severity, Severity::Critical);
    assert_eq!(digest.title, "rotation r7 (and 6 more notices)", "what needs a person stands first");
    for one in &given[2..] {
        let text = format!("notice {}\nchain head {}\n", one.dedupe_key, one.chain_head);
        assert!(digest.body.contains(&text), "{text:?} in {}", digest.body);
    }
    assert!(!digest.body.contains("r0:accounted"), "what was sent is not sent again");
}

#[test]
fn a_digest_is_never_longer_than_a_message_may_be() {
    let (clock, far) = (clock(), RecordingNotifier::new());
    let digests = over(Arc::clone(&far) as _, &clock, 50);
    let given: Vec<_> = (0..40).map(|number| Notice { body: "\"\n".repeat(1500), ..notice(number) }).collect();
    let replies = run(&clock, join_all(given.iter().map(|one| digests.notify(one))));
    assert!(replies.iter().all(Result::is_ok));
    let notices = far.notices();
    assert!(notices.len() > 5, "{}", notices.len());
    assert!(notices.iter().all(|notice| json_bytes(&notice.body) <= DigestPolicy::default().bytes_max));
    for one in &given {
        assert_eq!(notices.iter().filter(|sent| is_in(sent, one)).count(), 1, "{}", one.dedupe_key);
    }
}

fn is_in(sent: &Notice, one: &Notice) -> bool {
    sent.dedupe_key == one.dedupe_key || sent.body.contains(&format!("notice {}\n", one.dedupe_key))
}

#[test]
fn too_many_from_elsewhere_is_waited_out_and_counts_as_no_failure() {
    let (clock, inner) = (clock(), RecordingNotifier::new());
    let error = || Error::from_service("notify", 429, "TooManyRequests", "slow down");
    let far = Sulking { inner: Arc::clone(&inner), refusals: 3.into(), error };
    let digests = over(Arc::new(far), &clock, 50);
    let start = clock.now();
    run(&clock, digests.notify(&notice(1))).expect("taken in the end");
    assert_eq!((inner.notices().len(), clock.now()), (1, start + SILENCE * 3));

    let far = Sulking { inner, refusals: 100.into(), error };
    let error = run(&clock, over(Arc::new(far), &clock, 50).notify(&notice(2))).expect_err("for ever is too long");
    assert_eq!(error.kind(), ErrorKind::Throttled);
}

#[test]
fn a_failure_is_everybodys_who_went_along_and_says_what_it_said() {
    let (clock, inner) = (clock(), RecordingNotifier::new());
    let error = || {
        Error::new(ErrorKind::Unavailable, "notify", "nobody is there").may_have_landed().with("region", "somewhere")
    };
    let far = Sulking { inner: Arc::clone(&inner), refusals: 2.into(), error };
    let digests = over(Arc::new(far), &clock, 1);
    let given: Vec<_> = (0..5).map(notice).collect();
    let replies = run(&clock, join_all(given.iter().map(|one| digests.notify(one))));
    for reply in &replies {
        let error = reply.as_ref().expect_err("one alone, four together");
        assert_eq!((error.kind(), error.landed()), (ErrorKind::Unavailable, Landed::Maybe));
        assert_eq!((error.message(), error.context()), ("nobody is there", &[("region", "somewhere".to_owned())][..]));
    }
    assert_eq!(inner.notices(), []);
}

#[test]
fn whoever_is_dropped_while_waiting_takes_nobodys_notice_along() {
    let (clock, far) = (clock(), RecordingNotifier::new());
    let digests = over(Arc::clone(&far) as _, &clock, 1);
    digests.notify(&notice(0)).now_or_never().expect("the minute has room").expect("taken");
    let (one, two) = (notice(1), notice(2));
    let mut first = digests.notify(&one);
    assert!((&mut first).now_or_never().is_none(), "it holds the turn and waits for the minute");
    let mut second = digests.notify(&two);
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    run(&clock, second).expect("taken");
    assert_eq!(far.notices(), vec![notice(0), notice(2)]);
}

#[test]
fn notifiers_of_one_far_end_count_together_in_one_process() {
    let (clock, far) = (clock(), RecordingNotifier::new());
    let policy = DigestPolicy { per_minute: 1, ..DigestPolicy::default() };
    let one = Digests::of_process(Arc::clone(&far) as _, Arc::new(clock.clone()), policy);
    let two = Digests::of_process(Arc::clone(&far) as _, Arc::new(clock.clone()), policy);
    one.notify(&notice(1)).now_or_never().expect("the minute has room").expect("taken");
    assert!(two.notify(&notice(2)).now_or_never().is_none(), "the other has filled it");
    run(&clock, two.notify(&notice(2))).expect("taken");
    assert_eq!(far.notices().len(), 2);
}
