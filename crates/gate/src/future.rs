//! What [`Gated`](crate::Gated) returns.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_intake_core::BoxError;
use tower_service::Service;

use crate::error::GateClosed;
use crate::pass::Pass;
use crate::wait::Wait;

pin_project! {
    /// The answer of a service behind a gate; where the gate is closed, the wait first.
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S::Future, Box<Wait<S, ReqBody>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, W> {
        Sent { #[pin] future: F, pass: Pass },
        // boxed: an open gate does not pay for what waiting needs
        Waiting { wait: W },
        Refused { closed: Option<Box<GateClosed>> },
    }
}

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    #[inline]
    pub(crate) fn sent(future: S::Future, pass: Pass) -> Self {
        Self { state: State::Sent { future, pass } }
    }

    pub(crate) fn waiting(wait: Box<Wait<S, ReqBody>>) -> Self {
        Self { state: State::Waiting { wait } }
    }

    pub(crate) fn refused(closed: Box<GateClosed>) -> Self {
        Self { state: State::Refused { closed: Some(closed) } }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Sent { future, pass } => {
                    // looked at where it lies: no answer is moved more often than it must be
                    let mut polled = future.poll(cx).map_err(Into::into);
                    if let Poll::Ready(result) = &mut polled {
                        pass.answered(result);
                    }
                    return polled;
                }
                StateProj::Waiting { wait } => {
                    let sent = ready!(wait.poll(cx));
                    // whoever polls next, the wait and its place are gone
                    this.state.set(State::Refused { closed: None });
                    let (future, pass) = sent?;
                    this.state.set(State::Sent { future, pass });
                }
                StateProj::Refused { closed } => match closed.take() {
                    Some(closed) => return Poll::Ready(Err(closed)),
                    None => unreachable!("polled after its end"),
                },
            }
        }
    }
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Sent { .. } => "Sent",
            State::Waiting { .. } => "Waiting",
            State::Refused { .. } => "Refused",
        };
        f.debug_tuple("ResponseFuture").field(&state).finish()
    }
}
