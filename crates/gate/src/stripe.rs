use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::now;

/// Counts the requests that one service lets through to one server, so that their rate is known when the gate
/// closes.
///
/// Written by the clones of that service alone, read when the gate closes. A count is one addition; the clock
/// is read for each 64th only. So the rate is that of the last one to two seconds, or of the last 64 to 128
/// requests where those took longer. One that had a long pause among those is underrated: the gate reopens at
/// a slower pace than it might.
#[derive(Debug)]
pub(crate) struct Stripe {
    count: AtomicU64,
    marks: Mutex<[Mark; 2]>,
}

/// At `count` requests it was `at`.
#[derive(Clone, Copy, Debug)]
struct Mark {
    count: u64,
    at: Instant,
}

impl Stripe {
    const EACH: u64 = 64;

    /// What is counted in less than this is taken as having been counted in this: two requests in one
    /// millisecond are no rate of 2000.
    const SHORTEST: Duration = Duration::from_secs(1);

    pub(crate) fn new(now: Instant) -> Self {
        let mark = Mark { count: 0, at: now };
        Self { count: AtomicU64::new(0), marks: Mutex::new([mark, mark]) }
    }

    pub(crate) fn count(&self) {
        let before = self.count.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(Self::EACH) {
            self.mark(before, now());
        }
    }

    #[cold]
    fn mark(&self, count: u64, at: Instant) {
        // it is an estimate: who would have to wait leaves it to the next
        if let Ok(mut marks) = self.marks.try_lock()
            && at.saturating_duration_since(marks[1].at) >= Self::SHORTEST
        {
            *marks = [marks[1], Mark { count, at }];
        }
    }

    /// Counts anew from here: the time when the gate was closed is not part of any rate.
    pub(crate) fn restart(&self, now: Instant) {
        let mark = Mark { count: self.count.load(Ordering::Relaxed), at: now };
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner) = [mark, mark];
    }

    /// Requests a second of late: the larger of two windows, for the longer may have begun before a pause.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        let marks = *self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.count.load(Ordering::Relaxed);
        let since = |mark: Mark| {
            let requests = u32::try_from(count.saturating_sub(mark.count)).unwrap_or(u32::MAX);
            f64::from(requests) / now.saturating_duration_since(mark.at).max(Self::SHORTEST).as_secs_f64()
        };
        f64::max(since(marks[0]), since(marks[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_late() {
        let stripe = Stripe::new(now());
        for _ in 0..10 {
            stripe.count();
        }
        assert!((stripe.rate(now()) - 10.0).abs() < 0.01, "a burst counts as one second's");
        tokio::time::advance(Duration::from_secs(3600)).await;
        for (millis, expected) in [(1, 1000.0), (20, 50.0), (5000, 0.2)] {
            for _ in 0..4000 {
                stripe.count();
                tokio::time::advance(Duration::from_millis(millis)).await;
            }
            let rate = stripe.rate(now());
            assert!((rate / expected - 1.0).abs() < 0.02, "{rate}, not {expected}");
        }
        tokio::time::advance(Duration::from_secs(100)).await;
        stripe.restart(now());
        assert!(stripe.rate(now()) < 0.01);
    }
}
