//! Counts what the layers do: a sink of the audit trail.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tower_intake::audit::TracingSink;
use tower_intake_core::{Event, Kind, Outcome, SessionState, Sink};

use crate::causes::{Cause, Retries};

/// Counts each event and passes it on to `tracing`.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    counts: Traffic,
    /// The last attempt of each batch in flight, by its correlation id.
    last: HashMap<String, Last>,
}

#[derive(Debug)]
struct Last {
    /// What was wrong with the last attempt that was sent.
    cause: Option<Cause>,
    /// What the time until the next one is spent on.
    wait: Wait,
    ended: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Wait {
    Backoff,
    /// The server said how long.
    Told,
    /// One of the layers refused.
    Refused,
}

/// What went over the wire, and what did not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Traffic {
    /// Requests that were sent.
    pub(crate) attempts: u64,
    pub(crate) retries: Retries,
    /// Requests that a layer of ours did not let out.
    pub(crate) refused: Refused,
    /// Requests that were dropped on the way.
    pub(crate) cancelled: u64,
    pub(crate) waits: Waits,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    pub(crate) by_gate: u64,
    pub(crate) by_breaker: u64,
    pub(crate) by_others: u64,
}

/// How long batches waited, in seconds, summed over all of them: many wait at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Waits {
    /// Our own delays after a failure.
    pub(crate) backoff: Duration,
    /// The server's Retry-After, by the batch that met it.
    pub(crate) told: Duration,
    /// For the gate to open, because another batch had met it; and for a token.
    pub(crate) held: Duration,
    /// Until a layer that had refused would let it pass.
    pub(crate) refused: Duration,
}

impl Tally {
    pub(crate) fn traffic(&self) -> Traffic {
        self.state().counts.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Tally {
    fn record(&self, event: &Event<'_>) {
        self.state().count(event, Instant::now());
        TracingSink.record(event);
    }
}

impl State {
    fn count(&mut self, event: &Event<'_>, now: Instant) {
        let id = event.correlation_id.unwrap_or_default();
        match event.kind {
            Kind::Attempt => self.attempt(id, event, now),
            Kind::Operation => _ = self.last.remove(id),
            _ => {}
        }
    }

    fn attempt(&mut self, id: &str, event: &Event<'_>, now: Instant) {
        let before = self.last.remove(id);
        if let Some(before) = &before {
            let began = now.checked_sub(event.elapsed).unwrap_or(now);
            let gap = began.saturating_duration_since(before.ended);
            *match before.wait {
                Wait::Backoff => &mut self.counts.waits.backoff,
                Wait::Told => &mut self.counts.waits.told,
                Wait::Refused => &mut self.counts.waits.refused,
            } += gap;
        }
        self.counts.waits.held += event.wait;
        let cause_before = before.and_then(|before| before.cause);
        let (cause, wait) = match event.outcome {
            None => {
                self.counts.cancelled += 1;
                return;
            }
            Some(Outcome::Refused) => {
                *match event.session_state {
                    SessionState::RateLimited => &mut self.counts.refused.by_gate,
                    SessionState::CircuitOpen => &mut self.counts.refused.by_breaker,
                    _ => &mut self.counts.refused.by_others,
                } += 1;
                (cause_before, Wait::Refused)
            }
            Some(_) => {
                self.counts.attempts += 1;
                // an attempt that follows another is a retry, whatever comes of it, for what the other came to
                if let Some(cause) = cause_before {
                    self.counts.retries.count(cause);
                }
                let told = event.retry_after.is_some_and(|delay| !delay.is_zero());
                (Cause::of(event), if told { Wait::Told } else { Wait::Backoff })
            }
        };
        self.last.insert(id.to_owned(), Last { cause, wait, ended: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn event(id: &str, status: Option<u16>, outcome: Option<Outcome>, state: SessionState) -> Event<'_> {
        let mut event = Event::new(Kind::Attempt, state);
        (event.correlation_id, event.status, event.outcome) = (Some(id), status, outcome);
        event
    }

    #[test]
    fn a_retry_is_counted_for_what_came_before_it() {
        let mut state = State::default();
        let start = Instant::now();
        let mut tell = |at: Duration, event: Event<'_>| state.count(&event, start + at);
        let busy = |id| event(id, Some(503), Some(Outcome::Transient), SessionState::Backoff);
        let fine = |id| event(id, Some(200), Some(Outcome::Success), SessionState::Unknown);

        tell(S, busy("a"));
        tell(S, busy("b"));
        let mut throttled = event("a", Some(429), Some(Outcome::Throttled), SessionState::RateLimited);
        throttled.retry_after = Some(2 * S);
        tell(3 * S, throttled); // after two seconds of backoff
        let mut late = fine("a");
        (late.elapsed, late.wait) = (3 * S, S);
        tell(8 * S, late); // told to wait for two, sent at 5, of which one at the gate
        tell(9 * S, event("b", None, Some(Outcome::Refused), SessionState::CircuitOpen));
        tell(10 * S, event("b", None, Some(Outcome::Transient), SessionState::Backoff));
        tell(12 * S, event("b", None, None, SessionState::Cancelled));
        tell(12 * S, Event::new(Kind::Operation, SessionState::Failed));

        let counts = &state.counts;
        assert_eq!((counts.attempts, counts.cancelled), (5, 1));
        assert_eq!(counts.retries, Retries { throttled: 1, server: 2, transport: 0, token: 0 });
        assert_eq!(counts.refused, Refused { by_gate: 0, by_breaker: 1, by_others: 0 });
        let waits = Waits { backoff: (2 + 8 + 2) * S, told: 2 * S, held: S, refused: S };
        assert_eq!(counts.waits, waits);
    }

    #[test]
    fn nothing_is_remembered_of_a_batch_that_has_ended() {
        let tally = Tally::default();
        tally.record(&event("a", Some(503), Some(Outcome::Transient), SessionState::Backoff));
        assert_eq!(tally.state().last.len(), 1);
        let mut end = event("a", Some(503), Some(Outcome::Transient), SessionState::Failed);
        end.kind = Kind::Operation;
        tally.record(&end);
        assert_eq!(tally.state().last.len(), 0);
        assert_eq!(tally.traffic().attempts, 1);
    }
}
