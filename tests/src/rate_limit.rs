//! A server that serves so many requests in a window, and no more.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::answer::Answer;
use crate::clock;
use crate::closed::refusal;
use crate::recorded::Recorded;
use crate::script::Script;

/// Serves N requests in each window of fixed length, and answers the others 429 with a true `Retry-After`.
///
/// The first window begins with the first request. Clones are one.
#[derive(Clone)]
pub struct RateLimit {
    requests: u64,
    window: Duration,
    millis: bool,
    quota_headers: bool,
    then: Arc<dyn Script>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    window_start: Option<Instant>,
    used: u64,
    served: u64,
    refused: u64,
}

impl RateLimit {
    /// This many requests in a window; those that are served get `200 OK`. A window of zero counts as 1 ms.
    #[must_use]
    pub fn new(requests: u64, window: Duration) -> Self {
        let window = window.max(Duration::from_millis(1));
        let then = Arc::new(Answer::ok());
        Self { requests, window, millis: false, quota_headers: false, then, state: Arc::default() }
    }

    /// What answers those that are served.
    #[must_use]
    pub fn then(mut self, script: impl Script) -> Self {
        self.then = Arc::new(script);
        self
    }

    /// Says `retry-after-ms` as well.
    #[must_use]
    pub fn millis(mut self) -> Self {
        self.millis = true;
        self
    }

    /// Says `X-RateLimit-Limit`, `-Remaining` and `-Reset` (in whole seconds, rounded up) in every answer.
    #[must_use]
    pub fn quota_headers(mut self) -> Self {
        self.quota_headers = true;
        self
    }

    /// How many requests were served.
    #[must_use]
    pub fn served(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).served
    }

    /// How many requests were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).refused
    }

    /// Takes a place; whether there was one, what is left, and the time to the next window.
    fn take(&self, now: Instant) -> (bool, u64, Duration) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut start = *state.window_start.get_or_insert(now);
        let passed = (now - start).as_nanos() / self.window.as_nanos();
        if passed > 0 {
            start += self.window * u32::try_from(passed).unwrap_or(u32::MAX);
            state.window_start = Some(start);
            state.used = 0;
        }
        let free = state.used < self.requests;
        if free {
            state.used += 1;
            state.served += 1;
        } else {
            state.refused += 1;
        }
        (free, self.requests - state.used, self.window.saturating_sub(now - start))
    }
}

impl Script for RateLimit {
    fn answer(&self, request: &Recorded) -> Answer {
        let (free, remaining, reset) = self.take(Instant::now());
        let answer = if free { self.then.answer(request) } else { refusal(429, reset, self.millis) };
        if !self.quota_headers {
            return answer;
        }
        answer
            .header("x-ratelimit-limit", self.requests.to_string())
            .header("x-ratelimit-remaining", remaining.to_string())
            .header("x-ratelimit-reset", clock::ceil_seconds(reset).to_string())
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("requests", &self.requests)
            .field("window", &self.window)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
