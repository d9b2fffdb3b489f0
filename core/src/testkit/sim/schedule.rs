//! The scheduler: several tasks beside each other in virtual time, in an order that the dice choose.
//!
//! Bounded twice: by virtual time, and by polls, so that a task that spins without time passing is found.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::dice::Dice;
use crate::memory::ManualClock;
use crate::model::Timestamp;

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A task that runs beside others.
pub(super) type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Why the tasks did not all end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    /// Somebody waits for something that never comes.
    Deadlock,
    /// Time was up.
    OutOfTime,
    /// Somebody spins.
    Spinning,
}

struct Slot<'a> {
    task: Option<Task<'a>>,
    flag: Arc<Flag>,
    waker: Waker,
}

/// Runs tasks until all have ended.
pub(super) fn run(
    clock: &ManualClock,
    tasks: Vec<Task<'_>>,
    dice: &Dice,
    until: Timestamp,
    polls_max: u64,
) -> Result<(), Stuck> {
    let mut slots: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let flag = Arc::new(Flag(AtomicBool::new(true)));
            Slot { task: Some(task), waker: Waker::from(Arc::clone(&flag)), flag }
        })
        .collect();
    let mut polls = 0;
    loop {
        let ready: Vec<usize> = (0..slots.len())
            .filter(|index| slots[*index].task.is_some() && slots[*index].flag.0.load(Ordering::SeqCst))
            .collect();
        if ready.is_empty() {
            if slots.iter().all(|slot| slot.task.is_none()) {
                return Ok(());
            }
            let Some(deadline) = clock.next_deadline() else { return Err(Stuck::Deadlock) };
            if deadline > until {
                return Err(Stuck::OutOfTime);
            }
            clock.advance_to(deadline);
            continue;
        }
        polls += 1;
        if polls > polls_max {
            return Err(Stuck::Spinning);
        }
        let slot = &mut slots[ready[if ready.len() == 1 { 0 } else { dice.index(ready.len()) }]];
        slot.flag.0.store(false, Ordering::SeqCst);
        let Some(task) = slot.task.as_mut() else { continue };
        if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&slot.waker)) {
            slot.task = None;
        }
    }
}
