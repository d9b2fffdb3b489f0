//! Raising the alarm at somebody's scheduled deletion: intent, notice, told, once for each change and notifier.
//!
//! One notice for all keys that changed, never one for each. What a notifier does not take is sent again by the next tick, under the
//! same key, until it is taken. Nothing here is waited for by a rotation.

use std::collections::{BTreeMap, BTreeSet};

use super::book::Book;
use super::{Done, Engine};
use crate::model::{Deletion, DueKey, KeyId, LineHash, RotationSummary, StreamId};
use crate::ports::{Notice, Severity};
use crate::rotation::announced::NOBODY;
use crate::rotation::deletion::{self, Alarm, AlarmIntended, AlarmTold, News, Scheduled};
use crate::rotation::deletion_by::Asked;
use crate::rotation::history::{KeyFact, KnownKey};
use crate::{ErrorKind, Result};

/// Deletions that a notice names; of the rest it says how many there are.
const NAMED_MAX: usize = 50;
/// Display names are foreign text.
const NAME_CHARS_MAX: usize = 100;

/// One key of a notice.
struct Changed<'r> {
    row: &'r DueKey,
    book: Book<KnownKey>,
    before: Option<Alarm>,
    scheduled: BTreeMap<String, Scheduled>,
    by: BTreeMap<String, Asked>,
    ended: BTreeSet<String>,
}

impl Engine {
    /// Tells every notifier about deletions in these rows that it was not told of yet. Returns how many keys were news.
    pub async fn raise_alarms(&self, rows: &[DueKey]) -> Result<usize> {
        let names: Vec<String> = match self.ports.notifiers.as_slice() {
            [] => vec![NOBODY.to_owned()],
            notifiers => notifiers.iter().map(|notifier| notifier.name()).collect(),
        };
        let (mut changed, mut again) = (Vec::new(), BTreeMap::<String, Vec<Changed<'_>>>::new());
        let (mut asked, mut is_answer) = (BTreeMap::new(), true);
        let last_tick = self.last_tick().await?.map(|tick| tick.at);
        for row in rows {
            let book = Book::<KnownKey>::open(self, StreamId::key(&row.key)).await?;
            let before = book.state().and_then(|known| known.alarm.clone());
            if row.deletions.is_empty() && before.is_none() {
                continue;
            }
            let is_whole_view = row.current_version.is_some();
            // The last tick looked at the keys that were known then.
            let last_look = last_tick.filter(|_| book.state().is_some_and(|known| known.first_seen.is_some()));
            let by = Box::pin(self.who_scheduled(row, before.as_ref(), last_look, &mut asked)).await;
            let ended = BTreeSet::new();
            match deletion::news(before.as_ref(), &row.deletions, &by, is_whole_view, &names) {
                News::Nothing => {}
                News::Answered { scheduled } => {
                    // Whoever was not told of the deletion itself must not take this for an afterthought.
                    is_answer &=
                        before.as_ref().is_some_and(|alarm| names.iter().all(|name| alarm.told.contains(name)));
                    changed.push(Changed { row, book, before, scheduled, by, ended });
                }
                News::Changed { scheduled, ended } => {
                    is_answer = false;
                    changed.push(Changed { row, book, before, scheduled, by, ended });
                }
                News::Again(alarm) => {
                    let (scheduled, by) = (alarm.scheduled, alarm.by);
                    let one = Changed { row, book, before, scheduled, by, ended };
                    again.entry(alarm.dedupe_key).or_default().push(one);
                }
            }
        }
        let count = changed.len() + again.values().map(Vec::len).sum::<usize>();
        for (dedupe_key, mut keys) in again {
            self.tell(&dedupe_key, &mut keys, &names).await?;
        }
        if !changed.is_empty() {
            let all = changed.iter().map(|one| (&one.row.key, one.before.as_ref(), &one.scheduled));
            let dedupe_key = deletion::dedupe_key(all, is_answer);
            let mut meant = Vec::new();
            for mut one in changed {
                one.by.retain(|id, _| one.scheduled.contains_key(id));
                let (scheduled, by) = (one.scheduled.clone(), one.by.clone());
                let intent = AlarmIntended { dedupe_key: dedupe_key.clone(), scheduled, by };
                match one.book.append(self, None, &[KeyFact::AlarmIntended(intent)]).await {
                    // Somebody else wrote first, and perhaps the same: the next tick looks again.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    other => {
                        other?;
                        meant.push(one);
                    }
                }
            }
            if !meant.is_empty() {
                self.tell(&dedupe_key, &mut meant, &names).await?;
            }
        }
        Ok(count)
    }

    async fn tell(&self, dedupe_key: &str, keys: &mut [Changed<'_>], names: &[String]) -> Done {
        let notice = self.alarm_notice(dedupe_key, keys);
        for (index, name) in names.iter().enumerate() {
            let owes = |one: &Changed<'_>| {
                one.book.state().and_then(|known| known.alarm.as_ref()).is_some_and(|alarm| !alarm.told.contains(name))
            };
            if !keys.iter().any(owes) {
                continue;
            }
            let accepted_as = match self.ports.notifiers.get(index) {
                None => {
                    tracing::error!(title = notice.title, "a deletion is scheduled and no notifier is configured");
                    None
                }
                Some(notifier) => match notifier.notify(&notice).await {
                    Ok(reply) => Some(reply.value),
                    Err(error) => {
                        tracing::error!(notifier = name, title = notice.title, %error, "an alarm was not taken; the next tick sends it again");
                        continue;
                    }
                },
            };
            for one in keys.iter_mut().filter(|one| owes(one)) {
                let told = AlarmTold {
                    dedupe_key: dedupe_key.to_owned(),
                    notifier: name.clone(),
                    accepted_as: accepted_as.clone(),
                };
                match one.book.append(self, None, &[KeyFact::AlarmTold(told)]).await {
                    // It is told once more then: at least once.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    other => other?,
                }
            }
        }
        Ok(())
    }

