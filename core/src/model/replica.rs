//! Replication as a gate to wait at (oci-api §2.4): replicas copy themselves and refuse management calls.

use serde::{Deserialize, Serialize};

use super::Region;

/// How far one replica region is with one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum ReplicaState {
    /// Persisted there.
    Replicated,
    /// On its way.
    Replicating,
    /// Not said, or a state this version does not know; the gate stays shut.
    #[serde(other)]
    Unknown,
}

/// One replica region's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplicaStatus {
    /// Where the replica is.
    pub region: Region,
    /// How far it is.
    pub state: ReplicaState,
}
