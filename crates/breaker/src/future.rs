//! The future of a [`Breaker`](crate::Breaker).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;
use tower_intake_core::BoxError;

use crate::error::CircuitOpen;
use crate::permit::Permit;

pin_project! {
    /// The answer of the inner service, or [`CircuitOpen`].
    ///
    /// Dropped before it is ready, it counts as nothing, and a probe's place is free again.
    pub struct ResponseFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Now]
    enum State<F> {
        Calling { #[pin] inner: F, permit: Option<Permit> },
        Refused { error: Option<Box<CircuitOpen>> },
    }
}

impl<F> ResponseFuture<F> {
    pub(crate) fn calling(inner: F, permit: Permit) -> Self {
        Self { state: State::Calling { inner, permit: Some(permit) } }
    }

    pub(crate) fn refused(error: Box<CircuitOpen>) -> Self {
        Self { state: State::Refused { error: Some(error) } }
    }
}

impl<F, ResBody, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Now::Calling { inner, permit } => {
                let reply = ready!(inner.poll(cx)).map_err(Into::into);
                if let Some(permit) = permit.take() {
                    permit.settle(&reply);
                }
                Poll::Ready(reply)
            }
            Now::Refused { error } => match error.take() {
                Some(error) => Poll::Ready(Err(error)),
                None => unreachable!("a future that has ended is not polled again"),
            },
        }
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Calling { .. } => "Calling",
            State::Refused { .. } => "Refused",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
