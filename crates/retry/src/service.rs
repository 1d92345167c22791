use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_intake_core::{BoxError, Replayable};
use tower_service::Service;

use crate::course::Course;
use crate::future::ResponseFuture;
use crate::held::HeldBody;
use crate::kept::Kept;
use crate::policy::Policy;

/// The service that [`RetryLayer`](crate::RetryLayer) makes.
#[derive(Debug)]
pub struct Retry<S, P> {
    inner: S,
    policy: Arc<P>,
}

impl<S, P> Retry<S, P> {
    pub(crate) fn new(inner: S, policy: Arc<P>) -> Self {
        Self { inner, policy }
    }
}

impl<S: Clone, P> Clone for Retry<S, P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), policy: Arc::clone(&self.policy) }
    }
}

impl<S, P, ReqBody, ResBody> Service<Request<ReqBody>> for Retry<S, P>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    P: Policy,
    ReqBody: Replayable,
    ResBody: Body,
{
    type Response = Response<HeldBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, P, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let course = Course::start(&*self.policy, &request, Instant::now().into_std());
        let policy = Arc::clone(&self.policy);
        if course.is_late() {
            // gives back what the readiness of the inner service holds
            self.inner = self.inner.clone();
            return ResponseFuture::late(policy, course);
        }
        let kept = if course.may_retry(&*policy) { Kept::of(&request) } else { None };
        let attempt = self.inner.call(request);
        // a later attempt asks its own clone whether it is ready
        let inner = kept.is_some().then(|| self.inner.clone());
        ResponseFuture::new(inner, policy, course, attempt, kept)
    }
}
