//! The standard stack does no more than the stack that one writes by hand with tower's `ServiceBuilder`
//! (tower_intake::stack): the same requests at the same times, headers and bodies included, and the same outcome,
//! whatever the server does. On a paused clock, from the same seed.

mod api;
mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tokio::time::Instant;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_intake::audit::AuditLayer;
use tower_intake::auth::{AuthLayer, Bearer, Origins, Token, Tokens, token_fn};
use tower_intake::breaker::{BreakerLayer, Circuit};
use tower_intake::config::StackConfig;
use tower_intake::gate::{Gate, GateLayer};
use tower_intake::limit::{AdaptiveLimitLayer, Limit};
use tower_intake::retry::{
    AttemptTimeoutLayer, CollectLayer, DeadlineLayer, IdempotencyKeyLayer, RetryLayer, RetryPolicy,
};
use tower_intake::retry_count::RetryCountLayer;
use tower_intake::stack::Stack;
use tower_intake_core::{BoxError, Deadline, Exponential, Random, Reply, RetryReport, WallClock, error};
use tower_layer::Layer as _;
use tower_service::Service;

use api::config;
use support::{Fake, Seen, after, lost, ms, secs, status, with};

const SEED: u64 = 42;

/// What can be compared of a call.
#[derive(Debug, PartialEq)]
struct Outcome {
    reply: Result<(u16, HeaderMap, Bytes), String>,
    report: Option<RetryReport>,
    elapsed: Duration,
}

/// What a server does and what a client asks of it.
struct Script {
    name: &'static str,
    server: fn() -> Fake,
    calls: fn() -> Vec<Request<Full<Bytes>>>,
}

/// With ids of the caller's: ours would differ from run to run.
fn call(method: Method, id: u32) -> Request<Full<Bytes>> {
    let mut request = support::request(method.as_str(), "http://api.test/v1/batch?page=1");
    let id = HeaderValue::from_str(&format!("call-{id}")).unwrap();
    request.headers_mut().insert("x-request-correlation-id", id.clone());
    request.headers_mut().insert("idempotency-key", id);
    request
}

fn put(n: u32) -> Vec<Request<Full<Bytes>>> {
    (0..n).map(|id| call(Method::PUT, id)).collect()
}

/// A POST as it comes from a caller who promises nothing.
fn post() -> Vec<Request<Full<Bytes>>> {
    let mut request = call(Method::POST, 0);
    request.headers_mut().remove("idempotency-key");
    vec![request]
}

/// After which no time for a wait of more than two seconds is left.
fn hasty() -> Vec<Request<Full<Bytes>>> {
    let mut request = call(Method::PUT, 0);
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), secs(2)));
    vec![request]
}

fn slowly(reply: fn() -> support::Reply) -> Fake {
    Fake::new(move |_| reply()).latency(secs(100))
}

const SCRIPTS: &[Script] = &[
    Script { name: "200", server: || Fake::script([]), calls: || put(1) },
    Script { name: "404", server: || Fake::new(|_| status(404)), calls: || put(2) },
    Script { name: "503s", server: || Fake::script([|| status(503); 3]), calls: || put(1) },
    Script { name: "503 for ever", server: || Fake::new(|_| status(503)), calls: || put(1) },
    Script { name: "503 and a POST", server: || Fake::new(|_| status(503)), calls: post },
    Script {
        name: "429 with seconds",
        server: || Fake::script([|| after(429, 7), || after(429, 3)]),
        calls: post,
    },
    Script { name: "429 without", server: || Fake::script([|| status(429); 4]), calls: || put(1) },
    Script {
        name: "503 with seconds, five calls",
        server: || Fake::script([|| after(503, 9)]),
        calls: || put(5),
    },
    Script {
        name: "a hint over the cap",
        server: || Fake::script([|| after(429, 100_000), || status(502)]),
        calls: || put(1),
    },
    Script {
        name: "a malformed hint",
        server: || Fake::script([|| with(503, "retry-after", "soon"), || with(429, "retry-after", "-1")]),
        calls: || put(1),
    },
    Script { name: "lost connections", server: || Fake::script([lost, lost]), calls: || put(1) },
    Script { name: "a lost POST", server: || Fake::script([lost]), calls: post },
    Script { name: "a silent server", server: || slowly(|| status(200)), calls: || put(1) },
    Script { name: "a deadline", server: || Fake::new(|_| after(503, 60)), calls: hasty },
    Script {
        name: "a deadline and backoff",
        server: || Fake::new(|_| status(500)).latency(ms(300)),
        calls: hasty,
    },
    Script {
        name: "an open circuit, three calls",
        server: || Fake::new(|seen| if seen.at < secs(20) { status(500) } else { status(200) }),
        calls: || put(3),
    },
    Script { name: "401 that stays", server: || Fake::new(|_| status(401)), calls: post },
    Script {
        name: "401 until the second token",
        server: || {
            Fake::new(|seen| {
                if seen.header("authorization") == Some("Bearer t1") { status(401) } else { status(200) }
            })
        },
        calls: || vec![call(Method::POST, 1), call(Method::PUT, 2)],
    },
    Script {
        name: "all of it",
        server: || {
            Fake::script([|| status(503), || after(429, 2), lost, || status(500), || after(503, 1)])
                .latency(ms(40))
        },
        calls: || put(4),
    },
];

