use std::task::{Context, Poll};

use http::header::{Entry, HeaderName};
use http::{HeaderValue, Request};
use tower_intake_core::{Replay, uuid_v7};
use tower_layer::Layer;
use tower_service::Service;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Gives every operation a key by which the server knows it again
/// ([draft-ietf-httpapi-idempotency-key-header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/)).
///
/// Outside retry, so that all attempts carry one key. It is a fresh UUIDv7; a caller's own key is kept. With it, retry
/// may send any method again: do not use it with a server that does not honour it.
///
/// ```
/// use tower_intake_retry::IdempotencyKeyLayer;
///
/// let layer = IdempotencyKeyLayer::new();
/// let other = IdempotencyKeyLayer::new().header(http::HeaderName::from_static("x-request-id"));
/// # let _ = (layer, other);
/// ```
#[derive(Clone, Debug)]
pub struct IdempotencyKeyLayer {
    header: HeaderName,
}

impl IdempotencyKeyLayer {
    /// In the header `idempotency-key`.
    pub fn new() -> Self {
        Self { header: IDEMPOTENCY_KEY }
    }

    /// In another header. Retry knows only `idempotency-key` by its name, so with another one the request is marked
    /// [`Replay::Safe`] too, unless its caller has marked it.
    #[must_use]
    pub fn header(mut self, header: HeaderName) -> Self {
        self.header = header;
        self
    }
}

impl Default for IdempotencyKeyLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for IdempotencyKeyLayer {
    type Service = IdempotencyKey<S>;

    fn layer(&self, inner: S) -> Self::Service {
        // the first clone of a name that is not static allocates; here, not in each call
        IdempotencyKey { inner, marks: self.header != IDEMPOTENCY_KEY, header: self.header.clone() }
    }
}

/// The service that [`IdempotencyKeyLayer`] makes.
#[derive(Clone, Debug)]
pub struct IdempotencyKey<S> {
    inner: S,
    header: HeaderName,
    marks: bool,
}

impl<S, ReqBody> Service<Request<ReqBody>> for IdempotencyKey<S>
where
    S: Service<Request<ReqBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let keyed = match request.headers_mut().try_entry(&self.header) {
            Ok(Entry::Occupied(_)) => true,
            Ok(Entry::Vacant(place)) => {
                HeaderValue::from_maybe_shared(uuid_v7()).is_ok_and(|key| place.try_insert(key).is_ok())
            }
            // 32 768 headers are the most there can be; such a request goes out without a key
            Err(_) => false,
        };
        if keyed && self.marks && request.extensions().get::<Replay>().is_none() {
            request.extensions_mut().insert(Replay::Safe);
        }
        self.inner.call(request)
    }
}
