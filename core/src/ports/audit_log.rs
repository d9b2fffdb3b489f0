//! Oracle's own record of who asked for what. Optional: without it, who made a version stays as the journal has it.

use async_trait::async_trait;

use super::{Cursor, Page, Reply};
use crate::error::Result;
use crate::model::{AuditEvent, CompartmentId, Region, Timestamp};

/// Reads audit events.
///
/// 1. Events are of one compartment, and of those that were *processed* from `from` on and before `until`; both are whole minutes.
///    (`audit_events_are_listed_by_the_minute_they_were_processed_in`)
/// 2. That an event is not there proves nothing: events arrive late. (`an_event_that_is_late_is_not_listed_yet`)
#[cfg_attr(feature = "testkit", mockall::automock)]
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Events of a compartment in a region, by the minute they were processed in.
    async fn events(
        &self,
        region: &Region,
        compartment: &CompartmentId,
        from: Timestamp,
        until: Timestamp,
        cursor: Option<Cursor>,
    ) -> Result<Reply<Page<AuditEvent>>>;
}
