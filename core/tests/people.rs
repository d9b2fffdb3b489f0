//! What people do to a rotation: pause, resume, cancel, ask twice, start two runners; and what they are told.

use std::sync::Arc;

use futures_util::FutureExt;
use keywheel::memory::{MemoryAuditSink, NotYet, RecordingNotifier};
use keywheel::model::{Request, When};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{Lab, executor};
use keywheel::{ErrorKind, Rotated, Rotator, Started};

fn open(lab: &Lab, rotator: &Rotator, when: When) -> keywheel::Result<Started> {
    lab.run(rotator.start(&Request { key: lab.key.clone(), when, actor: None }))
}

fn opened(lab: &Lab, rotator: &Rotator) -> keywheel::model::RotationId {
    match open(lab, rotator, When::IfDue) {
        Ok(Started::Open(rotation)) => rotation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rotation_may_be_cancelled_before_the_pivot_and_its_name_goes_to_the_next_ordinal() {
    let lab = Lab::with_buckets(3);
    let rotator = lab.rotator();
    let first = opened(&lab, &rotator);
    lab.run(rotator.cancel(&first, None)).expect("nothing was minted");
    let second = opened(&lab, &rotator);
    assert_ne!(first, second);
    let rotated = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn a_cancelled_rotation_is_not_started_again_before_its_date() {
    let lab = Lab::with_buckets(1);
    let rotator = lab.rotator();
    let rotation = opened(&lab, &rotator);
    let until = lab.clock.now() + std::time::Duration::from_secs(86_400);
    lab.run(rotator.cancel(&rotation, Some(until))).expect("nothing was minted");
    assert!(matches!(lab.run(rotator.rotate(&lab.key)), Ok(Rotated::NotDue { next: Some(next), .. }) if next == until));
    lab.clock.advance_to(until);
    assert!(matches!(lab.run(rotator.rotate(&lab.key)), Ok(Rotated::Completed(_))));
}

#[test]
fn a_rotation_killed_after_its_last_fact_is_resumed_by_closing_the_books() {
    let lab = Lab::with_buckets(1);
    let points = Points::new(At::parse("append completed:after"));
    lab.run_until_crash(&points, lab.mortal_rotator(&points, 0).rotate(&lab.key));
    let rotator = lab.mortal_rotator(&Points::new(At::Nowhere), 1);
    let rotation = lab.run(rotator.list()).expect("a journal")[0].rotation.clone();
    assert!(matches!(lab.run(rotator.resume(&rotation)), Ok(Rotated::Completed(_))));
    assert!(lab.run(rotator.list()).expect("a journal").is_empty());
    assert!(matches!(lab.run(rotator.resume(&rotation)), Ok(Rotated::Completed(_))), "and once more does no harm");
}

#[test]
fn after_the_intent_of_a_mint_there_is_only_forward() {
    let lab = Lab::with_buckets(2);
    let points = Points::new(At::parse("create_version:before"));
    lab.run_until_crash(&points, lab.mortal_rotator(&points, 0).rotate(&lab.key));
    let rotator = lab.mortal_rotator(&Points::new(At::Nowhere), 1);
    let rotation = lab.run(rotator.list()).expect("a journal")[0].rotation.clone();
    let error = lab.run(rotator.cancel(&rotation, None)).expect_err("a version may have been minted");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(matches!(lab.run(rotator.resume(&rotation)), Ok(Rotated::Completed(_))));
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn a_pause_is_seen_by_the_runner_at_its_next_append_and_loses_nothing() {
    let lab = Lab::with_buckets(12);
    let (driver, person) = (lab.rotator(), lab.rotator());
    let rotation = opened(&lab, &driver);
    let drive = async {
        let rotated = driver.rotate(&lab.key).await.expect("a pause is no error");
        assert!(matches!(rotated, Rotated::Paused { .. }), "{rotated:?}");
    };
    let pause = async {
        while lab.world.minted_by_us(&lab.key) == 0 {
            let soon = lab.clock.now() + std::time::Duration::from_millis(10);
            keywheel::ports::Clock::sleep_until(&lab.clock, soon).await;
        }
        person.pause(&rotation, "change freeze").await.expect("it is open");
    };
    executor::run_all(&lab.clock, vec![drive.boxed_local(), pause.boxed_local()]);
    let report = lab.run(person.status(&rotation)).expect("it exists");
    assert!(report.summary.paused.is_some_and(|why| why.contains("change freeze")));
    assert!(matches!(lab.run(person.resume(&rotation)), Ok(Rotated::Completed(_))));
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn two_runners_at_once_make_one_rotation_and_one_version() {
    let lab = Lab::with_buckets(6);
    let points = Points::new(At::Nowhere);
    let runners: Vec<_> = (0..3).map(|nth| lab.mortal_rotator(&points, nth)).collect();
    let tasks = runners.iter().map(|runner| runner.rotate(&lab.key).boxed_local()).collect();
    let results = executor::run_all(&lab.clock, tasks);
    let completed = results.iter().filter(|result| matches!(result, Ok(Rotated::Completed(_)))).count();
    assert!(completed >= 1, "{results:?}");
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    }
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
    assert_eq!(lab.run(runners[0].history(None)).expect("a journal").len(), 1);
}

#[test]
fn asking_twice_with_one_request_id_rotates_once() {
    let lab = Lab::with_buckets(2);
    let rotator = lab.rotator();
    let wish = || When::Now { supersedes: None, request_id: Some("ticket-7".to_owned()) };
    let Ok(Started::Open(rotation)) = open(&lab, &rotator, wish()) else { panic!("a request id is enough") };
    lab.run(rotator.resume(&rotation)).expect("nothing goes wrong");
    assert_eq!(open(&lab, &rotator, wish()).expect("it is remembered"), Started::Ended(rotation));
    let bare = open(&lab, &rotator, When::Now { supersedes: None, request_id: None });
    assert_eq!(bare.expect_err("the version is younger than min_age").kind(), ErrorKind::Refused);
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn a_plan_writes_nothing_anywhere() {
    let lab = Lab::with_buckets(5);
    let plan = lab.run(lab.rotator().plan(&lab.key)).expect("nothing goes wrong");
    assert_eq!(plan.total(), 5);
    assert_eq!(plan.refusal, None);
    assert_eq!(lab.world.writes(), 0);
    assert!(lab.journal.lengths().is_empty(), "a plan appends nothing");
}

#[test]
fn a_rotation_that_runs_out_of_time_goes_on_in_the_next_run() {
    let lab = Lab::with_buckets(8);
    let rotator = lab.rotator();
    let rotation = opened(&lab, &rotator);
    let mut runs = 0;
    loop {
        runs += 1;
        assert!(runs < 50, "it does not get ahead");
        match lab.run(rotator.run_for(&rotation, std::time::Duration::from_secs(1))).expect("nothing goes wrong") {
            Rotated::OutOfTime { .. } => {}
            Rotated::Completed(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(runs > 1, "it was never out of time");
    assert_eq!(lab.world.minted_by_us(&lab.key), 1);
}

#[test]
fn not_yet_is_answered_before_each_gate_opens() {
    let lab = Lab::with_buckets(3);
    lab.run(lab.rotator().rotate(&lab.key)).expect("nothing goes wrong");
    for which in [NotYet::Flip, NotYet::Replica, NotYet::WorkRequest] {
        assert!(lab.world.not_yets(which) > 0, "{which:?} was ready at once: the gate was never tried");
    }
}

#[test]
fn people_are_told_once_with_the_head_of_the_chain() {
    let lab = Lab::with_buckets(3);
    let notifier = RecordingNotifier::new();
    let sink = MemoryAuditSink::new();
    let ports = lab.ports().notifier(Arc::clone(&notifier) as _).audit_sink(Arc::clone(&sink) as _);
    let rotator = Rotator::with_ports(lab.settings.clone(), ports);
    lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    let notices = notifier.notices();
    assert_eq!(notices.len(), 1);
    assert!(notices[0].body.contains(notices[0].chain_head.as_str()));
    assert!(notices[0].title.starts_with("TEST"), "a rehearsal says so");
    let entries = sink.entries();
    assert!(entries.len() > 20, "{} entries", entries.len());
    let main = entries.iter().filter(|entry| !entry.stream.as_str().contains("/p/"));
    assert!(main.enumerate().all(|(place, entry)| entry.seq == place as u64), "the copy has gaps: no chain to check");
    assert!(entries.iter().any(|entry| entry.text.contains("\"completed\"")));
}

/// A key store that makes fewer promises than the one under it.
struct Promising(keywheel::ports::Ports, keywheel::ports::KeyStorePromises);

impl Promising {
    fn rotator(self, settings: &keywheel::model::Settings) -> Rotator {
        let inner = Arc::clone(&self.0.key_store);
        let mut store = keywheel::testkit::doubles::MockKeyStore::new();
        store.expect_promises().return_const(self.1);
        let source = Arc::clone(&inner);
        store.expect_describe_key().returning(move |key| source.describe_key(key).now_or_never().expect("in memory"));
        let source = Arc::clone(&inner);
        store.expect_describe_vault().returning(move |v| source.describe_vault(v).now_or_never().expect("in memory"));
        let source = Arc::clone(&inner);
        store
            .expect_list_versions()
            .returning(move |key, cursor| source.list_versions(key, cursor).now_or_never().expect("in memory"));
        store.expect_usage().returning(move |vault| inner.usage(vault).now_or_never().expect("in memory"));
        Rotator::with_ports(settings.clone(), keywheel::ports::Ports { key_store: Arc::new(store), ..self.0 })
    }
}

#[test]
fn without_token_and_fence_nothing_is_minted_and_without_one_only_by_name() {
    use keywheel::model::Risk;
    use keywheel::ports::KeyStorePromises;
    let lab = Lab::with_buckets(1);
    let wish = Request { key: lab.key.clone(), when: When::IfDue, actor: None };
    let start = |retry_token, date_fence, accepted: &[Risk]| {
        let mut settings = lab.settings.clone();
        settings.policy.accept_risks = accepted.iter().copied().collect();
        let promises = KeyStorePromises { retry_token, date_fence, if_match: true };
        lab.run(Promising(lab.ports(), promises).rotator(&settings).start(&wish))
    };
    let both = [Risk::NoDateFence, Risk::NoRetryToken];
    assert_eq!(start(false, false, &both).expect_err("nothing guards").kind(), ErrorKind::Refused);
    let error = start(true, false, &[Risk::NoRetryToken]).expect_err("another risk was accepted");
    assert!(error.to_string().contains("NoDateFence"), "{error}");
    assert!(matches!(start(true, false, &[Risk::NoDateFence]), Ok(Started::Open(_))));
}

#[test]
fn a_register_needs_if_match_and_fast_needs_tokens() {
    use keywheel::model::{Ambiguity, Risk, TagName};
    use keywheel::ports::KeyStorePromises;
    let lab = Lab::with_buckets(1);
    let wish = Request { key: lab.key.clone(), when: When::IfDue, actor: None };
    let all = KeyStorePromises { retry_token: true, date_fence: true, if_match: true };
    let start = |promises, settings: &_| lab.run(Promising(lab.ports(), promises).rotator(settings).start(&wish));
    let mut settings = lab.settings.clone();
    settings.policy.intent_register = Some(TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() });
    let error = start(KeyStorePromises { if_match: false, ..all }, &settings).expect_err("etags are not compared");
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("intent_register"), "{error}");
    let mut settings = lab.settings.clone();
    settings.policy.ambiguity = Ambiguity::Fast;
    settings.policy.accept_risks = [Risk::NoRetryToken].into();
    let error = start(KeyStorePromises { retry_token: false, ..all }, &settings).expect_err("nothing to trust");
    assert!(error.to_string().contains("fast"), "{error}");
    assert!(matches!(start(KeyStorePromises { if_match: false, ..all }, &lab.settings), Ok(Started::Open(_))));
}

#[test]
fn what_search_shows_late_is_found_by_list_and_search_is_asked_before_the_end() {
    let mut lab = Lab::with_buckets(2);
    lab.settings.tag = Some(keywheel::model::TagSelector {
        namespace: None,
        key: "backup-encryption".to_owned(),
        value: "enabled".to_owned(),
    });
    let home = keywheel::model::Region::parse(keywheel::testkit::HOME).expect("valid");
    let fresh = lab.world.add_bucket(&home, &lab.compartments[0], "fresh").key(&lab.key);
    let fresh = fresh.tag("backup-encryption", "enabled").created(lab.clock.now()).done();
    lab.buckets.push(fresh);
    lab.run(lab.rotator().rotate(&lab.key)).expect("nothing goes wrong");
    assert!(lab.world.not_yets(NotYet::Search) > 0, "search showed it at once: its lag was never met");
    assert_eq!(lab.not_on(&lab.current()), []);
}

#[test]
fn a_conflict_that_the_cloud_reports_is_a_failed_try_and_not_a_lost_race() {
    let lab = Lab::with_buckets(1);
    let settings = &lab.settings;
    lab.world.faults(keywheel::memory::FaultPlan::new().status_before(
        "replication",
        keywheel::memory::Strikes::Every,
        409,
        "IncorrectState",
    ));
    let rotated = lab.run(lab.rotator().rotate(&lab.key)).expect("a spent budget is no error");
    let Rotated::Paused { why, .. } = rotated else { panic!("{rotated:?}") };
    assert!(why.contains(&format!("failed {} times", settings.budgets.attempts)), "{why}");
}

#[test]
fn a_cancel_that_died_before_the_registry_knew_keeps_its_date() {
    let lab = Lab::with_buckets(1);
    let rotation = opened(&lab, &lab.rotator());
    let until = lab.clock.now() + std::time::Duration::from_secs(86_400);
    let points = Points::new(At::parse("append rotation_closed:before"));
    let died = lab.run_until_crash(&points, lab.mortal_rotator(&points, 0).cancel(&rotation, Some(until)));
    assert!(died.is_none(), "it did not die");
    let rotator = lab.mortal_rotator(&Points::new(At::Nowhere), 1);
    lab.run(rotator.rotate(&lab.key)).expect("it closes the books");
    let next = lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    assert!(matches!(next, Rotated::NotDue { next: Some(next), .. } if next == until), "{next:?}");
}
