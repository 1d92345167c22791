use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::{BoxCloneSyncService, Either, ServiceExt as _};
use tower_intake_audit::AuditLayer;
use tower_intake_auth::{AuthLayer, Authenticated};
use tower_intake_breaker::BreakerLayer;
use tower_intake_core::BoxError;
use tower_intake_gate::GateLayer;
#[cfg(feature = "limit")]
use tower_intake_limit::AdaptiveLimitLayer;
use tower_intake_retry::{AttemptTimeoutLayer, CollectLayer, DeadlineLayer, IdempotencyKeyLayer, RetryLayer};
use tower_intake_retry_count::RetryCountLayer;
use tower_layer::Layer;
use tower_service::Service;

use crate::stack::maybe::{Maybe, MaybeLayer};
use crate::stack::stack_layer::{AnyCredentials, Stack};

type In<L, S> = <L as Layer<S>>::Service;
/// In a layer that keeps the answer's body, or without it.
type Optional<L, S> = Either<In<L, S>, S>;
/// In a layer that changes it, or without it.
type Changing<L, S> = Maybe<In<L, S>, S>;

type Timed<S> = In<AttemptTimeoutLayer, S>;
type Collected<S> = Changing<CollectLayer, Timed<S>>;
type Authed<S, C> = Either<Authenticated<Collected<S>, C>, Collected<S>>;
#[cfg(feature = "limit")]
type Limited<S, C> = Changing<AdaptiveLimitLayer, Authed<S, C>>;
#[cfg(not(feature = "limit"))]
type Limited<S, C> = Authed<S, C>;
type Broken<S, C> = Optional<BreakerLayer, Limited<S, C>>;
type Gated<S, C> = Optional<GateLayer, Broken<S, C>>;
type AuditedAttempt<S, C> = Optional<AuditLayer, Gated<S, C>>;
type Counted<S, C> = Optional<RetryCountLayer, AuditedAttempt<S, C>>;
type Retried<S, C> = Changing<RetryLayer, Counted<S, C>>;
type Keyed<S, C> = Optional<IdempotencyKeyLayer, Retried<S, C>>;
type Bounded<S, C> = Optional<DeadlineLayer, Keyed<S, C>>;
type Whole<S, C> = Optional<AuditLayer, Bounded<S, C>>;

/// The standard stack around a client `S` with credentials `C`, for naming it in a struct of your own.
pub type StandardService<S, C = AnyCredentials> = Standard<Whole<S, C>>;

/// The standard stack; made by [`Stack`] or [`standard`](crate::standard). Its type is spelled
/// [`StandardService`].
#[derive(Clone)]
pub struct Standard<I> {
    inner: I,
}

impl<S, C> Layer<S> for Stack<C>
where
    AuthLayer<C>: Layer<Collected<S>, Service = Authenticated<Collected<S>, C>>,
{
    type Service = StandardService<S, C>;

    fn layer(&self, client: S) -> Self::Service {
        let service = self.timeout.layer(client);
        let service = MaybeLayer::new(self.collect.clone()).layer(service);
        let service = optional(self.auth.as_ref(), service);
        #[cfg(feature = "limit")]
        let service = MaybeLayer::new(self.limit.clone()).layer(service);
        let service = optional(self.breaker.as_ref(), service);
        let service = optional(self.gate.as_ref(), service);
        let service = optional(self.audit_attempt.as_ref(), service);
        let service = optional(self.retry_count.as_ref(), service);
        let service = MaybeLayer::new(self.retry.clone()).layer(service);
        let service = optional(self.idempotency_key.as_ref(), service);
        let service = optional(self.deadline.as_ref(), service);
        Standard { inner: optional(self.audit_operation.as_ref(), service) }
    }
}

fn optional<L: Layer<S>, S>(layer: Option<&L>, service: S) -> Optional<L, S> {
    match layer {
        Some(layer) => Either::Left(layer.layer(service)),
        None => Either::Right(service),
    }
}

impl<I, Request> Service<Request> for Standard<I>
where
    I: Service<Request>,
{
    type Response = I::Response;
    type Error = I::Error;
    type Future = I::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), I::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> I::Future {
        self.inner.call(request)
    }
}

/// A boxed standard stack: one type for all, that fits in an axum `State`.
pub type BoxedStandard<ReqBody> =
    BoxCloneSyncService<Request<ReqBody>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

impl<I> Standard<I> {
    /// The same behind one boxed type. Costs two allocations a call.
    pub fn boxed<ReqBody, ResBody>(self) -> BoxedStandard<ReqBody>
    where
        I: Service<Request<ReqBody>, Response = Response<ResBody>, Error = BoxError>
            + Clone
            + Send
            + Sync
            + 'static,
        I::Future: Send + 'static,
        ReqBody: 'static,
        ResBody: Body<Data = Bytes> + Send + 'static,
        ResBody::Error: Into<BoxError>,
    {
        BoxCloneSyncService::new(
            self.inner
                .map_response(|answer: Response<ResBody>| answer.map(|body| body.map_err(Into::into).boxed_unsync())),
        )
    }
}

impl<I> fmt::Debug for Standard<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standard").finish_non_exhaustive()
    }
}
