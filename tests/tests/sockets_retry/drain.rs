//! Discarded answers, and the last one.

use futures_util::future::join_all;
use serde_json::json;
use tower_intake_core::Stopped;
use tower_intake_tests::{Answer, Server};

use crate::api::Api;
use crate::setup::{api, counts, quick_with, server};
use crate::support::ms;

/// Discarded answers are read to their end while the backoff sleeps, so that the connection lives.
#[tokio::test]
async fn c_re_16_five_discarded_answers_cost_one_connection() {
    let busy = || Answer::new(503);
    let bodies = [
        ("10 B", busy().body("0123456789")),
        ("10 B, the second half 30 ms late", busy().body("0123456789").pieces(5, ms(30))),
        ("10 B in chunks, late", busy().body("0123456789").pieces(5, ms(30)).chunked()),
        ("64 KiB", busy().body(vec![b'x'; 64 * 1024])),
        ("none", busy()),
    ];
    let settings =
        quick_with(&[("retry", json!({"backoff": {"base": "120ms", "factor": 1.0, "jitter": "none"}}))]);
    let settings = &settings;
    let runs = bodies.map(|(what, busy)| async move {
        let server = server([busy.clone(), busy.clone(), busy.clone(), busy.clone(), busy]).await;
        let answered = Api::new(&server.url(), settings).put("/").await;
        assert_eq!((answered.status(), answered.attempts()), (200, 6), "{what}");
        assert_eq!(server.connections(), 1, "{what}");
    });
    join_all(runs).await;
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
