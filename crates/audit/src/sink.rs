use std::fmt;
use std::sync::Arc;

use tower_intake_core::{Event, Kind, Outcome, SessionState, Sink};
use tracing::Level;

use crate::shield::shielded;

/// The target of the audit trail's events in `tracing`; in a JSON line, its `logger`.
pub const TARGET: &str = "tower_intake::audit";

/// Writes each event to `tracing` under [`TARGET`], with exactly the field names of [`Event`]; what an event
/// does not know is left out. The default.
///
/// `elapsed_ms` and `wait_ms` are whole milliseconds, `retry_after` is in seconds. Level INFO; WARN for what
/// failed or was cancelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

/// One list of fields for both levels: tracing wants the level when it is compiled.
macro_rules! write_event {
    ($level:expr, $event:ident) => {
        tracing::event!(
            target: TARGET,
            $level,
            kind = $event.kind.as_str(),
            session_state = $event.session_state.as_str(),
            correlation_id = $event.correlation_id,
            retry_count = $event.retry_count,
            method = $event.method.map(http::Method::as_str),
            scheme = $event.scheme,
            authority = $event.authority,
            path = $event.path,
            status = $event.status,
            outcome = $event.outcome.map(Outcome::as_str),
            elapsed_ms = millis($event.elapsed),
            wait_ms = millis($event.wait),
            retry_after = $event.retry_after.map(|delay| delay.as_secs_f64()),
            stopped = $event.stopped.map(|stopped| stopped.as_str()),
            request_bytes = $event.request_bytes,
            response_bytes = $event.response_bytes,
            error = $event.error,
            "{} {}",
            $event.kind.as_str(),
            $event.outcome.map_or($event.session_state.as_str(), Outcome::as_str),
        )
    };
}

impl Sink for TracingSink {
    fn record(&self, event: &Event<'_>) {
        if is_warning(event) {
            write_event!(Level::WARN, event);
        } else {
            write_event!(Level::INFO, event);
        }
    }

    fn is_enabled(&self) -> bool {
        // WARN, since one cannot know how a call ends when it begins
        tracing::enabled!(target: TARGET, Level::WARN)
    }
}

fn is_warning(event: &Event<'_>) -> bool {
    let lost = matches!(event.session_state, SessionState::Failed | SessionState::Cancelled);
    lost || (event.kind == Kind::Operation && event.outcome != Some(Outcome::Success))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A [`Sink`] from a closure; made by [`sink_fn`].
#[derive(Clone, Copy)]
pub struct SinkFn<F>(F);

/// Makes a [`Sink`] of a closure.
///
/// A named adapter, because a blanket impl for closures would break the inference of their argument.
pub fn sink_fn<F: Fn(&Event<'_>) + Send + Sync>(f: F) -> SinkFn<F> {
    SinkFn(f)
}

impl<F: Fn(&Event<'_>) + Send + Sync> Sink for SinkFn<F> {
    fn record(&self, event: &Event<'_>) {
        (self.0)(event);
    }
}

impl<F> fmt::Debug for SinkFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SinkFn")
    }
}

/// Where the events of a layer go. The default is told apart, so that without a subscriber a call pays one
/// load and no call through a table.
#[derive(Clone)]
pub(crate) enum Output {
    Tracing(TracingSink),
    Own(Arc<dyn Sink>),
}

impl Output {
    /// Whether an event would be looked at. A sink that panics when asked is still given the event.
    pub(crate) fn is_enabled(&self) -> bool {
        match self {
            Self::Tracing(sink) => sink.is_enabled(),
            Self::Own(sink) => shielded(|| sink.is_enabled()).unwrap_or(true),
        }
    }

    pub(crate) fn record(&self, event: &Event<'_>) {
        match self {
            Self::Tracing(sink) => sink.record(event),
            Self::Own(sink) => sink.record(event),
        }
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tracing(sink) => sink.fmt(f),
            Self::Own(_) => f.write_str("Sink"),
        }
    }
}
