//! Regions and compartments: as identity shows them, or as the journal remembers them while identity does not answer.
//!
//! What is remembered is named as such wherever it is used, with its age. It never proves that something is gone.

use std::time::Duration;

use super::Engine;
use super::book::Book;
use crate::model::{RememberedScopes, StreamId, Timestamp, to_millis};
use crate::ports::{ScopedRegion, Scopes};
use crate::rotation::meta::{Cursors, MetaFact, ScopesSeen, SeenRegion};
use crate::{Error, ErrorKind, Result};

/// A look that shows what the one before it showed is written down at most this often.
const CONFIRMED_EVERY: Duration = Duration::from_secs(60 * 60);

/// What there is to look at.
pub(super) struct Known {
    pub scopes: Scopes,
    /// Identity did not answer: this is from an earlier look.
    pub remembered: Option<RememberedScopes>,
}

impl Engine {
    /// Regions and compartments. Writes nothing.
    pub(super) async fn scopes(&self) -> Result<Known> {
        match self.learn(self.ports.catalog.scopes()).await {
            Ok(reply) => {
                *self.scopes_seen() = Some((self.ports.clock.now(), reply.value.clone()));
                Ok(Known { scopes: reply.value, remembered: None })
            }
            Err(error) if error.is_out_of_reach() => Box::pin(self.remembered_scopes(error)).await,
            Err(error) => Err(error),
        }
    }

    async fn remembered_scopes(&self, error: Error) -> Result<Known> {
        let book = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let Some(seen) = book.state().and_then(Cursors::scopes).cloned() else {
            let text = format!(
                "regions and compartments cannot be listed, and the journal remembers no earlier look at them; nothing can be looked for until identity answers: {}",
                error.message()
            );
            return Err(Error::new(ErrorKind::Unavailable, "scopes", text).caused_by(error));
        };
        let age = self.ports.clock.now().duration_since(seen.at);
        let remembered = RememberedScopes { seen_at: seen.at, age_s: u64::try_from(age.as_secs()).unwrap_or(0) };
        tracing::error!(seen_at = %seen.at, %error, "identity does not answer; regions and compartments are those of an earlier look");
        let regions = seen.regions.into_iter().map(|one| ScopedRegion { region: one.region, is_home: one.is_home });
        let scopes = Scopes { regions: regions.collect(), compartments: seen.compartments };
        Ok(Known { scopes, remembered: Some(remembered) })
    }

    /// Writes down what was seen last, where it is news. A hint for bad times: no failure here ends anything.
    pub(super) async fn keep_scopes(&self) {
        let seen = self.scopes_seen().take();
        if let Some((at, scopes)) = seen
            && let Err(error) = self.append_scopes(to_millis(at), scopes).await
        {
            tracing::debug!(%error, "regions and compartments could not be written down; the next look does it");
        }
    }

    async fn append_scopes(&self, at: Timestamp, scopes: Scopes) -> Result<()> {
        let mut book = Book::<Cursors>::open(self, StreamId::meta()).await?;
        let regions = scopes.regions.into_iter().map(|one| SeenRegion { region: one.region, is_home: one.is_home });
        let seen = ScopesSeen { at, regions: regions.collect(), compartments: scopes.compartments };
        let fact = match book.state().and_then(Cursors::scopes) {
            Some(known) if known.is_same(&seen) && at < known.at + CONFIRMED_EVERY => return Ok(()),
            Some(known) if known.is_same(&seen) => MetaFact::ScopesConfirmed { at },
            _ => MetaFact::ScopesSeen(seen),
        };
        book.append(self, None, &[fact]).await
    }
}
