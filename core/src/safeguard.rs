//! The protocol's safeguards by name, so that a test build can take one away and see who notices.
//!
//! In every build that ships they are constants and vanish; only under `--cfg keywheel_mutants` are they values,
//! and such a build carries a marker that artefacts are scanned for.

/// One part of protocol.md without which something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(not(keywheel_mutants), allow(unreachable_pub, reason = "public only in a build with mutants"))]
pub enum Safeguard {
    /// A version outside the baseline fixes the target only after the quiet period.
    AdoptAfterQuietPeriod,
    /// A young version does not hide that data hangs on an earlier one.
    Behind,
    /// No cancel once a mint was intended.
    CancelBeforePivotOnly,
    /// Facts are stored only on the head they were decided on.
    CompareAndAppend,
    /// The key's current version is read after the fold.
    CurrentVersionRead,
    /// The same token for every send of a generation.
    DeterministicToken,
    /// The request carries the journaled date.
    Fence,
    /// The books are closed only by a fresh pass that finds nothing new.
    FreshPass,
    /// A conditional step carries the etag that its dependent was read with.
    IfMatch,
    /// The intent is on disk before the request leaves.
    IntentFirst,
    /// Versions are listed before a mint.
    ListBeforeMint,
    /// No version is minted on a key while block storage of an earlier leg is still on it.
    LegGate,
    /// A newer usable version that became current is followed.
    NewerInUse,
    /// One open rotation per lineage.
    OneOpenRotation,
    /// A journaled request leaves once.
    OneShot,
    /// "Nothing happened" is said only after the quiet period.
    QuietPeriod,
    /// A dependent is read back before it is called re-keyed.
    ReadBack,
    /// No re-key before every replica has the version.
    ReplicaGate,
    /// A journal put back from a backup waits for what it has forgotten.
    RestoredWaits,
    /// The two legs of a rotation send different tokens.
    SeparateTokens,
    /// An intent without outcome is settled before anything else is sent.
    Settle,
    /// `InvalidatedRetryToken` is a doubt and uses the token up.
    SpentToken,
    /// A key that claims to be the successor must be like its predecessor, younger than the intent and of one version.
    SuccessorFits,
    /// No version is minted where block storage could not be listed.
    UnseenParts,
    /// A re-wrap is shown by a work request of ours, never by the key's id.
    WitnessedRewrap,
}

/// Whether a safeguard is in force.
#[cfg(not(keywheel_mutants))]
#[inline]
#[must_use]
pub(crate) const fn is_on(_: Safeguard) -> bool {
    true
}

#[cfg(keywheel_mutants)]
pub use mutants::{ALL, MARKER, remove};

#[cfg(keywheel_mutants)]
pub(crate) use mutants::is_on;

#[cfg(keywheel_mutants)]
mod mutants {
    use std::cell::Cell;

    use super::Safeguard;

    /// What no shipped artefact may contain.
    pub static MARKER: &str = "keywheel-mutants-build-must-never-ship";

    /// Every safeguard.
    pub const ALL: &[Safeguard] = &[
        Safeguard::AdoptAfterQuietPeriod,
        Safeguard::Behind,
        Safeguard::CancelBeforePivotOnly,
        Safeguard::CompareAndAppend,
        Safeguard::CurrentVersionRead,
        Safeguard::DeterministicToken,
        Safeguard::Fence,
        Safeguard::FreshPass,
        Safeguard::IfMatch,
        Safeguard::IntentFirst,
        Safeguard::ListBeforeMint,
        Safeguard::LegGate,
        Safeguard::NewerInUse,
        Safeguard::OneOpenRotation,
        Safeguard::OneShot,
        Safeguard::QuietPeriod,
        Safeguard::ReadBack,
        Safeguard::ReplicaGate,
        Safeguard::RestoredWaits,
        Safeguard::SeparateTokens,
        Safeguard::Settle,
        Safeguard::SpentToken,
        Safeguard::SuccessorFits,
        Safeguard::UnseenParts,
        Safeguard::WitnessedRewrap,
    ];

    thread_local! {
        static REMOVED: Cell<Option<Safeguard>> = const { Cell::new(None) };
    }

    /// Takes a safeguard away on this thread, or puts all of them back.
    pub fn remove(safeguard: Option<Safeguard>) {
        REMOVED.set(safeguard);
    }

    pub(crate) fn is_on(safeguard: Safeguard) -> bool {
        // Whatever asks carries the marker.
        std::hint::black_box(MARKER);
        REMOVED.get() != Some(safeguard)
    }
}
