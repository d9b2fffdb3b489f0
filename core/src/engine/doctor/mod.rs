//! `doctor`: looks at what rotations rely on and writes down what was seen; `rotation::doctor` judges.
//!
//! Without a throw-away key it only reads the cloud, and appends one line to its own stream of the journal. With one
//! it mints on that key, by the same rules as everybody: an intent on disk before each request.

mod journal;
mod sinks;
mod surroundings;
mod trial;

use std::future::Future;
use std::time::Duration;

use super::book::{Book, Fold};
use super::progress::Progress;
use super::{Done, Engine};
use crate::model::{CheckVerdict, Checkup, KeyId, LineHash, Risk, StreamId, Timestamp};
use crate::ports::{KeyStoreExt, Reply};
use crate::rotation::doctor::{
    ClockSample, DoctorFact, ListedKey, Notes, Observed, assumptions, clock_verdict, journal_verdict,
};
use crate::{Error, ErrorKind, Result, Retry};

/// Keys in scope that are looked at: enough to see a list that lags, few enough to be no burden.
const KEYS_MAX: usize = 3;
/// Answers whose dates are compared at least.
const SAMPLES_MIN: usize = 5;
/// How often doctor tries to get a line in before it gives up on a stream that others write to.
const APPENDS_MAX: usize = 16;

impl Fold for Notes {
    type Fact = DoctorFact;

    fn fold(state: Option<Self>, _: &StreamId, _: Timestamp, _: &LineHash, fact: &Self::Fact) -> Result<Self, String> {
        let mut notes = state.unwrap_or_default();
        if notes.apply(fact) { Ok(notes) } else { Err("a checkup that has not begun, or begun twice".to_owned()) }
    }
}

impl Engine {
    /// Tests what can be tested of the assumptions A1 to A7; with a throw-away key, by minting on it. Then looks at endpoints,
    /// permissions and policies, where somebody can be asked.
    ///
    /// # Errors
    /// `Refused` if the key is not one that may be thrown away. What cannot be reached is a verdict, not an error.
    pub async fn doctor(&self, live: Option<&KeyId>, subject: Option<&str>) -> Result<Checkup> {
        self.recall_rates().await;
        let mut observed = self.look_around().await?;
        observed.journal = self.probe_journal().await;
        if let Some(key) = live {
            observed.held_back = self.held_back(&observed);
            if observed.held_back.is_none() {
                observed.trial = Some(self.trial(key, &mut observed.clock).await?);
            }
        }
        let mut sections = vec![assumptions(&observed, &self.settings)];
        sections.extend(self.sinks_section().await);
        sections.extend(self.surroundings(subject).await?);
        let checkup = Checkup {
            at: self.ports.clock.now(),
            live: observed.trial.as_ref().map(|trial| trial.key.clone()),
            sections,
            is_shortened: self.settings.margins.is_shortened(),
            is_test: self.settings.is_test,
        };
        if let Some(trial) = observed.trial.filter(|trial| trial.stopped.is_none() && trial.is_quiet) {
            let last = trial.looks.last().map(|look| look.versions.as_slice()).unwrap_or_default();
            let appeared = last.iter().map(|version| &version.id).filter(|id| !trial.baseline.contains(*id)).cloned();
            let broken = checkup.broken().map(|check| check.id.clone()).collect();
            let ended = DoctorFact::CheckupEnded { checkup: trial.checkup, appeared: appeared.collect(), broken };
            let mut book = Book::<Notes>::open(self, StreamId::doctor()).await?;
            self.note(&mut book, &ended).await?;
        }
        Ok(checkup)
    }

    /// Why nothing may be sent: without a journal or the time, keywheel does not mint.
    fn held_back(&self, observed: &Observed) -> Option<String> {
        let margins = &self.settings.margins;
        if journal_verdict(&observed.journal).0 != CheckVerdict::Holds {
            return Some("nothing was sent: keywheel does not mint without a journal that holds (A4)".to_owned());
        }
        if clock_verdict(&observed.clock, margins) != CheckVerdict::Holds {
            return Some("nothing was sent: keywheel does not mint without knowing the server's time (A5)".to_owned());
        }
        let offset = self.server_time().offset().map(|offset| offset.unsigned_abs());
        (offset > Some(margins.clock_offset_max))
            .then(|| "nothing was sent: this machine's clock is too far off; set it (NTP)".to_owned())
    }

