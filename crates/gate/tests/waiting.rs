//! Waiting holds nothing, has an end, and leaves nothing behind.

mod support;

use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use support::{Server, gated, get, ms, ok, s, send, settle, status, throttled};
use tokio::time::{Instant, sleep};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceExt};
use tower_intake_core::{BoxError, Deadline, Key, Refused, Waited, error};
use tower_intake_gate::{Gate, GateClosed, GateLayer, GateState, Reason, Reopen};

const A: &str = "http://a/";

fn key() -> Key {
    Key::named("http://a:80")
}

fn refusal(error: &BoxError) -> &GateClosed {
    error::find(&**error).expect("the gate refused")
}

#[tokio::test(start_paused = true)]
async fn c_ga_06_a_wait_longer_than_max_wait_is_refused_at_once() {
    let gate = Gate::builder().max_wait(s(5)).reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    let service = gated(&gate, server.clone());
    gate.close_for(&key(), s(5));
    let until = Instant::now().into_std() + s(5);
    let fits = send(&service, A);
    settle().await;
    gate.close_for(&key(), ms(5001));
    // the extension concerns the one who waits already
    let error = fits.await.unwrap().unwrap_err();
    assert_eq!((server.at(), refusal(&error).reason()), (0, Reason::MaxWait));
    let error = service.clone().oneshot(get(A)).await.unwrap_err();
    assert_eq!(server.at(), 0);
    let closed = refusal(&error);
    assert_eq!((closed.key(), closed.reason()), (&key(), Reason::MaxWait));
    assert_eq!(closed.until(), Some(until + ms(1)));
    let refused = error::find::<Refused>(&*error).unwrap();
    assert_eq!((refused.by(), refused.retry_at()), ("gate", closed.until()));
    assert_eq!(gate.waiters(), 0);

    sleep(ms(1)).await;
    service.clone().oneshot(get(A)).await.unwrap();
    assert_eq!(server.times(), [5001], "exactly max_wait is no longer than max_wait");
}

#[tokio::test(start_paused = true)]
async fn c_ga_06_max_wait_bounds_all_closings_together() {
    let gate = Gate::builder().max_wait(s(5)).build().unwrap();
    let server = Server::new(|_, _| (ms(0), throttled()));
    let service = gated(&gate, server.clone());
    // each probe is throttled for another second; the tenth in line has no hope
    gate.close_for(&key(), s(1));
    let sent: Vec<_> = (0..10).map(|_| send(&service, A)).collect();
    let mut refused = 0;
    for answer in sent {
        if let Err(error) = answer.await.unwrap() {
            assert_eq!(refusal(&error).reason(), Reason::MaxWait);
            refused += 1;
        }
    }
    assert_eq!(server.times(), [1000, 2000, 3000, 4000, 5000]);
    assert_eq!((refused, server.at()), (5, 5000));
}

#[tokio::test(start_paused = true)]
async fn c_ga_06_none_is_no_bound_and_zero_never_waits() {
    let gate = Gate::builder().max_wait(None).reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    gate.close_for(&key(), s(1_000_000));
    gated(&gate, server.clone()).oneshot(get(A)).await.unwrap();
    assert_eq!(server.times(), [1_000_000_000]);

    let gate = Gate::builder().max_wait(Duration::ZERO).build().unwrap();
    gate.close_for(&key(), ms(1));
    let error = gated(&gate, server.clone()).oneshot(get(A)).await.unwrap_err();
    assert_eq!(refusal(&error).reason(), Reason::MaxWait);
}

#[tokio::test(start_paused = true)]
async fn c_ga_06_a_wait_to_the_deadline_is_refused_at_once() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    let service = gated(&gate, server.clone());
    let with = |after: Duration| {
        let mut request = get(A);
        request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), after));
        request
    };
    gate.close_for(&key(), s(5));
    for too_short in [s(0), s(4), s(5)] {
        let error = service.clone().oneshot(with(too_short)).await.unwrap_err();
        assert_eq!((refusal(&error).reason(), server.at()), (Reason::Deadline, 0));
    }
    service.clone().oneshot(with(ms(5001))).await.unwrap();
    assert_eq!(server.times(), [5000]);
}

