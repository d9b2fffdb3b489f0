//! Bookkeeping beside rotations, stream `meta`: how far each audit sink has been fed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::StreamId;

/// A fact of the meta stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MetaFact {
    /// A sink has recorded a stream's lines up to here.
    SinkAdvanced {
        /// The sink's name.
        sink: String,
        /// Which stream.
        stream: StreamId,
        /// The first line it has not.
        next_seq: u64,
    },
}

/// Cursors by sink and stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursors(BTreeMap<(String, StreamId), u64>);

impl Cursors {
    /// Applies one fact.
    pub fn apply(&mut self, fact: &MetaFact) {
        let MetaFact::SinkAdvanced { sink, stream, next_seq } = fact;
        self.0.insert((sink.clone(), stream.clone()), *next_seq);
    }

    /// The first line of a stream that a sink has not.
    #[must_use]
    pub fn next(&self, sink: &str, stream: &StreamId) -> u64 {
        self.0.get(&(sink.to_owned(), stream.clone())).copied().unwrap_or(0)
    }
}
