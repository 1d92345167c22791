//! AU-4 and AU-5: how a token is fetched and renewed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::time::Duration;

use http::StatusCode;
use support::{MS, S, Script, Seen, Then, give, ok, origins, permanent, random, refused, request};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_intake_auth::{AuthError, AuthLayer, TokenError, Tokens};
use tower_intake_core::{BoxError, Classify as _, Deadline, Outcome, Reply, SendState, StatusTable, error};

fn tokens(script: &Script) -> Tokens {
    Tokens::builder(script.clone()).random(random()).build().unwrap()
}

fn down() -> Then {
    Then::Fail(TokenError::unavailable("down"))
}

#[tokio::test(start_paused = true)]
async fn c_au_04_many_callers_wait_for_one_flight() {
    let (script, seen) = (Script::numbered(3600 * S, S), Seen::default());
    let tokens = tokens(&script);
    let start = Instant::now();
    let calls: Vec<_> = (0..100)
        .map(|_| {
            // a layer each: the handle is what they share
            let service = AuthLayer::new(tokens.clone(), origins()).layer(ok(&seen));
            tokio::spawn(service.oneshot(request()))
        })
        .collect();
    sleep(999 * MS).await;
    assert_eq!((script.asked(), seen.len()), (1, 0));
    for call in calls {
        let reply: Result<_, BoxError> = call.await.unwrap();
        assert_eq!(Reply::of(&reply).waited().auth, S);
    }
    assert_eq!(start.elapsed(), S);
    assert_eq!((script.asked(), seen.len()), (1, 100));
    assert_eq!(seen.last(), "Bearer t1");

    // who does not wait leaves no trace
    let mut service = AuthLayer::new(tokens.clone(), origins()).layer(ok(&seen));
    let response = service.ready().await.unwrap().call(request()).await.unwrap();
    assert!(response.extensions().is_empty());
    assert_eq!((script.asked(), tokens.generation()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn c_au_05_a_valid_token_is_used_while_it_is_renewed() {
    // life 100 s, each fetch takes 10 s; soft at 80 ± 4 s
    let (script, seen) = (Script::numbered(100 * S, 10 * S), Seen::default());
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    service.ready().await.unwrap().call(request()).await.unwrap();
    let mut slowest = Duration::ZERO;
    while start.elapsed() < 99 * S {
        let before = Instant::now();
        service.ready().await.unwrap().call(request()).await.unwrap();
        slowest = slowest.max(before.elapsed());
        let renewed_since = script.times().get(1).map(|at| at.duration_since(start));
        let expected = if renewed_since.is_some_and(|at| start.elapsed() > at + 10 * S) {
            "Bearer t2"
        } else {
            "Bearer t1"
        };
        assert_eq!(seen.last(), expected, "{:?}", start.elapsed());
        sleep(100 * MS).await;
    }
    assert_eq!(slowest, Duration::ZERO, "nobody waits for a renewal");
    let renewed = script.times()[1].duration_since(start);
    // the life is counted from the moment the token was asked for, at 0
    assert!((76 * S..=84 * S + 100 * MS).contains(&renewed), "{renewed:?}");
    assert_eq!(script.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn c_au_05_nobody_calls_nothing_is_fetched() {
    let (script, seen) = (Script::numbered(100 * S, Duration::ZERO), Seen::default());
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    service.clone().oneshot(request()).await.unwrap();
    sleep(100_000 * S).await;
    assert_eq!(script.asked(), 1);
    service.oneshot(request()).await.unwrap();
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn c_au_05_an_ended_token_is_not_used() {
    let (script, seen) = (Script::numbered(100 * S, 3 * S), Seen::default());
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    service.clone().oneshot(request()).await.unwrap();
    // the life counts from 0, though the token came at 3
    sleep(Duration::from_millis(96_999)).await;
    // a service that had the token all along, not only a fresh one
    let early = service.clone().oneshot(request()).await.unwrap();
    assert!(early.extensions().is_empty());
    assert_eq!((start.elapsed(), seen.last()), (Duration::from_millis(99_999), "Bearer t1".to_owned()));
    // a timer of tokio's may fire a millisecond late
    sleep(2 * MS).await;
    let reply: Result<_, BoxError> = service.oneshot(request()).await;
    // the renewal began with the call before
    assert_eq!(Reply::of(&reply).waited().auth, 3 * S - 2 * MS);
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn c_au_05_a_token_that_is_born_expired_serves_for_a_second() {
    let (script, seen) = (Script::numbered(Duration::ZERO, Duration::ZERO), Seen::default());
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    for _ in 0..5 {
        service.ready().await.unwrap().call(request()).await.unwrap();
    }
    assert_eq!(script.asked(), 1);
    sleep(S).await;
    service.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn law_13_a_failed_renewal_leaves_the_valid_token() {
    let script = Script::new(|n| match n {
        1 => give("t1", 1000 * S),
        _ => Then::Fail(TokenError::refused("no more")),
    });
    let seen = Seen::default();
    let mut service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let start = Instant::now();
    service.ready().await.unwrap().call(request()).await.unwrap();
    while start.elapsed() < 999 * S {
        sleep(250 * MS).await;
        service.ready().await.unwrap().call(request()).await.unwrap();
        assert_eq!(seen.last(), "Bearer t1");
    }
    // asked again after each cool-down, and not in between
    let times = script.times();
    let gaps: Vec<_> = times[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    let nominal = [1, 2, 4, 8, 16, 24, 24];
    assert!(gaps.len() >= nominal.len() - 1, "{gaps:?}");
    for (gap, nominal) in gaps.iter().zip(nominal) {
        let nominal = nominal * S;
        assert!((nominal..=nominal + nominal / 4 + 251 * MS).contains(gap), "{gaps:?}");
    }
    assert_ne!(gaps[5], gaps[6], "jittered");
    // then it ends, and the caller hears why
    sleep(60 * S).await;
    let error = service.ready().await.unwrap().call(request()).await.unwrap_err();
    assert!(permanent(&error).reason().contains("no more"));
}

#[tokio::test(start_paused = true)]
async fn c_au_04_an_error_is_shared_and_then_cools_down() {
    let script = Script::new(|n| match n {
        1 => Then::Give("bad token".into(), S, S), // with a space: malformed, a second later
        _ => give(format!("t{n}"), 1000 * S),
    });
    let seen = Seen::default();
    let service = AuthLayer::new(tokens(&script), origins()).layer(ok(&seen));
    let calls: Vec<_> = (0..20).map(|_| tokio::spawn(service.clone().oneshot(request()))).collect();
    let mut until = None;
    for call in calls {
        let error = call.await.unwrap().unwrap_err();
        let at = refused(&error).retry_at().unwrap();
        assert_eq!(*until.get_or_insert(at), at, "one error for all");
        assert_eq!(StatusTable::default().classify(Reply::error(&*error)), Outcome::Refused);
        assert_eq!(Reply::error(&*error).waited().auth, S);
        assert!(error::find::<AuthError>(&*error).unwrap().token_error().is_some());
    }
    assert_eq!(script.asked(), 1);
    let until = Instant::from_std(until.unwrap());
    let cool_down = until - Instant::now();
    assert!((S..=S + S / 4).contains(&cool_down), "{cool_down:?}");

    // until then nobody asks, and nobody waits
    while Instant::now() + 10 * MS < until {
        let before = Instant::now();
        let error = service.clone().oneshot(request()).await.unwrap_err();
        assert_eq!(refused(&error).retry_at().map(Instant::from_std), Some(until));
        assert_eq!((before.elapsed(), script.asked()), (Duration::ZERO, 1));
        sleep(10 * MS).await;
    }
    tokio::time::sleep_until(until).await;
    service.oneshot(request()).await.unwrap();
    assert_eq!((script.asked(), seen.last()), (2, "Bearer t2".to_owned()));
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
async fn a_token_that_is_given_again_stays_the_same_generation() {
    let (script, seen) = (Script::new(|_| give("same", 100 * S)), Seen::default());
    let tokens = tokens(&script);
    let mut service = AuthLayer::new(tokens.clone(), origins()).layer(ok(&seen));
    for _ in 0..300 {
        service.ready().await.unwrap().call(request()).await.unwrap();
        sleep(S).await;
    }
    assert_eq!(tokens.generation(), 1);
    assert!((3..=5).contains(&script.asked()), "{}", script.asked());
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
