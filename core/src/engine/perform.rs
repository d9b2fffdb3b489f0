//! Performing what was decided for the main stream: read, mint, settle, watch. One function per effect.

use std::collections::BTreeMap;

use super::book::Book;
use super::claim::Held;
use super::{Done, Engine};
use crate::model::{Etag, Key, KeyVersion, Kind, RekeyClass, Risk, Timestamp, to_seconds};
use crate::ports::{KeyStoreExt, Reply, VersionMint};
use crate::rotation::{
    self, Conclusion, Effect, Fact, MintIntended, Preflight, Purpose, State, Survey, conclude_created, conclude_flip,
    conclude_replicas, conclude_settle, conclude_survey, preflight, vault::VaultFact,
};
use crate::safeguard::{Safeguard, is_on};
use crate::{Error, ErrorKind, Landed, Result};

impl Engine {
    /// Performs one effect and says what follows.
    pub(super) async fn perform(
        &self,
        main: &mut Book<State>,
        held: &Held,
        effect: &Effect,
        deadline: Option<Timestamp>,
    ) -> Result<Conclusion> {
        match effect {
            Effect::Pass { pass } => {
                self.pass(main, held, *pass).await?;
                Ok(Conclusion::default())
            }
            Effect::Preflight => self.preflight(main).await,
            Effect::Survey { leg } => {
                let (survey, etag) = self.survey(self.state(main)?).await?;
                let concluded = conclude_survey(self.state(main)?, *leg, &survey, &self.settings);
                self.unless_restored(main, under(etag, concluded)).await
            }
            Effect::SettleMint { leg } => {
                let (survey, etag) = self.survey(self.state(main)?).await?;
                let concluded = conclude_settle(self.state(main)?, *leg, &survey, &self.settings);
                self.unless_restored(main, under(etag, concluded)).await
            }
            Effect::ObserveFlip { leg } => {
                let (survey, _) = self.survey(self.state(main)?).await?;
                Ok(conclude_flip(self.state(main)?, *leg, &survey, &self.settings))
            }
            Effect::ObserveReplicas { leg } => self.replicas(main, *leg).await,
            Effect::RekeyPages { pages } => {
                self.rekey_pages(main, held, pages, deadline).await?;
                Ok(Conclusion::default())
            }
            Effect::Notify { dedupe_key } => {
                self.notify(main, held, dedupe_key).await?;
                Ok(Conclusion::default())
            }
            Effect::Mint { .. } => Err(Error::bug("mint", "only whoever journaled a mint may send it")),
        }
    }

    /// Sends the journaled mint, once. Only called by the process that has just appended the intent.
    pub(super) async fn mint(
        &self,
        main: &Book<State>,
        leg: u32,
        sent: Option<Result<Reply<KeyVersion>>>,
    ) -> Result<Conclusion> {
        let state = self.state(main)?;
        let attempt = state.leg(leg).and_then(|leg| leg.open_attempt());
        let intent = attempt.map(|attempt| &attempt.intent).ok_or_else(|| Error::bug("mint", "no open intent"))?;
        let answer = match sent {
            Some(answer) => answer,
            None => self.send(state, intent).await,
        };
        match answer {
            Ok(reply) => Ok(conclude_created(state, leg, &reply.value, reply.request_id)),
            Err(error) => self.failure(main, &Effect::Mint { leg }, &error),
        }
    }

    /// The request as the intent says it, once.
    pub(super) async fn send(&self, state: &State, intent: &MintIntended) -> Result<Reply<KeyVersion>> {
        let date = if is_on(Safeguard::Fence) {
            intent.date
        } else {
            to_seconds(self.server_time().at(self.ports.clock.now()))
        };
        let mint = VersionMint {
            key: state.opened.name.key.clone(),
            token: intent.token.clone(),
            date,
            body: intent.body.clone(),
        };
        let answer = self.ports.key_store.create_version(&mint).await;
        if answer.as_ref().is_err_and(|error| error.landed() != Landed::No) && !is_on(Safeguard::OneShot) {
            return self.ports.key_store.create_version(&mint).await;
        }
        answer
    }

