//! What keywheel says without being asked: metrics after each tick, the alarm at somebody's scheduled deletion, and who made a version.
//!
//! Everything here runs over a lab in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keywheel::compliance::{METRICS, render_prometheus};
use keywheel::memory::{FaultPlan, RecordingNotifier};
use keywheel::model::{Attribution, AuditShown, DeletionOf, DueState, KeyState, Metric, OursBy, StreamId, VaultState};
use keywheel::ports::{MetricSink, Notice, Notifier, Ports, Reply, Severity};
use keywheel::testkit::Lab;
use keywheel::{Error, ErrorKind, Result, Rotator};

const DAY: Duration = Duration::from_secs(86_400);

/// Remembers what it was given, and may say that it did not take it.
#[derive(Default)]
struct Sink {
    given: Mutex<Vec<Vec<Metric>>>,
    is_down: bool,
}

impl Sink {
    fn given(&self) -> Vec<Vec<Metric>> {
        self.given.lock().expect("no panic in here").clone()
    }
}

#[async_trait::async_trait]
impl MetricSink for Sink {
    fn name(&self) -> String {
        "a test".to_owned()
    }

    async fn record(&self, metrics: &[Metric]) -> Result<()> {
        self.given.lock().expect("no panic in here").push(metrics.to_vec());
        match self.is_down {
            true => Err(Error::new(ErrorKind::Unavailable, "record", "nobody is there")),
            false => Ok(()),
        }
    }
}

fn telling(lab: &Lab, sink: &Arc<Sink>) -> Rotator {
    Rotator::with_ports(lab.settings.clone(), lab.ports().metric_sink(Arc::clone(sink) as _))
}

fn value(metrics: &[Metric], name: &str, about: &[(&str, &str)]) -> Option<f64> {
    let is_meant = |metric: &&Metric| {
        let has = |(key, value): &(&str, &str)| metric.dimensions.get(*key).is_some_and(|found| found == value);
        metric.name == name && about.iter().all(has)
    };
    metrics.iter().find(is_meant).map(|metric| metric.value)
}

/// Lines of the stream where ticks are kept.
fn meta_lines(lab: &Lab) -> u64 {
    let ports: Ports = lab.ports();
    lab.run(async { ports.journal.head(&StreamId::meta()).await.expect("a read").next_seq })
}

#[test]
fn a_tick_sends_how_things_stand_after_it() {
    let lab = Lab::with_buckets(3);
    let sink = Arc::new(Sink::default());
    let rows = lab.run(telling(&lab, &sink).rotate_due()).expect("a read");
    assert_eq!(rows.len(), 1);
    let given = sink.given();
    let [metrics] = given.as_slice() else { panic!("one tick, one sending: {given:?}") };
    let key = [("key", lab.key.as_str())];
    assert!(value(metrics, "key_age_days", &key).expect("it can be read") < 1.0, "the new version is young");
    assert_eq!(value(metrics, "keys", &[("state", "waiting")]), Some(1.0));
    assert_eq!(value(metrics, "dependents", &[key[0], ("outcome", "rekeyed")]), Some(3.0));
    assert_eq!(value(metrics, "rotations_open", &[]), Some(0.0));
    assert_eq!(value(metrics, "tick_keys", &[]), Some(1.0));
    let beat = value(metrics, "last_tick_timestamp_seconds", &[]).expect("there is a heartbeat");
    assert!((beat - metrics[0].at.as_duration().as_secs_f64()).abs() < 60.0, "{beat}");
}

#[test]
fn a_sink_that_is_down_costs_a_rotation_nothing() {
    let lab = Lab::with_buckets(2);
    let sink = Arc::new(Sink { is_down: true, ..Sink::default() });
    let rows = lab.run(telling(&lab, &sink).rotate_due()).expect("a read");
    assert!(rows.iter().all(|(_, rotated)| rotated.is_ok()), "{rows:?}");
    assert_eq!((sink.given().len(), lab.not_on(&lab.current()).len()), (1, 0));
}

