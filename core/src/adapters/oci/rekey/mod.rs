//! The `ReKeyer` port: hands each dependent to the adapter of its kind.
//!
//! One file per kind, or per family of kinds that are moved alike, same sections in each. A kind without a file here is described as `None` and never touched; one that is only read (`holder`) has no steps and says what a person does.

mod block;
mod bucket;
mod holder;
mod node_pool;

use std::sync::Arc;

use async_trait::async_trait;

pub use block::BlockReKeyer;
pub use bucket::BucketReKeyer;
pub use holder::HolderReader;
pub use node_pool::NodePoolReKeyer;

use super::client::Client;
use crate::error::{Error, Result};
use crate::model::{Dependent, Kind, Timestamp};
use crate::ports::{Begun, KindSpec, Observation, ReKeyer, Reply, StepRequest, Ticket, TicketReport};

/// Moves dependents of every kind that has an adapter.
pub struct Rekeyers {
    adapters: Vec<Box<dyn ReKeyer>>,
}

impl Rekeyers {
    /// Adapters for all kinds there are.
    #[must_use]
    pub fn new(client: Arc<Client>) -> Self {
        Self {
            adapters: vec![
                Box::new(BucketReKeyer::new(Arc::clone(&client))),
                Box::new(BlockReKeyer::new(Arc::clone(&client))),
                Box::new(HolderReader::new(Arc::clone(&client))),
                Box::new(NodePoolReKeyer::new(client)),
            ],
        }
    }

    fn adapter(&self, operation: &'static str, kind: &Kind) -> Result<&dyn ReKeyer> {
        self.adapters
            .iter()
            .find(|adapter| adapter.describe(kind).is_some())
            .map(AsRef::as_ref)
            .ok_or_else(|| Error::refused(operation, "no adapter moves this kind").with("kind", kind))
    }
}

#[async_trait]
impl ReKeyer for Rekeyers {
    fn describe(&self, kind: &Kind) -> Option<KindSpec> {
        self.adapters.iter().find_map(|adapter| adapter.describe(kind))
    }

    fn kinds(&self) -> Vec<Kind> {
        self.adapters.iter().flat_map(|adapter| adapter.kinds()).collect()
    }

    async fn observe(&self, dependent: &Dependent) -> Result<Reply<Observation>> {
        self.adapter("observe", &dependent.kind)?.observe(dependent).await
    }

    async fn begin(&self, step: &StepRequest) -> Result<Reply<Begun>> {
        self.adapter("begin", &step.dependent.kind)?.begin(step).await
    }

    async fn poll(&self, tickets: &[Ticket], dependents: &[Dependent]) -> Result<Reply<Vec<TicketReport>>> {
        let mut whole = Reply::bare(Vec::new());
        for adapter in &self.adapters {
            let of_kind = |one: &&Dependent| adapter.describe(&one.kind).is_some();
            let theirs: Vec<_> = dependents.iter().filter(of_kind).cloned().collect();
            let asked: Vec<_> =
                tickets.iter().filter(|ticket| theirs.iter().any(|one| one.id == ticket.dependent)).cloned().collect();
            if asked.is_empty() {
                continue;
            }
            let part = adapter.poll(&asked, &theirs).await?;
            whole.value.extend(part.value);
            // The earliest answer is the one that all of it is true since.
            whole.server_date = whole.server_date.or(part.server_date);
            whole.request_id = whole.request_id.or(part.request_id);
        }
        if whole.value.len() == tickets.len() {
            Ok(whole)
        } else {
            Err(Error::bug("poll", "every ticket's dependent is named, and its kind has an adapter"))
        }
    }

    async fn find(&self, dependent: &Dependent, since: Timestamp) -> Result<Reply<Vec<TicketReport>>> {
        self.adapter("find", &dependent.kind)?.find(dependent, since).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::oci::loopback::{FarEnd, not_found};

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kinds.md");

    fn word<T: serde::Serialize>(value: &T) -> String {
        let value = serde_json::to_value(value).expect("a word of the model");
        value.as_str().expect("a word").to_owned()
    }

    fn row(kind: &Kind, spec: &KindSpec) -> String {
        let steps = |steps: &[_]| match steps {
            [] => "-".to_owned(),
            some => some.iter().map(word).collect::<Vec<_>>().join(", "),
        };
        let (new, same) = (steps(&spec.steps_new_key), steps(&spec.steps_same_key));
        let (grade, scope) = (word(&spec.best_grade), word(&spec.scope));
        let remedy = spec.remedy.as_deref().unwrap_or("-");
        format!("| {kind} | {} | {new} | {same} | {grade} | {scope} | {remedy} |", word(&spec.class))
    }

    #[tokio::test]
    async fn the_page_on_kinds_says_what_the_adapters_say() {
        let far = FarEnd::start(|_, _| not_found()).await;
        let rekeyers = Rekeyers::new(far.client());
        let mut kinds = rekeyers.kinds();
        kinds.sort();
        let rows: Vec<String> =
            kinds.iter().map(|kind| row(kind, &rekeyers.describe(kind).expect("it says so itself"))).collect();
        let page = std::fs::read_to_string(PAGE).expect("the page is there");
        let table = page.split("|---|---|---|---|---|---|---|\n").nth(1).expect("a table of kinds");
        let written: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
        assert_eq!(written, rows, "docs/kinds.md should hold\n{}", rows.join("\n"));
        for (kind, spec) in kinds.iter().filter_map(|kind| Some((kind, rekeyers.describe(kind)?))) {
            let is_moved = !spec.steps_new_key.is_empty();
            assert_ne!(is_moved, spec.remedy.is_some(), "{kind} is moved, or says what a person does");
        }
    }
}
