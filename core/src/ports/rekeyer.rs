//! Moving one dependent to the new material, whatever its service calls it.
//!
//! One adapter per kind. An adapter performs one step and says what it saw; which step comes next
//! is decided in `rotation`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Reply;
use crate::error::{Error, Result};
use crate::model::{
    Dependent, Etag, EvidenceScope, Grade, KeyId, KeyVersionId, Kind, RekeyClass, ResourceId, StepKind, Timestamp,
    WorkRequestId,
};

/// What a kind can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KindSpec {
    /// What it does with several versions of its key.
    pub class: RekeyClass,
    /// Steps when the key stays and a version is new.
    pub steps_same_key: Vec<StepKind>,
    /// Steps when another key takes over.
    pub steps_new_key: Vec<StepKind>,
    /// Steps when the key stays whose effect Oracle does not document: taken only where the owner says so, by class
    /// and by risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps_undocumented: Vec<StepKind>,
    /// The best grade its read-back can give.
    pub best_grade: Grade,
    /// What the evidence speaks of.
    pub scope: EvidenceScope,
    /// OCI permissions the steps and reads need.
    pub permissions: Vec<String>,
    /// Whether the catalog's listing names each resource's key (`KeyHint::Key`): then many are read back with one call. What
    /// the listing does not show under its new key is read by itself, so a wrong word here costs calls and decides nothing.
    #[serde(default)]
    pub listing_names_key: bool,
    /// What a person does about a kind that is found and read but has no steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl KindSpec {
    /// The same kind as its owner classes it; `None`: it has no step for that class.
    #[must_use]
    pub fn as_class(&self, class: RekeyClass) -> Option<Self> {
        let mut spec = Self { class, ..self.clone() };
        match class {
            _ if class == self.class => {}
            // Whether a call updates a source is the service's word, not the owner's.
            RekeyClass::FixedSource | RekeyClass::Source => return None,
            RekeyClass::Forbids | RekeyClass::Ignores if self.steps_new_key.is_empty() => return None,
            RekeyClass::Forbids | RekeyClass::Ignores => {}
            RekeyClass::Rewraps if !self.steps_same_key.is_empty() => {}
            RekeyClass::Rewraps if self.steps_undocumented.is_empty() => return None,
            RekeyClass::Rewraps => spec.steps_same_key.clone_from(&self.steps_undocumented),
            // It stays where it is, by its owner's word.
            RekeyClass::Tolerates => {
                spec.steps_same_key.clear();
                spec.steps_new_key.clear();
            }
        }
        Some(spec)
    }

    /// Whether it would be moved by a step that Oracle does not document.
    #[must_use]
    pub fn is_undocumented(&self) -> bool {
        !self.steps_undocumented.is_empty() && self.steps_same_key == self.steps_undocumented
    }

    /// Its steps to the successor, or under the same key, and what evidence of them speaks of.
    #[must_use]
    pub fn steps(&self, to_successor: bool) -> (Vec<StepKind>, EvidenceScope) {
        match to_successor {
            true => (self.steps_new_key.clone(), self.scope),
            false if self.is_undocumented() => (self.steps_same_key.clone(), EvidenceScope::Unknown),
            false => (self.steps_same_key.clone(), self.scope),
        }
    }
}

/// Whether the owning service shows the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// It may be changed now.
    Ready,
    /// It exists but is in a state that refuses changes (creating, updating, read-only).
    Busy,
    /// The service says terminated or deleted.
    Terminated,
    /// 404: gone, or not ours to see. Not evidence of absence (oci-api §7.2).
    NotVisible,
}

/// What the owning service says about a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Observation {
    /// Whether it is there.
    pub presence: Presence,
    /// The key its new data is wrapped with; `None`: Oracle's.
    pub key: Option<KeyId>,
    /// The version, where the service says one.
    pub version: Option<KeyVersionId>,
    /// Other keys that parts of it still hang on, where the service says so.
    pub held: Vec<KeyId>,
}

/// One step to perform. What it changes was journaled before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StepRequest {
    /// Which resource.
    pub dependent: Dependent,
    /// Which step.
    pub step: StepKind,
    /// The key it shall use (AssignKey) or uses (Rewrap).
    pub key: KeyId,
    /// The etag it must still have, for conditional steps.
    pub if_match: Option<Etag>,
}

