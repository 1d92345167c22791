use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tokio::time::Instant;
use tower_intake_core::{BoxError, RequestHead};
use tower_service::Service;

use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::future::ResponseFuture;
use crate::grant::Put;
use crate::origins::{LocalOrigins, Verdict};

/// A service whose requests carry credentials; made by [`AuthLayer`](crate::AuthLayer).
pub struct Authenticated<S, C> {
    inner: S,
    local: Arc<Local<C>>,
}

/// What a service and its clones share, and no other service writes to.
#[derive(Debug)]
pub(crate) struct Local<C> {
    pub(crate) credentials: C,
    pub(crate) origins: LocalOrigins,
    pub(crate) keep_own: bool,
}

impl<S, C> Authenticated<S, C> {
    pub(crate) fn new(inner: S, local: Arc<Local<C>>) -> Self {
        Self { inner, local }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for Authenticated<S, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    C: Credentials,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S, ReqBody>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline(always)]
    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let local = &*self.local;
        let head = RequestHead::of(&request);
        let verdict = local.origins.verdict(head);
        let own = local.keep_own && local.credentials.is_carried_by(head);
        if own || verdict == Verdict::Without {
            return ResponseFuture::calling(self.inner.call(request), None);
        }
        if verdict == Verdict::Plain {
            let error = AuthError::permanent(
                "credentials do not go over plain http to another machine; \
                 use https, or allow it with `Origins::allow_plain_http`",
            );
            return self.refuse(error.into());
        }
        match local.credentials.grant(head).0.put(&mut request) {
            Put::Done(lease) => ResponseFuture::calling(self.inner.call(request), lease),
            Put::Refused(error) => self.refuse(error),
            Put::Wait(wait) => {
                // the readiness goes with the request; what stays here has none
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                ResponseFuture::waiting(ready, request, wait, Instant::now().into_std())
            }
        }
    }
}

impl<S: Clone, C> Authenticated<S, C> {
    /// Nothing is sent, so the readiness that was reserved for it is given back.
    #[cold]
    fn refuse<ReqBody>(&mut self, error: BoxError) -> ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        self.inner = self.inner.clone();
        ResponseFuture::failed(error)
    }
}

impl<S: Clone, C> Clone for Authenticated<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), local: Arc::clone(&self.local) }
    }
}

impl<S: fmt::Debug, C: fmt::Debug> fmt::Debug for Authenticated<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("inner", &self.inner).field("local", &self.local).finish()
    }
}
