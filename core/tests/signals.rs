//! What keywheel says without being asked: metrics after each tick.
//!
//! Everything here runs over a lab in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keywheel::compliance::{METRICS, render_prometheus};
use keywheel::model::{Metric, StreamId};
use keywheel::ports::{MetricSink, Ports};
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
