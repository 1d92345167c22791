use std::fmt;
use std::sync::Arc;

use http::Request;
use http::header::{Entry, HeaderMap, HeaderName};
use http_body::Body;
use tower_intake_core::{Classify, CorrelationId, Kind, Redact, SessionState, StatusTable, WallClock};

use crate::pending::Pending;
use crate::sink::{Output, TracingSink};

/// What all calls of one layer have in common.
#[derive(Clone)]
pub(crate) struct Trail {
    pub(crate) kind: Kind,
    pub(crate) header: HeaderName,
    pub(crate) at_rest: SessionState,
    pub(crate) redact: Redact,
    pub(crate) classify: Arc<dyn Classify + Send + Sync>,
    pub(crate) clock: WallClock,
    pub(crate) output: Output,
}

impl Trail {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            header: CorrelationId::HEADER,
            at_rest: SessionState::Unknown,
            redact: Redact::default(),
            classify: Arc::new(StatusTable::default()),
            clock: WallClock::system(),
            output: Output::Tracing(TracingSink),
        }
    }

    /// Gives an operation its id, and remembers what the event will need of `request`, if anybody will look.
    #[inline]
    pub(crate) fn begin<B: Body>(self: &Arc<Self>, request: &mut Request<B>) -> Pending {
        if self.kind == Kind::Operation {
            ensure_id(request.headers_mut(), &self.header);
        }
        if self.output.is_enabled() { Pending::of(self, request) } else { Pending::none() }
    }
}

/// Sets a fresh id where the caller set none, or an empty one. A map that is full of headers goes without.
#[inline(never)]
fn ensure_id(headers: &mut HeaderMap, name: &HeaderName) {
    match headers.try_entry(name) {
        Ok(Entry::Vacant(vacant)) => {
            let _ = vacant.try_insert(CorrelationId::random().into());
        }
        Ok(Entry::Occupied(mut known)) if known.get().is_empty() => {
            known.insert(CorrelationId::random().into());
        }
        _ => {}
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail")
            .field("kind", &self.kind)
            .field("header", &self.header)
            .field("session_state", &self.at_rest)
            .field("redact", &self.redact)
            .field("wall_clock", &self.clock)
            .field("sink", &self.output)
            .finish_non_exhaustive()
    }
}
