//! I24: what no page names is never changed by us, and what was under another key is taken along by policy alone.

use std::collections::BTreeSet;

use super::Evidence;
use crate::rotation::page::PageFact;

/// Calls that change a dependent.
const CHANGES: [&str; 7] = [
    "reencrypt_bucket",
    "update_boot_volume_backup",
    "update_boot_volume_kms_key",
    "update_bucket",
    "update_node_pool",
    "update_volume_backup",
    "update_volume_kms_key",
];

pub(super) fn judge(evidence: &mut Evidence<'_>) {
    if evidence.is_restored() {
        return;
    }
    let enroll = evidence.stage.settings.scope.enroll.clone();
    let (mut named, mut complaints) = (BTreeSet::new(), Vec::new());
    for ((rid, page), lines) in &evidence.books.pages {
        let Some(PageFact::PageInventory(inventory)) = lines.first().map(|line| &line.fact) else { continue };
        for item in &inventory.items {
            named.insert(item.dependent.id.as_str());
            named.insert(item.dependent.name.as_str());
        }
        let is_allowed = match (&inventory.enrolled_from, &enroll) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(from), Some(_)) => {
                let tag = evidence.stage.settings.tag.as_ref();
                let is_tagged =
                    inventory.items.iter().all(|item| tag.is_some_and(|tag| tag.is_on(&item.dependent.tags)));
                is_tagged && from.key() != Some(&evidence.stage.key)
            }
        };
        if !is_allowed {
            complaints.push(format!("page {page} of {rid} takes along what policy does not"));
        }
    }
    let ours = evidence.log.iter().filter(|entry| &*entry.principal == "keywheel");
    for entry in ours.filter(|entry| CHANGES.contains(&entry.operation)) {
        if !named.contains(entry.subject.as_str()) {
            complaints.push(format!("{} of {}, which no page names", entry.operation, entry.subject));
        }
    }
    for what in complaints {
        evidence.fail("I24 strangers are left alone", what);
    }
}
