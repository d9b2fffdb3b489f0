//! What a pass looked at, in a form that stays small: a row for each region and kind, and one for Search.
//!
//! Where something could not be looked at stands by name in [`Coverage`](super::Coverage); here it is counted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Finding, FindingKind, Kind, Region, ResourceId, Timestamp};

/// Dependents that one way of looking showed and the other did not: how many, and the first few.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Alone {
    /// How many.
    #[serde(default)]
    pub count: u64,
    /// The first few of them.
    #[serde(default)]
    pub named: Vec<ResourceId>,
}

impl Alone {
    /// How many are named; beyond them there is the count.
    pub const NAMED_MAX: usize = 5;

    /// Counts one, and names it while there is room.
    pub fn add(&mut self, id: &ResourceId) {
        self.count += 1;
        if self.named.len() < Self::NAMED_MAX {
            self.named.push(id.clone());
        }
    }

    fn is_nothing(&self) -> bool {
        self.count == 0
    }
}

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.named.iter().map(ResourceId::as_str).collect();
        f.write_str(&names.join(", "))?;
        match self.count.saturating_sub(names.len() as u64) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Regions and compartments were not shown when a pass asked for them: it looked at those of an earlier look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RememberedScopes {
    /// When they were seen, by the runner's clock.
    pub seen_at: Timestamp,
    /// How long before the pass that was, in seconds.
    pub age_s: u64,
}

impl RememberedScopes {
    /// What a reader must know: no place made since was looked at.
    #[must_use]
    pub fn finding(&self) -> Finding {
        let text = format!(
            "identity did not answer: regions and compartments are those seen at {}, {} s before; what was made or subscribed to since was not looked at",
            self.seen_at, self.age_s
        );
        Finding { kind: FindingKind::ScopesRemembered, subject: "scope".to_owned(), text }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where the names are from that Search gives to kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum TypesFrom {
    /// The documented table: the service did not show its own.
    Documented,
    /// The service's own list.
    Service,
}

/// How one kind was looked for in one region, by number of compartments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LookedAt {
    /// Region looked at.
    pub region: Region,
    /// Kind looked for; `None`: everything that carries the tag, by Search, which counts as one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Listed to the end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub listed: u32,
    /// We may not look there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub denied: u32,
    /// It could not be reached.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreachable: u32,
    /// No adapter lists this kind.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsupported: u32,
    /// The owner does not want this kind looked at.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u32,
    /// Search does not list the type of this kind: only lists show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_searchable: bool,
    /// In Search's own row: where the names of types are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub types: Option<TypesFrom>,
    /// Dependents that Search showed by their tag and no list did.
    #[serde(default, skip_serializing_if = "Alone::is_nothing")]
    pub search_only: Alone,
    /// Dependents that carry the tag and were listed, and that Search, which was read to the end, did not show.
    #[serde(default, skip_serializing_if = "Alone::is_nothing")]
    pub list_only: Alone,
}

impl LookedAt {
    /// A row with nothing in it.
    #[must_use]
    pub fn new(region: &Region, kind: Option<&Kind>) -> Self {
        Self {
            region: region.clone(),
            kind: kind.cloned(),
            listed: 0,
            denied: 0,
            unreachable: 0,
            unsupported: 0,
            left_out: 0,
            not_searchable: false,
            types: None,
            search_only: Alone::default(),
            list_only: Alone::default(),
        }
    }

    /// What Search and List say of each other here.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let kind = self.kind.as_ref().map(ToString::to_string).unwrap_or_default();
        let finding = |rule, alone: &Alone, text: String| {
            let text = format!("{text}: {alone}");
            (alone.count > 0).then(|| Finding { kind: rule, subject: self.region.to_string(), text })
        };
        let unlisted = match self.denied + self.unreachable + self.unsupported + self.left_out {
            0 => "although every compartment in scope was listed",
            _ => "and where they are could not be listed",
        };
        let search = format!("{} of kind {kind} were shown by Search alone, {unlisted}", self.search_only.count);
        let list = format!(
            "{} of kind {kind} carry the tag and were listed, and Search does not show them: its index lags, or lacks the kind",
            self.list_only.count
        );
        let search = finding(FindingKind::SearchAlone, &self.search_only, search);
        search.into_iter().chain(finding(FindingKind::ListAlone, &self.list_only, list)).collect()
    }
}
