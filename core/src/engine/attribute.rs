//! Asking the audit log who made a version. After rotations, never within one; what cannot be found out is asked again later.

use super::book::Book;
use super::{Engine, corrupt};
use crate::journal::{PAGE_LINES, Recorded, Replay};
use crate::model::{
    Attribution, AuditEvent, AuditShown, CompartmentId, DueKey, Key, KeyId, KeyVersion, Region, RotationId, StreamId,
    Timestamp,
};
use crate::ports::{AuditLog, Cursor, KeyStoreExt as _};
use crate::rotation::attribution::{OurRequests, VersionAttributed, attribute, whole_minutes, window};
use crate::rotation::history::{KeyFact, KnownKey};
use crate::rotation::{Fact, State};
use crate::{ErrorKind, Result};

/// Pages of events that are read for one version; beyond, who made it stays unknown.
const PAGES_MAX: usize = 50;

impl Engine {
    /// Finds out who made what is new under these keys, where an audit log can be asked. What fails is said in the log.
    pub async fn attribute_new(&self, rows: &[DueKey]) {
        let Some(log) = self.ports.audit_log.clone() else { return };
        for row in rows {
            if let Err(error) = self.attribute_key(log.as_ref(), row).await {
                tracing::warn!(key = %row.key, %error, "who made its newest version could not be found out");
            }
        }
    }

    async fn attribute_key(&self, log: &dyn AuditLog, row: &DueKey) -> Result<()> {
        let Some(current) = &row.current_version else { return Ok(()) };
        let mut book = Book::<KnownKey>::open(self, StreamId::key(&row.key)).await?;
        let Some(known) = book.state() else { return Ok(()) };
        // A key that nobody wished to rotate is not watched; what it had when it was first seen is history.
        let Some(first_seen) = &known.first_seen else { return Ok(()) };
        let is_new = |version: &crate::model::KeyVersionId| {
            !first_seen.versions.contains(version) && !known.attributed.contains_key(version)
        };
        if !is_new(current) {
            return Ok(());
        }
        let key = self.learn(self.ports.key_store.describe_key(&row.key)).await?.value;
        let versions = self.learn(self.ports.key_store.all_versions(&row.key)).await?.value;
        let new: Vec<KeyVersion> = versions.into_iter().filter(|version| is_new(&version.id)).collect();
        let ours = self.our_requests(&row.key).await?;
        let mut facts = Vec::new();
        for version in &new {
            let Some(attribution) = self.attribution_of(log, &key, version, &ours).await? else { continue };
            if !matches!(attribution.shown, AuditShown::Unknown { .. }) {
                facts.push(KeyFact::VersionAttributed(VersionAttributed { attribution }));
            }
        }
        if facts.is_empty() {
            return Ok(());
        }
        match book.append(self, None, &facts).await {
            // Somebody else wrote first, and perhaps the same.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    /// `None`: more was happening than we read.
    async fn attribution_of(
        &self,
        log: &dyn AuditLog,
        key: &Key,
        version: &KeyVersion,
        ours: &OurRequests,
    ) -> Result<Option<Attribution>> {
        let lag = self.settings.margins.audit_lag;
        let now = self.server_time().at(self.ports.clock.now());
        let (from, until) = window(version.time_created, lag, now);
        let events = self.listed_events(log, (&key.region, &key.compartment), from, until).await?;
        if events.is_none() {
            tracing::warn!(version = %version.id, "the audit log has more events of that time than are read");
        }
        Ok(events.map(|events| attribute(version, &events, ours, lag, now)))
    }

    /// Events of a compartment that were processed from this instant up to now; `None`: more than are read.
    pub(super) async fn events_of(
        &self,
        log: &dyn AuditLog,
        place: (&Region, &CompartmentId),
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Vec<AuditEvent>>> {
        let (from, until) = whole_minutes(from, now);
        self.listed_events(log, place, from, until).await
    }

    async fn listed_events(
        &self,
        log: &dyn AuditLog,
        (region, compartment): (&Region, &CompartmentId),
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Vec<AuditEvent>>> {
        let (mut events, mut cursor): (Vec<AuditEvent>, Option<Cursor>) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.learn(log.events(region, compartment, from, until, cursor)).await?.value;
            events.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Some(events));
            }
        }
        Ok(None)
    }

    /// Requests that rotations in this journal sent for versions of a key.
    async fn our_requests(&self, key: &KeyId) -> Result<OurRequests> {
        let registry = self.registry().await?;
        let registry = registry.state().cloned().unwrap_or_default();
        let mut ours = OurRequests::default();
        for (rid, _) in registry
            .rotations
            .iter()
            .filter(|(_, one)| one.opened.name.key == *key || one.target_key.as_ref() == Some(key))
        {
            self.add_requests(rid, &mut ours).await?;
        }
        Ok(ours)
    }

    async fn add_requests(&self, rid: &RotationId, ours: &mut OurRequests) -> Result<()> {
        let stream = StreamId::rotation(rid);
        let mut replay = Replay::<Fact>::new(stream.clone());
        loop {
            let lines = self.ports.journal.read(&stream, replay.head().next_seq, PAGE_LINES).await?;
            for line in &lines {
                let recorded = replay.line(line).map_err(|error| corrupt(&stream, line.seq, &error))?;
                match recorded.map(|Recorded { fact, .. }| fact) {
                    Some(Fact::MintIntended(intent)) => drop(ours.tokens.insert(intent.token)),
                    Some(Fact::Created(created)) => {
                        ours.created.extend(created.request_id.map(|request| (created.version, request)));
                    }
                    _ => {}
                }
            }
            if lines.len() < PAGE_LINES {
                return Ok(());
            }
        }
    }

    /// What is known of who made the versions that came while a rotation ran.
    pub(super) async fn attributions(&self, state: &State) -> Result<Vec<Attribution>> {
        let until = state.closed_at.unwrap_or_else(|| self.ports.clock.now());
        let mut all = Vec::new();
        let targets = || state.legs.iter().filter_map(|leg| leg.target.as_ref());
        let keys = std::iter::once(&state.opened.name.key).chain(targets().filter_map(|target| target.key.as_ref()));
        for key in keys {
            let book = Book::<KnownKey>::open(self, StreamId::key(key)).await?;
            let Some(known) = book.state() else { continue };
            let of_ours = |one: &&Attribution| {
                let is_target = targets().any(|target| target.version == one.version);
                is_target || (one.made_at >= state.opened_at && one.made_at <= until)
            };
            all.extend(known.attributed.values().filter(of_ours).cloned());
        }
        if self.ports.audit_log.is_some() {
            for target in targets().filter(|_| !state.opened.is_sweep) {
                if !all.iter().any(|one| one.version == target.version) {
                    let shown = AuditShown::Unknown { until: target.time_created + self.settings.margins.audit_lag };
                    all.push(Attribution { version: target.version.clone(), made_at: target.time_created, shown });
                }
            }
        }
        Ok(all)
    }
}
