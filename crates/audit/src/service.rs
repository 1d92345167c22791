use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::trail::Trail;

/// A service that leaves an event for each request; made by [`AuditLayer`](crate::AuditLayer).
#[derive(Clone, Debug)]
pub struct Audited<S> {
    inner: S,
    trail: Arc<Trail>,
}

impl<S> Audited<S> {
    pub(crate) fn new(inner: S, trail: Arc<Trail>) -> Self {
        Self { inner, trail }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Audited<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ReqBody: Body,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline(always)]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // before the call: if it panics, the event still fires
        let pending = self.trail.begin(&mut request);
        ResponseFuture::new(self.inner.call(request), pending)
    }
}
