//! Asking the audit log who scheduled a deletion: when the alarm is raised, and by later ticks until it is known or its bound has passed.
//!
//! The alarm waits for nothing: what is not known yet is said to be so, and told once when it is. What fails costs nothing else.

use std::collections::BTreeMap;

use super::Engine;
use crate::model::{AuditShown, CompartmentId, Deletion, DeletionOf, DueKey, Region, Timestamp, VaultId};
use crate::ports::AuditLog;
use crate::rotation::deletion::Alarm;
use crate::rotation::deletion_by::{self, Asked};
use crate::{Error, Result, Retry};

impl Engine {
    /// What the audit log shows of each deletion of a row that people are to be told of, or were told without a name. A
    /// deletion that was told before there was a log to ask is left out. `asked`: of this tick, for a vault has many keys.
    pub(super) async fn who_scheduled(
        &self,
        row: &DueKey,
        before: Option<&Alarm>,
        last_look: Option<Timestamp>,
        asked: &mut BTreeMap<String, Asked>,
    ) -> BTreeMap<String, Asked> {
        let mut by: BTreeMap<String, Asked> = before.map(|alarm| alarm.by.clone()).unwrap_or_default();
        let Some(log) = self.ports.audit_log.clone() else { return by };
        let now = self.server_time().at(self.ports.clock.now());
        for deletion in row.deletions.iter().filter(|deletion| !deletion.is_done) {
            let was_told = before.is_some_and(|alarm| alarm.has(deletion));
            let prior = by.remove(&deletion.id).filter(|_| was_told);
            let (from, until) = match &prior {
                None if was_told => continue,
                None => (deletion_by::from(deletion, last_look, now), now + self.settings.margins.audit_lag),
                Some(Asked { from, shown: AuditShown::Unknown { until } }) => (*from, *until),
                Some(known) => {
                    by.insert(deletion.id.clone(), known.clone());
                    continue;
                }
            };
            let found = match asked.get(&deletion.id) {
                Some(found) => found.clone(),
                None => {
                    let shown = self.ask_who(log.as_ref(), row, deletion, from, (until, now)).await;
                    let found = Asked { from, shown };
                    asked.insert(deletion.id.clone(), found.clone());
                    found
                }
            };
            by.insert(deletion.id.clone(), found);
        }
        by
    }

    async fn ask_who(
        &self,
        log: &dyn AuditLog,
        row: &DueKey,
        deletion: &Deletion,
        from: Timestamp,
        (until, now): (Timestamp, Timestamp),
    ) -> AuditShown {
        let events = async {
            let (region, compartment) = self.place_of(row, deletion).await?;
            self.events_of(log, (&region, &compartment), from, now).await
        };
        match Box::pin(events).await {
            Ok(Some(events)) => {
                let of_key = row.deletions.iter().filter(|one| one.of == deletion.of && !one.is_done).count();
                deletion_by::scheduled_by(deletion, &row.key, of_key, &events, (until, now))
            }
            Ok(None) => AuditShown::NotAsked { why: "it has more events of that time than are read".to_owned() },
            Err(error) if error.retry() == Retry::Never => AuditShown::NotAsked { why: error.message().to_owned() },
            Err(error) => {
                tracing::warn!(id = deletion.id, %error, "who scheduled its deletion could not be asked; the next tick asks again");
                AuditShown::Unknown { until }
            }
        }
    }

    /// Where the log has events of a deletion.
    async fn place_of(&self, row: &DueKey, deletion: &Deletion) -> Result<(Region, CompartmentId)> {
        if deletion.of == DeletionOf::Vault {
            let vault = VaultId::parse(&deletion.id)
                .map_err(|error| Error::bug("place_of", error.to_string()).with("vault", &deletion.id))?;
            let vault = self.learn(self.ports.key_store.describe_vault(&vault)).await?.value;
            return Ok((vault.region, vault.compartment));
        }
        let key = self.learn(self.ports.key_store.describe_key(&row.key)).await?.value;
        Ok((key.region, key.compartment))
    }
}
