//! What has happened to one rotation, as it stands in its own stream `r/<rid>`.
//!
//! A name never changes meaning; facts gain optional fields or new names (design §7). Facts that a reader
//! must understand to act safely say so in `must`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{
    Census, CompartmentId, Counts, Coverage, Finding, Head, KeyId, KeyVersionId, Kind, LineHash, LookedAt, Region,
    RememberedScopes, RequestId, RetryToken, RotationId, RotationName, Strategy, Timestamp, VaultId, Verdict,
};

/// One fact of a rotation's own stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// The rotation exists. First fact of the stream.
    Opened(Opened),
    /// Preflight passed.
    Checked(Checked),
    /// A sink holds lines of this stream that the journal has not: it was restored from a backup.
    JournalBehind(JournalBehind),
    /// INTENT: we are about to mint. The first one is the pivot.
    MintIntended(MintIntended),
    /// The service answered 2xx: a version was created, certainly by us.
    Created(Created),
    /// The service refused definitively: nothing was created (A6).
    MintRefused(MintRefused),
    /// No mint before this instant, although nothing of ours is on its way.
    MintDeferred(MintDeferred),
    /// No definitive answer: a version may exist.
    MintInDoubt(MintInDoubt),
    /// A version outside the baseline was listed: no more sends; the target is fixed after the quiet period.
    Sighted(Sighted),
    /// After the quiet period nothing was listed outside the baseline: nothing dated so far acted or can act.
    MintSettled {
        /// Leg, from 1.
        leg: u32,
        /// Generation that was settled.
        generation: u32,
    },
    /// The target of a leg is fixed.
    Adopted(Adopted),
    /// The target is gone while the superseded version is current: the next generation mints anew.
    TargetLost {
        /// Leg, from 1.
        leg: u32,
        /// The version that was lost.
        version: KeyVersionId,
    },
    /// A newer usable version than the target is current: it becomes the target.
    Retargeted(Adopted),
    /// The key's current version is the target or a newer usable one.
    InUse(InUse),
    /// Every replica region has the target.
    Replicated(Replicated),
    /// A pass over the catalog began.
    PassBegun {
        /// Number, from 0 (the preflight's).
        pass: u32,
    },
    /// A page of dependents was recorded in its own stream.
    PageOpened(PageOpened),
    /// A pass over the catalog ended.
    PassEnded(PassEnded),
    /// A leg's inventory stands: re-keying may begin.
    Inventoried {
        /// Leg, from 1.
        leg: u32,
    },
    /// Every dependent of a page has an outcome.
    PageClosed(PageClosed),
    /// Dependents that ended with an exception are looked at again by this pass and those after it: somebody resumed
    /// a rotation that they hold back.
    LookedAgain {
        /// The next pass.
        pass: u32,
    },
    /// Every page of a leg is closed.
    Rekeyed {
        /// Leg, from 1.
        leg: u32,
    },
    /// A fresh pass after the last effect found nothing new: the books are closed.
    Accounted(Accounted),
    /// We are about to tell somebody.
    NoticeIntended(NoticeIntended),
    /// A rule not met was seen on the way; it does not stop us.
    Noted(Finding),
    /// The notifier accepted it, or was given up with the reason.
    NoticeSent(NoticeSent),
    /// The end, clean or with exceptions.
    Completed(Completed),
    /// A try of an effect failed; counted before the next one.
    EffectFailed(EffectFailed),
    /// Somebody or a spent budget stopped it.
    Paused(Paused),
    /// The next rotation of the lineage was opened; it takes over what this one left unfinished (R6).
    Overtaken {
        /// The next rotation.
        by: RotationId,
    },
    /// Somebody let it go on.
    Resumed {
        /// A run that looks again after an outage, and no person.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_run: bool,
    },
    /// Given up before the pivot; `due` does not start it again before `until`.
    Cancelled {
        /// Until when, if at all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

impl Fact {
    /// Whether a reader that does not know this fact must refuse to go on.
    #[must_use]
    pub fn must(&self) -> bool {
        let may_be_passed_over = matches!(
            self,
            Self::NoticeIntended(_) | Self::NoticeSent(_) | Self::EffectFailed(_) | Self::PassBegun { .. }
        );
        !may_be_passed_over && !matches!(self, Self::Noted(_))
    }
}

/// The rotation exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// What names it.
    pub name: RotationName,
    /// The vault of the key.
    pub vault: VaultId,
    /// Region of the key's primary.
    pub region: Region,
    /// Compartment of the key.
    pub compartment: CompartmentId,
    /// Root of the key's lineage (R6).
    pub lineage_root: KeyId,
    /// A sweep: moves dependents to the version that is current and never mints. `name` then names the newest
    /// earlier version that data may hang on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_sweep: bool,
    /// A predecessor's sweep: everything moves to this key, the head of the lineage when it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<KeyId>,
    /// The rotation that this one overtook; its unfinished dependents are looked at again (R6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overtakes: Option<RotationId>,
    /// Whether the wish named a request id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// A rehearsal on loopback endpoints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_test: bool,
}