    fn alarm_notice(&self, dedupe_key: &str, keys: &[Changed<'_>]) -> Notice {
        let (mut lines, mut named, mut unnamed) = (Vec::new(), BTreeSet::new(), 0);
        let (mut scheduled, mut done) = (0, 0);
        for one in keys {
            let key = &one.row.key;
            let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            let name: String = one.row.name.chars().take(NAME_CHARS_MAX).map(printable).collect();
            let mut say = |id: &str, line: String| {
                // A vault is named once, however many of its keys are in scope.
                if named.insert(id.to_owned()) {
                    if lines.len() < NAMED_MAX { lines.push(line) } else { unnamed += 1 }
                }
            };
            let is_told = |deletion: &&Deletion| match deletion.is_done {
                true => one.ended.contains(&deletion.id),
                false => one.scheduled.contains_key(&deletion.id),
            };
            for deletion in one.row.deletions.iter().filter(is_told) {
                let count = if deletion.is_done { &mut done } else { &mut scheduled };
                *count += 1;
                let by = one.by.get(&deletion.id).map(|asked| asked.shown.clone());
                let deletion = Deletion { by, ..deletion.clone() };
                say(&deletion.id, format!("key {key} ({name}): {deletion}. {}", deletion.remedy()));
            }
            for id in one.ended.iter().filter(|id| !one.row.deletions.iter().any(|deletion| deletion.id == **id)) {
                say(id, format!("key {key} ({name}): {id} is not scheduled for deletion any more"));
            }
        }
        if unnamed > 0 {
            lines.push(format!("and {unnamed} more: `keywheel due` names them"));
        }
        let test = if self.settings.is_test { "TEST " } else { "" };
        let (severity, title) = match (scheduled, done) {
            _ if dedupe_key.starts_with(deletion::ANSWER) => {
                (Severity::Warning, "what the audit log shows of a scheduled deletion".to_owned())
            }
            (0, 0) => (Severity::Info, "a scheduled deletion was cancelled".to_owned()),
            (0, done) => (Severity::Critical, format!("key material is gone ({done})")),
            (some, _) => (Severity::Critical, format!("somebody scheduled the deletion of key material ({some})")),
        };
        let why = "keywheel never deletes and cannot stop a deletion. It is told again only if it changes.";
        Notice {
            dedupe_key: dedupe_key.to_owned(),
            severity,
            title: format!("{test}keywheel: {title}"),
            body: format!("{}\n\n{why}\n", lines.join("\n")),
            rotation: None,
            chain_head: keys.first().map_or_else(LineHash::genesis, |one| one.book.head().hash.clone()),
        }
    }

    /// Fills in what the journal knows of each deletion's holders, and of who scheduled it.
    pub(super) async fn with_holders(&self, key: &KeyId, mut found: Vec<Deletion>) -> Result<Vec<Deletion>> {
        if found.is_empty() {
            return Ok(found);
        }
        let registry = self.registry().await?;
        let registry = registry.state().cloned().unwrap_or_default();
        let mut rotations: Vec<(RotationSummary, bool)> = Vec::new();
        for (rid, registered) in registry.order.iter().filter_map(|rid| Some((rid, registry.rotations.get(rid)?))) {
            if registered.opened.name.key == *key {
                rotations.push((self.summary(rid).await?, registered.target_key.is_some()));
            }
        }
        let book = Book::<KnownKey>::open(self, StreamId::key(key)).await?;
        for deletion in &mut found {
            deletion.holders_max = deletion::holders_max(deletion, &rotations);
            let alarm = book.state().and_then(|known| known.alarm.as_ref()).filter(|alarm| alarm.has(deletion));
            deletion.by = alarm.and_then(|alarm| alarm.by.get(&deletion.id)).map(|asked| asked.shown.clone());
        }
        Ok(found)
    }

    /// The scheduled deletion of a vault whose key cannot be read, if the journal knows the vault and it can be.
    pub(super) async fn deletion_of_vault_of(&self, key: &KeyId) -> Result<Vec<Deletion>> {
        let registry = self.registry().await?;
        let of_key = |rid| registry.state()?.rotations.get(rid).filter(|one| one.opened.name.key == *key);
        let order = registry.state().map(|registry| registry.order.clone()).unwrap_or_default();
        let Some(vault) = order.iter().rev().find_map(of_key).map(|one| one.opened.vault.clone()) else {
            return Ok(Vec::new());
        };
        match self.learn(self.ports.key_store.describe_vault(&vault)).await {
            Ok(reply) => self.with_holders(key, deletion::of_vault(&reply.value).into_iter().collect()).await,
            // That the key cannot be read is said already.
            Err(_) => Ok(Vec::new()),
        }
    }
}
