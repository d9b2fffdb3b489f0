//! Bookkeeping beside rotations, stream `meta`: how far each audit sink has been fed and what keeps its entries, how fast
//! services may be asked, and when the last run over all keys ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Compartment, CompartmentId, Keeping, KeepingSeen, LearnedRate, Region, StreamId, Tick, Timestamp};

/// A fact of the meta stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetaFact {
    /// A service refused more than this.
    RateLearned(LearnedRate),
    /// A sink holds another history of a stream: it gets no more of it.
    SinkForked {
        /// The sink's name.
        sink: String,
        /// Which stream.
        stream: StreamId,
        /// The first line that it did not take.
        seq: u64,
        /// What it said.
        why: String,
    },
    /// A sink has recorded a stream's lines up to here.
    SinkAdvanced {
        /// The sink's name.
        sink: String,
        /// Which stream.
        stream: StreamId,
        /// The first line it has not.
        next_seq: u64,
    },
    /// Regions and compartments are what they were when they were seen last.
    ScopesConfirmed {
        /// When, by the runner's clock.
        at: Timestamp,
    },
    /// Regions and compartments were seen, and are others than before.
    ScopesSeen(ScopesSeen),
    /// A sink's far end said what keeps its entries.
    SinkKeeping {
        /// The sink's name.
        sink: String,
        /// What it said.
        keeping: Keeping,
        /// When, by its own clock where it says one.
        seen_at: Timestamp,
        /// When it was asked, by the runner's clock.
        asked_at: Timestamp,
    },
    /// A run over all keys ended.
    Ticked(Tick),
}

/// A subscribed region, as identity showed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRegion {
    /// Its identifier.
    pub region: Region,
    /// Whether it is the home region.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_home: bool,
}

/// A complete look at regions and compartments, for when identity does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopesSeen {
    /// When, by the runner's clock.
    pub at: Timestamp,
    /// Regions the tenancy subscribes to.
    pub regions: Vec<SeenRegion>,
    /// Compartments that could be seen, the root included.
    pub compartments: Vec<Compartment>,
}

impl ScopesSeen {
    /// Whether both show the same, in whatever order and whenever.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let compartments = |seen: &Self| -> BTreeMap<CompartmentId, Compartment> {
            seen.compartments.iter().map(|one| (one.id.clone(), one.clone())).collect()
        };
        let regions = |seen: &Self| -> BTreeMap<Region, bool> {
            seen.regions.iter().map(|one| (one.region.clone(), one.is_home)).collect()
        };
        regions(self) == regions(other) && compartments(self) == compartments(other)
    }
}

/// Cursors by sink and stream, and rates by service and region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursors {
    next: BTreeMap<(String, StreamId), u64>,
    forks: BTreeMap<(String, StreamId), Forked>,
    rates: BTreeMap<(String, Region), u32>,
    keeping: BTreeMap<String, (KeepingSeen, Timestamp)>,
    last_tick: Option<Tick>,
    scopes: Option<ScopesSeen>,
}

/// Where a sink's history of a stream parts from the journal's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forked {
    /// The first line that the sink did not take.
    pub seq: u64,
    /// What it said.
    pub why: String,
}

impl Cursors {
    /// Applies one fact.
    pub fn apply(&mut self, fact: &MetaFact) {
        match fact {
            MetaFact::RateLearned(LearnedRate { service, region, per_minute }) => {
                self.rates.insert((service.clone(), region.clone()), *per_minute);
            }
            MetaFact::SinkAdvanced { sink, stream, next_seq } => {
                self.next.insert((sink.clone(), stream.clone()), *next_seq);
            }
            MetaFact::SinkForked { sink, stream, seq, why } => {
                self.forks.insert((sink.clone(), stream.clone()), Forked { seq: *seq, why: why.clone() });
            }
            MetaFact::ScopesConfirmed { at } => {
                if let Some(seen) = &mut self.scopes {
                    seen.at = *at;
                }
            }
            MetaFact::ScopesSeen(seen) => self.scopes = Some(seen.clone()),
            MetaFact::SinkKeeping { sink, keeping, seen_at, asked_at } => {
                let before = self.keeping.get(sink).filter(|(seen, _)| seen.keeping == *keeping);
                let same_since = before.map_or(*seen_at, |(seen, _)| seen.same_since);
                let seen = KeepingSeen { keeping: keeping.clone(), seen_at: *seen_at, same_since };
                self.keeping.insert(sink.clone(), (seen, *asked_at));
            }
            MetaFact::Ticked(tick) => self.last_tick = Some(*tick),
        }
    }

    /// Regions and compartments as they were seen last.
    #[must_use]
    pub fn scopes(&self) -> Option<&ScopesSeen> {
        self.scopes.as_ref()
    }

    /// The last run over all keys that was written down.
    #[must_use]
    pub fn last_tick(&self) -> Option<Tick> {
        self.last_tick
    }

    /// What was learned about services, newest.
    #[must_use]
    pub fn rates(&self) -> Vec<LearnedRate> {
        let one = |((service, region), per_minute): (&(String, Region), &u32)| LearnedRate {
            service: service.clone(),
            region: region.clone(),
            per_minute: *per_minute,
        };
        self.rates.iter().map(one).collect()
    }

    /// The first line of a stream that a sink has not.
    #[must_use]
    pub fn next(&self, sink: &str, stream: &StreamId) -> u64 {
        self.next.get(&(sink.to_owned(), stream.clone())).copied().unwrap_or(0)
    }

    /// What a sink's far end said last of what keeps its entries.
    #[must_use]
    pub fn keeping(&self, sink: &str) -> Option<&KeepingSeen> {
        self.keeping.get(sink).map(|(seen, _)| seen)
    }

    /// When it was asked that last, by the clock of whoever asked.
    #[must_use]
    pub fn keeping_asked(&self, sink: &str) -> Option<Timestamp> {
        self.keeping.get(sink).map(|(_, asked_at)| *asked_at)
    }

    /// Sinks that took something of a stream.
    pub fn sinks_of<'s>(&'s self, stream: &'s StreamId) -> impl Iterator<Item = &'s str> {
        self.next.keys().filter(move |(_, taken)| taken == stream).map(|(sink, _)| sink.as_str())
    }

    /// Whether a sink holds another history of a stream.
    #[must_use]
    pub fn is_forked(&self, sink: &str, stream: &StreamId) -> bool {
        self.forks.contains_key(&(sink.to_owned(), stream.clone()))
    }

    /// Every sink that holds another history of a stream that starts with `prefix`.
    pub fn forks(&self, prefix: &StreamId) -> impl Iterator<Item = (&str, &StreamId, &Forked)> {
        let all = self.forks.iter().map(|((sink, stream), forked)| (sink.as_str(), stream, forked));
        all.filter(move |(_, stream, _)| stream.as_str().starts_with(prefix.as_str()))
    }
}
