//! One circuit a server, shared by whoever has the handle: BR-6.

#![allow(clippy::unwrap_used)]

mod support;

use support::{S, Server, at, client, exact, is_open, key, now, refusal, send, send_times, send_to};
use tower::Layer;
use tower_intake_breaker::{BreakerLayer, Circuit, State};
use tower_intake_core::{Key, RequestHead, Scope};

fn key_of(uri: &str) -> Key {
    Key::of_uri(&uri.parse().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn c_br_06_a_server_that_fails_leaves_the_others_alone() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let client = client(&circuit, &server);
    // failures of two servers do not add up
    server.fails(8);
    for n in 0..8 {
        send_to(&client, ["http://a/", "http://b/"][n % 2]).await.unwrap();
    }
    assert_eq!(circuit.state(&key_of("http://a")), State::Closed);
    server.fails(1);
    send_to(&client, "http://a/other?path").await.unwrap();
    assert!(is_open(circuit.state(&key_of("http://a"))));
    for uri in ["http://A:80/x", "http://user:pw@a/y", "http://a./z"] {
        let reply = send_to(&client, uri).await;
        assert!(refusal(&reply).is_some(), "{uri}");
    }
    for uri in ["http://b/", "https://a/", "http://a:8080/"] {
        assert_eq!(send_to(&client, uri).await.unwrap(), 200, "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_br_06_two_layers_of_one_handle_are_one_breaker_and_two_handles_are_two() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let (a, b) = (client(&circuit, &server), client(&circuit.clone(), &server));
    let apart = client(&Circuit::per_authority(), &server);
    server.fails(5);
    send_times(&a, 3).await;
    send_times(&b, 2).await;
    assert!(refusal(&send(&a).await).is_some());
    assert!(refusal(&send(&b).await).is_some());
    assert_eq!(send(&apart).await.unwrap(), 200);
    // the probe of one closes it for the other
    at(now() + S).await;
    send_times(&b, 1).await;
    send_times(&a, 1).await;
}

#[tokio::test(start_paused = true)]
async fn c_br_06_global_is_one_for_all() {
    let (circuit, server) = (Circuit::global(), Server::default());
    let client = client(&circuit, &server);
    server.fails(5);
    for uri in ["http://a/", "http://b/", "http://c/", "http://d/", "/no-host"] {
        send_to(&client, uri).await.unwrap();
    }
    assert!(is_open(circuit.state(&Key::global())));
    assert!(refusal(&send_to(&client, "http://e/").await).is_some());
}

#[tokio::test(start_paused = true)]
async fn c_br_06_or_by_a_function_of_the_request() {
    let by_path = Scope::by(|head: RequestHead<'_>| Key::named(head.uri.path()));
    let (circuit, server) = (Circuit::builder().scope(by_path).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    server.fails(5);
    for host in ["a", "b", "c", "d", "e"] {
        send_to(&client, &format!("http://{host}/bad")).await.unwrap();
    }
    assert!(refusal(&send_to(&client, "http://f/bad").await).is_some());
    assert_eq!(send_to(&client, "http://a/good").await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn c_br_06_keys_are_bounded_and_an_open_circuit_is_not_forgotten() {
    let (circuit, server) = (exact().max_keys(8).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    send_to(&client, "http://first/").await.unwrap();
    server.fails(5);
    for _ in 0..5 {
        send_to(&client, "http://down/").await.unwrap();
    }
    for n in 0..100 {
        send_to(&client, &format!("http://host{n}/")).await.unwrap();
    }
    assert!(circuit.states().len() <= 8);
    assert!(refusal(&send_to(&client, "http://down/").await).is_some());
    // once its time is over it may go like any other
    at(now() + S).await;
    for n in 0..100 {
        send_to(&client, &format!("http://host{n}/")).await.unwrap();
    }
    assert_eq!(circuit.state(&key_of("http://down")), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn c_br_06_where_all_are_open_new_keys_share_one_circuit_that_the_operator_can_reach() {
    let (circuit, server) = (exact().max_keys(2).build().unwrap(), Server::default());
    let client = client(&circuit, &server);
    circuit.hold_open(&key_of("http://a"));
    circuit.hold_open(&key_of("http://b"));
    server.fails(5);
    for n in 0..5 {
        send_to(&client, &format!("http://new{n}/")).await.unwrap();
    }
    assert!(refusal(&send_to(&client, "http://new9/").await).is_some());
    assert_eq!(circuit.states().len(), 3);
    let shared = circuit.states().into_iter().map(|(key, _)| key).find(|key| !key.as_str().contains("//"));
    circuit.reset(&shared.unwrap());
    assert_eq!(send_to(&client, "http://new9/").await.unwrap(), 200);
    circuit.hold_open_all();
    assert!(refusal(&send_to(&client, "http://new9/").await).is_some());
    circuit.reset_all();
    assert_eq!(send_to(&client, "http://new9/").await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn c_br_06_the_state_outlives_the_handle_and_each_clone() {
    let (circuit, server) = (Circuit::per_authority(), Server::default());
    let first = client(&circuit, &server);
    drop(circuit);
    server.fails(5);
    send_times(&first.clone(), 5).await;
    assert!(refusal(&send(&first.clone()).await).is_some());
    // a call outlives its service
    let circuit = exact().build().unwrap();
    let answer = server.later();
    let mut call = {
        let service = BreakerLayer::new(circuit.clone()).layer(server.clone());
        circuit.trip(&key());
        at(now() + S).await;
        Box::pin(async move { send(&service).await })
    };
    let mut task = tokio_test::task::spawn(call.as_mut());
    assert!(task.poll().is_pending());
    answer.send(200).unwrap();
    assert!(task.poll().is_ready());
    assert_eq!(circuit.state(&key()), State::Closed);
}
