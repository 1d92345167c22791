use std::mem::take;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::door::Door;
use crate::machine::Reopen;
use crate::policy::Policy;

/// What all keys of one gate share.
#[derive(Debug)]
pub(crate) struct Common {
    /// How many keys are closed, paced or reopening. While it is 0 nothing else is asked.
    busy: AtomicUsize,
    waiting: AtomicUsize,
    pub(crate) policy: Policy,
    pub(crate) reopen: Reopen,
    pub(crate) lease: Duration,
    pub(crate) max_wait: Option<Duration>,
    max_waiters: usize,
    /// Doors whose time nobody keeps, because they changed outside any runtime or theirs has ended.
    undriven: Mutex<Vec<Weak<Door>>>,
    any_undriven: AtomicBool,
}

impl Common {
    pub(crate) fn new(
        policy: Policy,
        reopen: Reopen,
        lease: Duration,
        max_wait: Option<Duration>,
        max_waiters: usize,
    ) -> Self {
        Self {
            busy: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            policy,
            reopen,
            lease,
            max_wait,
            max_waiters,
            undriven: Mutex::new(Vec::new()),
            any_undriven: AtomicBool::new(false),
        }
    }

    /// Whether every key is open.
    #[inline]
    pub(crate) fn all_open(&self) -> bool {
        self.busy.load(Ordering::Acquire) == 0
    }

    pub(crate) fn one_more_busy(&self) {
        self.busy.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn one_less_busy(&self) {
        self.busy.fetch_sub(1, Ordering::Release);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn undriven(&self, door: Weak<Door>) {
        let mut undriven = self.undriven.lock().unwrap_or_else(PoisonError::into_inner);
        // whoever asks from outside a runtime may ask again and again
        undriven.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&door));
        undriven.push(door);
        drop(undriven);
        self.any_undriven.store(true, Ordering::Release);
    }

    /// Finds a runtime for those that have none: the one we are in.
    pub(crate) fn drive_all(&self) {
        if self.any_undriven.load(Ordering::Acquire) && self.any_undriven.swap(false, Ordering::AcqRel) {
            let doors = take(&mut *self.undriven.lock().unwrap_or_else(PoisonError::into_inner));
            for door in doors.into_iter().filter_map(|door| door.upgrade()) {
                door.nudge();
            }
        }
    }
}

/// One of the places for those who wait; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place(Arc<Common>);

impl Place {
    pub(crate) fn take(common: &Arc<Common>) -> Option<Self> {
        let before = common.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(common));
        (before < common.max_waiters).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
