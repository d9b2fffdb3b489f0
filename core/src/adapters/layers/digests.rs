//! Digests: notices that come faster than a far end takes them wait, and go together as one message.
//!
//! Nothing is dropped and nothing is kept on disk here: whoever gave a notice waits for its own outcome, and has the intent
//! in the journal. A digest names every notice in it with dedupe key and chain head. Dropping any caller is safe at any
//! point: what it had given is forgotten, what others gave is sent by them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind, Landed, Result, Retry};
use crate::model::Timestamp;
use crate::ports::{Clock, Notice, Notifier, Reply};

/// What a limit per minute counts over: a minute, and a second for clocks that differ.
const MINUTE: Duration = Duration::from_secs(61);
/// How long a far end is left alone that says "too many" without saying how long.
const SILENCE: Duration = Duration::from_secs(15);
/// The longest silence that is kept here; the engine waits out what is longer.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often "too many" is waited out before whoever asked is told.
const ROUNDS_MAX: u32 = 5;

/// What a far end takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestPolicy {
    /// Messages per minute.
    pub per_minute: u32,
    /// Bytes of a digest's text as JSON writes them. A single notice is never cut here.
    pub bytes_max: usize,
}

impl Default for DigestPolicy {
    /// OCI Notifications takes 60 per minute and topic from everybody in the tenancy, 64 KB each (oci-api §6.4).
    fn default() -> Self {
        Self { per_minute: 50, bytes_max: 24 << 10 }
    }
}

/// When messages left during the last minute.
#[derive(Debug, Default)]
struct Window {
    sent: VecDeque<Timestamp>,
    silent_until: Option<Timestamp>,
}

impl Window {
    /// When the next message may leave; `None`: now, and it is counted.
    fn take(&mut self, now: Timestamp, per_minute: u32) -> Option<Timestamp> {
        if let Some(until) = self.silent_until.filter(|until| *until > now) {
            return Some(until);
        }
        self.silent_until = None;
        // Of a clock that was set back: counted as sent now.
        self.sent.iter_mut().for_each(|at| *at = (*at).min(now));
        while self.sent.front().is_some_and(|at| *at + MINUTE <= now) {
            self.sent.pop_front();
        }
        let most = usize::try_from(per_minute.max(1)).unwrap_or(usize::MAX);
        if self.sent.len() >= most {
            return self.sent.front().map(|at| *at + MINUTE);
        }
        self.sent.push_back(now);
        None
    }
}

/// Windows by the far end's name: its limit does not care how many notifiers this process has.
static WINDOWS: Mutex<BTreeMap<String, Weak<Mutex<Window>>>> = Mutex::new(BTreeMap::new());

#[derive(Debug, Default)]
struct Line {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    notice: Notice,
    outcome: Option<Result<Reply<String>>>,
}

/// A notifier that keeps to a far end's limit per minute by combining notices.
pub struct Digests {
    inner: Arc<dyn Notifier>,
    clock: Arc<dyn Clock>,
    policy: DigestPolicy,
    window: Arc<Mutex<Window>>,
    line: Mutex<Line>,
    /// Held by the one who sends; the others wait for it and mostly find that their notice went along.
    turn: futures_util::lock::Mutex<()>,
}

impl Digests {
    /// Counts for itself: for tests, and for far ends that no other notifier sends to.
    #[must_use]
    pub fn new(inner: Arc<dyn Notifier>, clock: Arc<dyn Clock>, policy: DigestPolicy) -> Self {
        Self {
            inner,
            clock,
            policy,
            window: Arc::default(),
            line: Mutex::default(),
            turn: futures_util::lock::Mutex::new(()),
        }
    }

    /// Counts together with every other notifier of this process that has the same name.
    #[must_use]
    pub fn of_process(inner: Arc<dyn Notifier>, clock: Arc<dyn Clock>, policy: DigestPolicy) -> Self {
        let mut windows = locked(&WINDOWS);
        windows.retain(|_, window| window.strong_count() > 0);
        let name = inner.name();
        let window = windows.get(&name).and_then(Weak::upgrade).unwrap_or_default();
        windows.insert(name, Arc::downgrade(&window));
        drop(windows);
        Self { window, ..Self::new(inner, clock, policy) }
    }

