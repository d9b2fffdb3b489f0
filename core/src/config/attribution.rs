//! `[attribution]`: whether Oracle's audit log is asked who made a version. It takes a right that shows more than keys.

use super::problem::Problem;
use super::reader::Table;

/// Whether the audit log is asked.
pub(super) fn attribution(mut table: Table<'_>, found: &mut Vec<Problem>) -> bool {
    let asks = table.flag("audit_events", false, found);
    table.finish(found);
    asks
}
