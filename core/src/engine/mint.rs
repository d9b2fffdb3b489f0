//! The mint itself: a look before it, one send of what was journaled, a look after it. For versions and successors.
//!
//! Nothing here decides. Only the process that has just appended an intent may send it, once.

use super::Engine;
use super::book::Book;
use crate::model::{Etag, Key, KeyId, KeySummary, KeyVersion, Timestamp, to_seconds};
use crate::ports::{KeyMint, KeyStoreExt, Reply, VersionMint};
use crate::rotation::registry::{Registry, RegistryFact};
use crate::rotation::{
    Claimant, Conclusion, Effect, Fact, MintIntended, State, SuccessorSurvey, Survey, claimed_makers, conclude_created,
    conclude_flip, conclude_key_created, conclude_settle, conclude_successor_in_use, conclude_successor_settle,
    conclude_successor_survey, conclude_survey, lineage_mark,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Landed, Result};

/// Keys that are read whole although they claim to be the successor: two are one too many, and whoever plants a hundred
/// must not use up the tenancy's ten reads a second.
const CLAIMS_READ: usize = 3;

/// What a mint made.
pub(super) enum Minted {
    Key(Box<Key>),
    Version(Box<KeyVersion>),
}

impl Engine {
    /// Looks before a mint.
    pub(super) async fn survey_leg(&self, main: &Book<State>, leg: u32) -> Result<Conclusion> {
        let state = self.state(main)?;
        if is_successor(state, leg) {
            let (survey, etag) = self.successor_survey(state).await?;
            // A key that says it is ours, and no intent that says so: has this journal forgotten one?
            let has_intent = state.leg(leg).is_some_and(|leg| !leg.attempts.is_empty());
            if !survey.claims.is_empty() && !has_intent && is_on(Safeguard::RestoredWaits) {
                let makers = claimed_makers(&survey, &self.settings);
                let facts = self.behind(main, &makers).await?;
                if !facts.is_empty() {
                    return Ok(Conclusion { facts, ..Conclusion::default() });
                }
            }
            return Ok(under(etag, conclude_successor_survey(state, leg, &survey, &self.settings)));
        }
        let (survey, etag) = self.survey(&state.opened.name.key).await?;
        Ok(under(etag, conclude_survey(state, leg, &survey, &self.settings)))
    }

    /// Looks for what became of a mint in doubt.
    pub(super) async fn settle_leg(&self, main: &Book<State>, leg: u32) -> Result<Conclusion> {
        let state = self.state(main)?;
        if is_successor(state, leg) {
            let (survey, _) = self.successor_survey(state).await?;
            return Ok(conclude_successor_settle(state, leg, &survey, &self.settings));
        }
        let (survey, etag) = self.survey(&state.opened.name.key).await?;
        Ok(under(etag, conclude_settle(state, leg, &survey, &self.settings)))
    }

    /// Looks whether the target is in use. A successor becomes part of the lineage before anything moves to it.
    pub(super) async fn observe_target(&self, main: &Book<State>, leg: u32) -> Result<Conclusion> {
        let state = self.state(main)?;
        let target = state.leg(leg).and_then(|leg| leg.target.as_ref()).and_then(|target| target.key.clone());
        let Some(successor) = target else {
            let (survey, _) = self.survey(&state.opened.name.key).await?;
            return Ok(conclude_flip(state, leg, &survey, &self.settings));
        };
        let predecessor = self.learn(self.ports.key_store.describe_key(&state.opened.name.key)).await?.value;
        let (survey, _) = self.survey(&successor).await?;
        let seen = Claimant { key: survey.key.clone(), versions: survey.versions.clone() };
        let conclusion = conclude_successor_in_use(state, leg, &seen, &predecessor, &survey, &self.settings);
        if conclusion.facts.iter().any(|fact| matches!(fact, Fact::InUse(_))) {
            self.name_successor(state, &successor).await?;
        }
        Ok(conclusion)
    }

