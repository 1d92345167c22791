use std::time::Instant;

use tower_intake_core::Key;

use crate::machine::View;

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
            tracing::info!(%key, why, episode, for_ms = millis(until, now), "gate closed for longer");
        }
        (_, View::Closed { until }) => {
            tracing::info!(%key, why, episode, for_ms = millis(until, now), "gate closed");
        }
        (_, View::Probing { probe: Some(probe) }) if before.1 != view => {
            tracing::debug!(%key, episode, probe, "a probe goes through the gate");
        }
        (View::Open | View::Closed { .. } | View::Probing { .. }, View::Ramp { rate }) => {
            tracing::info!(%key, why, episode, per_second = rate, "gate reopening");
        }
        (was, View::Open) if was != View::Open => tracing::info!(%key, why, episode, "gate open"),
        _ => {}
    }
}

fn millis(until: Instant, now: Instant) -> u64 {
    u64::try_from(until.saturating_duration_since(now).as_millis()).unwrap_or(u64::MAX)
}
