use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_intake_core::{Backoff, Classify, Exponential, Honour, Random, WallClock};

use crate::budget::RetryBudget;
use crate::builder::RetryPolicyBuilder;
use crate::safety::Replays;

/// What to do with a Retry-After that is longer than `max_retry_after`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OverCap {
    /// Wait `max_retry_after` and ask again.
    #[default]
    Clamp,
    /// Return the answer at once; the report holds the delay that the server asked for.
    GiveUp,
}

/// The default [`Policy`](crate::Policy): the server's own word first, and a budget of its own for each reason to wait.
///
/// | reply | what happens | bounded by |
/// |---|---|---|
/// | Throttled or Transient with a usable Retry-After | waits that long, and up to a tenth more; not counted | `max_rate_limited` for one episode, `max_attempts` |
/// | Throttled or Transient without | backoff; counted | `max_retries`, `max_backoff` from the first such failure |
/// | Unauthorized, and auth has another credential | sent again at once; not counted | `max_rotations` |
/// | refused by a layer of ours | waits until it may go, or one backoff step; not counted, not an attempt | `max_refused`, all together |
/// | anything else | returned | |
///
/// An episode of rate limiting lasts from its first answer with a usable Retry-After to the first answer without; the
/// time that its requests spend in the gate is part of it. A wait that does not fit what is left of its budget is not
/// begun, and not shortened.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_core::{Exponential, Jitter};
/// use tower_intake_retry::{OverCap, RetryPolicy};
///
/// let policy = RetryPolicy::builder()
///     .max_retries(5)
///     .backoff(Exponential::new(Duration::from_millis(200)).cap(Duration::from_secs(20)))
///     .backoff_throttled(Exponential::new(Duration::from_secs(5)).jitter(Jitter::Equal))
///     .max_retry_after(Duration::from_secs(60))
///     .over_cap(OverCap::GiveUp)
///     .build()?;
/// # let _ = policy;
///
/// let error = RetryPolicy::builder().retry_after_jitter(f64::NAN).build().unwrap_err();
/// assert_eq!(error.field(), "retry_after_jitter");
/// # Ok::<(), tower_intake_retry::RetryPolicyError>(())
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    pub(crate) max_retries: u32,
    pub(crate) max_attempts: u32,
    pub(crate) backoff: Arc<dyn Backoff + Send + Sync>,
    pub(crate) backoff_throttled: Option<Arc<dyn Backoff + Send + Sync>>,
    pub(crate) backoff_transport: Option<Arc<dyn Backoff + Send + Sync>>,
    pub(crate) max_backoff: Option<Duration>,
    pub(crate) max_rate_limited: Option<Duration>,
    pub(crate) max_retry_after: Duration,
    pub(crate) over_cap: OverCap,
    pub(crate) retry_after_jitter: f64,
    pub(crate) max_refused: Duration,
    pub(crate) honour_on: Honour,
    pub(crate) replays: Replays,
    pub(crate) max_rotations: u32,
    pub(crate) classify: Option<Arc<dyn Classify + Send + Sync>>,
    pub(crate) random: Random,
    pub(crate) wall_clock: WallClock,
    pub(crate) budget: Option<RetryBudget>,
}

impl RetryPolicy {
    /// Starts from the defaults.
    pub fn builder() -> RetryPolicyBuilder {
        RetryPolicyBuilder::default()
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 10,
            max_attempts: 1000,
            backoff: Arc::new(Exponential::default()),
            backoff_throttled: None,
            backoff_transport: None,
            max_backoff: Some(Duration::from_secs(43_200)),
            max_rate_limited: Some(Duration::from_secs(43_200)),
            max_retry_after: Duration::from_secs(300),
            over_cap: OverCap::Clamp,
            retry_after_jitter: 0.1,
            max_refused: Duration::from_secs(60),
            honour_on: Honour::default(),
            replays: Replays::Idempotent,
            max_rotations: 1,
            classify: None,
            random: Random::from_os(),
            wall_clock: WallClock::system(),
            budget: None,
        }
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("max_retries", &self.max_retries)
            .field("max_attempts", &self.max_attempts)
            .field("max_backoff", &self.max_backoff)
            .field("max_rate_limited", &self.max_rate_limited)
            .field("max_retry_after", &self.max_retry_after)
            .field("over_cap", &self.over_cap)
            .field("retry_after_jitter", &self.retry_after_jitter)
            .field("max_refused", &self.max_refused)
            .field("honour_on", &self.honour_on)
            .field("replays", &self.replays)
            .field("max_rotations", &self.max_rotations)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
