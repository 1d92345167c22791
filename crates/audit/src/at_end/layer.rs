use std::sync::Arc;

use tower_layer::Layer;

use crate::at_end::service::AuditedAtEnd;
use crate::trail::Trail;

/// An [`AuditLayer`](crate::AuditLayer) whose event fires at the end of the answer's body; made by its
/// [`at_end`](crate::AuditLayer::at_end).
///
/// `response_bytes` is what was read. A body that fails makes the call one that failed; a successful answer
/// whose body is dropped before its end is `cancelled`. What the server says in an answer that is no success
/// may be dropped unread: the event is that of its head.
#[derive(Clone, Debug)]
pub struct AuditAtEndLayer {
    trail: Trail,
}

impl AuditAtEndLayer {
    pub(crate) fn new(trail: Trail) -> Self {
        Self { trail }
    }
}

impl<S> Layer<S> for AuditAtEndLayer {
    type Service = AuditedAtEnd<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuditedAtEnd::new(inner, Arc::new(self.trail.clone()))
    }
}
