//! What stands around retry: the total time of a call, and the key of an operation.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::convert::Infallible;

use http::{HeaderName, Request, Response};
use support::*;
use tokio::time::Instant;
use tower::ServiceExt;
use tower_intake_core::{Deadline, Exponential, Jitter, Phase, Replay, Stopped, TimedOut, error};
use tower_intake_retry::{DeadlineLayer, IdempotencyKeyLayer, RetryLayer, RetryPolicy};
use tower_layer::Layer;
use tower_service::Service;

fn exact() -> RetryPolicy {
    RetryPolicy::builder().backoff(Exponential::new(s(1.0)).jitter(Jitter::None)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn with_retry_inside_the_deadline_returns_the_last_answer() {
    for layer in [DeadlineLayer::new(s(4.0)), DeadlineLayer::new(s(4.0)).set_only()] {
        let server = server(|_| status(503)).latency(s(2.0));
        let mut service = layer.layer(server.with(exact()));
        let began = Instant::now();
        let reply = send(&mut service, get()).await;
        assert_eq!((began.elapsed(), server.times()), (s(4.0), vec![s(0.0), s(3.0)]));
        assert_eq!((code(&reply), report(&reply).unwrap().stopped), (503, Some(Stopped::Deadline)));
    }
}

#[tokio::test(start_paused = true)]
async fn without_retry_it_cuts_the_call_itself() {
    let server = server(|_| status(200)).latency(s(60.0));
    let began = Instant::now();
    let error = send(&mut DeadlineLayer::new(s(4.0)).layer(server), get()).await.unwrap_err();
    assert_eq!(began.elapsed(), s(4.0) + ms(1), "one tick after those who know better");
    let timed_out = error::find::<TimedOut>(&*error).unwrap();
    assert_eq!((timed_out.phase(), timed_out.after()), (Phase::Deadline, s(4.0)));
}

#[tokio::test(start_paused = true)]
async fn a_sooner_deadline_is_kept_a_later_one_replaced() {
    for (own, kept) in [(2.0, 2.0), (9.0, 4.0)] {
        let now = Instant::now().into_std();
        let mut service =
            DeadlineLayer::new(s(4.0)).layer(tower::service_fn(|request: Request<()>| async move {
                Ok::<_, Infallible>(Response::new(Deadline::of(&request)))
            }));
        let mut request = Request::new(());
        request.extensions_mut().insert(Deadline::after(now, s(own)));
        let answer = service.ready().await.unwrap().call(request).await.unwrap();
        assert_eq!(answer.into_body(), Some(Deadline::after(now, s(kept))));
    }
}

#[tokio::test(start_paused = true)]
async fn one_key_for_all_attempts_of_an_operation() {
    let server = server(|n| status(if n % 3 == 0 { 200 } else { 503 }));
    let mut service = IdempotencyKeyLayer::new().layer(server.with(exact()));
    for _ in 0..2 {
        send(&mut service, post("a")).await.unwrap();
    }
    let keys: Vec<_> = server.seen().iter().map(|seen| seen.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys.len(), 6, "with a key a POST is sent again");
    assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[3] == keys[5]);
    assert_ne!(keys[0], keys[3]);
    let key = keys[0].to_str().unwrap();
    assert_eq!((key.len(), &key[14..15]), (36, "7"));
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_key_is_kept() {
    let server = server(|_| status(200));
    let mut service = IdempotencyKeyLayer::new().layer(server.clone());
    let mut request = post("a");
    request.headers_mut().insert("idempotency-key", "mine".parse().unwrap());
    send(&mut service, request).await.unwrap();
    let headers = &server.seen()[0].headers;
    assert_eq!(headers.get_all("idempotency-key").iter().collect::<Vec<_>>(), ["mine"]);
}

#[tokio::test(start_paused = true)]
async fn under_another_name_retry_knows_it_too() {
    let server = server(|n| status(if n == 1 { 503 } else { 200 }));
    let layer = IdempotencyKeyLayer::new().header(HeaderName::from_static("x-request-id"));
    send(&mut layer.layer(server.with(exact())), post("a")).await.unwrap();
    assert_eq!(server.count(), 2);
    assert_eq!(server.seen()[0].headers["x-request-id"], server.seen()[1].headers["x-request-id"]);

    // unless the caller has said otherwise
    let server = support::server(|_| status(503));
    let mut request = post("a");
    request.extensions_mut().insert(Replay::Unsafe);
    send(&mut layer.layer(server.with(exact())), request).await.unwrap();
    assert_eq!(server.count(), 1);
}

#[test]
fn the_key_layer_keeps_the_error_and_the_future_of_what_is_inside() {
    fn same<S, T, R>(_: &S, _: &T)
    where
        S: Service<R>,
        T: Service<R, Error = S::Error, Future = S::Future>,
    {
    }
    let inner =
        tower::service_fn(|_: Request<()>| std::future::ready(Ok::<_, Infallible>(Response::new(()))));
    same::<_, _, Request<()>>(&inner, &IdempotencyKeyLayer::new().layer(inner));
}

#[tokio::test(start_paused = true)]
async fn the_layers_of_a_stack_by_hand() {
    let server = server(|n| status(if n < 3 { 503 } else { 200 }));
    let service = tower::ServiceBuilder::new()
        .layer(DeadlineLayer::new(s(60.0)).set_only())
        .layer(IdempotencyKeyLayer::new())
        .layer(RetryLayer::new(exact()))
        .service(server.clone());
    assert_eq!(service.oneshot(post("a")).await.unwrap().status(), 200);
    assert_eq!(server.times(), [0.0, 1.0, 3.0].map(s));
}