/// One leg as planned: dependents of these kinds move by this strategy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegPlan {
    /// How new material is made.
    pub strategy: Strategy,
    /// Kinds that belong to it.
    pub kinds: BTreeSet<Kind>,
    /// Those of them that forbid several versions: one that was not moved holds back the next leg's mint (R5).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub forbids: BTreeSet<Kind>,
}

/// Preflight passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Legs, in the order they run.
    pub legs: Vec<LegPlan>,
    /// Dependents seen by the preflight's pass.
    pub dependents: u64,
    /// Regions that hold a replica of the key.
    pub replicas: BTreeSet<Region>,
    /// Versions the key had.
    pub versions: BTreeSet<KeyVersionId>,
    /// Rules not met that do not stop us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A sink's copy of this stream goes further than the stream, or another way. No mint before `until`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalBehind {
    /// The sink's name.
    pub sink: String,
    /// Lines the stream had when it was compared.
    pub lines: u64,
    /// Lines the sink holds.
    pub sink_lines: u64,
    /// Hash of the last one of them.
    pub sink_head: LineHash,
    /// Until when no mint is journaled, by the server's clock.
    pub until: Timestamp,
}

/// INTENT (protocol.md): everything the request depends on, journaled before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintIntended {
    /// Leg, from 1.
    pub leg: u32,
    /// Generation, from 1; a new one has a new token.
    pub generation: u32,
    /// `create_version` or `create_key`.
    pub operation: String,
    /// The deterministic token.
    pub token: RetryToken,
    /// The date the request will carry: the fence.
    pub date: Timestamp,
    /// Versions (or successors) seen before.
    pub baseline: BTreeSet<String>,
    /// The canonical body.
    pub body: String,
    /// What the key's intent register tells this intent by, where there is a register.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<String>,
}

/// 2xx: certainly ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// Leg, from 1.
    pub leg: u32,
    /// Generation.
    pub generation: u32,
    /// The successor key, if a key was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The version that was created.
    pub version: KeyVersionId,
    /// When, by KMS's clock.
    pub time_created: Timestamp,
    /// What KMS called our request; Oracle's audit log shows it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// The code of a mint that never left, because the key's register could not be written before it.
pub const NOT_SENT: &str = "not sent: register";

/// A definitive refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintRefused {
    /// Leg, from 1.
    pub leg: u32,
    /// Generation.
    pub generation: u32,
    /// HTTP status.
    pub status: u16,
    /// The service's code.
    pub code: String,
    /// What KMS called our request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// No mint before this instant: something may be on its way that this journal does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintDeferred {
    /// Leg, from 1.
    pub leg: u32,
    /// Tells this reason from another; the same one holds only once.
    pub what: String,
    /// Why, for people.
    pub why: String,
    /// Until when, by the server's clock.
    pub until: Timestamp,
}

/// No definitive answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintInDoubt {
    /// Leg, from 1.
    pub leg: u32,
    /// Generation.
    pub generation: u32,
    /// What came instead of an answer.
    pub why: String,
    /// `InvalidatedRetryToken`: the token did cause a change once; it is used up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invalidated: bool,
}

/// Versions outside the baseline, listed while a mint was in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighted {
    /// Leg, from 1.
    pub leg: u32,
    /// Generation.
    pub generation: u32,
    /// Which versions.
    pub versions: BTreeSet<KeyVersionId>,
}

/// Who made the version we move to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Author {
    /// OCI's auto-rotation.
    Auto,
    /// Certainly us: our 2xx says so.
    Ours,
    /// Presumed us: it appeared after our intent and nobody else is known to mint.
    OursPresumed,
    /// Somebody else, or nobody can say.
    Unknown,
}

