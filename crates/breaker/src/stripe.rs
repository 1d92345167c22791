//! What a thread knows: its stripe, and where it counted last.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use crate::window::Place;

/// More threads than this share stripes; each costs a cache line or two a server.
const MOST: usize = 16;

/// How many stripes this machine is worth, a power of two.
pub(crate) fn count() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    threads.next_power_of_two().min(MOST)
}

struct Thread {
    stripe: Cell<usize>,
    ring: Cell<u64>,
    ends: Cell<Option<Instant>>,
    place: Cell<Place>,
}

const NONE: usize = usize::MAX;

thread_local! {
    static THREAD: Thread = const {
        Thread { stripe: Cell::new(NONE), ring: Cell::new(0), ends: Cell::new(None), place: Cell::new(Place::NOWHERE) }
    };
}

/// Names one ring of buckets; never used twice.
pub(crate) fn name() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The number of the thread that asks; a stripe is this modulo their count.
pub(crate) fn mine() -> usize {
    THREAD.with(|thread| match thread.stripe.get() {
        NONE => first(thread),
        stripe => stripe,
    })
}

#[cold]
fn first(thread: &Thread) -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread.stripe.set(NEXT.fetch_add(1, Ordering::Relaxed) % MOST);
    thread.stripe.get()
}

/// Where this thread counts a call that ends at `now`, in the ring called `ring`. `find` gives the place with its end;
/// it is asked once a bucket, because to subtract two `Instant`s and divide costs more than the rest of a success.
#[inline]
pub(crate) fn place(ring: u64, now: Instant, find: impl FnOnce() -> (Place, Option<Instant>)) -> Place {
    THREAD.with(|thread| {
        if thread.ring.get() == ring
            && let Some(ends) = thread.ends.get()
            && now < ends
        {
            return thread.place.get();
        }
        let (place, ends) = find();
        thread.ring.set(ring);
        thread.ends.set(ends);
        thread.place.set(place);
        place
    })
}
