//! The call's own end: waits that do not fit it, attempts that it cuts.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt;
use support::*;
use tokio::time::Instant;
use tower_intake_core::{Deadline, Exponential, Jitter, Phase, SendState, Stopped, TimedOut, error};
use tower_intake_retry::{RetryPolicy, RetryPolicyBuilder};

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).retry_after_jitter(0.0)
}

fn within<B>(mut request: Request<B>, timeout: Duration) -> Request<B> {
    let now = Instant::now().into_std();
    request.extensions_mut().insert(Deadline::after(now, timeout));
    request
}

#[tokio::test(start_paused = true)]
async fn c_re_06_a_wait_that_does_not_fit_is_not_begun_and_not_shortened() {
    let server = server(|n| if n < 3 { status(503) } else { after(429, 5) });
    let reply = send(&mut server.with(policy().build().unwrap()), within(get(), s(7.9))).await;
    // 0, 1, 3 and then 5 s more would be 8 s
    assert_eq!(server.times(), [0.0, 1.0, 3.0].map(s));
    let report = report(&reply).unwrap();
    assert_eq!((code(&reply), report.stopped, report.elapsed), (429, Some(Stopped::Deadline), s(3.0)));
    assert_eq!(report.retry_after, Some(s(5.0)));
    let body = reply.unwrap().into_body();
    assert!(body.is_live(), "nothing was waited for, nothing was read");
}

#[tokio::test(start_paused = true)]
async fn c_re_06_a_wait_that_ends_at_the_deadline_leaves_no_time_to_ask() {
    for (timeout, sent) in [(s(5.0), 1), (s(5.001), 2)] {
        let server = server(|_| after(429, 5));
        send(&mut server.with(policy().build().unwrap()), within(get(), timeout)).await.unwrap();
        assert_eq!(server.count(), sent);
    }
}

#[tokio::test(start_paused = true)]
async fn c_re_06_the_deadline_cuts_a_running_attempt_and_the_last_answer_is_returned() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let inner = {
        let dropped = Arc::clone(&dropped);
        let calls = Arc::new(AtomicUsize::new(0));
        tower::service_fn(move |_: Request<_>| {
            let n = calls.fetch_add(1, Ordering::SeqCst);
            let guard = Counted(Arc::clone(&dropped));
            async move {
                let _guard = guard;
                if n > 0 {
                    std::future::pending::<()>().await;
                }
                with(503, "x-n", "one")
            }
        })
    };
    let mut service =
        tower_layer::Layer::layer(&tower_intake_retry::RetryLayer::new(policy().build().unwrap()), inner);
    let began = Instant::now();
    let reply = send(&mut service, within(get(), s(4.0))).await;
    assert_eq!(began.elapsed(), s(4.0));
    assert_eq!(dropped.load(Ordering::SeqCst), 2, "the second attempt does not run on");
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (2, Some(Stopped::Deadline)));
    assert!(!report.body_truncated);
    let answer = reply.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["x-n"]),
        (503.try_into().unwrap(), &"one".parse().unwrap())
    );
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "503");
}

#[tokio::test(start_paused = true)]
async fn c_re_06_without_an_answer_the_deadline_is_the_error() {
    let server = server(|_| status(200)).latency(s(60.0));
    let began = Instant::now();
    let reply = send(&mut server.with(policy().build().unwrap()), within(get(), s(2.0))).await;
    assert_eq!(began.elapsed(), s(2.0));
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Deadline));
    let error = reply.unwrap_err();
    let timed_out = error::find::<TimedOut>(&*error).unwrap();
    assert_eq!((timed_out.phase(), timed_out.after()), (Phase::Deadline, s(2.0)));
    assert_eq!(SendState::of(&*error), SendState::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn c_re_06_a_call_that_is_late_already_is_not_sent() {
    let server = server(|_| status(200));
    let reply = send(&mut server.with(policy().build().unwrap()), within(get(), Duration::ZERO)).await;
    assert_eq!(server.count(), 0);
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (0, Some(Stopped::Deadline)));
}

#[tokio::test(start_paused = true)]
async fn c_re_06_a_timer_further_in_that_read_the_same_deadline_does_not_replace_the_answer() {
    let server =
        server(|n| if n == 1 { status(503) } else { Err(TimedOut::new(Phase::Deadline, s(1.0)).into()) });
    let reply = send(&mut server.with(policy().build().unwrap()), within(get(), s(60.0))).await;
    assert_eq!((code(&reply), server.count()), (503, 2));
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Deadline));
}

#[tokio::test(start_paused = true)]
async fn c_re_06_a_distant_deadline_changes_nothing() {
    let server = server(|n| status(if n < 3 { 503 } else { 200 })).latency(s(1.0));
    let reply = send(&mut server.with(policy().build().unwrap()), within(get(), Duration::MAX)).await;
    assert_eq!((code(&reply), server.count()), (200, 3));
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
