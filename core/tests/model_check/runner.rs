//! A runner of the model: the engine's steps, one at a time, with the real functions inside each.
//!
//! What `engine::drive` does between two awaits is one step here; between any two steps others may act, or the
//! runner may die. There are no claims: the argument may not lean on them.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use keywheel::model::{
    Ambiguity, CompartmentId, Key, KeyId, KeyShape, KeyState, Kind, LineHash, ProtectionMode, Region, RotationId,
    RotationName, Settings, Strategy, Tags, Timestamp, VaultId,
};
use keywheel::rotation::{
    Author, Checked, Conclusion, Decision, Effect, Fact, LegPlan, Opened, PassEnded, Recorded, State, Survey, apply,
    awaits_answer, conclude_failure, conclude_flip, conclude_settle, conclude_survey, decide, rid,
};
use keywheel::{Error, ErrorKind};

use crate::cloud::{Request, version_id};
use crate::tenancy::{Holds, Tenancy, World};

/// Seconds of a tick.
pub(crate) const TICK: i64 = 60;

static START: LazyLock<Timestamp> = LazyLock::new(|| "2026-11-22T12:00:00Z".parse().expect("a valid instant"));

static KEY: LazyLock<Key> = LazyLock::new(|| Key {
    id: KeyId::parse("ocid1.key.oc1.iad.aaaa.k").expect("valid"),
    vault: VaultId::parse("ocid1.vault.oc1.iad.aaaa.v").expect("valid"),
    compartment: CompartmentId::parse("ocid1.compartment.oc1..aaaa.c").expect("valid"),
    region: Region::parse("us-ashburn-1").expect("valid"),
    name: "k".to_owned(),
    state: KeyState::Enabled,
    shape: KeyShape { algorithm: "AES".to_owned(), length: 32, curve: None },
    protection: ProtectionMode::Software,
    current_version: version_id(0),
    is_primary: Some(true),
    auto_rotation: None,
    is_external: false,
    time_created: start(),
    time_of_deletion: None,
    tags: Tags::default(),
});

pub(crate) fn start() -> Timestamp {
    *START
}

pub(crate) fn tick(number: u8) -> Timestamp {
    start() + Duration::from_secs(u64::from(number) * TICK.unsigned_abs())
}

pub(crate) fn key() -> KeyId {
    KEY.id.clone()
}

/// One tick each for Δ and λ, nothing for P and ε: Q is two ticks.
pub(crate) fn settings(holds: Holds) -> Settings {
    let tick = Duration::from_secs(TICK.unsigned_abs());
    let mut settings = Settings::production();
    settings.margins.skew_limit = tick;
    settings.margins.list_lag = tick;
    settings.margins.processing = Duration::ZERO;
    settings.margins.clock_error = Duration::ZERO;
    settings.margins.flip_deadline = tick * 1000;
    settings.budgets.attempts = 2;
    if holds.fast {
        settings.policy.ambiguity = Ambiguity::Fast;
    }
    if !holds.quiet {
        // The fence of the cloud stays where it is; only the waiting goes.
        settings.margins.list_lag = Duration::ZERO;
        settings.margins.skew_limit = Duration::ZERO;
    }
    settings
}

/// The rotation's stream as folded up to some line.
#[derive(Clone)]
pub(crate) struct Folded {
    pub(crate) state: Arc<State>,
    /// Number of lines: what a compare-and-append compares.
    lines: u64,
    /// Stands for everything in the state that a decision may depend on.
    print: u64,
}

impl PartialEq for Folded {
    fn eq(&self, other: &Self) -> bool {
        (self.lines, self.print) == (other.lines, other.print)
    }
}

impl Eq for Folded {}

impl Hash for Folded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.lines, self.print).hash(state);
    }
}

impl fmt::Debug for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines, {}", self.lines, self.state.word())
    }
}

