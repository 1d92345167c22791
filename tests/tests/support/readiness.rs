//! The contract of readiness, enforced at every joint of a stack.

use std::task::{Context, Poll, ready};

use tower_service::Service;

/// Panics when it is called without having been asked for readiness since the last call. A clone has not been asked.
#[derive(Debug)]
pub struct Ready<S> {
    inner: S,
    ready: bool,
}

impl<S> Ready<S> {
    pub fn new(inner: S) -> Self {
        Self { inner, ready: false }
    }
}

impl<S: Clone> Clone for Ready<S> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone())
    }
}

impl<S: Service<R>, R> Service<R> for Ready<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        ready!(self.inner.poll_ready(cx))?;
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> S::Future {
        assert!(std::mem::take(&mut self.ready), "a service was called that was not ready");
        self.inner.call(request)
    }
}
