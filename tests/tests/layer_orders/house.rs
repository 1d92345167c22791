//! A stack of one order, and all that it shares.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Semaphore;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::util::{BoxCloneSyncService, ServiceExt as _};
use tower_intake::audit::{AuditLayer, sink_fn};
use tower_intake::auth::{AuthLayer, Bearer, Origins, Token, Tokens, token_fn};
use tower_intake::breaker::{BreakerLayer, Circuit};
use tower_intake::gate::{Gate, GateLayer, Reopen};
use tower_intake::retry::{RetryLayer, RetryPolicy};
use tower_intake::retry_count::RetryCountLayer;
use tower_intake_core::{BoxError, Event, Exponential, Jitter, Random, SessionState};
use tower_layer::Layer as _;

use crate::orders::{Kind, Order};
use crate::support;
use crate::support::{Fake, Ready, ms, secs};

type Body = UnsyncBoxBody<Bytes, BoxError>;
type Service = BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, BoxError>;

pub(crate) const URL: &str = "http://127.0.0.1:9/v1/batch";

/// A stack of one order, and all that it shares.
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) server: Fake,
    pub(crate) gate: Gate,
    pub(crate) circuit: Circuit,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) fetched: Arc<AtomicUsize>,
    pub(crate) events: Arc<Mutex<Vec<SessionState>>>,
}

pub(crate) struct Plan {
    pub(crate) reopen: Reopen,
    pub(crate) tokens: bool,
    /// How many requests the client takes at a time.
    pub(crate) permits: usize,
}

/// Everything at its exact time.
pub(crate) const EXACT: Plan = Plan { reopen: Reopen::All, tokens: false, permits: 1 };
/// As by default.
pub(crate) const USUAL: Plan = Plan { reopen: Reopen::Probe, tokens: true, permits: 1 };

impl House {
    pub(crate) fn new(order: &Order, plan: &Plan, server: Fake) -> Self {
        let steady = |base| Exponential::new(base).jitter(Jitter::None);
        let policy = RetryPolicy::builder()
            .backoff(steady(ms(500)).factor(2.0))
            .retry_after_jitter(0.0)
            .random(Random::seeded(1))
            .build()
            .unwrap();
        let gate = Gate::builder().reopen(plan.reopen).build().unwrap();
        let circuit = Circuit::builder().jitter(Jitter::None).open(secs(20)).build().unwrap();
        let origins = Origins::only([URL]).unwrap();
        let fetched = Arc::new(AtomicUsize::new(0));
        let source = {
            let fetched = Arc::clone(&fetched);
            token_fn(move || {
                let number = fetched.fetch_add(1, Ordering::Relaxed) + 1;
                async move {
                    tokio::time::sleep(ms(7)).await;
                    Ok(Token::new(format!("t{number}"))?)
                }
            })
        };
        let tokens = Tokens::builder(source).random(Random::seeded(2)).build().unwrap();
        let events: Arc<Mutex<Vec<SessionState>>> = Arc::default();
        let sink = {
            let events = Arc::clone(&events);
            Arc::new(sink_fn(move |event: &Event<'_>| events.lock().unwrap().push(event.session_state)))
        };

        let permits = Arc::new(Semaphore::new(plan.permits));
        let limited = GlobalConcurrencyLimitLayer::with_semaphore(Arc::clone(&permits));
        let mut service = joint(limited.layer(Ready::new(server.clone())));
        for kind in order.iter().rev() {
            service = match kind {
                Kind::Audit => joint(AuditLayer::operation().sink(Arc::clone(&sink)).layer(service)),
                Kind::Retry => joint(RetryLayer::new(policy.clone()).layer(service)),
                Kind::RetryCount => joint(RetryCountLayer::new().layer(service)),
                Kind::Gate => joint(GateLayer::new(gate.clone()).layer(service)),
                Kind::Breaker => joint(BreakerLayer::new(circuit.clone()).layer(service)),
                Kind::Auth if plan.tokens => {
                    joint(AuthLayer::new(tokens.clone(), origins.clone()).layer(service))
                }
                Kind::Auth => {
                    joint(AuthLayer::new(Bearer::new("t1").unwrap(), origins.clone()).layer(service))
                }
            };
        }
        Self { service, server, gate, circuit, permits, fetched, events }
    }

    pub(crate) async fn call(&self, method: &str) -> Result<Response<Body>, BoxError> {
        self.service.clone().oneshot(support::request(method, URL)).await
    }

    /// Nothing is held once nobody calls. A token may still be on its way, in a task of its own.
    pub(crate) async fn assert_at_rest(&self, order: &Order) {
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.permits.available_permits(), 1, "{order:?}: a permit is lost");
        assert_eq!(self.gate.waiters(), 0, "{order:?}: a waiter is left");
    }
}

/// One type between all layers, and the contract of readiness enforced on both sides.
fn joint<S, B>(service: S) -> Service
where
    S: tower_service::Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let plain = service
        .map_response(|answer: Response<B>| answer.map(|body| body.map_err(Into::into).boxed_unsync()))
        .map_err(Into::into);
    BoxCloneSyncService::new(Ready::new(plain))
}
