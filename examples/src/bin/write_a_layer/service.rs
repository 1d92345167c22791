//! Moves requests.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_intake_core::{BoxError, Classify};
use tower_service::Service;

use crate::counts::Local;
use crate::future::ResponseFuture;

/// The service that [`OutcomeCountLayer`](crate::layer::OutcomeCountLayer) makes.
#[derive(Clone, Debug)]
pub(crate) struct OutcomeCounted<S, C> {
    inner: S,
    counts: Arc<Local>,
    classify: C,
}

impl<S, C> OutcomeCounted<S, C> {
    pub(crate) fn new(inner: S, counts: Arc<Local>, classify: C) -> Self {
        Self { inner, counts, classify }
    }
}

// bounds stand here, not on the struct
impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for OutcomeCounted<S, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    C: Classify + Clone,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // the call first: a request that a panic in it takes away was never under way
        let inner = self.inner.call(request);
        ResponseFuture::new(inner, Arc::clone(&self.counts), self.classify.clone())
    }
}
