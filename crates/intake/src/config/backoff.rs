use serde::{Deserialize, Serialize};
use tower_intake_core::{Exponential, Jitter};

use crate::config::span::Span;
use crate::config::switch::Bound;

/// `min(cap, base · factor^(n−1))` with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackoffConfig {
    /// The first delay.
    pub base: Span,
    /// What the delay grows by each time.
    pub factor: f64,
    /// The longest delay; off: no bound.
    pub cap: Bound,
    /// How delays are spread.
    pub jitter: JitterConfig,
}

/// `"none"`, `"full"`, `"equal"`, `"decorrelated"`, `{"proportional": 0.25}`, `{"additive": "1s"}`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JitterConfig {
    /// The delay itself.
    None,
    /// U(0, d).
    Full,
    /// d/2 + U(0, d/2).
    Equal,
    /// U(base, 3 · the delay before).
    Decorrelated,
    /// d ± this part of it.
    Proportional(f64),
    /// d + U(0, this).
    Additive(Span),
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { base: Span::millis(500), factor: 2.0, cap: Bound::secs(60), jitter: JitterConfig::Full }
    }
}

impl From<BackoffConfig> for Exponential {
    fn from(config: BackoffConfig) -> Self {
        Self::new(config.base.0).factor(config.factor).cap(config.cap.0).jitter(config.jitter.into())
    }
}

impl From<JitterConfig> for Jitter {
    fn from(config: JitterConfig) -> Self {
        match config {
            JitterConfig::None => Self::None,
            JitterConfig::Full => Self::Full,
            JitterConfig::Equal => Self::Equal,
            JitterConfig::Decorrelated => Self::Decorrelated,
            JitterConfig::Proportional(part) => Self::Proportional(part),
            JitterConfig::Additive(max) => Self::Additive(max.0),
        }
    }
}
