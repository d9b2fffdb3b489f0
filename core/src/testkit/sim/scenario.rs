//! What a seed means: a tenancy, runners, and a list of faults. Plain data, so that a failing one can be made smaller.

use std::time::Duration;

use super::dice::Dice;
use super::{mixed, oke};
use crate::memory::WorldSettings;

/// An assumption of protocol.md that a scenario deliberately breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// A1: retry tokens are not recognised.
    Token,
    /// A2: lists lag longer than the margin.
    List,
    /// A3: an accepted request acts longer after its date than the margin.
    Fence,
    /// A4: the journal is restored from a backup while runners are at it; an audit sink keeps what it has forgotten.
    Restored,
}

/// What strikes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in `FaultPlan`")]
pub enum What {
    After(u16),
    Before(u16, &'static str),
    Delay(Duration),
    DelayProcessing(Duration),
    FlipLate(Duration),
    InvalidateToken,
    LoseAnswer,
    LoseRequest,
    SilentNoOp,
    WorkRequestFails,
    WorkRequestLost,
}

/// What happens at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it; durations are how long it lasts")]
pub enum Event {
    AddBucket,
    AddCluster,
    AddPool,
    AddVolume,
    AmbiguousNotStored(u32),
    AmbiguousStored(u32),
    AutoRotate,
    BackUp(usize),
    Cancel,
    ClaimLost,
    CloneVolume(usize),
    ClockJump(usize, i64),
    Compromise,
    CyclePool(usize),
    DeleteBucket(usize),
    DeleteHolder(usize),
    DeleteTarget,
    DenyCompartment(Duration),
    DenyOperation(&'static str, Duration),
    DisableKey(Duration),
    DiskFull(Duration),
    ForeignMint,
    JournalDown(Duration),
    Kill(usize),
    MoveBucket(usize),
    MoveHolder(usize),
    MoveToOracle(usize),
    MoveVolume(usize),
    Pause,
    PinPolicy(Duration),
    PlantSuccessor(Duration),
    ReassignPool(usize),
    ReassignVolume(usize),
    RegionDown(Duration),
    ReplicationStuck(Duration),
    Restore,
    Retag(usize),
    StaleRead(usize),
    TakeUnderKey(usize),
    TerminateVolume(usize),
    UpdatePool(usize),
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// At an instant.
    At(Duration, Event),
    /// At the n-th and following calls of an operation, by World's name for it.
    Call(&'static str, u32, u32, What),
    /// A runner dies at the n-th crash point of one of its lives.
    Crash {
        /// Which runner.
        runner: usize,
        /// Which of its lives, from 0.
        life: u32,
        /// Which point, from 0.
        point: usize,
    },
    /// Somebody starts one more runner by mistake.
    DuplicateTrigger(Duration),
    /// A runner is killed after 300 s, each time.
    ShortLived(usize),
    /// A runner's clock is off by this many milliseconds.
    Skew(usize, i64),
}

impl Fault {
    /// Its kind, for counting.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::At(_, event) => event.kind(),
            Self::Call(_, _, _, what) => what.kind(),
            Self::Crash { .. } => "crash before or after a call or an append",
            Self::DuplicateTrigger(_) => "duplicate trigger",
            Self::ShortLived(_) => "killed after 300 s",
            Self::Skew(..) => "clock skew",
        }
    }
}

impl What {
    fn kind(self) -> &'static str {
        match self {
            Self::After(_) => "5xx after the effect",
            Self::Before(401, _) => "401",
            Self::Before(403, _) => "403",
            Self::Before(404, _) => "404, then back",
            Self::Before(409, _) => "409 IncorrectState",
            Self::Before(412, _) => "412",
            Self::Before(429, _) => "429",
            Self::Before(400, _) => "dead page token",
            Self::Before(..) => "5xx before the effect",
            Self::Delay(_) => "request held up (zombie)",
            Self::DelayProcessing(_) => "accepted request acts late",
            Self::FlipLate(_) => "flip late",
            Self::InvalidateToken => "409 InvalidatedRetryToken",
            Self::LoseAnswer => "answer lost",
            Self::LoseRequest => "request lost",
            Self::SilentNoOp => "silent no-op",
            Self::WorkRequestFails => "work request fails",
            Self::WorkRequestLost => "work request lost",
        }
    }
}

