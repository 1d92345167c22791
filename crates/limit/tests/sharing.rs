//! One limit in many hands.
#![allow(clippy::unwrap_used)] // clippy knows a test function, but not what it calls

mod support;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use support::{counts, sent};
use tower::{Layer, Service, ServiceExt};
use tower_intake_limit::{AdaptiveLimitLayer, Limit};
use tower_test::mock;

#[tokio::test(start_paused = true)]
async fn two_layers_with_one_handle_are_one_limit_and_another_handle_is_another() {
    let limit = Limit::fixed(1).unwrap();
    let (inner, mut handle) = mock::pair();
    let mut a = AdaptiveLimitLayer::new(limit.clone()).layer(inner.clone());
    let mut b = AdaptiveLimitLayer::new(limit.clone()).layer(inner.clone());
    let mut apart = AdaptiveLimitLayer::new(Limit::fixed(1).unwrap()).layer(inner);

    let first = support::number(&mut a, 1);
    assert_eq!(sent(&mut handle).0, 1);
    let mut second = support::number(&mut b, 2);
    assert!(second.poll().is_pending());
    support::nothing_sent(&mut handle);
    assert_eq!((counts(&limit), counts(b.limit())), ((1, 1), (1, 1)));

    let third = support::number(&mut apart, 3);
    assert_eq!(sent(&mut handle).0, 3, "straight through");
    drop((first, third));
    assert!(second.is_woken() && second.poll().is_pending());
    assert_eq!(sent(&mut handle).0, 2);
}

#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// In flight from the call to the end of the answer's body, as the server would count it.
struct InFlight(Option<Arc<Load>>);

impl InFlight {
    fn begin(load: &Arc<Load>) -> Self {
        let now = load.now.fetch_add(1, Ordering::SeqCst) + 1;
        load.most.fetch_max(now, Ordering::SeqCst);
        load.all.fetch_add(1, Ordering::SeqCst);
        Self(Some(Arc::clone(load)))
    }

    fn end(&mut self) {
        if let Some(load) = self.0.take() {
            load.now.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.end();
    }
}

struct Slow {
    in_flight: InFlight,
    pauses: usize,
}

impl Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(left) = self.pauses.checked_sub(1) {
            self.pauses = left;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.in_flight.end();
        Poll::Ready(None)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_never_more_than_the_limit_and_nobody_is_forgotten() {
    const MAX: usize = 5;
    const TASKS: usize = 64;
    const CALLS: usize = 150;
    let load = Arc::new(Load::default());
    let limit = Limit::fixed(MAX).unwrap();
    let service = {
        let load = Arc::clone(&load);
        tower::service_fn(move |request: Request<usize>| {
            let in_flight = InFlight::begin(&load);
            async move {
                for _ in 0..request.body() % 3 {
                    tokio::task::yield_now().await;
                }
                Ok::<_, Infallible>(Response::new(Slow { in_flight, pauses: request.body() % 2 }))
            }
        })
    };
    let service = AdaptiveLimitLayer::new(limit.clone()).layer(service);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let mut service = service.clone();
            tokio::spawn(async move {
                for n in 0..CALLS {
                    let n = task * 7 + n * 13;
                    let call = service.ready().await.unwrap().call(Request::new(n));
                    if n % 5 == 0 {
                        // given up after some polls, wherever it stands then
                        let mut call = Box::pin(call);
                        for _ in 0..n % 4 {
                            if poll_once(call.as_mut()).await.is_some() {
                                break;
                            }
                            tokio::task::yield_now().await;
                        }
                        continue;
                    }
                    let answer = call.await.unwrap();
                    if n % 4 != 0 {
                        answer.into_body().collect().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(counts(&limit), (0, 0));
    assert_eq!(load.now.load(Ordering::SeqCst), 0);
    let (most, all) = (load.most.load(Ordering::SeqCst), load.all.load(Ordering::SeqCst));
    assert!(most <= MAX, "{most} were in flight at once");
    assert_eq!(most, MAX, "the places are used");
    assert!(all >= TASKS * CALLS * 4 / 5, "{all} were sent");
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
