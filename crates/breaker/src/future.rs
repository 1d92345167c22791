//! The future of a [`Breaker`](crate::Breaker).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use pin_project_lite::pin_project;
use tower_intake_core::{BoxError, Reply};

use crate::error::CircuitOpen;
use crate::permit::Permit;

pin_project! {
    /// The answer of the inner service, or [`CircuitOpen`].
    ///
    /// Dropped before it is ready, it counts as nothing, and a probe's place is free again.
    pub struct ResponseFuture<F> {
        // `None`: refused
        #[pin]
        inner: Option<F>,
        hold: Hold,
    }
}

#[derive(Debug)]
enum Hold {
    Calling(Permit),
    Refused(Box<CircuitOpen>),
    Ended,
}

impl<F> ResponseFuture<F> {
    #[inline]
    pub(crate) fn calling(inner: F, permit: Permit) -> Self {
        Self { inner: Some(inner), hold: Hold::Calling(permit) }
    }

    pub(crate) fn refused(error: Box<CircuitOpen>) -> Self {
        Self { inner: None, hold: Hold::Refused(error) }
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
        let Some(inner) = this.inner.as_pin_mut() else {
            return match std::mem::replace(this.hold, Hold::Ended) {
                Hold::Refused(error) => Poll::Ready(Err(error)),
                _ => unreachable!("a future that has ended is not polled again"),
            };
        };
        // looked at where it lies: no answer is moved more often than it must be
        let polled = inner.poll(cx).map_err(Into::into);
        if let Poll::Ready(reply) = &polled
            && let Hold::Calling(permit) = this.hold
        {
            permit.settle(Reply::of(reply));
        }
        polled
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("hold", &self.hold).finish_non_exhaustive()
    }
}
