//! The nouns: plain data that every other room speaks in.
//!
//! Nothing here knows a port, a clock or an error of ours; it parses what comes from outside once
//! and is trusted after that. Behaviour beyond reading oneself belongs elsewhere.

mod attribution;
mod audit_copy;
mod classes;
mod coverage;
mod deletion;
mod doctor;
mod enroll;
mod examined;
mod finding;
mod iam;
mod ids;
mod key;
mod kind_report;
mod line;
mod metric;
mod plan;
mod policy;
mod rate;
mod replica;
mod report;
mod request;
mod resource;
mod time;

pub use attribution::{Attribution, AuditEvent, AuditShown, OursBy};
pub use audit_copy::{AuditCopy, Keeping, KeepingPromise, KeepingSeen};
pub use classes::NAMED_KINDS;
pub use coverage::{Alone, LookedAt, RememberedScopes, TypesFrom};
pub use deletion::{Deletion, DeletionOf};
pub use doctor::{
    ASSUMPTIONS, CONNECTIVITY, Check, CheckVerdict, Checkup, Forecast, PERMISSIONS, RIGHTS, Section, Source, Standing,
    THROW_AWAY_TAG, THROW_AWAY_VALUE,
};
pub use enroll::{Enroll, EnrollFrom, EnrolledFrom};
pub use examined::{CallSeen, EndpointAnswer, EndpointSeen, PlaceSeen, ShownBy, Tried};
pub use finding::{Finding, FindingKind};
pub use iam::{IamPolicy, PoliciesRead};
pub use ids::{
    Actor, Compartment, CompartmentId, Etag, KeyId, KeyVersionId, LogId, NamespaceName, ParseIdError, Region,
    RequestId, ResourceId, RetryToken, RotationId, RunnerId, TopicId, VaultId, WorkRequestId,
};
pub use key::{
    AutoRotation, Key, KeyShape, KeyState, KeySummary, KeyVersion, Origin, ProtectionMode, Tags, Vault, VaultState,
    VaultSummary, VaultType, VaultUsage,
};
pub use kind_report::{ExceptionReport, KindReport, Shown};
pub use line::{Head, LineHash, SealedLine, StreamId};
pub use metric::{Metric, MetricUnit, Tick};
pub use plan::Plan;
pub use policy::{
    Ambiguity, Budgets, HistoryPolicy, Margins, Policy, Risk, Scope, Settings, StrategyPolicy, TagName, TagSelector,
};
pub use rate::LearnedRate;
pub use replica::{ReplicaState, ReplicaStatus};
pub use report::{Census, Counts, DependentReport, Report, RotationSummary, Tally, Verdict};
pub use request::{Due, DueKey, DueState, Request, RotationName, When};
pub use resource::{
    Coverage, CoverageState, Dependent, Evidence, EvidenceScope, FoundBy, Grade, Kind, Outcome, RekeyClass, StepKind,
    Strategy,
};
pub use time::{Timestamp, to_millis, to_seconds};