#[test]
fn the_heartbeat_is_read_by_another_process_and_does_not_fill_the_journal() {
    let lab = Lab::with_buckets(1);
    lab.run(lab.rotator().rotate_due()).expect("a read");
    let before = meta_lines(&lab);
    lab.run(lab.rotator().rotate_due()).expect("a read");
    let after_another_state = meta_lines(&lab);
    assert_eq!(after_another_state, before + 1, "no key is due any more, which is news");
    for _ in 0..20 {
        lab.run(lab.rotator().rotate_due()).expect("a read");
    }
    assert_eq!(meta_lines(&lab), after_another_state, "twenty ticks within ten minutes");
    lab.clock.advance(DAY);
    lab.run(lab.rotator().rotate_due()).expect("a read");
    assert_eq!(meta_lines(&lab), after_another_state + 1);
    let metrics = lab.run(lab.rotator().metrics()).expect("a read");
    let beat = value(&metrics, "last_tick_timestamp_seconds", &[]).expect("there is a heartbeat");
    assert!((metrics[0].at.as_duration().as_secs_f64() - beat).abs() < 1.0);
}

#[test]
fn a_rotation_in_the_middle_is_open_and_so_are_its_dependents() {
    let lab = Lab::with_buckets(4);
    let rotator = lab.rotator();
    let request = keywheel::model::Request { key: lab.key.clone(), when: keywheel::model::When::IfDue, actor: None };
    lab.run(rotator.start(&request)).expect("it is due");
    let rotation = lab.run(rotator.list()).expect("a read")[0].rotation.clone();
    lab.run(rotator.pause(&rotation, "lunch")).expect("it is open");
    let metrics = lab.run(rotator.metrics()).expect("a read");
    assert_eq!(value(&metrics, "rotations_open", &[]), Some(1.0));
    assert_eq!(value(&metrics, "rotations_paused", &[]), Some(1.0));
    assert_eq!(value(&metrics, "keys", &[("state", "open")]), Some(1.0));
    assert_eq!(value(&metrics, "last_tick_timestamp_seconds", &[]), None, "no tick ended yet");
    let text = render_prometheus(&metrics);
    assert!(text.contains("# TYPE keywheel_rotations_paused gauge\nkeywheel_rotations_paused 1\n"), "{text}");
}

/// Ticks once and returns what people were told by it.
fn tick(lab: &Lab, notifier: &Arc<RecordingNotifier>) -> Vec<Notice> {
    let before = notifier.notices().len();
    let ports = lab.ports().notifier(Arc::clone(notifier) as _);
    lab.run(Rotator::with_ports(lab.settings.clone(), ports).rotate_due()).expect("a read");
    let about = |notice: &Notice| notice.rotation.is_none();
    notifier.notices().into_iter().skip(before).filter(about).collect()
}

#[test]
fn a_scheduled_deletion_is_told_once_and_its_end_is_told_too() {
    let lab = Lab::with_buckets(3);
    let notifier = RecordingNotifier::new();
    assert_eq!(tick(&lab, &notifier), [], "nothing is wrong, and the key is rotated");
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    let told = tick(&lab, &notifier);
    let [alarm] = told.as_slice() else { panic!("one alarm: {told:?}") };
    assert_eq!(alarm.severity, Severity::Critical);
    for part in
        [lab.superseded.as_str(), lab.key.as_str(), "2026-12-22", "every dependent that this journal knows", "cancel"]
    {
        assert!(alarm.body.contains(part), "{part:?} in {}", alarm.body);
    }
    assert_eq!(tick(&lab, &notifier), [], "it was told");
    lab.clock.advance(DAY);
    assert_eq!(tick(&lab, &notifier), [], "a day later too");

    let current = lab.current();
    lab.world.others_schedule_deletion(&lab.key, &current);
    let told = tick(&lab, &notifier);
    let [second] = told.as_slice() else { panic!("another version, another alarm: {told:?}") };
    assert_ne!(second.dedupe_key, alarm.dedupe_key);
    assert!(second.body.contains(current.as_str()) && second.body.contains("at most 3 dependents"), "{}", second.body);

    lab.world.others_cancel_deletion(&lab.key, &current);
    lab.world.others_cancel_deletion(&lab.key, &lab.superseded);
    let told = tick(&lab, &notifier);
    let [ended] = told.as_slice() else { panic!("that it is over is news: {told:?}") };
    assert_eq!(ended.severity, Severity::Info);
    assert!(ended.body.contains("not scheduled for deletion any more"), "{}", ended.body);
    assert_eq!(tick(&lab, &notifier), []);
}