impl Folded {
    fn new(state: State) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("{:?}{:?}{:?}{:?}", state.phase, state.legs, state.paused, state.failures).hash(&mut hasher);
        Self { lines: state.facts, print: hasher.finish(), state: Arc::new(state) }
    }

    /// A rotation whose preflight has passed: where the mint begins.
    pub(crate) fn checked() -> Self {
        let name = RotationName { key: key(), superseded: version_id(0), ordinal: 1 };
        let rid = rid(&name);
        let opened = Opened {
            is_sweep: false,
            head: None,
            overtakes: None,
            name,
            vault: KEY.vault.clone(),
            region: KEY.region.clone(),
            compartment: KEY.compartment.clone(),
            lineage_root: key(),
            request_id: None,
            is_test: true,
        };
        let ended = PassEnded {
            pass: 0,
            added: 0,
            candidates: 0,
            search_only: 0,
            holes: Vec::new(),
            listed: 0,
            looked_at: Vec::new(),
            key_regions: Vec::new(),
            scopes: None,
            findings: Vec::new(),
        };
        let kinds: BTreeSet<Kind> = BTreeSet::new();
        let checked = Checked {
            legs: vec![LegPlan { strategy: Strategy::NewVersion, kinds, forbids: Default::default() }],
            dependents: 0,
            replicas: BTreeSet::new(),
            versions: [version_id(0)].into(),
            findings: Vec::new(),
        };
        let facts = [Fact::Opened(opened), Fact::PassEnded(ended), Fact::Checked(checked)];
        let mut state = None;
        for fact in facts {
            state = Some(apply(state, &recorded(&rid, start()), &fact).expect("a rotation begins so"));
        }
        Self::new(state.expect("three facts"))
    }

    /// The stream after these facts; `None` if one of them cannot follow.
    fn with(&self, facts: &[Fact], at: Timestamp) -> Option<Self> {
        let mut state = State::clone(&self.state);
        for fact in facts {
            state = apply(Some(state.clone()), &recorded(&self.state.rid, at), fact).ok()?;
        }
        Some(Self::new(state))
    }

    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    pub(crate) fn is_in_use(&self) -> bool {
        self.state.legs.iter().all(|leg| leg.in_use.is_some())
    }

    /// Whether a target that is called certainly ours is one that we made.
    pub(crate) fn is_rightly_ours(&self, world: &World) -> bool {
        let targets = self.state.legs.iter().filter_map(|leg| leg.target.as_ref());
        targets.filter(|target| target.author == Author::Ours).all(|target| {
            let mut made = world.versions.iter().zip(1..);
            made.any(|(version, place)| version_id(place) == target.version && version.is_ours)
        })
    }
}

fn recorded(rid: &RotationId, at: Timestamp) -> Recorded {
    Recorded { rid: rid.clone(), at, hash: LineHash::genesis() }
}

/// Facts about to be appended.
#[derive(Clone)]
pub(crate) struct Facts {
    list: Arc<Vec<Fact>>,
    print: u64,
}

impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Eq for Facts {}

impl Hash for Facts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.fmt(f)
    }
}

impl Facts {
    fn new(list: Vec<Fact>) -> Self {
        let mut hasher = DefaultHasher::new();
        format!("{list:?}").hash(&mut hasher);
        Self { list: Arc::new(list), print: hasher.finish() }
    }
}

/// Where a runner stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Runner {
    /// It knows nothing.
    Idle,
    /// It has read the journal.
    Folded(Folded),
    /// It has looked and concluded, and is about to append; then perhaps to send.
    Ready { from: Folded, facts: Facts, sends: bool },
    /// Its intent is stored; it is about to send.
    Sending { from: Folded, date: i64, generation: u32 },
    /// It has sent.
    Awaiting { from: Folded, date: i64 },
    /// It has an answer and is about to record it.
    Answered { from: Folded, date: i64, facts: Facts },
}

impl Runner {
    pub(crate) fn answered(from: Folded, date: i64, facts: Vec<Fact>) -> Self {
        Self::Answered { from, date, facts: Facts::new(facts) }
    }
}

