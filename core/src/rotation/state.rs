//! What a rotation's facts add up to. Built by `apply`, read by `decide`; never stored.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::{
    Adopted, Checked, Completed, InUse, JournalBehind, LegPlan, MintIntended, Opened, PageOpened, PassEnded, Paused,
    Replicated,
};
use super::preflight::Purpose;
use crate::model::{Census, Counts, Finding, Head, KeyVersionId, Kind, LineHash, RotationId, Strategy, Timestamp};

/// The chart of design §6: once per rotation, with the legs' own phases between Checked and Accounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// It exists; nothing was looked at.
    Opened,
    /// Preflight passed; legs run.
    Checked,
    /// Nothing new was found after the last effect.
    Accounted,
    /// The end.
    Completed,
    /// Given up before the pivot.
    Cancelled,
    /// The next rotation of the lineage took over (R6).
    Overtaken,
}

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LegPhase {
    /// Its turn has not come, or its mint is not settled.
    Minting,
    /// The target is current.
    InUse,
    /// Every replica has it.
    Replicated,
    /// Its dependents are recorded.
    Inventoried,
    /// Each of them has an outcome.
    Rekeyed,
}

impl LegPhase {
    /// The glossary's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Minting => "minting",
            Self::InUse => "in_use",
            Self::Replicated => "replicated",
            Self::Inventoried => "inventoried",
            Self::Rekeyed => "rekeyed",
        }
    }
}

/// Words of outcomes that leave a dependent where it was.
pub const UNMOVED: [&str; 4] = ["blocked", "excluded", "manual", "partial"];

/// How one journaled mint ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MintOutcome {
    /// 2xx.
    Created(KeyVersionId),
    /// No definitive answer, and not settled. Also what an intent without any outcome means after a crash.
    InDoubt {
        /// The token is used up.
        invalidated: bool,
    },
    /// Definitive refusal.
    Refused,
    /// Nothing outside the baseline after the quiet period.
    SettledNone,
}

/// One journaled mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintAttempt {
    /// What was journaled.
    pub intent: MintIntended,
    /// When, by the runner's clock.
    pub at: Timestamp,
    /// How it ended so far.
    pub outcome: MintOutcome,
    /// Its sender wrote down what came of it: it did leave.
    pub is_sent: bool,
    /// The service called the token used up. Settling changes the outcome, never this.
    pub is_spent: bool,
}

/// One leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// Strategy and kinds.
    pub plan: LegPlan,
    /// Where it stands.
    pub phase: LegPhase,
    /// Every mint that was journaled, oldest first.
    pub attempts: Vec<MintAttempt>,
    /// Versions outside the baseline that were listed while a mint was in doubt.
    pub sighted: BTreeSet<KeyVersionId>,
    /// What everything moves to.
    pub target: Option<Adopted>,
    /// When the target was fixed, by the runner's clock.
    pub target_at: Option<Timestamp>,
    /// When the target was seen current.
    pub in_use: Option<InUse>,
    /// When that was recorded, by the runner's clock.
    pub in_use_at: Option<Timestamp>,
    /// Regions that have it.
    pub replicated: Option<Replicated>,
}

impl Leg {
    pub(super) fn new(plan: LegPlan) -> Self {
        Self {
            plan,
            phase: LegPhase::Minting,
            attempts: Vec::new(),
            sighted: BTreeSet::new(),
            target: None,
            target_at: None,
            in_use: None,
            in_use_at: None,
            replicated: None,
        }
    }

    /// Whether it moves dependents to a successor key.
    #[must_use]
    pub fn is_successor(&self) -> bool {
        self.plan.strategy == Strategy::NewKey
    }

    /// The last journaled mint, if it is not closed definitively.
    #[must_use]
    pub fn open_attempt(&self) -> Option<&MintAttempt> {
        self.attempts.last().filter(|attempt| matches!(attempt.outcome, MintOutcome::InDoubt { .. }))
    }

    /// How many mints in a row were refused, up to now.
    #[must_use]
    pub fn refused_in_a_row(&self) -> u32 {
        let refused = self.attempts.iter().rev().take_while(|attempt| attempt.outcome == MintOutcome::Refused);
        u32::try_from(refused.count()).unwrap_or(u32::MAX)
    }

