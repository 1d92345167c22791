//! The future of a limited call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_intake_core::{BoxError, Waited};
use tower_service::Service;

use crate::body::LimitedBody;
use crate::error::LimitFull;
use crate::places::Permit;
use crate::waiting::Waiting;

pin_project! {
    /// The answer of a [`Limited`](crate::Limited) service, once the call had a place.
    ///
    /// Dropped at any moment it leaves the queue, or gives its place to the next.
    pub struct ResponseFuture<S, F, ReqBody> {
        #[pin]
        state: State<S, F, ReqBody>,
        waited: Duration,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, ReqBody> {
        // `future` first: its connection is given up before its place is
        Calling { #[pin] future: F, permit: Option<Permit> },
        Waiting { waiting: Box<Waiting<S, ReqBody>> },
        Refused { full: Option<Box<LimitFull>> },
        Ended,
    }
}

impl<S, F, ReqBody> ResponseFuture<S, F, ReqBody> {
    pub(crate) fn calling(future: F, permit: Permit) -> Self {
        Self::new(State::Calling { future, permit: Some(permit) })
    }

    pub(crate) fn waiting(waiting: Box<Waiting<S, ReqBody>>) -> Self {
        Self::new(State::Waiting { waiting })
    }

    pub(crate) fn refused(full: LimitFull) -> Self {
        Self::new(State::Refused { full: Some(Box::new(full)) })
    }

    fn new(state: State<S, F, ReqBody>) -> Self {
        Self { state, waited: Duration::ZERO }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, S::Future, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    ResBody: Body,
{
    type Output = Result<Response<LimitedBody<ResBody>>, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !matches!(*this.state, State::Calling { .. }) {
            ready!(begin(this.state.as_mut(), this.waited, cx))?;
        }
        let StateProj::Calling { future, permit } = this.state.project() else {
            unreachable!("a call that has begun is being made");
        };
        match ready!(future.poll(cx)) {
            Ok(mut response) => {
                if response.body().is_end_stream() {
                    drop(permit.take());
                }
                if !this.waited.is_zero() {
                    note_on_answer(&mut response, *this.waited);
                }
                let permit = permit.take();
                Poll::Ready(Ok(response.map(|body| LimitedBody::new(body, permit))))
            }
            Err(error) => {
                drop(permit.take());
                Poll::Ready(note_on_error(error.into(), *this.waited))
            }
        }
    }
}

/// What [`Waited::note`] does to an answer, but where it lies: as a `Result` its large head would be copied
/// once more for every call, those included that did not wait.
#[cold]
#[inline(never)]
fn note_on_answer<B>(response: &mut Response<B>, waited: Duration) {
    let before = response.extensions().get::<Waited>().copied().unwrap_or_default();
    response.extensions_mut().insert(before.and(Waited::limit(waited)));
}

#[cold]
fn note_on_error<T>(error: BoxError, waited: Duration) -> Result<Response<T>, BoxError> {
    let mut reply = Err(error);
    Waited::limit(waited).note(&mut reply);
    reply
}

/// Brings a call that could not be made at once to where it is being made.
#[cold]
#[inline(never)]
fn begin<S, ReqBody, ResBody>(
    mut state: Pin<&mut State<S, S::Future, ReqBody>>,
    waited: &mut Duration,
    cx: &mut Context<'_>,
) -> Poll<Result<(), BoxError>>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    let made = match state.as_mut().project() {
        StateProj::Calling { .. } => return Poll::Ready(Ok(())),
        StateProj::Waiting { waiting } => {
            let made = ready!(waiting.poll(cx));
            *waited = waiting.waited();
            made
        }
        StateProj::Refused { full } => match full.take() {
            Some(full) => Err(full as BoxError),
            None => unreachable!("a future is not polled after it has ended"),
        },
        StateProj::Ended => unreachable!("a future is not polled after it has ended"),
    };
    match made {
        Ok((future, permit)) => {
            state.set(State::Calling { future, permit: Some(permit) });
            Poll::Ready(Ok(()))
        }
        Err(error) => {
            state.set(State::Ended);
            Poll::Ready(note_on_error::<()>(error, *waited).map(drop))
        }
    }
}

impl<S, F, ReqBody> fmt::Debug for ResponseFuture<S, F, ReqBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state: &dyn fmt::Debug = match &self.state {
            State::Calling { .. } => &"Calling",
            State::Waiting { waiting } => waiting,
            State::Refused { .. } => &"Refused",
            State::Ended => &"Ended",
        };
        f.debug_struct("ResponseFuture").field("state", state).field("waited", &self.waited).finish()
    }
}
