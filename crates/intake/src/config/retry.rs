use serde::{Deserialize, Serialize};
use tower_intake_core::{Exponential, Honour, Random, StatusTable, WallClock};
use tower_intake_retry::{OverCap, Replays, RetryBudget, RetryPolicy};

use crate::config::backoff::BackoffConfig;
use crate::config::error::ConfigError;
use crate::config::span::Span;
use crate::config::switch::{Bound, or_off};

/// The retry layer; see [`RetryPolicy`] for what each number means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Counted retries a call.
    pub max_retries: u32,
    /// Attempts a call, counted or not.
    pub max_attempts: u32,
    /// The delay after a failure.
    pub backoff: BackoffConfig,
    /// The delay after a Throttled answer without a Retry-After; absent: as `backoff`.
    #[serde(deserialize_with = "or_off")]
    pub backoff_throttled: Option<BackoffConfig>,
    /// The delay after a transport error; absent: as `backoff`.
    #[serde(deserialize_with = "or_off")]
    pub backoff_transport: Option<BackoffConfig>,
    /// All counted waits of a call must end within this, from its first failure.
    pub max_backoff: Bound,
    /// One episode of rate limiting must end within this.
    pub max_rate_limited: Bound,
    /// The longest Retry-After that is waited for; of the gate too.
    pub max_retry_after: Span,
    /// What to do with a longer one.
    pub over_cap: OverCapConfig,
    /// The share of a Retry-After that is waited on top of it, 0 to 1, at most a second.
    pub retry_after_jitter: f64,
    /// All waits of a call for refusals of our own layers.
    pub max_refused: Span,
    /// Outcomes on which a Retry-After counts; of the gate too.
    pub honour_on: Vec<HonourOn>,
    /// Which requests may be sent again.
    pub replays: ReplaysConfig,
    /// Replays a call after a rejected credential was rotated.
    pub max_rotations: u32,
    /// A budget of retries that all calls share; off by default.
    #[serde(deserialize_with = "or_off")]
    pub budget: Option<BudgetConfig>,
}

/// What to do with a Retry-After over the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverCapConfig {
    /// Wait the cap.
    #[default]
    Clamp,
    /// Return the answer at once.
    GiveUp,
}

/// An outcome on which a Retry-After may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HonourOn {
    /// 429.
    Throttled,
    /// 503 and its like.
    Transient,
}

/// Which requests may be sent again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaysConfig {
    /// Those that are safe to repeat, and those that were provably not acted upon.
    #[default]
    Idempotent,
    /// All: at-least-once.
    All,
}

/// `{"ratio": 0.2, "min_per_second": 10}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// Retries a request.
    pub ratio: f64,
    /// Retries a second that are always allowed.
    pub min_per_second: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_retries: 10,
            max_attempts: 1000,
            backoff: BackoffConfig::default(),
            backoff_throttled: None,
            backoff_transport: None,
            max_backoff: Bound::secs(43_200),
            max_rate_limited: Bound::secs(43_200),
            max_retry_after: Span::secs(300),
            over_cap: OverCapConfig::Clamp,
            retry_after_jitter: 0.1,
            max_refused: Span::secs(60),
            honour_on: vec![HonourOn::Throttled, HonourOn::Transient],
            replays: ReplaysConfig::Idempotent,
            max_rotations: 1,
            budget: None,
        }
    }
}

impl RetryConfig {
    pub(crate) fn honour(&self) -> Honour {
        let on = |outcome| self.honour_on.contains(&outcome);
        match (on(HonourOn::Throttled), on(HonourOn::Transient)) {
            (true, true) => Honour::THROTTLED_AND_TRANSIENT,
            (true, false) => Honour::THROTTLED,
            (false, true) => Honour::TRANSIENT,
            (false, false) => Honour::NEVER,
        }
    }

    pub(crate) fn policy(
        &self,
        table: StatusTable,
        random: Random,
        wall_clock: WallClock,
    ) -> Result<RetryPolicy, ConfigError> {
        let mut builder = RetryPolicy::builder()
            .max_retries(self.max_retries)
            .max_attempts(self.max_attempts)
            .backoff(Exponential::from(self.backoff))
            .max_backoff(self.max_backoff.0)
            .max_rate_limited(self.max_rate_limited.0)
            .max_retry_after(self.max_retry_after.0)
            .over_cap(match self.over_cap {
                OverCapConfig::Clamp => OverCap::Clamp,
                OverCapConfig::GiveUp => OverCap::GiveUp,
            })
            .retry_after_jitter(self.retry_after_jitter)
            .max_refused(self.max_refused.0)
            .honour_on(self.honour())
            .replays(match self.replays {
                ReplaysConfig::Idempotent => Replays::Idempotent,
                ReplaysConfig::All => Replays::All,
            })
            .max_rotations(self.max_rotations)
            .classify(table)
            .random(random)
            .wall_clock(wall_clock);
        if let Some(budget) = self.budget {
            let budget = RetryBudget::new(budget.ratio, budget.min_per_second)
                .map_err(|error| ConfigError::of(error.field(), &error).within("budget"))?;
            builder = builder.budget(budget);
        }
        if let Some(backoff) = self.backoff_throttled {
            builder = builder.backoff_throttled(Exponential::from(backoff));
        }
        if let Some(backoff) = self.backoff_transport {
            builder = builder.backoff_transport(Exponential::from(backoff));
        }
        builder.build().map_err(|error| ConfigError::of(error.field(), &error))
    }
}
