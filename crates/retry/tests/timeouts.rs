//! One attempt, bounded: to the head, between frames read, between frames written.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::body::{Do, Script, script};
use support::*;
use tokio::time::Instant;
use tower_intake_core::{
    BoxError, Deadline, Exponential, Jitter, Phase, SendState, Stopped, TimedOut, error,
};
use tower_intake_retry::{
    AttemptTimeoutLayer, ReadTimeout, RetryLayer, RetryPolicy, WatchedBody, WriteTimeoutLayer,
};
use tower_layer::Layer;

fn timed_out(error: &BoxError) -> TimedOut {
    *error::find::<TimedOut>(&**error).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_attempt_without_a_head_is_cut() {
    let server = server(|_| status(200)).latency(s(30.0));
    let mut service = AttemptTimeoutLayer::new(s(2.0)).layer(server.clone());
    let began = Instant::now();
    let error = send(&mut service, get()).await.unwrap_err();
    assert_eq!((server.count(), began.elapsed()), (1, s(2.0)));
    assert_eq!((timed_out(&error).phase(), timed_out(&error).after()), (Phase::Attempt, s(2.0)));
    assert_eq!(SendState::of(&*error), SendState::Ambiguous);
}

#[tokio::test(start_paused = true)]
async fn one_that_answers_in_time_is_not() {
    let server = server(|_| status(200)).latency(ms(1999));
    let mut service = AttemptTimeoutLayer::new(s(2.0)).layer(server);
    assert_eq!(send(&mut service, get()).await.unwrap().status(), 200);
    let server = support::server(|_| status(200)).latency(s(1000.0));
    let mut service = AttemptTimeoutLayer::new(None).layer(server);
    assert_eq!(send(&mut service, get()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_there_at_once_needs_no_time() {
    let mut service = AttemptTimeoutLayer::new(Duration::ZERO).layer(server(|_| status(200)));
    assert_eq!(send(&mut service, get()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_sooner_deadline_cuts_and_is_named() {
    for timeout in [Some(s(2.0)), None] {
        let server = server(|_| status(200)).latency(s(30.0));
        let mut request = get();
        let now = Instant::now();
        request.extensions_mut().insert(Deadline::after(now.into_std(), s(1.5)));
        let mut service = AttemptTimeoutLayer::new(timeout).layer(server);
        let error = send(&mut service, request).await.unwrap_err();
        assert_eq!(now.elapsed(), s(1.5));
        assert_eq!((timed_out(&error).phase(), timed_out(&error).after()), (Phase::Deadline, s(1.5)));
    }
    let server = server(|_| status(200)).latency(s(30.0));
    let mut request = get();
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), s(5.0)));
    let mut service = AttemptTimeoutLayer::new(s(2.0)).layer(server);
    let error = send(&mut service, request).await.unwrap_err();
    assert_eq!(timed_out(&error).phase(), Phase::Attempt);
}

#[tokio::test(start_paused = true)]
async fn retry_sees_an_attempt_that_hangs_as_a_failure() {
    let backoff = Exponential::new(s(1.0)).jitter(Jitter::None);
    let policy = RetryPolicy::builder().backoff(backoff).max_retries(2).build().unwrap();
    let server = server(|_| status(200)).latency(s(30.0));
    let inner = AttemptTimeoutLayer::new(s(2.0)).layer(server.clone());
    let reply = send(&mut RetryLayer::new(policy).layer(inner), get()).await;
    assert_eq!(server.times(), [0.0, 3.0, 7.0].map(s));
    assert_eq!(report(&reply).unwrap().stopped, Some(Stopped::Exhausted));
    assert_eq!(timed_out(&reply.unwrap_err()).phase(), Phase::Attempt);
}

async fn read(steps: Vec<Do>, limit: impl Into<Option<Duration>>) -> (Duration, Result<Bytes, BoxError>) {
    let limit = limit.into();
    let body = std::sync::Mutex::new(Some(script(steps)));
    let server = server(move |_| Ok(Response::new(body.lock().unwrap().take().unwrap())));
    let mut service = AttemptTimeoutLayer::new(s(1.0)).read_timeout(limit).layer(server);
    let answer: Response<ReadTimeout<Script>> = send(&mut service, get()).await.unwrap();
    let began = Instant::now();
    let read = answer.into_body().collect().await;
    (began.elapsed(), read.map(http_body_util::Collected::to_bytes))
}

#[tokio::test(start_paused = true)]
async fn each_gap_of_the_body_is_bounded_not_the_whole() {
    let slow = || (0..20).flat_map(|_| [Do::Sleep(ms(900)), Do::Send("x")]).collect::<Vec<_>>();
    let (elapsed, body) = read(slow(), s(1.0)).await;
    assert_eq!((elapsed, body.unwrap().len()), (s(18.0), 20));

    let mut stalled = slow();
    stalled.push(Do::Hang);
    let (elapsed, body) = read(stalled, s(1.0)).await;
    let error = body.unwrap_err();
    assert_eq!(elapsed, s(19.0));
    assert_eq!((timed_out(&error).phase(), timed_out(&error).after()), (Phase::Read, s(1.0)));
    assert_eq!(SendState::of(&*error), SendState::Answered);

    let (elapsed, body) = read(vec![Do::Sleep(s(500.0)), Do::Send("x")], None).await;
    assert_eq!((elapsed, &body.unwrap()[..]), (s(500.0), &b"x"[..]));
}

#[tokio::test(start_paused = true)]
async fn the_readers_own_time_is_not_counted() {
    let body = std::sync::Mutex::new(Some(script([
        Do::Send("a"),
        Do::Send("b"),
        Do::Sleep(ms(900)),
        Do::Send("c"),
    ])));
    let server = server(move |_| Ok(Response::new(body.lock().unwrap().take().unwrap())));
    let mut service = AttemptTimeoutLayer::new(s(1.0)).read_timeout(s(1.0)).layer(server);
    let mut body = send(&mut service, get()).await.unwrap().into_body();
    for expected in ["a", "b", "c"] {
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
        tokio::time::sleep(s(10.0)).await;
    }
    assert!(body.frame().await.is_none());
}

/// Takes one frame, then another one each `pace`; answers after the last.
fn slow_reader(
    pace: Duration,
    takes: usize,
) -> impl tower_service::Service<Request<WatchedBody<Script>>, Response = Response<Full<Bytes>>, Error = BoxError>
+ Clone {
    tower::service_fn(move |request: Request<WatchedBody<Script>>| async move {
        let mut body = request.into_body();
        for _ in 0..takes {
            if body.frame().await.transpose()?.is_none() {
                break;
            }
            tokio::time::sleep(pace).await;
        }
        if takes < 10 {
            std::future::pending::<()>().await;
        }
        status(200)
    })
}

async fn write(
    steps: Vec<Do>,
    limit: Duration,
    pace: Duration,
    takes: usize,
) -> (Duration, Option<Result<Response<Full<Bytes>>, BoxError>>) {
    let began = Instant::now();
    let mut service = WriteTimeoutLayer::new(limit).layer(slow_reader(pace, takes));
    let request = Request::put("/").body(script(steps)).unwrap();
    let reply = tokio::time::timeout(s(1000.0), send(&mut service, request)).await.ok();
    (began.elapsed(), reply)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_more_of_a_stream_is_cut() {
    let frames = || (0..5).map(|_| Do::Send("x")).collect::<Vec<_>>();
    let (elapsed, reply) = write(frames(), s(2.0), ms(1900), 99).await;
    assert_eq!((elapsed, reply.unwrap().unwrap().status().as_u16()), (ms(9500), 200));
    // two frames taken, at 0 and at 1 s, and then no more
    let (elapsed, reply) = write(frames(), s(2.0), s(1.0), 2).await;
    let error = reply.unwrap().unwrap_err();
    assert_eq!((elapsed, timed_out(&error).phase()), (s(3.0), Phase::Write));
}

#[tokio::test(start_paused = true)]
async fn the_bodys_own_time_and_the_servers_thinking_are_not_counted() {
    let slow = vec![Do::Send("x"), Do::Sleep(s(100.0)), Do::Send("y"), Do::Sleep(s(50.0)), Do::Send("z")];
    let (elapsed, reply) = write(slow, s(2.0), s(1.0), 99).await;
    assert_eq!((elapsed, reply.unwrap().unwrap().status().as_u16()), (s(153.0), 200));
    // everything was taken: how long the answer takes is another layer's question
    let (_, reply) = write(vec![Do::Send("x")], s(2.0), s(1.0), 5).await;
    assert!(reply.is_none(), "still waiting for the answer");
}
