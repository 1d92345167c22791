//! Configuration.

use tower_intake_core::StatusTable;
use tower_layer::Layer;

use crate::counts::Counts;
use crate::service::OutcomeCounted;

/// Counts what comes of requests.
#[derive(Clone, Debug)]
pub(crate) struct OutcomeCountLayer<C = StatusTable> {
    counts: Counts,
    classify: C,
}

impl OutcomeCountLayer {
    /// All services of this layer, and of every other with a clone of `counts`, count there.
    pub(crate) fn new(counts: Counts) -> Self {
        Self { counts, classify: StatusTable::default() }
    }
}

impl<C> OutcomeCountLayer<C> {
    /// What a reply means; default [`StatusTable::default`].
    #[must_use]
    pub(crate) fn classify<C2>(self, classify: C2) -> OutcomeCountLayer<C2> {
        OutcomeCountLayer { counts: self.counts, classify }
    }
}

impl<S, C: Clone> Layer<S> for OutcomeCountLayer<C> {
    type Service = OutcomeCounted<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        OutcomeCounted::new(inner, self.counts.local(), self.classify.clone())
    }
}
