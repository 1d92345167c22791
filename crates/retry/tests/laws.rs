//! Readiness, permits and cancellation: what holds of every layer.
#![allow(clippy::unwrap_used)] // helpers of tests

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use support::*;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::limit::ConcurrencyLimit;
use tower::{Service, ServiceExt};
use tower_intake_core::{Deadline, Exponential, Jitter};
use tower_intake_retry::{Retry, RetryLayer, RetryPolicy};
use tower_layer::Layer;

fn layer() -> RetryLayer {
    let backoff = Exponential::new(s(1.0)).jitter(Jitter::None);
    RetryLayer::new(RetryPolicy::builder().backoff(backoff).build().unwrap())
}

type Body = Full<Bytes>;

#[tokio::test(start_paused = true)]
async fn law_1_and_3_the_ready_service_takes_the_call_and_each_attempt_asks_anew() {
    // the mock panics when it is called without having been ready
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer());
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(get()));
    assert_pending!(call.poll());
    let (_, answer) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    answer.send_response(status(503).unwrap());
    assert_pending!(call.poll());
    tokio::time::sleep(s(2.0)).await;
    assert_pending!(call.poll());
    assert_pending!(task::spawn(handle.next_request()).poll());
    handle.allow(1);
    assert!(call.is_woken());
    assert_pending!(call.poll());
    let (request, answer) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    assert_eq!(tower_intake_core::Attempt::of(&request).number(), 2);
    answer.send_response(status(200).unwrap());
    assert_ready_ok!(call.poll());
}

#[tokio::test(start_paused = true)]
async fn law_2_no_permit_is_held_while_it_waits() {
    let server = server(|n| status(if n == 1 { 503 } else { 200 }));
    let limited = layer().layer(ConcurrencyLimit::new(server.clone(), 1));
    let first = tokio::spawn(limited.clone().oneshot(get()));
    tokio::time::sleep(ms(500)).await;
    // the first call sleeps until 1 s; the only permit is free
    let second = tokio::time::timeout(ms(1), limited.clone().oneshot(get())).await;
    assert_eq!(second.expect("not kept waiting").unwrap().status(), 200);
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(server.times(), [s(0.0), s(0.5), s(1.0)]);
}

#[tokio::test(start_paused = true)]
async fn law_2_nor_by_a_call_that_is_late_before_it_begins() {
    let server = server(|_| status(200));
    let mut service = layer().layer(ConcurrencyLimit::new(server.clone(), 1));
    ServiceExt::<Request<Body>>::ready(&mut service).await.unwrap();
    let mut request = get();
    request.extensions_mut().insert(Deadline::at(tokio::time::Instant::now().into_std()));
    let late = service.call(request);
    let other = tokio::time::timeout(ms(1), service.clone().oneshot(get())).await;
    assert!(other.is_ok());
    drop(late);
}

/// A service that counts what is alive of it.
#[derive(Clone)]
struct Alive {
    running: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
}

