//! What the rules' tests share: a lab with one open rotation, its journaled facts, and something that happens to
//! the world in the very moment a fact is about to be stored.

use std::sync::Arc;
use std::time::Duration;

use keywheel::memory::{FaultPlan, ManualClock, World, WorldSettings};
use keywheel::model::{KeyId, KeyVersionId, Request, RotationId, SealedLine, Settings, StreamId, Timestamp, When};
use keywheel::testkit::Lab;
use keywheel::testkit::crash::{At, Points};
use keywheel::{Result, Rotator};
use keywheel::{Rotated, Started};
use serde_json::Value;

/// Longer than any rotation of a lab takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// A lab whose key has an open rotation that nobody drives yet.
pub(crate) struct Story {
    pub(crate) lab: Lab,
    pub(crate) rid: RotationId,
}

/// One line of the rotation's own stream.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) fact: String,
    pub(crate) at: Timestamp,
    pub(crate) body: Value,
}

impl Told {
    pub(crate) fn time(&self, name: &str) -> Timestamp {
        self.body[name].as_str().and_then(|text| text.parse().ok()).expect("an instant")
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().expect("text").to_owned()
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        self.body[name].as_u64().expect("a number")
    }
}

/// The parts of a lab that may change while a rotation runs.
pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) clock: ManualClock,
    pub(crate) key: KeyId,
}

/// Something that happens to the world.
pub(crate) type Act = Box<dyn FnMut(&Scene) + Send>;

impl Scene {
    /// The version that was made last.
    pub(crate) fn newest(&self) -> KeyVersionId {
        self.world.versions(&self.key).last().expect("a key has versions").id.clone()
    }
}

impl Story {
    pub(crate) fn begin() -> Self {
        Self::with(Settings::lab(), WorldSettings::lab())
    }

    pub(crate) fn with(settings: Settings, world: WorldSettings) -> Self {
        Self::of(Lab::build(3, settings, world))
    }

    /// The same of a lab of one's own.
    pub(crate) fn of(lab: Lab) -> Self {
        let request = Request { key: lab.key.clone(), when: When::IfDue, actor: None };
        let started = lab.run(lab.rotator().start(&request)).expect("the lab's key is due");
        let Started::Open(rid) = started else { panic!("{started:?}") };
        Self { lab, rid }
    }

    /// The same, with faults in force from here on.
    pub(crate) fn with_faults(plan: FaultPlan) -> Self {
        let story = Self::begin();
        story.lab.world.faults(plan);
        story
    }

    /// Does something to the world right before the n-th line with this fact (from 1) is stored.
    pub(crate) fn before(&self, fact: &'static str, nth: usize, act: impl FnMut(&Scene) + Send + 'static) -> &Self {
        self.when([(fact, nth, Box::new(act) as Act)])
    }

    /// The same for several moments.
    pub(crate) fn when<const N: usize>(&self, mut moments: [(&'static str, usize, Act); N]) -> &Self {
        let stream = StreamId::rotation(&self.rid);
        let scene =
            Scene { world: Arc::clone(&self.lab.world), clock: self.lab.clock.clone(), key: self.lab.key.clone() };
        self.lab.journal.fail_when(move |append| {
            for (fact, left, act) in &mut moments {
                let is_it = |line: &SealedLine| line.stream == stream && fact_of(&line.text).0 == *fact;
                if *left > 0 && append.lines.iter().any(is_it) {
                    *left -= 1;
                    if *left == 0 {
                        act(&scene);
                    }
                }
            }
            None
        });
        self
    }

    /// Drives it with this rotator.
    pub(crate) fn drive(&self, rotator: &Rotator) -> Result<Rotated> {
        self.lab.run(rotator.run_for(&self.rid, LONG))
    }

    /// Drives it until it rests; it must complete.
    pub(crate) fn complete(&self) {
        let rotated = self.drive(&self.lab.rotator()).expect("nothing stops it");
        assert!(matches!(rotated, Rotated::Completed(_)), "{rotated:?}\n{:#?}", self.facts());
        assert_eq!(self.lab.not_on(&self.lab.current()), [], "a bucket hangs on another version");
        self.lab.run(self.lab.rotator().verify_journal()).expect("the chain is whole");
    }

    /// Drives it until it asks for a person: why, and the next safe action.
    pub(crate) fn pause(&self) -> (String, String) {
        let rotated = self.drive(&self.lab.rotator()).expect("a pause is no error");
        let Rotated::Paused { why, do_next, .. } = rotated else { panic!("{rotated:?}\n{:#?}", self.facts()) };
        (why, do_next)
    }

    /// Drives it with a process that dies at this point.
    pub(crate) fn die_at(&self, point: &str) {
        let points = Points::new(At::parse(point));
        let rotator = self.lab.mortal_rotator(&points, 7);
        let ended = self.lab.run_until_crash(&points, rotator.run_for(&self.rid, LONG));
        assert!(ended.is_none(), "it did not die at {point}: {ended:?}");
    }

    /// All facts of the rotation's own stream, in order.
    pub(crate) fn facts(&self) -> Vec<Told> {
        let lines = self.lab.journal.lines(&StreamId::rotation(&self.rid));
        lines
            .iter()
            .map(|line| {
                let (fact, value) = fact_of(&line.text);
                let at = value["at"].as_str().and_then(|at| at.parse().ok()).expect("a line has a time");
                Told { fact, at, body: value["body"].clone() }
            })
            .collect()
    }

    /// The facts of one name, in order.
    pub(crate) fn told(&self, fact: &str) -> Vec<Told> {
        self.facts().into_iter().filter(|told| told.fact == fact).collect()
    }

    /// The only fact of one name.
    pub(crate) fn the(&self, fact: &str) -> Told {
        let mut all = self.told(fact);
        assert_eq!(all.len(), 1, "{fact}: {:#?}", self.facts());
        all.remove(0)
    }

    /// Versions that keywheel minted.
    pub(crate) fn minted(&self) -> usize {
        self.lab.world.minted_by_us(&self.lab.key)
    }
}

fn fact_of(text: &str) -> (String, Value) {
    let value: Value = serde_json::from_str(text).expect("a line is JSON");
    (value["fact"].as_str().unwrap_or_default().to_owned(), value)
}
