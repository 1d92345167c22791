//! Calls that are dropped at any moment, and those who stay.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower::util::ServiceExt as _;

use crate::house::{House, URL, USUAL};
use crate::orders::orders;
use crate::support;
use crate::support::{Fake, after, lost, ms, secs, status};

/// A future that is dropped after its `left`-th poll, unless it ends before.
struct DropAfter<F> {
    inner: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Future for DropAfter<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.inner.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// `None` if it was dropped.
async fn drop_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    DropAfter { inner: Box::pin(future), left: polls }.await
}

/// A call dropped after its k-th poll, for every k, leaves all as it was: the next call goes through.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_survives_a_drop_at_every_poll() {
    for order in orders() {
        let mut ended = false;
        for polls in 0.. {
            let script = [|| after(429, 1), || status(503)];
            let house = House::new(&order, &USUAL, Fake::script(script).latency(ms(5)));
            ended = drop_after(polls, house.call("PUT")).await.is_some();
            house.assert_at_rest(&order).await;
            let next = tokio::time::timeout(secs(100), house.call("PUT")).await;
            let next = next.unwrap_or_else(|_| panic!("{order:?}, dropped after {polls} polls: hangs"));
            assert_eq!(next.unwrap().status(), 200, "{order:?}, dropped after {polls} polls");
            house.assert_at_rest(&order).await;
            if ended {
                break;
            }
        }
        assert!(ended);
    }
}

/// Eight at once over one permit, every third dropped somewhere: the others all arrive.
#[tokio::test(start_paused = true)]
async fn c_ga_03_every_order_serves_those_who_stay_when_others_leave() {
    let mut random = rand_of(11);
    for order in orders() {
        let script = [|| after(429, 1), || status(503), lost, || after(503, 1)];
        let house = House::new(&order, &USUAL, Fake::script(script).latency(ms(5)));
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let call = house.service.clone().oneshot(support::request("PUT", URL));
                let polls = if n % 3 == 0 { random() % 12 } else { usize::MAX };
                tokio::spawn(drop_after(polls, call))
            })
            .collect();
        for task in tasks {
            let ended = tokio::time::timeout(secs(200), task).await;
            let ended = ended.unwrap_or_else(|_| panic!("{order:?}: hangs")).unwrap();
            if let Some(answer) = ended {
                assert_eq!(answer.unwrap_or_else(|error| panic!("{order:?}: {error}")).status(), 200);
            }
        }
        house.assert_at_rest(&order).await;
    }
}

/// xorshift: where to drop needs no better.
fn rand_of(mut state: u64) -> impl FnMut() -> usize {
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % 1024).unwrap()
    }
}
