use std::sync::Arc;

use tower_layer::Layer;

use crate::retry_policy::RetryPolicy;
use crate::service::Retry;

/// Sends a failed request again, as its [`Policy`](crate::Policy) decides. See the [crate](crate).
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryLayer<P = RetryPolicy> {
    policy: P,
}

impl<P> RetryLayer<P> {
    /// Retries as `policy` decides.
    pub fn new(policy: P) -> Self {
        Self { policy }
    }
}

impl<S, P: Clone> Layer<S> for RetryLayer<P> {
    type Service = Retry<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        // an Arc of its own for each service: stacks of different workers do not write one counter
        Retry::new(inner, Arc::new(self.policy.clone()))
    }
}
