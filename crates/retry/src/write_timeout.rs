use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_intake_core::{BoxError, Deadline, Phase, TimedOut};
use tower_layer::Layer;
use tower_service::Service;

/// Bounds how long the server takes nothing more of a streamed request.
///
/// Measured from the moment the client took one frame of the body to the moment it asks for the next one; the time that
/// the body itself needs to make a frame is not counted. The last frame is not followed by another, so a body of one
/// frame (`Full`) is bounded by [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer) alone.
///
/// Inside retry, beside [`AttemptTimeoutLayer`](crate::AttemptTimeoutLayer).
///
/// ```
/// use std::time::Duration;
/// use tower_intake_retry::WriteTimeoutLayer;
///
/// let layer = WriteTimeoutLayer::new(Duration::from_secs(10));
/// # let _ = layer;
/// ```
///
/// # Errors
/// [`TimedOut`] with [`Phase::Write`].
#[derive(Clone, Copy, Debug)]
pub struct WriteTimeoutLayer {
    limit: Duration,
}

impl WriteTimeoutLayer {
    /// Between two frames of a request's body the server takes at most `limit`; 1 ms or more.
    pub fn new(limit: Duration) -> Self {
        Self { limit: limit.max(Duration::from_millis(1)) }
    }
}

impl<S> Layer<S> for WriteTimeoutLayer {
    type Service = WriteTimeout<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WriteTimeout { inner, limit: self.limit }
    }
}

/// The service that [`WriteTimeoutLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct WriteTimeout<S> {
    inner: S,
    limit: Duration,
}

impl<S, ReqBody> Service<Request<ReqBody>> for WriteTimeout<S>
where
    S: Service<Request<WatchedBody<ReqBody>>>,
    S::Error: Into<BoxError>,
    ReqBody: Body,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = WriteTimeoutFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // a body without frames is not watched
        let turn = (!request.body().is_end_stream()).then(|| Arc::new(Turn::new()));
        let request = request.map(|body| WatchedBody { body, turn: turn.clone().map(Watch) });
        WriteTimeoutFuture { future: self.inner.call(request), turn, limit: self.limit, sleep: None }
    }
}

/// Whose turn it is: a body and the future of its answer are polled by different tasks.
#[derive(Debug)]
struct Turn {
    began: Instant,
    /// Since when the client has had the last frame, in nanoseconds from `began`; or one of the two below.
    since: AtomicU64,
}

const OURS: u64 = u64::MAX;
const OVER: u64 = u64::MAX - 1;

impl Turn {
    fn new() -> Self {
        Self { began: Instant::now(), since: AtomicU64::new(OURS) }
    }

    fn set(&self, turn: u64) {
        self.since.store(turn, Ordering::Relaxed);
    }

    fn taken(&self) {
        let nanos = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(OVER);
        self.set(nanos.min(OVER - 1));
    }

    /// When it is too late, if nothing happens from now on; `None`: never.
    fn end(&self, limit: Duration) -> Option<Deadline> {
        let from = match self.since.load(Ordering::Relaxed) {
            OVER => return None,
            OURS => Instant::now().into_std(),
            nanos => Deadline::after(self.began.into_std(), Duration::from_nanos(nanos)).instant(),
        };
        Some(Deadline::after(from, limit))
    }
}

/// The body's end of a [`Turn`]: a body that is dropped asks for nothing more.
#[derive(Debug)]
struct Watch(Arc<Turn>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.set(OVER);
    }
}

pin_project! {
    /// The future of [`WriteTimeout`].
    #[derive(Debug)]
    pub struct WriteTimeoutFuture<F> {
        #[pin]
        future: F,
        turn: Option<Arc<Turn>>,
        limit: Duration,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<F, T, E> Future for WriteTimeoutFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Poll::Ready(reply) = this.future.poll(cx) {
            return Poll::Ready(reply.map_err(Into::into));
        }
        // nobody wakes us when the body is polled, so the timer looks again whenever it has run out
        while let Some(turn) = this.turn {
            let Some(mut sleep) = this.sleep.as_mut().as_pin_mut() else {
                let end = Deadline::after(Instant::now().into_std(), *this.limit);
                this.sleep.set(Some(sleep_until(Instant::from_std(end.instant()))));
                continue;
            };
            ready!(sleep.as_mut().poll(cx));
            match turn.end(*this.limit) {
                None => *this.turn = None,
                Some(end) if end.has_passed(Instant::now().into_std()) => {
                    return Poll::Ready(Err(TimedOut::new(Phase::Write, *this.limit).into()));
                }
                Some(end) => sleep.reset(Instant::from_std(end.instant())),
            }
        }
        Poll::Pending
    }
}

pin_project! {
    /// The body of a request whose writing is watched; made by [`WriteTimeoutLayer`].
    pub struct WatchedBody<B> {
        #[pin]
        body: B,
        turn: Option<Watch>,
    }
}

impl<B: Body> Body for WatchedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        if let Some(Watch(turn)) = this.turn {
            turn.set(OURS);
        }
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        if matches!(frame, Some(Ok(_))) && !this.body.is_end_stream() {
            if let Some(Watch(turn)) = this.turn {
                turn.taken();
            }
        } else {
            *this.turn = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for WatchedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedBody").field("body", &self.body).finish_non_exhaustive()
    }
}
