//! What one run finds out about a service's limit is in the journal, and the next run begins with it.
//!
//! How a rate is found out is `adapters/layers/rate.rs`; here is only that the engine keeps it and hands it on.

use std::sync::{Arc, Mutex};

use keywheel::Rotator;
use keywheel::memory::World;
use keywheel::model::{LearnedRate, Region, StreamId};
use keywheel::ports::{Pace, Ports};
use keywheel::testkit::Lab;

/// A pace that has found out one rate, and keeps what it is told.
struct Found {
    per_minute: u32,
    told: Mutex<Vec<LearnedRate>>,
    /// How many requests World had answered when it was told.
    told_at: Mutex<Vec<u64>>,
    world: Arc<World>,
}

impl Found {
    fn new(lab: &Lab, per_minute: u32) -> Arc<Self> {
        let (told, told_at) = (Mutex::default(), Mutex::default());
        Arc::new(Self { per_minute, told, told_at, world: Arc::clone(&lab.world) })
    }
}

impl Pace for Found {
    fn learned(&self) -> Vec<LearnedRate> {
        let region = Region::parse("us-ashburn-1").expect("a region");
        vec![LearnedRate { service: "iaas".to_owned(), region, per_minute: self.per_minute }]
    }

    fn remember(&self, rates: &[LearnedRate]) {
        self.told.lock().expect("not poisoned").extend_from_slice(rates);
        self.told_at.lock().expect("not poisoned").push(self.world.requests());
    }
}

/// Rotates in a process that finds out this rate; returns what it was told at its start.
fn told(lab: &Lab, per_minute: u32) -> Vec<u32> {
    let pace = Found::new(lab, per_minute);
    let ports = Ports { pace: Some(Arc::clone(&pace) as _), ..lab.ports() };
    let rotator = Rotator::with_ports(lab.settings.clone(), ports);
    lab.clock.advance_to(lab.clock.now() + std::time::Duration::from_secs(100 * 86_400));
    lab.run(rotator.rotate(&lab.key)).expect("nothing goes wrong");
    let told = pace.told.lock().expect("not poisoned");
    told.iter().map(|rate| rate.per_minute).collect()
}

#[test]
fn the_next_run_begins_with_what_the_last_one_found_out_and_only_news_is_written() {
    let lab = Lab::with_buckets(2);
    assert!(told(&lab, 3_000).is_empty(), "nothing was known");
    let rates = || {
        let lines = lab.journal.lines(&StreamId::meta());
        lines.iter().filter(|line| line.text.contains("\"rate_learned\"")).count()
    };
    let lines = rates();
    assert_eq!(lines, 1, "what was found out is a fact");
    assert_eq!(told(&lab, 3_200), [3_000], "less than a tenth is no news");
    assert_eq!(rates(), lines);
    assert_eq!(told(&lab, 1_500), [3_000]);
    assert_eq!(told(&lab, 1_500), [1_500]);
}

type Call = fn(&Lab, &Rotator);

#[test]
fn whatever_is_called_first_the_rates_are_told_before_the_first_request_and_once() {
    let lab = Lab::with_buckets(2);
    told(&lab, 3_000);
    let calls: [(&str, Call); 4] = [
        ("due", |lab, rotator| drop(lab.run(rotator.due()))),
        ("plan", |lab, rotator| drop(lab.run(rotator.plan(&lab.key)))),
        ("rotate_due", |lab, rotator| drop(lab.run(rotator.rotate_due()))),
        ("doctor", |lab, rotator| drop(lab.run(rotator.doctor(None)))),
    ];
    for (name, call) in calls {
        let pace = Found::new(&lab, 3_000);
        let ports = Ports { pace: Some(Arc::clone(&pace) as _), ..lab.ports() };
        let rotator = Rotator::with_ports(lab.settings.clone(), ports);
        let before = lab.world.requests();
        call(&lab, &rotator);
        call(&lab, &rotator);
        assert!(lab.world.requests() > before, "{name} asks World");
        assert_eq!(*pace.told_at.lock().expect("not poisoned"), [before], "{name}");
        assert_eq!(pace.told.lock().expect("not poisoned").len(), 1, "{name}");
    }
}
