use serde::{Deserialize, Serialize};
use tower_intake_core::{Honour, Scope, StatusTable, WallClock};
use tower_intake_gate::{Gate, Reopen};

use crate::config::error::ConfigError;
use crate::config::span::Span;
use crate::config::switch::{Bound, or_off};

/// The gate; see [`Gate`] for what each number means. Its cap of a closing is `retry.max_retry_after`, its
/// outcomes `retry.honour_on`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Which requests one closing stops.
    pub scope: ScopeConfig,
    /// Who goes when it opens.
    pub reopen: ReopenConfig,
    /// The longest wait of a request; a longer one is refused at once.
    pub max_wait: Bound,
    /// After how long a probe that has not come back is replaced.
    pub probe_lease: Span,
    /// How many requests may wait; more are refused.
    pub max_waiters: usize,
    /// How long a 429 without Retry-After closes; off by default.
    pub close_without_hint: Bound,
    /// A quota of your own, `{"requests": 60, "per": "60s", "burst": 10}`.
    #[serde(deserialize_with = "or_off")]
    pub quota: Option<QuotaConfig>,
}

/// Which requests share a state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeConfig {
    /// Those to one server: scheme, host, port.
    #[default]
    Authority,
    /// All.
    Global,
}

/// Who goes when the gate opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenConfig {
    /// One, and the others on its success.
    #[default]
    Probe,
    /// All at once.
    All,
}

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaConfig {
    /// How many.
    pub requests: u32,
    /// In how long.
    pub per: Span,
    /// How many of them at once.
    pub burst: Option<u32>,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            scope: ScopeConfig::Authority,
            reopen: ReopenConfig::Probe,
            max_wait: Bound::secs(43_200),
            probe_lease: Span::secs(5),
            max_waiters: 100_000,
            close_without_hint: Bound::NONE,
            quota: None,
        }
    }
}

impl From<ScopeConfig> for Scope {
    fn from(config: ScopeConfig) -> Self {
        match config {
            ScopeConfig::Authority => Self::Authority,
            ScopeConfig::Global => Self::Global,
        }
    }
}

impl GateConfig {
    pub(crate) fn gate(
        &self,
        max_retry_after: Span,
        honour: Honour,
        table: StatusTable,
        wall_clock: WallClock,
    ) -> Result<Gate, ConfigError> {
        if self.quota.is_some() {
            return Err(ConfigError::new("quota", "a quota of your own is not built yet; leave the key out"));
        }
        Gate::builder()
            .scope(self.scope.into())
            .reopen(match self.reopen {
                ReopenConfig::Probe => Reopen::Probe,
                ReopenConfig::All => Reopen::All,
            })
            .max_retry_after(max_retry_after.0)
            .max_wait(self.max_wait.0)
            .probe_lease(self.probe_lease.0)
            .max_waiters(self.max_waiters)
            .close_without_hint(self.close_without_hint.0)
            .honour_on(honour)
            .classify(table)
            .wall_clock(wall_clock)
            .build()
            .map_err(|error| ConfigError::of(error.field(), &error))
    }
}
