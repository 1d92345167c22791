//! The breaker and the gate over real sockets, through the standard stack (CONTRACT §4, §5).
#![allow(clippy::unwrap_used)]

mod api;
mod support;

use serde_json::{Value, json};
use tower_intake::breaker::{CircuitOpen, State};
use tower_intake::config::StackConfig;
use tower_intake::gate::{GateClosed, GateState};
use tower_intake_core::{Key, Refused, Stopped};
use tower_intake_tests::{Answer, Moment, Server};

use api::{Api, config};
use support::{ms, secs};

/// Refusals come back at once, so that they can be seen; the circuit is open for 300 ms.
fn settings(more: &[(&str, Value)]) -> StackConfig {
    let mut settings = json!({
        "retry": {"max_refused": "0s", "backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}},
        "breaker": {"open": "300ms", "jitter": "none"},
    });
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    config(settings)
}

fn key(server: &Server) -> Key {
    Key::of_uri(&server.url().parse().unwrap()).unwrap()
}

#[tokio::test]
async fn c_br_01_05_04_five_failures_open_a_probe_closes() {
    let server = Server::start(Answer::new(503)).await.unwrap();
    let other = Server::start(Answer::ok()).await.unwrap();
    let api = Api::new(&server.url(), &settings(&[]));
    let circuit = api.stack.circuit().unwrap().clone();
    for n in 1..=5 {
        assert_eq!(circuit.state(&key(&server)), State::Closed, "{n}");
        let answered = api.post("/").await;
        assert_eq!((answered.status(), answered.stopped()), (503, Some(Stopped::NotReplayable)));
    }
    assert!(matches!(circuit.state(&key(&server)), State::Open { .. }));

    // nothing reaches the server while it is open; another server is not meant
    for method in ["POST", "PUT", "GET"] {
        let answered = api.send(api.request(method, "/")).await;
        let open: &CircuitOpen = answered.find();
        assert_eq!(*open.key(), key(&server));
        assert_eq!(answered.find::<Refused>().by(), "breaker");
        assert_eq!(answered.report.map(|report| report.attempts), Some(0));
        assert!(answered.elapsed < ms(250), "{:?}", answered.elapsed);
    }
    assert_eq!(api.send(api.request("POST", &other.url_of("/"))).await.status(), 200);
    assert_eq!((server.request_count(), other.request_count()), (5, 1));

    // half-open: a failed probe opens again, for twice as long
    tokio::time::sleep(ms(310)).await;
    assert_eq!(api.post("/").await.status(), 503);
    assert_eq!(server.request_count(), 6);
    api.post("/").await.find::<CircuitOpen>();

    server.set_script(Answer::ok());
    tokio::time::sleep(ms(610)).await;
    assert_eq!(api.post("/").await.status(), 200);
    assert_eq!(circuit.state(&key(&server)), State::Closed);
    assert_eq!(api.post("/").await.status(), 200);
    assert_eq!(server.request_count(), 8);
}

/// One probe at a time: the others are refused while it is under way.
#[tokio::test]
async fn c_br_04_one_probe_at_a_time() {
    let server = Server::start(Answer::new(500)).await.unwrap();
    let api = Api::new(&server.url(), &settings(&[]));
    for _ in 0..5 {
        api.post("/").await;
    }
    server.set_script(Answer::ok().delay(ms(100)));
    tokio::time::sleep(ms(310)).await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let api = api.clone();
            tokio::spawn(async move { api.post("/").await.result.is_ok() })
        })
        .collect();
    let mut served = 0;
    for call in calls {
        served += usize::from(call.await.unwrap());
    }
    assert_eq!((served, server.request_count()), (1, 6));
}

/// With refusals waited for, as by default, an idempotent call comes through the open circuit by itself.
#[tokio::test]
async fn c_re_11_a_call_outlasts_an_open_circuit() {
    let server = Server::start(tower_intake_tests::sequence(vec![Answer::new(503); 5]).then(Answer::ok()))
        .await
        .unwrap();
    let waiting =
        json!({"backoff": {"base": "10ms", "factor": 1.0, "jitter": "none"}, "retry_after_jitter": 0.0});
    let api = Api::new(&server.url(), &settings(&[("retry", waiting)]));
    let answered = api.put("/").await;
    assert_eq!((answered.status(), answered.attempts()), (200, 6));
    assert!(answered.elapsed >= ms(300), "{:?}", answered.elapsed);
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header("x-retry-count"), Some("5"), "a refusal does not count");
}

/// What breaks on the way is a failure too; what the server means to say is not.
#[tokio::test]
async fn c_br_02_what_counts() {
    let counts =
        [Answer::new(500), Answer::new(504), Answer::reset(Moment::Request), Answer::close(Moment::Head)];
    let does_not = [Answer::new(404), Answer::new(401), Answer::new(429), Answer::new(501), Answer::new(307)];
    for (answers, opens) in [(&counts[..], true), (&does_not[..], false)] {
        for answer in answers {
            let server = Server::start(answer.clone()).await.unwrap();
            let settings = settings(&[("retry", json!({"max_retries": 0}))]);
            let api = Api::new(&server.url(), &settings);
            for _ in 0..6 {
                api.post("/").await;
            }
            assert_eq!(server.request_count(), if opens { 5 } else { 6 }, "{answer:?}");
        }
    }
}

/// A Retry-After closes the gate of its server, and of no other.
#[tokio::test]
async fn c_ga_01_02_06_the_gate_is_the_servers_own() {
    let server = Server::start(Answer::new(429).retry_after(30)).await.unwrap();
    let other = Server::start(Answer::ok()).await.unwrap();
    let settings = settings(&[
        ("gate", json!({"max_wait": "0s"})),
        ("retry", json!({"max_retry_after": "30s", "max_rate_limited": "0s", "max_refused": "0s"})),
    ]);
    let api = Api::new(&server.url(), &settings);
    let gate = api.stack.gate().unwrap().clone();
    assert_eq!(api.post("/").await.status(), 429);
    assert!(matches!(gate.state(&key(&server)), GateState::Closed { .. }));
    assert_eq!(gate.state(&key(&other)), GateState::Open);

    let answered = api.post("/again").await;
    let closed: &GateClosed = answered.find();
    assert_eq!(*closed.key(), key(&server));
    assert_eq!(answered.find::<Refused>().by(), "gate");
    assert!(answered.elapsed < secs(5));
    assert_eq!(api.send(api.request("POST", &other.url_of("/"))).await.status(), 200);
    assert_eq!((server.request_count(), other.request_count()), (1, 1));

    // the operator's switch
    gate.open(&key(&server));
    server.set_script(Answer::ok());
    assert_eq!(api.post("/").await.status(), 200);
}

/// One stack around two clients: what one has heard holds for the other.
#[tokio::test]
async fn c_ga_01_two_services_of_one_stack_share_the_gate() {
    let server = Server::start(Answer::new(429).retry_after(30)).await.unwrap();
    let settings = settings(&[
        ("gate", json!({"max_wait": "0s"})),
        ("retry", json!({"max_rate_limited": "0s", "max_refused": "0s"})),
    ]);
    let one = Api::new(&server.url(), &settings);
    let two = Api::of(&server.url(), &settings, one.stack.clone());
    assert_eq!(one.post("/").await.status(), 429);
    two.post("/").await.find::<GateClosed>();
    assert_eq!(server.request_count(), 1);
}
