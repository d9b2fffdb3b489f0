//! Performing what was decided for the main stream: read and watch. One function per effect; `mint` has the mints.

use std::collections::BTreeMap;

use super::Engine;
use super::book::Book;
use super::claim::Held;
use crate::model::{Kind, Risk, RotationId, Timestamp};
use crate::ports::{KeyStoreExt, Reply};
use crate::rotation::vault::{Ledger, VaultFact};
use crate::rotation::{
    self, Classes, Conclusion, Effect, Fact, Preflight, Purpose, Seen, State, conclude_replicas, preflight,
};
use crate::{Error, ErrorKind, Result};

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
                let conclusion = self.survey_leg(main, *leg).await?;
                self.unless_restored(main, conclusion).await
            }
            Effect::SettleMint { leg } => {
                let conclusion = self.settle_leg(main, *leg).await?;
                self.unless_restored(main, conclusion).await
            }
            Effect::ObserveFlip { leg } => self.observe_target(main, *leg).await,
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
        let head = self.registry().await?.state().and_then(|registry| registry.head_after(&key.id)).cloned();
        Ok(rotation::Seen {
            key,
            vault,
            versions,
            usage,
            ledger,
            clock_offset,
            now,
            missing_promises,
            keeps_if_match,
            head,
            overrides: self.overrides(),
        })
    }

    async fn preflight(&self, main: &mut Book<State>) -> Result<Conclusion> {
        let state = self.state(main)?;
        let (rid, vault) = (state.rid.clone(), state.opened.vault.clone());
        let mut ledger = self.ledger(&vault).await?;
        let before = ledger.state().cloned().unwrap_or_default();
        let mut seen = self.look(&state.opened.name.key, Some(&rid)).await?;
        ledger.catch_up(self).await?;
        seen.ledger = since(&ledger, &before, &rid);
        let Some(pass) = state.passes.values().next_back() else {
            return Err(Error::bug("preflight", "no pass went before it"));
        };
        let mut dependents: BTreeMap<Kind, u64> = BTreeMap::new();
        for page in state.pages.values() {
            *dependents.entry(page.opened.kind.clone()).or_default() += u64::from(page.opened.dependents);
        }
        let places = state.pages.values().map(|page| page.opened.compartment.clone()).collect();
        let classes = self.classes(&dependents);
        let judge = |seen: &Seen| preflight(seen, state.purpose(), pass, &dependents, &classes, &self.settings);
        let conclusion = |fact| Ok(Conclusion { facts: vec![fact], ..Conclusion::default() });
        let checked = match self.with_policies(&seen, judge(&seen), places).await? {
            Preflight::Stop(paused) => return conclusion(Fact::Paused(paused)),
            Preflight::Go(checked) => checked,
        };
        let versions = u32::try_from(checked.legs.len()).unwrap_or(u32::MAX);
        let is_reserved = |ledger: &Book<Ledger>| ledger.state().is_some_and(|ledger| ledger.open.contains_key(&rid));
        while state.purpose() == Purpose::Rotate && !is_reserved(&ledger) {
            let reserved = VaultFact::Reserved { rid: rid.clone(), versions };
            match ledger.append(self, None, &[reserved]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    // Another key reserved or released meanwhile: is there still a version left for this one?
                    seen.ledger = since(&ledger, &before, &rid);
                    if let Preflight::Stop(paused) = judge(&seen) {
                        return conclusion(Fact::Paused(paused));
                    }
                }
                other => other?,
            }
        }
        conclusion(Fact::Checked(*checked))
    }

    /// What each kind does with several versions, where an adapter knows: these kinds and all that are listed.
    pub(super) fn classes(&self, kinds: &BTreeMap<Kind, u64>) -> Classes {
        let class = |kind: &Kind| self.kind_spec(kind).map(|spec| spec.class);
        let all = kinds.keys().cloned().chain(self.ports.rekeyer.kinds());
        all.map(|kind| (kind.clone(), class(&kind))).collect()
    }

    async fn replicas(&self, main: &Book<State>, leg: u32) -> Result<Conclusion> {
        let state = self.state(main)?;
        let target = state.leg(leg).and_then(|leg| leg.target.as_ref());
        let target = target.ok_or_else(|| Error::bug("replicas", "a gate without a target"))?;
        let answer =
            self.ports.key_store.replication(target.key.as_ref().unwrap_or(&state.opened.name.key), &target.version);
        let statuses = self.learn(answer).await?.value;
        Ok(conclude_replicas(state, leg, &statuses, &self.settings, self.ports.clock.now()))
    }
}

/// What other rotations have reserved in a vault. Whatever was reserved at any time since `before` counts: what it minted may not be
/// in the vault's own count, which was read since then.
fn since(ledger: &Book<Ledger>, before: &Ledger, rid: &RotationId) -> Ledger {
    ledger.state().cloned().unwrap_or_default().held_since(before).without(rid)
}
