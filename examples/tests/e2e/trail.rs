//! What it leaves on stderr.

use std::time::Duration;

use serde_json::json;
use tower_intake_tests::{Answer, Moment, Routes, Server, Tokens, sequence};

use crate::driver::{document, drive};

/// Tokens over the wire, and none of the secret anywhere in what the driver writes.
#[tokio::test]
async fn tokens_are_fetched_and_no_secret_is_written() {
    let tokens = Tokens::new(Duration::from_secs(3600)).client("me", "s3cr3t-k3y");
    let script = Routes::new().at("/token", tokens.endpoint()).otherwise(tokens.guard(Answer::ok()));
    let server = Server::start(script).await.unwrap();
    for kind in ["json_grant", "oauth2"] {
        let secret = if kind == "oauth2" { "client_secret" } else { "api_key" };
        let mut document = document(&server, json!([{"id": "a", "path": "/?api_key=s3cr3t-k3y"}]));
        document["auth"] =
            json!({kind: {"token_url": server.url_of("/token"), "client_id": "me", secret: "s3cr3t-k3y"}});
        let run = drive(&document).await;
        assert_eq!(run.line("a")["status"], 200, "{}", run.stdout);
        document["auth"][kind][secret] = json!("wr0ng-k3y");
        let wrong = drive(&document).await;
        assert_eq!((wrong.code, &wrong.line("a")["outcome"]), (0, &json!("failed")), "{}", wrong.stdout);
        for text in [&run.stdout, &run.stderr, &wrong.stdout, &wrong.stderr] {
            for secret in ["s3cr3t-k3y", "wr0ng-k3y", "token-1", "token-2"] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
}

/// stderr holds one JSON object a line: an event an attempt, one an operation, one id for both.
#[tokio::test]
async fn the_audit_trail_is_on_stderr() {
    let server = Server::start(
        sequence([Answer::new(503), Answer::new(429).header("retry-after-ms", "30")])
            .then(Answer::ok().body("done")),
    )
    .await
    .unwrap();
    let run = drive(&document(
        &server,
        json!([{"id": "a", "method": "PUT", "path": "/v1/batch?key=hidden", "body": "12345", "headers": {"x-request-correlation-id": "id-7"}}]),
    ))
    .await;
    let attempts = run.events("attempt");
    let statuses: Vec<_> = attempts.iter().map(|event| event["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [503, 429, 200]);
    let outcomes: Vec<_> = attempts.iter().map(|event| event["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["transient", "throttled", "success"]);
    let states: Vec<_> = attempts.iter().map(|event| event["session_state"].as_str().unwrap()).collect();
    assert_eq!(states[..2], ["backoff", "rate_limited"]);
    let operations = run.events("operation");
    assert_eq!(operations.len(), 1);
    for (n, event) in attempts.iter().chain(&operations).enumerate() {
        assert_eq!(event["correlation_id"], "id-7");
        assert_eq!((&event["method"], &event["scheme"]), (&json!("PUT"), &json!("http")));
        assert_eq!(event["authority"], server.addr().to_string());
        assert_eq!(event["path"], "/v1/batch?key=_", "values of the query are not shown");
        assert_eq!(event["request_bytes"], 5);
        assert_eq!(event["retry_count"], n.min(2));
        assert!(event["elapsed_ms"].is_u64() && event["message"].is_string());
        assert_eq!(event["logger"], "tower_intake::audit");
        assert!(event["level"] == "INFO" || event["level"] == "WARN");
        let timestamp = event["timestamp"].as_str().unwrap();
        assert!(timestamp.len() >= 20 && timestamp.ends_with('Z'), "{timestamp}");
    }
    assert_eq!(attempts[1]["retry_after"], 0.03);
    assert!(!run.stderr.contains("hidden"));
    let states: Vec<_> = run.events("lifecycle").iter().map(|event| event["session_state"].clone()).collect();
    assert_eq!(
        (states.first().unwrap(), states.last().unwrap()),
        (&json!("initialized"), &json!("terminated"))
    );
}

/// A call that is cut leaves its event, too.
#[tokio::test]
async fn a_cancelled_call_is_in_the_trail() {
    let server = Server::start(Answer::hang(Moment::Request)).await.unwrap();
    let run = drive(&document(&server, json!([{"id": "a", "path": "/", "cancel_after": "150ms"}]))).await;
    assert_eq!(run.line("a")["outcome"], "cancelled");
    for kind in ["attempt", "operation"] {
        let events = run.events(kind);
        assert_eq!(events.len(), 1, "{kind}: {}", run.stderr);
        assert_eq!(events[0]["session_state"], "cancelled");
    }
}