/// A target is fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Leg, from 1.
    pub leg: u32,
    /// The successor key that everything moves to; `None`: the key keeps its place and has a new version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The version everything moves to.
    pub version: KeyVersionId,
    /// When it was created, by KMS's clock.
    pub time_created: Timestamp,
    /// Who made it.
    pub author: Author,
    /// Versions seen that are not in the first baseline, by author.
    pub census: Census,
}

/// The target is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InUse {
    /// Leg, from 1.
    pub leg: u32,
    /// The current version.
    pub version: KeyVersionId,
    /// KMS's clock when it said so: re-wraps accepted after it count.
    pub seen_at: Timestamp,
    /// Versions listed then that were not there at preflight, by author.
    pub census: Census,
}

/// The replica gate is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicated {
    /// Leg, from 1.
    pub leg: u32,
    /// Regions that have it; empty where nothing is replicated.
    pub regions: BTreeSet<Region>,
}

/// A page of dependents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOpened {
    /// Number, from 1; its stream is `r/<rid>/p/<n>`.
    pub page: u32,
    /// The pass that found it.
    pub pass: u32,
    /// Region of its dependents.
    pub region: Region,
    /// Compartment of its dependents.
    pub compartment: CompartmentId,
    /// Kind of its dependents.
    pub kind: Kind,
    /// They were under another key, and policy enrolled them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_enrolled: bool,
    /// How many.
    pub dependents: u32,
    /// Hash of the page's first line.
    pub hash: LineHash,
}

/// A pass over the catalog ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassEnded {
    /// Number, from 0.
    pub pass: u32,
    /// Dependents that were not known before.
    pub added: u64,
    /// Candidates looked at.
    pub candidates: u64,
    /// Dependents only Search showed.
    pub search_only: u64,
    /// What was and was not looked at, holes first; listed parts are only counted.
    pub holes: Vec<Coverage>,
    /// How many parts were listed.
    pub listed: u64,
    /// The same by region and kind, and what Search and List say of each other; absent in old journals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looked_at: Vec<LookedAt>,
    /// The only regions where resources can be under the key: its vault's, and those of the vault's replicas. Empty: not
    /// known, so all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key_regions: Vec<Region>,
    /// Regions and compartments are those of an earlier look: identity did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<RememberedScopes>,
    /// Rules not met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

impl PassEnded {
    /// Whether something in this region can be under the key.
    #[must_use]
    pub fn may_hold(&self, region: &Region) -> bool {
        self.key_regions.is_empty() || self.key_regions.contains(region)
    }
}

/// A page is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageClosed {
    /// Number.
    pub page: u32,
    /// Head of its stream: the page is part of this rotation's chain from here on.
    pub head: Head,
    /// Outcomes and grades.
    pub counts: Counts,
}

/// The books are closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounted {
    /// Outcomes and grades over all pages.
    pub counts: Counts,
    /// Versions made while it ran.
    pub census: Census,
}

/// We are about to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeIntended {
    /// The notice's identity; sent again, it is the same.
    pub dedupe_key: String,
    /// Which notifier.
    pub notifier: String,
}

/// A notice was accepted or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeSent {
    /// The notice's identity.
    pub dedupe_key: String,
    /// Which notifier.
    pub notifier: String,
    /// The service's id; `None` if it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_as: Option<String>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
}

/// The end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completed {
    /// Clean or with exceptions.
    pub verdict: Verdict,
    /// Each exception and coverage hole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}

/// A failed try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectFailed {
    /// Which effect, by its name.
    pub effect: String,
    /// Tries so far, this one included.
    pub attempt: u32,
    /// What was said.
    pub error: String,
    /// No other try before this, by the runner's clock.
    pub not_before: Timestamp,
    /// The far end did not answer, which says nothing about what was asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outage: bool,
}

/// It rests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Why.
    pub why: String,
    /// The next safe action.
    pub do_next: String,
    /// It rests because the far end does not answer: whoever drives it next looks again, without a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outage: bool,
}

impl Paused {
    /// A rest until a person acts.
    pub fn new(why: impl Into<String>, do_next: impl Into<String>) -> Self {
        Self { why: why.into(), do_next: do_next.into(), is_outage: false }
    }

    /// A rest until the far end answers again.
    pub fn outage(why: impl Into<String>) -> Self {
        let do_next = "nothing is lost: the next run looks again by itself; `keywheel resume` does so at once";
        Self { is_outage: true, ..Self::new(why, do_next) }
    }
}
