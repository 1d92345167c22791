//! What may be sent again, and what may not.

use http::HeaderValue;
use serde_json::json;
use tokio::net::TcpListener;
use tower_intake_core::{Replay, SendState, Stopped};
use tower_intake_tests::{Answer, GoAway, Moment, Server, sequence};

use crate::api::Api;
use crate::setup::{api, counts, quick_with, server};
use crate::support::ms;

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
