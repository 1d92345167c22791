use crate::event::Event;

/// Takes events of the audit trail.
///
/// Called on the task that serves the request: it returns at once, and hands anything slow to a task or
/// thread of its own. A sink that panics harms no request: the layer catches it.
pub trait Sink: Send + Sync {
    /// Takes one event.
    fn record(&self, event: &Event<'_>);

    /// Whether an event would be looked at: `false` saves making it.
    fn is_enabled(&self) -> bool {
        true
    }
}

impl<S: Sink + ?Sized> Sink for std::sync::Arc<S> {
    fn record(&self, event: &Event<'_>) {
        (**self).record(event);
    }

    fn is_enabled(&self) -> bool {
        (**self).is_enabled()
    }
}