/// How a step began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Begun {
    /// It is done; the reply's etag is its witness.
    Done,
    /// It goes on under this work request.
    Working(WorkRequestId),
}

/// A work request of ours, with what one needs to ask for it again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ticket {
    /// The work request.
    pub work_request: WorkRequestId,
    /// Whose.
    pub dependent: ResourceId,
}

/// Where a work request stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// The service says that it completed.
    Completed,
    /// It failed or was cancelled, with the service's words.
    Failed(String),
    /// The service does not show it (any more).
    Lost,
    /// It goes on.
    Working,
}

/// What the service says about a work request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TicketReport {
    /// Which.
    pub ticket: Ticket,
    /// Where it stands.
    pub state: TicketState,
    /// When the service accepted it, by its clock.
    pub accepted_at: Option<Timestamp>,
    /// When it ended, by the service's clock.
    pub finished_at: Option<Timestamp>,
}

/// Moves dependents.
///
/// 1. `describe` is constant for a kind; `None` means that this port does not know it. (`describe_is_constant`)
/// 2. `observe` reads the owning service, never an index. (`observe_sees_the_owning_service`)
/// 3. `begin` performs the step at most once per call; a conditional step with a stale etag is refused with
///    `Conflict` and changes nothing. (`a_stale_etag_changes_nothing`)
/// 4. An error of `begin` says `Landed::No` only for a definitive refusal. (`a_lost_answer_says_maybe`)
/// 5. A work request handed out by `begin` is known to `poll`, until the service forgets it (`Lost`).
///    (`a_ticket_can_be_polled`)
/// 6. `find` shows work requests for this dependent that the service accepted at or after `since`, live or
///    ended. (`find_shows_what_was_begun`)
/// 7. Several tickets may be polled in one call, in any order of dependents. (`tickets_are_polled_together`)
/// 8. `Begun::Done` means that the service has changed the resource, not that it will. (`done_is_done`)
/// 9. What is being made is `Busy` and refuses a step; what the service calls terminated is `Terminated`.
///    (`what_is_being_made_is_busy`, `what_is_terminated_is_said_to_be`)
/// 10. The key that a resource has is given to it again only where `steps_undocumented` says so, under the etag that
///    was read, and never to another key. (`the_same_key_again_is_done_only_where_it_is_described`)
/// 11. A kind without steps is found and read, says what a person does, and refuses every step before anything is sent.
///     (`a_kind_without_steps_says_what_a_person_does`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait ReKeyer: Send + Sync {
    /// What a kind can do; `None` if this port does not know it.
    fn describe(&self, kind: &Kind) -> Option<KindSpec>;

    /// Kinds this port moves, or at least finds and reads.
    fn kinds(&self) -> Vec<Kind>;

    /// Reads a resource's key from the owning service.
    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>>;

    /// Performs one step.
    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>>;

    /// Asks where work requests stand; `dependents` are those the tickets name.
    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>>;

    /// Work requests of a step for this dependent, accepted at or after `since`.
    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>>;
}

/// How OCI refuses a call for something that its body names: a key that the service may not use, or not yet.
const UNUSABLE: &str = "RelatedResourceNotAuthorizedOrNotFound";

/// A step's refusal, told as what it is if the key that it names is the reason; any other error stays as it is.
///
/// A key made a moment ago may be unknown elsewhere for minutes (oci-api §7.5), and the refusal is certain: so the step
/// may be tried again. Where a policy is the reason no try helps, and a person is told what to mend.
#[must_use]
pub fn unusable_key(error: Error) -> Error {
    if error.code() != Some(UNUSABLE) {
        return error;
    }
    error.retry_later(None).with(
        "remedy",
        "let the service use the key that took over (a policy may be pinned to its predecessor by target.key.id), \
         then resume",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Landed, Retry};

    #[test]
    fn only_a_refusal_for_the_keys_sake_is_tried_again_and_says_what_to_mend() {
        let told = |code| unusable_key(Error::from_service("assign_key", 400, code, "no"));
        let refused = told(UNUSABLE);
        assert_eq!((refused.retry(), refused.landed()), (Retry::Later(None), Landed::No));
        assert!(refused.to_string().contains("target.key.id"), "{refused}");
        assert_eq!(told("InvalidParameter").retry(), Retry::Never);
    }
}
