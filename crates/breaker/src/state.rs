use std::fmt;
use std::time::Instant;

use tower_intake_core::{Key, Kind, SessionState};

pub(crate) const TARGET: &str = "tower_intake::breaker";
pub(crate) const LIFECYCLE: &str = Kind::Lifecycle.as_str();
const CIRCUIT_OPEN: &str = SessionState::CircuitOpen.as_str();
const UNKNOWN: &str = SessionState::Unknown.as_str();

/// What a circuit does with the calls of one server.
///
/// Times are those of tokio's clock, as [`std::time::Instant`]. A circuit moves when a call comes or ends: one
/// that nobody has called stays `Open` although `until` has passed, and the next call is the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Calls go through and are counted.
    Closed,
    /// Calls are refused.
    #[non_exhaustive]
    Open {
        /// When it left `Closed`.
        since: Instant,
        /// When the first probe may go.
        until: Instant,
        /// What opened it.
        why: Why,
        /// How many times it has opened since it was closed: 1, and one more for each probe that failed.
        openings: u32,
    },
    /// A few calls go through as probes, the others are refused.
    #[non_exhaustive]
    HalfOpen {
        /// When it left `Closed`.
        since: Instant,
        /// What opened it.
        why: Why,
        /// How many times it has opened since it was closed.
        openings: u32,
        /// How many probes are under way.
        probes: u32,
        /// How many have succeeded.
        successes: u32,
    },
    /// Calls are refused until an operator says otherwise.
    #[non_exhaustive]
    HeldOpen {
        /// When the operator said so.
        since: Instant,
    },
    /// Calls go through and nothing is counted, until an operator says otherwise.
    Disabled,
}

impl State {
    /// The word in events: `closed`, `open`, `half_open`, `held_open`, `disabled`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
            Self::HeldOpen { .. } => "held_open",
            Self::Disabled => "disabled",
        }
    }
}

/// What opened a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// So many failures in a row.
    #[non_exhaustive]
    Consecutive {
        /// How many.
        failures: u32,
    },
    /// Too large a share of the calls in the window failed.
    #[non_exhaustive]
    Ratio {
        /// Calls that failed.
        failures: u64,
        /// Calls that ended.
        total: u64,
    },
    /// [`Circuit::trip`](crate::Circuit::trip).
    Tripped,
    /// [`Circuit::hold_open`](crate::Circuit::hold_open).
    HeldOpen,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Consecutive { failures } => write!(f, "{failures} failures in a row"),
            Self::Ratio { failures, total } => write!(f, "{failures} of the last {total} calls failed"),
            Self::Tripped => f.write_str("tripped by an operator"),
            Self::HeldOpen => f.write_str("held open by an operator"),
        }
    }
}

/// One step of a circuit from one state to another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// Whose circuit.
    pub key: Key,
    /// What it was.
    pub from: State,
    /// What it is.
    pub to: State,
    /// When.
    pub at: Instant,
}

impl Transition {
    pub(crate) fn log(&self) {
        let (key, from, to) = (self.key.as_str(), self.from.as_str(), self.to.as_str());
        match self.to {
            State::Open { why, openings, .. } => {
                tracing::warn!(target: TARGET, kind = LIFECYCLE, session_state = CIRCUIT_OPEN, key, from, to, %why, openings, "circuit opened");
            }
            State::HeldOpen { .. } => {
                tracing::warn!(target: TARGET, kind = LIFECYCLE, session_state = CIRCUIT_OPEN, key, from, to, "circuit held open")
            }
            _ => {
                tracing::info!(target: TARGET, kind = LIFECYCLE, session_state = UNKNOWN, key, from, to, "circuit changed")
            }
        }
    }
}
