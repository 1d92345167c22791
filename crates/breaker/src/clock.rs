use std::time::Instant;

/// tokio's clock: it stands still where a test has paused it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
