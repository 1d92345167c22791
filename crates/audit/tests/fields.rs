//! CONTRACT §7: what an event says.
#![allow(clippy::unwrap_used)] // helpers are tests too

mod support;

use std::time::{Duration, UNIX_EPOCH};

use http::Request;
use support::{Reply, Seen, answer, get, layers, script, well};
use tower::{Layer, ServiceExt, service_fn};
use tower_intake_core::{
    Attempt, BoxError, Kind, Outcome, Redact, Refused, RetryError, RetryReport, Rotated, SessionState,
    Stopped, Waited, WallClock, classify_fn,
};

const S: Duration = Duration::from_secs(1);

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// The event of an attempt and that of an operation which end in the same reply.
async fn both(reply: impl Fn() -> Reply) -> (Seen, Seen) {
    let (operation, attempt, kept) = layers();
    let _ = attempt.layer(script([reply()])).oneshot(get("http://a/")).await;
    let of_attempt = kept.one();
    let _ = operation.layer(script([reply()])).oneshot(get("http://a/")).await;
    (of_attempt, kept.one())
}

#[tokio::test(start_paused = true)]
async fn c_audit_success_fills_every_field_it_can() {
    let (_, attempt, kept) = layers();
    let slow = service_fn(|_: Request<String>| async {
        tokio::time::sleep(Duration::from_millis(70)).await;
        let mut reply: Reply = Ok(answer(201));
        reply.as_mut().unwrap().headers_mut().insert("content-length", 512.into());
        reply.as_mut().unwrap().headers_mut().insert("retry-after", 9.into());
        Waited::gate(Duration::from_millis(30)).note(&mut reply);
        reply
    });
    let mut request = Request::put("https://user:secret@Example.com:8443/v1/batch?token=abc&page=3")
        .header("x-request-correlation-id", "the-callers")
        .body("four".to_owned())
        .unwrap();
    request.extensions_mut().insert(Attempt::new(3));
    let layer = attempt.session_state(SessionState::Streaming).redact(Redact::default().show_query("page"));
    layer.layer(slow).oneshot(request).await.unwrap();
    let expected = Seen {
        kind: Kind::Attempt,
        state: SessionState::Streaming,
        id: text("the-callers"),
        retries: 2,
        method: text("PUT"),
        scheme: text("https"),
        authority: text("Example.com:8443"),
        path: text("/v1/batch?token=_&page=3"),
        status: Some(201),
        outcome: Some(Outcome::Success),
        elapsed: Duration::from_millis(70),
        wait: Duration::from_millis(30),
        retry_after: None, // servers put it on 200; it means nothing there
        stopped: None,
        request_bytes: Some(4),
        response_bytes: Some(512),
        error: None,
    };
    assert_eq!(kept.one(), expected);
}

#[tokio::test]
async fn c_audit_default_state_is_unknown_and_query_values_are_hidden() {
    let (_, attempt, kept) = layers();
    attempt.layer(well()).oneshot(get("http://a:80/p?email=a@b.c&q=1&flag")).await.unwrap();
    let seen = kept.one();
    assert_eq!(seen.state, SessionState::Unknown);
    assert_eq!(seen.path, text("/p?email=_&q=_&_"));
    assert_eq!(seen.id, None, "an attempt makes no id");
    assert_eq!((seen.retries, seen.request_bytes, seen.response_bytes), (0, Some(0), None));
}

#[tokio::test]
async fn c_audit_authority_of_an_origin_form_uri_is_the_host() {
    let (_, attempt, kept) = layers();
    for (host, expected) in [(Some("b.example:8080"), text("b.example:8080")), (None, None)] {
        let mut request = get("/only/a/path");
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        attempt.layer(well()).oneshot(request).await.unwrap();
        let seen = kept.one();
        assert_eq!((seen.scheme, seen.authority, seen.path), (None, expected, text("/only/a/path")));
    }
}

#[tokio::test]
async fn c_audit_request_bytes_of_a_stream_are_what_it_declares() {
    let (_, attempt, kept) = layers();
    let server = service_fn(|_| async { Ok::<_, BoxError>(answer(200)) });
    for (declared, expected) in
        [(Some("77"), Some(77)), (Some("+7"), None), (Some("7, 7"), None), (None, None)]
    {
        let mut request = Request::new(Unsized);
        if let Some(declared) = declared {
            request.headers_mut().insert("content-length", declared.parse().unwrap());
        }
        attempt.layer(server).oneshot(request).await.unwrap();
        assert_eq!(kept.one().request_bytes, expected, "{declared:?}");
    }
}

/// A body of unknown length.
struct Unsized;

impl http_body::Body for Unsized {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}

#[tokio::test]
async fn c_audit_answers_by_outcome_and_state() {
    use SessionState as State;
    let rows = [
        (200, Outcome::Success, State::Unknown, State::Unknown),
        (429, Outcome::Throttled, State::RateLimited, State::Failed),
        (503, Outcome::Transient, State::Backoff, State::Failed),
        (401, Outcome::Unauthorized, State::Failed, State::Failed),
        (404, Outcome::Permanent, State::Failed, State::Failed),
        (302, Outcome::Permanent, State::Failed, State::Failed),
    ];
    for (status, outcome, of_attempt, of_operation) in rows {
        let (attempt, operation) = both(|| Ok(answer(status))).await;
        assert_eq!((attempt.kind, operation.kind), (Kind::Attempt, Kind::Operation));
        assert_eq!(
            (attempt.status, attempt.outcome, attempt.state),
            (Some(status), Some(outcome), of_attempt)
        );
        assert_eq!(
            (operation.status, operation.outcome, operation.state),
            (Some(status), Some(outcome), of_operation)
        );
    }
    let (attempt, operation) = both(|| {
        let mut answer = answer(401);
        answer.extensions_mut().insert(Rotated::new());
        Ok(answer)
    })
    .await;
    assert_eq!((attempt.state, operation.state), (State::Reauthenticating, State::Failed));
}