#[test]
fn material_that_is_gone_after_the_alarm_is_told_once_more() {
    let lab = Lab::with_buckets(1);
    let notifier = RecordingNotifier::new();
    tick(&lab, &notifier);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    assert_eq!(tick(&lab, &notifier).len(), 1);
    lab.world.others_delete_version(&lab.key, &lab.superseded);
    let told = tick(&lab, &notifier);
    assert!(
        matches!(told.as_slice(), [gone] if gone.severity == Severity::Critical && gone.body.contains("has been deleted")),
        "{told:?}"
    );
    assert_eq!(tick(&lab, &notifier), []);
}

#[test]
fn a_vault_of_two_keys_is_one_alarm_and_its_keys_are_not_rotated() {
    let mut lab = Lab::with_buckets(1);
    let keys = lab.world.add_compartment("more keys", &lab.world.tenancy_id());
    let other = lab.world.add_key(&lab.vault, &keys, "other", lab.world.now() - DAY).done();
    lab.settings.scope.keys.insert(other);
    lab.world.others_set_vault_state(&lab.vault, VaultState::PendingDeletion);
    let notifier = RecordingNotifier::new();
    let told = tick(&lab, &notifier);
    let [alarm] = told.as_slice() else { panic!("one notice for both keys: {told:?}") };
    assert_eq!(alarm.body.matches(lab.vault.as_str()).count(), 1, "{}", alarm.body);
    assert_eq!(lab.world.versions(&lab.key).len(), 1, "nothing is minted in it");
    let rows = lab.run(lab.rotator().due()).expect("a read");
    assert!(rows.iter().all(|row| row.due.state == DueState::Blocked && row.deletions[0].of == DeletionOf::Vault));
    let metrics = lab.run(lab.rotator().metrics()).expect("a read");
    assert_eq!(value(&metrics, "deletions_pending", &[("of", "vault")]), Some(1.0));
    assert_eq!(value(&metrics, "deletions_pending", &[("of", "key_version")]), Some(0.0));
    let days = value(&metrics, "deletion_in_days", &[("key", lab.key.as_str())]).expect("it has a day");
    assert!((days - 30.0).abs() < 0.1, "{days}");
}

#[test]
fn a_rotation_that_is_refused_because_of_a_deletion_raises_the_alarm_without_a_tick() {
    let lab = Lab::with_buckets(1);
    lab.world.others_set_key_state(&lab.key, KeyState::PendingDeletion);
    let notifier = RecordingNotifier::new();
    for _ in 0..2 {
        let ports = lab.ports().notifier(Arc::clone(&notifier) as _);
        let rotator = Rotator::with_ports(lab.settings.clone(), ports);
        let now = keywheel::model::When::Now { supersedes: Some(lab.superseded.clone()), request_id: None };
        let request = keywheel::model::Request { key: lab.key.clone(), when: now, actor: None };
        let error = lab.run(rotator.start(&request)).expect_err("nobody rotates that");
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    }
    assert_eq!(notifier.notices().len(), 1);
}

