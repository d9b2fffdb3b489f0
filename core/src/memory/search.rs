//! Resource Search's index: what it shows lags behind what is so.
//!
//! The index only finds. The query language is `search_query`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::world::State;
use crate::model::{CompartmentId, KeyId, Region, Tags, Timestamp};

/// A resource as Search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSummary {
    /// Type by Search's spelling, e.g. `Bucket`.
    pub resource_type: &'static str,
    /// OCID.
    pub identifier: String,
    /// Compartment that holds it.
    pub compartment: CompartmentId,
    /// Display name.
    pub display_name: String,
    /// Lifecycle state, in the owning service's words.
    pub lifecycle_state: String,
    /// When it was created.
    pub time_created: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// `additionalDetails`, shown when the query asks for all fields.
    pub additional: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) shown: Option<Arc<ResourceSummary>>,
    pub(super) coming: VecDeque<(Timestamp, Arc<ResourceSummary>)>,
}

impl Entry {
    /// Moves what has come into sight.
    pub(super) fn settle(&mut self, now: Timestamp) {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            self.shown = self.coming.pop_front().map(|(_, summary)| summary);
        }
    }
}

/// One index per region.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) entries: BTreeMap<Region, BTreeMap<String, Entry>>,
}

impl Index {
    /// Lets a resource be seen as it is now, from an instant on.
    pub(super) fn put(&mut self, region: &Region, summary: ResourceSummary, from: Timestamp) {
        let entries = self.entries.entry(region.clone()).or_default();
        let entry = entries.entry(summary.identifier.clone()).or_default();
        entry.coming.push_back((from, Arc::new(summary)));
    }
}

impl State {
    /// Indexes a key as it is now.
    pub(super) fn index_key(&mut self, key: &KeyId, from: Timestamp) {
        let record = &self.kms.keys[key];
        let region = self.kms.vaults[&record.vault].vault.region.clone();
        let summary = ResourceSummary {
            resource_type: "Key",
            identifier: record.id.to_string(),
            compartment: record.compartment.clone(),
            display_name: record.name.clone(),
            lifecycle_state: format!("{:?}", record.state).to_uppercase(),
            time_created: record.created,
            tags: record.tags.clone(),
            additional: BTreeMap::from([("vaultId".to_owned(), record.vault.to_string())]),
        };
        self.index.put(&region, summary, from);
    }
}
