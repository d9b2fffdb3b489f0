//! The end of a tick, one run over all keys in scope: the heartbeat is written down, and metrics go out.
//!
//! Nothing here may cost a rotation anything: whatever fails is said in the log, and the next tick does it again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Engine;
use super::book::Book;
use crate::Result;
use crate::model::{LearnedRate, Metric, RotationSummary, StreamId, Tick};
use crate::rotation::meta::{Cursors, MetaFact};

/// A tick is written down at most this often unless it says something else: whoever ticks each minute must not fill
/// the journal with heartbeats.
pub const TICK_KEPT_EVERY: Duration = Duration::from_secs(10 * 60);

impl Engine {
    /// Writes down that a run over all keys ended now.
    pub async fn end_tick(&self, keys: u64, failed: u64) -> Tick {
        Box::pin(self.keep_scopes()).await;
        let tick = Tick { at: crate::model::to_millis(self.ports.clock.now()), keys, failed };
        if let Err(error) = self.keep_tick(tick).await {
            tracing::warn!(%error, "the end of a tick could not be written down; the heartbeat is late");
        }
        tick
    }

    async fn keep_tick(&self, tick: Tick) -> Result<()> {
        let mut book = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let last = book.state().and_then(Cursors::last_tick);
        let is_news = |last: Tick| {
            tick.at >= last.at + TICK_KEPT_EVERY
                || tick.at < last.at
                || (tick.keys, tick.failed) != (last.keys, last.failed)
        };
        if last.is_some_and(|last| !is_news(last)) {
            return Ok(());
        }
        book.append(self, None, &[MetaFact::Ticked(tick)]).await
    }

    /// The last tick that was written down, whoever ended it.
    pub async fn last_tick(&self) -> Result<Option<Tick>> {
        Ok(Book::<Cursors>::open(self, StreamId::meta()).await?.state().and_then(Cursors::last_tick))
    }

    /// What was found out about services, in this run or before.
    pub async fn rates(&self) -> Result<Vec<LearnedRate>> {
        let kept = Book::<Cursors>::open(self, StreamId::meta()).await?.state().map(Cursors::rates).unwrap_or_default();
        let mut rates = self.ports.pace.as_ref().map(|pace| pace.learned()).unwrap_or_default();
        let known: BTreeSet<_> = rates.iter().map(|rate| (rate.service.clone(), rate.region.clone())).collect();
        rates.extend(kept.into_iter().filter(|rate| !known.contains(&(rate.service.clone(), rate.region.clone()))));
        Ok(rates)
    }

    /// For each key its newest rotation and the newest that has dependents, in the order they were opened.
    pub async fn newest_rotations(&self) -> Result<Vec<RotationSummary>> {
        let registry = self.registry().await?;
        let registry = registry.state().cloned().unwrap_or_default();
        let (mut seen, mut done) = (BTreeSet::new(), BTreeSet::new());
        let mut newest = Vec::new();
        for rid in registry.order.iter().rev() {
            let Some(registered) = registry.rotations.get(rid) else { continue };
            let key = &registered.opened.name.key;
            if done.contains(key) {
                continue;
            }
            let summary = self.summary(rid).await?;
            if summary.dependents > 0 {
                done.insert(key.clone());
            }
            // One that neither is the newest nor has dependents says nothing.
            if seen.insert(key.clone()) || summary.dependents > 0 {
                newest.push(summary);
            }
        }
        newest.reverse();
        Ok(newest)
    }

    /// Hands metrics to every sink.
    pub async fn send_metrics(&self, metrics: &[Metric]) {
        for sink in &self.ports.metrics {
            if let Err(error) = sink.record(metrics).await {
                tracing::warn!(sink = sink.name(), %error, "metrics were not taken");
            }
        }
    }
}
