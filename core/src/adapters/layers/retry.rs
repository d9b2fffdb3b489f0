//! Retrying reads for moments: exponential backoff with full jitter, on an injected clock and random source.
//!
//! Only reads come here. Whatever changes the world is sent once and settled by whoever journaled it. What
//! was tried here and given up says `Exhausted`, and no retrier retries that: layers do not multiply.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Landed, Result, Retry};
use crate::ports::{Clock, Random};

/// How long and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included.
    pub attempts_max: u32,
    /// Upper bound of the first delay; it doubles with each attempt.
    pub delay_base: Duration,
    /// Upper bound of every delay.
    pub delay_max: Duration,
    /// A Retry-After longer than this is left to whoever is above.
    pub retry_after_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            delay_base: Duration::from_millis(500),
            delay_max: Duration::from_secs(15),
            retry_after_max: Duration::from_secs(60),
        }
    }
}

/// Makes a read again while that makes sense.
#[derive(Clone)]
pub struct Retrier {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    policy: RetryPolicy,
}

impl Retrier {
    /// A retrier that waits by this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>, policy: RetryPolicy) -> Self {
        Self { clock, random, policy }
    }

    /// Makes a read until it succeeds, would fail again, or the attempts are spent.
    ///
    /// # Errors
    /// The read's own error if trying again makes no sense; else `Exhausted`, which keeps the last error's code,
    /// status, context and witnesses, and the advice to try later. Throttling stays `Throttled`, because the engine
    /// does not count it as an attempt; it is then caused by the `Exhausted`.
    pub async fn read<T, F, Fut>(&self, mut call: F) -> Result<T>
    where
        F: FnMut() -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
    {
        let mut attempt = 1;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let Retry::Later(after) = error.retry() else { return Err(error) };
            if is_given_up(&error) {
                return Err(error);
            }
            let too_long = after.is_some_and(|after| after > self.policy.retry_after_max);
            if attempt >= self.policy.attempts_max || too_long {
                return Err(exhausted(error, attempt, after));
            }
            let delay = self.jitter(attempt).max(after.unwrap_or_default());
            tracing::debug!(
                operation = error.operation(),
                attempt,
                delay_ms = delay.as_millis() as u64,
                "retry of a read"
            );
            let until = self.clock.now().saturating_add(delay).expect("a delay of seconds is in range");
            self.clock.sleep_until(until).await;
            attempt += 1;
        }
    }

    /// Full jitter: anything between nothing and the exponential bound.
    fn jitter(&self, attempt: u32) -> Duration {
        let bound = self.policy.delay_base.saturating_mul(1 << (attempt - 1).min(20)).min(self.policy.delay_max);
        let mut bytes = [0; 4];
        self.random.fill(&mut bytes);
        bound.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
    }
}

/// Whether a retrier has tried already.
fn is_given_up(error: &Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Error>());
    error.kind() == ErrorKind::Exhausted || cause.is_some_and(|cause| cause.kind() == ErrorKind::Exhausted)
}

fn exhausted(last: Error, attempts: u32, after: Option<Duration>) -> Error {
    let throttled = last.kind() == ErrorKind::Throttled;
    let exhausted = again(ErrorKind::Exhausted, last, attempts, after);
    if throttled { again(ErrorKind::Throttled, exhausted, attempts, after) } else { exhausted }
}

