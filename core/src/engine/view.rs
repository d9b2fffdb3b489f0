//! Looking without touching: status, list, history, plan, from the journal and from reads of the cloud.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures_util::stream;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::book::Book;
use super::walk::Walk;
use super::{Engine, corrupt};
use crate::journal::{PAGE_LINES, Replay};
use crate::model::{
    Counts, DependentReport, Due, DueKey, DueState, Key, KeyId, Kind, Plan, ProtectionMode, Region, ResourceId,
    RotationId, RotationSummary, StreamId, Timestamp,
};
use crate::rotation::page::{self, PageFact};
use crate::rotation::{self, PassEnded, Preflight, Purpose, State, preflight};
use crate::{ErrorKind, Result};

/// What a plan's walk saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walked {
    /// Dependents by kind.
    pub by_kind: BTreeMap<Kind, u64>,
    /// Dependents by region.
    pub by_region: BTreeMap<Region, u64>,
}

impl Engine {
    /// Every rotation the journal knows, in the order they were opened.
    pub async fn rotations(&self) -> Result<Vec<(RotationId, bool)>> {
        let registry = self.registry().await?;
        let registry = registry.state().cloned().unwrap_or_default();
        let is_open = |rid: &RotationId| registry.rotations.get(rid).is_some_and(|r| r.closed.is_none());
        Ok(registry.order.iter().map(|rid| (rid.clone(), is_open(rid))).collect())
    }

    /// A rotation as its own stream tells it; counts of open pages included.
    pub async fn summary(&self, rid: &RotationId) -> Result<RotationSummary> {
        self.summary_of(&self.main_book(rid).await?).await
    }

    pub(super) async fn summary_of(&self, main: &Book<State>) -> Result<RotationSummary> {
        let state = self.state(main)?;
        let mut counts = state.counts.clone();
        for (number, _) in state.pages.iter().filter(|(_, page)| page.closed.is_none()) {
            if let Some(page) = self.page_book(main, *number).await?.state() {
                counts.merge(&page.counts());
            }
        }
        Ok(summarise(state, counts))
    }

    /// Every dependent of a rotation with what became of it, page by page.
    pub async fn dependents(&self, rid: &RotationId) -> Result<Vec<DependentReport>> {
        let main = self.main_book(rid).await?;
        let mut all: Vec<DependentReport> = Vec::new();
        let mut places: HashMap<ResourceId, usize> = HashMap::new();
        for number in self.state(&main)?.pages.keys() {
            let page = self.page_book(&main, *number).await?;
            let Some(state) = page.state() else { continue };
            for (item, progress) in state.inventory.items.iter().zip(&state.progress) {
                let report = DependentReport {
                    dependent: item.dependent.clone(),
                    outcome: progress.outcome.clone(),
                    enrolled_from: state.inventory.enrolled_from.clone(),
                };
                match places.entry(item.dependent.id.clone()) {
                    // Looked at again, or come back: what it came to then is what counts.
                    Entry::Occupied(place) => all[*place.get()] = report,
                    Entry::Vacant(place) => {
                        place.insert(all.len());
                        all.push(report);
                    }
                }
            }
        }
        Ok(all)
    }

    /// Checks every line of every stream: numbers, hashes, chain, meaning. Returns how many there are.
    pub async fn verify(&self) -> Result<u64> {
        let mut lines = 0;
        let mut after = None;
        loop {
            let names = self.ports.journal.streams("", after.clone(), 256).await?;
            let Some(last) = names.last().cloned() else {
                return Ok(lines);
            };
            after = Some(last);
            for stream in names {
                lines += self.verify_stream(&stream).await?;
            }
        }
    }

    async fn verify_stream(&self, stream: &StreamId) -> Result<u64> {
        if stream.as_str().starts_with("r/") && !stream.as_str().contains("/p/") {
            return Ok(super::book::Book::<State>::open(self, stream.clone()).await?.head().next_seq);
        }
        if stream.as_str().contains("/p/") {
            return Ok(super::book::Book::<page::State>::open(self, stream.clone()).await?.head().next_seq);
        }
        let mut chain = crate::journal::Chain::new(stream.clone());
        loop {
            let lines = self.ports.journal.read(stream, chain.head().next_seq, PAGE_LINES).await?;
            for line in &lines {
                chain.push(line)?;
            }
            if lines.len() < PAGE_LINES {
                return Ok(chain.head().next_seq);
            }
        }
    }

