//! What `doctor` asks beyond what rotations ask: whether each endpoint answers, and whether each call is let through. Optional.

use async_trait::async_trait;

use crate::model::{CallSeen, EndpointSeen};

/// Looks at the far end for `doctor`.
///
/// 1. Nothing is changed anywhere: what writes is never tried.
///    (`doctor_tries_reads_only_and_says_which_permission_each_statement_brings`)
/// 2. Nothing that goes wrong is an error: it is what was seen.
/// 3. A refusal that may mean absence is told apart from one of something that is known to exist.
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait Examiner: Send + Sync {
    /// Asks each endpoint of the config once.
    async fn endpoints(&self) -> Vec<EndpointSeen>;

    /// Tries each call that the config needs; `subject` is who the statements shown are for.
    async fn calls(&self, subject: Option<String>) -> Vec<CallSeen>;
}