    /// Reads keys in scope and lists their versions: dates, and current versions that are not listed.
    async fn look_around(&self) -> Result<Observed> {
        let promises = self.ports.key_store.promises();
        let missing = [(promises.retry_token, Risk::NoRetryToken), (promises.date_fence, Risk::NoDateFence)];
        let mut observed = Observed {
            place: self.ports.journal.place(),
            missing_promises: missing.into_iter().filter(|(made, _)| !made).map(|(_, risk)| risk).collect(),
            ..Observed::default()
        };
        let mut keys: Vec<KeyId> = self.settings.scope.keys.iter().take(KEYS_MAX).cloned().collect();
        if keys.is_empty() {
            match self.keys_in_scope().await {
                Ok(found) => keys = found.into_iter().map(|(key, _)| key).take(KEYS_MAX).collect(),
                Err(error) => observed.trouble(&error)?,
            }
        }
        self.examine("the server's clock, and keys in scope", None);
        for key in &keys {
            match self.listed(key, &mut observed.clock).await {
                Ok(listed) => observed.lists.push(listed),
                Err(error) => observed.trouble(&error)?,
            }
        }
        for _ in observed.clock.len()..SAMPLES_MIN {
            self.nap(self.settings.margins.poll_min).await;
            let read = match keys.first() {
                Some(key) => self.read(&mut observed.clock, || self.ports.key_store.describe_key(key)).await.map(drop),
                None => self.read(&mut observed.clock, || self.ports.catalog.scopes()).await.map(drop),
            };
            if let Err(error) = read {
                observed.trouble(&error)?;
                break;
            }
        }
        Ok(observed)
    }

    /// Whether a key's current version is listed, now or after λ. It was current before the list was asked for.
    async fn listed(&self, key: &KeyId, clock: &mut Vec<ClockSample>) -> Result<ListedKey> {
        let current = self.read(clock, || self.ports.key_store.describe_key(key)).await?.value.current_version;
        let list = self.read(clock, || self.ports.key_store.all_versions(key)).await?;
        let has_current = list.value.iter().any(|version| version.id == current);
        let newest = list.value.iter().map(|version| version.time_created).max();
        let age = list.server_date.zip(newest).map(|(date, newest)| date.duration_since(newest));
        let mut has_current_later = None;
        if !has_current {
            let margins = &self.settings.margins;
            self.nap(margins.list_lag + margins.clock_error).await;
            let list = self.read(clock, || self.ports.key_store.all_versions(key)).await?;
            has_current_later = Some(list.value.iter().any(|version| version.id == current));
        }
        let youngest = age.map(|age| if age.is_negative() { Duration::ZERO } else { age.unsigned_abs() });
        Ok(ListedKey { key: key.clone(), has_current, has_current_later, youngest })
    }

    /// Reads, and reads again while the service says that it is asked too often.
    async fn read<T, F: Future<Output = Result<Reply<T>>>>(
        &self,
        clock: &mut Vec<ClockSample>,
        call: impl Fn() -> F,
    ) -> Result<Reply<T>> {
        let mut left = self.settings.budgets.attempts;
        loop {
            match self.timed(clock, call()).await {
                Err(error) if error.kind() == ErrorKind::Throttled && left > 1 => {
                    left -= 1;
                    let after = match error.retry() {
                        Retry::Later(Some(after)) => after,
                        _ => Duration::ZERO,
                    };
                    self.nap(after.max(self.settings.margins.poll_max)).await;
                }
                other => return other,
            }
        }
    }

    /// Awaits an answer, learns the server's time from it and keeps its date as a sample, also from an error.
    async fn timed<T>(
        &self,
        clock: &mut Vec<ClockSample>,
        call: impl Future<Output = Result<Reply<T>>>,
    ) -> Result<Reply<T>> {
        let asked = self.ports.clock.now();
        let answer = call.await;
        let came = self.ports.clock.now();
        let date = match &answer {
            Ok(reply) => reply.server_date,
            Err(error) => error.server_date(),
        };
        if let Some(date) = date {
            clock.push(ClockSample { asked, came, date });
        }
        self.server_time().learn(date, asked, came);
        answer
    }

    /// Appends one fact to doctor's stream, after whatever others appended meanwhile.
    async fn note(&self, book: &mut Book<Notes>, fact: &DoctorFact) -> Done {
        for _ in 0..APPENDS_MAX {
            match book.append(self, None, std::slice::from_ref(fact)).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => return other,
            }
        }
        Err(Error::new(ErrorKind::Exhausted, "doctor", "others append to doctor's stream all the time; run it again"))
    }

    async fn nap(&self, duration: Duration) {
        self.ports.clock.sleep_until(self.ports.clock.now() + duration).await;
    }

    fn examine(&self, what: &str, until: Option<Timestamp>) {
        self.say(Progress::Examining { what: what.to_owned(), until });
    }
}

impl Observed {
    /// Keeps why something could not be looked at; a mistake of ours or a broken journal is an error.
    fn trouble(&mut self, error: &Error) -> Done {
        if matches!(error.kind(), ErrorKind::Bug | ErrorKind::Corrupt | ErrorKind::Fork) {
            return Err(Error::new(error.kind(), "doctor", error.to_string()));
        }
        self.clock_trouble.get_or_insert_with(|| error.to_string());
        Ok(())
    }
}
