use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::RetryPolicyError;

/// One retry, in the smallest unit that is counted.
const RETRY: u64 = 1_000_000_000;

/// What is saved up is at most what this many calls pay in.
const SAVED_CALLS: u64 = 1000;

/// A budget of retries that many calls share, so that a server in trouble does not get a multiple of its usual load.
///
/// Every call pays in `ratio` of a retry, and every retry takes one out; a retry that led to a success is paid back.
/// What is left unused is kept, up to what 1000 calls pay in. Beside it `min_per_second` retries are allowed in any case,
/// so that a client with few calls can retry too. A call that finds nothing left stops for
/// [`Stopped::Budget`](tower_intake_core::Stopped::Budget). Waits for layers of ours that refused take nothing: nothing was
/// sent.
///
/// Clones share one budget; that is one shared write for each call, which without a budget there is not.
///
/// ```
/// use tower_intake_retry::{RetryBudget, RetryPolicy};
///
/// let budget = RetryBudget::new(0.2, 10)?; // a retry for every five calls, and ten a second
/// let policy = RetryPolicy::builder().budget(budget.clone()).build()?;
/// # let _ = policy;
/// # Ok::<(), tower_intake_retry::RetryPolicyError>(())
/// ```
#[derive(Clone)]
pub struct RetryBudget(Arc<Shared>);

struct Shared {
    pays: u64,
    saved: AtomicU64,
    floor: Mutex<Floor>,
}

/// A bucket that fills up within a second.
#[derive(Debug)]
struct Floor {
    per_second: u64,
    left: u64,
    /// When it was filled last; `None`: full since ever.
    at: Option<Instant>,
}

impl RetryBudget {
    /// `ratio` retries for each call, 0 to 10, and `min_per_second` beside them.
    ///
    /// # Errors
    /// A ratio that is not between 0 and 10.
    pub fn new(ratio: f64, min_per_second: u32) -> Result<Self, RetryPolicyError> {
        if !(0.0..=10.0).contains(&ratio) {
            return Err(RetryPolicyError::new("budget.ratio", format!("{ratio} must be between 0 and 10")));
        }
        // rounded up, so that N calls at 1/N pay for a whole retry
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 10 · 10⁹
        let pays = (ratio * RETRY as f64).ceil() as u64;
        let per_second = u64::from(min_per_second);
        let floor = Floor { per_second, left: per_second * RETRY, at: None };
        Ok(Self(Arc::new(Shared { pays, saved: AtomicU64::new(0), floor: Mutex::new(floor) })))
    }

    /// A call begins.
    pub(crate) fn pay_in(&self) {
        self.save(self.0.pays);
    }

    /// A retry is wanted; false if there is none left.
    pub(crate) fn take(&self, now: Instant) -> bool {
        let taken =
            self.0.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(RETRY));
        taken.is_ok() || self.0.floor.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }

    /// So many retries led to a success.
    pub(crate) fn pay_back(&self, retries: u32) {
        self.save(RETRY.saturating_mul(retries.into()));
    }

    fn save(&self, amount: u64) {
        let most = (self.0.pays * SAVED_CALLS).max(RETRY);
        let add = |saved: u64| Some(saved.saturating_add(amount).min(most));
        // never fails: the closure always gives a value
        let _ = self.0.saved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl Floor {
    fn take(&mut self, now: Instant) -> bool {
        let since = self.at.map_or(0, |at| now.saturating_duration_since(at).as_nanos());
        let earned = u64::try_from(since).unwrap_or(u64::MAX).saturating_mul(self.per_second);
        // RETRY is 10⁹, so a nanosecond earns `per_second` units
        self.left = self.left.saturating_add(earned).min(self.per_second * RETRY);
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
        match self.left.checked_sub(RETRY) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let saved = self.0.saved.load(Ordering::Relaxed) as f64 / RETRY as f64;
        f.debug_struct("RetryBudget").field("saved", &saved).finish_non_exhaustive()
    }
}
