//! AU-4 and AU-5: how a token is fetched and renewed.

#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::time::Duration;

use support::{MS, S, Script, Seen, Then, give, ok, origins, permanent, random, refused, request};
use tokio::time::{Instant, sleep};
use tower::{Layer as _, Service as _, ServiceExt as _};
use tower_intake_auth::{AuthError, AuthLayer, TokenError, Tokens};
use tower_intake_core::{BoxError, Classify as _, Outcome, Reply, StatusTable, error};

fn tokens(script: &Script) -> Tokens {
    Tokens::builder(script.clone()).random(random()).build().unwrap()
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
