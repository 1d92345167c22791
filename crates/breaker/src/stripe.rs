use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads than this share stripes; each costs a cache line or two a server.
const MOST: usize = 16;

/// How many stripes this machine is worth, a power of two.
pub(crate) fn count() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    threads.next_power_of_two().min(MOST)
}

/// The number of the thread that asks; a stripe is this modulo their count.
pub(crate) fn mine() -> usize {
    const NONE: usize = usize::MAX;
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(NONE) };
    }
    MINE.with(|mine| {
        if mine.get() == NONE {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % MOST);
        }
        mine.get()
    })
}