#[test]
fn due_and_plan_tell_nobody() {
    let lab = Lab::with_buckets(1);
    lab.world.others_set_key_state(&lab.key, KeyState::PendingDeletion);
    let notifier = RecordingNotifier::new();
    let rotator = Rotator::with_ports(lab.settings.clone(), lab.ports().notifier(Arc::clone(&notifier) as _));
    let rows = lab.run(rotator.due()).expect("a read");
    assert_eq!(rows[0].deletions.len(), 1);
    lab.run(rotator.plan(&lab.key)).expect("a read");
    assert_eq!(notifier.notices(), []);
    assert_eq!(lab.run(lab.rotator().verify_journal()).expect("it is whole"), 0, "looking writes nothing");
}

/// Takes nothing until it is mended.
#[derive(Default)]
struct Broken {
    heard: Mutex<Vec<Notice>>,
    is_mended: Mutex<bool>,
}

#[async_trait::async_trait]
impl Notifier for Broken {
    fn name(&self) -> String {
        "broken".to_owned()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        self.heard.lock().expect("no panic in here").push(notice.clone());
        match *self.is_mended.lock().expect("no panic in here") {
            true => Ok(Reply::bare("taken".to_owned())),
            false => Err(Error::new(ErrorKind::Unavailable, "notify", "nobody is there")),
        }
    }
}

#[test]
fn an_alarm_that_was_not_taken_is_sent_again_under_its_key_and_not_to_those_who_took_it() {
    let lab = Lab::with_buckets(1);
    let (sound, broken) = (RecordingNotifier::new(), Arc::new(Broken::default()));
    lab.run(lab.rotator().rotate_due()).expect("a read");
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    let tick = || {
        let ports = lab.ports().notifier(Arc::clone(&broken) as _).notifier(Arc::clone(&sound) as _);
        lab.run(Rotator::with_ports(lab.settings.clone(), ports).rotate_due()).expect("a read");
    };
    tick();
    tick();
    *broken.is_mended.lock().expect("no panic in here") = true;
    tick();
    tick();
    assert_eq!(sound.notices().len(), 1);
    let heard = broken.heard.lock().expect("no panic in here");
    assert_eq!(heard.len(), 3, "twice in vain, once taken, never again");
    assert!(heard.iter().all(|notice| notice.dedupe_key == heard[0].dedupe_key));
    assert_eq!(heard[0].body, heard[2].body);
}

#[test]
fn whoever_missed_the_alarm_does_not_get_its_answer_as_an_afterthought() {
    let (lab, rotator, _) = watched(true);
    let broken = Arc::new(Broken::default());
    let ports = Ports { audit_log: Some(lab.world.audit_log()), ..lab.ports() }.notifier(Arc::clone(&broken) as _);
    let rotator = Rotator::with_ports(rotator.settings().clone(), ports);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    lab.run(rotator.rotate_due()).expect("a read");
    *broken.is_mended.lock().expect("no panic in here") = true;
    lab.clock.advance(Duration::from_secs(700));
    lab.run(rotator.rotate_due()).expect("a read");
    let heard = broken.heard.lock().expect("no panic in here");
    let [_, answer] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!(answer.severity, Severity::Critical, "it is the first that is heard of it");
    assert!(answer.body.contains("scheduled by somebody-else"), "{}", answer.body);
}

/// A lab whose rotator may ask the audit log, which shows events after ten minutes.
fn audited(lab: &Lab) -> Rotator {
    lab.world.configure(|settings| settings.audit_lag = Duration::from_secs(600));
    let mut settings = lab.settings.clone();
    settings.margins.audit_lag = Duration::from_secs(900);
    Rotator::with_ports(settings, Ports { audit_log: Some(lab.world.audit_log()), ..lab.ports() })
}

