use http::header::HeaderName;
use tower_layer::Layer;

use crate::service::RetryCounted;

/// Puts the number of earlier attempts into a header.
///
/// ```
/// use http::header::HeaderName;
/// use tower_intake_retry_count::RetryCountLayer;
///
/// let layer = RetryCountLayer::new().header(HeaderName::from_static("x-ms-retry-count")).send_zero(true);
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
pub struct RetryCountLayer {
    header: HeaderName,
    send_zero: bool,
}

impl RetryCountLayer {
    /// `x-retry-count`.
    pub const HEADER: HeaderName = HeaderName::from_static("x-retry-count");

    /// Sends [`RetryCountLayer::HEADER`] from the second attempt on.
    pub const fn new() -> Self {
        Self { header: Self::HEADER, send_zero: false }
    }

    /// Sends it under this name.
    #[must_use]
    pub fn header(mut self, header: HeaderName) -> Self {
        self.header = header;
        self
    }

    /// Whether the first attempt says `0` (default: it says nothing). Costs each call the insertion of a
    /// header.
    #[must_use]
    pub const fn send_zero(mut self, send_zero: bool) -> Self {
        self.send_zero = send_zero;
        self
    }
}

impl Default for RetryCountLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RetryCountLayer {
    type Service = RetryCounted<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryCounted::new(inner, self.header.clone(), self.send_zero)
    }
}
