use std::error::Error;
use std::fmt;
use std::time::Instant;

use tower_intake_core::{Key, Refused};

/// The gate did not let a request through, and nothing was sent.
///
/// Its `source()` is core's [`Refused`], from which retry learns when to come again.
#[derive(Clone, Debug)]
pub struct GateClosed {
    key: Key,
    reason: Reason,
    source: Refused,
}

/// Why a request was not allowed to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The wait is longer than `max_wait`.
    MaxWait,
    /// The call's deadline comes first.
    Deadline,
    /// `max_waiters` are waiting already.
    TooManyWaiters,
    /// It was polled outside a tokio runtime, so nothing could end the wait.
    NoRuntime,
}

impl GateClosed {
    pub(crate) fn boxed(key: &Key, reason: Reason, until: Option<Instant>) -> Box<Self> {
        let refused = Refused::new("gate");
        let source = match until {
            Some(until) => refused.until(until),
            None => refused,
        };
        Box::new(Self { key: key.clone(), reason, source })
    }

    /// The server, or whatever else the gate goes by.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// When it is worth trying again, if that is known: the end of the closing, or of what is being waited for.
    pub fn until(&self) -> Option<Instant> {
        self.source.retry_at()
    }

    /// Why the request was not allowed to wait.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}

impl fmt::Display for GateClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, reason, .. } = self;
        match reason {
            Reason::MaxWait => write!(f, "the gate of {key} stays closed for longer than max_wait"),
            Reason::Deadline => write!(f, "the gate of {key} stays closed until after the call's deadline"),
            Reason::TooManyWaiters => {
                write!(f, "too many requests are waiting at the gate of {key} or its like")
            }
            Reason::NoRuntime => write!(f, "the gate of {key} is closed, and waiting needs a tokio runtime"),
        }
    }
}

impl Error for GateClosed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}
