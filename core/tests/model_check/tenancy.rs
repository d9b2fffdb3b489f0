//! What is modelled: one key, its versions, requests in flight, a journal, two runners, time in ticks.
//!
//! Says which steps are possible and which properties are asked for. What a runner does in a step is in
//! `runner.rs`, what the cloud does in `cloud.rs`.

use std::hash::{Hash, Hasher};

use keywheel::model::Settings;
use stateright::{Model, Property};

use crate::cloud::{Request, Version};
use crate::runner::{Folded, Runner, settings};

pub(crate) const AT_MOST_ONE: &str = "at most one version by us";
pub(crate) const AUTHORSHIP: &str = "a version called ours is ours";
pub(crate) const COMPLETES: &str = "the mint completes";
pub(crate) const FACTS_FOLLOW: &str = "every fact that is written can follow";

/// Which assumptions hold (A1 to A7 of at-most-once.md), whether the quiet period is kept at all, and
/// whether a late answer is compared with the journal before it is written down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holds {
    pub(crate) token: bool,
    pub(crate) list: bool,
    pub(crate) fence: bool,
    pub(crate) append: bool,
    pub(crate) clock: bool,
    pub(crate) refusal: bool,
    pub(crate) one_shot: bool,
    pub(crate) quiet: bool,
    pub(crate) dated: bool,
    /// No assumption: whether the owner trusts tokens (`ambiguity = fast`).
    pub(crate) fast: bool,
}

impl Holds {
    pub(crate) fn all() -> Self {
        Self {
            token: true,
            list: true,
            fence: true,
            append: true,
            clock: true,
            refusal: true,
            one_shot: true,
            quiet: true,
            dated: true,
            fast: false,
        }
    }
}

/// How far the exploration goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The last tick.
    pub(crate) horizon: u8,
    /// Versions a stranger may mint.
    pub(crate) foreign: u8,
    /// Definitive refusals the service may give besides the fence's.
    pub(crate) refusals: u8,
    /// Lines of the rotation's stream.
    pub(crate) lines: u64,
}

impl Bounds {
    /// A few seconds: one lost mint, its settling, one more; refusals only where they matter.
    pub(crate) fn small(holds: Holds) -> Self {
        let refusals = u8::from(!holds.refusal);
        if holds.fast {
            // Each doubt has one more request in flight: a tick less keeps the space small.
            Self { horizon: 2, foreign: 0, refusals, lines: 100 }
        } else if holds.append {
            Self { horizon: 3, foreign: 0, refusals, lines: 100 }
        } else {
            Self { horizon: 1, foreign: 0, refusals, lines: 8 }
        }
    }

    /// A stranger mints too, and the service refuses for passing reasons.
    pub(crate) fn wide() -> Self {
        Self { horizon: 3, foreign: 1, refusals: 1, lines: 100 }
    }
}

/// The model: assumptions, bounds, and the settings that the real functions get.
pub(crate) struct Tenancy {
    pub(crate) holds: Holds,
    pub(crate) bounds: Bounds,
    pub(crate) settings: Settings,
}

impl Tenancy {
    pub(crate) fn new(holds: Holds, bounds: Bounds) -> Self {
        Self { holds, bounds, settings: settings(holds) }
    }
}

/// One state of the whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) now: u8,
    pub(crate) journal: Folded,
    pub(crate) runners: [Runner; 2],
    /// In flight, in no order.
    pub(crate) requests: Vec<Request>,
    /// Made after the superseded one, oldest first.
    pub(crate) versions: Vec<Version>,
    /// Place of the current version, from 1; 0 is the superseded one.
    pub(crate) current: usize,
    /// Generations whose token made a version, with its place.
    pub(crate) tokens: Vec<(u32, usize)>,
    pub(crate) foreign: u8,
    pub(crate) refusals: u8,
    /// A fact that cannot follow reached an append whose comparison succeeded.
    pub(crate) is_broken: bool,
}

impl World {
    /// Runners and requests have no names: two states that differ only in their order are one.
    fn in_order(mut self) -> Self {
        self.runners.sort_by_key(fingerprint);
        self.requests.sort_by_key(fingerprint);
        self
    }

    pub(crate) fn ours(&self) -> usize {
        self.versions.iter().filter(|version| version.is_ours).count()
    }
}

