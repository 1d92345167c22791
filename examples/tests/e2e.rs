//! The end-to-end driver as a program of another language sees it: a document in, lines out, an exit status.

use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tower_intake_tests::{Answer, Latch, Moment, Routes, Server, Tokens, answer_fn, sequence};

/// A run that ended.
struct Run {
    code: i32,
    /// One an item, by id.
    lines: Vec<Value>,
    summary: Value,
    stdout: String,
    stderr: String,
}

impl Run {
    fn line(&self, id: &str) -> &Value {
        self.lines
            .iter()
            .find(|line| line["id"] == id)
            .unwrap_or_else(|| panic!("no line {id}: {}", self.stdout))
    }

    /// The audit events of one kind.
    fn events(&self, kind: &str) -> Vec<Value> {
        let events = self.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
        events.filter(|event| event["kind"] == kind).collect()
    }
}

async fn raw(stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_e2e"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // who refuses its input early may not read all of it
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
    tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends").unwrap()
}

async fn drive(document: &Value) -> Run {
    let output = raw(&document.to_string()).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let mut lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.pop().unwrap_or_default();
    Run { code: output.status.code().unwrap(), lines, summary, stdout, stderr }
}

/// A document with short, steady delays.
fn document(server: &Server, requests: Value) -> Value {
    json!({
        "base_url": server.url(),
        "stack": {"retry": {"backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}, "retry_after_jitter": 0.0}},
        "requests": requests,
    })
}

/// The one line on stderr of a document that is refused.
async fn refused(document: &str) -> String {
    let output = raw(document).await;
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{document}: {stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "one line: {stderr}");
    assert!(output.stdout.is_empty(), "{document}");
    stderr
}

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

/// Mistakes: exit 2, and the one line names the key.
#[tokio::test]
async fn bad_input_names_the_key() {
    let base = "\"base_url\":\"http://127.0.0.1:1\"";
    let cases = [
        ("not json", "stdin"),
        ("[]", "stdin"),
        ("", "stdin"),
        ("{\"requests\":[]}", "base_url"),
        (&*format!("{{{base}}}"), "requests"),
        (&*format!("{{{base},\"requests\":[],\"surplus\":1}}"), "surplus"),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"surplus\":1}}]}}"), "requests[0].surplus"),
        (&*format!("{{{base},\"requests\":[{{}}]}}"), "path"),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"method\":\"GE T\"}}]}}"), "requests[0].method"),
        (
            &*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"headers\":{{\"a b\":\"c\"}}}}]}}"),
            "requests[0].headers",
        ),
        (
            &*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"headers\":{{\"a\":\"\\n\"}}}}]}}"),
            "requests[0].headers.a",
        ),
        (&*format!("{{{base},\"requests\":[{{\"path\":\"/\",\"after\":\"soon\"}}]}}"), "requests[0].after"),
        (&*format!("{{{base},\"requests\":[],\"concurrency\":0}}"), "concurrency"),
        (&*format!("{{{base},\"requests\":[],\"stack\":{{\"retry\":{{\"max_tries\":1}}}}}}"), "max_tries"),
        (
            &*format!("{{{base},\"requests\":[],\"stack\":{{\"retry\":{{\"backoff\":{{\"factor\":0}}}}}}}}"),
            "stack.retry.backoff.factor",
        ),
        (
            &*format!("{{{base},\"requests\":[],\"stack\":{{\"pool\":{{\"max_connections\":0}}}}}}"),
            "stack.pool.max_connections",
        ),
        (&*format!("{{{base},\"requests\":[],\"auth\":{{\"bearer\":{{\"token\":\"\"}}}}}}"), "auth.bearer"),
        (&*format!("{{{base},\"requests\":[],\"auth\":{{}}}}"), "auth"),
        ("{\"base_url\":\"127.0.0.1\",\"requests\":[]}", "base_url"),
    ];
    for (document, key) in cases {
        let line = refused(document).await;
        assert!(line.contains(key), "{document}: {line}");
    }
}

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
