use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_intake_core::{BoxError, Deadline, Phase, TimedOut};
use tower_layer::Layer;
use tower_service::Service;

/// Bounds one attempt: the time to the head of its answer, and each gap in the answer's body.
///
/// Its place is inside retry, so that an attempt that hangs is a failure like any other, and inside everything that
/// waits for permission, so that a wait is not taken for silence. An attempt that the call's
/// [`Deadline`] ends sooner is cut then.
///
/// A call that is answered at once registers no timer: the time begins where it is first pending.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_retry::AttemptTimeoutLayer;
///
/// let layer = AttemptTimeoutLayer::new(Duration::from_secs(30)).read_timeout(Duration::from_secs(10));
/// # let _ = layer;
/// ```
///
/// # Errors
/// [`TimedOut`] with [`Phase::Attempt`], or [`Phase::Deadline`] where that was sooner; from the body, with
/// [`Phase::Read`].
#[derive(Clone, Copy, Debug)]
pub struct AttemptTimeoutLayer {
    attempt: Option<Duration>,
    read: Option<Duration>,
}

impl AttemptTimeoutLayer {
    /// From dispatch to the head of the answer at most `timeout`; `None`: as long as the deadline allows.
    pub fn new(timeout: impl Into<Option<Duration>>) -> Self {
        Self { attempt: timeout.into(), read: None }
    }

    /// Between two frames of the answer's body at most `timeout`; default none. The time that the reader takes is not
    /// counted.
    #[must_use]
    pub fn read_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.read = timeout.into();
        self
    }
}

impl<S> Layer<S> for AttemptTimeoutLayer {
    type Service = AttemptTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttemptTimeout { inner, bounds: *self }
    }
}

/// The service that [`AttemptTimeoutLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct AttemptTimeout<S> {
    inner: S,
    bounds: AttemptTimeoutLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for AttemptTimeout<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ReadTimeout<ResBody>>;
    type Error = BoxError;
    type Future = AttemptTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let deadline = Deadline::of(&request);
        AttemptTimeoutFuture { future: self.inner.call(request), deadline, bounds: self.bounds, sleep: None }
    }
}

pin_project! {
    /// The future of [`AttemptTimeout`].
    #[derive(Debug)]
    pub struct AttemptTimeoutFuture<F> {
        #[pin]
        future: F,
        deadline: Option<Deadline>,
        bounds: AttemptTimeoutLayer,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<F, ResBody, E> Future for AttemptTimeoutFuture<F>
where
    F: Future<Output = Result<Response<ResBody>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<ReadTimeout<ResBody>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(reply) = this.future.poll(cx) {
            let limit = this.bounds.read;
            return Poll::Ready(reply.map_err(Into::into).map(|response| {
                response.map(|body| ReadTimeout { body, limit, sleep: None, armed: false })
            }));
        }
        if this.sleep.is_none() {
            let now = Instant::now().into_std();
            let Some(end) = end(this.bounds.attempt, *this.deadline, now) else { return Poll::Pending };
            this.sleep.set(Some(sleep_until(Instant::from_std(end.instant()))));
            // what is told if it fires: how much time there was, and whose
            *this.bounds = AttemptTimeoutLayer { attempt: Some(end.remaining(now)), read: this.bounds.read };
            if *this.deadline != Some(end) {
                *this.deadline = None;
            }
        }
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        let phase = if this.deadline.is_some() { Phase::Deadline } else { Phase::Attempt };
        let after = this.bounds.attempt.unwrap_or_default();
        Poll::Ready(Err(TimedOut::new(phase, after).into()))
    }
}

/// The sooner of both ends, if there is one.
fn end(timeout: Option<Duration>, deadline: Option<Deadline>, now: std::time::Instant) -> Option<Deadline> {
    let own = timeout.map(|timeout| Deadline::after(now, timeout));
    match (own, deadline) {
        (Some(own), Some(deadline)) => Some(own.sooner(deadline)),
        (own, deadline) => own.or(deadline),
    }
}

pin_project! {
    /// The body of an answer, each gap between its frames bounded; made by [`AttemptTimeoutLayer`].
    pub struct ReadTimeout<B> {
        #[pin]
        body: B,
        limit: Option<Duration>,
        // boxed, so that the body is Unpin where the one inside is: its readers like to have it so
        sleep: Option<Pin<Box<Sleep>>>,
        // the timer runs for the gap that is open now
        armed: bool,
    }
}

impl<B> Body for ReadTimeout<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        if let Poll::Ready(frame) = this.body.poll_frame(cx) {
            *this.armed = false;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(limit) = *this.limit else { return Poll::Pending };
        let end = || Instant::from_std(Deadline::after(Instant::now().into_std(), limit).instant());
        let sleep = match this.sleep {
            Some(sleep) => {
                if !*this.armed {
                    sleep.as_mut().reset(end());
                }
                sleep
            }
            None => this.sleep.insert(Box::pin(sleep_until(end()))),
        };
        *this.armed = true;
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(TimedOut::new(Phase::Read, limit).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for ReadTimeout<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadTimeout")
            .field("body", &self.body)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
