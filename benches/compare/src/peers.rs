use std::fmt::Display;
use std::time::Duration;

use http::header::HeaderName;
use http::{HeaderValue, Response, StatusCode};
use http_body::Body;
use tower::ServiceBuilder;
use tower::retry::RetryLayer;
use tower::retry::backoff::{Backoff as _, ExponentialBackoff, ExponentialBackoffMaker, MakeBackoff as _};
use tower_http::auth::AddAuthorizationLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetRequestHeaderLayer;
use tower_http::trace::TraceLayer;
use tower_intake_core::Attempt;
use tower_resilience::bulkhead::BulkheadLayer;
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::ratelimiter::RateLimiterLayer;
use tower_resilience::retry::RetryLayer as ResilienceRetryLayer;
use tower_resilience::timelimiter::TimeLimiterLayer;
use tower_service::Service;

use crate::bare::Post;
use crate::stacks::Inner;

/// More a second than any of these runs sends.
const MANY: usize = 1_000_000_000;
const SECOND: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The statuses that every stack repeats; as ours do.
pub(crate) fn repeats(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// tower's retry as its documentation has it: a policy by hand, its own exponential backoff.
#[derive(Clone, Debug)]
pub(crate) struct Exponentially {
    left: u32,
    backoff: ExponentialBackoff,
}

impl Exponentially {
    pub(crate) fn new(left: u32) -> Self {
        Self { left, backoff: ExponentialBackoffMaker::default().make_backoff() }
    }
}

impl<B, E> tower::retry::Policy<Post, Response<B>, E> for Exponentially {
    type Future = tokio::time::Sleep;

    fn retry(&mut self, _: &mut Post, result: &mut Result<Response<B>, E>) -> Option<Self::Future> {
        let again = result.as_ref().map_or(true, |response| repeats(response.status()));
        if !again || self.left == 0 {
            return None;
        }
        self.left -= 1;
        Some(self.backoff.next_backoff())
    }

    fn clone_request(&mut self, request: &Post) -> Option<Post> {
        Some(request.clone())
    }
}

/// No Buffer: the rate limit cannot be cloned, and so stands outside retry.
pub(crate) fn tower<S, B>(inner: S) -> impl Service<Post, Response = Response<B>>
where
    S: Inner<B>,
{
    ServiceBuilder::new()
        .rate_limit(MANY as u64, SECOND)
        .layer(RetryLayer::new(Exponentially::new(10)))
        .concurrency_limit(1_024)
        .timeout(TIMEOUT)
        .service(inner)
}

pub(crate) fn resilience_three<S, B>(inner: S) -> impl Service<Post, Response = Response<B>>
where
    S: Inner<B>,
    S::Error: 'static,
    S::Future: 'static,
    B: Send + 'static,
{
    ServiceBuilder::new()
        .layer(resilience_retry())
        .layer(CircuitBreakerLayer::standard().build().expect("its preset"))
        .layer(RateLimiterLayer::per_second(MANY).build().expect("its preset"))
        .service(inner)
}

pub(crate) fn resilience<S, B>(inner: S) -> impl Service<Post, Response = Response<B>>
where
    S: Inner<B>,
    S::Error: 'static,
    S::Future: 'static,
    B: Send + 'static,
{
    ServiceBuilder::new()
        .layer(resilience_retry())
        .layer(CircuitBreakerLayer::standard().build().expect("its preset"))
        .layer(RateLimiterLayer::per_second(MANY).build().expect("its preset"))
        .layer(BulkheadLayer::builder().max_concurrent_calls(1_024).build().expect("more than 0"))
        .layer(TimeLimiterLayer::builder().timeout_duration(TIMEOUT).build())
        .service(inner)
}

/// The work of our stack out of what the two have: an id for the operation and back on the answer, a span and
/// its events around the operation and around each attempt, retry, the count in a header, a limiter where ours
/// has the gate, a breaker, credentials.
pub(crate) fn http_resilience<S, B>(inner: S) -> impl Service<Post, Response = Response<impl Body + 'static>>
where
    S: Inner<B>,
    S::Error: 'static,
    S::Future: 'static,
    B: Body<Error: Display> + Send + 'static,
{
    let id = HeaderName::from_static("x-request-correlation-id");
    ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(PropagateRequestIdLayer::new(id))
        .layer(TraceLayer::new_for_http())
        .layer(resilience_retry())
        // its retry tells nobody which attempt it is: what is paid for here is the look, as in ours
        .layer(SetRequestHeaderLayer::overriding(HeaderName::from_static("x-retry-count"), count))
        .layer(TraceLayer::new_for_http())
        .layer(RateLimiterLayer::per_second(MANY).build().expect("its preset"))
        .layer(CircuitBreakerLayer::standard().build().expect("its preset"))
        .layer(AddAuthorizationLayer::bearer("a-token-of-some-length-0123456789").as_sensitive(true))
        .service(inner)
}

fn count(request: &Post) -> Option<HeaderValue> {
    request.extensions().get::<Attempt>().map(|attempt| HeaderValue::from(attempt.retries()))
}

fn resilience_retry<B, E>() -> ResilienceRetryLayer<Post, Response<B>, E>
where
    B: 'static,
    E: 'static,
{
    ResilienceRetryLayer::<Post, Response<B>, E>::exponential_backoff()
        .max_attempts(11)
        .retry_on_response(|response| repeats(response.status()))
        .build()
}
