//! The table of `core/docs/permissions.md`: every call that keywheel can make, what it takes and what for.
//!
//! Made from the operations table and from what a config with everything in it needs; a test heals the page.

use std::fmt::Write as _;

use super::needs::{Need, needs};
use super::{IamSubject, IamWants};
use crate::adapters::oci::operation::Operation;
use crate::model::{CompartmentId, Settings, TagName};

/// Every operation with its permissions and why some config needs it, as a table in Markdown.
#[must_use]
pub fn permission_table() -> String {
    let mut settings = Settings::production();
    settings.policy.intent_register = Some(TagName { namespace: "keywheel".to_owned(), key: "intent".to_owned() });
    let metrics = CompartmentId::parse("ocid1.compartment.oc1..m").ok();
    let all = needs(&IamWants {
        settings: &settings,
        has_topic: true,
        metrics: metrics.as_ref(),
        audit_bucket: Some("trail"),
        has_audit_log: true,
        reads_audit_events: true,
        subject: IamSubject::default(),
        keys_in: None,
    });
    let mut text = "| call | permissions | changes | needed to |\n|---|---|---|---|\n".to_owned();
    for operation in Operation::all() {
        let mut why: Vec<&str> = Vec::new();
        for reason in all.iter().filter(|need| need.operation == *operation).map(reason) {
            if !why.contains(&reason) {
                why.push(reason);
            }
        }
        let why = match (why.is_empty(), operation.permissions().is_empty()) {
            (false, _) => why.join("; "),
            (true, true) => "nothing has to be allowed".to_owned(),
            (true, false) => "no statement is printed for it: it is not needed, or another call's covers it".to_owned(),
        };
        let permissions = match operation.permissions() {
            [] => "-".to_owned(),
            all => all.join(", "),
        };
        let changes = if operation.mutates() { "yes" } else { "no" };
        let _ = writeln!(text, "| {} | {permissions} | {changes} | {why} |", operation.name());
    }
    text
}

fn reason(need: &Need) -> &'static str {
    need.reason
}
