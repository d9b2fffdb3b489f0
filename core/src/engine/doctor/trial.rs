//! Mints on a throw-away key: the smallest play in which each of A1, A2, A3 and A6 would show that it is broken.
//!
//! Every request goes through the ordinary port, once, with a computed token, after its intent is on disk. Every wait
//! is one of `Margins`. A run that ends early leaves its checkup open, and the next one waits for the quiet period.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use super::super::book::Book;
use super::super::walk::Walk;
use super::super::{Done, Engine};
use crate::model::{Forecast, Key, KeyId, KeyVersion, KeyVersionId, RetryToken, StreamId, Timestamp, to_seconds};
use crate::ports::{KeyStoreExt, Reply, VersionMint};
use crate::rotation::checkup_token;
use crate::rotation::doctor::{
    Answer, Begun, ClockSample, DoctorFact, Look, Notes, Sent, Step, Subject, Trial, busy, unfit,
};
use crate::{Error, ErrorKind, Landed, Result};

/// Looks after the quiet period until one is dated late enough: a date may lag a second or two behind.
const LAST_LOOKS_MAX: usize = 20;

/// A trial that runs.
struct Run<'a> {
    engine: &'a Engine,
    clock: &'a mut Vec<ClockSample>,
    book: Book<Notes>,
    newest: KeyVersionId,
    trial: Trial,
}

impl Engine {
    /// Mints on a key that may be thrown away and watches what comes of it.
    pub(super) async fn trial(&self, key: &KeyId, clock: &mut Vec<ClockSample>) -> Result<Trial> {
        let store = &self.ports.key_store;
        let described = self.read(clock, || store.describe_key(key)).await?.value;
        let vault = self.read(clock, || store.describe_vault(&described.vault)).await?.value;
        let usage = self.read(clock, || store.usage(&vault.id)).await?.value;
        let versions = self.read(clock, || store.all_versions(key)).await?.value;
        let reserved = self.ledger(&vault.id).await?.state().map_or(0, |ledger| ledger.reserved());
        let registry = self.registry().await?;
        let was_rotated =
            registry.state().is_some_and(|known| known.rotations.values().any(|one| one.opened.name.key == *key));
        let book = Book::<Notes>::open(self, StreamId::doctor()).await?;
        let mut subject = Subject {
            key: &described,
            vault: &vault,
            versions: &versions,
            usage,
            reserved,
            dependents: 0,
            was_rotated,
            unfinished: book.state().and_then(|notes| notes.unfinished(key)),
            now: self.server_now(),
        };
        let refuse = |subject: &Subject<'_>| unfit(subject, &self.settings).map_or(Ok(()), Err);
        refuse(&subject)?;
        let holes;
        (subject.dependents, holes) = self.under(key).await?;
        refuse(&subject)?;
        let newest = newest(&described, &versions);
        let baseline: BTreeSet<_> = versions.into_iter().map(|version| version.id).collect();
        let trial = Trial {
            key: key.clone(),
            checkup: 0,
            baseline,
            sends: Vec::new(),
            looks: Vec::new(),
            is_quiet: false,
            stopped: None,
            holes,
        };
        let mut run = Run { engine: self, clock, book, newest, trial };
        run.begin().await?;
        match run.play().await {
            Err(error) if matches!(error.kind(), ErrorKind::Bug | ErrorKind::Corrupt | ErrorKind::Fork) => Err(error),
            Err(error) => Ok(Trial { stopped: Some(error.to_string()), ..run.trial }),
            Ok(()) => Ok(run.trial),
        }
    }

    /// How many resources are seen under a key, and in how many places none could be looked for.
    async fn under(&self, key: &KeyId) -> Result<(u64, usize)> {
        self.examine("what hangs on the throw-away key", None);
        let mut walk = Walk::new(self, key, self.regions_of(key).await?).await?;
        let nothing = HashSet::new();
        while walk.next(&nothing).await?.is_some() {}
        Ok((walk.seen.found, walk.seen.holes.len()))
    }

