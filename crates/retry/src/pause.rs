use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body::Body;
use tokio::time::{self, Sleep};
use tower_intake_core::Deadline;

use crate::drain;
use crate::last::Last;

/// The wait between two attempts, and the reading of the answer that was not good enough.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// `None`: no time at all, and no timer.
    times: Option<Times>,
    sleep: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    until: Instant,
    /// The reading ends no later than this.
    drain: Instant,
}

impl Pause {
    pub(crate) fn new(now: Instant, wait: Duration) -> Self {
        let after = |duration| Deadline::after(now, duration).instant();
        let times = Times { until: after(wait), drain: after(wait.min(drain::MAX_TIME)) };
        Self { times: (!wait.is_zero()).then_some(times), sleep: None }
    }

    pub(crate) fn poll<B: Body>(&mut self, last: Option<&mut Last<B>>, cx: &mut Context<'_>) -> Poll<()> {
        let mut reading = last.and_then(|last| last.reading(cx));
        let Some(times) = self.times else {
            if let Some(drain) = reading {
                drain.cut();
            }
            return Poll::Ready(());
        };
        let first = if reading.is_some() { times.drain } else { times.until };
        let sleep = self.sleep.get_or_insert_with(|| alarm_at(first));
        loop {
            ready!(sleep.as_mut().poll(cx));
            if let Some(drain) = reading.take() {
                drain.cut();
            }
            if sleep.deadline().into_std() >= times.until {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(time::Instant::from_std(times.until));
        }
    }
}

/// The deadline of a call: one timer for all its attempts, made when the first of them is pending.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    pub(crate) fn poll(&mut self, deadline: Deadline, cx: &mut Context<'_>) -> Poll<()> {
        self.0.get_or_insert_with(|| alarm_at(deadline.instant())).as_mut().poll(cx)
    }
}

fn alarm_at(instant: Instant) -> Pin<Box<Sleep>> {
    Box::pin(time::sleep_until(time::Instant::from_std(instant)))
}