    /// The union of all baselines of this leg's first generation: what nobody minted for us.
    #[must_use]
    pub fn first_baseline(&self) -> BTreeSet<String> {
        self.attempts.first().map(|attempt| attempt.intent.baseline.clone()).unwrap_or_default()
    }
}

/// A page as the main stream knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRef {
    /// What was opened.
    pub opened: PageOpened,
    /// Head of the page's stream when it was closed.
    pub closed: Option<Head>,
    /// Outcomes of its dependents, once it is closed.
    pub counts: Counts,
    /// It was closed when somebody had exceptions looked at again: what stayed then stands in a later page too.
    pub is_looked_at_again: bool,
}

/// How often an effect failed since anything else moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Tries so far.
    pub attempts: u32,
    /// No other before this.
    pub not_before: Timestamp,
    /// What was said last.
    pub error: String,
    /// Nobody answered.
    pub is_outage: bool,
}

/// A notice on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRef {
    /// Which notifier.
    pub notifier: String,
    /// Whether it was accepted or given up.
    pub settled: bool,
    /// When it was given up last, by the runner's clock; `None`: it was accepted, or is on its way for the first time.
    pub given_up_at: Option<Timestamp>,
    /// How often it was given up.
    pub given_up: u32,
}

/// A rotation.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Its short name.
    pub rid: RotationId,
    /// Its first fact.
    pub opened: Opened,
    /// When it was opened, by the runner's clock.
    pub opened_at: Timestamp,
    /// Where it stands, apart from its legs.
    pub phase: Phase,
    /// What preflight recorded.
    pub checked: Option<Checked>,
    /// Its legs, in the order they run.
    pub legs: Vec<Leg>,
    /// Why it rests.
    pub paused: Option<Paused>,
    /// How often it was paused; tells the notices of its pauses apart.
    pub pauses: u32,
    /// Why it paused last, and when by the runner's clock; stays when somebody resumes.
    pub last_pause: Option<(Timestamp, Paused)>,
    /// Its pages by number.
    pub pages: BTreeMap<u32, PageRef>,
    /// A pass that began and has not ended.
    pub pass_open: Option<u32>,
    /// Passes that ended, by number.
    pub passes: BTreeMap<u32, PassEnded>,
    /// The number of the first pass that ended with nothing new after every page known then was closed.
    pub settled_pass: Option<u32>,
    /// The last pass after which nothing that belongs to an earlier leg was left or new.
    pub leg_pass: Option<u32>,
    /// Exceptions of passes before this one were looked at again.
    pub again_from: u32,
    /// Somebody resumed since exceptions were looked at last.
    pub is_resumed: bool,
    /// The last pass that had ended when somebody resumed last.
    pub resumed_after: Option<u32>,
    /// When a person resumed last, by the runner's clock.
    pub resumed_at: Option<Timestamp>,
    /// It was a run that ended its last pause, to look again after an outage.
    pub is_looking_again: bool,
    /// Failed tries by effect.
    pub failures: BTreeMap<String, Failure>,
    /// Notices by dedupe key and notifier.
    pub notices: BTreeMap<(String, String), NoticeRef>,
    /// Outcomes of closed pages.
    pub counts: Counts,
    /// Versions made while it ran.
    pub census: Census,
    /// How it ended.
    pub completed: Option<Completed>,
    /// When the last fact was written, by its runner's clock.
    pub last_at: Timestamp,
    /// When it ended.
    pub closed_at: Option<Timestamp>,
    /// The rotation that took over.
    pub overtaken_by: Option<RotationId>,
    /// Until when a cancelled rotation holds its key's `due` back.
    pub held_until: Option<Timestamp>,
    /// Sinks that the stream was found behind, by name and what they held last.
    pub behind: BTreeMap<(String, LineHash), JournalBehind>,
    /// Why mints were held back, by what told the reasons apart.
    pub deferred: BTreeSet<String>,
    /// No mint before this, by the server's clock.
    pub mint_not_before: Option<Timestamp>,
    /// Rules not met that were seen on the way.
    pub noted: Vec<Finding>,
    /// Number of facts applied.
    pub facts: u64,
    /// Hash of the last fact.
    pub head: LineHash,
}

