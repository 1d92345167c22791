use std::fmt;
use std::time::Duration;

use crate::send_state::SendState;

/// Something took longer than it may.
///
/// Every timeout of ours is this type, so that no one must know another library's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOut {
    phase: Phase,
    after: Duration,
}

/// What it was that took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// A connection from the pool or a place among them.
    Acquire,
    /// The connection being made.
    Connect,
    /// From dispatch to the answer's head.
    Attempt,
    /// The gap between two frames of the answer's body.
    Read,
    /// The gap between two frames of the request's body.
    Write,
    /// The call as a whole, all attempts and waits: the [`Deadline`](crate::Deadline).
    Deadline,
}

impl TimedOut {
    /// `phase` took longer than `after`.
    pub const fn new(phase: Phase, after: Duration) -> Self {
        Self { phase, after }
    }

    /// What took too long.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// How long it was allowed to take.
    pub const fn after(&self) -> Duration {
        self.after
    }

    /// What is known of the request having been sent.
    pub const fn send_state(&self) -> SendState {
        match self.phase {
            Phase::Acquire | Phase::Connect => SendState::NotSent,
            Phase::Attempt | Phase::Write | Phase::Deadline => SendState::Ambiguous,
            Phase::Read => SendState::Answered,
        }
    }
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.phase {
            Phase::Acquire => "no connection was free",
            Phase::Connect => "no connection was made",
            Phase::Attempt => "the server did not begin its answer",
            Phase::Read => "the server sent nothing more of its answer",
            Phase::Write => "the server took nothing more of the request",
            Phase::Deadline => "the call did not end",
        };
        write!(f, "{what} within {:?}", self.after)
    }
}

impl std::error::Error for TimedOut {}
