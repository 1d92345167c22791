use std::mem;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::Body;
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::body::LimitedBody;
use crate::future::ResponseFuture;
use crate::limit::Limit;
use crate::places::Permit;
use crate::waiting::Waiting;

/// A service whose calls take a place in a [`Limit`]; made by
/// [`AdaptiveLimitLayer`](crate::AdaptiveLimitLayer).
#[derive(Debug)]
pub struct Limited<S> {
    inner: S,
    readiness: Readiness,
    limit: Limit,
}

/// What the inner service has been asked since the last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// Nothing; so it holds nothing.
    Untouched,
    /// Whether it is ready: it may stand in a queue.
    Asked,
    /// The same, and it is: it may hold a permit.
    Ready,
}

impl<S> Limited<S> {
    /// `inner` within `limit`.
    pub fn new(inner: S, limit: Limit) -> Self {
        Self { inner, readiness: Readiness::Untouched, limit }
    }

    /// The limit.
    pub fn limit(&self) -> &Limit {
        &self.limit
    }
}

impl<S: Clone> Limited<S> {
    /// Gives back whatever inner holds, a permit or a place in a queue: a clone holds nothing.
    fn let_go(&mut self) {
        if mem::replace(&mut self.readiness, Readiness::Untouched) != Readiness::Untouched {
            let fresh = self.inner.clone();
            self.inner = fresh;
        }
    }

    /// A call that cannot be made at once: because there is no place, or in one that became free after
    /// `poll_ready` had seen none and had not asked inner.
    #[cold]
    #[inline(never)]
    fn call_later<F, ReqBody>(
        &mut self,
        request: Request<ReqBody>,
        permit: Option<Permit>,
    ) -> ResponseFuture<S, F, ReqBody> {
        self.let_go();
        match permit {
            Some(permit) => ResponseFuture::waiting(Waiting::placed(self.inner.clone(), request, permit)),
            None => match Waiting::queued(&self.inner, request, &self.limit) {
                Ok(waiting) => ResponseFuture::waiting(waiting),
                Err(full) => ResponseFuture::refused(full),
            },
        }
    }
}

// by hand: what inner has been asked is not true of its clone
impl<S: Clone> Clone for Limited<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.limit.clone())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Limited<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    ResBody: Body,
{
    type Response = Response<LimitedBody<ResBody>>;
    type Error = BoxError;
    type Future = ResponseFuture<S, S::Future, ReqBody>;

    /// Ready when inner is; or when every place is taken, because then the call waits in its future. It is
    /// never the limit that fails here.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.limit.places().is_full() {
            // who may have to wait holds nothing meanwhile that another could use
            self.let_go();
            return Poll::Ready(Ok(()));
        }
        self.readiness = Readiness::Asked;
        ready!(self.inner.poll_ready(cx)).map_err(Into::into)?;
        self.readiness = Readiness::Ready;
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let permit = self.limit.places().try_take();
        if self.readiness == Readiness::Ready
            && let Some(permit) = permit
        {
            self.readiness = Readiness::Untouched;
            return ResponseFuture::calling(self.inner.call(request), permit);
        }
        self.call_later(request, permit)
    }
}
