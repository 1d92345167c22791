use tower_layer::Layer;

use crate::limit::Limit;
use crate::service::Limited;

/// Bounds the calls in flight by a [`Limit`].
///
/// ```
/// use tower_intake_limit::{AdaptiveLimitLayer, Limit};
///
/// let limit = Limit::fixed(4)?;
/// let one = AdaptiveLimitLayer::new(limit.clone());
/// let same_limit = one.clone();
/// let another = AdaptiveLimitLayer::new(Limit::fixed(4)?);
/// # let _ = (same_limit, another);
/// # Ok::<(), tower_intake_limit::LimitError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AdaptiveLimitLayer {
    limit: Limit,
}

impl AdaptiveLimitLayer {
    /// All services of this layer, and of every other that got a clone of `limit`, share its places.
    pub fn new(limit: Limit) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for AdaptiveLimitLayer {
    type Service = Limited<S>;

    // No Arc of the service's own around the handle: each call writes to the places' line anyway, and their
    // count of owners lies on that same line.
    fn layer(&self, inner: S) -> Limited<S> {
        Limited::new(inner, self.limit.clone())
    }
}
