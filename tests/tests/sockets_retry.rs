//! Retrying over real sockets, through the standard stack and its client (CONTRACT §2, §3).

mod api;
mod support;

use std::time::Duration;

use http::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower_intake::config::StackConfig;
use tower_intake_core::{Deadline, Replay, SendState, Stopped};
use tower_intake_tests::{Answer, GoAway, Moment, Server, sequence};

use api::{Api, config};
use support::{ms, secs};

/// Short, steady delays; the breaker out of the way.
fn quick() -> Value {
    json!({
        "retry": {"backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}, "retry_after_jitter": 0.0},
        "breaker": {"consecutive": 100},
    })
}

fn quick_with(more: &[(&str, Value)]) -> StackConfig {
    let mut settings = quick();
    for (key, value) in more {
        settings[*key] = value.clone();
    }
    config(settings)
}

async fn server<const N: usize>(answers: [Answer; N]) -> Server {
    Server::start(sequence(answers).then(Answer::ok().body("done"))).await.unwrap()
}

fn api(server: &Server) -> Api {
    Api::new(&server.url(), &config(quick()))
}

/// A header of every request, in order of arrival.
fn headers(server: &Server, name: &str) -> Vec<Option<String>> {
    server.requests().iter().map(|request| request.header(name).map(str::to_owned)).collect()
}

fn counts(server: &Server) -> Vec<String> {
    headers(server, "x-retry-count")
        .into_iter()
        .map(|count| count.unwrap_or_else(|| "-".to_owned()))
        .collect()
}

#[tokio::test]
async fn c_re_05_a_503_and_then_200() {
    let server = server([Answer::new(503).body("busy")]).await;
    let answered = api(&server).put("/v1/spots/7").await;
    assert_eq!((answered.status(), answered.text(), answered.attempts()), (200, "done", 2));
    assert_eq!(answered.stopped(), None);
    assert!(answered.elapsed >= ms(20));
    let bodies: Vec<_> = server.requests().iter().map(|request| request.text()).collect();
    assert_eq!(bodies, ["{\"n\":1}"; 2], "the whole body each time");
}

/// Discarded answers are read to their end while the backoff sleeps, so that the connection lives.
#[tokio::test]
async fn c_re_16_five_discarded_answers_cost_one_connection() {
    let late = || Answer::new(503).body("0123456789").pieces(5, ms(10)).chunked();
    let bodies: [(&str, fn() -> Answer); 4] = [
        ("10 B", || Answer::new(503).body("0123456789")),
        ("10 B, the second half 30 ms late", || Answer::new(503).body("0123456789").pieces(5, ms(30))),
        ("64 KiB", || Answer::new(503).body(vec![b'x'; 64 * 1024])),
        ("none", || Answer::new(503)),
    ];
    for (what, busy) in bodies {
        let server = server([busy(), busy(), busy(), busy(), busy()]).await;
        let settings =
            quick_with(&[("retry", json!({"backoff": {"base": "80ms", "factor": 1.0, "jitter": "none"}}))]);
        let answered = Api::new(&server.url(), &settings).put("/").await;
        assert_eq!((answered.status(), answered.attempts()), (200, 6), "{what}");
        assert_eq!(server.connections(), 1, "{what}");
    }
    // chunked, too
    let server = server([late(), late(), late()]).await;
    let settings =
        quick_with(&[("retry", json!({"backoff": {"base": "80ms", "factor": 1.0, "jitter": "none"}}))]);
    assert_eq!(Api::new(&server.url(), &settings).put("/").await.status(), 200);
    assert_eq!(server.connections(), 1);
}

/// What is read of a discarded answer is bounded: an endless one costs its connection, not the call.
#[tokio::test]
async fn c_re_16_an_endless_discarded_answer_is_cut() {
    let server = server([Answer::new(503).endless_body(vec![b'x'; 8192])]).await;
    let answered = api(&server).put("/").await;
    assert_eq!((answered.status(), answered.attempts(), server.connections()), (200, 2, 2));
}

/// An answer that was given up on still has its body, read before it was known to be the last.
#[tokio::test]
async fn c_re_08_the_last_answer_comes_whole() {
    let busy = Answer::new(503).header("x-why", "maintenance").body("b".repeat(50_000));
    let server = Server::start(busy).await.unwrap();
    let settings =
        quick_with(&[("retry", json!({"max_retries": 2, "backoff": {"base": "10ms", "jitter": "none"}}))]);
    let answered = Api::new(&server.url(), &settings).put("/").await;
    assert_eq!((answered.status(), answered.attempts()), (503, 3));
    assert_eq!(answered.stopped(), Some(Stopped::Exhausted));
    assert_eq!(answered.text().len(), 50_000);
    assert_eq!(answered.result.unwrap().1["x-why"], "maintenance");
    assert_eq!(counts(&server), ["-", "1", "2"]);
}

#[tokio::test]
async fn c_re_09_a_truncated_body_is_retried_where_answers_are_collected() {
    let cut = || Answer::ok().body("0123456789").cut_body_at(4);
    let collecting = quick_with(&[("collect", json!({"max_bytes": "64KiB"}))]);
    let server1 = server([cut(), cut()]).await;
    let answered = Api::new(&server1.url(), &collecting).put("/").await;
    assert_eq!((answered.status(), answered.text(), answered.attempts()), (200, "done", 3));

    // not idempotent: the server has acted, and said so in the head
    let server2 = server([cut()]).await;
    let answered = Api::new(&server2.url(), &collecting).post("/").await;
    assert_eq!(SendState::of(&**answered.error()), SendState::Answered);
    assert_eq!((answered.stopped(), server2.request_count()), (Some(Stopped::NotReplayable), 1));

    // streamed: the caller sees the break
    let server3 = server([cut()]).await;
    let answered = api(&server3).put("/").await;
    assert_eq!((answered.status(), server3.request_count()), (200, 1));
    assert!(answered.body.is_err());
}

/// The request was read to its end when the connection broke: it may have been acted upon.
#[tokio::test]
async fn c_re_09_a_post_that_may_have_happened_is_not_repeated() {
    for fault in [Answer::reset(Moment::Request), Answer::close(Moment::Request), Answer::new(503)] {
        let server = server([fault.clone()]).await;
        let answered = api(&server).post("/").await;
        assert_eq!(answered.stopped(), Some(Stopped::NotReplayable), "{fault:?}");
        assert_eq!(server.request_count(), 1, "{fault:?}");

        // the caller knows better, or the method does
        for repeatable in ["mark", "key", "method"] {
            let server = self::server([fault.clone()]).await;
            let api = api(&server);
            let mut request = api.request(if repeatable == "method" { "PUT" } else { "POST" }, "/");
            match repeatable {
                "mark" => _ = request.extensions_mut().insert(Replay::Safe),
                "key" => _ = request.headers_mut().insert("idempotency-key", HeaderValue::from_static("k")),
                _ => {}
            }
            assert_eq!(api.send(request).await.status(), 200, "{fault:?}, {repeatable}");
            assert_eq!(counts(&server), ["-", "1"], "{fault:?}, {repeatable}");
        }
    }
}

/// Nobody listens, then somebody does: nothing was sent, so a POST is repeated too.
#[tokio::test]
async fn c_re_09_a_post_that_met_no_server_is_repeated() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let settings =
        quick_with(&[("retry", json!({"backoff": {"base": "60ms", "factor": 1.0, "jitter": "none"}}))]);
    let api = Api::new(&format!("http://{addr}"), &settings);
    let call = tokio::spawn(async move { api.post("/v1/batch").await });
    tokio::time::sleep(ms(100)).await;
    let server = Server::builder().addr(addr).start(Answer::ok()).await.unwrap();
    let answered = call.await.unwrap();
    assert_eq!(answered.status(), 200);
    assert!(answered.attempts() >= 2);
    assert_eq!(server.request_count(), 1);
    let count = (answered.attempts() - 1).to_string();
    assert_eq!(
        server.requests()[0].header("x-retry-count"),
        Some(count.as_str()),
        "a failed connect is an attempt"
    );
}