    /// Sends one message with what waits, as soon as one may leave. Only whoever holds the turn calls this.
    async fn send(&self) {
        let mut rounds = 0;
        loop {
            let at = locked(&self.window).take(self.clock.now(), self.policy.per_minute);
            if let Some(at) = at {
                self.clock.sleep_until(at).await;
                continue;
            }
            let (numbers, message) = self.next_message();
            let Some(message) = message else { return };
            let answer = self.inner.notify(&message).await;
            if let Err(error) = &answer
                && error.kind() == ErrorKind::Throttled
                && error.landed() == Landed::No
                && rounds < ROUNDS_MAX
            {
                rounds += 1;
                let asked = match error.retry() {
                    Retry::Later(Some(asked)) => asked.min(SILENCE_MAX),
                    _ => SILENCE,
                };
                locked(&self.window).silent_until = Some(self.clock.now() + asked);
                tracing::debug!(notifier = self.inner.name(), "somebody else fills this minute; notices wait");
                continue;
            }
            let mut line = locked(&self.line);
            for number in numbers {
                // Whoever was dropped meanwhile does not ask any more.
                if let Some(waiting) = line.waiting.get_mut(&number) {
                    waiting.outcome = Some(same(&answer));
                }
            }
            return;
        }
    }

    /// The notices that go next, those first on which somebody must act, and the message that they make.
    fn next_message(&self) -> (Vec<u64>, Option<Notice>) {
        let line = locked(&self.line);
        let mut waiting: Vec<_> = line.waiting.iter().filter(|(_, one)| one.outcome.is_none()).collect();
        waiting.sort_by_key(|(number, one)| (std::cmp::Reverse(one.notice.severity), **number));
        let (mut numbers, mut notices, mut text, mut bytes) = (Vec::new(), Vec::new(), String::new(), 0);
        for (number, one) in waiting {
            let block = block(&one.notice);
            let more = json_bytes(&block);
            if !notices.is_empty() && bytes + more > self.policy.bytes_max {
                break;
            }
            numbers.push(*number);
            notices.push(&one.notice);
            bytes += more;
            text.push_str(&block);
        }
        let message = match notices.as_slice() {
            [] => None,
            [one] => Some((*one).clone()),
            [first, rest @ ..] => Some(Notice {
                dedupe_key: digest_key(&notices),
                severity: first.severity,
                title: format!("{} (and {} more notices)", first.title, rest.len()),
                body: text,
                rotation: None,
                chain_head: first.chain_head.clone(),
            }),
        };
        (numbers, message)
    }
}

/// Forgets a notice when its giver is gone.
struct Place<'d> {
    digests: &'d Digests,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        locked(&self.digests.line).waiting.remove(&self.number);
    }
}

#[async_trait]
impl Notifier for Digests {
    fn name(&self) -> String {
        self.inner.name()
    }

    async fn notify(&self, notice: &Notice) -> Result<Reply<String>> {
        let number = {
            let mut line = locked(&self.line);
            line.next += 1;
            let number = line.next;
            line.waiting.insert(number, Waiting { notice: notice.clone(), outcome: None });
            number
        };
        let place = Place { digests: self, number };
        loop {
            let turn = self.turn.lock().await;
            let outcome = locked(&self.line).waiting.get_mut(&place.number).and_then(|one| one.outcome.take());
            if let Some(outcome) = outcome {
                return outcome;
            }
            self.send().await;
            drop(turn);
        }
    }
}

/// One notice within a digest, whole.
fn block(notice: &Notice) -> String {
    let severity = format!("{:?}", notice.severity).to_lowercase();
    let mut text = format!("[{severity}] {}\n{}", notice.title, notice.body.trim_end());
    let _ = write!(text, "\nnotice {}", notice.dedupe_key);
    if let Some(rotation) = &notice.rotation {
        let _ = write!(text, "\nrotation {rotation}");
    }
    let _ = write!(text, "\nchain head {}\n\n", notice.chain_head);
    text
}

/// The same notices make the same key, in whatever order they came.
fn digest_key(notices: &[&Notice]) -> String {
    let mut keys: Vec<_> = notices.iter().map(|notice| notice.dedupe_key.as_str()).collect();
    keys.sort_unstable();
    let mut hash = Sha256::new();
    for key in keys {
        hash.update(key.as_bytes());
        hash.update([0]);
    }
    format!("digest:{}", HEXLOWER.encode(&hash.finalize()[..16]))
}

/// How long a text is within a JSON string.
fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |quoted| quoted.len() - 2)
}

/// The outcome of a message for one of the notices in it.
fn same(answer: &Result<Reply<String>>) -> Result<Reply<String>> {
    let error = match answer {
        Ok(reply) => return Ok(reply.clone()),
        Err(error) => error,
    };
    let mut copy = Error::new(error.kind(), error.operation(), error.message())
        .answered(error.server_date(), error.request_id().cloned());
    for (name, value) in error.context() {
        copy = copy.with(name, value);
    }
    if let (Some(status), Some(code)) = (error.status(), error.code()) {
        copy = copy.with_code(status, code);
    }
    copy = match error.retry() {
        Retry::Later(after) => copy.retry_later(after),
        Retry::Never => copy.retry_never(),
        Retry::Now => copy,
    };
    Err(match error.landed() {
        Landed::Maybe => copy.may_have_landed(),
        Landed::No => copy.cannot_have_landed(),
        Landed::Yes => copy.has_landed(),
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "digests_tests.rs"]
mod tests;
