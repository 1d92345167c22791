//! What is told to a `tracing` subscriber; the audit layer tells the rest.

use std::error::Error;
use std::time::Duration;

use tower_intake_core::{Attempt, MalformedRetryAfter, Redact, Reply, error};
use tracing::{debug, warn};

use crate::policy::Cause;

/// Characters of an error that are worth a line of a log.
const LONGEST_ERROR: usize = 500;

pub(crate) fn malformed(malformed: &MalformedRetryAfter) {
    warn!(value = malformed.value(), "a malformed Retry-After is as good as none: backing off instead");
}

pub(crate) fn retry(wait: Duration, cause: Cause, counted: bool, next: Attempt, reply: Reply<'_>) {
    debug!(
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
        error = &*Redact::text(&error::describe(error), LONGEST_ERROR),
        "the service inside failed before the next attempt; returning what the server said last"
    );
}
