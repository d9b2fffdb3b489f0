//! A journal put back from a backup has forgotten what happened since. It finds out from its audit sinks, waits one
//! quiet period before it may mint, and hides nothing afterwards. Retry tokens do not hold here (A1 off).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keywheel::adapters::system::FileSink;
use keywheel::memory::{MemoryAuditSink, SeededRandom, WorldSettings};
use keywheel::model::{FindingKind, Kind, Settings, StreamId, TagName, Timestamp};
use keywheel::ports::{AuditEntry, AuditSink, Reply};
use keywheel::testkit::crash::{At, Points};
use keywheel::testkit::{HOME, Lab};
use keywheel::{Result, Rotated, Rotator};

type Sinks = Vec<Arc<dyn AuditSink>>;

/// A lab whose processes copy their journal to some sinks.
struct Restored {
    lab: Lab,
    sinks: Sinks,
}

impl Restored {
    fn with(settings: Settings, sinks: Sinks) -> Self {
        let world =
            WorldSettings { list_lag: Duration::from_millis(1900), honours_tokens: false, ..WorldSettings::lab() };
        Self { lab: Lab::build(2, settings, world), sinks }
    }

    fn rotator(&self, points: &Arc<Points>) -> Rotator {
        let mut ports = self.lab.ports();
        ports.audit.clone_from(&self.sinks);
        ports.random = Arc::new(SeededRandom::new(self.lab.clock.now().as_millisecond().unsigned_abs()));
        Rotator::with_ports(self.lab.settings.clone(), points.over(ports))
    }

    fn die_at(&self, point: &str) {
        let points = Points::new(At::parse(point));
        let ended = self.lab.run_until_crash(&points, self.rotator(&points).rotate(&self.lab.key));
        assert!(ended.is_none(), "it did not die at {point}: {ended:?}");
    }

    /// A backup is made at one point of the rotation and put back at another, later one.
    fn from(&self, made: Option<&str>, put_back: &str) {
        let mut backup = BTreeMap::new();
        if let Some(point) = made {
            self.die_at(point);
            backup = self.lab.journal.lengths();
            self.lab.journal.lose_claims();
        }
        self.die_at(put_back);
        self.lab.journal.restore_from_backup(&backup);
    }

    fn complete(&self) -> keywheel::model::Report {
        let rotated = self.lab.run(self.rotator(&Points::new(At::Nowhere)).rotate(&self.lab.key));
        let Ok(Rotated::Completed(report)) = rotated else { panic!("{rotated:?}") };
        self.lab.clock.advance(Duration::from_secs(3600));
        self.lab.world.settle();
        *report
    }

    fn minted(&self) -> usize {
        self.lab.world.minted_by_us(&self.lab.key)
    }

    /// Lines of the rotation's own stream with this fact.
    fn told(&self, fact: &str) -> Vec<serde_json::Value> {
        let is_main = |stream: &StreamId| stream.as_str().starts_with("r/") && !stream.as_str().contains("/p/");
        let mains = self.lab.journal.lengths().into_keys().filter(is_main);
        let lines = mains.flat_map(|stream| self.lab.journal.lines(&stream));
        let values = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.text).expect("a line is JSON"));
        values.filter(|value| value["fact"] == fact).collect()
    }
}

fn instant(value: &serde_json::Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).expect("an instant")
}

fn memory() -> Sinks {
    vec![MemoryAuditSink::new() as _]
}

/// Where the mint of the time that is forgotten got to.
const LATER: [&str; 3] = ["create_version:before", "create_version:after", "append created:before"];
const CHECKED: Option<&str> = Some("append checked:after");

#[test]
fn without_a_sink_a_restored_journal_mints_again_and_this_test_would_see_it() {
    let restored = Restored::with(Settings::lab(), Vec::new());
    restored.from(CHECKED, "create_version:after");
    restored.complete();
    assert_eq!(restored.minted(), 2);
}

