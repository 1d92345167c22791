//! AU-6 and AU-8: the fetch of a token, its retries, bounds and accidents.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::time::Duration;

use http::StatusCode;
use support::{MS, S, Script, Seen, Then, give, ok, origins, permanent, random, refused, request};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer as _, ServiceExt as _};
use tower_intake_auth::{AuthLayer, TokenError, Tokens};
use tower_intake_core::{Classify as _, Deadline, Outcome, Reply, SendState, StatusTable};

fn tokens(script: &Script) -> Tokens {
    Tokens::builder(script.clone()).random(random()).build().unwrap()
}

fn down() -> Then {
    Then::Fail(TokenError::unavailable("down"))
}

#[tokio::test(start_paused = true)]
async fn c_au_08_a_refusal_surfaces_and_is_tried_again_later() {
    let script = Script::new(|n| match n {
        1 => Then::Fail(TokenError::refused("401, invalid_client")),
        _ => give("t", 1000 * S),
    });
    let seen = Seen::default();
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let error = service.clone().oneshot(request()).await.unwrap_err();
    assert_eq!(permanent(&error).send_state(), SendState::NotSent);
    assert_eq!(StatusTable::default().classify(Reply::error(&*error)), Outcome::Permanent);
    assert_eq!(script.asked(), 1, "asking again at once does not help");
    let cooling = service.clone().oneshot(request()).await.unwrap_err();
    let until = refused(&cooling).retry_at().unwrap();
    tokio::time::sleep_until(until.into()).await;
    service.oneshot(request()).await.unwrap();
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn c_au_08_an_endpoint_that_is_down_is_asked_again_within_the_bound() {
    let (script, seen) = (Script::new(|n| if n < 4 { down() } else { give("t", 1000 * S) }), Seen::default());
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    service.oneshot(request()).await.unwrap();
    assert_eq!(script.asked(), 4);
    // 0.5, 1 and 2 s with equal jitter
    assert!((1750 * MS..=3500 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());

    let script = Script::new(|_| down());
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    let error = service.oneshot(request()).await.unwrap_err();
    assert!(refused(&error).retry_at().is_some());
    assert!(start.elapsed() <= 30 * S && script.asked() > 4 && script.asked() < 20);
}

#[tokio::test(start_paused = true)]
async fn c_au_08_what_the_endpoint_asks_for_is_honoured() {
    let asked = |delay: Duration| Then::Fail(TokenError::unavailable("429").retry_after(delay));
    let seen = Seen::default();
    let script = Script::new(move |n| if n == 1 { asked(7 * S) } else { give("t", 1000 * S) });
    let start = Instant::now();
    AuthLayer::new(tokens(&script), origins()).layer(ok(&seen)).oneshot(request()).await.unwrap();
    assert_eq!(start.elapsed(), 7 * S);

    // one that does not fit is not begun, and is the cool-down
    let script = Script::new(move |n| if n == 1 { asked(120 * S) } else { give("t", 1000 * S) });
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    let error = service.clone().oneshot(request()).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::ZERO);
    let until = Instant::from_std(refused(&error).retry_at().unwrap());
    assert_eq!(until - start, 120 * S);
    tokio::time::sleep_until(until - MS).await;
    refused(&service.clone().oneshot(request()).await.unwrap_err());
    assert_eq!(script.asked(), 1);
    sleep(MS).await;
    service.oneshot(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn c_au_06_a_wait_is_bounded() {
    let (script, seen) = (Script::new(|_| Then::Hang), Seen::default());
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    let mut hurried = request();
    hurried.extensions_mut().insert(Deadline::after(start.into_std(), 2 * S));
    let (patient, hurried) = tokio::join!(
        async { (service.clone().oneshot(request()).await.unwrap_err(), start.elapsed()) },
        async { (service.clone().oneshot(hurried).await.unwrap_err(), start.elapsed()) },
    );
    assert_eq!((patient.1, hurried.1), (30 * S, 2 * S));
    assert_eq!(refused(&hurried.0).retry_at(), None);
    assert_eq!(Reply::error(&*hurried.0).waited().auth, 2 * S);
    refused(&patient.0);
    sleep(MS).await;
    // each request of the flight was cut at 10 s, and the flight itself ended too
    assert!((3..=4).contains(&script.asked()), "{}", script.asked());
    assert_eq!(script.running.load(std::sync::atomic::Ordering::SeqCst), 0);

    // a deadline that has passed: no wait is begun
    sleep(60 * S).await;
    let mut late = request();
    late.extensions_mut().insert(Deadline::at(Instant::now().into_std()));
    let before = Instant::now();
    refused(&service.clone().oneshot(late).await.unwrap_err());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(seen.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn law_15_a_source_that_panics_is_a_source_that_is_down() {
    let script = Script::new(|n| if n == 1 { Then::Panic } else { give("t", 1000 * S) });
    let seen = Seen::default();
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let error = service.clone().oneshot(request()).await.unwrap_err();
    assert!(error.to_string().contains("panicked"));
    tokio::time::sleep_until(refused(&error).retry_at().unwrap().into()).await;
    service.oneshot(request()).await.unwrap();
    assert_eq!(seen.last(), "Bearer t");
}

#[tokio::test(start_paused = true)]
async fn the_operator_fetches_ahead_and_discards() {
    let (script, seen) = (Script::numbered(1000 * S, S), Seen::default());
    let tokens = tokens(&script);
    tokens.authenticate().await.unwrap();
    assert_eq!((script.asked(), tokens.generation()), (1, 1));
    let service = AuthLayer::new(tokens.clone(), origins()).layer(ok(&seen));
    timeout(MS, service.clone().oneshot(request())).await.unwrap().unwrap();
    tokens.discard();
    service.oneshot(request()).await.unwrap();
    assert_eq!((seen.last(), script.asked()), ("Bearer t2".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn all_that_was_spawned_ends_with_the_last_handle() {
    let script = Script::new(|_| Then::Hang);
    let tokens = tokens(&script);
    let mut waiting = tokio_test::task::spawn(tokens.authenticate());
    assert!(waiting.poll().is_pending());
    tokio::task::yield_now().await;
    assert_eq!(script.running.load(std::sync::atomic::Ordering::SeqCst), 1);
    drop(waiting);
    drop(tokens);
    sleep(MS).await;
    assert_eq!(script.running.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[test]
fn a_flight_that_vanishes_with_its_runtime_is_begun_anew() {
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let script = Script::new(|n| if n == 1 { Then::Hang } else { give(format!("t{n}"), 10 * S) });
    let seen = Seen::default();
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let first = runtime();
    first.block_on(async {
        assert!(timeout(S, service.clone().oneshot(request())).await.is_err());
    });
    let second = runtime();
    second.block_on(async {
        let waiting = tokio::spawn(service.clone().oneshot(request()));
        sleep(MS).await;
        drop(std::thread::spawn(move || drop(first)).join());
        waiting.await.unwrap().unwrap();
    });
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
    // the task that watched the token is gone as well; the clock is looked at instead
    drop(second);
    runtime().block_on(async {
        service.clone().oneshot(request()).await.unwrap();
        assert_eq!(script.asked(), 2);
        sleep(11 * S).await;
        service.oneshot(request()).await.unwrap();
        assert_eq!(seen.last(), "Bearer t3");
    });
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    let script = Script::numbered(S, S);
    let seen = Seen::default();
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let error = tokio_test::task::spawn(service.oneshot(request())).poll();
    let std::task::Poll::Ready(Err(error)) = error else { panic!("{error:?}") };
    assert!(permanent(&error).reason().contains("runtime"));
}

#[test]
fn settings_out_of_range_name_their_field() {
    let build =
        |change: fn(tower_intake_auth::TokensBuilder<Script>) -> tower_intake_auth::TokensBuilder<Script>| {
            change(Tokens::builder(Script::numbered(S, S))).build().unwrap_err().field().to_owned()
        };
    assert_eq!(build(|b| b.refresh_at(0.0)), "refresh_at");
    assert_eq!(build(|b| b.refresh_at(1.0)), "refresh_at");
    assert_eq!(build(|b| b.refresh_at(f64::NAN)), "refresh_at");
    assert_eq!(build(|b| b.max_wait(Duration::ZERO)), "max_wait");
    assert_eq!(build(|b| b.max_wait(Duration::MAX)), "max_wait");
    assert_eq!(build(|b| b.attempt_timeout(Duration::ZERO)), "attempt_timeout");
    assert_eq!(build(|b| b.rotate_on([StatusCode::OK])), "rotate_on");
    assert_eq!(build(|b| b.header("no header", "")), "header");
    assert_eq!(build(|b| b.header("x-token", "new\nline")), "header");
}
