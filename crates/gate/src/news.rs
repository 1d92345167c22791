use std::time::Instant;

use tower_intake_core::{Key, Kind, SessionState};

use crate::machine::View;

pub(crate) const TARGET: &str = "tower_intake::gate";
pub(crate) const LIFECYCLE: &str = Kind::Lifecycle.as_str();
const RATE_LIMITED: &str = SessionState::RateLimited.as_str();

/// Who brought a change about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Answer,
    Operator,
    Time,
}

impl Cause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Operator => "operator",
            Self::Time => "time",
        }
    }
}

/// One event for what is news: at most one a change, none a request.
pub(crate) fn tell(key: &Key, cause: Cause, before: (u64, View), after: (u64, View), now: Instant) {
    if before == after {
        return;
    }
    let why = cause.as_str();
    let (episode, view) = after;
    match (before.1, view) {
        (View::Closed { until: was }, View::Closed { until }) if before.0 == episode && was < until => {
            tracing::info!(target: TARGET, kind = LIFECYCLE, session_state = RATE_LIMITED, %key, why, episode, for_ms = millis(until, now), "gate closed for longer");
        }
        (_, View::Closed { until }) => {
            tracing::info!(target: TARGET, kind = LIFECYCLE, session_state = RATE_LIMITED, %key, why, episode, for_ms = millis(until, now), "gate closed");
        }
        (_, View::Probing { probe: Some(probe) }) if before.1 != view => {
            tracing::debug!(target: TARGET, kind = LIFECYCLE, session_state = RATE_LIMITED, %key, episode, probe, "a probe goes through the gate");
        }
        (View::Open | View::Closed { .. } | View::Probing { .. }, View::Ramp { rate }) => {
            tracing::info!(target: TARGET, kind = LIFECYCLE, session_state = RATE_LIMITED, %key, why, episode, per_second = rate, "gate reopening");
        }
        (was, View::Open) if was != View::Open => {
            let session_state = SessionState::Unknown.as_str();
            tracing::info!(target: TARGET, kind = LIFECYCLE, session_state, %key, why, episode, "gate open");
        }
        _ => {}
    }
}

fn millis(until: Instant, now: Instant) -> u64 {
    u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)
}