#[test]
fn a_journal_behind_its_sink_waits_one_quiet_period_before_it_mints() {
    for (made, later) in [CHECKED, None].into_iter().flat_map(|made| LATER.iter().map(move |later| (made, *later))) {
        let restored = Restored::with(Settings::lab(), memory());
        restored.from(made, later);
        let back = restored.lab.world.now();
        let report = restored.complete();
        assert_eq!(restored.minted(), 1, "backup of {made:?}, put back at {later}");
        let behind = restored.told("journal_behind");
        assert_eq!(behind.len(), 1, "{behind:#?}");
        let body = &behind[0]["body"];
        assert!(body["sink_lines"].as_u64() > body["lines"].as_u64(), "{body}");
        let quiet = restored.lab.settings.margins.quiet_period();
        let until = instant(&body["until"]);
        assert!(until.duration_since(back).unsigned_abs() + Duration::from_secs(1) >= quiet, "{until}, back {back}");
        // It listed again, after the quiet period, before it minted or adopted.
        let decided = restored.told("adopted").first().map(|told| instant(&told["at"])).expect("there is a target");
        assert!(decided > until, "decided at {decided}, free from {until}");
        // A line's time has milliseconds.
        let decided = decided + Duration::from_millis(1);
        let log = restored.lab.world.log();
        assert!(log.iter().any(|e| e.operation == "list_key_versions" && e.at > until && e.at <= decided));
        let text = |kind| report.findings.iter().find(|f| f.kind == kind).map(|f| f.text.clone()).unwrap_or_default();
        assert!(text(FindingKind::JournalBehind).contains("memory"), "{report}");
        assert!(text(FindingKind::JournalForked).contains("memory holds another history"), "{report}");
    }
}

#[test]
fn a_file_sink_remembers_for_the_journal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("audit.jsonl");
    let open = || Arc::new(FileSink::open(&file).expect("it opens")) as Arc<dyn AuditSink>;
    let restored = Restored::with(Settings::lab(), vec![open()]);
    restored.from(CHECKED, "create_version:after");
    let again = Restored { sinks: vec![open()], ..restored };
    let report = again.complete();
    assert_eq!((again.minted(), again.told("journal_behind").len()), (1, 1));
    let forked = report.findings.iter().find(|f| f.kind == FindingKind::JournalForked).expect("it is named");
    assert!(forked.text.contains("audit.jsonl") && forked.subject.starts_with("r/"), "{forked:?}");
}

#[test]
fn an_intent_register_remembers_for_the_journal_too() {
    for made in [CHECKED, None] {
        let mut settings = Settings::lab();
        let (namespace, key) = ("keywheel".to_owned(), "intent".to_owned());
        settings.policy.intent_register = Some(TagName { namespace, key });
        let restored = Restored::with(settings, Vec::new());
        restored.from(made, "create_version:after");
        let report = restored.complete();
        assert_eq!((restored.minted(), restored.told("mint_intended").len()), (1, 0), "it was adopted");
        assert!(!report.findings.iter().any(|finding| finding.kind == FindingKind::JournalBehind));
    }
}

#[test]
fn a_journal_that_is_whole_is_compared_and_waits_for_nothing() {
    let restored = Restored::with(Settings::lab(), memory());
    restored.die_at("append mint_intended:before");
    let back = restored.lab.clock.now();
    let report = restored.complete();
    assert_eq!((restored.minted(), restored.told("journal_behind").len()), (1, 0));
    let intended = instant(&restored.told("mint_intended")[0]["at"]);
    let waited = intended.duration_since(back).unsigned_abs();
    assert!(waited < restored.lab.settings.margins.quiet_period(), "{waited:?}");
    assert!(
        report.findings.iter().all(|f| f.kind != FindingKind::JournalBehind && f.kind != FindingKind::JournalForked)
    );
}

#[test]
fn a_process_that_dies_while_a_restored_journal_waits_does_not_wait_twice() {
    let restored = Restored::with(Settings::lab(), memory());
    restored.from(CHECKED, "create_version:before");
    restored.die_at("append journal_behind:after");
    let until = instant(&restored.told("journal_behind")[0]["body"]["until"]);
    restored.lab.clock.advance_to(until + Duration::from_secs(2));
    let back = restored.lab.clock.now();
    restored.complete();
    assert_eq!((restored.minted(), restored.told("journal_behind").len()), (1, 1));
    let intended = instant(&restored.told("mint_intended")[0]["at"]);
    assert!(intended.duration_since(back) < jiff::SignedDuration::from_secs(10), "back {back}, intended {intended}");
}