impl Event {
    fn kind(self) -> &'static str {
        match self {
            Self::AddBucket | Self::AddCluster | Self::AddPool | Self::AddVolume => "resource created",
            Self::AmbiguousNotStored(_) => "ambiguous commit, not stored",
            Self::AmbiguousStored(_) => "ambiguous commit, stored",
            Self::AutoRotate => "auto-rotation mints",
            Self::BackUp(_) => "backup taken",
            Self::Cancel => "cancel",
            Self::ClaimLost => "claim lost",
            Self::CloneVolume(_) => "volume cloned",
            Self::ClockJump(..) => "clock jump",
            Self::Compromise => "the current version is named as compromised",
            Self::CyclePool(_) | Self::UpdatePool(_) => "pool changed by somebody else",
            Self::DeleteBucket(_) | Self::DeleteHolder(_) | Self::TerminateVolume(_) => "resource deleted",
            Self::DeleteTarget => "foreign deletion of the target",
            Self::DenyCompartment(_) | Self::DenyOperation(..) => "permission lost",
            Self::DisableKey(_) => "key disabled",
            Self::DiskFull(_) => "disk full",
            Self::ForeignMint => "foreign mint",
            Self::JournalDown(_) => "journal unreachable",
            Self::Kill(_) => "kill",
            Self::MoveBucket(_) | Self::MoveHolder(_) | Self::MoveVolume(_) => "resource moved to another compartment",
            Self::MoveToOracle(_) | Self::ReassignPool(_) | Self::ReassignVolume(_) => "resource moved to another key",
            Self::Pause => "pause",
            Self::PinPolicy(_) => "the services' policy is pinned to the key",
            Self::PlantSuccessor(_) => "a successor is planted",
            Self::RegionDown(_) => "region down",
            Self::ReplicationStuck(_) => "replication stuck",
            Self::Restore => "journal restored from a backup",
            Self::Retag(_) => "resource tagged",
            Self::StaleRead(_) => "stale read",
            Self::TakeUnderKey(_) => "resource taken under the key",
        }
    }
}

/// Clusters and the like under the key at the start, and how far the services may use keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oke {
    /// Clusters.
    pub clusters: usize,
    /// Instance configurations.
    pub configurations: usize,
    /// Node pools.
    pub pools: usize,
    /// Whether services use keys only as the tenancy's policies say.
    pub asks_policies: bool,
    /// Whether the owner accepts that a policy is pinned.
    pub accepts_pins: bool,
    /// Whether somebody changes a pool while our change of it is on its way.
    pub is_meddled: bool,
}

impl Oke {
    /// How many resources these are.
    #[must_use]
    pub fn all(&self) -> usize {
        self.clusters + self.configurations + self.pools
    }
}

/// A whole simulation, but for the dice that follow from its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Where everything comes from.
    pub seed: u64,
    /// How many runners work at it, 1 to 4.
    pub runners: usize,
    /// Buckets under the key at the start.
    pub buckets: usize,
    /// Volumes under the key at the start, every second with a backup; 0: the key protects buckets only.
    pub volumes: usize,
    /// Clusters, node pools and configurations under the key.
    pub oke: Oke,
    /// Compartments they are spread over.
    pub compartments: usize,
    /// Whether the vault has a replica.
    pub is_replicated: bool,
    /// Dependents of a page.
    pub page_size: usize,
    /// Whether refusals are doubted.
    pub is_strict: bool,
    /// The assumption that does not hold.
    pub broken: Option<Broken>,
    /// Whether all runners start at once, each with a clock of its own, so that claims do not keep them apart.
    pub is_herd: bool,
    /// Longest time a call may take each way.
    pub latency_max: Duration,
    /// The cloud's habits.
    pub world: WorldSettings,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// When everything is mended.
    pub heal_after: Duration,
}

const READS: &[&str] = &[
    "get_key",
    "list_key_versions",
    "get_vault",
    "get_vault_usage",
    "get_key_version",
    "get_replication_status",
    "list_buckets",
    "get_bucket",
    "list_work_requests",
    "list_region_subscriptions",
    "list_compartments",
];

/// What every run asks first.
const FIRST_READS: &[&str] = &["get_key", "get_vault", "list_key_versions"];

