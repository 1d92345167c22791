use std::fmt;
use std::time::Duration;

use crate::error::BoxError;
use crate::waited::Waited;

/// What a retry layer did for one call.
///
/// An extension of the answer; on an error, inside a [`RetryError`]. A call that succeeded at once, or
/// failed for good at once, carries none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryReport {
    /// How many requests were handed to the client; 0 if every one was refused by a layer of ours.
    pub attempts: u32,
    /// From the call to its end, waits included.
    pub elapsed: Duration,
    /// Why it was not tried again; `None` after a success.
    pub stopped: Option<Stopped>,
    /// What the layers further in waited, summed over the attempts.
    pub waited: Waited,
    /// The delay that the last answer asked for, as the server said it.
    pub retry_after: Option<Duration>,
    /// The returned answer's body was read while waiting and cut where the bound of that reading lay.
    pub body_truncated: bool,
}

impl RetryReport {
    /// A report of `attempts` in `elapsed`, which ended for the reason `stopped`.
    pub fn new(attempts: u32, elapsed: Duration, stopped: Option<Stopped>) -> Self {
        Self {
            attempts,
            elapsed,
            stopped,
            waited: Waited::default(),
            retry_after: None,
            body_truncated: false,
        }
    }
}

/// Why a call was not tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stopped {
    /// `max_retries` or `max_attempts` is used up.
    Exhausted,
    /// The next backoff does not fit `max_backoff`.
    BackoffBudget,
    /// The server's Retry-After does not fit `max_rate_limited`, or is over the cap and the policy gives up.
    RateLimitBudget,
    /// The next wait does not fit the call's deadline, or the deadline cut the attempt.
    Deadline,
    /// The request may have taken effect and must not be sent twice, or its body cannot be.
    NotReplayable,
    /// The reply says that trying again cannot help.
    Permanent,
    /// Waits for layers of ours that refused do not fit `max_refused`.
    Refused,
    /// A retry layer further in has already tried.
    Nested,
    /// The shared retry budget is spent.
    Budget,
}

impl Stopped {
    /// The word in events: `exhausted`, `backoff_budget`, `rate_limit_budget`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::BackoffBudget => "backoff_budget",
            Self::RateLimitBudget => "rate_limit_budget",
            Self::Deadline => "deadline",
            Self::NotReplayable => "not_replayable",
            Self::Permanent => "permanent",
            Self::Refused => "refused",
            Self::Nested => "nested",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The last error of a call that retry gave up on, with the report. Its text is that of the error itself.
#[derive(Debug)]
pub struct RetryError {
    report: RetryReport,
    source: BoxError,
}

impl RetryError {
    /// `source`, after what `report` tells.
    pub fn new(report: RetryReport, source: BoxError) -> Self {
        Self { report, source }
    }

    /// What was done before it was given up.
    pub fn report(&self) -> &RetryReport {
        &self.report
    }

    /// The error of the last attempt.
    pub fn into_source(self) -> BoxError {
        self.source
    }
}

impl fmt::Display for RetryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for RetryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
