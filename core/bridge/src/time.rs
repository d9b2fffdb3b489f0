//! Virtual time for calls over a World: when nothing can go on, the clock jumps to the next instant somebody waits for.
//!
//! Several calls may share one World. Time passes only when all of them wait, and never while a host's port is asked:
//! what a host does takes no time in a World.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use keywheel::memory::ManualClock;

use crate::foreign::Abroad;

/// The time of one World and everybody who lives by it.
pub(crate) struct Time {
    clock: ManualClock,
    pub(crate) abroad: Arc<Abroad>,
    waiting: Mutex<Vec<Arc<Flag>>>,
}

/// Whether a call can go on, and the task that would take it on.
struct Flag {
    is_woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Flag {
    fn task(&self) -> MutexGuard<'_, Option<Waker>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rouse(&self) {
        if let Some(task) = self.task().as_ref() {
            task.wake_by_ref();
        }
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.rouse();
    }
}

impl Time {
    pub(crate) fn new(clock: ManualClock) -> Arc<Self> {
        Arc::new(Self { clock, abroad: Arc::default(), waiting: Mutex::default() })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Flag>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `work`, living by this time.
    pub(crate) fn passing<F: Future>(self: &Arc<Self>, work: F) -> Passing<F> {
        let flag = Arc::new(Flag { is_woken: AtomicBool::new(true), task: Mutex::default() });
        self.waiting().push(Arc::clone(&flag));
        Passing { time: Arc::clone(self), flag, work: Box::pin(work) }
    }
}

/// A call that lives by virtual time.
pub(crate) struct Passing<F> {
    time: Arc<Time>,
    flag: Arc<Flag>,
    work: Pin<Box<F>>,
}

impl<F: Future> Future for Passing<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        *this.flag.task() = Some(context.waker().clone());
        let waker = Waker::from(Arc::clone(&this.flag));
        loop {
            while this.flag.is_woken.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(value) = this.work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return Poll::Ready(value);
                }
            }
            // Held until the clock was turned: of several that find nothing to do, one turns it.
            let waiting = this.time.waiting();
            let can_go_on = waiting.iter().any(|flag| flag.is_woken.load(Ordering::SeqCst));
            if can_go_on || !this.time.abroad.is_empty() {
                drop(waiting);
                if this.flag.is_woken.load(Ordering::SeqCst) {
                    continue;
                }
                return Poll::Pending;
            }
            match this.time.clock.next_deadline() {
                Some(deadline) => this.time.clock.advance_to(deadline),
                // Whatever it waits for will wake it: a thread of ours, or another call.
                None => return Poll::Pending,
            }
        }
    }
}

impl<F> Drop for Passing<F> {
    fn drop(&mut self) {
        let mut waiting = self.time.waiting();
        waiting.retain(|flag| !Arc::ptr_eq(flag, &self.flag));
        // The others may have waited for this one.
        for flag in waiting.iter() {
            flag.rouse();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keywheel::ports::Clock as _;

    use super::*;

    #[allow(clippy::disallowed_methods, reason = "two calls beside each other need two tasks")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn hours_pass_at_once_and_in_order() {
        let start = "2026-11-22T12:00:00Z".parse().expect("an instant");
        let clock = ManualClock::new(start);
        let time = Time::new(clock.clone());
        let sleeper = |hours: u64| {
            let clock = clock.clone();
            tokio::spawn(time.passing(async move {
                clock.sleep_until(start + Duration::from_secs(3600 * hours)).await;
                clock.now()
            }))
        };
        let (late, soon) = (sleeper(5), sleeper(2));
        assert_eq!(soon.await.expect("it wakes"), start + Duration::from_secs(7200));
        assert_eq!(late.await.expect("it wakes"), start + Duration::from_secs(18_000));
        assert!(time.waiting().is_empty());
    }
}