#[test]
fn a_version_of_ours_is_confirmed_by_its_request_id_once_the_event_has_come() {
    let lab = Lab::with_buckets(1);
    let rotator = audited(&lab);
    lab.run(rotator.rotate_due()).expect("a read");
    let rotation = lab.run(rotator.history(None)).expect("a read")[0].rotation.clone();
    let shown = || lab.run(rotator.status(&rotation)).expect("a read").attributions;
    let early = shown();
    assert!(matches!(early.as_slice(), [Attribution { shown: AuditShown::Unknown { .. }, .. }]), "{early:?}");
    lab.run(rotator.rotate_due()).expect("a read");
    assert_eq!(shown(), early, "the event is late, and its absence proves nothing");
    lab.clock.advance(Duration::from_secs(700));
    lab.run(rotator.rotate_due()).expect("a read");
    let [Attribution { version, shown: AuditShown::Ours { by: OursBy::RequestId, principal, .. }, .. }] = &shown()[..]
    else {
        panic!("{:?}", shown())
    };
    assert_eq!((version, principal.as_deref()), (&lab.current(), Some("keywheel")));
}

#[test]
fn a_version_by_somebody_else_has_their_name_and_a_lost_answer_has_our_token() {
    let lab = Lab::with_buckets(1);
    let rotator = audited(&lab);
    lab.run(rotator.rotate_due()).expect("a read");
    lab.clock.advance(DAY);
    let foreign = lab.world.foreign_mint(&lab.key);
    lab.clock.advance(Duration::from_secs(700));
    for _ in 0..2 {
        // Swept to the foreign version, and then looked at.
        lab.run(rotator.rotate_due()).expect("a read");
    }
    let sweep = lab.run(rotator.history(None)).expect("a read").pop().expect("a sweep");
    let all = lab.run(rotator.status(&sweep.rotation)).expect("a read").attributions;
    let of_foreign = all.iter().find(|one| one.version == foreign).expect("it is the sweep's target");
    assert!(
        matches!(&of_foreign.shown, AuditShown::Somebody { principal: Some(who), .. } if who == "somebody-else"),
        "{of_foreign}"
    );

    let lab = Lab::with_buckets(1);
    lab.world.faults(FaultPlan::new().lose_answer("create_version", 1));
    let rotator = audited(&lab);
    lab.run(rotator.rotate_due()).expect("a read");
    lab.clock.advance(Duration::from_secs(2_000));
    lab.run(rotator.rotate_due()).expect("a read");
    let report = lab.run(async {
        let rotation = rotator.history(None).await?[0].rotation.clone();
        rotator.status(&rotation).await
    });
    let report = report.expect("a read");
    assert_eq!((report.census.ours, report.census.presumed), (0, 1), "the census stays what the journal knows");
    assert!(
        matches!(
            &report.attributions[..],
            [Attribution { shown: AuditShown::Ours { by: OursBy::RetryToken, .. }, .. }]
        ),
        "{:?}",
        report.attributions
    );
}

#[test]
fn an_audit_log_that_refuses_costs_a_rotation_nothing_and_says_nothing() {
    let lab = Lab::with_buckets(1);
    let rotator = audited(&lab);
    lab.world.deny_operation(&keywheel::memory::Caller::keywheel(), "list_events");
    for _ in 0..2 {
        let rows = lab.run(rotator.rotate_due()).expect("a read");
        assert!(rows.iter().all(|(_, rotated)| rotated.is_ok()), "{rows:?}");
        lab.clock.advance(DAY);
    }
    let rotation = lab.run(rotator.history(None)).expect("a read")[0].rotation.clone();
    let report = lab.run(rotator.status(&rotation)).expect("a read");
    assert!(matches!(&report.attributions[..], [Attribution { shown: AuditShown::Unknown { .. }, .. }]), "{report:?}");
}

/// Ticks once, asking the audit log too, and returns what people were told beside rotations.
fn audited_tick(lab: &Lab, rotator: &Rotator, notifier: &RecordingNotifier) -> Vec<Notice> {
    let before = notifier.notices().len();
    lab.run(rotator.rotate_due()).expect("a read");
    notifier.notices().into_iter().skip(before).filter(|notice| notice.rotation.is_none()).collect()
}