#[test]
fn a_sink_that_forked_is_fed_no_more_of_that_stream_and_a_new_one_gets_all_of_it() {
    let sink = MemoryAuditSink::new();
    let restored = Restored::with(Settings::lab(), vec![Arc::clone(&sink) as _]);
    restored.from(CHECKED, "create_version:after");
    restored.complete();
    let rid = restored.lab.run(restored.lab.rotator().history(None)).expect("listed").remove(0).rotation;
    let held = |sink: &MemoryAuditSink| {
        let of_main = |entry: &AuditEntry| entry.stream == StreamId::rotation(&rid);
        sink.entries().into_iter().filter(of_main).count()
    };
    let (old, whole) = (held(&sink), restored.lab.journal.lines(&StreamId::rotation(&rid)).len());
    assert!(old < whole, "{old} of {whole}: the first history is kept as it was");
    // A file of another name is another sink.
    let folder = tempfile::tempdir().expect("a folder");
    let file = Arc::new(FileSink::open(folder.path().join("after.jsonl")).expect("it opens"));
    let again = Restored { sinks: vec![Arc::clone(&sink) as _, file as _], ..restored };
    let rotated = again.lab.run(again.rotator(&Points::new(At::Nowhere)).run_for(&rid, Duration::from_secs(60)));
    assert!(matches!(rotated, Ok(Rotated::Completed(_))), "{rotated:?}");
    assert_eq!(held(&sink), old);
    let meta = again.lab.journal.lines(&StreamId::meta());
    let forked =
        meta.iter().filter(|line| line.text.contains("sink_forked") && line.text.contains(&format!("\"r/{rid}\"")));
    assert_eq!(forked.count(), 1, "it was offered the stream once and never again");
    let text = std::fs::read_to_string(folder.path().join("after.jsonl")).expect("a file");
    assert_eq!(text.lines().filter(|line| line.contains(&format!("\"stream\":\"r/{rid}\""))).count(), whole);
}

/// Takes and never tells.
struct Mute(Arc<MemoryAuditSink>);

#[async_trait::async_trait]
impl AuditSink for Mute {
    fn name(&self) -> String {
        "mute".to_owned()
    }

    async fn record(&self, entries: &[AuditEntry]) -> Result<Reply<()>> {
        self.0.record(entries).await
    }
}

#[test]
fn a_sink_that_cannot_say_hides_no_fork_but_protects_nobody() {
    let restored = Restored::with(Settings::lab(), vec![Arc::new(Mute(MemoryAuditSink::new()))]);
    restored.from(CHECKED, "create_version:after");
    let report = restored.complete();
    assert_eq!((restored.minted(), restored.told("journal_behind").len()), (2, 0));
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::JournalForked));
}

/// The pools had gone to a successor that nothing remembered, so the rotation ended without one. A later one must not take
/// that successor for a fake, and must not make a second.
#[test]
fn a_successor_that_a_closed_rotation_has_forgotten_is_adopted_by_the_next_one() {
    let mut restored = Restored::with(Settings::lab(), memory());
    restored.lab.kinds.push(Kind::NodePool);
    let first = restored.lab.add_holder(&Kind::NodePool, HOME, 0, "first");
    restored.from(Some("append pass_begun:after"), "append page_closed:after");
    let successors = restored.lab.world.keys_minted_by_us();
    assert_eq!(restored.lab.world.holder(&first).and_then(|pool| pool.key), successors.first().cloned());
    restored.complete();

    let late = restored.lab.add_holder(&Kind::NodePool, HOME, 0, "late");
    restored.lab.clock.advance(restored.lab.settings.policy.cryptoperiod);
    let report = restored.complete();
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::JournalBehind), "{report}");
    assert_eq!(restored.lab.world.keys_minted_by_us(), successors, "one successor, made once");
    assert_eq!(restored.lab.world.holder(&late).and_then(|pool| pool.key), successors.first().cloned());
}