/// A token source that counts.
fn tokens() -> Tokens {
    let fetched = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let source = token_fn(move || {
        let n = fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        async move { Ok(Token::new(format!("t{n}"))?) }
    });
    Tokens::builder(source).random(Random::seeded(9)).build().unwrap()
}

fn origins() -> Origins {
    Origins::only(["http://api.test"]).unwrap().allow_plain_http()
}

fn noon() -> WallClock {
    WallClock::from_fn(|| std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000))
}

/// Makes all calls at once, 10 ms apart.
async fn run<S, B>(service: S, calls: Vec<Request<Full<Bytes>>>) -> Vec<Outcome>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut tasks = Vec::new();
    for call in calls {
        let service = service.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            let reply = service.oneshot(call).await;
            let elapsed = began.elapsed();
            let report = Reply::of(&reply).report().copied();
            let reply = match reply {
                Err(error) => Err(error::describe(&*error)),
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    let body = body.collect().await.map_err(Into::into).unwrap().to_bytes();
                    Ok((head.status.as_u16(), head.headers, body))
                }
            };
            Outcome { reply, report, elapsed }
        }));
        tokio::time::sleep(ms(10)).await;
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

fn same(script: &Script, ours: (Vec<Outcome>, Vec<Seen>), by_hand: (Vec<Outcome>, Vec<Seen>)) {
    assert_eq!(ours.0, by_hand.0, "{}", script.name);
    assert_eq!(ours.1, by_hand.1, "{}", script.name);
    assert!(!ours.1.is_empty(), "{}: nothing was sent", script.name);
}

#[tokio::test(start_paused = true)]
async fn the_default_stack_is_the_one_of_the_documentation() {
    for script in SCRIPTS {
        let server = (script.server)();
        let stack = Stack::with(&StackConfig::default(), Random::seeded(SEED), noon()).unwrap();
        let service = stack.credentials(tokens(), origins()).layer(server.clone());
        let ours = (run(service, (script.calls)()).await, server.seen());

        let server = (script.server)();
        let random = Random::seeded(SEED);
        let policy = RetryPolicy::builder().random(random.clone()).wall_clock(noon()).build().unwrap();
        let gate = Gate::builder().wall_clock(noon()).build().unwrap();
        let circuit = Circuit::builder().random(random).wall_clock(noon()).build().unwrap();
        let service = ServiceBuilder::new()
            .layer(AuditLayer::operation())
            .layer(RetryLayer::new(policy))
            .layer(RetryCountLayer::new())
            .layer(AuditLayer::attempt())
            .layer(GateLayer::new(gate))
            .layer(BreakerLayer::new(circuit))
            .layer(AuthLayer::new(tokens(), origins()))
            .layer(AttemptTimeoutLayer::new(secs(30)).read_timeout(secs(30)))
            .service(server.clone());
        let by_hand = (run(service, (script.calls)()).await, server.seen());
        same(script, ours, by_hand);
    }
}