impl State {
    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match (self.opened.is_sweep, &self.opened.head) {
            (false, _) => Purpose::Rotate,
            (true, None) => Purpose::Sweep,
            (true, Some(_)) => Purpose::ToHead,
        }
    }

    /// The word for where it stands: the leg's phase while legs run.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.phase {
            Phase::Opened => "opened",
            Phase::Checked => self.active_leg().map_or("rekeyed", |(_, leg)| leg.phase.word()),
            Phase::Accounted => "accounted",
            Phase::Completed => "completed",
            Phase::Cancelled => "cancelled",
            Phase::Overtaken => "overtaken",
        }
    }

    /// Whether nothing will ever happen again.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self.phase, Phase::Completed | Phase::Cancelled | Phase::Overtaken)
    }

    /// Dependents of kinds that forbid several versions, in legs before this one, that were not moved off the key.
    #[must_use]
    pub fn unmoved(&self, leg: u32) -> u64 {
        let earlier = self.legs.iter().take(leg.saturating_sub(1) as usize);
        let kinds: BTreeSet<&Kind> = earlier.flat_map(|leg| &leg.plan.forbids).collect();
        let looked_at = self.pages.values().filter(|page| !page.is_looked_at_again);
        looked_at
            // What was never under the key is not left behind on it.
            .filter(|page| kinds.contains(&page.opened.kind) && !page.opened.is_enrolled)
            .flat_map(|page| UNMOVED.iter().map(|word| page.counts.with(word)))
            .sum()
    }

    /// Open pages of kinds that belong to legs before this one.
    #[must_use]
    pub fn open_pages_before(&self, leg: u32) -> Vec<u32> {
        let earlier = self.legs.iter().take(leg.saturating_sub(1) as usize);
        let mut pages: Vec<u32> = earlier.flat_map(|leg| self.open_pages(leg)).collect();
        pages.sort_unstable();
        pages
    }

    /// The leg that a kind belongs to, with its number; for a kind that came late, the last one.
    #[must_use]
    pub fn leg_of(&self, kind: &Kind) -> Option<(u32, &Leg)> {
        let legs = || (1..).zip(&self.legs);
        legs().find(|(_, leg)| leg.plan.kinds.contains(kind)).or_else(|| legs().last())
    }

    /// The first leg that is not done, with its number from 1.
    #[must_use]
    pub fn active_leg(&self) -> Option<(u32, &Leg)> {
        self.legs.iter().zip(1..).find(|(leg, _)| leg.phase != LegPhase::Rekeyed).map(|(leg, number)| (number, leg))
    }

    /// Leg by number from 1.
    #[must_use]
    pub fn leg(&self, number: u32) -> Option<&Leg> {
        self.legs.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }

    /// Whether only forward is left: a mint was intended, or a sweep's re-keying may have begun.
    #[must_use]
    pub fn is_past_pivot(&self) -> bool {
        if self.opened.is_sweep {
            return self.legs.iter().any(|leg| leg.phase >= LegPhase::Inventoried);
        }
        self.legs.iter().any(|leg| !leg.attempts.is_empty() || leg.target.is_some())
    }

    /// Dependents in all pages.
    #[must_use]
    pub fn dependents(&self) -> u64 {
        let all: u64 = self.pages.values().map(|page| u64::from(page.opened.dependents)).sum();
        // What was looked at again stands in a later page too, or was found to have left.
        let earlier = self.pages.values().filter(|page| page.is_looked_at_again);
        let again: u64 = earlier.flat_map(|page| UNMOVED.iter().map(|word| page.counts.with(word))).sum();
        all - again
    }

    /// Pages without an end, for a leg's kinds.
    #[must_use]
    pub fn open_pages(&self, leg: &Leg) -> Vec<u32> {
        self.pages
            .iter()
            .filter(|(_, page)| page.closed.is_none() && leg.plan.kinds.contains(&page.opened.kind))
            .map(|(number, _)| *number)
            .collect()
    }
}
