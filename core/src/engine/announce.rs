//! Announcing a mint on the key itself, between its intent and its send (rule R9).
//!
//! If the announcement is refused, or nobody knows what became of it, the mint is not sent: that is certain, because
//! it is this very process that would have sent it. What a register means is judged in `rotation::register`.

use super::Engine;
use super::book::Book;
use crate::model::Timestamp;
use crate::rotation::{Conclusion, Effect, RegisterWrite, State, conclude_unannounced};
use crate::{Error, ErrorKind, Result};

impl Engine {
    /// Writes the register; `Some` if the mint dated `date` must not be sent.
    pub(super) async fn announce(
        &self,
        main: &Book<State>,
        leg: u32,
        date: Option<Timestamp>,
        write: Option<RegisterWrite>,
    ) -> Result<Option<Conclusion>> {
        let Some(write) = write else { return Ok(None) };
        let state = self.state(main)?;
        let key = &state.opened.name.key;
        let written = match &write.if_match {
            Some(etag) => self.learn(self.ports.key_store.set_tags(key, &write.tags, etag)).await.map(drop),
            None => {
                Err(Error::refused("set_tags", "the key came without an etag; a register needs one").with("key", key))
            }
        };
        let error = match written {
            Ok(()) if !self.is_stale(date) => return Ok(None),
            Ok(()) => {
                Error::new(ErrorKind::Timeout, "set_tags", "the register took so long that the mint's date is old")
            }
            Err(error) => error,
        };
        let survey = Effect::Survey { leg }.name();
        let failed = state.failures.get(survey).map_or(0, |failure| failure.attempts);
        let refused = state.active_leg().map_or(0, |(_, leg)| leg.refused_in_a_row());
        let not_before = self.not_before(&error, failed.max(refused));
        tracing::warn!(%error, "a mint was not announced and not sent");
        Ok(Some(conclude_unannounced(state, leg, &error, not_before)))
    }

    /// Whether a request with this date would come too late to be heard.
    pub(super) fn is_stale(&self, date: Option<Timestamp>) -> bool {
        let now = self.server_time().at(self.ports.clock.now());
        date.is_some_and(|date| now > date + self.settings.margins.skew_limit)
    }
}
