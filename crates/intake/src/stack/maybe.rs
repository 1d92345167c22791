use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body_util::Either as EitherBody;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// A layer that may be absent, and that changes the answer's body where it is there.
///
/// tower's `option_layer` does for the others: it asks both sides for the same answer.
#[derive(Clone, Debug)]
pub struct MaybeLayer<L>(Option<L>);

impl<L> MaybeLayer<L> {
    /// `layer`, or nothing.
    pub fn new(layer: Option<L>) -> Self {
        Self(layer)
    }
}

impl<S, L: Layer<S>> Layer<S> for MaybeLayer<L> {
    type Service = Maybe<L::Service, S>;

    fn layer(&self, inner: S) -> Self::Service {
        match &self.0 {
            Some(layer) => Maybe::Layered(layer.layer(inner)),
            None => Maybe::Bare(inner),
        }
    }
}

/// A service in a layer, or without it; made by [`MaybeLayer`].
#[derive(Clone, Debug)]
pub enum Maybe<A, B> {
    /// In the layer.
    Layered(A),
    /// Without it.
    Bare(B),
}

impl<A, B, ReqBody, BodyA, BodyB> Service<Request<ReqBody>> for Maybe<A, B>
where
    A: Service<Request<ReqBody>, Response = Response<BodyA>>,
    B: Service<Request<ReqBody>, Response = Response<BodyB>, Error = A::Error>,
{
    type Response = Response<EitherBody<BodyA, BodyB>>;
    type Error = A::Error;
    type Future = MaybeFuture<A::Future, B::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), A::Error>> {
        match self {
            Self::Layered(service) => service.poll_ready(cx),
            Self::Bare(service) => service.poll_ready(cx),
        }
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        match self {
            Self::Layered(service) => MaybeFuture { inner: Inner::Layered { future: service.call(request) } },
            Self::Bare(service) => MaybeFuture { inner: Inner::Bare { future: service.call(request) } },
        }
    }
}

pin_project! {
    /// The answer of a [`Maybe`].
    #[derive(Debug)]
    pub struct MaybeFuture<A, B> {
        #[pin]
        inner: Inner<A, B>,
    }
}

pin_project! {
    #[project = Project]
    #[derive(Debug)]
    enum Inner<A, B> {
        Layered { #[pin] future: A },
        Bare { #[pin] future: B },
    }
}

impl<A, B, BodyA, BodyB, E> Future for MaybeFuture<A, B>
where
    A: Future<Output = Result<Response<BodyA>, E>>,
    B: Future<Output = Result<Response<BodyB>, E>>,
{
    type Output = Result<Response<EitherBody<BodyA, BodyB>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match self.project().inner.project() {
            Project::Layered { future } => ready!(future.poll(cx)).map(|answer| answer.map(EitherBody::Left)),
            Project::Bare { future } => ready!(future.poll(cx)).map(|answer| answer.map(EitherBody::Right)),
        })
    }
}