fn fingerprint<T: Hash>(value: &T) -> u64 {
    // Fixed keys: the same order in every run.
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// One step of one party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Time passes.
    Tick,
    /// A runner reads the journal.
    Fold(usize),
    /// It decides, looks at key and list (as fresh as can be, or as stale as may be), concludes.
    Look { runner: usize, fresh: bool },
    /// It appends what it concluded, if nobody appended meanwhile.
    Append(usize),
    /// It sends what it has just journaled.
    Send(usize),
    /// It waits no longer for an answer.
    GiveUp(usize),
    /// It appends the outcome of what it sent.
    Record(usize),
    /// It dies, and begins anew knowing nothing.
    Crash(usize),
    /// A request arrives; its answer does too, or not.
    Arrive { request: usize, heard: bool },
    /// A request arrives and is refused for a passing reason.
    Refuse(usize),
    /// A request never arrives.
    Lose(usize),
    /// The newest version becomes current.
    Flip,
    /// A stranger mints.
    Foreign,
}

impl Model for Tenancy {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            now: 0,
            journal: Folded::checked(),
            runners: [Runner::Idle, Runner::Idle],
            requests: Vec::new(),
            versions: Vec::new(),
            current: 0,
            tokens: Vec::new(),
            foreign: self.bounds.foreign,
            refusals: self.bounds.refusals,
            is_broken: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let is_over = world.journal.is_in_use();
        for (at, runner) in world.runners.iter().enumerate() {
            match runner {
                Runner::Idle if is_over => {}
                Runner::Idle => steps.push(Step::Fold(at)),
                Runner::Folded(folded) if *folded != world.journal => steps.extend([
                    Step::Fold(at),
                    Step::Look { runner: at, fresh: true },
                    Step::Look { runner: at, fresh: false },
                ]),
                Runner::Folded(_) => {
                    steps.extend([Step::Look { runner: at, fresh: true }, Step::Look { runner: at, fresh: false }]);
                }
                Runner::Ready { .. } => steps.extend([Step::Append(at), Step::Crash(at)]),
                Runner::Sending { .. } => steps.extend([Step::Send(at), Step::Crash(at)]),
                Runner::Awaiting { .. } => steps.extend([Step::GiveUp(at), Step::Crash(at)]),
                Runner::Answered { .. } => steps.extend([Step::Record(at), Step::Crash(at)]),
            }
        }
        for (at, request) in world.requests.iter().enumerate() {
            steps.extend([Step::Arrive { request: at, heard: true }, Step::Arrive { request: at, heard: false }]);
            steps.push(Step::Lose(at));
            if world.refusals > 0 && !self.is_stale(world, request) {
                steps.push(Step::Refuse(at));
            }
        }
        let is_quiet = is_over && world.requests.is_empty();
        if world.now < self.bounds.horizon && !is_quiet {
            steps.push(Step::Tick);
        }
        if world.current < world.versions.len() && !is_over {
            steps.push(Step::Flip);
        }
        if world.foreign > 0 && !is_over {
            steps.push(Step::Foreign);
        }
    }

    fn next_state(&self, last: &World, step: Step) -> Option<World> {
        let mut world = last.clone();
        match step {
            Step::Tick => world.now += 1,
            Step::Fold(at) => world.runners[at] = Runner::Folded(world.journal.clone()),
            Step::Look { runner, fresh } => self.look(&mut world, runner, fresh)?,
            Step::Append(at) => self.append(&mut world, at)?,
            Step::Send(at) => self.send(&mut world, at)?,
            Step::GiveUp(at) => self.give_up(&mut world, at)?,
            Step::Record(at) => self.record(&mut world, at)?,
            Step::Crash(at) => world.runners[at] = Runner::Idle,
            Step::Arrive { request, heard } => self.arrive(&mut world, request, heard)?,
            Step::Refuse(request) => self.refuse(&mut world, request)?,
            Step::Lose(request) => drop(world.requests.swap_remove(request)),
            Step::Flip => world.current = world.versions.len(),
            Step::Foreign => {
                world.foreign -= 1;
                world.versions.push(Version { created: world.now, is_ours: false });
            }
        }
        Some(world.in_order())
    }

    /// Without A4 the journal has no end: what is appended blindly may be appended again.
    fn within_boundary(&self, world: &World) -> bool {
        world.journal.lines() <= self.bounds.lines
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AT_MOST_ONE, |_, world: &World| world.ours() <= 1),
            Property::always(FACTS_FOLLOW, |tenancy: &Self, world: &World| {
                !world.is_broken || !tenancy.holds.append || !tenancy.holds.dated
            }),
            Property::always(AUTHORSHIP, |tenancy: &Self, world: &World| {
                world.journal.is_rightly_ours(world) || !tenancy.holds.append || !tenancy.holds.dated
            }),
            Property::sometimes(COMPLETES, |_, world: &World| world.journal.is_in_use()),
        ]
    }
}
