//! The ledger of one vault, stream `vault/<id>`: versions reserved and minted (rules R3 and quota).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{RotationId, Timestamp};

/// A fact of a vault's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VaultFact {
    /// A rotation will need this many versions.
    Reserved {
        /// Which rotation.
        rid: RotationId,
        /// How many.
        versions: u32,
    },
    /// The rotation ended; whatever it minted is in the vault's own count now.
    Released {
        /// Which rotation.
        rid: RotationId,
    },
}

/// What a vault's facts add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Open reservations.
    pub open: BTreeMap<RotationId, u32>,
    /// When reservations were made: the mints of a day are counted by these.
    pub made_at: Vec<(RotationId, Timestamp, u32)>,
}

impl Ledger {
    /// Applies one fact written at `at`.
    pub fn apply(&mut self, at: Timestamp, fact: &VaultFact) {
        match fact {
            VaultFact::Reserved { rid, versions } => {
                if self.open.insert(rid.clone(), *versions).is_none() {
                    self.made_at.push((rid.clone(), at, *versions));
                }
            }
            VaultFact::Released { rid } => {
                self.open.remove(rid);
            }
        }
    }

    /// Versions reserved by open rotations.
    #[must_use]
    pub fn reserved(&self) -> u32 {
        self.open.values().sum()
    }

    /// The same ledger without one rotation's own entries: a rotation does not stand in its own way.
    #[must_use]
    pub fn without(mut self, rid: &RotationId) -> Self {
        self.open.remove(rid);
        self.made_at.retain(|(of, _, _)| of != rid);
        self
    }

    /// Versions reserved since an instant.
    #[must_use]
    pub fn minted_since(&self, since: Timestamp) -> u32 {
        self.made_at.iter().filter(|(_, at, _)| *at >= since).map(|(_, _, versions)| versions).sum()
    }
}
