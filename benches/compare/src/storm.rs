//! 100 tasks meet a server that closes for a second: what it sees meanwhile, and who gets through.
//!
//! Time is virtual, so the run is exact and takes none. The server answers 429 with `Retry-After: 1` from the
//! first request on for one second, then 200, each after 5 ms; a task calls once, a millisecond after the one before.
//! The 5 requests that are on their way before the first answer is back are nobody's fault.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::retry::RetryLayer;
use tower::{ServiceBuilder, ServiceExt};
use tower_intake_core::Random;
use tower_intake_gate::{Gate, GateLayer, Reopen};
use tower_intake_retry::{Replays, RetryPolicy, RetryPolicyBuilder};
use tower_resilience::retry::RetryLayer as ResilienceRetryLayer;
use tower_service::Service;

use crate::bare::{Post, request, uri};
use crate::peers::{Exponentially, repeats};

const TASKS: u64 = 100;
const LATENCY: Duration = Duration::from_millis(5);
const CLOSED: Duration = Duration::from_secs(1);

/// What came of one storm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storm {
    /// Requests that met the closed server.
    pub refused: u64,
    /// Of these, the ones that left when the first answer was back.
    pub needless: u64,
    /// Requests that the server saw at all.
    pub seen: u64,
    /// Calls that ended with 200, of 100.
    pub succeeded: u64,
    /// The most requests that the server saw within one millisecond after it opened.
    pub burst: u64,
    /// From the opening to the last answer of 200.
    pub drained: Duration,
}

/// The storm through each stack: what it is, and what came of it.
pub fn storms() -> Vec<(&'static str, Storm)> {
    vec![
        (
            "tower retry, 3 attempts, at once",
            storm(|server| ServiceBuilder::new().layer(RetryLayer::new(AtOnce(2))).service(server)),
        ),
        (
            "tower retry, its exponential backoff, 11 attempts",
            storm(|server| {
                ServiceBuilder::new().layer(RetryLayer::new(Exponentially::new(10))).service(server)
            }),
        ),
        (
            "tower-resilience retry, its preset (3 attempts)",
            storm(|server| ServiceBuilder::new().layer(resilience(3)).service(server)),
        ),
        (
            "tower-resilience retry, 11 attempts",
            storm(|server| ServiceBuilder::new().layer(resilience(11)).service(server)),
        ),
        (
            "ours: retry alone",
            storm(|server| {
                let retry = tower_intake_retry::RetryLayer::new(policy(RetryPolicy::builder()));
                ServiceBuilder::new().layer(retry).service(server)
            }),
        ),
        (
            "ours: retry, gate (defaults: a probe, then a ramp)",
            storm(|server| {
                let retry = tower_intake_retry::RetryLayer::new(policy(RetryPolicy::builder()));
                let gate = GateLayer::new(Gate::per_authority());
                ServiceBuilder::new().layer(retry).layer(gate).service(server)
            }),
        ),
        (
            "ours: retry without jitter, gate that opens for all",
            storm(|server| {
                let exact = RetryPolicy::builder().retry_after_jitter(0.0);
                let retry = tower_intake_retry::RetryLayer::new(policy(exact));
                let gate = Gate::builder().reopen(Reopen::All).build().expect("a gate");
                ServiceBuilder::new().layer(retry).layer(GateLayer::new(gate)).service(server)
            }),
        ),
    ]
}

fn policy(builder: RetryPolicyBuilder) -> RetryPolicy {
    builder.replays(Replays::Idempotent).random(Random::seeded(7)).build().expect("a policy")
}

fn resilience(attempts: usize) -> ResilienceRetryLayer<Post, Response<Full<Bytes>>, Infallible> {
    ResilienceRetryLayer::<Post, Response<Full<Bytes>>, Infallible>::exponential_backoff()
        .max_attempts(attempts)
        .retry_on_response(|response| repeats(response.status()))
        .build()
}

/// The policy of tower's own documentation: so many more, each at once.
#[derive(Clone, Debug)]
struct AtOnce(u32);

impl<B, E> tower::retry::Policy<Post, Response<B>, E> for AtOnce {
    type Future = std::future::Ready<()>;

    fn retry(&mut self, _: &mut Post, result: &mut Result<Response<B>, E>) -> Option<Self::Future> {
        let again = result.as_ref().map_or(true, |response| repeats(response.status()));
        self.0 = self.0.checked_sub(u32::from(again))?;
        again.then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Post) -> Option<Post> {
        Some(request.clone())
    }
}

fn storm<S, B>(stack: impl FnOnce(Server) -> S) -> Storm
where
    S: Service<Post, Response = Response<B>, Future: Send> + Clone + Send + 'static,
    S::Error: Send,
    B: Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async move {
        let server = Server { start: Instant::now(), arrivals: Arc::default() };
        let service = stack(server.clone());
        let mut tasks = JoinSet::new();
        for n in 0..TASKS {
            let service = service.clone();
            tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(n)).await;
                let answer = service.oneshot(request(&uri())).await;
                answer.is_ok_and(|answer| answer.status().is_success()).then(Instant::now)
            });
        }
        let done: Vec<Instant> = tasks.join_all().await.into_iter().flatten().collect();
        let last = done.iter().max().copied().unwrap_or(server.start);
        server.tell(done.len() as u64, last)
    })
}

/// The server; its clones are one.
#[derive(Clone, Debug)]
struct Server {
    start: Instant,
    arrivals: Arc<Mutex<Vec<Duration>>>,
}

impl Server {
    fn tell(&self, succeeded: u64, last: Instant) -> Storm {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let count =
            |within: &dyn Fn(Duration) -> bool| arrivals.iter().filter(|at| within(**at)).count() as u64;
        let opened = arrivals.iter().filter(|at| **at >= CLOSED);
        Storm {
            refused: count(&|at| at < CLOSED),
            needless: count(&|at| at >= LATENCY && at < CLOSED),
            seen: arrivals.len() as u64,
            succeeded,
            burst: opened
                .map(|first| count(&|at| at >= *first && at < *first + Duration::from_millis(1)))
                .max()
                .unwrap_or(0),
            drained: last.saturating_duration_since(self.start + CLOSED),
        }
    }
}

impl Service<Post> for Server {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Post) -> Self::Future {
        let at = self.start.elapsed();
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        Box::pin(async move {
            tokio::time::sleep(LATENCY).await;
            let mut answer = Response::new(Full::default());
            if at < CLOSED {
                *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Ok(answer)
        })
    }
}
