use std::task::{Context, Poll};

use http::{Request, Response};
use tower_intake_core::{BoxError, LocalKeyed, RequestHead};
use tower_service::Service;

use crate::fuse::Fuse;
use crate::future::ResponseFuture;
use crate::permit::Permit;

/// Refuses calls to servers whose circuit is open; made by [`BreakerLayer`](crate::BreakerLayer).
#[derive(Clone, Debug)]
pub struct Breaker<S> {
    inner: S,
    fuses: LocalKeyed<Fuse>,
}

impl<S> Breaker<S> {
    pub(crate) fn new(inner: S, fuses: LocalKeyed<Fuse>) -> Self {
        Self { inner, fuses }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Breaker<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    /// Ready when the inner service is; whose call it will be, and so whether it is refused, is not known yet.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline(always)]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let permit = match Permit::obtain(&self.fuses, RequestHead::of(&request)) {
            Ok(permit) => permit,
            Err(error) => {
                // what poll_ready got hold of (a place in a concurrency limit) goes back at once: this service may
                // not be called again for long
                self.inner = self.inner.clone();
                return ResponseFuture::refused(error);
            }
        };
        ResponseFuture::calling(self.inner.call(request), permit)
    }
}
