//! One fetch of a token, with its retries.

use std::time::{Duration, Instant};

use tokio::time;
use tower_intake_core::{Backoff as _, Exponential, Jitter, Random};

use crate::source::AnySource;
use crate::token::Token;
use crate::token_error::TokenError;

/// The bounds of a flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of all its requests and the waits between them.
    pub(crate) whole: Duration,
    /// Of one request.
    pub(crate) attempt: Duration,
}

/// A token and the moment it was asked for.
pub(crate) type Brought = Result<(Token, Instant), TokenError>;

/// Asks until there is a token, an error that asking again does not mend, or no time for another wait.
pub(crate) async fn fly(source: &dyn AnySource, bounds: Bounds, mut random: Random) -> Brought {
    let end = time::Instant::now() + bounds.whole;
    let backoff =
        Exponential::new(Duration::from_millis(500)).cap(Duration::from_secs(10)).jitter(Jitter::Equal);
    let mut failure = 0_u32;
    loop {
        let sent = time::Instant::now();
        let until = (sent + bounds.attempt).min(end);
        let error = match time::timeout_at(until, source.ask()).await {
            Ok(Ok(token)) => return Ok((token, sent.into_std())),
            Ok(Err(error)) => error,
            Err(_) => TokenError::unavailable(format!(
                "the token source did not answer within {:?}",
                until.saturating_duration_since(sent)
            )),
        };
        failure = failure.saturating_add(1);
        let delay = backoff.delay(failure, None, &mut random).max(error.asked_delay().unwrap_or_default());
        // a wait that does not fit is not begun
        let left = end.saturating_duration_since(time::Instant::now());
        if !error.is_unavailable() || delay >= left {
            return Err(error);
        }
        tracing::debug!(
            target: "tower_intake::auth",
            error = %error,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "no token yet, asking again"
        );
        time::sleep(delay).await;
    }
}
