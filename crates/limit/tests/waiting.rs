//! Who waits, for how long, and who goes next.

mod support;

use std::time::Duration;

use http::Response;
use http_body_util::BodyExt;
use support::{S, Script, answer, counts, limited, nothing_sent, number, sent};
use tokio::time::sleep;
use tower_intake_core::{Reply, Waited};
use tower_intake_limit::Limit;

#[tokio::test(start_paused = true)]
async fn one_more_than_the_limit_waits_and_goes_when_a_body_has_ended() {
    let limit = Limit::fixed(2).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let mut first = number(&mut service, 1);
    let _second = number(&mut service, 2);
    let (_, respond) = sent(&mut handle);
    sent(&mut handle);

    let mut third = number(&mut service, 3);
    assert!(third.poll().is_pending());
    assert_eq!(counts(&limit), (2, 1));

    sleep(3 * S).await;
    respond.send_response(Response::new(Script::one()));
    let head = answer(&mut first);
    let waited = Reply::of(&head).waited();
    assert_eq!(waited, Waited::default(), "the first did not wait");
    let mut body = head.unwrap().into_body();
    sleep(2 * S).await;
    assert!(!third.is_woken(), "the answer of the first is still being read");
    nothing_sent(&mut handle);

    body.frame().await.unwrap().unwrap();
    assert!(!third.is_woken());
    assert!(body.frame().await.is_none());
    assert!(third.is_woken());
    assert!(third.poll().is_pending(), "it is in flight");
    let (who, respond) = sent(&mut handle);
    assert_eq!((who, counts(&limit)), (3, (2, 0)));

    sleep(7 * S).await;
    respond.send_response(Response::new(Script::one()));
    assert_eq!(
        Reply::of(&answer(&mut third)).waited(),
        Waited::limit(5 * S),
        "for its place, not its answer"
    );
}

#[tokio::test(start_paused = true)]
async fn places_go_in_the_order_of_arrival_whatever_the_order_of_polls() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let holder = number(&mut service, 0);
    sent(&mut handle);
    let mut waiters: Vec<_> = (1..=5).map(|n| Some(number(&mut service, n))).collect();
    for waiter in waiters.iter_mut().rev().flatten() {
        assert!(waiter.poll().is_pending());
    }
    drop(holder);
    for turn in 0..5 {
        let woken: Vec<_> = (turn..5).filter(|n| waiters[*n].as_mut().unwrap().is_woken()).collect();
        assert_eq!(woken, [turn]);
        for waiter in waiters.iter_mut().rev().flatten() {
            assert!(waiter.poll().is_pending());
        }
        assert_eq!(sent(&mut handle).0 as usize, turn + 1);
        nothing_sent(&mut handle);
        waiters[turn] = None;
    }
    assert_eq!(counts(&limit), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_overtake_one_who_has_not_noticed_yet() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let holder = number(&mut service, 0);
    sent(&mut handle);
    let mut waiter = number(&mut service, 1);
    assert!(waiter.poll().is_pending());
    drop(holder);
    assert_eq!(counts(&limit), (1, 0), "the place is the waiter's already");
    let mut newcomer = number(&mut service, 2);
    assert!(newcomer.poll().is_pending());
    nothing_sent(&mut handle);
    assert!(waiter.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_gives_its_place_back_and_tells_how_long_it_had_waited() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let mut first = number(&mut service, 1);
    let (_, respond) = sent(&mut handle);
    let mut second = number(&mut service, 2);
    let third = number(&mut service, 3);
    assert!(second.poll().is_pending());
    sleep(Duration::from_millis(250)).await;
    respond.send_error("reset");
    let error = answer(&mut first).unwrap_err();
    assert_eq!(error.to_string(), "reset");
    assert_eq!(Reply::error(&*error).waited(), Waited::default());

    assert!(second.is_woken() && second.poll().is_pending());
    let (who, respond) = sent(&mut handle);
    assert_eq!((who, counts(&limit)), (2, (1, 1)));
    respond.send_error("reset");
    let error = answer(&mut second).unwrap_err();
    assert_eq!(error.to_string(), "reset");
    assert_eq!(Reply::error(&*error).waited(), Waited::limit(Duration::from_millis(250)));
    assert_eq!(counts(&limit), (1, 0), "the third's");
    drop(third);
    assert_eq!(counts(&limit), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_added_to_those_of_layers_further_in() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let first = number(&mut service, 1);
    sent(&mut handle);
    let mut second = number(&mut service, 2);
    assert!(second.poll().is_pending());
    sleep(2 * S).await;
    drop(first);
    assert!(second.poll().is_pending());
    let mut response = Response::new(Script::empty());
    response.extensions_mut().insert(Waited::auth(S));
    sent(&mut handle).1.send_response(response);
    let waited = Reply::of(&answer(&mut second)).waited();
    assert_eq!((waited.auth, waited.limit, waited.gate), (S, 2 * S, Duration::ZERO));
}