    pub(super) fn server_now(&self) -> Timestamp {
        self.server_time().at(self.ports.clock.now())
    }
}

impl Run<'_> {
    /// Takes a number for this checkup; whoever is refused it folds anew.
    async fn begin(&mut self) -> Done {
        loop {
            let notes = self.book.state();
            let (date, unfinished) =
                (self.engine.server_now(), notes.and_then(|notes| notes.unfinished(&self.trial.key)));
            if let Some(error) = busy(self.trial.key.clone(), unfinished, date, &self.engine.settings) {
                return Err(error);
            }
            let checkup = notes.map_or(0, |notes| notes.begun) + 1;
            let baseline = self.trial.baseline.iter().cloned().collect();
            let begun = DoctorFact::LiveBegun(Begun { checkup, key: self.trial.key.clone(), date, baseline });
            match self.book.append(self.engine, None, &[begun]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                other => {
                    self.trial.checkup = checkup;
                    return other;
                }
            }
        }
    }

    async fn play(&mut self) -> Done {
        let error = self.engine.settings.margins.clock_error + Duration::from_secs(1);
        self.wait(error, "what others make now must be older than what we make").await;
        for number in 1..=Forecast::TRIES {
            let margins = &self.engine.settings.margins;
            let beyond = margins.skew_limit + margins.clock_error + Duration::from_secs(1);
            let date = to_seconds(self.engine.server_now() - beyond);
            let key = self.trial.key.clone();
            let answer = self.send(Step::Stale, &key, self.token(Step::Stale, number), date).await?;
            if !is_busy(&answer) {
                break;
            }
            self.settle().await?;
        }
        if let Ok(nowhere) = KeyId::parse(format!("{}nowhere", self.trial.key)) {
            let date = self.date();
            self.send(Step::Nowhere, &nowhere, self.token(Step::Nowhere, 1), date).await?;
        }
        self.settle().await?;
        for number in 1..=Forecast::TRIES {
            let (key, token, date) = (self.trial.key.clone(), self.token(Step::Mint, number), self.date());
            match self.send(Step::Mint, &key, token.clone(), date).await? {
                Answer::Refused { .. } => self.settle().await?,
                Answer::Made { version, time_created, .. } => {
                    self.watch(&version, time_created).await?;
                    self.repeat(token).await?;
                    break;
                }
                Answer::Doubtful { .. } => {
                    // Sent again earlier, it could not be told which of the two acted.
                    self.quiet().await?;
                    self.repeat(token).await?;
                    break;
                }
            }
        }
        self.quiet().await
    }

    /// Sends the same token again, with a date of its own.
    async fn repeat(&mut self, token: RetryToken) -> Done {
        for _ in 0..Forecast::TRIES {
            let (key, date) = (self.trial.key.clone(), self.date());
            if !is_busy(&self.send(Step::Repeat, &key, token.clone(), date).await?) {
                break;
            }
            self.settle().await?;
        }
        Ok(())
    }

    fn token(&self, step: Step, number: u32) -> RetryToken {
        checkup_token(&self.trial.key, &self.newest, self.trial.checkup, step.word(), number)
    }

    /// The server's present, and later than every date before.
    fn date(&self) -> Timestamp {
        let now = to_seconds(self.engine.server_now());
        self.trial.sends.iter().map(|sent| sent.date + Duration::from_secs(1)).fold(now, Timestamp::max)
    }

    /// Writes down what is about to be sent, sends it once, writes down what came back.
    async fn send(&mut self, step: Step, key: &KeyId, token: RetryToken, date: Timestamp) -> Result<Answer> {
        let (engine, checkup) = (self.engine, self.trial.checkup);
        engine.examine(&format!("a mint on the throw-away key ({})", step.word()), None);
        let intent = DoctorFact::LiveIntended { checkup, step, key: key.clone(), token: token.clone(), date };
        engine.note(&mut self.book, &intent).await?;
        let mint = VersionMint { key: key.clone(), token: token.clone(), date, body: String::new() };
        let at = engine.server_now();
        let answer = answer(engine.timed(self.clock, engine.ports.key_store.create_version(&mint)).await);
        self.trial.sends.push(Sent { step, token, date, at, answer: answer.clone() });
        engine.note(&mut self.book, &DoctorFact::LiveAnswered { checkup, step, date, answer: answer.clone() }).await?;
        Ok(answer)
    }

    async fn look(&mut self) -> Result<Option<Timestamp>> {
        let (engine, key) = (self.engine, &self.trial.key);
        let reply = engine.read(self.clock, || engine.ports.key_store.all_versions(key)).await?;
        self.trial.looks.push(Look { date: reply.server_date, versions: reply.value });
        Ok(reply.server_date)
    }

    /// Waits until the effect of what was just sent would be listed, and lists.
    async fn settle(&mut self) -> Done {
        let gap = Forecast::gap(&self.engine.settings.margins);
        self.wait(gap, "what was refused would have shown by then").await;
        self.look().await.map(drop)
    }

    /// Lists until a version is there, or λ has passed.
    async fn watch(&mut self, version: &KeyVersionId, created: Timestamp) -> Done {
        let margins = self.engine.settings.margins.clone();
        let (mut pause, end) =
            (margins.poll_min, self.engine.ports.clock.now() + margins.list_lag + margins.poll_max * 2);
        loop {
            let date = self.look().await?;
            let is_listed =
                self.trial.looks.last().is_some_and(|look| look.versions.iter().any(|one| one.id == *version));
            let is_late = date.is_none_or(|date| date >= created + margins.list_lag);
            // The local clock ends this if dates stand still.
            if is_listed || is_late || self.engine.ports.clock.now() > end {
                return Ok(());
            }
            self.wait(pause, "the version is not listed yet").await;
            pause = (pause * 2).min(margins.poll_max);
        }
    }

    /// Waits until nothing that was sent can act or hide any more, by the server's own clock, and lists a last time.
    async fn quiet(&mut self) -> Done {
        let margins = self.engine.settings.margins.clone();
        let dates = self.trial.sends.iter().map(|sent| sent.date);
        let Some(end) = dates.max().map(|date| date + margins.quiet_period()) else { return Ok(()) };
        let left = end.duration_since(self.engine.server_now());
        if left.is_positive() {
            // A date is cut to whole seconds: it passes the end a second later.
            self.wait(left.unsigned_abs() + Duration::from_secs(1), "the quiet period: what was sent can still act")
                .await;
        }
        for _ in 0..LAST_LOOKS_MAX {
            self.trial.is_quiet = self.look().await?.unwrap_or_else(|| self.engine.server_now()) > end;
            if self.trial.is_quiet {
                break;
            }
            self.wait(margins.poll_max, "the server's clock is not past the quiet period yet").await;
        }
        Ok(())
    }

    async fn wait(&self, duration: Duration, why: &str) {
        self.engine.examine(why, Some(self.engine.ports.clock.now() + duration));
        self.engine.nap(duration).await;
    }
}

/// What an answer of the port says, without its error's context.
fn answer(told: Result<Reply<KeyVersion>>) -> Answer {
    let error: Error = match told {
        Ok(Reply { value, request_id, .. }) => {
            return Answer::Made { version: value.id, time_created: value.time_created, request_id };
        }
        Err(error) => error,
    };
    let (code, why) = (error.code().map(str::to_owned), error.message().to_owned());
    match error.landed() {
        Landed::No => Answer::Refused { status: error.status(), code, request_id: error.request_id().cloned(), why },
        _ => Answer::Doubtful { code, why },
    }
}

/// Refused for the moment: another try may be let through.
fn is_busy(answer: &Answer) -> bool {
    match answer {
        Answer::Refused { status: Some(429), .. } => true,
        Answer::Refused { code, .. } => code.as_deref() == Some("IncorrectState"),
        _ => false,
    }
}

fn newest(key: &Key, versions: &[KeyVersion]) -> KeyVersionId {
    let newest = versions.iter().max_by_key(|version| (version.time_created, &version.id));
    newest.map_or_else(|| key.current_version.clone(), |version| version.id.clone())
}
