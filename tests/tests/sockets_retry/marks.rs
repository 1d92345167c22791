//! What the server sees of attempts and operations.

use http::HeaderValue;
use serde_json::json;
use tower_intake_tests::{Answer, Moment};

use crate::api::Api;
use crate::setup::{counts, headers, quick_with, server};

/// Backoff, rate limit, network failure: all rise the count; two calls never share one.
#[tokio::test]
async fn c_re_11_x_retry_count_as_the_server_sees_it() {
    let server = server([
        Answer::new(503),
        Answer::reset(Moment::Request),
        Answer::new(429).header("retry-after-ms", "30"),
        Answer::ok().cut_body_at(0).body("x").then_reset(),
    ])
    .await;
    let settings = quick_with(&[("collect", json!(true)), ("gate", json!({"reopen": "all"}))]);
    let api = Api::new(&server.url(), &settings);
    let mut request = api.request("PUT", "/");
    request.headers_mut().insert("x-retry-count", HeaderValue::from_static("17"));
    let answered = api.send(request).await;
    assert_eq!((answered.status(), answered.attempts()), (200, 5));
    assert_eq!(counts(&server), ["-", "1", "2", "3", "4"], "the caller's own value is removed");
    assert!(server.requests().iter().all(|request| request.header_all("x-retry-count").len() <= 1));
    assert_eq!(api.put("/").await.status(), 200);
    assert_eq!(counts(&server)[5..], ["-"]);
}

/// An operation keeps its names over all its attempts, and shares them with no other.
#[tokio::test]
async fn c_re_09_keys_and_ids_belong_to_the_operation() {
    let lost = || Answer::reset(Moment::Request);
    let server = server([lost(), Answer::new(503), Answer::ok(), lost(), Answer::ok()]).await;
    let api = Api::new(&server.url(), &quick_with(&[("idempotency_key", json!(true))]));
    assert_eq!(api.post("/").await.attempts(), 3);
    assert_eq!(api.post("/").await.attempts(), 2);
    for name in ["idempotency-key", "x-request-correlation-id"] {
        let values: Vec<_> = headers(&server, name).into_iter().map(Option::unwrap).collect();
        let (one, other) = values.split_at(3);
        assert!(one.iter().all(|value| *value == one[0]), "{name}: {values:?}");
        assert!(other.iter().all(|value| *value == other[0]), "{name}: {values:?}");
        assert_ne!(one[0], other[0], "{name}");
    }
    // the caller's own are kept
    let mut request = api.request("POST", "/");
    request.headers_mut().insert("idempotency-key", HeaderValue::from_static("mine"));
    request.headers_mut().insert("x-request-correlation-id", HeaderValue::from_static("mine-too"));
    api.send(request).await;
    let last = server.requests().pop().unwrap();
    assert_eq!(last.header_all("idempotency-key"), ["mine"]);
    assert_eq!(last.header_all("x-request-correlation-id"), ["mine-too"]);
}
