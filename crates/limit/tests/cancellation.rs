//! Futures and bodies that are dropped: no place is lost, none comes back twice, the next one goes.
#![allow(clippy::unwrap_used)] // clippy knows a test function, but not what it calls

mod support;

use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use support::{Call, Script, answer, counts, data, limited, number, poll_ready, sent};
use tower_intake_limit::{Limit, LimitedBody};
use tower_test::mock::SendResponse;

/// Brings a call through all that can happen to it and drops it after `steps` of it; true if that was all.
async fn dropped_after(steps: usize) -> bool {
    let limit = Limit::fixed(1).unwrap();
    let (mut service, mut handle) = limited(&limit);
    let before = number(&mut service, 0);
    sent(&mut handle);
    handle.allow(0);
    let mut call = number(&mut service, 1);
    let mut after = number(&mut service, 2);
    assert!(after.poll().is_pending());
    assert_eq!(counts(&limit), (1, 2));

    let mut before = Some(before);
    let mut respond = None;
    let mut body = None;
    for step in 0..steps {
        match step {
            0 => assert!(call.poll().is_pending()),
            1 => assert!(call.poll().is_pending()),
            2 => before = None,                     // its place is handed over
            3 => assert!(call.poll().is_pending()), // in its place, inner not ready
            4 => handle.allow(2),
            5 => {
                assert!(call.poll().is_pending()); // sent
                respond = Some(sent(&mut handle));
            }
            6 => {
                let (who, respond) = respond.take().unwrap();
                assert_eq!(who, 1);
                respond.send_response(Response::new(Script::new([data("a"), data("b")])));
            }
            7 => body = Some(answer(&mut call).unwrap().into_body()),
            8 => assert!(body.as_mut().unwrap().frame().await.is_some()),
            9 => assert!(body.as_mut().unwrap().frame().await.is_some()),
            _ => unreachable!("there are ten steps"),
        }
    }
    assert_eq!(limit.in_flight(), 1);
    drop((call, body));
    if before.is_some() {
        assert_eq!(counts(&limit), (1, 1), "it left the queue");
    }
    drop(before);
    assert_eq!(counts(&limit), (1, 0), "after {steps} steps the place is the next one's");
    assert!(after.is_woken());
    handle.allow(1);
    assert!(after.poll().is_pending());
    let who = std::iter::from_fn(|| match handle.poll_request() {
        std::task::Poll::Ready(Some((request, _))) => Some(request.into_body()),
        _ => None,
    });
    assert_eq!(who.last(), Some(2));
    drop(after);
    assert_eq!(counts(&limit), (0, 0));
    steps == 10
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_any_number_of_steps() {
    let mut steps = 0;
    while !dropped_after(steps).await {
        steps += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_ready_and_never_called_has_no_place() {
    let limit = Limit::fixed(1).unwrap();
    let (service, mut handle) = limited(&limit);
    let mut ready = [service.clone(), service.clone()];
    for service in &mut ready {
        assert!(poll_ready(service).is_ready());
    }
    assert_eq!(counts(&limit), (0, 0));
    let mut service = service;
    let _call = number(&mut service, 1);
    assert_eq!(sent(&mut handle).0, 1);
}

#[derive(Clone, Debug)]
enum Step {
    Call,
    Poll(usize),
    Cancel(usize),
    Answer(usize),
    Frame(usize),
    DropBody(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Call),
        4 => any::<usize>().prop_map(Step::Poll),
        2 => any::<usize>().prop_map(Step::Cancel),
        3 => any::<usize>().prop_map(Step::Answer),
        3 => any::<usize>().prop_map(Step::Frame),
        1 => any::<usize>().prop_map(Step::DropBody),
    ]
}

proptest! {
    /// Every call that lives, as a future or as a body, is in flight or waits: as many in flight as there are
    /// places, the rest waiting. So the places in flight and those free are always `max` together.
    #[test]
    fn the_counts_are_exact_whatever_is_dropped(max in 1_usize..5, steps in prop::collection::vec(step(), 0..150)) {
        // timers need a runtime; nothing here waits for one
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _entered = runtime.enter();
        let limit = Limit::fixed(max).unwrap();
        let (mut service, mut handle) = limited(&limit);
        let mut calls: Vec<Call> = Vec::new();
        let mut responders: Vec<SendResponse<Response<Script>>> = Vec::new();
        let mut bodies: Vec<LimitedBody<Script>> = Vec::new();
        for step in steps {
            match step {
                Step::Call => calls.push(support::call(&mut service, Request::new(0))),
                Step::Poll(n) if !calls.is_empty() => {
                    let n = n % calls.len();
                    if let std::task::Poll::Ready(answer) = calls[n].poll() {
                        bodies.push(answer.unwrap().into_body());
                        drop(calls.remove(n));
                    }
                }
                Step::Cancel(n) if !calls.is_empty() => drop(calls.remove(n % calls.len())),
                Step::Answer(n) if !responders.is_empty() => {
                    let responder = responders.remove(n % responders.len());
                    responder.send_response(Response::new(Script::new([data("a"), data("b")])));
                }
                Step::Frame(n) if !bodies.is_empty() => {
                    let n = n % bodies.len();
                    let frame = tokio_test::task::spawn(bodies[n].frame()).poll();
                    if let std::task::Poll::Ready(None) = frame {
                        // kept for a while after its end: it must not count
                        let ended = bodies.remove(n);
                        prop_assert_eq!(limit.in_flight(), max.min(calls.len() + bodies.len()));
                        drop(ended);
                    }
                }
                Step::DropBody(n) if !bodies.is_empty() => drop(bodies.remove(n % bodies.len())),
                _ => {}
            }
            while let std::task::Poll::Ready(Some((_, responder))) = handle.poll_request() {
                responders.push(responder);
            }
            let alive = calls.len() + bodies.len();
            prop_assert_eq!(counts(&limit), (max.min(alive), alive.saturating_sub(max)));
        }
        drop((calls, bodies));
        prop_assert_eq!(counts(&limit), (0, 0));
    }
}