/// On the ramp nobody knows how long it takes: the deadline itself ends the wait.
#[tokio::test(start_paused = true)]
async fn c_ga_06_the_deadline_ends_a_wait_whose_length_nobody_knew() {
    let gate = Gate::per_authority();
    let server = Server::new(|_, _| (s(4), ok()));
    let service = gated(&gate, server.clone());
    gate.close_for(&key(), s(1));
    let probe = send(&service, A);
    settle().await;
    let mut request = get(A);
    request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), s(3)));
    let began = Instant::now();
    let error = service.clone().oneshot(request).await.unwrap_err();
    assert_eq!(began.elapsed(), s(3));
    assert_eq!(refusal(&error).reason(), Reason::Deadline);
    // what it waited is told with the error
    let mut reply: Result<Response<()>, BoxError> = Err(error);
    assert_eq!(tower_intake_core::Reply::of(&reply).waited(), Waited::gate(s(3)));
    Waited::gate(s(1)).note(&mut reply);
    probe.await.unwrap().unwrap();
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn c_ga_07_one_waiter_too_many_is_refused() {
    let gate = Gate::builder().max_waiters(3).reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    let service = gated(&gate, server.clone());
    gate.close_for(&key(), s(1));
    gate.close_for(&Key::named("http://b:80"), s(1));
    let sent: Vec<_> = [A, A, "http://b/"].map(|uri| send(&service, uri)).into();
    settle().await;
    let error = service.clone().oneshot(get(A)).await.unwrap_err();
    assert_eq!((refusal(&error).reason(), server.at()), (Reason::TooManyWaiters, 0));
    // RE-11: a full queue names no instant, or all that it sent away would come back at it together
    assert!(refusal(&error).until().is_none());
    sent[1].abort();
    settle().await;
    let instead = send(&service, A);
    for answer in [instead].into_iter().chain(sent) {
        assert!(answer.await.is_ok_and(|answer| answer.is_ok()) || server.at() > 0);
    }
    assert_eq!(server.times(), [1000; 3]);
    assert_eq!(gate.waiters(), 0);
}

/// The inner service has one place. While the gate is closed it stays free.
#[tokio::test(start_paused = true)]
async fn c_ga_03_a_closed_gate_leaves_the_inner_permit_free() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = Server::script(vec![]);
    let limited = ConcurrencyLimit::new(server.clone(), 1);
    let mut service = gated(&gate, limited.clone());
    // made ready before the closing: holds the permit
    service.ready().await.unwrap();
    gate.close_for(&key(), s(1));
    let waiting = tokio::spawn(service.call(get(A)));
    settle().await;
    assert_eq!(gate.waiters(), 1);
    // somebody who uses the same limit without the gate
    let other = limited.clone().oneshot(get("http://other/direct")).await;
    assert!(other.is_ok());
    assert_eq!((server.at(), server.paths()), (10, vec!["/direct".to_owned()]));
    waiting.await.unwrap().unwrap();
    assert_eq!(server.times(), [0, 1000]);
}

/// Ready, but never called; then the gate closes and readiness is asked for again: the permit is free.
#[tokio::test(start_paused = true)]
async fn c_ga_03_readiness_that_was_not_used_is_given_back() {
    let gate = Gate::per_authority();
    let server = Server::script(vec![]);
    let limited = ConcurrencyLimit::new(server, 1);
    let mut holder = gated(&gate, limited.clone());
    holder.ready().await.unwrap();
    // queued: pending behind the holder
    let mut queued = tokio_test::task::spawn(gated(&gate, limited.clone()));
    queued.enter(|cx, mut service| {
        assert!(Service::<Request<()>>::poll_ready(&mut *service, cx).is_pending());
    });
    gate.close_for(&key(), s(1));
    holder.ready().await.unwrap();
    queued.enter(|cx, mut service| {
        assert!(Service::<Request<()>>::poll_ready(&mut *service, cx).is_ready());
    });
    // neither permit nor queue stands in the way
    let mut direct = limited.clone();
    let ready = std::pin::pin!(direct.ready());
    assert!(tokio_test::task::spawn(ready).poll().is_ready());
}

/// Another key is closed, so readiness is not asked for in advance: the future does it, and under a limit of
/// one both go, one after the other.
#[tokio::test(start_paused = true)]
async fn c_ga_03_an_open_key_waits_for_the_inner_service_in_the_future() {
    let gate = Gate::per_authority();
    let server = Server::new(|_, _| (ms(100), ok()));
    let service = gated(&gate, ConcurrencyLimit::new(server.clone(), 1));
    gate.close_for(&Key::named("http://closed:80"), s(10));
    let (one, two) = (send(&service, A), send(&service, A));
    sleep(ms(50)).await;
    assert_eq!((server.times().len(), gate.waiters()), (1, 1));
    for answer in [one, two] {
        let answer = answer.await.unwrap().unwrap();
        assert!(answer.extensions().get::<Waited>().is_none(), "the gate did not make it wait");
    }
    assert_eq!(server.times(), [0, 100]);
}

/// It closes while the future waits for the inner service: then it goes back to the line, not to the server.
#[tokio::test(start_paused = true)]
async fn c_ga_03_nothing_leaves_that_became_ready_too_late() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let server = Server::new(|n, _| (ms(100), if n == 0 { throttled() } else { ok() }));
    let limited = ConcurrencyLimit::new(server.clone(), 1);
    let service = gated(&gate, limited.clone());
    gate.close_for(&Key::named("http://closed:80"), s(10));
    let sent: Vec<_> = (0..4).map(|n| send(&service, &format!("{A}{n}"))).collect();
    sleep(ms(1099)).await;
    assert_eq!((server.times(), gate.waiters()), (vec![0], 3));
    // the permit is free meanwhile
    assert!(limited.clone().oneshot(get("http://x/direct")).await.is_ok());
    for answer in sent {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(server.paths()[2..], ["/1", "/2", "/3"], "and nobody lost their place");
}