impl Service<Request<Body>> for Alive {
    type Response = Response<Body>;
    type Error = tower_intake_core::BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.running.fetch_add(1, Ordering::SeqCst);
        let n = self.calls.fetch_add(1, Ordering::SeqCst);
        let running = Running(Arc::clone(&self.running));
        Box::pin(async move {
            let _running = running;
            for _ in 0..3 {
                tokio::time::sleep(ms(10)).await;
            }
            match n % 4 {
                0 => status(503),
                1 => Err(reset()),
                2 => after(429, 1),
                _ => status(200),
            }
        })
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn law_4_dropped_at_its_kth_poll_it_leaves_nothing_behind() {
    let mut finished = false;
    let mut k = 0;
    while !finished {
        let alive = Alive { running: Arc::default(), calls: Arc::default() };
        let semaphore = Arc::new(tokio::sync::Semaphore::new(1));
        let inner = ConcurrencyLimit::with_semaphore(alive.clone(), Arc::clone(&semaphore));
        let service: Retry<_, _> = layer().layer(inner);
        {
            let mut call = pin!(service.clone().oneshot(get()));
            let mut polls = 0;
            let outcome = std::future::poll_fn(|cx| {
                polls += 1;
                if polls > k {
                    return Poll::Ready(None);
                }
                call.as_mut().poll(cx).map(Some)
            })
            .await;
            finished = outcome.is_some();
            if let Some(reply) = outcome {
                assert_eq!(reply.unwrap().status(), 200);
            }
        }
        let calls = alive.calls.load(Ordering::SeqCst);
        tokio::time::sleep(s(60.0)).await;
        assert_eq!(alive.running.load(Ordering::SeqCst), 0, "poll {k}");
        assert_eq!(alive.calls.load(Ordering::SeqCst), calls, "nothing runs on after poll {k}");
        assert_eq!(semaphore.available_permits(), 1, "poll {k}");
        k += 1;
    }
    assert!(k > 10, "many places to be dropped at: {k}");
}

#[test]
fn services_and_futures_are_send_and_sync_where_the_inner_ones_are() {
    fn send<T: Send>(_: &T) {}
    fn all<T: Clone + Send + Sync + std::fmt::Debug>(_: &T) {}
    let (mock, _handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service = layer().layer(mock);
    all(&layer());
    send(&service);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        std::future::poll_fn(|cx| Service::<Request<Body>>::poll_ready(&mut service, cx)).await.unwrap();
        send(&service.call(get()));
    });
    all(&layer().layer(Named));
}

#[derive(Clone, Debug)]
struct Named;

#[tokio::test(start_paused = true)]
async fn law_6_a_deadline_and_a_retry_after_beyond_all_clocks() {
    let server = server(|_| with(429, "retry-after", "99999999999999999999999999"));
    let policy =
        RetryPolicy::builder().max_retry_after(Duration::MAX).max_rate_limited(None).build().unwrap();
    let mut request = get();
    request.extensions_mut().insert(Deadline::after(tokio::time::Instant::now().into_std(), Duration::MAX));
    let reply = send(&mut server.with(policy), request).await;
    // ten thousand years do not fit the hundred that a clock can express
    assert_eq!((code(&reply), server.count()), (429, 1));
}

/// Its first attempt was refused by a breaker; when its turn came, the service inside had died. It was told that a
/// deadline of 0 ns had passed.
#[tokio::test(start_paused = true)]
async fn a_readiness_error_after_a_refusal_is_returned_as_what_it_is() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut call = task::spawn(service.call(get()));
    assert_pending!(call.poll());
    let (_, answer) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    answer.send_error(tower_intake_core::Refused::new("breaker"));
    assert_pending!(call.poll());
    handle.send_error("the worker is gone");
    tokio::time::sleep(s(2.0)).await;
    let error = assert_ready!(call.poll()).unwrap_err();
    assert!(tower_intake_core::error::describe(&*error).contains("the worker is gone"), "{error:?}");
    let report = tower_intake_core::error::find::<tower_intake_core::RetryError>(&*error).unwrap().report();
    assert_eq!((report.attempts, report.stopped), (0, Some(tower_intake_core::Stopped::Refused)));
}

/// 503, then a reset, then the deadline: the caller got the reset, although the server had said something.
#[tokio::test(start_paused = true)]
async fn c_re_16_an_answer_is_kept_over_an_error_that_came_after_it() {
    let server = server(|n| match n {
        1 => status(503),
        _ => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
    });
    let mut request = get();
    request.extensions_mut().insert(Deadline::after(tokio::time::Instant::now().into_std(), s(2.5)));
    let backoff = Exponential::new(s(1.0)).factor(1.0).jitter(Jitter::None);
    let policy = RetryPolicy::builder().backoff(backoff).build().unwrap();
    let slow = tower::service_fn({
        let server = server.clone();
        move |request: Request<Body>| {
            let mut server = server.clone();
            async move {
                // the third attempt hangs until the deadline cuts it
                if server.count() == 2 {
                    std::future::pending::<()>().await;
                }
                server.call(request).await
            }
        }
    });
    let answer = RetryLayer::new(policy).layer(slow).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 503);
    let report = answer.extensions().get::<tower_intake_core::RetryReport>().unwrap();
    assert_eq!((report.attempts, report.stopped), (3, Some(tower_intake_core::Stopped::Deadline)));
}
