//! When a circuit opens: BR-1, BR-2, and the numbers it takes.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use support::{Answer, MS, S, Server, assert_refused, client, exact, is_open, key, send, send_times};
use tower_intake_breaker::{Breaker, Circuit, State, Why};
use tower_intake_core::{Jitter, Outcome, Reply, StatusTable, classify_fn};

#[tokio::test(start_paused = true)]
async fn c_br_01_opens_on_the_fifth_failure_in_a_row_and_not_on_the_fourth() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    server.fails(5);
    send_times(&client, 4).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    assert_eq!(send(&client).await.unwrap(), 503, "the fifth answer is the caller's");
    assert!(is_open(circuit.state(&key())));
    let refused = assert_refused(&client, &server).await;
    assert!(matches!(refused.why(), Why::Consecutive { failures: 5, .. }));
}

#[tokio::test(start_paused = true)]
async fn c_br_01_a_success_between_breaks_the_row() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    for _ in 0..3 {
        // 15 calls in all: too few for the ratio
        server.fails(4);
        server.will([Answer::Status(200)]);
        send_times(&client, 5).await;
    }
    assert_eq!(circuit.state(&key()), State::Closed);
}

/// Calls that fail (x) and succeed (o).
async fn mixed(client: &Breaker<Server>, server: &Server, pattern: &str) {
    for call in pattern.chars() {
        server.will([Answer::Status(if call == 'x' { 503 } else { 200 })]);
        assert!(send(client).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_01_half_of_twenty_opens_and_nineteen_are_too_few() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    mixed(&client, &server, "xxoxxoxxoxxoxxooooo").await; // 10 of 19
    assert_eq!(circuit.state(&key()), State::Closed);
    // the 20th succeeds: 10 of 20 is half, but only a failure looks
    mixed(&client, &server, "o").await;
    assert_eq!(circuit.state(&key()), State::Closed);
    mixed(&client, &server, "x").await;
    let State::Open { why: Why::Ratio { failures: 11, total: 21, .. }, .. } = circuit.state(&key()) else {
        panic!("{:?}", circuit.state(&key()));
    };
}

#[tokio::test(start_paused = true)]
async fn c_br_01_a_tie_opens_and_one_less_does_not() {
    let server = Server::default();
    for (pattern, opens) in [("oxoxoxoxoxoxoxoxoxox", true), ("oxoxoxoxoxoxoxoxooox", false)] {
        let circuit = Circuit::builder().consecutive(None).build().unwrap();
        mixed(&client(&circuit, &server), &server, pattern).await;
        assert_eq!(is_open(circuit.state(&key())), opens, "{pattern}");
    }
    // a third is not a binary number
    for (pattern, calls, opens) in [("oox", 3, true), ("ooxooox", 7, false)] {
        let circuit = Circuit::builder().consecutive(None).ratio(1.0 / 3.0).min_calls(calls).build().unwrap();
        mixed(&client(&circuit, &server), &server, pattern).await;
        assert_eq!(is_open(circuit.state(&key())), opens, "{pattern}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_01_the_window_slides_by_buckets() {
    let (circuit, server) = (Circuit::builder().consecutive(None).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    mixed(&client, &server, "o").await; // the circuit is made here: buckets begin at 0 s, 3 s, 6 s, …
    mixed(&client, &server, "ooooooooo").await; // 10 good ones in bucket 0
    tokio::time::advance(4 * S).await;
    mixed(&client, &server, "xxxxxxxxx").await; // 9 bad ones in bucket 1: 9 of 19
    assert_eq!(circuit.state(&key()), State::Closed);
    // at 30 s bucket 0 is gone: the good ones are forgotten, 10 bad of 10 are too few calls
    tokio::time::advance(26 * S).await;
    mixed(&client, &server, "x").await;
    assert_eq!(circuit.state(&key()), State::Closed);
    // just before 33 s bucket 1 still counts: 9 + 1 bad, 9 good, then the 20th
    tokio::time::advance(3 * S - MS).await;
    mixed(&client, &server, "ooooooooox").await;
    assert!(matches!(
        circuit.state(&key()),
        State::Open { why: Why::Ratio { failures: 11, total: 20, .. }, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn c_br_01_failures_that_left_the_window_do_not_count() {
    let (circuit, server) = (Circuit::builder().consecutive(None).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    mixed(&client, &server, "xxxxxxxxxxxxxxxxxxx").await; // 19 bad
    tokio::time::advance(30 * S).await;
    mixed(&client, &server, "x").await;
    assert_eq!(circuit.state(&key()), State::Closed);
    tokio::time::advance(Duration::from_secs(86_400 * 365)).await;
    mixed(&client, &server, "xxxxxxxxxxxxxxxxxxx").await;
    assert_eq!(circuit.state(&key()), State::Closed, "19 in this window");
    mixed(&client, &server, "x").await;
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_02_only_transient_replies_are_failures() {
    for status in [200, 204, 301, 400, 401, 403, 404, 429, 501] {
        let (circuit, server) = (Circuit::per_authority(), Server::default());
        server.will((0..40).map(|_| Answer::Status(status)));
        send_times(&client(&circuit, &server), 40).await;
        assert_eq!((circuit.state(&key()), server.calls()), (State::Closed, 40), "{status}");
    }
    for status in [408, 500, 502, 503, 504, 529] {
        let (circuit, server) = (Circuit::per_authority(), Server::default());
        server.will((0..40).map(|_| Answer::Status(status)));
        let client = client(&circuit, &server);
        send_times(&client, 5).await;
        assert_refused(&client, &server).await;
        assert_eq!(server.calls(), 5, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_02_a_broken_connection_is_a_failure() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    server.will((0..5).map(|_| Answer::Broken));
    for _ in 0..5 {
        assert_eq!(send(&client).await.unwrap_err().to_string(), "connection reset");
    }
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_02_a_permanent_answer_ends_a_row_and_a_refusal_further_in_neither_ends_nor_adds() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    server.fails(4);
    server.will([Answer::Status(404)]);
    server.fails(4);
    send_times(&client, 9).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.will((0..30).map(|_| Answer::Refused));
    send_times(&client, 30).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.fails(1);
    send_times(&client, 1).await;
    let State::Open { why, .. } = circuit.state(&key()) else { panic!("4 and 1 are 5") };
    assert!(matches!(why, Why::Consecutive { failures: 5, .. }));
}

#[tokio::test(start_paused = true)]
async fn c_br_02_a_dropped_call_counts_as_nothing() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    server.fails(4);
    send_times(&client, 4).await;
    for _ in 0..30 {
        let _answer = server.later();
        let mut call = tokio_test::task::spawn(send(&client));
        assert!(call.poll().is_pending());
    }
    assert_eq!(circuit.state(&key()), State::Closed);
    server.fails(1);
    send_times(&client, 1).await;
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_02_throttled_counts_in_the_ratio_where_that_is_set_but_is_no_streak() {
    let server = Server::default();
    let circuit = Circuit::builder().count_throttled(true).build().unwrap();
    let client = client(&circuit, &server);
    server.will((0..19).map(|_| Answer::Status(429)));
    send_times(&client, 19).await;
    assert_eq!(circuit.state(&key()), State::Closed, "19 in a row, too few calls");
    server.will([Answer::Status(429)]);
    send_times(&client, 1).await;
    assert!(matches!(
        circuit.state(&key()),
        State::Open { why: Why::Ratio { failures: 20, total: 20, .. }, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn c_br_02_a_classifier_of_ones_own_decides() {
    let table = StatusTable::builder().retry(418).permanent(503).build().unwrap();
    let teapot = classify_fn(move |reply: Reply<'_>| match reply.status() {
        Some(status) => table.status(status.as_u16()),
        None => Outcome::Permanent,
    });
    let (circuit, server) = (Circuit::builder().classify(teapot).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(20);
    send_times(&client, 20).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.will((0..5).map(|_| Answer::Status(418)));
    send_times(&client, 5).await;
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_01_each_rule_can_be_switched_off() {
    let (circuit, server) = (exact().consecutive(None).ratio(None).build().unwrap(), Server::default());
    server.fails(200);
    send_times(&client(&circuit, &server), 200).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    circuit.trip(&key());
    assert!(is_open(circuit.state(&key())));
}

#[test]
fn c_br_01_numbers_that_make_no_sense_are_refused_by_name() {
    let builder = Circuit::builder;
    let wrong = [
        (builder().max_keys(0), "max_keys"),
        (builder().consecutive(0), "consecutive"),
        (builder().ratio(0.0), "ratio"),
        (builder().ratio(1.01), "ratio"),
        (builder().ratio(f64::NAN), "ratio"),
        (builder().min_calls(0), "min_calls"),
        (builder().window(Duration::ZERO), "window"),
        (builder().buckets(0), "buckets"),
        (builder().buckets(65), "buckets"),
        (builder().open(Duration::ZERO), "open"),
        (builder().open(61 * S), "open"),
        (builder().jitter(Jitter::Proportional(2.0)), "jitter"),
        (builder().probes(0), "probes"),
        (builder().successes_to_close(0), "successes_to_close"),
        (builder().probe_lease(Duration::ZERO), "probe_lease"),
    ];
    for (builder, field) in wrong {
        let error = builder.build().unwrap_err();
        assert_eq!(error.field(), field);
        assert_eq!(error.to_string().matches(&format!("{field}: ")).count(), 1, "{error}");
    }
    assert!(builder().open(60 * S).window(Duration::MAX).max_open(Duration::MAX).buckets(64).build().is_ok());
}

/// DESIGN §5.10: whatever the classifier makes of an error.
#[tokio::test(start_paused = true)]
async fn c_br_02_a_refusal_further_in_is_no_failure_to_any_classifier() {
    let strict = classify_fn(|reply: Reply<'_>| match reply.status() {
        Some(_) => Outcome::Success,
        None => Outcome::Transient,
    });
    let (circuit, server) = (exact().classify(strict).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.will((0..30).map(|_| Answer::Refused));
    send_times(&client, 30).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.will((0..5).map(|_| Answer::Broken));
    send_times(&client, 5).await;
    assert!(is_open(circuit.state(&key())));
}

/// One caller who had no patience opened the circuit for everybody: five calls that their own deadline cut were five
/// failures. They say as little of the server as calls that are dropped; and what was never sent says nothing at all.
#[tokio::test(start_paused = true)]
async fn c_br_02_a_callers_deadline_and_what_was_never_sent_are_no_evidence() {
    use tower::{Service as _, ServiceExt as _};
    use tower_intake_core::{BoxError, Permanent, Phase, TimedOut};

    for evidence in [false, true] {
        let circuit = Circuit::per_authority();
        let cut = if evidence { Phase::Attempt } else { Phase::Deadline };
        let inner = tower::service_fn(move |_: http::Request<()>| async move {
            Err::<http::Response<()>, BoxError>(TimedOut::new(cut, 100 * MS).into())
        });
        let mut client =
            tower_layer::Layer::layer(&tower_intake_breaker::BreakerLayer::new(circuit.clone()), inner);
        for _ in 0..5 {
            let request = http::Request::get("http://a/").body(()).unwrap();
            assert!(client.ready().await.unwrap().call(request).await.is_err());
        }
        let state = circuit.state(&tower_intake_core::Key::named("http://a:80"));
        assert_eq!(is_open(state), evidence, "{cut:?}");
    }

    // a probe that auth would not let go does not close the circuit
    let circuit = Circuit::builder().jitter(Jitter::None).build().unwrap();
    let inner = tower::service_fn(|_: http::Request<()>| async {
        Err::<http::Response<()>, BoxError>(Permanent::not_sent("the key was refused").into())
    });
    let mut client =
        tower_layer::Layer::layer(&tower_intake_breaker::BreakerLayer::new(circuit.clone()), inner);
    let key = tower_intake_core::Key::named("http://a:80");
    circuit.trip(&key);
    tokio::time::sleep(2 * S).await;
    let request = http::Request::get("http://a/").body(()).unwrap();
    assert!(client.ready().await.unwrap().call(request).await.is_err());
    assert!(!matches!(circuit.state(&key), State::Closed), "{:?}", circuit.state(&key));
}