/// The same error as another kind, caused by it.
fn again(kind: ErrorKind, last: Error, attempts: u32, after: Option<Duration>) -> Error {
    let noun = if attempts == 1 { "attempt" } else { "attempts" };
    let message = match last.kind() {
        ErrorKind::Exhausted => last.message().to_owned(),
        _ => format!("gave up after {attempts} {noun}: {}", last.message()),
    };
    let mut error = Error::new(kind, last.operation(), message)
        .retry_later(after)
        .answered(last.server_date(), last.request_id().cloned());
    if let (Some(status), Some(code)) = (last.status(), last.code()) {
        error = error.with_code(status, code);
    }
    if last.landed() == Landed::Maybe {
        error = error.may_have_landed();
    }
    for (name, value) in last.context() {
        error = error.with(name, value);
    }
    error.caused_by(last)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use futures_util::FutureExt as _;

    use super::*;
    use crate::model::Timestamp;

    /// A clock that jumps to where one waits for, and remembers the waits.
    struct Jumping(Mutex<(Timestamp, Vec<Duration>)>);

    #[async_trait]
    impl Clock for Jumping {
        fn now(&self) -> Timestamp {
            self.0.lock().expect("not poisoned").0
        }

        async fn sleep_until(&self, at: Timestamp) {
            let mut held = self.0.lock().expect("not poisoned");
            let waited = Duration::try_from(at.duration_since(held.0)).expect("forward");
            held.0 = at;
            held.1.push(waited);
        }
    }

    /// A die that always shows the same byte.
    struct Loaded(u8);

    impl Random for Loaded {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn run(die: u8, answers: Vec<Result<u8>>) -> (Result<u8>, Vec<Duration>, usize) {
        let clock = Arc::new(Jumping(Mutex::new((Timestamp::UNIX_EPOCH, Vec::new()))));
        let policy = RetryPolicy { attempts_max: 4, ..RetryPolicy::default() };
        let retrier = Retrier::new(clock.clone(), Arc::new(Loaded(die)), policy);
        let left = answers.len();
        let answers = Mutex::new(answers.into_iter());
        let result = retrier
            .read(|| async { answers.lock().expect("not poisoned").next().expect("no more calls than answers") })
            .now_or_never()
            .expect("the clock jumps");
        let made = left - answers.lock().expect("not poisoned").len();
        let waits = clock.0.lock().expect("not poisoned").1.clone();
        (result, waits, made)
    }

    fn down() -> Result<u8> {
        Err(Error::from_service("list_keys", 503, "ServiceUnavailable", "down").with("region", "us-ashburn-1"))
    }

    #[test]
    fn a_read_is_made_again_until_it_succeeds() {
        let (result, waits, _) = run(255, vec![down(), down(), Ok(7)]);
        assert_eq!(result.expect("the third answer"), 7);
        assert_eq!(waits, [Duration::from_millis(500), Duration::from_secs(1)]);
    }

    #[test]
    fn jitter_goes_down_to_nothing() {
        let (result, waits, _) = run(0, vec![down(), Ok(7)]);
        assert!(result.is_ok());
        assert_eq!(waits, [Duration::ZERO]);
    }

    #[test]
    fn retry_after_is_respected() {
        let throttled = Error::from_service("list_keys", 429, "TooManyRequests", "slow down");
        let (result, waits, _) = run(255, vec![Err(throttled.retry_later(Some(Duration::from_secs(9)))), Ok(7)]);
        assert!(result.is_ok());
        assert_eq!(waits, [Duration::from_secs(9)]);
    }

    #[test]
    fn a_retry_after_beyond_the_cap_is_handed_up_at_once() {
        let hour = Some(Duration::from_secs(3600));
        let throttled = Error::from_service("list_keys", 429, "TooManyRequests", "slow down").retry_later(hour);
        let (result, waits, made) = run(255, vec![Err(throttled), Ok(7)]);
        let error = result.expect_err("an hour is not a moment");
        assert_eq!(
            (error.kind(), error.retry(), error.status()),
            (ErrorKind::Throttled, Retry::Later(hour), Some(429))
        );
        assert_eq!((waits.len(), made), (0, 1));
    }

    #[test]
    fn spent_attempts_say_exhausted_and_keep_the_last_error() {
        let (result, waits, made) = run(255, vec![down(), down(), down(), down(), Ok(7)]);
        let error = result.expect_err("four attempts");
        assert_eq!((error.kind(), error.status(), error.operation()), (ErrorKind::Exhausted, Some(503), "list_keys"));
        assert!(error.to_string().contains("gave up after 4 attempts: down"), "{error}");
        assert!(error.to_string().contains("region us-ashburn-1"), "{error}");
        assert_eq!((waits.len(), made), (3, 4));
    }

    #[test]
    fn what_would_fail_again_is_not_tried_again() {
        for (status, code) in [(404, "NotAuthorizedOrNotFound"), (401, "NotAuthenticated"), (412, "NoEtagMatch")] {
            let (result, _, made) = run(255, vec![Err(Error::from_service("get_key", status, code, "")), Ok(7)]);
            assert_eq!((result.expect_err("final").status(), made), (Some(status), 1));
        }
    }

    #[test]
    fn layers_do_not_multiply() {
        let throttled = Error::from_service("list_keys", 429, "TooManyRequests", "slow down");
        for (last, kind) in [(down().expect_err("an error"), ErrorKind::Exhausted), (throttled, ErrorKind::Throttled)] {
            let (result, waits, made) = run(255, vec![Err(exhausted(last, 4, None)), Ok(7)]);
            let error = result.expect_err("already tried");
            assert_eq!((error.kind(), waits.len(), made), (kind, 0, 1));
            assert_eq!(error.message().matches("gave up after 4 attempts").count(), 1, "{error}");
        }
    }
}