/// The server refused before it acted, and named a time.
#[tokio::test]
async fn c_re_09_a_post_is_repeated_after_a_503_with_retry_after() {
    for status in [503, 425, 408, 429] {
        let server = server([Answer::new(status).header("retry-after-ms", "50")]).await;
        let answered = api(&server).post("/").await;
        assert_eq!((answered.status(), answered.attempts()), (200, 2), "{status}");
        assert!(answered.elapsed >= ms(50), "{status}");
    }
    // a 502 with one may stand before a server that has acted
    let server = server([Answer::new(502).header("retry-after-ms", "50")]).await;
    let answered = api(&server).post("/").await;
    assert_eq!((answered.status(), answered.stopped()), (502, Some(Stopped::NotReplayable)));
}

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
    let settings = quick_with(&[("collect", json!(true))]);
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

/// A date counts from the server's own `Date`: its clock may be an hour off, either way.
#[tokio::test]
async fn c_ra_03_a_dated_retry_after_is_read_against_the_servers_clock() {
    let one = async |skew| {
        let server = server([Answer::new(429).retry_after_date(1).date_skewed(skew)]).await;
        let answered = api(&server).post("/").await;
        assert_eq!((answered.status(), answered.attempts()), (200, 2), "{skew}");
        let seen = server.requests();
        let gap = seen[1].at - seen[0].at;
        assert!(gap >= secs(1) && gap < secs(5), "{skew}: {gap:?}");
    };
    tokio::join!(one(0), one(-3600), one(3600));
}

