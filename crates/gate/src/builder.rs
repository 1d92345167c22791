use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_intake_core::{Classify, Honour, Scope, WallClock};

use crate::common::Common;
use crate::gate::Gate;
use crate::machine::Reopen;
use crate::policy::Policy;

/// Makes a [`Gate`]; see [`Gate::builder`].
#[must_use]
pub struct GateBuilder {
    scope: Scope,
    max_retry_after: Duration,
    max_wait: Option<Duration>,
    reopen: Reopen,
    probe_lease: Duration,
    max_waiters: usize,
    close_without_hint: Option<Duration>,
    honour_on: Honour,
    classify: Option<Arc<dyn Classify + Send + Sync>>,
    wall_clock: WallClock,
}

impl Default for GateBuilder {
    fn default() -> Self {
        Self {
            scope: Scope::Authority,
            max_retry_after: Duration::from_secs(300),
            max_wait: Some(Duration::from_secs(43_200)),
            reopen: Reopen::Probe,
            probe_lease: Duration::from_secs(5),
            max_waiters: 100_000,
            close_without_hint: None,
            honour_on: Honour::default(),
            classify: None,
            wall_clock: WallClock::system(),
        }
    }
}

impl GateBuilder {
    /// Which requests share one gate; default [`Scope::Authority`], those to the same server.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The longest closing that one answer can bring about; default 300 s. A longer Retry-After closes for so
    /// long. Above zero.
    pub fn max_retry_after(mut self, max_retry_after: Duration) -> Self {
        self.max_retry_after = max_retry_after;
        self
    }

    /// The longest that a request waits, over as many closings as come; default 43 200 s (12 hours), `None`
    /// without a bound. Zero: it never waits.
    pub fn max_wait(mut self, max_wait: impl Into<Option<Duration>>) -> Self {
        self.max_wait = max_wait.into();
        self
    }

    /// Who goes first when a closing is over; default [`Reopen::Probe`].
    pub fn reopen(mut self, reopen: Reopen) -> Self {
        self.reopen = reopen;
        self
    }

    /// After how long without an answer another request takes the probe's place; default 5 s. Above zero.
    pub fn probe_lease(mut self, probe_lease: Duration) -> Self {
        self.probe_lease = probe_lease;
        self
    }

    /// How many requests may wait at once, at all keys together; default 100 000, at least one.
    pub fn max_waiters(mut self, max_waiters: usize) -> Self {
        self.max_waiters = max_waiters;
        self
    }

    /// How long a Throttled answer without a usable Retry-After closes; default `None`: it does not. Above zero
    /// and at most `max_retry_after`.
    pub fn close_without_hint(mut self, close_without_hint: Option<Duration>) -> Self {
        self.close_without_hint = close_without_hint;
        self
    }

    /// On which answers a Retry-After counts; default on Throttled and Transient ones.
    pub fn honour_on(mut self, honour_on: Honour) -> Self {
        self.honour_on = honour_on;
        self
    }

    /// What an answer means; default [`StatusTable::default`](tower_intake_core::StatusTable).
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.classify = Some(Arc::new(classify));
        self
    }

    /// The wall clock, for a date from a server that sends no `Date`; default the system's.
    pub fn wall_clock(mut self, wall_clock: WallClock) -> Self {
        self.wall_clock = wall_clock;
        self
    }

    /// The gate.
    ///
    /// # Errors
    ///
    /// [`GateError`] names the setter whose value cannot be.
    pub fn build(self) -> Result<Gate, GateError> {
        let error = |field, advice| Err(GateError { field, advice });
        if self.max_retry_after.is_zero() {
            return error("max_retry_after", "must be above zero; to ignore Retry-After use honour_on");
        }
        if self.probe_lease.is_zero() {
            return error("probe_lease", "must be above zero; to do without a probe use reopen(Reopen::All)");
        }
        if self.max_waiters == 0 {
            return error("max_waiters", "must be at least 1; to let nobody wait set max_wait to zero");
        }
        match self.close_without_hint {
            Some(delay) if delay.is_zero() => error("close_without_hint", "must be above zero, or None"),
            Some(delay) if delay > self.max_retry_after => {
                error("close_without_hint", "must be at most max_retry_after")
            }
            _ => {
                let scope = self.scope.clone();
                Ok(Gate::of(self, scope))
            }
        }
    }

    pub(crate) fn into_common(self) -> Common {
        let policy = Policy {
            classify: self.classify,
            honour: self.honour_on,
            cap: self.max_retry_after,
            without_hint: self.close_without_hint,
            wall: self.wall_clock,
        };
        Common::new(policy, self.reopen, self.probe_lease, self.max_wait, self.max_waiters)
    }
}

impl fmt::Debug for GateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBuilder")
            .field("scope", &self.scope)
            .field("max_retry_after", &self.max_retry_after)
            .field("max_wait", &self.max_wait)
            .field("reopen", &self.reopen)
            .field("probe_lease", &self.probe_lease)
            .field("max_waiters", &self.max_waiters)
            .field("close_without_hint", &self.close_without_hint)
            .field("honour_on", &self.honour_on)
            .finish_non_exhaustive()
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateError {
    field: &'static str,
    advice: &'static str,
}

impl GateError {
    /// The setter's name.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.advice)
    }
}

impl Error for GateError {}
