//! When the server has told everybody to stay away.

use std::time::Duration;

use tokio::time::Instant;

#[derive(Debug, Default)]
pub(super) struct Closing {
    last: Option<Closed>,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    told: Instant,
    until: Instant,
}

impl Closing {
    /// Everybody is told to stay away this long. An earlier closing is over, or this would not have been served.
    pub(super) fn close(&mut self, now: Instant, wait: Duration) {
        self.last = Some(Closed { told: now, until: now + wait });
    }

    /// How long it is still closed.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        self.last.map(|closed| closed.until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Whether a request that arrived then came against the server's word. What was sent before the word could
    /// reach the client is forgiven: that is the grace.
    pub(super) fn forbids(&self, arrived: Instant, grace: Duration) -> bool {
        self.last.is_some_and(|closed| closed.told + grace < arrived && arrived < closed.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn grace_then_violations_then_open() {
        let (grace, ms) = (Duration::from_millis(100), Duration::from_millis);
        let start = Instant::now();
        let mut closing = Closing::default();
        assert!(!closing.forbids(start, grace));
        closing.close(start, ms(1000));
        assert_eq!(closing.left(start + ms(400)), Some(ms(600)));
        assert_eq!(closing.left(start + ms(1000)), None);
        let forbidden = [0, 100, 101, 999, 1000].map(|at| closing.forbids(start + ms(at), grace));
        assert_eq!(forbidden, [false, false, true, true, false]);
    }
}
