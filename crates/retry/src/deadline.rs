use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Request;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_intake_core::{BoxError, Deadline, Phase, TimedOut};
use tower_layer::Layer;
use tower_service::Service;

/// The layers inside that know the deadline end the call themselves, and better: they return what the server said
/// last. They get this long, one tick of tokio's timer.
const GRACE: Duration = Duration::from_millis(1);

/// Gives every call a [`Deadline`]: a total time for all its attempts and waits.
///
/// A sooner one that the request carries already is kept. The layers further in read it: a wait that does not fit is
/// not begun. [`Retry`](crate::Retry) cuts the attempt that is running at the deadline, and returns the last answer of
/// the server. If the call is still not over one tick (1 ms) later, because there is no retry layer or something in
/// between waits on its own, then this layer ends it.
///
/// Where retry is known to be inside, [`set_only`](Self::set_only) saves the second timer.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_retry::DeadlineLayer;
///
/// let layer = DeadlineLayer::new(Duration::from_secs(120));
/// # let _ = layer;
/// ```
///
/// # Errors
/// [`TimedOut`] with [`Phase::Deadline`], if it ends the call itself.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLayer {
    total: Duration,
    cuts: bool,
}

impl DeadlineLayer {
    /// Each call has ended `total` after it was made.
    pub fn new(total: Duration) -> Self {
        Self { total, cuts: true }
    }

    /// Leaves the end of the call to the layers inside.
    #[must_use]
    pub fn set_only(mut self) -> Self {
        self.cuts = false;
        self
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = WithDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithDeadline { inner, layer: *self }
    }
}

/// The service that [`DeadlineLayer`] makes.
#[derive(Clone, Copy, Debug)]
pub struct WithDeadline<S> {
    inner: S,
    layer: DeadlineLayer,
}

impl<S, ReqBody> Service<Request<ReqBody>> for WithDeadline<S>
where
    S: Service<Request<ReqBody>>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let now = Instant::now().into_std();
        let own = Deadline::after(now, self.layer.total);
        let deadline = match Deadline::of(&request) {
            Some(sooner) if sooner <= own => sooner,
            _ => {
                request.extensions_mut().insert(own);
                own
            }
        };
        DeadlineFuture {
            future: self.inner.call(request),
            deadline: self.layer.cuts.then_some(deadline),
            allowed: deadline.remaining(now),
            sleep: None,
        }
    }
}

pin_project! {
    /// The future of [`WithDeadline`].
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        future: F,
        deadline: Option<Deadline>,
        allowed: Duration,
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl<F, T, E> Future for DeadlineFuture<F>
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
        let Some(deadline) = this.deadline else { return Poll::Pending };
        if this.sleep.is_none() {
            let end = Deadline::after(deadline.instant(), GRACE).instant();
            this.sleep.set(Some(sleep_until(Instant::from_std(end))));
        }
        if let Some(sleep) = this.sleep.as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        Poll::Ready(Err(TimedOut::new(Phase::Deadline, *this.allowed).into()))
    }
}
