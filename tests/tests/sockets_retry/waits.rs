//! How long is waited, and when not.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;
use tower_intake_core::{Deadline, Stopped};
use tower_intake_tests::{Answer, Moment, Server};

use crate::api::Api;
use crate::setup::{api, counts, quick_with, server};
use crate::support::{ms, secs};

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
