//! What is told to a `tracing` subscriber; the audit layer tells the rest.

use std::error::Error;
use std::time::Duration;

use tower_intake_core::{Attempt, Kind, MalformedRetryAfter, Redact, Reply, SessionState, error};
use tracing::{debug, warn};

use crate::policy::Cause;

const TARGET: &str = "tower_intake::retry";
const LIFECYCLE: &str = Kind::Lifecycle.as_str();

/// Characters of an error that are worth a line of a log.
const LONGEST_ERROR: usize = 500;

pub(crate) fn malformed(malformed: &MalformedRetryAfter) {
    warn!(target: TARGET, kind = LIFECYCLE, value = malformed.value(), "a malformed Retry-After is as good as none: backing off instead");
}

pub(crate) fn retry(wait: Duration, cause: Cause, counted: bool, next: Attempt, reply: Reply<'_>) {
    debug!(
        target: TARGET,
        kind = LIFECYCLE,
        session_state = SessionState::Backoff.as_str(),
        cause = cause.as_str(),
        counted,
        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        attempt = next.number(),
        status = reply.status().map(|status| status.as_u16()),
        "sending again after a wait"
    );
}

pub(crate) fn unready(error: &(dyn Error + 'static)) {
    warn!(
        target: TARGET,
        kind = LIFECYCLE,
        error = &*Redact::text(&error::describe(error), LONGEST_ERROR),
        "the service inside failed before the next attempt; returning what the server said last"
    );
}