#[tokio::test]
async fn c_ra_01_c_ra_10_a_number_beyond_all_bounds_gives_up_where_told() {
    let server = server([Answer::new(429).header("retry-after", "99999999999999999999")]).await;
    let settings = quick_with(&[("retry", json!({"over_cap": "give_up"}))]);
    let answered = Api::new(&server.url(), &settings).post("/").await;
    assert_eq!((answered.status(), answered.stopped()), (429, Some(Stopped::RateLimitBudget)), "not a panic");
}

/// A wait that does not fit is not begun; the answer comes back at once, body and all.
#[tokio::test]
async fn c_re_06_a_deadline_too_near_for_the_wait_returns_the_answer() {
    let server = server([Answer::new(503).retry_after(5).body("come later")]).await;
    let api = api(&server);
    let mut request = api.request("PUT", "/");
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), secs(3)));
    let answered = api.send(request).await;
    assert_eq!((answered.status(), answered.text()), (503, "come later"));
    assert_eq!((answered.stopped(), answered.attempts()), (Some(Stopped::Deadline), 1));
    assert_eq!(answered.report.unwrap().retry_after, Some(secs(5)));
    assert!(answered.elapsed < secs(2), "{:?}", answered.elapsed);
}

/// The deadline cuts an attempt that hangs, and the answer before it is what the caller gets.
#[tokio::test]
async fn c_re_08_a_deadline_cuts_the_attempt_and_returns_the_answer_before() {
    for by in ["extension", "total_timeout"] {
        let server = server([Answer::new(503).body("busy"), Answer::hang(Moment::Request)]).await;
        let total = if by == "extension" { Value::Null } else { json!("300ms") };
        let api = Api::new(&server.url(), &quick_with(&[("total_timeout", total)]));
        let mut request = api.request("PUT", "/");
        if by == "extension" {
            request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), ms(300)));
        }
        let answered = api.send(request).await;
        assert_eq!((answered.status(), answered.text()), (503, "busy"), "{by}");
        assert_eq!((answered.stopped(), answered.attempts()), (Some(Stopped::Deadline), 2), "{by}");
        assert!(answered.elapsed >= ms(300) && answered.elapsed < secs(3), "{by}: {:?}", answered.elapsed);
    }
}

/// Our own timer ends a silent attempt; the next one has the answer.
#[tokio::test]
async fn c_re_05_an_attempt_that_hangs_is_retried() {
    let server = server([Answer::hang(Moment::Request)]).await;
    let api = Api::new(&server.url(), &quick_with(&[("attempt_timeout", json!("150ms"))]));
    let answered = api.put("/").await;
    assert_eq!((answered.status(), answered.attempts()), (200, 2));
    assert_eq!(counts(&server), ["-", "1"]);
}

/// HTTP/2 says what was not processed: REFUSED_STREAM and GOAWAY(NO_ERROR) prove it, INTERNAL_ERROR proves nothing.
#[tokio::test]
async fn c_re_09_over_http2_a_refused_stream_is_repeated() {
    // a GOAWAY that includes the stream announces an answer that then never comes
    let settings = quick_with(&[("pool", json!({"http2": true})), ("attempt_timeout", json!("500ms"))]);
    let run = async |fault: Answer| {
        let script = sequence([fault]).then(Answer::ok().body("done"));
        let server = Server::builder().http2().start(script).await.unwrap();
        let answered = Api::new(&server.url(), &settings).post("/").await;
        (server, answered)
    };
    for fault in [Answer::refused_stream(), Answer::go_away(GoAway::unprocessed())] {
        let (server, answered) = run(fault.clone()).await;
        assert_eq!((answered.status(), answered.attempts()), (200, 2), "{fault:?}");
        assert_eq!(counts(&server), ["-", "1"], "{fault:?}");
    }
    for fault in [Answer::reset_stream(2), Answer::go_away(GoAway::perhaps_processed().code(2))] {
        let (server, answered) = run(fault.clone()).await;
        assert_eq!(answered.stopped(), Some(Stopped::NotReplayable), "{fault:?}");
        assert_eq!(server.request_count(), 1, "{fault:?}");
    }
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

/// A success may carry a Retry-After; nobody waits for it (RA-9).
#[tokio::test]
async fn c_ra_09_a_retry_after_on_a_success_is_ignored() {
    let server = Server::start(Answer::ok().retry_after(60)).await.unwrap();
    let api = api(&server);
    for _ in 0..2 {
        let answered = api.put("/").await;
        assert_eq!((answered.status(), answered.report), (200, None));
        assert!(answered.elapsed < Duration::from_secs(5));
    }
}
