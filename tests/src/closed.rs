//! A server that is closed for a while.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Answer;
use crate::clock;
use crate::recorded::Recorded;
use crate::script::Script;

/// Answers 429 with a true `Retry-After` until an instant, then lets another script answer; made by [`closed_for`].
///
/// Clones are one: keep one and give one to the server.
#[derive(Clone)]
pub struct Closed {
    wait: Duration,
    millis: bool,
    status: u16,
    then: Arc<dyn Script>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Set by the first request.
    until: OnceLock<Instant>,
    refused: AtomicUsize,
}

/// Closed from the first request on, for this long; then `200 OK`.
///
/// ```
/// # use std::time::Duration;
/// # use tower_intake_tests::{Answer, Server, closed_for};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let closed = closed_for(Duration::from_millis(300)).millis().then(Answer::ok().body("open again"));
/// let server = Server::start(closed.clone()).await?;
/// // … 100 clients …
/// assert!(closed.refused() <= 1, "all of them heard of the first 429");
/// # drop(server); Ok(()) }
/// ```
#[must_use]
pub fn closed_for(wait: Duration) -> Closed {
    Closed { wait, millis: false, status: 429, then: Arc::new(Answer::ok()), state: Arc::default() }
}

impl Closed {
    /// What answers once it is open.
    #[must_use]
    pub fn then(mut self, script: impl Script) -> Self {
        self.then = Arc::new(script);
        self
    }

    /// Says `retry-after-ms` as well, to the millisecond; `Retry-After` knows whole seconds alone, rounded up.
    #[must_use]
    pub fn millis(mut self) -> Self {
        self.millis = true;
        self
    }

    /// Another status instead of 429.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The instant from which it is open; `None` before the first request.
    #[must_use]
    pub fn opens_at(&self) -> Option<Instant> {
        self.state.until.get().copied()
    }

    /// How many requests came while it was closed, the first one included.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }
}

impl Script for Closed {
    fn answer(&self, request: &Recorded) -> Answer {
        let now = Instant::now();
        let until = *self.state.until.get_or_init(|| now + self.wait);
        if now >= until {
            return self.then.answer(request);
        }
        self.state.refused.fetch_add(1, Ordering::Relaxed);
        refusal(self.status, until - now, self.millis)
    }
}

/// An answer that says how long to stay away, never too short.
pub(crate) fn refusal(status: u16, wait: Duration, millis: bool) -> Answer {
    let answer = Answer::new(status).retry_after(clock::ceil_seconds(wait));
    if millis { answer.header("retry-after-ms", wait.as_micros().div_ceil(1000).to_string()) } else { answer }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Closed").field("wait", &self.wait).field("state", &self.state).finish_non_exhaustive()
    }
}
