//! Resource Search's index: what it shows lags behind what is so.
//!
//! The index only finds. The query language is `search_query`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::answer::{Call, Listing, No, PageQuery, Told, Yes};
use super::log::NotYet;
use super::operations as op;
use super::paging::page_of;
use super::search_query::Query;
use super::world::{State, World};
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
    /// Availability domain, where it has one.
    pub availability_domain: Option<String>,
    /// `additionalDetails`, shown when the query asks for all fields.
    pub additional: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    shown: Option<Arc<ResourceSummary>>,
    /// What will be shown, and from when; `None`: nothing any more.
    coming: VecDeque<(Timestamp, Option<Arc<ResourceSummary>>)>,
}

impl Entry {
    /// Moves what has come into sight.
    fn settle(&mut self, now: Timestamp) {
        while self.coming.front().is_some_and(|(at, _)| *at <= now) {
            self.shown = self.coming.pop_front().and_then(|(_, summary)| summary);
        }
    }
}

/// One index per region.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: BTreeMap<Region, BTreeMap<String, Entry>>,
}

impl Index {
    /// Lets a resource be seen as it is now, from an instant on.
    pub(super) fn put(&mut self, region: &Region, summary: ResourceSummary, from: Timestamp) {
        let entries = self.entries.entry(region.clone()).or_default();
        let entry = entries.entry(summary.identifier.clone()).or_default();
        entry.coming.push_back((from, Some(Arc::new(summary))));
    }

    /// Lets a resource be gone from an instant on.
    pub(super) fn remove(&mut self, region: &Region, identifier: &str, from: Timestamp) {
        if let Some(entry) = self.entries.get_mut(region).and_then(|entries| entries.get_mut(identifier)) {
            entry.coming.push_back((from, None));
        }
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
            availability_domain: None,
            additional: BTreeMap::from([("vaultId".to_owned(), record.vault.to_string())]),
        };
        self.index.put(&region, summary, from);
    }
}

impl World {
    /// SearchResources with a structured query: regional, lagging, and silent about what one may not see.
    pub fn search_resources(
        &self,
        call: &Call,
        region: &Region,
        query: &str,
        page: &PageQuery,
    ) -> Told<Listing<ResourceSummary>> {
        self.read(&op::SEARCH_RESOURCES, call, region, query, |state, ctx| {
            let parsed = Query::parse(query).map_err(No::invalid)?;
            let mut is_behind = false;
            for entry in state.index.entries.get_mut(region).into_iter().flat_map(BTreeMap::values_mut) {
                entry.settle(ctx.now);
                let matches = |summary: &Arc<ResourceSummary>| parsed.matches(summary);
                let will = entry.coming.back().map(|(_, summary)| summary.as_ref().is_some_and(matches));
                is_behind |= will.is_some_and(|will| will != entry.shown.as_ref().is_some_and(matches));
            }
            let entries = state.index.entries.get(region).into_iter().flatten().rev();
            let shown = entries.filter_map(|(_, entry)| entry.shown.as_ref());
            let found = shown.filter(|summary| {
                let place = &summary.compartment;
                !state.unlisted_types.contains(summary.resource_type)
                    && parsed.matches(summary)
                    && state.is_open(ctx, place)
                    && state.is_found(ctx, summary.resource_type, place)
            });
            let show = |summary: &Arc<ResourceSummary>| state.detailed(summary, &parsed, ctx.now);
            let listing = page_of(&state.settings, page, found, |summary| summary.identifier.as_str(), show)?;
            Ok(Yes::new(listing).not_yet(is_behind.then_some(NotYet::Search)))
        })
    }
}

impl State {
    /// A summary as the query wants it; a key's current version is read when it is shown.
    fn detailed(&self, summary: &ResourceSummary, query: &Query, now: Timestamp) -> ResourceSummary {
        if !query.wants_details {
            return ResourceSummary { additional: BTreeMap::new(), ..summary.clone() };
        }
        let mut detailed = summary.clone();
        let key = KeyId::parse(summary.identifier.as_str()).ok().and_then(|id| self.kms.keys.get(&id));
        if let Some(key) = key {
            detailed.additional.insert("currentKeyVersion".to_owned(), key.current_id(now).to_string());
        }
        detailed
    }
}