    /// What is owed to every key in scope. A key that cannot be read is `blocked` and does not hide the others.
    pub async fn due_keys(&self) -> Result<Vec<DueKey>> {
        self.recall_rates().await;
        let keys = self.keys_in_scope().await?;
        self.due_rows(keys).await
    }

    /// The rows of these keys, in this order; several are asked for at once, so that one vault that does not answer
    /// holds up few of the others.
    pub async fn due_rows(&self, keys: Vec<(KeyId, String)>) -> Result<Vec<DueKey>> {
        let ask = |(place, (key, name))| async move { Ok::<_, crate::Error>((place, self.due_key(key, name).await?)) };
        let asked =
            stream::iter(keys.into_iter().enumerate()).map(ask).buffer_unordered(self.settings.budgets.keys_at_once());
        let mut rows: Vec<(usize, DueKey)> = asked.try_collect().await?;
        rows.sort_by_key(|(place, _)| *place);
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// The row of one key; `name` is what it is called if it cannot be read.
    pub async fn due_key(&self, key: KeyId, name: String) -> Result<DueKey> {
        self.recall_rates().await;
        let (due, seen, _) = match self.due_unhurried(&key).await {
            Ok(read) => read,
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Fork | ErrorKind::Bug) => {
                return Err(error);
            }
            Err(error) => {
                let due = Due { state: DueState::Blocked, next: None, why: error.to_string() };
                let deletions = self.deletion_of_vault_of(&key).await?;
                return Ok(DueKey { deletions, ..DueKey::unread(key, name, due) });
            }
        };
        let found = rotation::deletion::deletions(&seen.key, &seen.vault, &seen.versions);
        let deletions = self.with_holders(&key, found).await?;
        let vault_full_on = self.vault_full_on(&seen, 1);
        let versions_left = Some(self.versions_left(&seen));
        let current = seen.versions.iter().find(|version| version.id == seen.key.current_version);
        let now = self.ports.clock.now();
        let age = current.map(|current| now.duration_since(current.time_created).unsigned_abs());
        let Key { id, name, vault, protection, current_version, .. } = seen.key;
        Ok(DueKey {
            key: id,
            name,
            vault: Some(vault),
            protection: Some(protection),
            versions_left,
            current_version: Some(current_version),
            age,
            cryptoperiod: Some(self.settings.policy.cryptoperiod),
            due,
            vault_full_on,
            deletions,
        })
    }

