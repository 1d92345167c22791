use std::sync::Arc;
use std::time::Duration;

use tower_intake_core::{Backoff, Classify, Honour, Random, WallClock};

use crate::budget::RetryBudget;
use crate::error::RetryPolicyError;
use crate::retry_policy::{OverCap, RetryPolicy};
use crate::safety::Replays;

/// Sets up a [`RetryPolicy`]; [`build`](Self::build) checks the whole of it.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct RetryPolicyBuilder(RetryPolicy);

impl RetryPolicyBuilder {
    /// Counted retries of one call; default 10, so 11 attempts. 0: no retry of any kind, but for the one that
    /// [`max_rotations`](Self::max_rotations) allows.
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.0.max_retries = max_retries;
        self
    }

    /// Attempts of one call that reach the client, counted or not, the first included; 1 or more, default 1000.
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.0.max_attempts = max_attempts;
        self
    }

    /// The delays of counted retries, and of refusals that do not tell until when. Default
    /// [`Exponential::default`](tower_intake_core::Exponential): 500 ms, doubling, at most 60 s, full jitter.
    pub fn backoff(mut self, backoff: impl Backoff + Send + Sync + 'static) -> Self {
        self.0.backoff = Arc::new(backoff);
        self
    }

    /// Other delays after an answer that is Throttled and names none.
    pub fn backoff_throttled(mut self, backoff: impl Backoff + Send + Sync + 'static) -> Self {
        self.0.backoff_throttled = Some(Arc::new(backoff));
        self
    }

    /// Other delays after an error: no connection, a lost one, a timeout.
    pub fn backoff_transport(mut self, backoff: impl Backoff + Send + Sync + 'static) -> Self {
        self.0.backoff_transport = Some(Arc::new(backoff));
        self
    }

    /// Counted retries begin within this of the first failure that was counted; default 43 200 s (12 h). Zero: no
    /// counted retry. `None`: no bound.
    pub fn max_backoff(mut self, max_backoff: impl Into<Option<Duration>>) -> Self {
        self.0.max_backoff = max_backoff.into();
        self
    }

    /// How long one episode of rate limiting may last; default 43 200 s (12 h). Zero: a Retry-After is never waited
    /// for. `None`: no bound. Otherwise at least twice [`max_retry_after`](Self::max_retry_after).
    pub fn max_rate_limited(mut self, max_rate_limited: impl Into<Option<Duration>>) -> Self {
        self.0.max_rate_limited = max_rate_limited.into();
        self
    }

    /// The longest Retry-After that is followed to its end; more than zero, default 300 s.
    pub fn max_retry_after(mut self, max_retry_after: Duration) -> Self {
        self.0.max_retry_after = max_retry_after;
        self
    }

    /// What happens to a longer one; default [`OverCap::Clamp`].
    pub fn over_cap(mut self, over_cap: OverCap) -> Self {
        self.0.over_cap = over_cap;
        self
    }

    /// The largest share of a Retry-After that is added to it, at most 1 s; 0 to 1, default 0.1. Zero gives the
    /// exact wait.
    pub fn retry_after_jitter(mut self, share: f64) -> Self {
        self.0.retry_after_jitter = share;
        self
    }

    /// All waits of one call for layers of ours that refused; default 60 s. Zero: a refusal is returned at once.
    pub fn max_refused(mut self, max_refused: Duration) -> Self {
        self.0.max_refused = max_refused;
        self
    }

    /// On which answers a Retry-After counts; default Throttled and Transient.
    pub fn honour_on(mut self, honour_on: Honour) -> Self {
        self.0.honour_on = honour_on;
        self
    }

    /// Which requests may reach the server twice; default [`Replays::Idempotent`].
    pub fn replays(mut self, replays: Replays) -> Self {
        self.0.replays = replays;
        self
    }

    /// How often one call is sent again because auth rotated its credential; default 1.
    pub fn max_rotations(mut self, max_rotations: u32) -> Self {
        self.0.max_rotations = max_rotations;
        self
    }

    /// What a reply means; default [`StatusTable::default`](tower_intake_core::StatusTable).
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.0.classify = Some(Arc::new(classify));
        self
    }

    /// Where the jitter is drawn from; default the system's entropy. A seeded one makes a run repeatable.
    pub fn random(mut self, random: Random) -> Self {
        self.0.random = random;
        self
    }

    /// The clock against which a Retry-After date is read where the answer has no `Date` of its own.
    pub fn wall_clock(mut self, wall_clock: WallClock) -> Self {
        self.0.wall_clock = wall_clock;
        self
    }

    /// A budget of retries that calls share; default none.
    pub fn budget(mut self, budget: impl Into<Option<RetryBudget>>) -> Self {
        self.0.budget = budget.into();
        self
    }

    /// The policy.
    ///
    /// # Errors
    /// A backoff that refuses its own numbers; `max_attempts` or `max_retry_after` of zero; a
    /// `retry_after_jitter` that is not between 0 and 1; a `max_rate_limited` below twice `max_retry_after` (zero, and
    /// [`OverCap::GiveUp`], aside): such a budget would end in the middle of a wait that the cap allows.
    pub fn build(self) -> Result<RetryPolicy, RetryPolicyError> {
        let policy = self.0;
        if policy.max_attempts == 0 {
            return Err(RetryPolicyError::new("max_attempts", "0 leaves no attempt; 1 is no retry"));
        }
        let backoffs = [
            ("backoff", Some(&policy.backoff)),
            ("backoff_throttled", policy.backoff_throttled.as_ref()),
            ("backoff_transport", policy.backoff_transport.as_ref()),
        ];
        for (field, backoff) in backoffs {
            if let Some(Err(error)) = backoff.map(|backoff| backoff.validate()) {
                return Err(RetryPolicyError::backoff(field, &error));
            }
        }
        let share = policy.retry_after_jitter;
        if !(0.0..=1.0).contains(&share) {
            return Err(RetryPolicyError::new(
                "retry_after_jitter",
                format!("{share} must be between 0 and 1"),
            ));
        }
        let cap = policy.max_retry_after;
        if cap.is_zero() {
            let text =
                "0 would answer every Retry-After with an immediate retry; to ignore it set `honour_on`";
            return Err(RetryPolicyError::new("max_retry_after", text));
        }
        match policy.max_rate_limited {
            Some(budget)
                if !budget.is_zero()
                    && budget < cap.saturating_mul(2)
                    && policy.over_cap != OverCap::GiveUp =>
            {
                let text = format!(
                    "{budget:?} is less than twice `max_retry_after`, {cap:?}; raise the one or lower the other"
                );
                Err(RetryPolicyError::new("max_rate_limited", text))
            }
            _ => Ok(policy),
        }
    }
}
