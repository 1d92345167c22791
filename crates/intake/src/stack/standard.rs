use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use tower_intake_audit::Audited;
use tower_intake_auth::{AnyCredentials, AuthLayer, Authenticated, Credentials};
use tower_intake_breaker::Breaker;
use tower_intake_core::{BoxError, Replayable};
use tower_intake_gate::Gated;
#[cfg(feature = "limit")]
use tower_intake_limit::{Limited, LimitedBody};
use tower_intake_retry::{
    AttemptTimeout, Collect, CollectedBody, HeldBody, IdempotencyKey, ReadTimeout, Retry, RetryPolicy,
    WithDeadline,
};
use tower_intake_retry_count::RetryCounted;
use tower_layer::Layer;
use tower_service::Service;

use crate::stack::optional::{Changing, Optional};
use crate::stack::stack_layer::Stack;

type Timed<S> = AttemptTimeout<S>;
type Collected<S> = Changing<Collect<Timed<S>>>;
type Authed<S, C> = Optional<Authenticated<Collected<S>, C>>;
#[cfg(feature = "limit")]
type Bounded<S, C> = Changing<Limited<Authed<S, C>>>;
#[cfg(not(feature = "limit"))]
type Bounded<S, C> = Authed<S, C>;
type Broken<S, C> = Optional<Breaker<Bounded<S, C>>>;
type Waiting<S, C> = Optional<Gated<Broken<S, C>>>;
type AuditedAttempt<S, C> = Optional<Audited<Waiting<S, C>>>;
type Counted<S, C> = Optional<RetryCounted<AuditedAttempt<S, C>>>;
type Retried<S, C> = Changing<Retry<Counted<S, C>, RetryPolicy>>;
type Keyed<S, C> = Optional<IdempotencyKey<Retried<S, C>>>;
type Timely<S, C> = Optional<WithDeadline<Keyed<S, C>>>;
type Whole<S, C> = Optional<Audited<Timely<S, C>>>;

type OrBare<Layered, Bare> = http_body_util::Either<Layered, Bare>;
type TimedBody<B> = ReadTimeout<B>;
type CollectedOrNot<B> = OrBare<CollectedBody<TimedBody<B>>, TimedBody<B>>;
#[cfg(feature = "limit")]
type LimitedOrNot<B> = OrBare<LimitedBody<CollectedOrNot<B>>, CollectedOrNot<B>>;
#[cfg(not(feature = "limit"))]
type LimitedOrNot<B> = CollectedOrNot<B>;

/// The body of a standard stack's answer, where its client's has the body `B`.
pub type StandardBody<B> = OrBare<HeldBody<LimitedOrNot<B>>, LimitedOrNot<B>>;

/// The standard stack around a client `S` with credentials `C`; made by [`Stack`] or [`standard`](crate::standard).
///
/// It is a service where its client is one: what stands between is this crate's affair, and costs the compiler of who
/// uses it nothing.
pub struct Standard<S, C = AnyCredentials> {
    inner: Whole<S, C>,
}

impl<S, C> Layer<S> for Stack<C>
where
    AuthLayer<C>: Layer<Collected<S>, Service = Authenticated<Collected<S>, C>>,
{
    type Service = Standard<S, C>;

    fn layer(&self, client: S) -> Self::Service {
        let service = self.timeout.layer(client);
        let service = Changing::new(self.collect.as_ref(), service);
        let service = Optional::new(self.auth.as_ref(), service);
        #[cfg(feature = "limit")]
        let service = Changing::new(self.limit.as_ref(), service);
        let service = Optional::new(self.breaker.as_ref(), service);
        let service = Optional::new(self.gate.as_ref(), service);
        let service = Optional::new(self.audit_attempt.as_ref(), service);
        let service = Optional::new(self.retry_count.as_ref(), service);
        let service = Changing::new(self.retry.as_ref(), service);
        let service = Optional::new(self.idempotency_key.as_ref(), service);
        let service = Optional::new(self.deadline.as_ref(), service);
        Standard { inner: Optional::new(self.audit_operation.as_ref(), service) }
    }
}

impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for Standard<S, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
    C: Credentials,
    ReqBody: Body + Replayable,
    ResBody: Body<Data = Bytes>,
    ResBody::Error: Into<BoxError>,
{
    type Response = Response<StandardBody<ResBody>>;
    type Error = BoxError;
    type Future = <Whole<S, C> as Service<Request<ReqBody>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        self.inner.call(request)
    }
}

/// A boxed standard stack: one type for all, that fits in an axum `State`.
pub type BoxedStandard<ReqBody> =
    BoxCloneSyncService<Request<ReqBody>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

impl<S, C> Standard<S, C> {
    /// The same behind one boxed type. Costs two allocations a call.
    pub fn boxed<ReqBody, ResBody>(self) -> BoxedStandard<ReqBody>
    where
        S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send + 'static,
        C: Credentials + Send + Sync + 'static,
        ReqBody: Body + Replayable + Send + 'static,
        ResBody: Body<Data = Bytes> + Send + 'static,
        ResBody::Error: Into<BoxError>,
    {
        BoxCloneSyncService::new(self.map_response(|answer: Response<StandardBody<ResBody>>| {
            answer.map(|body| body.map_err(Into::into).boxed_unsync())
        }))
    }
}

impl<S: Clone, C> Clone for Standard<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<S, C> fmt::Debug for Standard<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standard").finish_non_exhaustive()
    }
}