    /// Reads the key, then lists its versions; both by the server's clock.
    async fn survey(&self, state: &State) -> Result<(Survey, Option<Etag>)> {
        let key = self.learn(self.ports.key_store.describe_key(&state.opened.name.key)).await?;
        let versions = self.learn(self.ports.key_store.all_versions(&state.opened.name.key)).await?;
        Ok((self.surveyed(key.value, versions), key.etag))
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

    /// Awaits an answer and learns the server's time from it, also from an error.
    pub(super) async fn learn<T>(&self, call: impl Future<Output = Result<Reply<T>>>) -> Result<Reply<T>> {
        let asked = self.ports.clock.now();
        let answer = call.await;
        let date = match &answer {
            Ok(reply) => reply.server_date,
            Err(error) => error.server_date(),
        };
        self.server_time().learn(date, asked, self.ports.clock.now());
        answer
    }

    /// Reads everything that speaks for or against rotating a key. Nothing is written.
    pub(super) async fn look(
        &self,
        key: &crate::model::KeyId,
        rid: Option<&crate::model::RotationId>,
    ) -> Result<rotation::Seen> {
        let key = self.learn(self.ports.key_store.describe_key(key)).await?.value;
        let vault = self.learn(self.ports.key_store.describe_vault(&key.vault)).await?.value;
        let versions = self.learn(self.ports.key_store.all_versions(&key.id)).await?.value;
        let usage = self.learn(self.ports.key_store.usage(&vault.id)).await?.value;
        let ledger = self.ledger(&vault.id).await?.state().cloned().unwrap_or_default();
        let ledger = match rid {
            Some(rid) => ledger.without(rid),
            None => ledger,
        };
        let now = self.ports.clock.now();
        let clock_offset = self.server_time().offset();
        let promises = self.ports.key_store.promises();
        let missing = [(promises.retry_token, Risk::NoRetryToken), (promises.date_fence, Risk::NoDateFence)];
        let keeps_if_match = promises.if_match;
        let missing_promises = missing.into_iter().filter(|(made, _)| !made).map(|(_, risk)| risk).collect();
        Ok(rotation::Seen { key, vault, versions, usage, ledger, clock_offset, now, missing_promises, keeps_if_match })
    }

    async fn preflight(&self, main: &mut Book<State>) -> Result<Conclusion> {
        let state = self.state(main)?;
        let seen = self.look(&state.opened.name.key, Some(&state.rid)).await?;
        let Some(pass) = state.passes.get(&0) else {
            return Err(Error::bug("preflight", "no pass went before it"));
        };
        let mut dependents: BTreeMap<Kind, u64> = BTreeMap::new();
        for page in state.pages.values() {
            *dependents.entry(page.opened.kind.clone()).or_default() += u64::from(page.opened.dependents);
        }
        let facts =
            match preflight(&seen, state.purpose(), pass, &dependents, &self.classes(&dependents), &self.settings) {
                Preflight::Stop(paused) => vec![Fact::Paused(paused)],
                Preflight::Go(checked) => {
                    let (rid, vault) = (state.rid.clone(), state.opened.vault.clone());
                    if state.purpose() == Purpose::Rotate {
                        self.reserve(&rid, &vault).await?;
                    }
                    vec![Fact::Checked(*checked)]
                }
            };
        Ok(Conclusion { facts, ..Conclusion::default() })
    }

    /// What each kind does with several versions, where an adapter knows.
    pub(super) fn classes(&self, kinds: &BTreeMap<Kind, u64>) -> BTreeMap<Kind, Option<RekeyClass>> {
        let class = |kind: &Kind| self.ports.rekeyer.describe(kind).map(|spec| spec.class);
        kinds.keys().map(|kind| (kind.clone(), class(kind))).collect()
    }

    /// Reserves a version in the vault's ledger, once.
    async fn reserve(&self, rid: &crate::model::RotationId, vault: &crate::model::VaultId) -> Done {
        let mut ledger = self.ledger(vault).await?;
        while !ledger.state().is_some_and(|ledger| ledger.open.contains_key(rid)) {
            match ledger.append(self, None, &[VaultFact::Reserved { rid: rid.clone(), versions: 1 }]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => other?,
            }
        }
        Ok(())
    }

    async fn replicas(&self, main: &Book<State>, leg: u32) -> Result<Conclusion> {
        let state = self.state(main)?;
        let target = state.leg(leg).and_then(|leg| leg.target.as_ref());
        let target = target.ok_or_else(|| Error::bug("replicas", "a gate without a target"))?;
        let answer = self.ports.key_store.replication(&state.opened.name.key, &target.version);
        let statuses = self.learn(answer).await?.value;
        Ok(conclude_replicas(state, leg, &statuses, &self.settings, self.ports.clock.now()))
    }
}

/// A register is written only under the etag of the very read that the mint was decided on.
fn under(etag: Option<Etag>, mut conclusion: Conclusion) -> Conclusion {
    if let Some(register) = &mut conclusion.register {
        register.if_match = etag;
    }
    conclusion
}