/// The mock panics when it is called without having been ready.
#[tokio::test(start_paused = true)]
async fn readiness_is_asked_of_the_one_that_is_called() {
    let gate = Gate::builder().reopen(Reopen::All).build().unwrap();
    let (mut mock, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(GateLayer::new(gate.clone()));
    handle.allow(1);
    assert!(matches!(mock.poll_ready(), Poll::Ready(Ok(()))));
    let first = tokio::spawn(mock.call(get(A)));
    handle.next_request().await.unwrap().1.send_response(status(429, &[("retry-after", "1")]).unwrap());
    first.await.unwrap().unwrap();

    // closed: ready all the same, and the inner service is not asked
    handle.allow(0);
    assert!(matches!(mock.poll_ready(), Poll::Ready(Ok(()))));
    let second = tokio::spawn(mock.call(get(A)));
    sleep(s(2)).await;
    assert_eq!(gate.waiters(), 1, "it waits for the inner service now");
    handle.allow(1);
    handle.next_request().await.unwrap().1.send_response(Response::new(()));
    second.await.unwrap().unwrap();

    // an open gate hands on what the inner service says
    handle.allow(0);
    assert!(mock.poll_ready().is_pending());
    handle.send_error("broken");
    assert!(matches!(mock.poll_ready(), Poll::Ready(Err(_))));
}

/// Drops a request at each of its polls, and looks whether everything is as before.
#[tokio::test(start_paused = true)]
async fn a_future_dropped_at_any_poll_leaves_nothing_behind() {
    for k in 0..8 {
        for reopen in [Reopen::Probe, Reopen::All] {
            let gate = Gate::builder().reopen(reopen).build().unwrap();
            let server = Server::new(|_, _| (ms(50), ok()));
            let limited = ConcurrencyLimit::new(server.clone(), 1);
            let service = gated(&gate, limited.clone());
            gate.close_for(&key(), s(1));
            let mut future = tokio_test::task::spawn(service.clone().oneshot(get(A)));
            for _ in 0..k {
                if future.poll().is_ready() {
                    break;
                }
                sleep(ms(400)).await;
            }
            drop(future);
            assert_eq!(gate.waiters(), 0, "{k} {reopen:?}");
            assert_eq!(service.clone().oneshot(get(A)).await.unwrap().status(), 200);
            let mut permit = limited.clone();
            permit.ready().await.unwrap();
            assert!(server.at() <= 10_000, "{k} {reopen:?}: {}", server.at());
            sleep(s(100)).await;
            assert_eq!(gate.state(&key()), GateState::Open);
        }
    }
}

/// Many come, wait, give up at random moments; whoever stays is served, in order, and nothing is lost.
#[tokio::test(start_paused = true)]
async fn c_ga_03_waiters_that_give_up_at_random_harm_nobody() {
    for seed in 0..40_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = move |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let gate = Gate::per_authority();
        let server = Server::new(|n, _| (ms(20), if n % 17 == 16 { throttled() } else { ok() }));
        let service = GateLayer::new(gate.clone()).layer(ConcurrencyLimit::new(server.clone(), 3));
        gate.close_for(&key(), s(1));
        let mut sent = Vec::new();
        for n in 0..40 {
            let call = service.clone().oneshot(get(&format!("{A}{n}")));
            let patience = if random(2) == 0 { Duration::MAX } else { ms(random(4000)) };
            sent.push((patience, tokio::spawn(tokio::time::timeout(patience, call))));
            sleep(ms(random(60))).await;
        }
        for (patience, answer) in sent {
            let answer = answer.await.unwrap();
            assert!(answer.is_ok_and(|answer| answer.is_ok()) || patience < Duration::MAX, "seed {seed}");
        }
        assert_eq!(gate.waiters(), 0, "seed {seed}");
        let numbers: Vec<u32> = server.paths().iter().map(|path| path[1..].parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "seed {seed}: {numbers:?}");
        sleep(s(100)).await;
        assert_eq!(gate.state(&key()), GateState::Open, "seed {seed}");
    }
}

#[test]
fn c_ga_06_outside_a_runtime_a_wait_is_refused_and_does_not_hang() {
    let gate = Gate::per_authority();
    let service = GateLayer::new(gate.clone())
        .layer(tower::service_fn(|_: Request<()>| async { Ok::<_, BoxError>(Response::new(())) }));
    let mut open = tokio_test::task::spawn(service.clone().oneshot(get(A)));
    assert!(matches!(open.poll(), Poll::Ready(Ok(_))));
    gate.close_for(&key(), s(5));
    let mut future = tokio_test::task::spawn(service.oneshot(get(A)));
    let Poll::Ready(Err(error)) = future.poll() else { panic!("it hangs") };
    assert_eq!(refusal(&error).reason(), Reason::NoRuntime);
    drop(future);
    assert_eq!(gate.waiters(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_keeps_the_time_of_a_gate_that_is_gone() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let gate = Gate::per_authority();
    gate.close_for(&key(), Duration::MAX);
    settle().await;
    assert_eq!(tasks(), 1);
    drop(gate);
    settle().await;
    assert_eq!(tasks(), 0);
}
