use std::time::{Duration, Instant};

use tower_intake_core::Deadline;

/// tokio's clock: it follows a paused one.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// `from + duration`, saturating: numbers from the network or the user must not meet `Instant`'s panic.
pub(crate) fn after(from: Instant, duration: Duration) -> Instant {
    Deadline::after(from, duration).instant()
}
