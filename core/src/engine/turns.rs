//! Turns: how many keys are worked on at once when many are due, and how a key that only waits makes room.
//!
//! First come, first served. Nothing here knows a rotation, and nothing is decided here but who goes next. A turn that is
//! dropped, anywhere, goes to whoever waits longest.

use std::collections::VecDeque;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

#[derive(Debug)]
struct Queue {
    free: usize,
    waiting: VecDeque<oneshot::Sender<Slot>>,
}

/// So many keys at once; the others wait in line. Clones share the line.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Mutex<Queue>>);

/// The right to work. Dropping it hands it on.
#[derive(Debug)]
struct Slot(Arc<Mutex<Queue>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Neither a queue nor a count can be left half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Turns {
    /// Room for this many at once.
    #[must_use]
    pub fn of(at_once: NonZeroUsize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: at_once.get(), waiting: VecDeque::new() })))
    }

    /// Waits in line; returns when it is this key's turn.
    pub async fn next(&self) -> Turn {
        let slot = self.slot().await;
        Turn { line: Some(self.clone()), standing: Mutex::new(Standing { workers: 1, slot: Some(slot) }) }
    }

    async fn slot(&self) -> Slot {
        let receiver = {
            let mut queue = locked(&self.0);
            if queue.free > 0 {
                queue.free -= 1;
                return Slot(Arc::clone(&self.0));
            }
            let (sender, receiver) = oneshot::channel();
            queue.waiting.push_back(sender);
            receiver
        };
        receiver.await.expect("whoever waits is served or dropped; the line outlives it")
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let next = {
            let mut queue = locked(&self.0);
            let next = queue.waiting.pop_front();
            if next.is_none() {
                queue.free += 1;
            }
            next
        };
        if let Some(next) = next {
            // Whoever waited may have gone; the slot comes back then, and is dropped: the next in line gets it.
            drop(next.send(Self(Arc::clone(&self.0))));
        }
    }
}

/// One key's turn, shared by all that works for the key: its rotation's driver, or the drivers of its pages.
#[derive(Debug)]
pub struct Turn {
    /// `None`: nobody else waits.
    line: Option<Turns>,
    standing: Mutex<Standing>,
}

#[derive(Debug)]
struct Standing {
    workers: usize,
    slot: Option<Slot>,
}

impl Turn {
    /// The turn of a key that nobody waits beside.
    #[must_use]
    pub fn alone() -> Self {
        Self { line: None, standing: Mutex::new(Standing { workers: 1, slot: None }) }
    }

    /// Waits for something that needs no turn, a time or another runner, and stands in line again afterwards.
    pub(super) async fn rest<T>(&self, wait: impl Future<Output = T>) -> T {
        let resting = Resting::of(self);
        let value = wait.await;
        drop(resting);
        self.stand_in_line().await;
        value
    }

    /// While this is held, whoever drives the rotation leaves the work to others who hold the same turn.
    pub(super) fn hand_over(&self) -> Resting<'_> {
        Resting::of(self)
    }

    /// One more that works under this turn, until it is dropped.
    pub(super) fn join(&self) -> Worker<'_> {
        locked(&self.standing).workers += 1;
        Worker(self)
    }

    /// Waits until the key has a turn again, if it has none.
    pub(super) async fn stand_in_line(&self) {
        let Some(line) = &self.line else { return };
        if locked(&self.standing).slot.is_some() {
            return;
        }
        let slot = line.slot().await;
        let mut standing = locked(&self.standing);
        let spare = if standing.slot.is_none() { standing.slot.replace(slot) } else { Some(slot) };
        drop(standing);
        // Two that worked for one key stood in line: one turn is enough.
        drop(spare);
    }

    fn leave(&self) {
        let mut standing = locked(&self.standing);
        standing.workers -= 1;
        let slot = if standing.workers == 0 { standing.slot.take() } else { None };
        drop(standing);
        drop(slot);
    }
}

/// Somebody who does not work for now.
pub(super) struct Resting<'t>(&'t Turn);

impl<'t> Resting<'t> {
    fn of(turn: &'t Turn) -> Self {
        turn.leave();
        Self(turn)
    }
}

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        locked(&self.0.standing).workers += 1;
    }
}

/// Somebody who works under a turn.
pub(super) struct Worker<'t>(&'t Turn);

impl Worker<'_> {
    /// As [`Turn::stand_in_line`].
    pub(super) async fn stand_in_line(&self) {
        self.0.stand_in_line().await;
    }

    /// As [`Turn::rest`].
    pub(super) async fn rest<T>(&self, wait: impl Future<Output = T>) -> T {
        self.0.rest(wait).await
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt as _;

    use super::*;

    fn turns(at_once: usize) -> Turns {
        Turns::of(NonZeroUsize::new(at_once).expect("not zero"))
    }

    #[test]
    fn whoever_waits_longest_goes_next() {
        let turns = turns(1);
        let first = turns.next().now_or_never().expect("there is room");
        let (mut second, mut third) = (pin!(turns.next()), pin!(turns.next()));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        assert!((&mut third).now_or_never().is_none(), "it came later");
        assert!((&mut second).now_or_never().is_some());
        assert!(third.now_or_never().is_some(), "the second has ended");
    }

    #[test]
    fn a_key_that_only_waits_makes_room_and_stands_in_line_again() {
        let turns = turns(1);
        let first = turns.next().now_or_never().expect("there is room");
        let (wake, woken) = oneshot::channel::<()>();
        let mut resting = pin!(first.rest(woken));
        assert!((&mut resting).now_or_never().is_none());
        let second = turns.next().now_or_never().expect("the first rests");
        wake.send(()).expect("it waits");
        assert!((&mut resting).now_or_never().is_none(), "it is the second's turn");
        drop(second);
        assert!(resting.now_or_never().is_some());
    }

    #[test]
    fn the_turn_is_kept_while_anybody_works_under_it() {
        let turns = turns(1);
        let turn = turns.next().now_or_never().expect("there is room");
        let (one, other) = (turn.join(), turn.join());
        let driver = turn.hand_over();
        let mut rests = pin!(one.rest(std::future::pending::<()>()));
        assert!((&mut rests).now_or_never().is_none());
        assert!(turns.next().now_or_never().is_none(), "the other page works");
        drop(other);
        assert!(turns.next().now_or_never().is_some(), "nobody works");
        drop(driver);
    }

    #[test]
    fn whoever_is_dropped_in_line_holds_nobody_up() {
        let turns = turns(1);
        let first = turns.next().now_or_never().expect("there is room");
        let mut gone = Vec::new();
        for _ in 0..100 {
            let mut waits = Box::pin(turns.next());
            assert!((&mut waits).now_or_never().is_none());
            gone.push(waits);
        }
        // One of them is served already when it goes.
        let served = gone.remove(0);
        gone.clear();
        drop(first);
        drop(served);
        assert!(turns.next().now_or_never().is_some());
    }
}
