use serde::{Deserialize, Serialize};
use tower_intake_breaker::Circuit;
use tower_intake_core::{Random, StatusTable, WallClock};

use crate::config::backoff::JitterConfig;
use crate::config::error::ConfigError;
use crate::config::gate::ScopeConfig;
use crate::config::span::Span;
use crate::config::switch::Part;

/// The circuit breaker; see [`Circuit`] for what each number means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Which requests share a circuit.
    pub scope: ScopeConfig,
    /// Failures in a row that open it.
    pub consecutive: Part<Count>,
    /// Share of failures that opens it.
    pub ratio: Part<Ratio>,
    /// Calls in the window before the share counts.
    pub min_calls: u32,
    /// How far back the share looks.
    pub window: Span,
    /// How long it stays open the first time.
    pub open: Span,
    /// How long it stays open at most.
    pub max_open: Span,
    /// How the open time is spread.
    pub jitter: JitterConfig,
    /// Requests at a time while half-open.
    pub probes: u32,
    /// Successes that close it.
    pub successes_to_close: u32,
    /// After how long a probe that has not come back is replaced.
    pub probe_lease: Span,
    /// Throttled answers count in the share and fail a probe.
    pub count_throttled: bool,
    /// A Retry-After on the answer that opens it extends the open time.
    pub honour_retry_after: bool,
}

/// A number of failures; 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Count(pub u32);

/// A share, more than 0 and at most 1; 0.5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl Default for Count {
    fn default() -> Self {
        Self(5)
    }
}

impl Default for Ratio {
    fn default() -> Self {
        Self(0.5)
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            scope: ScopeConfig::Authority,
            consecutive: Part::default(),
            ratio: Part::default(),
            min_calls: 20,
            window: Span::secs(30),
            open: Span::secs(1),
            max_open: Span::secs(60),
            jitter: JitterConfig::Equal,
            probes: 1,
            successes_to_close: 1,
            probe_lease: Span::secs(30),
            count_throttled: false,
            honour_retry_after: true,
        }
    }
}

impl BreakerConfig {
    pub(crate) fn circuit(
        &self,
        max_retry_after: Span,
        table: StatusTable,
        random: Random,
        wall_clock: WallClock,
    ) -> Result<Circuit, ConfigError> {
        Circuit::builder()
            .scope(self.scope.into())
            .consecutive(self.consecutive.on().map(|count| count.0))
            .ratio(self.ratio.on().map(|ratio| ratio.0))
            .min_calls(self.min_calls)
            .window(self.window.0)
            .open(self.open.0)
            .max_open(self.max_open.0)
            .jitter(self.jitter.into())
            .probes(self.probes)
            .successes_to_close(self.successes_to_close)
            .probe_lease(self.probe_lease.0)
            .count_throttled(self.count_throttled)
            .honour_retry_after(self.honour_retry_after)
            .max_retry_after(max_retry_after.0)
            .classify(table)
            .random(random)
            .wall_clock(wall_clock)
            .build()
            .map_err(|error| ConfigError::of(error.field(), &error))
    }
}
