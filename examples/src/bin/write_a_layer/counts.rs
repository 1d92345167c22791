//! The handle: what all services of a layer have counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tower_intake_core::Outcome;

/// Counts of outcomes. Clones are the same counts; make another to keep things apart.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// One for each service that lives.
    local: Vec<Arc<Local>>,
    /// The sum of those that are gone.
    gone: [u64; ENTRIES],
}

/// The counters of one service and its clones: a service that nobody else clones shares no cache line.
#[derive(Debug, Default)]
pub(crate) struct Local([AtomicU64; ENTRIES]);

const ENTRIES: usize = 8;
const CANCELLED: usize = 0;

/// An outcome that core learns of later is counted with the others of its kind.
fn entry(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Success => 1,
        Outcome::Throttled => 2,
        Outcome::Transient => 3,
        Outcome::Unauthorized => 4,
        Outcome::Permanent => 5,
        Outcome::Refused => 6,
        _ => 7,
    }
}

impl Counts {
    /// All zero.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// How many came to `outcome`.
    pub(crate) fn of(&self, outcome: Outcome) -> u64 {
        self.sums()[entry(outcome)]
    }

    /// How many were dropped before they ended.
    pub(crate) fn cancelled(&self) -> u64 {
        self.sums()[CANCELLED]
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.sums().iter().sum()
    }

    /// Counters for a new service.
    pub(crate) fn local(&self) -> Arc<Local> {
        let mut state = self.state();
        let State { local, gone } = &mut *state;
        // what only we still hold is written no more
        local.retain(|local| {
            let lives = Arc::strong_count(local) > 1;
            if !lives {
                add(gone, local);
            }
            lives
        });
        let new = Arc::new(Local::default());
        local.push(Arc::clone(&new));
        new
    }

    fn sums(&self) -> [u64; ENTRIES] {
        let state = self.state();
        let mut sums = state.gone;
        state.local.iter().for_each(|local| add(&mut sums, local));
        sums
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Local {
    pub(crate) fn count(&self, outcome: Outcome) {
        self.0[entry(outcome)].fetch_add(1, Relaxed);
    }

    pub(crate) fn count_cancelled(&self) {
        self.0[CANCELLED].fetch_add(1, Relaxed);
    }
}

fn add(sums: &mut [u64; ENTRIES], local: &Local) {
    for (sum, count) in sums.iter_mut().zip(&local.0) {
        *sum += count.load(Relaxed);
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counts").field("total", &self.total()).finish_non_exhaustive()
    }
}
