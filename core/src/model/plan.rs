//! What a rotation would do, said before anything is written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Coverage, Due, Finding, KeyId, KeyVersionId, Kind, Region, Strategy, Timestamp};

/// A plan. Made by reads alone; the numbers are those of the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Plan {
    /// Which key.
    pub key: KeyId,
    /// Its display name, foreign text.
    pub name: String,
    /// What is owed to it.
    pub due: Due,
    /// Nothing would be minted: data moves to the version that is current already.
    #[serde(default)]
    pub is_sweep: bool,
    /// The version that would be superseded; of a sweep, the newest earlier one that data may hang on.
    pub superseded: KeyVersionId,
    /// Why it would not start, if so.
    pub refusal: Option<String>,
    /// How new material would be made, leg by leg.
    pub strategies: Vec<Strategy>,
    /// Dependents by kind.
    pub dependents: BTreeMap<Kind, u64>,
    /// Dependents by region.
    pub regions: BTreeMap<Region, u64>,
    /// Regions that hold a replica of the key: the gate waits for them.
    pub replicas: Vec<Region>,
    /// What could not be looked at.
    pub holes: Vec<Coverage>,
    /// Rules not met.
    pub findings: Vec<Finding>,
    /// Reads it would take, about.
    pub calls_read: u64,
    /// Writes it would take.
    pub calls_write: u64,
    /// Versions in the vault, of this key's protection mode.
    pub versions_held: u32,
    /// Versions that open rotations have reserved.
    pub versions_reserved: u32,
    /// Versions the vault may hold.
    pub versions_limit: u32,
    /// When the vault will be full, at the pace of the last cryptoperiod; `None`: nothing is minted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_full_on: Option<Timestamp>,
    /// What a lost answer to the mint would cost in waiting.
    pub quiet_period: Duration,
    /// Margins are shorter than in production: a rehearsal.
    pub is_shortened: bool,
}

impl Plan {
    /// All dependents.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dependents.values().sum()
    }
}
