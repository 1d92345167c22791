//! Bodies read inside the attempt.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::sync::Mutex;

use http::Response;
use http_body::Body;
use http_body_util::BodyExt;
use support::body::{Do, Script, script};
use support::*;
use tower_intake_core::{
    BodyError, Classify, Exponential, Jitter, Outcome, Phase, Reply as View, SendState, StatusTable, Stopped,
    TimedOut, error,
};
use tower_intake_retry::{AttemptTimeoutLayer, CollectLayer, CollectedBody, RetryLayer, RetryPolicy};
use tower_layer::Layer;

async fn collect(code: u16, steps: Vec<Do>, max: usize) -> Reply<CollectedBody<Script>> {
    let body = Mutex::new(Some(script(steps)));
    let server = server(move |_| {
        Ok(Response::builder()
            .status(code)
            .header("x-h", "1")
            .body(body.lock().unwrap().take().unwrap())
            .unwrap())
    });
    send(&mut CollectLayer::new(max).layer(server), get()).await
}

#[tokio::test(start_paused = true)]
async fn the_body_is_there_when_the_answer_is() {
    let steps = vec![Do::Send("one "), Do::Sleep(s(1.0)), Do::Send("two "), Do::Send("three"), Do::Trailers];
    let answer = collect(200, steps, 13).await.unwrap();
    assert_eq!(answer.body().bytes().unwrap(), "one two three");
    assert_eq!((answer.headers()["x-h"].len(), answer.body().size_hint().exact()), (1, Some(13)));
    let collected = answer.into_body().collect().await.unwrap();
    assert_eq!(collected.trailers().unwrap()["x-t"], "1");
    assert_eq!(collected.to_bytes(), "one two three");

    let empty = collect(204, vec![], 0).await.unwrap();
    assert!(empty.body().is_end_stream());
    assert_eq!(collect(200, vec![Do::Send("one")], 3).await.unwrap().body().bytes().unwrap(), "one");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_breaks_off_is_an_error_that_knows_its_status() {
    let error = collect(201, vec![Do::Send("half"), Do::Fail], 100).await.unwrap_err();
    let body_error = error::find::<BodyError>(&*error).unwrap();
    assert_eq!(body_error.status(), 201);
    assert!(error::find::<std::io::Error>(&*error).is_some(), "the cause is kept");
    assert_eq!(SendState::of(&*error), SendState::Answered);
    assert_eq!(StatusTable::default().classify(View::error(&*error)), Outcome::Transient);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_permanent_and_not_read_further() {
    let steps = vec![Do::Send("four"), Do::Send("five!"), Do::Hang];
    let error = collect(200, steps, 8).await.unwrap_err();
    assert_eq!(error::find::<BodyError>(&*error).unwrap().status(), 200);
    assert_eq!(StatusTable::default().classify(View::error(&*error)), Outcome::Permanent);
    assert!(error::describe(&*error).contains("max_bytes"), "{}", error::describe(&*error));
    // and one that says so is not read at all
    let server = server(|_| with(200, "x-h", "1"));
    let error = send(&mut CollectLayer::new(2).layer(server), get()).await.unwrap_err();
    assert!(error::find::<BodyError>(&*error).is_some());
}

#[tokio::test(start_paused = true)]
async fn the_body_of_any_other_answer_is_passed_on_unread() {
    for code in [304, 400, 429, 503] {
        let answer = collect(code, vec![Do::Send("why"), Do::Hang], 1).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.body().bytes()), (code, None));
        let mut body = answer.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "why");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_sends_again_what_came_back_broken_or_stalled() {
    let bodies = Mutex::new(vec![
        vec![Do::Send("whole")],
        vec![Do::Send("stalled"), Do::Hang],
        vec![Do::Send("broken"), Do::Fail],
    ]);
    let server = server(move |_| Ok(Response::new(script(bodies.lock().unwrap().pop().unwrap()))));
    let attempt = AttemptTimeoutLayer::new(s(1.0)).read_timeout(s(3.0)).layer(server.clone());
    let backoff = Exponential::new(s(1.0)).jitter(Jitter::None);
    let policy = RetryPolicy::builder().backoff(backoff).build().unwrap();
    let mut service = RetryLayer::new(policy).layer(CollectLayer::new(100).layer(attempt));
    let reply = send(&mut service, get()).await;
    // the body stalls at 1 s, is given up at 4 s, and 2 s are waited
    assert_eq!(server.times(), [0.0, 1.0, 6.0].map(s));
    assert_eq!(report(&reply).unwrap().attempts, 3);
    assert_eq!(reply.unwrap().into_body().collect().await.unwrap().to_bytes(), "whole");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_may_not_be_sent_twice_is_not_because_its_answer_broke() {
    let server = server(|_| Ok(Response::new(script([Do::Send("half"), Do::Hang]))));
    let attempt = AttemptTimeoutLayer::new(s(1.0)).read_timeout(s(3.0)).layer(server.clone());
    let mut service = RetryLayer::new(RetryPolicy::default()).layer(CollectLayer::new(100).layer(attempt));
    let reply = send(&mut service, post("a")).await;
    assert_eq!((server.count(), report(&reply).unwrap().stopped), (1, Some(Stopped::NotReplayable)));
    let error = reply.unwrap_err();
    assert_eq!(error::find::<TimedOut>(&*error).unwrap().phase(), Phase::Read);
}
