//! What has happened to the dependents of one page, as it stands in `r/<rid>/p/<n>`.

use serde::{Deserialize, Serialize};

use crate::model::{
    CompartmentId, Dependent, EnrolledFrom, Etag, EvidenceScope, FoundBy, KeyId, Kind, Outcome, Region, RequestId,
    StepKind, Timestamp, WorkRequestId,
};

/// One fact of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum PageFact {
    /// Its dependents. First fact of the stream.
    PageInventory(Box<Inventory>),
    /// INTENT of one step.
    StepIntended(StepIntended),
    /// The service accepted the step.
    StepBegun(StepBegun),
    /// The service refused it, or gave no definitive answer.
    StepFailed(StepFailed),
    /// What became of a step in doubt.
    StepSettled(StepSettled),
    /// The service says the step is done.
    StepCompleted(StepCompleted),
    /// It was not shown, and now it is again.
    SeenAgain {
        /// Index in the inventory.
        item: u32,
    },
    /// What became of a dependent.
    Outcome {
        /// Index in the inventory.
        item: u32,
        /// What became of it.
        #[serde(flatten)]
        outcome: Outcome,
    },
}

impl PageFact {
    /// Whether a reader that does not know this fact must refuse to go on.
    #[must_use]
    pub fn must(&self) -> bool {
        true
    }
}

/// One dependent as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The resource.
    pub dependent: Dependent,
    /// How we came to know it.
    pub found_by: FoundBy,
}

/// The page's dependents and how their kind moves, fixed when it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Number of the page.
    pub page: u32,
    /// The pass that found them.
    pub pass: u32,
    /// Their region.
    pub region: Region,
    /// Their compartment.
    pub compartment: CompartmentId,
    /// Their kind.
    pub kind: Kind,
    /// The key they were read to be under; of what is enrolled, the key that enrolls it.
    pub key: KeyId,
    /// What they were read to be under instead: they carry the tag, and policy enrolls them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled_from: Option<EnrolledFrom>,
    /// Steps to take, in order; empty: no adapter moves this kind.
    pub steps: Vec<StepKind>,
    /// What a person does about a kind without steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// What evidence of this kind speaks of.
    pub scope: EvidenceScope,
    /// The dependents.
    pub items: Vec<Item>,
}

/// INTENT of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepIntended {
    /// Index in the inventory.
    pub item: u32,
    /// Which step.
    pub step: StepKind,
    /// Tries of this step so far, this one included.
    pub attempt: u32,
    /// Our estimate of the server's time: what the service accepted from here on may be ours.
    pub server_time: Timestamp,
    /// The etag it was read with, for conditional steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_match: Option<Etag>,
}

/// Accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepBegun {
    /// Index in the inventory.
    pub item: u32,
    /// The work request it goes on under; `None`: done at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_request: Option<WorkRequestId>,
    /// The etag of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<Etag>,
    /// What the service called our request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
}

/// Refused, failed later, or no definitive answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailed {
    /// Index in the inventory.
    pub item: u32,
    /// What was said.
    pub error: String,
    /// Nobody knows whether it took effect: settle before anything else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// Counts as a try (a 429 does not).
    pub counted: bool,
    /// The resource was in a state that refuses changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_busy: bool,
    /// 404: it is gone, or not ours to see (oci-api §7.2).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_missing: bool,
    /// No other try before this, by the runner's clock.
    pub not_before: Timestamp,
}

/// Settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSettled {
    /// Index in the inventory.
    pub item: u32,
    /// The work request that was found and adopted; `None`: it did not take effect, do it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<WorkRequestId>,
    /// The resource shows that the step took effect; it has no work request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_done: bool,
}

/// Done, says the service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCompleted {
    /// Index in the inventory.
    pub item: u32,
    /// When it was accepted, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_at: Option<Timestamp>,
    /// When it ended, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}