/// A lab whose key was rotated, a rotator that asks the audit log, and whom it tells.
fn watched(names_versions: bool) -> (Lab, Rotator, Arc<RecordingNotifier>) {
    let lab = Lab::with_buckets(1);
    lab.world.configure(|settings| settings.audit_names_versions = names_versions);
    let notifier = RecordingNotifier::new();
    let settings = audited(&lab).settings().clone();
    let ports = Ports { audit_log: Some(lab.world.audit_log()), ..lab.ports() };
    let rotator = Rotator::with_ports(settings, ports.notifier(Arc::clone(&notifier) as _));
    assert_eq!(audited_tick(&lab, &rotator, &notifier), []);
    lab.clock.advance(DAY);
    (lab, rotator, notifier)
}

#[test]
fn the_alarm_says_that_it_does_not_know_who_and_tells_it_once_when_the_event_has_come() {
    let (lab, rotator, notifier) = watched(true);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    let told = audited_tick(&lab, &rotator, &notifier);
    let [alarm] = told.as_slice() else { panic!("it waits for no event: {told:?}") };
    assert_eq!(alarm.severity, Severity::Critical);
    assert!(alarm.body.contains("is not known yet: audit events arrive late"), "{}", alarm.body);
    let shown = || lab.run(rotator.due()).expect("a read").remove(0).deletions.remove(0).by;
    let Some(AuditShown::Unknown { until }) = shown() else { panic!("{:?}", shown()) };
    assert!(alarm.body.contains(&until.to_string()), "the bound is the journal's: {}", alarm.body);
    assert_eq!(audited_tick(&lab, &rotator, &notifier), [], "still nothing");

    lab.clock.advance(Duration::from_secs(700));
    let told = audited_tick(&lab, &rotator, &notifier);
    let [answer] = told.as_slice() else { panic!("it is told: {told:?}") };
    assert!(answer.body.contains("scheduled by somebody-else on 2026-11-23T"), "{}", answer.body);
    assert!(!answer.body.contains("presumably") && answer.body.contains(lab.superseded.as_str()), "{}", answer.body);
    assert_ne!(answer.dedupe_key, alarm.dedupe_key);
    assert!(matches!(shown(), Some(AuditShown::Somebody { principal: Some(who), .. }) if who == "somebody-else"));
    lab.clock.advance(DAY);
    assert_eq!(audited_tick(&lab, &rotator, &notifier), [], "once");
}

#[test]
fn an_event_that_names_the_key_and_no_version_is_presumed_for_ever() {
    let (lab, rotator, notifier) = watched(false);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    lab.clock.advance(Duration::from_secs(700));
    let told = audited_tick(&lab, &rotator, &notifier);
    let [alarm] = told.as_slice() else { panic!("the event is there already: {told:?}") };
    assert!(alarm.body.contains("presumably scheduled by somebody-else"), "{}", alarm.body);
    lab.clock.advance(DAY);
    assert_eq!(audited_tick(&lab, &rotator, &notifier), [], "that nothing else came is no news, and no proof");
    let row = lab.run(rotator.due()).expect("a read").remove(0);
    assert!(matches!(row.deletions[0].by, Some(AuditShown::Presumed { .. })), "{row:?}");
}

