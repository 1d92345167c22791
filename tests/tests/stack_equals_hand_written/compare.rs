//! The two side by side.

use http::HeaderValue;
use serde_json::json;
use tower::ServiceBuilder;
use tower_intake::audit::AuditLayer;
use tower_intake::auth::{AuthLayer, Bearer};
use tower_intake::breaker::{BreakerLayer, Circuit};
use tower_intake::config::StackConfig;
use tower_intake::gate::{Gate, GateLayer};
use tower_intake::limit::{AdaptiveLimitLayer, Limit};
use tower_intake::retry::{
    AttemptTimeoutLayer, CollectLayer, DeadlineLayer, IdempotencyKeyLayer, RetryLayer, RetryPolicy,
};
use tower_intake::retry_count::RetryCountLayer;
use tower_intake::stack::Stack;
use tower_intake_core::{Exponential, Jitter, Random};
use tower_layer::Layer as _;

use crate::api::config;
use crate::run::{Outcome, SEED, noon, origins, run, tokens};
use crate::script::{SCRIPTS, Script, put};
use crate::support;
use crate::support::{Fake, Seen, after, ms, secs, status};

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
            .backoff(Exponential::new(ms(100)).factor(3.0).cap(secs(1)).jitter(Jitter::Equal))
            .backoff_throttled(Exponential::new(secs(2)).jitter(Jitter::Proportional(0.25)))
            .backoff_transport(Exponential::new(ms(50)).jitter(Jitter::None))
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
            .jitter(Jitter::None)
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
