use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body_util::Either as EitherBody;
use pin_project_lite::pin_project;
use tower_intake_audit::Audited;
use tower_intake_auth::Authenticated;
use tower_intake_breaker::Breaker;
use tower_intake_gate::Gated;
#[cfg(feature = "limit")]
use tower_intake_limit::Limited;
use tower_intake_retry::{Collect, IdempotencyKey, Retry, WithDeadline};
use tower_intake_retry_count::RetryCounted;
use tower_layer::Layer;
use tower_service::Service;

/// A service of ours that stands around another.
///
/// So that "in this layer, or without it" is a type that names what is inside once. tower's `Either<L<S>, S>` names it
/// twice, and a stack of twelve such parts then has a type of 2¹² names, which no compiler bears.
pub trait Around {
    /// What it stands around.
    type Inner;
}

macro_rules! around {
    ($($service:ident),*) => {$(
        impl<S> Around for $service<S> {
            type Inner = S;
        }
    )*};
}

around!(Audited, Breaker, Collect, Gated, IdempotencyKey, RetryCounted, WithDeadline);
#[cfg(feature = "limit")]
around!(Limited);

impl<S, C> Around for Authenticated<S, C> {
    type Inner = S;
}

impl<S, P> Around for Retry<S, P> {
    type Inner = S;
}

/// `A`, a service in its layer, or what is inside without it.
pub enum Optional<A: Around> {
    /// In the layer.
    Layered(A),
    /// Without it.
    Bare(A::Inner),
}

impl<A: Around> Optional<A> {
    /// `inner` in the layer, if there is one.
    pub(crate) fn new<L>(layer: Option<&L>, inner: A::Inner) -> Self
    where
        L: Layer<A::Inner, Service = A>,
    {
        match layer {
            Some(layer) => Self::Layered(layer.layer(inner)),
            None => Self::Bare(inner),
        }
    }
}

impl<A, R> Service<R> for Optional<A>
where
    A: Around + Service<R>,
    A::Inner: Service<R, Response = A::Response, Error = A::Error>,
{
    type Response = A::Response;
    type Error = A::Error;
    type Future = OptionalFuture<A, R>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), A::Error>> {
        match self {
            Self::Layered(service) => service.poll_ready(cx),
            Self::Bare(service) => service.poll_ready(cx),
        }
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        let either = match self {
            Self::Layered(service) => Either::Layered { future: service.call(request) },
            Self::Bare(service) => Either::Bare { future: service.call(request) },
        };
        OptionalFuture { either }
    }
}

pin_project! {
    /// The answer of an [`Optional`] service.
    pub struct OptionalFuture<A, R>
    where
        A: Around,
        A: Service<R>,
        A::Inner: Service<R>,
    {
        #[pin]
        either: Either<<A as Service<R>>::Future, <A::Inner as Service<R>>::Future>,
    }
}

pin_project! {
    #[project = EitherProject]
    enum Either<F, G> {
        Layered { #[pin] future: F },
        Bare { #[pin] future: G },
    }
}

impl<A, R> Future for OptionalFuture<A, R>
where
    A: Around + Service<R>,
    A::Inner: Service<R, Response = A::Response, Error = A::Error>,
{
    type Output = Result<A::Response, A::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().either.project() {
            EitherProject::Layered { future } => future.poll(cx),
            EitherProject::Bare { future } => future.poll(cx),
        }
    }
}

/// The same for a layer that changes the answer's body.
pub struct Changing<A: Around> {
    inner: Optional<A>,
}

impl<A: Around> Changing<A> {
    /// `inner` in the layer, if there is one.
    pub(crate) fn new<L>(layer: Option<&L>, inner: A::Inner) -> Self
    where
        L: Layer<A::Inner, Service = A>,
    {
        Self { inner: Optional::new(layer, inner) }
    }
}

impl<A, ReqBody, Layered, Bare> Service<Request<ReqBody>> for Changing<A>
where
    A: Around + Service<Request<ReqBody>, Response = Response<Layered>>,
    A::Inner: Service<Request<ReqBody>, Response = Response<Bare>, Error = A::Error>,
{
    type Response = Response<EitherBody<Layered, Bare>>;
    type Error = A::Error;
    type Future = ChangingFuture<A, Request<ReqBody>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), A::Error>> {
        match &mut self.inner {
            Optional::Layered(service) => service.poll_ready(cx),
            Optional::Bare(service) => service.poll_ready(cx),
        }
    }

    #[inline]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let either = match &mut self.inner {
            Optional::Layered(service) => Either::Layered { future: service.call(request) },
            Optional::Bare(service) => Either::Bare { future: service.call(request) },
        };
        ChangingFuture { either }
    }
}

pin_project! {
    /// The answer of a [`Changing`] service.
    pub struct ChangingFuture<A, R>
    where
        A: Around,
        A: Service<R>,
        A::Inner: Service<R>,
    {
        #[pin]
        either: Either<<A as Service<R>>::Future, <A::Inner as Service<R>>::Future>,
    }
}

impl<A, R, Layered, Bare> Future for ChangingFuture<A, R>
where
    A: Around + Service<R, Response = Response<Layered>>,
    A::Inner: Service<R, Response = Response<Bare>, Error = A::Error>,
{
    type Output = Result<Response<EitherBody<Layered, Bare>>, A::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().either.project() {
            EitherProject::Layered { future } => {
                ready!(future.poll(cx)).map(|answer| answer.map(EitherBody::Left))
            }
            EitherProject::Bare { future } => {
                ready!(future.poll(cx)).map(|answer| answer.map(EitherBody::Right))
            }
        })
    }
}

impl<A: Around + Clone> Clone for Optional<A>
where
    A::Inner: Clone,
{
    fn clone(&self) -> Self {
        match self {
            Self::Layered(service) => Self::Layered(service.clone()),
            Self::Bare(service) => Self::Bare(service.clone()),
        }
    }
}

impl<A: Around + Clone> Clone for Changing<A>
where
    A::Inner: Clone,
{
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<A: Around> fmt::Debug for Optional<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Layered(_) => "Layered",
            Self::Bare(_) => "Bare",
        })
    }
}

impl<A: Around> fmt::Debug for Changing<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl<A, R> fmt::Debug for OptionalFuture<A, R>
where
    A: Around + Service<R>,
    A::Inner: Service<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OptionalFuture")
    }
}

impl<A, R> fmt::Debug for ChangingFuture<A, R>
where
    A: Around + Service<R>,
    A::Inner: Service<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangingFuture")
    }
}