#[test]
fn keys_and_vaults_have_their_names_too_and_who_cancelled_is_not_who_scheduled() {
    let (lab, rotator, notifier) = watched(true);
    lab.world.others_set_vault_state(&lab.vault, VaultState::PendingDeletion);
    lab.clock.advance(Duration::from_secs(700));
    let told = audited_tick(&lab, &rotator, &notifier);
    assert!(
        matches!(told.as_slice(), [vault] if vault.body.contains("scheduled by somebody-else") && vault.body.contains(lab.vault.as_str())),
        "{told:?}"
    );
    lab.world.others_set_vault_state(&lab.vault, VaultState::Active);
    let told = audited_tick(&lab, &rotator, &notifier);
    assert!(matches!(told.as_slice(), [ended] if !ended.body.contains("scheduled by")), "{told:?}");

    lab.world.others_set_key_state(&lab.key, KeyState::PendingDeletion);
    lab.world.others_set_key_state(&lab.key, KeyState::Enabled);
    lab.clock.advance(Duration::from_secs(60));
    lab.world.others_set_key_state(&lab.key, KeyState::PendingDeletion);
    let again = lab.clock.now();
    lab.clock.advance(Duration::from_secs(700));
    let told = audited_tick(&lab, &rotator, &notifier);
    let second = format!("scheduled by somebody-else on {again}");
    assert!(matches!(told.as_slice(), [key] if key.body.contains(&second)), "{second}: {told:?}");
}

#[test]
fn an_event_that_never_comes_is_said_once_and_a_log_that_refuses_at_once() {
    let (lab, rotator, notifier) = watched(true);
    lab.world.configure(|settings| settings.audit_lag = DAY * 40);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    assert_eq!(audited_tick(&lab, &rotator, &notifier).len(), 1);
    lab.clock.advance(Duration::from_secs(901));
    let told = audited_tick(&lab, &rotator, &notifier);
    assert!(matches!(told.as_slice(), [one] if one.body.contains("which proves nothing")), "{told:?}");
    lab.clock.advance(DAY);
    assert_eq!(audited_tick(&lab, &rotator, &notifier), []);

    let (lab, rotator, notifier) = watched(true);
    lab.world.deny_operation(&keywheel::memory::Caller::keywheel(), "list_events");
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    let told = audited_tick(&lab, &rotator, &notifier);
    assert!(
        matches!(told.as_slice(), [one] if one.severity == Severity::Critical && one.body.contains("could not be asked")),
        "the alarm itself is raised all the same: {told:?}"
    );
    lab.clock.advance(DAY);
    assert_eq!(audited_tick(&lab, &rotator, &notifier), []);
}

#[test]
fn without_an_audit_log_to_ask_an_alarm_speaks_of_nobody() {
    let lab = Lab::with_buckets(1);
    let notifier = RecordingNotifier::new();
    tick(&lab, &notifier);
    lab.world.others_schedule_deletion(&lab.key, &lab.superseded);
    let told = tick(&lab, &notifier);
    assert!(matches!(told.as_slice(), [alarm] if !alarm.body.contains("who scheduled")), "{told:?}");
    lab.clock.advance(DAY);
    let (asking, heard) = (audited(&lab), RecordingNotifier::new());
    let ports = Ports { audit_log: asking.ports().audit_log.clone(), ..lab.ports() }.notifier(Arc::clone(&heard) as _);
    let asking = Rotator::with_ports(asking.settings().clone(), ports);
    assert_eq!(audited_tick(&lab, &asking, &heard), [], "what was told before there was a log is not asked about");
}

#[test]
fn the_docs_name_every_metric_with_its_unit_and_dimensions_and_no_other() {
    let page = include_str!("../docs/metrics.md");
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).map(cells).collect();
    let told: Vec<_> = rows.iter().map(|row| (row[0].clone(), row[1].clone(), row[2].clone())).collect();
    let known: Vec<_> = METRICS
        .iter()
        .map(|one| {
            let dimensions = match one.dimensions {
                [] => "-".to_owned(),
                some => some.join(", "),
            };
            (format!("`{}`", one.name), one.unit.word().to_owned(), dimensions)
        })
        .collect();
    assert_eq!(told, known);
    for (row, one) in rows.iter().zip(METRICS) {
        assert_eq!(row[3], one.help.trim_end_matches('.'), "{}", one.name);
    }
}
