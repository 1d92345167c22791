//! The futures of this crate.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_intake_core::{BoxError, Reply};

pub use crate::at_end::future::ResponseFuture as AtEndResponseFuture;
use crate::pending::Pending;

pin_project! {
    /// The future of [`Audited`](crate::Audited).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        pending: Pending,
    }
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(crate) fn new(inner: F, pending: Pending) -> Self {
        Self { inner, pending }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // looked at where it lies: an answer's head is large, and moving it costs more than all else here
        let reply = this.inner.poll(cx).map_err(Into::into);
        if let Poll::Ready(reply) = &reply {
            this.pending.end(Reply::of(reply));
        }
        reply
    }
}