#[tokio::test]
async fn c_audit_refusals_name_the_state_they_leave() {
    use SessionState as State;
    let rows = [
        ("gate", State::RateLimited, State::RateLimited),
        ("breaker", State::CircuitOpen, State::CircuitOpen),
        ("limit", State::Backoff, State::Failed),
    ];
    for (by, of_attempt, of_operation) in rows {
        // as their layers and retry wrap it
        let (attempt, operation) = both(|| {
            let report = RetryReport::new(0, 60 * S, Some(Stopped::Refused));
            let error = std::io::Error::other(Refused::new(by));
            Err(RetryError::new(report, error.into()).into())
        })
        .await;
        assert_eq!((attempt.state, operation.state), (of_attempt, of_operation), "{by}");
        assert_eq!((attempt.outcome, attempt.status), (Some(Outcome::Refused), None));
        assert_eq!((operation.stopped, operation.retries), (Some(Stopped::Refused), 0));
        assert_eq!(operation.error, text(&format!("refused by {by}, nothing was sent")));
    }
}

#[tokio::test]
async fn c_audit_an_operation_says_what_retry_reports() {
    let mut report = RetryReport::new(11, 8 * S, Some(Stopped::Exhausted));
    report.waited = Waited::gate(2 * S).and(Waited::auth(S));
    report.retry_after = Some(7 * S);

    let (attempt, on_answer) = both(|| {
        let mut answer = answer(503);
        answer.headers_mut().insert("retry-after", 5.into());
        answer.extensions_mut().insert(report);
        answer.extensions_mut().insert(Waited::gate(S));
        Ok(answer)
    })
    .await;
    assert_eq!((on_answer.retries, on_answer.wait), (10, 3 * S));
    assert_eq!((on_answer.stopped, on_answer.retry_after), (Some(Stopped::Exhausted), Some(7 * S)));
    // what stands inside retry knows of no report
    assert_eq!((attempt.retries, attempt.wait), (0, S));
    assert_eq!((attempt.stopped, attempt.retry_after), (None, Some(5 * S)));

    let (_, on_error) = both(|| Err(RetryError::new(report, "reset by peer".into()).into())).await;
    assert_eq!((on_error.retries, on_error.wait, on_error.stopped), (10, 3 * S, Some(Stopped::Exhausted)));
    assert_eq!((on_error.status, on_error.error), (None, text("reset by peer")));

    // a success after retries
    let report = RetryReport::new(3, S, None);
    let (_, recovered) = both(|| {
        let mut answer = answer(200);
        answer.extensions_mut().insert(report);
        Ok(answer)
    })
    .await;
    assert_eq!((recovered.retries, recovered.stopped), (2, None));
    assert_eq!(recovered.outcome, Some(Outcome::Success));
}

#[tokio::test]
async fn c_audit_retry_after_as_the_server_said_it() {
    let (_, attempt, kept) = layers();
    let noon = UNIX_EPOCH + Duration::from_secs(784_111_770); // 7 s before the date below
    let layer = attempt.wall_clock(WallClock::from_fn(move || noon));
    let rows = [
        ("retry-after", "120", Some(120 * S)),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT", Some(7 * S)),
        ("retry-after-ms", "1500", Some(Duration::from_millis(1500))),
        ("retry-after", "soon", None),
        ("x-other", "120", None),
    ];
    for (name, value, expected) in rows {
        let mut answer = answer(429);
        answer.headers_mut().insert(name, value.parse().unwrap());
        layer.layer(script([Ok(answer)])).oneshot(get("http://a/")).await.unwrap();
        assert_eq!(kept.one().retry_after, expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn c_audit_error_text_is_one_line_of_500_characters() {
    let (attempt, _) = both(|| Err("line one\nline two\u{1b}[31m\u{202e}".into())).await;
    assert_eq!(attempt.error, text("line one\\nline two\\u{1b}[31m\\u{202e}"));
    let (attempt, _) = both(|| Err(std::io::Error::other("x".repeat(10_000)).into())).await;
    assert_eq!(attempt.error.unwrap().chars().count(), 501, "500 and the sign that it was cut");
}

#[tokio::test]
async fn c_audit_classify_is_swappable() {
    let (operation, _, kept) = layers();
    let layer = operation.classify(classify_fn(|reply| match reply.status() {
        Some(status) if status.as_u16() == 418 => Outcome::Success,
        _ => Outcome::Throttled,
    }));
    layer.layer(script([Ok(answer(418))])).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(kept.one().outcome, Some(Outcome::Success));
    layer.layer(script([Ok(answer(200))])).oneshot(get("http://a/")).await.unwrap();
    assert_eq!(kept.one().outcome, Some(Outcome::Throttled));
}
