use std::error::Error;
use std::fmt;
use std::time::Instant;

use tower_intake_core::{Key, Refused};

use crate::state::Why;

/// The circuit of the server is open: the call was refused, nothing was sent.
///
/// Its `source()` is core's [`Refused`], by which retry knows when to come back and that the call does not
/// count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitOpen {
    key: Key,
    since: Instant,
    why: Why,
    refused: Refused,
}

impl CircuitOpen {
    pub(crate) fn new(key: Key, since: Instant, why: Why, retry_at: Option<Instant>) -> Self {
        let refused = Refused::new("breaker");
        let refused = match retry_at {
            Some(at) => refused.until(at),
            None => refused,
        };
        Self { key, since, why, refused }
    }

    /// Whose circuit.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// When the circuit left `Closed`; probes that failed meanwhile do not change it.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What opened it.
    pub fn why(&self) -> Why {
        self.why
    }

    /// When a call may be tried again; `None` while an operator holds the circuit open. While probes are under way
    /// it is an estimate: the sooner of the end of a probe's lease and one base open time from now.
    pub fn retry_at(&self) -> Option<Instant> {
        self.refused.retry_at()
    }
}

impl fmt::Display for CircuitOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the circuit of {} is open: {}", self.key, self.why)
    }
}

impl Error for CircuitOpen {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.refused)
    }
}
