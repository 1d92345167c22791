//! The operator's switches and what a subscriber hears: BR-7.

#![allow(clippy::unwrap_used)]

mod support;

use support::{
    S, Server, assert_refused, at, client, exact, is_half_open, is_open, key, now, send, send_times, send_to,
};
use tower_intake_breaker::{Circuit, State, Transition, Why};
use tower_intake_core::Key;

#[tokio::test(start_paused = true)]
async fn c_br_07_trip_opens_for_a_while_and_reset_closes() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.trip(&key()); // a server that was never met
    let refused = assert_refused(&client, &server).await;
    assert_eq!((refused.why(), refused.retry_at()), (Why::Tripped, Some(now() + S)));
    circuit.reset(&key());
    send_times(&client, 1).await;
    circuit.trip(&key());
    at(now() + S).await;
    send_times(&client, 1).await;
    assert_eq!(circuit.state(&key()), State::Closed, "its probe closed it");
}

#[tokio::test(start_paused = true)]
async fn c_br_07_trip_never_shortens() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(4);
    server.will([support::Answer::RetryAfter(503, "100")]);
    send_times(&client, 5).await;
    let until = now() + 100 * S;
    circuit.trip(&key());
    assert_eq!(assert_refused(&client, &server).await.retry_at(), Some(until));
    circuit.hold_open(&key());
    circuit.trip(&key());
    assert!(matches!(circuit.state(&key()), State::HeldOpen { .. }));
}

#[tokio::test(start_paused = true)]
async fn c_br_07_reset_forgets_what_was_counted() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    for _ in 0..10 {
        server.fails(4);
        send_times(&client, 4).await;
        circuit.reset(&key());
    }
    assert_eq!(circuit.state(&key()), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_07_reset_while_a_probe_is_under_way() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.trip(&key());
    at(now() + S).await;
    let answer = server.later();
    let mut probe = tokio_test::task::spawn(send(&client));
    assert!(probe.poll().is_pending());
    circuit.reset(&key());
    answer.send(503).unwrap();
    assert!(probe.poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed, "its word is of an earlier generation");
}

#[tokio::test(start_paused = true)]
async fn c_br_07_held_open_no_probe_goes_however_long() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.hold_open(&key());
    for _ in 0..3 {
        at(now() + 100_000 * S).await;
        assert_eq!(assert_refused(&client, &server).await.retry_at(), None);
    }
    circuit.reset(&key());
    send_times(&client, 1).await;
}

#[tokio::test(start_paused = true)]
async fn c_br_07_disabled_it_lets_all_through_and_counts_nothing() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.disable(&key());
    server.fails(100);
    send_times(&client, 100).await;
    assert_eq!(circuit.state(&key()), State::Disabled);
    // let through while disabled, ended while closed
    let answers: Vec<_> = (0..10).map(|_| server.later()).collect();
    let mut calls: Vec<_> = (0..10).map(|_| tokio_test::task::spawn(send(&client))).collect();
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    circuit.reset(&key());
    for (answer, call) in answers.into_iter().zip(&mut calls) {
        answer.send(503).unwrap();
        assert!(call.poll().is_ready());
    }
    assert_eq!(circuit.state(&key()), State::Closed);
    circuit.disable(&key());
    circuit.trip(&key());
    assert!(is_open(circuit.state(&key())));
}

#[tokio::test(start_paused = true)]
async fn c_br_07_orders_for_all_hold_for_servers_to_come() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    send_times(&client, 1).await;
    let new = Key::named("http://new:80");
    circuit.hold_open_all();
    assert_refused(&client, &server).await;
    assert!(matches!(circuit.state(&new), State::HeldOpen { .. }));
    assert!(send_to(&client, "http://new/").await.is_err());
    circuit.disable_all();
    server.fails(20);
    send_times(&client, 10).await;
    for _ in 0..10 {
        assert_eq!(send_to(&client, "http://newer/").await.unwrap(), 503);
    }
    circuit.reset_all();
    assert!(circuit.states().iter().all(|(_, state)| *state == State::Closed));
    assert_eq!(circuit.state(&Key::named("http://newest:80")), State::Closed);
    circuit.trip_all();
    assert_eq!(circuit.states().len(), 3);
    assert!(circuit.states().iter().all(|(_, state)| is_open(*state)));
    assert_eq!(send_to(&client, "http://newest/").await.unwrap(), 200);
}

async fn words(transitions: &mut tower_intake_breaker::Transitions, count: usize) -> Vec<String> {
    let mut words = Vec::new();
    for _ in 0..count {
        let Transition { from, to, .. } = transitions.next().await.unwrap();
        words.push(format!("{} {}", from.as_str(), to.as_str()));
    }
    words
}

#[tokio::test(start_paused = true)]
async fn c_br_07_a_subscriber_hears_every_transition_in_order() {
    let (circuit, server) = (exact().build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    let mut transitions = circuit.subscribe();
    server.fails(6);
    send_times(&client, 5).await;
    let opened = transitions.next().await.unwrap();
    assert_eq!((&opened.key, opened.from, opened.at), (&key(), State::Closed, now()));
    assert!(is_open(opened.to));
    at(now() + S).await;
    send_times(&client, 1).await;
    at(now() + 2 * S).await;
    send_times(&client, 1).await;
    circuit.hold_open(&key());
    circuit.hold_open(&key()); // nothing new
    circuit.disable(&key());
    circuit.reset(&key());
    circuit.reset(&key()); // nothing to see
    let heard = words(&mut transitions, 7).await;
    let expected = [
        "open half_open",
        "half_open open",
        "open half_open",
        "half_open closed",
        "closed held_open",
        "held_open disabled",
        "disabled closed",
    ];
    assert_eq!(heard, expected);
    assert!(!tokio_test::task::spawn(transitions.next()).poll().is_ready());
    assert_eq!(transitions.missed(), 0);
}

#[tokio::test(start_paused = true)]
async fn c_br_07_a_slow_subscriber_harms_nobody_and_knows_what_it_missed() {
    let circuit = exact().build().unwrap();
    let mut slow = circuit.subscribe();
    for _ in 0..500 {
        circuit.hold_open(&key());
        circuit.reset(&key());
    }
    let mut heard = 0;
    while let std::task::Poll::Ready(Some(_)) = tokio_test::task::spawn(slow.next()).poll() {
        heard += 1;
    }
    assert_eq!(heard + slow.missed(), 1000);
    assert!(heard >= 64);
    let (server, client);
    server = Server::default();
    client = support::client(&circuit, &server);
    drop(circuit);
    assert!(tokio_test::task::spawn(slow.next()).poll().is_pending(), "a service is left");
    drop(client);
    assert_eq!(slow.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn c_br_07_state_moves_when_called_and_tells_the_trial() {
    let (circuit, server) = (exact().successes_to_close(2).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.trip(&key());
    at(now() + 10 * S).await;
    assert!(is_open(circuit.state(&key())));
    send_times(&client, 1).await;
    assert!(is_half_open(circuit.state(&key())));
    assert!(matches!(circuit.state(&key()), State::HalfOpen { probes: 0, successes: 1, openings: 1, .. }));
}