/// Every part switched on, every number another.
#[tokio::test(start_paused = true)]
async fn a_stack_of_ones_own_numbers_is_the_one_by_hand() {
    let settings = config(json!({
        "retry": {"max_retries": 4, "backoff": {"base": "100ms", "factor": 3.0, "cap": "1s", "jitter": "equal"},
                  "backoff_throttled": {"base": "2s", "jitter": {"proportional": 0.25}},
                  "backoff_transport": {"base": "50ms", "jitter": "none"},
                  "max_retry_after": "5s", "max_rate_limited": "20s", "retry_after_jitter": 0.5, "max_refused": "3s"},
        "retry_count": {"header": "x-try", "send_zero": true},
        "gate": {"reopen": "all", "max_wait": "8s"},
        "breaker": {"consecutive": 3, "open": "700ms", "jitter": "none"},
        "limit": {"max": 1},
        "attempt_timeout": "2s", "read_timeout": "1s", "total_timeout": "15s",
        "idempotency_key": {"header": "x-key"},
        "collect": {"max_bytes": "1KiB"},
    }));
    for script in SCRIPTS {
        // a key of ours is random: the caller has one
        let calls = || {
            let mut calls = (script.calls)();
            calls
                .iter_mut()
                .for_each(|call| _ = call.headers_mut().insert("x-key", HeaderValue::from_static("k")));
            calls
        };
        let server = (script.server)();
        let stack = Stack::with(&settings, Random::seeded(SEED), noon()).unwrap();
        let service = stack.credentials(Bearer::new("t1").unwrap(), origins()).layer(server.clone());
        let ours = (run(service, calls()).await, server.seen());

        let server = (script.server)();
        let random = Random::seeded(SEED);
        let policy = RetryPolicy::builder()
            .max_retries(4)
            .backoff(
                Exponential::new(ms(100)).factor(3.0).cap(secs(1)).jitter(tower_intake_core::Jitter::Equal),
            )
            .backoff_throttled(
                Exponential::new(secs(2)).jitter(tower_intake_core::Jitter::Proportional(0.25)),
            )
            .backoff_transport(Exponential::new(ms(50)).jitter(tower_intake_core::Jitter::None))
            .max_retry_after(secs(5))
            .max_rate_limited(secs(20))
            .retry_after_jitter(0.5)
            .max_refused(secs(3))
            .random(random.clone())
            .wall_clock(noon())
            .build()
            .unwrap();
        let gate = Gate::builder()
            .reopen(tower_intake::gate::Reopen::All)
            .max_wait(secs(8))
            .max_retry_after(secs(5))
            .wall_clock(noon())
            .build()
            .unwrap();
        let circuit = Circuit::builder()
            .consecutive(3)
            .open(ms(700))
            .jitter(tower_intake_core::Jitter::None)
            .max_retry_after(secs(5))
            .random(random)
            .wall_clock(noon())
            .build()
            .unwrap();
        let service = ServiceBuilder::new()
            .layer(AuditLayer::operation())
            .layer(DeadlineLayer::new(secs(15)).set_only())
            .layer(IdempotencyKeyLayer::new().header("x-key".parse().unwrap()))
            .layer(RetryLayer::new(policy))
            .layer(RetryCountLayer::new().header("x-try".parse().unwrap()).send_zero(true))
            .layer(AuditLayer::attempt())
            .layer(GateLayer::new(gate))
            .layer(BreakerLayer::new(circuit))
            .layer(AdaptiveLimitLayer::new(Limit::fixed(1).unwrap()))
            .layer(AuthLayer::new(Bearer::new("t1").unwrap(), origins()))
            .layer(CollectLayer::new(1024))
            .layer(AttemptTimeoutLayer::new(secs(2)).read_timeout(secs(1)))
            .service(server.clone());
        let by_hand = (run(service, calls()).await, server.seen());
        same(script, ours, by_hand);
    }
}

/// Two seeds differ: the comparison above is not one of things that never change.
#[tokio::test(start_paused = true)]
async fn another_seed_is_another_run() {
    let mut times = Vec::new();
    for seed in [SEED, SEED + 1] {
        let server = Fake::new(|_| status(503));
        let stack = Stack::with(&StackConfig::default(), Random::seeded(seed), noon()).unwrap();
        let service = stack.credentials(tokens(), origins()).layer(server.clone());
        run(service, put(1)).await;
        times.push(server.times());
    }
    assert_ne!(times[0], times[1]);
}

/// Every part off: the request goes through as it came.
#[tokio::test(start_paused = true)]
async fn a_stack_with_every_part_off_is_the_client() {
    let off = config(json!({
        "retry": false, "retry_count": null, "gate": false, "breaker": null, "limit": false, "attempt_timeout": null,
        "read_timeout": false, "total_timeout": null, "idempotency_key": false, "collect": null, "audit": false,
    }));
    let server = Fake::new(|_| after(503, 7));
    let service = Stack::with(&off, Random::seeded(SEED), noon()).unwrap().layer(server.clone());
    let mut request = support::request("POST", "http://api.test/v1/batch");
    request.headers_mut().insert("x-retry-count", HeaderValue::from_static("3"));
    let sent = request.headers().clone();
    let outcomes = run(service, vec![request]).await;
    assert_eq!(server.seen()[0].headers, sent);
    assert_eq!((server.count(), outcomes[0].report), (1, None));
    assert_eq!(outcomes[0].reply.as_ref().unwrap().0, 503);
}
