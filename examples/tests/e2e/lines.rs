//! What it says of each item.

use serde_json::{Value, json};
use tower_intake_tests::{Answer, Moment, Routes, Server, sequence};

use crate::driver::{document, drive};

#[tokio::test]
async fn lines_of_all_outcomes_and_the_summary() {
    let script = Routes::new()
        .at("/ok", sequence([Answer::new(503), Answer::ok().body("done")]))
        .at("/gone", Answer::new(404).body("not here"))
        .at("/busy", Answer::new(503).body("b".repeat(600)))
        .at("/hang", Answer::hang(Moment::Request));
    let server = Server::start(script).await.unwrap();
    let mut document = document(
        &server,
        json!([
            {"id": "ok", "method": "PUT", "path": "/ok", "body": "x"},
            {"id": "gone", "path": "/gone"},
            {"id": "busy", "method": "GET", "path": "/busy"},
            {"id": "cut", "path": "/hang", "cancel_after": "200ms"},
        ]),
    );
    document["stack"]["retry"]["max_retries"] = json!(2);
    let run = drive(&document).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.lines.len(), 4);

    let ok = run.line("ok");
    assert_eq!((&ok["outcome"], &ok["status"], &ok["attempts"]), (&json!("ok"), &json!(200), &json!(2)));
    assert_eq!(
        (&ok["stopped"], &ok["retry_after_ms"], &ok["error"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(ok["body"], "done");
    assert!(ok["elapsed_ms"].as_u64().unwrap() >= 20);

    let gone = run.line("gone");
    assert_eq!(
        (&gone["outcome"], &gone["status"], &gone["attempts"]),
        (&json!("failed"), &json!(404), &json!(1))
    );
    assert_eq!((&gone["body"], &gone["stopped"]), (&json!("not here"), &Value::Null), "no retry was wanted");

    let busy = run.line("busy");
    assert_eq!(
        (&busy["outcome"], &busy["status"], &busy["attempts"]),
        (&json!("failed"), &json!(503), &json!(3))
    );
    assert_eq!(busy["stopped"], "exhausted");
    assert_eq!(busy["body"].as_str().unwrap().len(), 512, "the first 512 characters");
    assert!(busy["error"].is_string());

    let cut = run.line("cut");
    assert_eq!(
        (&cut["outcome"], &cut["status"], &cut["attempts"]),
        (&json!("cancelled"), &Value::Null, &json!(1))
    );
    assert!((200..5000).contains(&cut["elapsed_ms"].as_u64().unwrap()), "{cut}");

    let summary = &run.summary;
    for (key, value) in
        [("ok", 1), ("failed", 2), ("cancelled", 1), ("attempts", 7), ("delivered", 0), ("undelivered", 0)]
    {
        assert_eq!(summary[key], json!(value), "{key}: {summary}");
    }
    assert_eq!(summary["summary"], true);
    // every key, whatever happened
    for line in &run.lines {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "attempts",
            "body",
            "elapsed_ms",
            "error",
            "id",
            "outcome",
            "retry_after_ms",
            "status",
            "stopped",
        ];
        assert_eq!(keys, expected, "{line}");
    }
}

/// A hang is cut by the deadline too, and there is no answer to return.
#[tokio::test]
async fn a_deadline_without_an_answer() {
    let server = Server::start(Answer::hang(Moment::Request)).await.unwrap();
    let run = drive(&document(&server, json!([{"id": "a", "path": "/", "deadline": "300ms"}]))).await;
    let line = run.line("a");
    assert_eq!(
        (&line["outcome"], &line["status"], &line["stopped"]),
        (&json!("failed"), &Value::Null, &json!("deadline"))
    );
    assert_eq!(line["attempts"], 1);
    assert!((300..5000).contains(&line["elapsed_ms"].as_u64().unwrap()), "{line}");
}

/// A Retry-After over the cap, where the document says to give up: at once, with the delay that was asked for.
#[tokio::test]
async fn c_ra_10_giving_up_tells_the_delay() {
    let server = Server::start(Answer::new(429).retry_after(7200).body("tomorrow")).await.unwrap();
    let mut document = document(&server, json!([{"id": "a", "path": "/"}]));
    document["stack"]["retry"]["over_cap"] = json!("give_up");
    let run = drive(&document).await;
    let line = run.line("a");
    assert_eq!((&line["status"], &line["stopped"]), (&json!(429), &json!("rate_limit_budget")));
    assert_eq!((&line["retry_after_ms"], &line["body"]), (&json!(7_200_000), &json!("tomorrow")));
    assert_eq!((run.code, server.request_count()), (0, 1));
}

/// Nobody listens: an error, not a fault of the driver.
#[tokio::test]
async fn a_server_that_is_not_there_is_a_failed_item() {
    let server = Server::start(Answer::ok()).await.unwrap();
    let mut document = document(&server, json!([{"id": "a", "path": "/"}]));
    document["stack"]["retry"]["max_retries"] = json!(1);
    server.shutdown().await;
    let run = drive(&document).await;
    let line = run.line("a");
    assert_eq!((run.code, &line["outcome"], &line["status"]), (0, &json!("failed"), &Value::Null));
    assert_eq!((&line["attempts"], &line["stopped"]), (&json!(2), &json!("exhausted")));
    assert!(line["error"].as_str().unwrap().to_lowercase().contains("connect"), "{line}");
}

/// A redirect, a truncated body, bytes that are no text: what the line says of them.
#[tokio::test]
async fn odd_answers() {
    let script = Routes::new()
        .at("/away", Answer::new(302).header("location", "http://elsewhere.test/"))
        .at("/cut", Answer::ok().body("0123456789").cut_body_at(4))
        .at("/bytes", Answer::ok().body(&b"\xff\0ok"[..]));
    let server = Server::start(script).await.unwrap();
    let mut document = document(
        &server,
        json!([{"id": "away", "path": "/away"}, {"id": "cut", "path": "/cut"}, {"id": "bytes", "path": "/bytes"}]),
    );
    let run = drive(&document).await;
    assert_eq!((&run.line("away")["outcome"], &run.line("away")["status"]), (&json!("failed"), &json!(302)));
    let cut = run.line("cut");
    assert_eq!((&cut["outcome"], &cut["stopped"]), (&json!("failed"), &json!("not_replayable")), "{cut}");
    assert!(cut["error"].is_string());
    assert_eq!(run.line("bytes")["body"], "\u{fffd}\0ok");
    // streamed, the break comes after the head
    document["stack"]["collect"] = json!(false);
    let run = drive(&document).await;
    let cut = run.line("cut");
    assert_eq!((&cut["outcome"], &cut["status"]), (&json!("failed"), &json!(200)), "{cut}");
}
