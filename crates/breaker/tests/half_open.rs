//! How long it is open, what it does then, and whose word counts: BR-3, BR-4.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Instant;

use support::{
    Answer, MS, S, Server, assert_refused, at, client, exact, is_half_open, is_open, key, now, refusal, send,
    send_times,
};
use tower_intake_breaker::{Breaker, Circuit, CircuitBuilder, State, Why};
use tower_intake_core::{Jitter, Random};

/// A circuit that has just opened, and when.
async fn opened(builder: CircuitBuilder) -> (Circuit, Server, Breaker<Server>, Instant) {
    let (circuit, server) = (builder.build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(5);
    send_times(&client, 5).await;
    assert!(is_open(circuit.state(&key())));
    (circuit, server, client, now())
}

fn until(circuit: &Circuit) -> Instant {
    match circuit.state(&key()) {
        State::Open { until, .. } => until,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_03_open_for_a_second_to_the_tick_then_one_success_closes() {
    let (circuit, server, client, start) = opened(exact()).await;
    let refused = assert_refused(&client, &server).await;
    assert_eq!(refused.retry_at(), Some(start + S));
    at(start + S - MS).await;
    assert_refused(&client, &server).await;
    at(start + S).await;
    assert_eq!(send(&client).await.unwrap(), 200);
    assert_eq!(circuit.state(&key()), State::Closed);
    assert_eq!(server.calls(), 6);
}

#[tokio::test(start_paused = true)]
async fn c_br_03_each_failed_probe_doubles_the_time_up_to_the_cap_and_closing_starts_anew() {
    let (circuit, server, client, start) = opened(exact()).await;
    let mut opened_at = start;
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
        assert_eq!(until(&circuit), opened_at + seconds * S);
        at(opened_at + seconds * S - MS).await;
        assert_refused(&client, &server).await;
        at(opened_at + seconds * S).await;
        server.fails(1);
        assert_eq!(send(&client).await.unwrap(), 503, "the probe");
        opened_at = now();
    }
    let State::Open { since, openings, why, .. } = circuit.state(&key()) else { panic!() };
    assert_eq!((since, openings), (start, 10));
    assert!(matches!(why, Why::Consecutive { failures: 5, .. }), "what opened it first");
    at(until(&circuit)).await;
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.fails(5);
    send_times(&client, 5).await;
    assert_eq!(until(&circuit), now() + S);
}

#[tokio::test(start_paused = true)]
async fn c_br_03_equal_jitter_draws_between_half_and_whole() {
    let mut drawn = Vec::new();
    for seed in 0..50 {
        let (circuit, _, _, start) = opened(Circuit::builder().random(Random::seeded(seed))).await;
        drawn.push(until(&circuit) - start);
    }
    assert!(drawn.iter().all(|time| (S / 2..=S).contains(time)));
    assert!(drawn.iter().any(|time| *time < S * 6 / 10) && drawn.iter().any(|time| *time > S * 9 / 10));
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 40, "all alike");
}

#[tokio::test(start_paused = true)]
async fn c_br_03_a_retry_after_lengthens_but_never_shortens_and_is_capped() {
    let cases = [
        ("7", Some(7)),
        ("0", Some(1)),
        ("soon", Some(1)),
        ("86400", Some(300)),
        ("99999999999999999999999999", Some(300)),
    ];
    for (value, seconds) in cases {
        let (circuit, server) = (exact().build().unwrap(), Server::default());
        server.fails(4);
        server.will([Answer::RetryAfter(503, value)]);
        send_times(&client(&circuit, &server), 5).await;
        assert_eq!(Some(until(&circuit)), seconds.map(|seconds| now() + seconds * S), "{value}");
    }
    // of the last answer only
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    server.will([Answer::RetryAfter(503, "7")]);
    server.fails(4);
    send_times(&client(&circuit, &server), 5).await;
    assert_eq!(until(&circuit), now() + S);
}

#[tokio::test(start_paused = true)]
async fn c_br_03_a_probes_retry_after_counts_too_and_a_setter_switches_it_off() {
    let (circuit, server, client, start) = opened(exact().max_retry_after(20 * S)).await;
    at(start + S).await;
    server.will([Answer::RetryAfter(503, "30")]);
    send_times(&client, 1).await;
    assert_eq!(until(&circuit), now() + 20 * S);

    let (circuit, server) = (exact().honour_retry_after(false).build().unwrap(), Server::default());
    server.will((0..5).map(|_| Answer::RetryAfter(503, "30")));
    send_times(&support::client(&circuit, &server), 5).await;
    assert_eq!(until(&circuit), now() + S);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_one_probe_of_a_hundred() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    let answer = server.later();
    let mut calls: Vec<_> = (0..100).map(|_| tokio_test::task::spawn(send(&client))).collect();
    let replies: Vec<_> = calls.iter_mut().map(|call| call.poll()).collect();
    assert!(replies[0].is_pending());
    for reply in &replies[1..] {
        let std::task::Poll::Ready(reply) = reply else { panic!("a second probe") };
        // the probe may be back sooner than its lease ends
        assert_eq!(refusal(reply).unwrap().retry_at(), Some(now() + S));
    }
    assert_eq!(server.calls(), 6);
    answer.send(200).unwrap();
    assert!(calls[0].is_woken());
    assert!(calls[0].poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_failed_probe_reopens_at_once() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    server.fails(1);
    send_times(&client, 1).await;
    assert_eq!(until(&circuit), now() + 2 * S);
    assert_refused(&client, &server).await;
}

#[tokio::test(start_paused = true)]
async fn c_br_04_probes_and_successes_are_settable() {
    let (circuit, server, client, start) = opened(exact().probes(2).successes_to_close(3)).await;
    at(start + S).await;
    let (first, second) = (server.later(), server.later());
    let mut a = tokio_test::task::spawn(send(&client));
    let mut b = tokio_test::task::spawn(send(&client));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    assert_refused(&client, &server).await;
    first.send(200).unwrap();
    assert!(a.poll().is_ready());
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 1, successes: 1, .. }));
    send_times(&client, 1).await;
    assert!(is_half_open(circuit.state(&key())));
    second.send(404).unwrap(); // the server works
    assert!(b.poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_one_failure_among_the_probes_reopens_and_the_others_count_nowhere() {
    let (circuit, server, client, start) = opened(exact().probes(2)).await;
    at(start + S).await;
    let (first, second) = (server.later(), server.later());
    let mut a = tokio_test::task::spawn(send(&client));
    let mut b = tokio_test::task::spawn(send(&client));
    assert!(a.poll().is_pending() && b.poll().is_pending());
    first.send(503).unwrap();
    assert!(a.poll().is_ready());
    let open = circuit.state(&key());
    assert!(is_open(open));
    second.send(200).unwrap();
    assert!(b.poll().is_ready());
    assert_eq!(circuit.state(&key()), open);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_throttled_probe_closes_unless_throttling_counts() {
    for (count, closes) in [(false, true), (true, false)] {
        let (circuit, server, client, start) = opened(exact().count_throttled(count)).await;
        at(start + S).await;
        server.will([Answer::RetryAfter(429, "5")]);
        send_times(&client, 1).await;
        assert_eq!(circuit.state(&key()) == State::Closed, closes);
        if !closes {
            assert_eq!(until(&circuit), now() + 5 * S);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_dropped_probe_gives_its_place_back() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    let _never = server.later();
    let mut probe = tokio_test::task::spawn(send(&client));
    assert!(probe.poll().is_pending());
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 1, .. }));
    drop(probe);
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 0, successes: 0, .. }));
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_probe_refused_further_in_gives_its_place_back() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    server.will([Answer::Refused]);
    send_times(&client, 1).await;
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 0, successes: 0, .. }));
    server.fails(1);
    send_times(&client, 1).await;
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_hung_probe_is_replaced_after_its_lease_and_heard_no_more() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    let late = server.later();
    let mut hung = tokio_test::task::spawn(send(&client));
    assert!(hung.poll().is_pending());
    let lease_ends = now() + 30 * S;
    at(lease_ends - MS).await;
    let refused = assert_refused(&client, &server).await;
    assert_eq!(refused.retry_at(), Some(lease_ends), "sooner than a base open time");
    at(lease_ends).await;
    let answer = server.later();
    let mut second = tokio_test::task::spawn(send(&client));
    assert!(second.poll().is_pending());
    assert_refused(&client, &server).await;
    // the first comes back after all: neither its word nor its place counts
    late.send(503).unwrap();
    assert!(hung.poll().is_ready());
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 1, .. }));
    assert_refused(&client, &server).await;
    answer.send(200).unwrap();
    assert!(second.poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_a_late_probe_counts_while_nobody_has_its_place() {
    let (circuit, server, client, start) = opened(exact()).await;
    at(start + S).await;
    let late = server.later();
    let mut probe = tokio_test::task::spawn(send(&client));
    assert!(probe.poll().is_pending());
    at(now() + 100 * S).await;
    late.send(200).unwrap();
    assert!(probe.poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_04_calls_from_before_the_opening_count_nowhere() {
    for status in [200, 503] {
        let (circuit, server) = (exact().build().unwrap(), Server::default());
        let client = client(&circuit, &server);
        let answers: Vec<_> = (0..40).map(|_| server.later()).collect();
        let mut calls: Vec<_> = (0..40).map(|_| tokio_test::task::spawn(send(&client))).collect();
        assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
        let mut early = answers.into_iter().zip(calls);
        server.fails(5);
        send_times(&client, 5).await;
        let open = circuit.state(&key());
        let mut end = |times: usize| {
            for (answer, mut call) in early.by_ref().take(times) {
                answer.send(status).unwrap();
                assert!(call.poll().is_ready());
            }
        };
        end(10); // while open
        assert_eq!(circuit.state(&key()), open);
        at(now() + S).await;
        let answer = server.later();
        let mut probe = tokio_test::task::spawn(send(&client));
        assert!(probe.poll().is_pending());
        let half_open = circuit.state(&key());
        end(10); // while a probe is under way
        assert_eq!(circuit.state(&key()), half_open);
        answer.send(200).unwrap();
        assert!(probe.poll().is_ready());
        server.fails(4);
        send_times(&client, 4).await;
        end(20); // when it is closed again: neither ends the row nor makes it longer, nor fills the window
        assert_eq!(circuit.state(&key()), State::Closed, "{status}");
        server.fails(1);
        send_times(&client, 1).await;
        let State::Open { why, .. } = circuit.state(&key()) else { panic!("{status}: the row was ended") };
        assert!(matches!(why, Why::Consecutive { failures: 5, .. }));
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_04_the_window_of_before_does_not_count_after_closing() {
    let (circuit, server) = (exact().consecutive(None).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(20);
    send_times(&client, 20).await;
    at(now() + S).await;
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    server.fails(20);
    send_times(&client, 19).await;
    assert_eq!(circuit.state(&key()), State::Closed);
    send_times(&client, 1).await;
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_04_failures_of_before_do_not_count_against_calls_of_after() {
    let (circuit, server) = (exact().consecutive(None).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(20);
    send_times(&client, 20).await;
    at(now() + S).await; // well within the window
    send_times(&client, 1).await;
    send_times(&client, 30).await;
    server.fails(9);
    send_times(&client, 9).await;
    assert_eq!(circuit.state(&key()), State::Closed, "9 of 39 since it closed");
}

#[tokio::test(start_paused = true)]
async fn c_br_03_times_beyond_the_clock_saturate() {
    let forever = std::time::Duration::MAX;
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::Additive(forever)]
    {
        let builder = Circuit::builder().open(forever).max_open(forever).jitter(jitter).probe_lease(forever);
        let (circuit, server, client, _) = opened(builder).await;
        assert!(until(&circuit) > now());
        assert_refused(&client, &server).await;
    }
}
