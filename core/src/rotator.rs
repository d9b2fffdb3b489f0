//! The few calls that applications and bindings use.
//!
//! Paved path: `rotate`, `rotate_due`, `plan`, `due`, `status`, `list`, `history`, `metrics`, `doctor`. Below it, for schedulers:
//! `start`, `run_for`, `pause`, `resume`, `cancel`, `recover`. Everything runs in the caller's task; dropping a
//! future is a crash, and a crash is safe.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, Stream};
use serde::Serialize;

use crate::compliance::{self, Observed};
use crate::engine::{Driven, Engine, Opening, ProgressStream, Turn, Turns};
use crate::model::{
    Checkup, DependentReport, Due, DueKey, DueState, KeyId, Metric, Plan, Report, Request, RotationId, RotationSummary,
    Settings, StreamId, Timestamp, When,
};
use crate::ports::Ports;
use crate::rotation::Rest;
use crate::{Error, ErrorKind, Result};

/// Rotations that may be under way for each key that may be worked on: all but one of them only wait. Beyond, keys wait for their beginning.
const UNDER_WAY_PER_TURN: usize = 64;

/// How a call to rotate ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "rotated", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rotated {
    /// It was given up before the pivot.
    Cancelled {
        /// Which rotation.
        rotation: RotationId,
    },
    /// It is done.
    Completed(Box<Report>),
    /// Nothing is owed.
    NotDue {
        /// What is owed instead.
        due: Due,
        /// When the next rotation falls due, where that can be said.
        next: Option<Timestamp>,
    },
    /// Time was up; call again.
    OutOfTime {
        /// Which rotation.
        rotation: RotationId,
    },
    /// The next rotation of the key's lineage took over; `list` shows it.
    Overtaken {
        /// Which rotation was overtaken.
        rotation: RotationId,
    },
    /// A person must act.
    Paused {
        /// Which rotation.
        rotation: RotationId,
        /// Why.
        why: String,
        /// The next safe action.
        do_next: String,
    },
}

/// Rotates keys. Cheap to clone; clones share one runner id.
#[derive(Clone)]
pub struct Rotator {
    engine: Arc<Engine>,
}

impl Rotator {
    /// A rotator over ports of your choice.
    #[must_use]
    pub fn with_ports(settings: Settings, ports: Ports) -> Self {
        Self { engine: Engine::new(settings, ports) }
    }