impl Tenancy {
    /// Decides, looks, concludes. `None`: nothing comes of it now.
    pub(crate) fn look(&self, world: &mut World, at: usize, fresh: bool) -> Option<()> {
        let Runner::Folded(from) = &world.runners[at] else { return None };
        let state = &from.state;
        let (Decision::Perform(effect) | Decision::Settle(effect)) = decide(state, &self.settings, tick(world.now))
        else {
            return None;
        };
        let survey = self.survey(world, fresh);
        let Conclusion { facts, then, .. } = match effect {
            Effect::Survey { leg } => conclude_survey(state, leg, &survey, &self.settings),
            Effect::SettleMint { leg } => conclude_settle(state, leg, &survey, &self.settings),
            Effect::ObserveFlip { leg } => conclude_flip(state, leg, &survey, &self.settings),
            // Beyond the flip nothing is minted any more.
            _ => return None,
        };
        if facts.is_empty() {
            return None;
        }
        let sends = matches!(then, Some(Effect::Mint { .. }));
        world.runners[at] = Runner::Ready { from: from.clone(), facts: Facts::new(facts), sends };
        Some(())
    }

    fn survey(&self, world: &World, fresh: bool) -> Survey {
        let now = tick(world.now);
        // Without A5 the estimate of the server's time is a tick early or late, never right.
        let off = Duration::from_secs(TICK.unsigned_abs());
        let server_time = match (self.holds.clock, fresh) {
            (true, _) => now,
            (false, true) => now - off,
            (false, false) => now + off,
        };
        Survey {
            key: Key { current_version: version_id(world.current), ..KEY.clone() },
            versions: self.list(world, fresh),
            server_date: Some(now),
            server_time,
            uncertainty: Duration::ZERO,
            local: now,
        }
    }

    /// Compare-and-append (A4); a conflict starts over from what is there.
    pub(crate) fn append(&self, world: &mut World, at: usize) -> Option<()> {
        let Runner::Ready { from, facts, sends } = world.runners[at].clone() else { return None };
        if self.holds.append && from.lines != world.journal.lines {
            world.runners[at] = Runner::Folded(world.journal.clone());
            return Some(());
        }
        let Some(next) = self.store(world, &facts) else {
            world.runners[at] = Runner::Idle;
            return Some(());
        };
        let intent = facts.list.iter().find_map(|fact| match fact {
            Fact::MintIntended(intent) => Some(intent),
            _ => None,
        });
        world.runners[at] = match intent.filter(|_| sends) {
            Some(intent) => Runner::Sending {
                from: next,
                date: intent.date.duration_since(start()).as_secs(),
                generation: intent.generation,
            },
            None => Runner::Folded(next),
        };
        Some(())
    }

    /// Stores facts on the journal's end; one that cannot follow is stopped, as the engine does.
    fn store(&self, world: &mut World, facts: &Facts) -> Option<Folded> {
        let next = world.journal.with(&facts.list, tick(world.now));
        match &next {
            Some(next) => world.journal = next.clone(),
            None => world.is_broken = true,
        }
        next
    }

    pub(crate) fn send(&self, world: &mut World, at: usize) -> Option<()> {
        let Runner::Sending { from, date, generation } = world.runners[at].clone() else { return None };
        let copies = if self.holds.one_shot { 1 } else { 2 };
        world.requests.push(Request { date, generation, copies });
        world.runners[at] = Runner::Awaiting { from, date };
        Some(())
    }

    /// No answer came in time.
    pub(crate) fn give_up(&self, world: &mut World, at: usize) -> Option<()> {
        let Runner::Awaiting { from, date } = world.runners[at].clone() else { return None };
        let error = Error::new(ErrorKind::Timeout, "create_version", "no answer").may_have_landed();
        let concluded =
            conclude_failure(&from.state, &Effect::Mint { leg: 1 }, &error, tick(world.now), &self.settings);
        world.runners[at] = Runner::answered(from, date, concluded.facts);
        Some(())
    }

    /// Records an outcome; after a conflict only if the journal still waits for this very answer.
    pub(crate) fn record(&self, world: &mut World, at: usize) -> Option<()> {
        let Runner::Answered { from, date, facts } = world.runners[at].clone() else { return None };
        let sent = start() + jiff::SignedDuration::from_secs(date);
        let is_first = !self.holds.append || from.lines == world.journal.lines;
        if is_first || !self.holds.dated || awaits_answer(&world.journal.state, 1, sent) {
            self.store(world, &facts);
        }
        world.runners[at] = Runner::Folded(world.journal.clone());
        Some(())
    }
}
