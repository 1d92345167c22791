use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tower_intake_core::Deadline;

use crate::error::LimitError;
use crate::places::Places;

/// How many calls may be in flight at once: the state that layers share, and the operator's view of it.
///
/// Clones are the same limit; another limit is made anew. In flight is a call from the moment it has a place
/// until its answer's body has ended or been dropped, or the call failed or was dropped itself.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_limit::Limit;
///
/// let limit = Limit::builder().max(4).max_waiters(1_000).max_wait(Duration::from_secs(30)).build()?;
/// assert_eq!((limit.max(), limit.in_flight(), limit.waiting()), (4, 0, 0));
/// # Ok::<(), tower_intake_limit::LimitError>(())
/// ```
#[derive(Clone)]
pub struct Limit {
    places: Arc<Places>,
    max_wait: Option<Duration>,
}

impl Limit {
    /// At most `max` calls in flight, at least 1; the rest as [`builder`](Self::builder) has it.
    ///
    /// # Errors
    /// `max` is 0.
    pub fn fixed(max: usize) -> Result<Self, LimitError> {
        Self::builder().max(max).build()
    }

    /// A limit, setting by setting.
    pub fn builder() -> LimitBuilder {
        LimitBuilder {
            max: None,
            max_waiters: LimitBuilder::MAX_WAITERS,
            max_wait: Some(LimitBuilder::MAX_WAIT),
        }
    }

    /// How many calls may be in flight.
    pub fn max(&self) -> usize {
        self.places.max()
    }

    /// How many calls are in flight now; never more than [`max`](Self::max).
    pub fn in_flight(&self) -> usize {
        self.places.taken()
    }

    /// How many calls wait for a place now.
    pub fn waiting(&self) -> usize {
        self.places.waiting()
    }

    #[inline]
    pub(crate) fn places(&self) -> &Arc<Places> {
        &self.places
    }

    /// Until when a call that begins to wait at `now` may do so.
    pub(crate) fn wait_until(&self, now: Instant, deadline: Option<Deadline>) -> Option<Instant> {
        let patience = self.max_wait.map(|max_wait| Deadline::after(now, max_wait));
        patience.into_iter().chain(deadline).min().map(Deadline::instant)
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("max", &self.max())
            .field("in_flight", &self.in_flight())
            .field("waiting", &self.waiting())
            .field("max_wait", &self.max_wait)
            .finish()
    }
}

/// The settings of a [`Limit`]; made by [`Limit::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct LimitBuilder {
    max: Option<usize>,
    max_waiters: usize,
    max_wait: Option<Duration>,
}

impl LimitBuilder {
    /// How many calls may wait unless set otherwise.
    pub const MAX_WAITERS: usize = 100_000;
    /// How long a call may wait unless set otherwise: twelve hours, as in the gate.
    pub const MAX_WAIT: Duration = Duration::from_secs(43_200);

    /// How many calls may be in flight, at least 1. It has no default.
    pub fn max(mut self, max: usize) -> Self {
        self.max = Some(max);
        self
    }

    /// How many calls may wait for a place, each with its request in memory; one more is refused at once.
    /// 0: none waits. **100 000** by default.
    pub fn max_waiters(mut self, max_waiters: usize) -> Self {
        self.max_waiters = max_waiters;
        self
    }

    /// How long a call may wait for a place; zero: not at all, `None`: no bound but its
    /// [`Deadline`]. **43 200 s** by default.
    pub fn max_wait(mut self, max_wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max_wait.into();
        self
    }

    /// The limit.
    ///
    /// # Errors
    /// `max` is 0 or was not set.
    pub fn build(self) -> Result<Limit, LimitError> {
        let max = match self.max {
            None => {
                return Err(LimitError::new(
                    "max",
                    "not set; say how many calls may be in flight, at least 1",
                ));
            }
            Some(0) => {
                return Err(LimitError::new("max", "0 would let no call through; it must be at least 1"));
            }
            Some(max) => max.min(Places::MOST),
        };
        Ok(Limit { places: Arc::new(Places::new(max, self.max_waiters)), max_wait: self.max_wait })
    }
}
