//! Something asked of the world, and how to find out what became of it when the answer was lost.

use serde::{Deserialize, Serialize};

/// How an effect in doubt is settled (protocol.md, "Settling the rest").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum EffectClass {
    /// Audit, notice: send again with the same id.
    Announcing,
    /// If-match: re-read; redo with the fresh etag.
    Conditional,
    /// No token, no if-match: find the running work request first, else redo.
    Convergent,
    /// Mint with our token: rule R7.
    Keyed,
    /// Mints as a side effect: never without a version id, except as the pivot.
    Minting,
    /// Reads: redo.
    Read,
}

/// What the main stream may ask for. Steps of dependents live in `page`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effect {
    /// Send the journaled mint. Only whoever appended the intent in this very process may perform it, once.
    Mint {
        /// Leg, from 1.
        leg: u32,
    },
    /// Tell the notifiers that it paused, or how it ended.
    Notify {
        /// The notice's identity.
        dedupe_key: String,
    },
    /// Read the key: is the target current?
    ObserveFlip {
        /// Leg, from 1.
        leg: u32,
    },
    /// Ask the replica regions.
    ObserveReplicas {
        /// Leg, from 1.
        leg: u32,
    },
    /// Walk the catalog and record what was not known.
    Pass {
        /// Number, from 0.
        pass: u32,
    },
    /// Read key, vault, versions and quota; nothing is written to the cloud.
    Preflight,
    /// Drive pages until each dependent has an outcome.
    RekeyPages {
        /// Open pages.
        pages: Vec<u32>,
    },
    /// List versions to find out what became of a mint.
    SettleMint {
        /// Leg, from 1.
        leg: u32,
    },
    /// Read the key and list its versions, before a mint.
    Survey {
        /// Leg, from 1.
        leg: u32,
    },
}

impl Effect {
    /// A stable name for budgets, spans and progress.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mint { .. } => "mint",
            Self::Notify { .. } => "notify",
            Self::ObserveFlip { .. } => "observe_flip",
            Self::ObserveReplicas { .. } => "observe_replicas",
            Self::Pass { .. } => "pass",
            Self::Preflight => "preflight",
            Self::RekeyPages { .. } => "rekey_pages",
            Self::SettleMint { .. } => "settle_mint",
            Self::Survey { .. } => "survey",
        }
    }

    /// How it is settled when in doubt.
    #[must_use]
    pub fn class(&self) -> EffectClass {
        match self {
            Self::Mint { .. } => EffectClass::Keyed,
            Self::Notify { .. } => EffectClass::Announcing,
            Self::RekeyPages { .. } => EffectClass::Convergent,
            Self::ObserveFlip { .. }
            | Self::ObserveReplicas { .. }
            | Self::Pass { .. }
            | Self::Preflight
            | Self::SettleMint { .. }
            | Self::Survey { .. } => EffectClass::Read,
        }
    }
}
