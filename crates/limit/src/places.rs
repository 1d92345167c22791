//! A counted number of places and, once they are taken, a queue before them.
//!
//! tokio's `Semaphore` would do, at a mutex each time a place comes back and an allocation each time one is
//! taken for longer than a borrow. Here both are one compare-and-swap of one word, as long as nobody waits.

#[cfg(all(test, intake_loom))]
mod loom_tests;
#[cfg(all(test, not(intake_loom)))]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

#[cfg(all(test, intake_loom))]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};
#[cfg(not(all(test, intake_loom)))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

/// Set in the word while somebody waits: a place that comes back is theirs.
const QUEUED: usize = 1;
/// One place taken.
const PLACE: usize = 2;

/// The places of one limit.
///
/// What keeps a wake-up from being lost: the bit `QUEUED` changes only under the lock of the queue, and is
/// set exactly when the queue is not empty. It is set in the same step in which no place was seen to be free.
/// So whoever gives a place back either did it before that step, and the newcomer takes the place, or meets
/// the bit, and comes to the lock to hand the place over. While the bit is set every place is taken: a place
/// is handed to the first who waits and is never free in between, so nobody can overtake.
pub(crate) struct Places {
    /// `PLACE` for each place taken, and `QUEUED`.
    word: AtomicUsize,
    max: usize,
    max_waiters: usize,
    queue: Mutex<Queue>,
}

struct Queue {
    /// The number of the next who comes; in 64 bits it does not come round.
    next: u64,
    /// In order of arrival. Who was given a place stands here no more.
    waiters: BTreeMap<u64, Option<Waker>>,
}

/// What came of asking for a place.
pub(crate) enum Asked {
    /// There was one.
    Taken(Permit),
    /// There will be one.
    Queued(Ticket),
    /// There is not even room to wait.
    Full,
}

impl Places {
    /// The most that can be counted beside the bit.
    pub(crate) const MOST: usize = usize::MAX / PLACE;

    /// `max` places, from 1 to [`MOST`](Self::MOST), and room for `max_waiters` before them.
    pub(crate) fn new(max: usize, max_waiters: usize) -> Self {
        let queue = Mutex::new(Queue { next: 0, waiters: BTreeMap::new() });
        Self { word: AtomicUsize::new(0), max, max_waiters, queue }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.word.load(Ordering::Relaxed) / PLACE
    }

    /// How many wait for one.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiters.len()
    }

    /// Whether one who asked now would have to wait.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        !self.has_room(self.word.load(Ordering::Relaxed))
    }

    /// A place, if one is free.
    #[inline]
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Permit> {
        // Acquire, and Release where a place comes back: what one did in it happened before the next has it
        self.word
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
                self.has_room(word).then_some(word.wrapping_add(PLACE))
            })
            .ok()?;
        Some(Permit(Arc::clone(self)))
    }

    /// A place, or one's turn in the queue.
    #[cold]
    pub(crate) fn ask(self: &Arc<Self>) -> Asked {
        let mut queue = self.lock();
        let may_wait = queue.waiters.len() < self.max_waiters;
        let seen = self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, |word| {
            if self.has_room(word) {
                Some(word.wrapping_add(PLACE))
            } else {
                may_wait.then_some(word | QUEUED)
            }
        });
        match seen {
            Ok(word) if self.has_room(word) => Asked::Taken(Permit(Arc::clone(self))),
            Ok(_) => {
                let number = queue.next;
                queue.next += 1;
                queue.waiters.insert(number, None);
                Asked::Queued(Ticket { places: Some(Arc::clone(self)), number })
            }
            Err(_) => Asked::Full,
        }
    }

    #[inline]
    fn has_room(&self, word: usize) -> bool {
        // where somebody waits this is false too: every place is taken then
        word / PLACE < self.max
    }

    #[inline]
    fn give_back(&self) {
        let back = self.word.fetch_update(Ordering::Release, Ordering::Relaxed, |word| {
            (word & QUEUED == 0).then_some(word.wrapping_sub(PLACE))
        });
        if back.is_err() {
            self.hand_over();
        }
    }

    #[cold]
    fn hand_over(&self) {
        let mut queue = self.lock();
        let Some((_, waker)) = queue.waiters.pop_first() else {
            // the last who waited left before the lock was ours
            self.word.fetch_sub(PLACE, Ordering::Release);
            return;
        };
        self.note_if_empty(&queue);
        // A waker is foreign code, even where it is dropped: it may drop a future that waits here.
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether `number` still waits; `cx` is woken when it does no more.
    fn poll_turn(&self, number: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.lock();
        let Some(waker) = queue.waiters.get_mut(&number) else {
            return Poll::Ready(());
        };
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            let former = waker.replace(cx.waker().clone());
            drop(queue);
            drop(former);
        }
        Poll::Pending
    }

    /// Leaves the queue; false if a place has been handed over already.
    fn leave(&self, number: u64) -> bool {
        let mut queue = self.lock();
        let waker = queue.waiters.remove(&number);
        let waited = waker.is_some();
        if waited {
            self.note_if_empty(&queue);
        }
        drop(queue);
        drop(waker);
        waited
    }

    fn note_if_empty(&self, queue: &Queue) {
        if queue.waiters.is_empty() {
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places")
            .field("max", &self.max)
            .field("taken", &self.taken())
            .field("waiting", &self.waiting())
            .finish()
    }
}

/// A place that is taken; it comes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Places>);

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// A turn in the queue. Dropped, it leaves the queue, or gives back the place that it had been handed.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// `None` once it was turned into a permit or has left.
    places: Option<Arc<Places>>,
    number: u64,
}

impl Ticket {
    /// Waits for its turn.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Permit> {
        let Some(places) = &self.places else {
            return Poll::Pending;
        };
        match places.poll_turn(self.number, cx) {
            Poll::Ready(()) => self.places.take().map_or(Poll::Pending, |places| Poll::Ready(Permit(places))),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Stops waiting; a place, if one was handed over at the last moment.
    pub(crate) fn leave(&mut self) -> Option<Permit> {
        let places = self.places.take()?;
        if places.leave(self.number) { None } else { Some(Permit(places)) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(self.leave());
    }
}