impl Scenario {
    /// What a seed means.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed, 1);
        let broken = match dice.range(1, 100) {
            1..=12 => Some(Broken::Token),
            13..=18 => Some(Broken::List),
            19..=24 => Some(Broken::Fence),
            25..=30 => Some(Broken::Restored),
            _ => None,
        };
        let secs = |low, high| dice.secs(low, high);
        let list_lag = if broken == Some(Broken::List) { secs(90, 1500) } else { secs(0, 55) };
        let enabled_delay = secs(0, 20);
        let world = WorldSettings {
            seed,
            // A restored journal that has a sink does without tokens.
            honours_tokens: broken != Some(Broken::Token) && !(broken == Some(Broken::Restored) && dice.one_in(2)),
            enabled_delay,
            flip_delay: enabled_delay + if dice.one_in(4) { secs(0, 10) } else { secs(10, 240) },
            list_lag,
            replica_lag: if dice.one_in(6) { secs(600, 5400) } else { secs(0, 300) },
            search_lag: secs(0, 1200),
            work_request_wait: secs(0, 10),
            work_request_duration: secs(0, 180),
            work_request_memory: dice.one_in(8).then(|| secs(60, 600)),
            page_size: if dice.one_in(4) { 5 } else { 100 },
            empty_pages: dice.one_in(4),
            ..WorldSettings::production()
        };
        let runners = dice.pick(&[1, 1, 2, 2, 3, 4]);
        let buckets = usize::try_from(dice.range(6, 18)).unwrap_or(6);
        let mut scenario = Self {
            seed,
            runners,
            buckets,
            volumes: 0,
            oke: Oke::default(),
            compartments: dice.pick(&[1, 2, 3]),
            is_replicated: !dice.one_in(4),
            page_size: dice.pick(&[4, 25, 1000]),
            is_strict: dice.one_in(12),
            broken,
            is_herd: runners > 1 && dice.one_in(3),
            latency_max: dice.pick(&[20, 200, 2000, 8000]).pipe(Duration::from_millis),
            world,
            faults: Vec::new(),
            heal_after: secs(1800, 7200),
        };
        scenario.faults.push(scenario.draw_first(&dice));
        let count = dice.range(0, 9);
        for _ in 0..count {
            let fault = scenario.draw(&dice);
            scenario.faults.push(fault);
        }
        if scenario.is_herd {
            // Slow calls, so that two of them are in the middle of the same thing.
            scenario.latency_max = secs(8, 12);
            for runner in 0..scenario.runners {
                scenario.faults.push(Fault::Skew(runner, jitter(&dice, 200_000)));
            }
            scenario.compartments = 1;
            for _ in 0..10 {
                scenario.faults.push(Fault::At(secs(30, 240), Event::ClaimLost));
            }
        }
        if broken == Some(Broken::Fence) {
            let late = What::DelayProcessing(secs(70, 1200));
            scenario.faults.push(Fault::Call("create_key_version", 1, 1, late));
        }
        if broken == Some(Broken::List) {
            // Somebody's version is current before it is listed; or ours lands unheard and is listed too late.
            scenario.faults.push(if dice.one_in(2) {
                scenario.world.flip_delay = scenario.world.enabled_delay;
                Fault::At(secs(1, 60), dice.pick(&[Event::ForeignMint, Event::AutoRotate]))
            } else {
                Fault::Call("create_key_version", 1, 1, What::LoseAnswer)
            });
        }
        if broken == Some(Broken::Restored) {
            // Often while the first mint is on its way: its intent is then forgotten.
            let put_back = if dice.one_in(4) { secs(30, 1200) } else { secs(30, 400) };
            scenario.faults.push(Fault::At(put_back, Event::Restore));
            let what = dice.pick(&[
                What::LoseRequest,
                What::LoseRequest,
                What::LoseAnswer,
                What::DelayProcessing(secs(30, 58)),
            ]);
            scenario.faults.push(Fault::Call("create_key_version", 1, 1, what));
        }
        if !scenario.faults.iter().any(|fault| scenario.is_sure(fault)) {
            let what = dice.pick(&[What::LoseAnswer, What::LoseRequest, What::Before(429, "TooManyRequests")]);
            scenario.faults.push(Fault::Call(dice.pick(FIRST_READS), 1, 1, what));
        }
        mixed::mix(&mut scenario);
        oke::mix(&mut scenario);
        scenario
    }

    /// One runner, a few buckets, a cloud in no hurry, and nothing that goes wrong: for tests that name their faults.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        let secs = Duration::from_secs;
        let world = WorldSettings { seed, flip_delay: secs(60), list_lag: secs(5), ..WorldSettings::production() };
        Self {
            seed,
            runners: 1,
            buckets: 6,
            volumes: 0,
            oke: Oke::default(),
            compartments: 2,
            is_replicated: true,
            page_size: 1000,
            is_strict: false,
            broken: None,
            is_herd: false,
            latency_max: Duration::from_millis(200),
            world,
            faults: Vec::new(),
            heal_after: secs(7200),
        }
    }

    /// Whether no run can miss it: a call of the very first look, or something that does not depend on us.
    fn is_sure(&self, fault: &Fault) -> bool {
        match fault {
            Fault::At(at, _) => *at < self.heal_after,
            Fault::Call(operation, nth, ..) => *nth == 1 && FIRST_READS.contains(operation),
            Fault::DuplicateTrigger(_) | Fault::Skew(..) => true,
            Fault::Crash { .. } | Fault::ShortLived(_) => false,
        }
    }

    /// A fault that hardly any run can miss.
    fn draw_first(&self, dice: &Dice) -> Fault {
        let what = dice.pick(&[
            What::LoseAnswer,
            What::LoseRequest,
            What::Before(503, "ServiceUnavailable"),
            What::Before(429, "TooManyRequests"),
            What::Before(404, "NotAuthorizedOrNotFound"),
        ]);
        match dice.range(1, 4) {
            1 => Fault::Call(dice.pick(&["get_key", "get_vault", "list_key_versions", "get_bucket"]), 1, 1, what),
            2 => Fault::Call("list_buckets", 1, 1, what),
            3 => Fault::Call("reencrypt_bucket", 1, 1, what),
            _ => Fault::Call("create_key_version", 1, 1, what),
        }
    }

    fn draw(&self, dice: &Dice) -> Fault {
        match dice.range(1, 100) {
            1..=20 => self.draw_mint(dice),
            21..=31 => Self::draw_read(dice),
            32..=44 => self.draw_rewrap(dice),
            45..=59 => Fault::Crash {
                runner: dice.index(self.runners),
                life: u32::try_from(dice.range(0, 3)).unwrap_or(0),
                point: usize::try_from(if dice.one_in(2) { dice.range(0, 60) } else { dice.range(0, 200) })
                    .unwrap_or(0),
            },
            60..=62 => Fault::ShortLived(dice.index(self.runners)),
            63..=65 => Fault::Skew(dice.index(self.runners), jitter(dice, 235_000)),
            66..=67 => Fault::DuplicateTrigger(dice.secs(1, 1500)),
            // The pivot comes within a minute; what must come before it has to hurry.
            68..=70 => Fault::At(dice.secs(1, 20), Event::Cancel),
            71..=73 => Fault::At(dice.secs(1, 400), Event::DeleteTarget),
            74..=77 => {
                Fault::At(dice.secs(5, 300), dice.pick(&[Event::ForeignMint, Event::ForeignMint, Event::AutoRotate]))
            }
            // Late enough that a rotation has often ended: what was minted then is followed by a sweep.
            78..=82 => {
                let late =
                    [Event::ForeignMint, Event::ForeignMint, Event::AutoRotate, Event::AutoRotate, Event::Cancel];
                Fault::At(dice.secs(600, 3600), dice.pick(&late))
            }
            // Somebody wants the version gone that a rotation is moving everything to, or has just moved it to.
            83..=85 => Fault::At(dice.secs(200, 2400), Event::Compromise),
            _ => Fault::At(dice.secs(1, 1500), self.draw_event(dice)),
        }
    }

    fn draw_mint(&self, dice: &Dice) -> Fault {
        let nth = u32::try_from(dice.pick(&[1u64, 1, 1, 2, 2, 3])).unwrap_or(1);
        let count = if dice.one_in(6) { 2 } else { 1 };
        let what = match dice.range(1, 14) {
            1..=3 => What::LoseAnswer,
            4..=5 => What::LoseRequest,
            6 => What::Delay(dice.secs(1, 1200)),
            7 => What::DelayProcessing(dice.secs(1, 58)),
            8 => What::After(dice.pick(&[500, 502, 503])),
            9 => What::Before(dice.pick(&[500, 503]), "InternalServerError"),
            10 => What::Before(429, "TooManyRequests"),
            11 => What::Before(409, "IncorrectState"),
            12 => dice.pick(&[
                What::Before(401, "NotAuthenticated"),
                What::Before(403, "NotAuthorized"),
                What::Before(404, "NotAuthorizedOrNotFound"),
                What::Before(412, "NoEtagMatch"),
            ]),
            13 => What::FlipLate(dice.secs(60, 1800)),
            // A used-up token means the next generation; with a bound broken too, that would be two faults at once.
            _ if self.broken.is_none() => What::InvalidateToken,
            _ => What::LoseAnswer,
        };
        Fault::Call("create_key_version", nth, count, what)
    }

    fn draw_read(dice: &Dice) -> Fault {
        let operation = dice.pick(READS);
        let nth = u32::try_from(dice.range(1, 12)).unwrap_or(1);
        let count = u32::try_from(dice.pick(&[1u64, 1, 2, 5])).unwrap_or(1);
        let what = match dice.range(1, 7) {
            1 => What::LoseAnswer,
            2 => What::LoseRequest,
            3 => What::Before(503, "ServiceUnavailable"),
            4 => What::Before(429, "TooManyRequests"),
            5 => What::Before(404, "NotAuthorizedOrNotFound"),
            6 => What::Before(401, "NotAuthenticated"),
            _ => {
                return Fault::Call(
                    dice.pick(&["list_key_versions", "list_buckets", "list_work_requests"]),
                    nth,
                    1,
                    DEAD,
                );
            }
        };
        Fault::Call(operation, nth, count, what)
    }

    fn draw_rewrap(&self, dice: &Dice) -> Fault {
        let nth = u32::try_from(dice.range(1, self.buckets as u64 + 4)).unwrap_or(1);
        let count = u32::try_from(dice.pick(&[1u64, 1, 1, 3, 8])).unwrap_or(1);
        let what = match dice.range(1, 13) {
            1..=2 => What::LoseAnswer,
            3 => What::LoseRequest,
            4 => What::Delay(dice.secs(1, 1200)),
            5 => What::DelayProcessing(dice.secs(1, 58)),
            6 => What::After(500),
            7 => What::Before(503, "ServiceUnavailable"),
            8 => What::Before(429, "TooManyRequests"),
            9 => dice.pick(&[What::Before(404, "BucketNotFound"), What::Before(412, "NoEtagMatch")]),
            10 => What::WorkRequestFails,
            11 => What::WorkRequestLost,
            12 => What::SilentNoOp,
            _ => What::Before(409, "IncorrectState"),
        };
        Fault::Call("reencrypt_bucket", nth, count, what)
    }

    fn draw_event(&self, dice: &Dice) -> Event {
        let runner = dice.index(self.runners);
        let bucket = dice.index(self.buckets);
        let long = || dice.secs(20, 1200);
        let times = u32::try_from(dice.range(1, 3)).unwrap_or(1);
        match dice.range(1, 34) {
            1..=3 => Event::AddBucket,
            4 => Event::AmbiguousNotStored(times),
            5 => Event::AmbiguousStored(times),
            6 => Event::AutoRotate,
            7..=8 => Event::Cancel,
            9 => Event::ClaimLost,
            10..=11 => Event::ClockJump(runner, jitter(dice, 600_000)),
            12 => Event::DeleteBucket(bucket),
            13..=14 => Event::DeleteTarget,
            15 => Event::DenyCompartment(long()),
            16 => Event::DenyOperation(
                dice.pick(&["create_key_version", "get_key", "reencrypt_bucket", "get_bucket", "list_key_versions"]),
                long(),
            ),
            17 => Event::DisableKey(long()),
            18 => Event::DiskFull(long()),
            19..=20 => Event::ForeignMint,
            21 => Event::JournalDown(long()),
            22..=23 => Event::Kill(runner),
            24 => Event::MoveBucket(bucket),
            25..=26 => Event::MoveToOracle(bucket),
            27 => Event::Pause,
            28 => Event::RegionDown(long()),
            29 => Event::ReplicationStuck(dice.secs(60, 5400)),
            30 => Event::Retag(bucket),
            31..=32 => Event::StaleRead(usize::try_from(times).unwrap_or(1)),
            _ => Event::TakeUnderKey(dice.index(3)),
        }
    }
}

const DEAD: What = What::Before(400, "InvalidParameter");

/// A number of milliseconds either way.
fn jitter(dice: &Dice, most_ms: i64) -> i64 {
    let draw = dice.range(0, u64::try_from(2 * most_ms).unwrap_or(0));
    i64::try_from(draw).unwrap_or(0) - most_ms
}

trait Pipe: Sized {
    fn pipe<T>(self, into: impl FnOnce(Self) -> T) -> T {
        into(self)
    }
}

impl Pipe for u64 {}
