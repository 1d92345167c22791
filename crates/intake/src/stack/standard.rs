use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxCloneSyncService;
use tower::util::{Either, ServiceExt as _};
use tower_intake_audit::AuditLayer;
use tower_intake_auth::AuthLayer;
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
use crate::stack::stack_layer::Stack;

type In<L, S> = <L as Layer<S>>::Service;
/// In a layer that keeps the answer's body, or without it.
type Optional<L, S> = Either<In<L, S>, S>;
/// In a layer that changes it, or without it.
type Changing<L, S> = Maybe<In<L, S>, S>;

type Timed<S> = In<AttemptTimeoutLayer, S>;
pub(crate) type Collected<S> = Changing<CollectLayer, Timed<S>>;
type Authed<S, C> = Optional<AuthLayer<C>, Collected<S>>;
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
type Audited<S, C> = Optional<AuditLayer, Bounded<S, C>>;

/// The standard stack around `S`; made by [`Stack`] or [`standard`](crate::standard).
#[derive(Clone)]
pub struct Standard<S, C>
where
    AuthLayer<C>: Layer<Collected<S>>,
{
    inner: Audited<S, C>,
}

impl<S, C> Layer<S> for Stack<C>
where
    AuthLayer<C>: Layer<Collected<S>> + Clone,
{
    type Service = Standard<S, C>;

    fn layer(&self, client: S) -> Standard<S, C> {
        let service = self.timeout.layer(client);
        let service = MaybeLayer::new(self.collect.clone()).layer(service);
        let service = optional(&self.auth, service);
        #[cfg(feature = "limit")]
        let service = MaybeLayer::new(self.limit.clone()).layer(service);
        let service = optional(&self.breaker, service);
        let service = optional(&self.gate, service);
        let service = optional(&self.audit_attempt, service);
        let service = optional(&self.retry_count, service);
        let service = MaybeLayer::new(self.retry.clone()).layer(service);
        let service = optional(&self.idempotency_key, service);
        let service = optional(&self.deadline, service);
        Standard { inner: optional(&self.audit_operation, service) }
    }
}

fn optional<L: Layer<S>, S>(layer: &Option<L>, service: S) -> Optional<L, S> {
    match layer {
        Some(layer) => Either::Left(layer.layer(service)),
        None => Either::Right(service),
    }
}

impl<S, C, ReqBody> Service<Request<ReqBody>> for Standard<S, C>
where
    AuthLayer<C>: Layer<Collected<S>>,
    Audited<S, C>: Service<Request<ReqBody>>,
{
    type Response = <Audited<S, C> as Service<Request<ReqBody>>>::Response;
    type Error = <Audited<S, C> as Service<Request<ReqBody>>>::Error;
    type Future = <Audited<S, C> as Service<Request<ReqBody>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        self.inner.call(request)
    }
}

/// A boxed standard stack: one type for all, that fits in an axum `State`.
pub type BoxedStandard<ReqBody> =
    BoxCloneSyncService<Request<ReqBody>, Response<UnsyncBoxBody<bytes::Bytes, BoxError>>, BoxError>;

impl<S, C> Standard<S, C>
where
    AuthLayer<C>: Layer<Collected<S>>,
{
    /// The same behind one boxed type. Costs two allocations a call.
    pub fn boxed<ReqBody, ResBody>(self) -> BoxedStandard<ReqBody>
    where
        Self: Service<Request<ReqBody>, Response = Response<ResBody>, Error = BoxError>
            + Clone
            + Send
            + Sync
            + 'static,
        <Self as Service<Request<ReqBody>>>::Future: Send + 'static,
        ReqBody: 'static,
        ResBody: Body<Data = bytes::Bytes> + Send + 'static,
        ResBody::Error: Into<BoxError>,
    {
        BoxCloneSyncService::new(
            self.map_response(|answer: Response<ResBody>| answer.map(|body| body.map_err(Into::into).boxed_unsync())),
        )
    }
}

impl<S, C> fmt::Debug for Standard<S, C>
where
    AuthLayer<C>: Layer<Collected<S>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standard").finish_non_exhaustive()
    }
}
