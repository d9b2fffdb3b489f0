//! One answer from the journal's thread to a waiting future, on any executor.
//!
//! Knows nothing of what is answered. A sender that is dropped without an answer wakes the receiver with `None`.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

struct Slot<T> {
    answer: Option<T>,
    is_closed: bool,
    waker: Option<Waker>,
}

/// The half that answers.
pub(super) struct Sender<T>(Arc<Mutex<Slot<T>>>);

/// The half that waits.
pub(super) struct Receiver<T>(Arc<Mutex<Slot<T>>>);

pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Mutex::new(Slot { answer: None, is_closed: false, waker: None }));
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

impl<T> Sender<T> {
    /// Answers; nobody may be listening any more.
    pub(super) fn send(self, answer: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answer = Some(answer);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            slot.is_closed = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.answer.is_some() || slot.is_closed {
            return Poll::Ready(slot.answer.take());
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
