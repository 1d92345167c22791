//! What the service inside is asked, and what is held meanwhile. The mock panics when it is called unready.

mod support;

use std::task::Poll;

use http::{Request, Response};
use http_body_util::BodyExt;
use support::{Mock, Script, answer, counts, limited, nothing_sent, number, poll_ready, sent};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_intake_limit::{Limit, Limited};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn with_a_free_place_readiness_is_that_of_the_service_inside() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    handle.allow(0);
    assert!(poll_ready(&mut service).is_pending());
    handle.allow(1);
    let _call = number(&mut service, 1);
    assert_eq!(sent(&mut handle).0, 1);
}

#[tokio::test(start_paused = true)]
async fn without_one_it_is_ready_and_the_service_inside_is_asked_in_the_place() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let first = number(&mut service, 1);
    sent(&mut handle);
    handle.allow(0);
    let mut second = number(&mut service, 2);
    assert!(second.poll().is_pending());
    drop(first);
    assert!(second.is_woken() && second.poll().is_pending());
    nothing_sent(&mut handle);
    assert_eq!(counts(&limit), (1, 0), "it is in its place");
    handle.allow(1);
    assert!(second.is_woken() && second.poll().is_pending());
    let (who, respond) = sent(&mut handle);
    assert_eq!(who, 2);
    respond.send_response(Response::new(Script::empty()));
    assert!(answer(&mut second).is_ok());
    assert_eq!(counts(&limit), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_became_free_after_readiness_was_reported_is_taken() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let mut other = service.clone();
    let first = number(&mut other, 1);
    sent(&mut handle);
    assert!(poll_ready(&mut service).is_ready());
    drop(first);
    let mut second = tokio_test::task::spawn(service.call(Request::new(2)));
    assert_eq!(counts(&limit), (1, 0));
    assert!(second.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[tokio::test(start_paused = true)]
async fn errors_of_readiness_pass_and_give_the_place_back() {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let first = number(&mut service, 1);
    sent(&mut handle);
    let mut second = number(&mut service, 2);
    let mut third = number(&mut service, 3);
    assert!(second.poll().is_pending() && third.poll().is_pending());
    handle.send_error("gone");
    drop(first);
    assert_eq!(answer(&mut second).unwrap_err().to_string(), "gone");
    assert_eq!(counts(&limit), (1, 0), "the third's");
    assert!(third.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 3);
    drop((second, third));

    handle.send_error("gone");
    match poll_ready(&mut service) {
        Poll::Ready(Err(error)) => assert_eq!(error.to_string(), "gone"),
        other => panic!("{other:?}"),
    }
    // the next one is right again
    let _call = number(&mut service, 4);
    assert_eq!((sent(&mut handle).0, counts(&limit)), (4, (1, 0)));
}

type Inner = ConcurrencyLimit<Mock>;

fn around(limit: &Limit, permits: usize) -> (Limited<Inner>, Inner, support::Handle) {
    let (mock, handle) = mock::pair();
    let inner = ConcurrencyLimit::new(mock, permits);
    (Limited::new(inner.clone(), limit.clone()), inner, handle)
}

#[tokio::test(start_paused = true)]
async fn a_ready_service_whose_call_must_wait_lets_its_permit_go() {
    let limit = Limit::fixed(1).unwrap();
    let (mut a, mut inner, mut handle) = around(&limit, 2);
    let mut b = a.clone();
    assert!(poll_ready(&mut a).is_ready() && poll_ready(&mut b).is_ready());
    assert!(poll_ready(&mut inner).is_pending(), "each holds one of two permits");
    let first = a.call(Request::new(1));
    sent(&mut handle);
    let mut second = tokio_test::task::spawn(b.call(Request::new(2)));
    assert!(second.poll().is_pending());
    assert_eq!(counts(&limit), (1, 1));
    assert!(poll_ready(&mut inner).is_ready(), "who waits holds no permit");
    drop(inner);
    drop(first);
    assert!(second.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_ready_lets_its_permit_go_when_the_last_place_is_taken() {
    let limit = Limit::fixed(1).unwrap();
    let (mut a, mut inner, mut handle) = around(&limit, 2);
    let mut b = a.clone();
    assert!(poll_ready(&mut a).is_ready() && poll_ready(&mut b).is_ready());
    let _first = a.call(Request::new(1));
    sent(&mut handle);
    assert!(poll_ready(&mut inner).is_pending());
    assert!(poll_ready(&mut b).is_ready());
    assert!(poll_ready(&mut inner).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stood_in_a_queue_inside_leaves_it_when_the_last_place_is_taken() {
    let limit = Limit::fixed(1).unwrap();
    let (mut a, mut inner, mut handle) = around(&limit, 1);
    let mut b = a.clone();
    assert!(poll_ready(&mut a).is_ready());
    assert!(poll_ready(&mut b).is_pending(), "it queues for the permit");
    let first = tokio_test::task::spawn(a.call(Request::new(1)));
    sent(&mut handle);
    assert!(poll_ready(&mut b).is_ready(), "and no more");
    drop(first);
    assert!(poll_ready(&mut inner).is_ready(), "nobody stands before");
    drop(inner);
    // all of it goes on, one after the other
    let mut second = tokio_test::task::spawn(b.call(Request::new(2)));
    assert!(second.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[tokio::test(start_paused = true)]
async fn many_calls_over_one_permit_all_end() {
    let limit = Limit::fixed(3).unwrap();
    let service = tower::service_fn(|_: Request<u32>| async {
        tokio::time::sleep(support::S).await;
        Ok::<_, tower_intake_core::BoxError>(Response::new(Script::one()))
    });
    let service = Limited::new(ConcurrencyLimit::new(service, 1), limit.clone());
    let start = tokio::time::Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let mut service = service.clone();
            tokio::spawn(async move {
                let answer = service.ready().await.unwrap().call(Request::new(n)).await.unwrap();
                answer.into_body().collect().await.unwrap();
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    assert_eq!(start.elapsed(), 20 * support::S, "one after the other, without a gap");
    assert_eq!(counts(&limit), (0, 0));
}
