//! How it sends.

use std::time::Duration;

use serde_json::json;
use tower_intake_tests::{Answer, Latch, Routes, Server, answer_fn, sequence};

use crate::driver::{document, drive};

/// `after` counts from the start, `deadline` from the call; a wait that does not fit it is not begun.
#[tokio::test]
async fn after_and_deadline() {
    let script =
        Routes::new().at("/late", Answer::ok()).at("/wait", Answer::new(429).retry_after(30).body("later"));
    let server = Server::start(script).await.unwrap();
    let mut document = document(
        &server,
        json!([
            {"id": "late", "path": "/late", "after": "400ms"},
            {"id": "wait", "path": "/wait", "after": "100ms", "deadline": "3s"},
        ]),
    );
    // or the 429 of the one would keep the other waiting
    document["stack"]["gate"] = json!(false);
    let run = drive(&document).await;
    let wait = run.line("wait");
    assert_eq!(
        (&wait["status"], &wait["stopped"], &wait["attempts"]),
        (&json!(429), &json!("deadline"), &json!(1))
    );
    assert_eq!((&wait["retry_after_ms"], &wait["body"]), (&json!(30_000), &json!("later")));
    assert!(wait["elapsed_ms"].as_u64().unwrap() < 2500, "{wait}");
    assert_eq!(run.lines[0]["id"], "wait", "in the order they finish");
    let seen = server.requests();
    let late = seen.iter().find(|request| request.path() == "/late").unwrap();
    let first = seen.iter().find(|request| request.path() == "/wait").unwrap();
    assert!(late.at - first.at >= Duration::from_millis(250), "{:?}", late.at - first.at);
    assert!(run.line("late")["elapsed_ms"].as_u64().unwrap() < 400, "counted from the call");
}

#[tokio::test]
async fn concurrency_bounds_what_is_under_way() {
    let latch = Latch::new();
    let server = Server::start(Answer::ok().held_by(&latch)).await.unwrap();
    let requests: Vec<_> = (0..10).map(|n| json!({"id": format!("{n}"), "path": "/"})).collect();
    let mut document = document(&server, json!(requests));
    document["concurrency"] = json!(3);
    let run = tokio::spawn(async move { drive(&document).await });
    server.wait_for_requests(3, Duration::from_secs(20)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(server.request_count(), 3);
    latch.open();
    let run = run.await.unwrap();
    assert_eq!((&run.summary["ok"], server.max_in_flight()), (&json!(10), 3));
}

/// Concatenation, one slash between; an absolute URL is another server, which gets no credentials.
#[tokio::test]
async fn paths_are_joined_and_absolute_urls_go_elsewhere() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let other = Server::start(Answer::ok()).await.unwrap();
    let mut document = document(
        &server,
        json!([
            {"id": "a", "path": "/v1/x"}, {"id": "b", "path": "v1/y?q=1"}, {"id": "c", "path": "/../z"},
            {"id": "d", "path": other.url_of("/there")},
        ]),
    );
    document["concurrency"] = json!(1);
    document["auth"] = json!({"bearer": {"token": "t0ken"}});
    for (slash, prefix) in [("", "/prefix"), ("/", "/prefix")] {
        document["base_url"] = json!(format!("{}{prefix}{slash}", server.url()));
        let before = server.request_count();
        assert_eq!(drive(&document).await.summary["ok"], 4);
        let targets: Vec<_> =
            server.requests()[before..].iter().map(|request| request.target.clone()).collect();
        assert_eq!(targets, ["/prefix/v1/x", "/prefix/v1/y?q=1", "/prefix/../z"]);
    }
    assert!(server.requests().iter().all(|request| request.header("authorization") == Some("Bearer t0ken")));
    let elsewhere = other.requests();
    assert_eq!((elsewhere.len(), elsewhere[0].path()), (2, "/there"));
    assert!(elsewhere.iter().all(|request| request.header("authorization").is_none()));
}

/// Headers of the caller's, one line or several; the default method; ids by place.
#[tokio::test]
async fn requests_go_out_as_they_are_written() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let run = drive(&document(
        &server,
        json!([{"path": "/", "headers": {"x-one": "1", "x-two": ["2", "3"]}, "body": "ünï"}]),
    ))
    .await;
    assert_eq!(run.lines[0]["id"], "0");
    let seen = &server.requests()[0];
    assert_eq!((seen.method.as_str(), seen.text().as_str()), ("POST", "ünï"));
    assert_eq!((seen.header_all("x-one"), seen.header_all("x-two")), (vec!["1"], vec!["2", "3"]));
    assert_eq!(seen.header("content-length"), Some("5"));
    assert!(seen.header("x-retry-count").is_none());
}

/// A stream has no length; how often it may go is the document's word and what can be kept of it.
#[tokio::test]
async fn stream_body_is_of_unknown_length() {
    let server = Server::start(sequence([Answer::ok(), Answer::new(503), Answer::ok()])).await.unwrap();
    let mut document = document(
        &server,
        json!([
            {"id": "a", "path": "/a", "body": "streamed", "stream_body": true},
            {"id": "b", "path": "/b", "body": "streamed", "stream_body": true, "method": "POST"},
        ]),
    );
    document["concurrency"] = json!(1);
    let run = drive(&document).await;
    assert_eq!(run.line("a")["outcome"], "ok");
    let b = run.line("b");
    assert_eq!(
        (&b["status"], &b["stopped"], &b["attempts"]),
        (&json!(503), &json!("not_replayable"), &json!(1))
    );
    for request in server.requests() {
        assert_eq!(request.text(), "streamed");
        assert_eq!(
            (request.header("transfer-encoding"), request.header("content-length")),
            (Some("chunked"), None)
        );
    }
}

/// The mark alone makes a POST repeatable; without it a bare 503 is the end.
#[tokio::test]
async fn idempotent_is_the_callers_word() {
    let busy = answer_fn(|request| match request.header("x-retry-count") {
        None => Answer::new(503),
        Some(_) => Answer::ok(),
    });
    let server = Server::start(busy).await.unwrap();
    let run = drive(&document(
        &server,
        json!([{"id": "yes", "path": "/", "idempotent": true}, {"id": "no", "path": "/"}]),
    ))
    .await;
    assert_eq!((&run.line("yes")["status"], &run.line("yes")["attempts"]), (&json!(200), &json!(2)));
    assert_eq!(run.line("no")["stopped"], "not_replayable");
    assert!(
        server.requests().iter().all(|request| request.header("idempotency-key").is_none()),
        "a mark, no header"
    );
}

/// The same document and seed against the same server: the same delays.
#[tokio::test]
async fn a_seed_repeats_a_run() {
    let mut delays = Vec::new();
    for seed in [7, 7, 8] {
        let server = Server::start(sequence(vec![Answer::new(503); 4]).then(Answer::ok())).await.unwrap();
        let mut document = document(&server, json!([{"id": "a", "method": "PUT", "path": "/"}]));
        document["seed"] = json!(seed);
        document["stack"] = json!({"retry": {"backoff": {"base": "400ms", "factor": 1.0}}, "audit": null});
        let run = drive(&document).await;
        assert_eq!(run.line("a")["attempts"], 5);
        assert!(run.stderr.is_empty(), "no audit, no trail: {}", run.stderr);
        let seen = server.requests();
        delays.push(seen.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect::<Vec<_>>());
    }
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let (same, other) = (distance(&delays[0], &delays[1]), distance(&delays[0], &delays[2]));
    assert!(same < other, "{delays:?}");
}
