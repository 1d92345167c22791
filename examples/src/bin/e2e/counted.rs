use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use http::Request;
use tower_intake_core::{Refused, error};
use tower_service::Service;

/// How many times one request was handed to the client. Not read from the report: a call that was cancelled, or went
/// well at once, has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<AtomicU32>);

impl Sent {
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts in a request's own [`Sent`].
#[derive(Clone, Debug)]
pub(crate) struct Counted<S> {
    inner: S,
}

impl<S> Counted<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>>,
    S::Error: Error + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let sent = request.extensions().get::<Sent>().cloned().unwrap_or_default();
        sent.0.fetch_add(1, Ordering::Relaxed);
        let future = self.inner.call(request);
        Box::pin(async move {
            let reply = future.await;
            // the pool had no connection for it: nothing went out
            if reply.as_ref().is_err_and(|error| error::find::<Refused>(error).is_some()) {
                sent.0.fetch_sub(1, Ordering::Relaxed);
            }
            reply
        })
    }
}
