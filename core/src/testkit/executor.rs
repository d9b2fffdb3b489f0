//! Running futures in virtual time: poll what was woken, and when nothing is, move the clock.
//!
//! Deterministic: tasks are polled in order, the clock jumps to the next deadline, nothing waits for real.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::memory::ManualClock;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Runs one future to its end.
///
/// # Panics
/// If it waits for something that will never come: a deadlock is a failed test.
pub fn run<T>(clock: &ManualClock, future: impl Future<Output = T>) -> T {
    run_until(clock, future, || false).expect("nothing stops this run")
}

/// Runs one future until it ends or `stop` says so (`None`); then it is dropped where it stands: a crash.
pub fn run_until<T>(clock: &ManualClock, future: impl Future<Output = T>, stop: impl Fn() -> bool) -> Option<T> {
    let mut future = pin!(future);
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut context = Context::from_waker(&waker);
    loop {
        while flag.0.swap(false, Ordering::SeqCst) {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            if stop() {
                return None;
            }
        }
        let deadline = clock.next_deadline().expect("a task waits, but not for time: it would hang for ever");
        clock.advance_to(deadline);
    }
}

/// A task that runs beside others.
pub type Task<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs several tasks beside each other, in order, until all have ended.
pub fn run_all<T>(clock: &ManualClock, tasks: Vec<Task<'_, T>>) -> Vec<T> {
    let mut tasks: Vec<_> =
        tasks.into_iter().map(|task| (Some(task), Arc::new(Flag(AtomicBool::new(true))), None)).collect();
    loop {
        let mut moved = false;
        for (task, flag, result) in &mut tasks {
            let Some(running) = task.as_mut().filter(|_| flag.0.swap(false, Ordering::SeqCst)) else { continue };
            moved = true;
            let waker = Waker::from(Arc::clone(flag));
            if let Poll::Ready(value) = running.as_mut().poll(&mut Context::from_waker(&waker)) {
                *result = Some(value);
                *task = None;
            }
        }
        if tasks.iter().all(|(task, ..)| task.is_none()) {
            return tasks.into_iter().map(|(_, _, result)| result.expect("an ended task has a result")).collect();
        }
        if !moved {
            let deadline = clock.next_deadline().expect("tasks wait, but not for time: they would hang for ever");
            clock.advance_to(deadline);
        }
    }
}
