//! What the caller is told.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use http::Response;
use http_body_util::Full;
use support::*;
use tower_intake_core::{Exponential, Jitter, Permanent, RetryError, RetryReport, Stopped, Waited, error};
use tower_intake_retry::{RetryLayer, RetryPolicy, RetryPolicyBuilder};
use tower_layer::Layer;

fn policy() -> RetryPolicyBuilder {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).retry_after_jitter(0.0)
}

#[tokio::test(start_paused = true)]
async fn c_re_08_a_success_or_a_permanent_answer_at_once_carries_no_report() {
    for answer in [200, 204, 301, 400, 404, 413, 501] {
        let server = server(move |_| status(answer));
        let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
        assert_eq!((code(&reply), report(&reply)), (answer, None));
        let answer = reply.unwrap();
        assert!(answer.extensions().is_empty() && answer.body().is_live());
    }
    let server = server(|_| failure(Permanent::not_sent("no")));
    let error = send(&mut server.with(policy().build().unwrap()), get()).await.unwrap_err();
    assert!(error.is::<Permanent>(), "not even wrapped: {error:?}");
}

#[tokio::test(start_paused = true)]
async fn c_re_08_a_success_after_retries_carries_one() {
    let server = server(|n| status(if n < 3 { 503 } else { 200 })).latency(ms(10));
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    let report = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped, report.elapsed), (3, None, ms(3030)));
    assert!(reply.unwrap().body().is_live());
}

#[tokio::test(start_paused = true)]
async fn c_re_08_a_permanent_answer_after_retries_says_so() {
    let server = server(|n| status(if n < 2 { 503 } else { 404 }));
    let reply = send(&mut server.with(policy().build().unwrap()), get()).await;
    assert_eq!((code(&reply), report(&reply).unwrap().stopped), (404, Some(Stopped::Permanent)));
}

#[tokio::test(start_paused = true)]
async fn c_re_08_the_last_answer_is_returned_untouched() {
    let server = server(|n| {
        Ok(Response::builder()
            .status(503)
            .header("x-n", n)
            .extension(n)
            .body(Full::<bytes::Bytes>::from(format!("answer {n}")))
            .unwrap())
    });
    let reply = send(&mut server.with(policy().max_retries(2).build().unwrap()), get()).await;
    assert_eq!(report(&reply).unwrap().attempts, 3);
    let answer = reply.unwrap();
    assert_eq!(answer.headers()["x-n"], "3");
    assert_eq!(answer.extensions().get::<usize>(), Some(&3));
    assert!(answer.body().is_live());
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "answer 3");
}

#[tokio::test(start_paused = true)]
async fn c_re_08_the_last_error_is_wrapped_once_and_speaks_for_itself() {
    let server = server(|_| failure(reset()));
    let error = send(&mut server.with(policy().max_retries(2).build().unwrap()), get()).await.unwrap_err();
    assert_eq!(error.to_string(), reset().to_string());
    let wrapped = error.downcast::<RetryError>().unwrap();
    assert_eq!((wrapped.report().attempts, wrapped.report().stopped), (3, Some(Stopped::Exhausted)));
    assert!(wrapped.into_source().is::<std::io::Error>());
}

#[tokio::test(start_paused = true)]
async fn c_re_08_waits_of_the_layers_further_in_add_up() {
    let server = server(|n| {
        let mut reply = if n == 2 { Err(reset()) } else { status(503) };
        Waited::gate(s(1.0)).note(&mut reply);
        Waited::auth(s(2.0)).note(&mut reply);
        reply
    });
    let reply = send(&mut server.with(policy().max_retries(3).build().unwrap()), get()).await;
    let waited = report(&reply).unwrap().waited;
    assert_eq!((waited.gate, waited.auth, waited.limit.is_zero()), (s(4.0), s(8.0), true));
}

#[tokio::test(start_paused = true)]
async fn c_re_15_a_retry_layer_further_in_is_not_repeated() {
    let server = server(|_| status(503));
    let inner = server.with(policy().max_retries(2).build().unwrap());
    let mut outer = RetryLayer::new(policy().build().unwrap()).layer(inner);
    let reply = send(&mut outer, get()).await;
    let report = report(&reply).unwrap();
    assert_eq!((code(&reply), server.count()), (503, 3));
    assert_eq!((report.attempts, report.stopped), (3, Some(Stopped::Nested)));
}

#[tokio::test(start_paused = true)]
async fn c_re_15_nor_is_its_error_and_it_is_wrapped_once() {
    let server = server(|_| failure(reset()));
    let inner = server.with(policy().max_retries(2).build().unwrap());
    let mut outer = RetryLayer::new(policy().build().unwrap()).layer(inner);
    let error = send(&mut outer, get()).await.unwrap_err();
    assert_eq!(server.count(), 3);
    let links = error::chain(&*error).filter(|link| link.is::<RetryError>()).count();
    assert_eq!(links, 1);
    let report = error::find::<RetryError>(&*error).unwrap().report();
    assert_eq!((report.attempts, report.stopped), (3, Some(Stopped::Nested)));
}

#[tokio::test(start_paused = true)]
async fn c_re_15_a_success_keeps_the_inner_report() {
    let server = server(|n| status(if n < 3 { 503 } else { 200 }));
    let inner = server.with(policy().build().unwrap());
    let mut outer = RetryLayer::new(policy().build().unwrap()).layer(inner);
    let reply = send(&mut outer, get()).await;
    let report: RetryReport = report(&reply).unwrap();
    assert_eq!((report.attempts, report.stopped), (3, None));
}
