use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use tower_intake_audit::Audited;
use tower_intake_auth::{AnyCredentials, AuthLayer, Authenticated};
use tower_intake_breaker::Breaker;
use tower_intake_core::BoxError;
use tower_intake_gate::Gated;
#[cfg(feature = "limit")]
use tower_intake_limit::Limited;
use tower_intake_retry::{AttemptTimeout, Collect, IdempotencyKey, Retry, RetryPolicy, WithDeadline};
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
        BoxCloneSyncService::new(self.inner.map_response(|answer: Response<ResBody>| {
            answer.map(|body| body.map_err(Into::into).boxed_unsync())
        }))
    }
}

impl<I> fmt::Debug for Standard<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standard").finish_non_exhaustive()
    }
}
