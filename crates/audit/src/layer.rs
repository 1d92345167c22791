use std::sync::Arc;

use http::header::HeaderName;
use tower_intake_core::{Classify, Kind, Redact, SessionState, Sink, WallClock};
use tower_layer::Layer;

use crate::at_end::AuditAtEndLayer;
use crate::service::Audited;
use crate::sink::Output;
use crate::trail::Trail;

/// One event for each request that passes, to its [`Sink`].
///
/// Twice in a stack: [`AuditLayer::operation`] outside retry, [`AuditLayer::attempt`] inside.
#[derive(Clone, Debug)]
pub struct AuditLayer {
    trail: Trail,
}

impl AuditLayer {
    /// One event for each call as its caller sees it, all attempts together; gives each a correlation id
    /// unless it has one.
    pub fn operation() -> Self {
        Self { trail: Trail::new(Kind::Operation) }
    }

    /// One event for each attempt. The correlation id is read from the header that the operation's layer set.
    pub fn attempt() -> Self {
        Self { trail: Trail::new(Kind::Attempt) }
    }

    /// The header of the correlation id (default
    /// [`CorrelationId::HEADER`](tower_intake_core::CorrelationId::HEADER)); the same in both uses of the
    /// layer.
    #[must_use]
    pub fn header(mut self, header: HeaderName) -> Self {
        self.trail.header = header;
        self
    }

    /// Where the session stands while all goes well (default `unknown`): the field `session_state` of what
    /// succeeded.
    #[must_use]
    pub fn session_state(mut self, session_state: SessionState) -> Self {
        self.trail.at_rest = session_state;
        self
    }

    /// Who takes the events (default [`TracingSink`](crate::TracingSink)).
    #[must_use]
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.trail.output = Output::Own(Arc::new(sink));
        self
    }

    /// What of a path may be shown (default: no value of its query).
    #[must_use]
    pub fn redact(mut self, redact: Redact) -> Self {
        self.trail.redact = redact;
        self
    }

    /// What a reply means (default [`StatusTable`](tower_intake_core::StatusTable)); the same as retry's.
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.trail.classify = Arc::new(classify);
        self
    }

    /// The clock against which a Retry-After date is read, in an answer without a `Date` (default the
    /// system's).
    #[must_use]
    pub fn wall_clock(mut self, wall_clock: WallClock) -> Self {
        self.trail.clock = wall_clock;
        self
    }

    /// The event fires at the end of the answer's body instead of its head, with the bytes that were read.
    pub fn at_end(self) -> AuditAtEndLayer {
        AuditAtEndLayer::new(self.trail)
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Audited::new(inner, Arc::new(self.trail.clone()))
    }
}
