use serde::{Deserialize, Serialize};

use crate::config::breaker::BreakerConfig;
use crate::config::gate::GateConfig;
use crate::config::limit::LimitConfig;
use crate::config::parts::{AuditConfig, CollectConfig, IdempotencyKeyConfig, PoolConfig, RetryCountConfig};
use crate::config::retry::RetryConfig;
use crate::config::status::StatusConfig;
use crate::config::switch::{Bound, Part};

/// The standard stack as data: what a TOML or JSON file says.
///
/// An absent key is the default, which is safe for production; `false` (or `null`) switches a part or a
/// bound off. An unknown key is an error. [`Stack::new`](crate::stack::Stack::new) checks the numbers.
///
/// ```
/// use tower_intake::config::StackConfig;
///
/// let config: StackConfig = toml::from_str(r#"
///     total_timeout = "10m"
///     breaker = false
///
///     [retry]
///     max_retries = 5
///     backoff = { base = "1s", cap = "30s", jitter = { proportional = 0.25 } }
///
///     [status]
///     retry = [410, 460]
///     success = ["300-399"]
/// "#)?;
/// assert_eq!(config.retry.on().map(|retry| retry.max_retries), Some(5));
/// assert!(config.breaker.on().is_none());
/// assert!(config.gate.on().is_some());
///
/// let error = toml::from_str::<StackConfig>("[retry]\nmax_tries = 5").unwrap_err();
/// assert!(error.to_string().contains("max_tries"));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StackConfig {
    /// Retries.
    pub retry: Part<RetryConfig>,
    /// What each status means, for every layer.
    pub status: StatusConfig,
    /// X-Retry-Count.
    pub retry_count: Part<RetryCountConfig>,
    /// The gate.
    pub gate: Part<GateConfig>,
    /// The circuit breaker.
    pub breaker: Part<BreakerConfig>,
    /// Requests at a time; off by default.
    pub limit: Part<LimitConfig>,
    /// From dispatch to the answer's head.
    pub attempt_timeout: Bound,
    /// The gap between two frames of an answer's body.
    pub read_timeout: Bound,
    /// The time in which a connection must take something of what is being written; of the client.
    pub write_timeout: Bound,
    /// A call with all its attempts and waits; off by default.
    pub total_timeout: Bound,
    /// The connection being made, name look-up and TLS included; of the client.
    pub connect_timeout: Bound,
    /// A key for each operation that has none; off by default.
    pub idempotency_key: Part<IdempotencyKeyConfig>,
    /// Reads answers inside the attempt, so that a body that breaks is retried; off by default.
    pub collect: Part<CollectConfig>,
    /// Connections; of the client.
    pub pool: PoolConfig,
    /// The audit trail.
    pub audit: Part<AuditConfig>,
}

impl Default for StackConfig {
    fn default() -> Self {
        Self {
            retry: Part::default(),
            status: StatusConfig::default(),
            retry_count: Part::default(),
            gate: Part::default(),
            breaker: Part::default(),
            limit: Part::Off,
            attempt_timeout: Bound::secs(30),
            read_timeout: Bound::secs(30),
            write_timeout: Bound::secs(10),
            total_timeout: Bound::NONE,
            connect_timeout: Bound::secs(5),
            idempotency_key: Part::Off,
            collect: Part::Off,
            pool: PoolConfig::default(),
            audit: Part::default(),
        }
    }
}
