//! Keeping in the journal what was found out about services' limits, so that the next run begins there.
//!
//! A hint, never more: a rate that is lost costs a second of finding out, so no failure here ends a drive.

use super::Engine;
use super::book::Book;
use crate::Result;
use crate::model::{LearnedRate, StreamId};
use crate::ports::Pace;
use crate::rotation::meta::{Cursors, MetaFact};

impl Engine {
    /// Tells the adapters what earlier runs found out, before this process asks anybody anything. Once is enough.
    pub(super) async fn recall_rates(&self) {
        let Some(pace) = &self.ports.pace else { return };
        if self.rates_kept().is_some() {
            return;
        }
        match Book::<Cursors>::open(self, StreamId::meta()).await {
            Ok(book) => {
                let rates = book.state().map(Cursors::rates).unwrap_or_default();
                pace.remember(&rates);
                *self.rates_kept() = Some(rates);
            }
            Err(error) => tracing::debug!(%error, "learned rates could not be read"),
        }
    }

    /// Writes down what this run found out, where it is news.
    pub(super) async fn keep_rates(&self) {
        let Some(pace) = &self.ports.pace else { return };
        if let Err(error) = self.append_rates(pace.as_ref()).await {
            tracing::debug!(%error, "learned rates could not be kept; the next run finds them out again");
        }
    }

    async fn append_rates(&self, pace: &dyn Pace) -> Result<()> {
        let learned = pace.learned();
        // Most drives find out nothing new, and need not read the stream for that.
        let kept = self.rates_kept().clone().unwrap_or_default();
        if !learned.iter().any(|rate| is_news(rate, &kept)) {
            return Ok(());
        }
        let mut book = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let known = book.state().map(Cursors::rates).unwrap_or_default();
        let news = learned.into_iter().filter(|rate| is_news(rate, &known)).map(MetaFact::RateLearned);
        let facts: Vec<MetaFact> = news.collect();
        if !facts.is_empty() {
            book.append(self, None, &facts).await?;
        }
        *self.rates_kept() = book.state().map(Cursors::rates);
        Ok(())
    }
}

/// Whether a rate differs from what is known by a tenth: else the stream would grow with every run.
fn is_news(rate: &LearnedRate, known: &[LearnedRate]) -> bool {
    let before = known.iter().find(|before| before.service == rate.service && before.region == rate.region);
    before.is_none_or(|before| before.per_minute.abs_diff(rate.per_minute) > before.per_minute / 10)
}