    /// What a rotation would do. Reads only; appends nothing.
    pub async fn plan(&self, key: &KeyId) -> Result<Plan> {
        self.recall_rates().await;
        let (due, seen, sweeps) = self.due_unhurried(key).await?;
        let purpose = if sweeps.is_some() { Purpose::Sweep } else { Purpose::Rotate };
        let mints = u64::from(purpose == Purpose::Rotate);
        let mut walk = Walk::new(self, key, Some(super::scope::regions_of(&seen.vault))).await?;
        Box::pin(walk.enroll(purpose, true)).await?;
        let mut known = HashSet::new();
        let mut walked = Walked::default();
        let mut places = BTreeSet::new();
        let mut added = 0;
        while let Some(groups) = walk.next(&known).await? {
            for group in groups {
                let count = group.items.len() as u64;
                added += count;
                *walked.by_kind.entry(group.kind.clone()).or_default() += count;
                places.insert(group.compartment.clone());
                *walked.by_region.entry(group.region.clone()).or_default() += count;
                known.extend(group.items.into_iter().map(|item| item.dependent.id));
            }
        }
        let pass = PassEnded {
            pass: 0,
            added,
            candidates: walk.seen.candidates,
            search_only: walk.seen.search_only,
            holes: walk.holes(),
            listed: walk.seen.listed,
            looked_at: walk.looked_at(),
            key_regions: walk.key_regions(),
            scopes: walk.seen.scopes.clone(),
            findings: walk.seen.findings.clone(),
        };
        let classes = self.classes(&walked.by_kind);
        let judged = preflight(&seen, purpose, &pass, &walked.by_kind, &classes, &self.settings);
        let (refusal, legs, findings) = match self.with_policies(&seen, judged, places).await? {
            Preflight::Stop(paused) => {
                let said = rotation::override_findings(&seen.overrides);
                (Some(paused.why), Vec::new(), pass.findings.into_iter().chain(said).collect())
            }
            Preflight::Go(checked) => (None, checked.legs.iter().map(|leg| leg.strategy).collect(), checked.findings),
        };
        let mints = mints * legs.iter().filter(|_| refusal.is_none()).count().max(1) as u64;
        let held = held(&seen);
        let vault_full_on = self.vault_full_on(&seen, u32::try_from(mints).unwrap_or(u32::MAX));
        Ok(Plan {
            key: key.clone(),
            name: seen.key.name.clone(),
            due,
            is_sweep: sweeps.is_some(),
            superseded: sweeps.unwrap_or_else(|| seen.key.current_version.clone()),
            refusal,
            strategies: legs,
            dependents: walked.by_kind,
            regions: walked.by_region,
            replicas: seen.vault.replicas.clone(),
            holes: pass.holes,
            findings,
            calls_read: 6 + walk.seen.candidates + walk.seen.listed + added,
            calls_write: mints * (1 + u64::from(self.settings.policy.intent_register.is_some())) + added,
            versions_held: held,
            versions_reserved: seen.ledger.reserved(),
            versions_limit: self.settings.budgets.versions_per_vault,
            vault_full_on,
            quiet_period: self.settings.margins.quiet_period(),
            is_shortened: self.settings.margins.is_shortened(),
        })
    }

    fn versions_left(&self, seen: &rotation::Seen) -> u32 {
        let taken = held(seen).saturating_add(seen.ledger.reserved());
        self.settings.budgets.versions_per_vault.saturating_sub(taken)
    }

    fn vault_full_on(&self, seen: &rotation::Seen, next: u32) -> Option<Timestamp> {
        let (limit, period) = (self.settings.budgets.versions_per_vault, self.settings.policy.cryptoperiod);
        seen.ledger.full_on(held(seen), limit, next, period, seen.now)
    }

    /// The facts of one stream, for people who want to read them: canonical JSON, checked, in order.
    pub async fn facts(&self, stream: &StreamId) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        let mut replay = Replay::<PageFact>::new(stream.clone());
        loop {
            let lines = self.ports.journal.read(stream, replay.head().next_seq, PAGE_LINES).await?;
            let mut chain = crate::journal::Chain::from_head(stream.clone(), replay.head().clone());
            for line in &lines {
                let entry = chain.push(line).map_err(|error| corrupt(stream, line.seq, &error))?;
                drop(entry);
                texts.push(line.text.clone());
            }
            if lines.len() < PAGE_LINES {
                return Ok(texts);
            }
            replay = Replay::from_head(stream.clone(), chain.head().clone());
        }
    }
}

/// Versions in the vault, of the key's protection mode.
fn held(seen: &rotation::Seen) -> u32 {
    match seen.key.protection {
        ProtectionMode::Software => seen.usage.software_key_versions,
        _ => seen.usage.key_versions,
    }
}

fn summarise(state: &State, counts: Counts) -> RotationSummary {
    RotationSummary {
        rotation: state.rid.clone(),
        key: state.opened.name.key.clone(),
        superseded: state.opened.name.superseded.clone(),
        is_sweep: state.opened.is_sweep,
        overtaken_by: state.overtaken_by.clone(),
        target: state.legs.last().and_then(|leg| leg.target.as_ref()).map(|target| target.version.clone()),
        phase: state.word().to_owned(),
        paused: state.paused.as_ref().map(|paused| format!("{}; {}", paused.why, paused.do_next)),
        opened_at: state.opened_at,
        closed_at: state.closed_at,
        dependents: state.dependents(),
        counts,
    }
}
