//! When a call is refused, and what it says.

mod support;

use std::error::Error;
use std::time::Duration;

use http::Request;
use support::{Call, S, answer, call, counts, limited, nothing_sent, number, sent};
use tokio::time::{Instant, sleep, sleep_until};
use tower_intake_core::error::find;
use tower_intake_core::{
    BoxError, Classify, Deadline, Outcome, Refused, Reply, SendState, StatusTable, Waited,
};
use tower_intake_limit::{Limit, LimitFull};

const MS: Duration = Duration::from_millis(1);

fn due_in(number: u32, after: Duration) -> Request<u32> {
    let mut request = Request::new(number);
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), after));
    request
}

#[track_caller]
fn full(error: &BoxError) -> &LimitFull {
    find(&**error).expect("a LimitFull")
}

/// That `call` ends at `at` after now, refused, and not a millisecond before.
async fn refused_at(call: &mut Call, at: Duration) -> BoxError {
    let start = Instant::now();
    assert!(call.poll().is_pending());
    sleep_until(start + at - MS).await;
    assert!(!call.is_woken());
    sleep_until(start + at).await;
    assert!(call.is_woken());
    answer(call).expect_err("refused")
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_and_not_before() {
    let limit = Limit::fixed(2).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let _in_flight = [number(&mut service, 1), number(&mut service, 2)];
    sent(&mut handle);
    sent(&mut handle);
    let mut due = call(&mut service, due_in(3, 2 * S));
    let _other = number(&mut service, 4);

    let error = refused_at(&mut due, 2 * S).await;
    let refused = full(&error);
    assert_eq!((refused.in_flight(), refused.waiting(), refused.waited()), (2, 1, 2 * S));
    assert_eq!(refused.to_string(), "limit: no place was free within 2s, 2 in flight and 1 waiting");
    let source = refused.source().unwrap().downcast_ref::<Refused>().unwrap();
    assert_eq!((source.by(), source.retry_at()), ("limit", None));
    assert_eq!(Reply::error(&*error).waited(), Waited::limit(2 * S));
    assert_eq!(SendState::of(&*error), SendState::NotSent);
    assert_eq!(StatusTable::default().classify(Reply::error(&*error)), Outcome::Refused);
    assert_eq!(counts(&limit), (2, 1));
    nothing_sent(&mut handle);
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_max_wait_or_at_the_deadline_whichever_is_sooner() {
    let limit = Limit::builder().max(1).max_wait(5 * S).build().unwrap();
    let (mut service, _handle) = limited(&limit);
    let _in_flight = number(&mut service, 1);
    assert_eq!(full(&refused_at(&mut number(&mut service, 2), 5 * S).await).waited(), 5 * S);
    let mut sooner = call(&mut service, due_in(3, 4 * S));
    assert_eq!(full(&refused_at(&mut sooner, 4 * S).await).waited(), 4 * S);
    let mut later = call(&mut service, due_in(4, 6 * S));
    assert_eq!(full(&refused_at(&mut later, 5 * S).await).waited(), 5 * S);
    let mut no_end = call(&mut service, due_in(5, Duration::MAX));
    refused_at(&mut no_end, 5 * S).await;
    assert_eq!(counts(&limit), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn never_without_a_bound() {
    let limit = Limit::builder().max(1).max_wait(None).build().unwrap();
    let (mut service, mut handle) = limited(&limit);
    let in_flight = number(&mut service, 1);
    sent(&mut handle);
    let mut patient = number(&mut service, 2);
    let mut due_in_a_century = call(&mut service, due_in(3, Duration::MAX));
    assert!(patient.poll().is_pending() && due_in_a_century.poll().is_pending());
    sleep(S * 86_400 * 30).await;
    assert!(!patient.is_woken());
    assert_eq!(counts(&limit), (1, 2));
    drop(in_flight);
    assert!(patient.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[tokio::test(start_paused = true)]
async fn at_once_when_no_time_is_left_but_only_if_there_is_no_place() {
    let limit = Limit::builder().max(1).build().unwrap();
    let (mut service, mut handle) = limited(&limit);
    let late = due_in(1, S);
    sleep(2 * S).await;
    let mut goes = call(&mut service, late);
    assert!(goes.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 1);

    let error = answer(&mut call(&mut service, due_in(2, Duration::ZERO))).unwrap_err();
    let refused = error.downcast_ref::<LimitFull>().expect("not wrapped: it did not wait");
    assert_eq!((refused.in_flight(), refused.waiting(), refused.waited()), (1, 0, Duration::ZERO));
    assert_eq!(refused.to_string(), "limit: no place was free, 1 in flight and 0 waiting");

    let impatient = Limit::builder().max(1).max_wait(Duration::ZERO).build().unwrap();
    let (mut service, mut handle) = limited(&impatient);
    let _goes = number(&mut service, 1);
    assert_eq!(sent(&mut handle).0, 1);
    full(&answer(&mut number(&mut service, 2)).unwrap_err());
    nothing_sent(&mut handle);
}

#[tokio::test(start_paused = true)]
async fn at_once_when_the_queue_is_full() {
    let limit = Limit::builder().max(1).max_waiters(2).build().unwrap();
    let (mut service, mut handle) = limited(&limit);
    let in_flight = number(&mut service, 1);
    sent(&mut handle);
    let mut waiting = [number(&mut service, 2), number(&mut service, 3)];
    let error = answer(&mut number(&mut service, 4)).unwrap_err();
    assert_eq!((full(&error).in_flight(), full(&error).waiting()), (1, 2));
    assert_eq!(counts(&limit), (1, 2), "the others wait on");

    // room again
    drop(in_flight);
    let mut fourth = number(&mut service, 5);
    assert!(fourth.poll().is_pending());
    assert_eq!(counts(&limit), (1, 2));
    assert!(waiting[0].poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[tokio::test(start_paused = true)]
async fn not_when_the_place_comes_at_the_same_moment() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let in_flight = number(&mut service, 1);
    sent(&mut handle);
    let mut due = call(&mut service, due_in(2, S));
    assert!(due.poll().is_pending());
    sleep(S).await;
    drop(in_flight);
    assert!(due.poll().is_pending());
    assert_eq!((sent(&mut handle).0, counts(&limit)), (2, (1, 0)));
}