    /// What it may do.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.engine.settings()
    }

    /// The world as it sees it.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        self.engine.ports()
    }

    /// Rotates a key if it is due, sweeps one that is behind, or takes up its open rotation, and sees it through.
    pub async fn rotate(&self, key: &KeyId) -> Result<Rotated> {
        self.rotate_in(key, None, Turn::alone()).await
    }

    async fn rotate_in(&self, key: &KeyId, deadline: Option<Timestamp>, turn: Turn) -> Result<Rotated> {
        let request = Request { key: key.clone(), when: When::IfDue, actor: None };
        // A lineage has one open rotation: whoever is second must not take it from the first.
        let _alone = self.engine.alone_in_lineage(key, &turn).await?;
        match self.open(&request, &turn).await? {
            Opening::NotDue(due) => Ok(Rotated::NotDue { next: due.next, due }),
            Opening::Open(rid) => self.run(&rid, deadline, turn).await,
            Opening::Ended(rid) => Ok(Rotated::Completed(Box::new(self.status(&rid).await?))),
        }
    }

    /// Rotates every key in scope that is due or behind, and now and then looks whether anything hangs on a predecessor.
    /// The results are in the order of [`due`](Self::due).
    ///
    /// Several keys are worked on at once ([`Budgets::keys_at_once`](crate::model::Budgets::keys_at_once)); one that fails, or waits for minutes
    /// or hours, does not hold up the others.
    pub async fn rotate_due(&self) -> Result<Vec<(KeyId, Result<Rotated>)>> {
        let rows = self.due().await?;
        self.raise_alarms(&rows).await;
        let mut owed = Vec::new();
        for row in &rows {
            let is_owed = match &row.due.state {
                DueState::Behind | DueState::Due | DueState::Open(_) => true,
                DueState::Predecessor => self.engine.is_look_owed(&row.key).await?,
                _ => false,
            };
            if is_owed {
                owed.push(row.key.clone());
            }
        }
        let mut ended: Vec<(usize, Result<Rotated>)> = Box::pin(self.rotate_all(&owed, None)).collect().await;
        ended.sort_by_key(|(place, _)| *place);
        let results: Vec<_> = owed.into_iter().zip(ended.into_iter().map(|(_, result)| result)).collect();
        let failed = results.iter().filter(|(_, result)| result.is_err()).count();
        self.engine.end_tick(results.len() as u64, failed as u64).await;
        Box::pin(self.attribute_new(&rows)).await;
        if !self.engine.ports().metrics.is_empty() {
            self.send_metrics(self.read_again(rows, &results).await).await;
        }
        Ok(results)
    }

    /// Rotates these keys as [`rotate`](Self::rotate) does each of them, several at once, and yields what became of each as it ends,
    /// with its place in `keys`. What is not done at the deadline is left to the next run.
    pub fn rotate_all<'s>(
        &'s self,
        keys: &'s [KeyId],
        deadline: Option<Timestamp>,
    ) -> impl Stream<Item = (usize, Result<Rotated>)> + 's {
        let work = move |(place, key): (usize, &'s KeyId), turn| async move {
            (place, self.rotate_in(key, deadline, turn).await)
        };
        self.side_by_side(keys.iter().enumerate(), work)
    }

    /// Works on several at once and keeps order among those that wait for their turn.
    fn side_by_side<'s, I, F>(
        &self,
        items: impl Iterator<Item = I> + 's,
        work: impl Fn(I, Turn) -> F + Clone + 's,
    ) -> impl Stream<Item = F::Output> + 's
    where
        I: 's,
        F: Future + 's,
    {
        let at_once = self.settings().budgets.keys_at_once();
        let turns = Turns::of(NonZeroUsize::new(at_once).unwrap_or(NonZeroUsize::MIN));
        let one = move |item| {
            let (turns, work) = (turns.clone(), work.clone());
            // Boxed: hundreds of them lie side by side.
            Box::pin(async move { work(item, turns.next().await).await })
        };
        stream::iter(items).map(one).buffer_unordered(at_once.saturating_mul(UNDER_WAY_PER_TURN))
    }

    /// Ends a run over all keys that a program made by itself, with [`due`](Self::due) and [`rotate`](Self::rotate):
    /// writes the heartbeat down and sends the metrics, where the config names somebody who takes them.
    ///
    /// [`rotate_due`](Self::rotate_due) does this itself. What fails here is said in the log and costs nothing else.
    pub async fn end_tick(&self, keys: usize, failed: usize) {
        self.engine.end_tick(keys as u64, failed as u64).await;
        if self.engine.ports().audit_log.is_some() {
            match self.engine.due_keys().await {
                Ok(rows) => Box::pin(self.attribute_new(&rows)).await,
                Err(error) => tracing::warn!(%error, "keys could not be read"),
            }
        }
        if self.engine.ports().metrics.is_empty() {
            return;
        }
        self.send_metrics(self.engine.due_keys().await).await;
    }

    /// Asks Oracle's audit log who made what is new under these keys, where there is one to ask; reports say what it showed.
    ///
    /// [`rotate_due`](Self::rotate_due) and [`end_tick`](Self::end_tick) do this themselves. Events arrive late, so what a rotation
    /// made is usually found out by the next tick.
    pub async fn attribute_new(&self, rows: &[DueKey]) {
        self.engine.attribute_new(rows).await;
    }

    /// Rows as they are after a tick: only keys that were taken up are asked for again.
    async fn read_again(&self, rows: Vec<DueKey>, taken_up: &[(KeyId, Result<Rotated>)]) -> Result<Vec<DueKey>> {
        let is_old = |row: &DueKey| taken_up.iter().any(|(key, _)| *key == row.key);
        let old = rows.iter().filter(|row| is_old(row)).map(|row| (row.key.clone(), row.name.clone())).collect();
        let mut fresh: BTreeMap<_, _> =
            self.engine.due_rows(old).await?.into_iter().map(|row| (row.key.clone(), row)).collect();
        Ok(rows.into_iter().map(|row| fresh.remove(&row.key).unwrap_or(row)).collect())
    }

    async fn send_metrics(&self, due: Result<Vec<DueKey>>) {
        let metrics = match due {
            Ok(due) => self.metrics_of(&due).await,
            Err(error) => Err(error),
        };
        match metrics {
            Ok(metrics) => self.engine.send_metrics(&metrics).await,
            Err(error) => tracing::warn!(%error, "metrics could not be read"),
        }
    }

    /// How keys, rotations and ticks stand, as numbers; reads what [`due`](Self::due) reads.
    ///
    /// For Prometheus: [`render_prometheus`](crate::compliance::render_prometheus). For OpenTelemetry: each is a gauge,
    /// its dimensions are the attributes (`core/docs/metrics.md`). For OCI Monitoring: `[metrics]` in the config.
    pub async fn metrics(&self) -> Result<Vec<Metric>> {
        self.metrics_of(&self.engine.due_keys().await?).await
    }

    async fn metrics_of(&self, due: &[DueKey]) -> Result<Vec<Metric>> {
        let rotations = self.engine.newest_rotations().await?;
        let (last_tick, rates) = (self.engine.last_tick().await?, self.engine.rates().await?);
        let at = self.engine.ports().clock.now();
        let observed = Observed { due, rotations: &rotations, last_tick, rates: &rates, at };
        Ok(compliance::metrics(&observed))
    }

    /// Tells every notifier of deletions in these rows that somebody scheduled, on change only. Returns how many keys were news.
    ///
    /// keywheel cannot stop a deletion. [`rotate_due`](Self::rotate_due) does this itself, and a rotation that is refused or pauses
    /// looks for one; a program that loops over [`due`](Self::due) by itself calls it. What fails here is said in the log, and the next
    /// call tries again.
    pub async fn raise_alarms(&self, rows: &[DueKey]) -> usize {
        self.engine.raise_alarms(rows).await.unwrap_or_else(|error| {
            tracing::error!(%error, "an alarm could not be raised; the next tick tries again");
            0
        })
    }

    /// What stopped a rotation may be a deletion.
    async fn look_for_deletions(&self, key: &KeyId) {
        match self.engine.due_key(key.clone(), String::new()).await {
            Ok(row) => drop(self.raise_alarms(&[row]).await),
            Err(error) => tracing::warn!(%error, "it could not be looked whether a deletion stopped the rotation"),
        }
    }

    /// Says what a rotation would do. Reads only; nothing is written anywhere.
    pub async fn plan(&self, key: &KeyId) -> Result<Plan> {
        self.engine.plan(key).await
    }

    /// Tests what at-most-once rests on: the assumptions A1 to A7, each with its value, its source and what was seen. Over OCI it
    /// also asks each endpoint that the config needs, tries each reading call, and reads policies for what allows too much.
    ///
    /// Without `live` it reads the cloud and appends a line to its own stream of the journal. With it, it also mints on
    /// that key, which must carry the free-form tag `keywheel-throw-away = true` and protect nothing: one version if
    /// all is well ([`Forecast`](crate::model::Forecast) says how many at most), which nobody can ever remove from the
    /// vault's quota.
    pub async fn doctor(&self, live: Option<&KeyId>) -> Result<Checkup> {
        self.engine.doctor(live, None).await
    }

    /// The same; statements are shown for, and over-broad ones looked for of, this subject of IAM's: `dynamic-group keywheel`.
    pub async fn doctor_for(&self, live: Option<&KeyId>, subject: &str) -> Result<Checkup> {
        self.engine.doctor(live, Some(subject)).await
    }

    /// What is owed to every key in scope.
    pub async fn due(&self) -> Result<Vec<DueKey>> {
        self.engine.due_keys().await
    }

    /// How a rotation stands.
    pub async fn status(&self, rotation: &RotationId) -> Result<Report> {
        self.engine.report(rotation).await
    }

    /// Every dependent of a rotation with what became of it.
    pub async fn dependents(&self, rotation: &RotationId) -> Result<Vec<DependentReport>> {
        self.engine.dependents(rotation).await
    }

    /// Open rotations.
    pub async fn list(&self) -> Result<Vec<RotationSummary>> {
        let mut rows = Vec::new();
        for (rid, is_open) in self.engine.rotations().await? {
            if is_open {
                rows.push(self.engine.summary(&rid).await?);
            }
        }
        Ok(rows)
    }

    /// All rotations, of one key or of every key, in the order they were opened.
    pub async fn history(&self, key: Option<&KeyId>) -> Result<Vec<RotationSummary>> {
        let mut rows = Vec::new();
        for (rid, _) in self.engine.rotations().await? {
            let summary = self.engine.summary(&rid).await?;
            if key.is_none_or(|key| *key == summary.key) {
                rows.push(summary);
            }
        }
        Ok(rows)
    }

    /// The facts of a rotation's own stream as they stand in the journal: canonical JSON, checked, in order.
    pub async fn facts(&self, rotation: &RotationId) -> Result<Vec<String>> {
        self.engine.facts(&StreamId::rotation(rotation)).await
    }

    /// Checks every line of the journal; returns how many there are.
    pub async fn verify_journal(&self) -> Result<u64> {
        self.engine.verify().await
    }

    /// Finds a rotation by the beginning of its id.
    pub async fn find(&self, prefix: &str) -> Result<RotationId> {
        let all = self.engine.rotations().await?;
        let hits: Vec<_> = all.into_iter().map(|(rid, _)| rid).filter(|rid| rid.as_str().starts_with(prefix)).collect();
        match hits.as_slice() {
            [one] => Ok(one.clone()),
            [] => Err(Error::new(ErrorKind::NotFound, "find", "no rotation begins with this").with("id", prefix)),
            several => Err(Error::refused("find", "several rotations begin with this; give more of the id")
                .with("id", prefix)
                .with("matches", several.len())),
        }
    }

    /// Opens a rotation, or finds the open one, without driving it.
    pub async fn start(&self, request: &Request) -> Result<Started> {
        Ok(match self.open(request, &Turn::alone()).await? {
            Opening::NotDue(due) => Started::NotDue(due),
            Opening::Open(rid) => Started::Open(rid),
            Opening::Ended(rid) => Started::Ended(rid),
        })
    }

    /// Drives a rotation for at most this long; what is left, the next call does.
    pub async fn run_for(&self, rotation: &RotationId, duration: Duration) -> Result<Rotated> {
        let deadline = self.engine.ports().clock.now() + duration;
        self.run(rotation, Some(deadline), Turn::alone()).await
    }

    /// Stops a rotation at its next append, whoever drives it.
    pub async fn pause(&self, rotation: &RotationId, why: &str) -> Result<()> {
        self.engine.pause(rotation, why).await
    }

    /// Lets a rotation go on, whether it was paused or its runner died, and sees it through.
    pub async fn resume(&self, rotation: &RotationId) -> Result<Rotated> {
        self.engine.unpause(rotation).await?;
        self.run(rotation, None, Turn::alone()).await
    }

    /// Gives a rotation up. Refused once a mint was intended.
    pub async fn cancel(&self, rotation: &RotationId, until: Option<Timestamp>) -> Result<()> {
        self.engine.cancel(rotation, until).await
    }

    /// Takes up every open rotation that is not paused, and sees it through.
    pub async fn recover(&self) -> Result<Vec<(RotationId, Result<Rotated>)>> {
        let mut open: Vec<RotationId> = Vec::new();
        open.extend(self.list().await?.into_iter().filter(|row| row.paused.is_none()).map(|row| row.rotation));
        let work = move |(place, rid): (usize, RotationId), turn| async move {
            let result = self.run(&rid, None, turn).await;
            (place, (rid, result))
        };
        let mut ended: Vec<_> = Box::pin(self.side_by_side(open.into_iter().enumerate(), work)).collect().await;
        ended.sort_by_key(|(place, _)| *place);
        Ok(ended.into_iter().map(|(_, result)| result).collect())
    }

    /// Events from now on: every durable fact, and counters. Lossy for slow readers.
    #[must_use]
    pub fn progress(&self) -> ProgressStream {
        self.engine.progress()
    }

    async fn open(&self, request: &Request, turn: &Turn) -> Result<Opening> {
        let opening = self.engine.open(request, turn).await;
        if opening.as_ref().is_err_and(|error| error.kind() == ErrorKind::Refused) {
            // Boxed: it is rare, and every future above would carry its size.
            Box::pin(self.look_for_deletions(&request.key)).await;
        }
        opening
    }

    async fn run(&self, rid: &RotationId, deadline: Option<Timestamp>, turn: Turn) -> Result<Rotated> {
        Ok(match Box::pin(self.engine.drive(rid, deadline, turn)).await? {
            Driven::OutOfTime => Rotated::OutOfTime { rotation: rid.clone() },
            Driven::Rest(Rest::Cancelled) => Rotated::Cancelled { rotation: rid.clone() },
            Driven::Rest(Rest::Overtaken) => Rotated::Overtaken { rotation: rid.clone() },
            Driven::Rest(Rest::Completed) => Rotated::Completed(Box::new(self.status(rid).await?)),
            Driven::Rest(Rest::Paused(paused)) => {
                let key = self.engine.summary(rid).await?.key;
                Box::pin(self.look_for_deletions(&key)).await;
                Rotated::Paused { rotation: rid.clone(), why: paused.why, do_next: paused.do_next }
            }
        })
    }
}

/// What became of a wish to start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "started", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Started {
    /// The request id was used before; that rotation has ended.
    Ended(RotationId),
    /// Nothing is owed.
    NotDue(Due),
    /// A rotation is open.
    Open(RotationId),
}
