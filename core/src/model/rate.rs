//! What a service was found to take. Numbers with units; what to do with them is a layer's business.

use serde::{Deserialize, Serialize};

use super::Region;

/// Requests per minute that one service took in one region before it refused more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedRate {
    /// The service.
    pub service: String,
    /// The region; limits are counted apart in each.
    pub region: Region,
    /// Requests per minute.
    pub per_minute: u32,
}
