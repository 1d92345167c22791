//! The future of [`Authenticated`](crate::Authenticated).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::time;
use tower_intake_core::{BoxError, Waited};
use tower_service::Service;

use crate::grant::Wait;
use crate::lease::Lease;

pin_project! {
    /// Resolves to the answer, or to why there is none.
    ///
    /// Dropped while it waits for a token, it leaves the fetch of that token alone: others wait for it too.
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Calling {
            #[pin]
            inner: S::Future,
            lease: Option<Arc<Lease>>,
            waited: Duration,
        },
        Waiting { waiting: Box<Waiting<S, ReqBody>> },
        Failed { error: Option<BoxError> },
    }
}

/// A request that waits for its token.
struct Waiting<S, ReqBody> {
    /// Ready; taken together with the request.
    call: Option<(S, Request<ReqBody>)>,
    wait: Wait,
    since: Instant,
}

impl<S, ReqBody> ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    #[inline]
    pub(crate) fn calling(inner: S::Future, lease: Option<Arc<Lease>>) -> Self {
        Self { state: State::Calling { inner, lease, waited: Duration::ZERO } }
    }

    pub(crate) fn waiting(ready: S, request: Request<ReqBody>, wait: Wait, since: Instant) -> Self {
        let waiting = Waiting { call: Some((ready, request)), wait, since };
        Self { state: State::Waiting { waiting: Box::new(waiting) } }
    }

    pub(crate) fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResBody>, BoxError>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        if !matches!(*state, State::Calling { .. })
            && let Err(error) = ready!(state.as_mut().begin(cx))
        {
            return Poll::Ready(Err(error));
        }
        let StateProj::Calling { inner, lease, waited } = state.project() else {
            unreachable!("what has begun is calling");
        };
        // looked at where it lies: no answer is moved more often than it must be
        let mut polled = inner.poll(cx).map_err(Into::into);
        if let Poll::Ready(reply) = &mut polled {
            if let (Some(lease), Ok(response)) = (lease, &mut *reply) {
                lease.answered(response);
            }
            if !waited.is_zero() {
                Waited::auth(*waited).note(reply);
            }
        }
        polled
    }
}

impl<S, ReqBody> State<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    /// Waits for the token and calls with it.
    #[cold]
    fn begin(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let next = match self.as_mut().project() {
            StateProj::Calling { .. } => return Poll::Ready(Ok(())),
            StateProj::Failed { error } => match error.take() {
                Some(error) => return Poll::Ready(Err(error)),
                None => unreachable!("a future is not polled after it has resolved"),
            },
            StateProj::Waiting { waiting } => {
                let outcome = ready!(waiting.wait.as_mut().poll(cx));
                let waited = time::Instant::now().into_std().saturating_duration_since(waiting.since);
                let Some((mut ready, mut request)) = waiting.call.take() else {
                    unreachable!("a wait ends once");
                };
                match outcome {
                    Ok(lease) => {
                        lease.put(request.headers_mut());
                        State::Calling { inner: ready.call(request), lease: Some(lease), waited }
                    }
                    // what was reserved goes with `ready`, before the caller hears of it
                    Err(error) => return Poll::Ready(Err(after(waited, error.into()))),
                }
            }
        };
        self.set(next);
        Poll::Ready(Ok(()))
    }
}

/// `error`, with how long the request waited before.
#[cold]
fn after(waited: Duration, error: BoxError) -> BoxError {
    let mut reply = Err::<Response<()>, _>(error);
    Waited::auth(waited).note(&mut reply);
    match reply {
        Err(error) => error,
        Ok(_) => unreachable!("a note does not mend an error"),
    }
}

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field(
                "state",
                &match self.state {
                    State::Calling { .. } => "calling",
                    State::Waiting { .. } => "waiting",
                    State::Failed { .. } => "failed",
                },
            )
            .finish()
    }
}