    /// Writes into the registry that a key took over. Done again if we die right after it.
    async fn name_successor(&self, state: &State, successor: &KeyId) -> super::Done {
        let mut registry = self.registry().await?;
        let is_named = |registry: &Book<Registry>| {
            registry.state().is_some_and(|registry| registry.predecessors.contains_key(successor))
        };
        while !is_named(&registry) {
            let fact = RegistryFact::SuccessorNamed { rid: state.rid.clone(), successor: successor.clone() };
            match registry.append(self, None, &[fact]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Sends the journaled mint, once. Only called by the process that has just appended the intent.
    pub(super) async fn mint(
        &self,
        main: &Book<State>,
        leg: u32,
        sent: Option<Result<Reply<Minted>>>,
    ) -> Result<Conclusion> {
        let state = self.state(main)?;
        let attempt = state.leg(leg).and_then(|leg| leg.open_attempt());
        let intent = attempt.map(|attempt| &attempt.intent).ok_or_else(|| Error::bug("mint", "no open intent"))?;
        let answer = match sent {
            Some(answer) => answer,
            None => self.send(state, intent).await,
        };
        match answer {
            Ok(reply) => Ok(match &reply.value {
                Minted::Key(key) => conclude_key_created(state, leg, key, reply.request_id),
                Minted::Version(version) => conclude_created(state, leg, version, reply.request_id),
            }),
            Err(error) => self.failure(main, &Effect::Mint { leg }, &error),
        }
    }

    /// The request as the intent says it, once.
    pub(super) async fn send(&self, state: &State, intent: &MintIntended) -> Result<Reply<Minted>> {
        let answer = self.send_once(state, intent).await;
        if answer.as_ref().is_err_and(|error| error.landed() != Landed::No) && !is_on(Safeguard::OneShot) {
            return self.send_once(state, intent).await;
        }
        // A date that grew old before it was heard says nothing of the credentials: the next one may be heard.
        answer.map_err(|error| match error.status() {
            Some(401) if self.is_stale(Some(intent.date)) => error.retry_later(None),
            _ => error,
        })
    }

    async fn send_once(&self, state: &State, intent: &MintIntended) -> Result<Reply<Minted>> {
        let date = if is_on(Safeguard::Fence) {
            intent.date
        } else {
            to_seconds(self.server_time().at(self.ports.clock.now()))
        };
        let (token, body) = (intent.token.clone(), intent.body.clone());
        if intent.operation == "create_key" {
            let mint = KeyMint { vault: state.opened.vault.clone(), token, date, body };
            let answer = self.ports.key_store.create_key(&mint).await?;
            return Ok(answer.map(|key| Minted::Key(Box::new(key))));
        }
        let mint = VersionMint { key: state.opened.name.key.clone(), token, date, body };
        let answer = self.ports.key_store.create_version(&mint).await?;
        Ok(answer.map(|version| Minted::Version(Box::new(version))))
    }

    /// Reads a key, then lists its versions; both by the server's clock.
    async fn survey(&self, key: &KeyId) -> Result<(Survey, Option<Etag>)> {
        let key = self.learn(self.ports.key_store.describe_key(key)).await?;
        let versions = self.learn(self.ports.key_store.all_versions(&key.value.id)).await?;
        Ok((self.surveyed(key.value, versions), key.etag))
    }

    /// Reads a predecessor, then every key beside it that carries our tag; the list's date is the look's.
    async fn successor_survey(&self, state: &State) -> Result<(SuccessorSurvey, Option<Etag>)> {
        let name = &state.opened.name.key;
        let predecessor = self.learn(self.ports.key_store.describe_key(name)).await?;
        let (predecessor, etag) = (predecessor.value, predecessor.etag);
        let head = {
            let registry = self.registry().await?;
            registry.state().and_then(|registry| registry.head_after(name)).cloned()
        };
        let head = match head {
            Some(head) => Some(self.claimant(&head).await?),
            None => None,
        };
        // Once the lineage has a head nobody else can be the successor, whatever tags say.
        let (claims, server_date) = match head {
            Some(_) => (Vec::new(), None),
            None => self.claims(name, &predecessor).await?,
        };
        let versions = self.learn(self.ports.key_store.all_versions(name)).await?;
        let server_date = server_date.or(versions.server_date);
        let of = Survey { server_date, ..self.surveyed(predecessor, versions) };
        Ok((SuccessorSurvey { of, head, claims }, etag))
    }

    /// Keys whose lineage tag names this predecessor, the living first, and the date of the list.
    async fn claims(&self, name: &KeyId, predecessor: &Key) -> Result<(Vec<Claimant>, Option<Timestamp>)> {
        let (tag, mark) = (&self.settings.policy.lineage_tag, lineage_mark(name));
        let is_ours = |key: &KeySummary| {
            let value = key.tags.defined.get(&tag.namespace).and_then(|keys| keys.get(&tag.key));
            key.id != *name && value.is_some_and(|value| value.starts_with(&mark))
        };
        let (mut found, mut cursor, mut server_date) = (Vec::new(), None, None);
        loop {
            let call = self.ports.key_store.list_keys(&predecessor.vault, &predecessor.compartment, cursor);
            let page = self.learn(call).await?;
            server_date = server_date.or(page.server_date);
            found.extend(page.value.items.into_iter().filter(is_ours));
            cursor = page.value.next;
            if cursor.is_none() {
                break;
            }
        }
        found.sort_by_key(|key| key.state.is_going());
        let mut claims = Vec::new();
        for key in found.iter().take(CLAIMS_READ) {
            claims.push(self.claimant(&key.id).await?);
        }
        Ok((claims, server_date))
    }

    async fn claimant(&self, key: &KeyId) -> Result<Claimant> {
        let key = self.learn(self.ports.key_store.describe_key(key)).await?.value;
        // What is going cannot take dependents, whatever its versions; several fakes read whole would be a burst that a
        // tenancy's limit refuses, again and again.
        let versions = match key.state.is_going() {
            true => Vec::new(),
            false => self.learn(self.ports.key_store.all_versions(&key.id)).await?.value,
        };
        Ok(Claimant { key, versions })
    }

    fn surveyed(&self, key: Key, versions: Reply<Vec<KeyVersion>>) -> Survey {
        let local = self.ports.clock.now();
        let server_time = *self.server_time();
        Survey {
            key,
            versions: versions.value,
            server_date: versions.server_date,
            server_time: server_time.at(local),
            uncertainty: server_time.uncertainty(),
            local,
        }
    }
}

fn is_successor(state: &State, leg: u32) -> bool {
    state.leg(leg).is_some_and(|leg| leg.is_successor())
}

/// A register is written only under the etag of the very read that the mint was decided on.
fn under(etag: Option<Etag>, mut conclusion: Conclusion) -> Conclusion {
    if let Some(register) = &mut conclusion.register {
        register.if_match = etag;
    }
    conclusion
}
