//! What may be sent again, and what is sent then.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{Empty, Full};
use support::*;
use tower_intake_core::{
    Attempt, Classify, Exponential, Jitter, Outcome, Permanent, Phase, Replay, Reply as View, Rotated,
    StatusTable, Stopped, TimedOut, classify_fn,
};
use tower_intake_retry::{Cloned, Replays, RetryPolicy, RetryPolicyBuilder};

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).retry_after_jitter(0.0)
}

fn rotated(code: u16) -> Reply {
    let mut reply = status(code);
    reply.as_mut().unwrap().extensions_mut().insert(Rotated::new());
    reply
}

async fn attempts<F>(
    answer: F,
    policy: RetryPolicyBuilder,
    request: Request<Full<Bytes>>,
) -> (usize, Option<Stopped>)
where
    F: Fn(usize) -> Reply + Send + Sync + 'static,
{
    let server = server(answer);
    let reply = send(&mut server.with(policy.build().unwrap()), request).await;
    (server.count(), report(&reply).and_then(|report| report.stopped))
}

#[tokio::test(start_paused = true)]
async fn c_re_09_methods() {
    let fail_once = |n| status(if n == 1 { 503 } else { 200 });
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"] {
        let mut request = get();
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(attempts(fail_once, policy(), request).await, (2, None), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "PURGE", "get"] {
        let mut request = get();
        *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap();
        assert_eq!(
            attempts(fail_once, policy(), request).await,
            (1, Some(Stopped::NotReplayable)),
            "{method}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_09_the_callers_word() {
    let fail_once = |n| status(if n == 1 { 503 } else { 200 });
    let mut keyed = post("a");
    keyed.headers_mut().insert("idempotency-key", "k".parse().unwrap());
    assert_eq!(attempts(fail_once, policy(), keyed).await, (2, None));

    let mut safe = post("a");
    safe.extensions_mut().insert(Replay::Safe);
    assert_eq!(attempts(fail_once, policy(), safe).await, (2, None));

    assert_eq!(attempts(fail_once, policy().replays(Replays::All), post("a")).await, (2, None));

    // a caller who knows better than the method, and than the policy
    let mut unsafe_get = get();
    unsafe_get.extensions_mut().insert(Replay::Unsafe);
    let stopped = (1, Some(Stopped::NotReplayable));
    assert_eq!(attempts(fail_once, policy().replays(Replays::All), unsafe_get).await, stopped);
}

#[tokio::test(start_paused = true)]
async fn c_re_09_what_was_not_sent_is_sent_again() {
    let fail = |error: fn() -> tower_intake_core::BoxError| {
        move |n: usize| if n == 1 { Err(error()) } else { status(200) }
    };
    let unsent: [fn() -> _; 3] = [
        refused_connection,
        || TimedOut::new(Phase::Connect, s(1.0)).into(),
        || TimedOut::new(Phase::Acquire, s(1.0)).into(),
    ];
    for error in unsent {
        assert_eq!(attempts(fail(error), policy(), post("a")).await, (2, None));
    }
    let ambiguous: [fn() -> _; 3] = [
        reset,
        || TimedOut::new(Phase::Attempt, s(1.0)).into(),
        || tower_intake_core::BodyError::new(StatusCode::OK, "cut").into(),
    ];
    for error in ambiguous {
        assert_eq!(attempts(fail(error), policy(), post("a")).await, (1, Some(Stopped::NotReplayable)));
        assert_eq!(attempts(fail(error), policy(), get()).await, (2, None));
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_09_what_the_server_refused_before_acting_is_sent_again() {
    for code in [429, 503, 425, 408] {
        let hinted = move |n| if n == 1 { after(code, 1) } else { status(200) };
        assert_eq!(attempts(hinted, policy(), post("a")).await, (2, None), "{code} with a hint");
    }
    let bare = |n| status(if n == 1 { 429 } else { 200 });
    assert_eq!(attempts(bare, policy(), post("a")).await, (2, None));
    for code in [503, 425, 408, 500, 502, 504] {
        let bare = move |n| status(if n == 1 { code } else { 200 });
        assert_eq!(attempts(bare, policy(), post("a")).await, (1, Some(Stopped::NotReplayable)), "{code}");
    }
    for code in [500, 502, 504] {
        let hinted = move |n| if n == 1 { after(code, 1) } else { status(200) };
        assert_eq!(attempts(hinted, policy(), post("a")).await, (1, Some(Stopped::NotReplayable)), "{code}");
    }
    // what cannot be read is no Retry-After
    let garbled = |n| if n == 1 { with(503, "retry-after", "soon") } else { status(200) };
    assert_eq!(attempts(garbled, policy(), post("a")).await, (1, Some(Stopped::NotReplayable)));
}

#[tokio::test(start_paused = true)]
async fn c_re_09_a_failure_that_is_no_reason_to_retry_is_not_called_unreplayable() {
    assert_eq!(attempts(|_| status(404), policy(), post("a")).await, (1, None));
    let permanent = |_| Err(Permanent::not_sent("no").into());
    assert_eq!(attempts(permanent, policy(), post("a")).await, (1, None));
    assert_eq!(
        attempts(|_| status(503), policy().max_retries(0), post("a")).await,
        (1, Some(Stopped::Exhausted))
    );
}

#[tokio::test(start_paused = true)]
async fn c_re_10_a_rotated_credential_is_tried_once_at_once_and_uncounted() {
    for code in [401, 403, 511] {
        let server = server(move |n| if n == 1 { rotated(code) } else { status(200) });
        let reply = send(&mut server.with(policy().max_retries(0).build().unwrap()), post("a")).await;
        assert_eq!(server.times(), [s(0.0); 2], "{code}");
        assert_eq!(report(&reply).unwrap().attempts, 2);
    }
    for code in [401, 403] {
        let server = server(move |_| rotated(code));
        let reply = send(&mut server.with(policy().build().unwrap()), post("a")).await;
        assert_eq!((code, server.times()), (support::code(&reply), vec![s(0.0); 2]));
        assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Permanent));
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_10_without_the_mark_it_is_returned() {
    let server = server(|_| status(401));
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    assert_eq!((code(&reply), server.count(), report(&reply)), (401, 1, None));
}

#[tokio::test(start_paused = true)]
async fn c_re_10_max_rotations() {
    assert_eq!(attempts(|_| rotated(401), policy().max_rotations(3), get()).await.0, 4);
    assert_eq!(attempts(|_| rotated(401), policy().max_rotations(0), get()).await, (1, None));
}

#[tokio::test(start_paused = true)]
async fn c_re_10_even_where_the_classifier_would_call_it_something_else() {
    let lenient = classify_fn(|reply: View<'_>| match reply.status() {
        Some(StatusCode::UNAUTHORIZED) => Outcome::Success,
        _ => StatusTable::default().classify(reply),
    });
    let server = server(|n| if n == 1 { rotated(401) } else { status(200) });
    send(&mut server.with(policy().classify(lenient).build().unwrap()), get()).await.unwrap();
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_511_after_its_one_replay_is_transient() {
    let server = server(|n| if n <= 3 { rotated(511) } else { status(200) });
    let reply = send(&mut server.with(policy().build().unwrap()), post("a")).await;
    assert_eq!((code(&reply), server.gaps()), (200, vec![s(0.0), s(1.0), s(2.0)]));
    let alone = support::server(|_| status(511));
    send(&mut alone.with(policy().build().unwrap()), post("a")).await.unwrap();
    assert_eq!(alone.count(), 1, "permanent, where no credential was rotated");
}

#[tokio::test(start_paused = true)]
async fn c_re_13_every_attempt_carries_the_whole_request() {
    let server = server(|n| if n < 4 { after(429, 1) } else { status(200) });
    let mut request = post("the whole body");
    request.extensions_mut().insert(Replay::Unsafe);
    send(&mut server.with(policy().build().unwrap()), request).await.unwrap();
    for (n, seen) in (1..).zip(server.seen()) {
        assert_eq!((seen.attempt, &seen.body[..]), (n, &b"the whole body"[..]));
        assert_eq!(seen.headers["x-caller"], "1");
        assert_eq!(seen.headers.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_13_empty_and_cloned_bodies() {
    let policy = policy().build().unwrap();
    let server = server(|n| status(if n == 1 { 503 } else { 200 }));
    let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    send(&mut server.with(policy.clone()), request).await.unwrap();
    assert_eq!(server.count(), 2);

    let server = support::server(|n| status(if n == 1 { 503 } else { 200 }));
    let request = Request::put("/").body(Cloned::new(String::from("text"))).unwrap();
    send(&mut server.with(policy), request).await.unwrap();
    assert_eq!(server.seen().iter().map(|seen| seen.body.clone()).collect::<Vec<_>>(), ["text", "text"]);
}

#[tokio::test(start_paused = true)]
async fn c_re_13_a_body_that_cannot_be_replayed_goes_out_once() {
    let policy = policy().build().unwrap();
    let server = server(|_| after(429, 1));
    let request = Request::put("/").body(Once(Full::from("once"))).unwrap();
    let reply = send(&mut server.with(policy.clone()), request).await;
    assert_eq!((code(&reply), &server.seen()[0].body[..]), (429, &b"once"[..]));
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (1, Some(Stopped::NotReplayable)));

    let server = support::server(|_| status(200));
    let request = Request::put("/").body(Once(Full::from("once"))).unwrap();
    let reply = send(&mut server.with(policy), request).await;
    assert_eq!(report(&reply), None, "and if no retry was wanted, nobody asks");
}

#[tokio::test(start_paused = true)]
async fn c_re_13_nothing_is_copied_where_no_retry_can_follow() {
    let none = || policy().max_retries(0).max_rotations(0).build().unwrap();
    let server = server(|_| status(503));
    let body = Watched::default();
    send(&mut server.with(none()), Request::put("/").body(body.clone()).unwrap()).await.unwrap();
    assert_eq!(body.copies(), 0);

    // and of the last possible attempt neither: a body for each retry, one more kept from the first
    let body = Watched::default();
    let policy = policy().max_attempts(3).max_refused(s(0.0)).build().unwrap();
    send(&mut server.with(policy), Request::put("/").body(body.clone()).unwrap()).await.unwrap();
    assert_eq!((server.count(), body.copies()), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn attempts_go_on_counting_under_a_retry_layer_further_out() {
    let server = server(|n| status(if n < 3 { 503 } else { 200 }));
    let mut request = get();
    request.extensions_mut().insert(Attempt::new(4));
    send(&mut server.with(policy().build().unwrap()), request).await.unwrap();
    let numbers: Vec<_> = server.seen().iter().map(|seen| seen.attempt).collect();
    assert_eq!(numbers, [4, 5, 6]);
}

/// Counts how often it is copied.
#[derive(Clone, Debug, Default)]
struct Watched(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Watched {
    fn copies(&self) -> usize {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}

impl tower_intake_core::Replayable for Watched {
    fn try_replay(&self) -> Option<Self> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Some(self.clone())
    }
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}
