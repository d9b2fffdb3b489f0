//! The runtime that every door of a process shares, and calls on their way through it.
//!
//! Made when it is first needed, never in the caller's threads, and of no use after a fork: threads do not come
//! along. A call that is given up is dropped where it stands; that is a crash, and a crash is safe.
#![allow(clippy::disallowed_methods, reason = "calls run on threads of our own, never on the host's")]

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use futures_util::FutureExt as _;

use crate::{Answer, Failure, panicked};

/// Threads that drive rotations: what they do is wait, and sign.
const THREADS: usize = 2;

/// The process's runtime; a forked child finds its parent's here and leaves it alone.
static CURRENT: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);

/// Threads of our own, and the process they live in.
pub(crate) struct Runtime {
    tokio: Mutex<Option<tokio::runtime::Runtime>>,
    handle: tokio::runtime::Handle,
    process: u32,
}

impl Runtime {
    /// The runtime of this process.
    pub(crate) fn current() -> Result<Arc<Self>, Box<Failure>> {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = current.as_ref().filter(|runtime| runtime.process == std::process::id()) {
            return Ok(Arc::clone(runtime));
        }
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("keywheel")
            .enable_all()
            .build()
            .map_err(|error| Failure::unavailable("runtime", format!("no threads to be had: {error}")))?;
        let handle = tokio.handle().clone();
        let made = Arc::new(Self { tokio: Mutex::new(Some(tokio)), handle, process: std::process::id() });
        // The parent's threads do not exist here: to wait for them, as a drop would, is to wait for ever.
        std::mem::forget(current.replace(Arc::clone(&made)));
        Ok(made)
    }

    pub(crate) fn handle(&self) -> &tokio::runtime::Handle {
        &self.handle
    }

    /// Runs `work` in this thread, as a guest of ours: for what must not be moved between threads.
    pub(crate) fn enter<T>(&self, method: &str, work: impl Future<Output = T>) -> Result<T, Box<Failure>> {
        self.check(method)?;
        let run = AssertUnwindSafe(|| self.handle.block_on(work));
        std::panic::catch_unwind(run).map_err(|panic| panicked(method, &*panic))
    }

    fn check(&self, method: &str) -> Result<(), Box<Failure>> {
        if self.process != std::process::id() {
            let why = "this rotator was made before a fork; its threads did not come along: make one in this process \
                       (multiprocessing: use the start method \"spawn\")";
            return Err(Failure::refused(method, why.to_owned()));
        }
        if self.tokio.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(Failure::refused(method, "keywheel was shut down with its process".to_owned()));
        }
        Ok(())
    }

    /// Starts `work`; `done` is called exactly once, on one of our threads or, if there is nothing to start, here.
    pub(crate) fn start(
        &self,
        method: &str,
        work: impl Future<Output = Answer> + Send + 'static,
        done: impl FnOnce(Answer) + Send + 'static,
    ) -> Call {
        let mut told = Told { done: Some(done), method: method.to_owned() };
        if let Err(failure) = self.check(method) {
            told.tell(Err(failure));
            return Call(None);
        }
        let task = async move {
            let answer = AssertUnwindSafe(work).catch_unwind().await;
            let answer = answer.unwrap_or_else(|panic| Err(panicked(&told.method, &*panic)));
            told.tell(answer);
        };
        Call(Some(self.handle.spawn(task).abort_handle()))
    }

    /// Runs `work` on our threads while this one waits.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        method: &str,
        work: impl Future<Output = Result<T, Box<Failure>>> + Send + 'static,
    ) -> Result<T, Box<Failure>> {
        self.check(method)?;
        let (sender, receiver) = mpsc::channel();
        self.handle.spawn(async move {
            let result = AssertUnwindSafe(work).catch_unwind().await;
            // The caller waits below.
            let _ = sender.send(result);
        });
        match receiver.recv() {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(panicked(method, &*panic)),
            Err(mpsc::RecvError) => Err(given_up(method)),
        }
    }
}

/// Gives up every call of this process and stops its threads. Later calls are refused. Waits for two seconds at most.
pub fn shutdown() {
    let current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(runtime) = current.filter(|runtime| runtime.process == std::process::id()) else { return };
    let tokio = runtime.tokio.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(tokio) = tokio {
        tokio.shutdown_timeout(Duration::from_secs(2));
    }
}

/// A call on its way.
#[derive(Debug)]
pub struct Call(Option<tokio::task::AbortHandle>);

impl Call {
    /// Gives the call up where it stands. Its `done` is told so, unless it was told an answer before.
    pub fn cancel(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Whoever waits for an answer, who must hear something even if the call is dropped half-way.
struct Told<F: FnOnce(Answer)> {
    done: Option<F>,
    method: String,
}

impl<F: FnOnce(Answer)> Told<F> {
    fn tell(&mut self, answer: Answer) {
        if let Some(done) = self.done.take() {
            done(answer);
        }
    }
}

impl<F: FnOnce(Answer)> Drop for Told<F> {
    fn drop(&mut self) {
        let given_up = given_up(&self.method);
        self.tell(Err(given_up));
    }
}

fn given_up(method: &str) -> Box<Failure> {
    let why = "the call was given up where it stood; what it did is in the journal, and `resume` goes on from there";
    Box::new(Failure { landed: "maybe".to_owned(), ..*Failure::unavailable(method, why.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_given_up_tells_whoever_waits() {
        let runtime = Runtime::current().expect("threads");
        let (sender, receiver) = mpsc::channel();
        let call = runtime.start("due", std::future::pending(), move |answer| drop(sender.send(answer)));
        call.cancel();
        let failure = receiver.recv().expect("it is told").expect_err("nothing was answered");
        assert_eq!((failure.kind.as_str(), failure.landed.as_str()), ("unavailable", "maybe"));
        assert!(failure.message.contains("resume"), "{}", failure.message);
    }

    #[test]
    fn a_panic_on_our_threads_arrives_as_a_bug() {
        let runtime = Runtime::current().expect("threads");
        let failure = runtime.wait::<()>("due", async { panic!("a broken invariant") }).expect_err("it panicked");
        assert_eq!((failure.kind.as_str(), failure.operation.as_str()), ("bug", "due"));
        let (sender, receiver) = mpsc::channel();
        runtime.start("due", async { panic!("another") }, move |answer| drop(sender.send(answer)));
        assert_eq!(receiver.recv().expect("it is told").expect_err("it panicked").kind, "bug");
    }
}
