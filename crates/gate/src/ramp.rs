use std::time::{Duration, Instant};

/// The pace at which requests follow the probe: doubling each second from the larger of 1/s and a quarter of
/// the rate before. Pure.
///
/// The rate is back when the pace has reached the rate before and nobody waits any more; a crowd that still
/// waits is not let go in one burst, but for the longest after [`Ramp::LONGEST`].
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    began: Instant,
    /// requests a second in the first second
    start: f64,
    /// requests a second before the gate closed
    before: f64,
    /// nobody leaves sooner
    next: Instant,
}

impl Ramp {
    pub(crate) const LONGEST: Duration = Duration::from_secs(10);

    /// A timer may be this late; so much of the pace is made up for, and no more, lest an idle second become a
    /// burst.
    const LATE: Duration = Duration::from_millis(2);

    /// The probe left at `probe_left`: it was the first of the ramp.
    pub(crate) fn new(before: f64, probe_left: Instant, now: Instant) -> Self {
        let start = f64::max(1.0, before / 4.0);
        let next = (probe_left + Duration::from_secs_f64(1.0 / start)).max(now);
        Self { began: now, start, before, next }
    }

    /// Requests a second.
    pub(crate) fn rate(&self, now: Instant) -> f64 {
        let whole = now.saturating_duration_since(self.began).min(Self::LONGEST).as_secs();
        (0..whole).fold(self.start, |rate, _| rate * 2.0)
    }

    /// Takes the place that is due, if one is.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let due = now.checked_sub(Self::LATE).map_or(now, |late| self.next.max(late));
        self.next = self.one_after(due);
        true
    }

    /// When one more is due after one that went at `from`; the pace may change in between.
    fn one_after(&self, from: Instant) -> Instant {
        let (mut at, mut owed) = (from, 1.0);
        loop {
            let rate = self.rate(at);
            let second = Duration::from_secs(at.saturating_duration_since(self.began).as_secs() + 1);
            let doubles = self.began + second;
            let until_then = rate * (doubles - at).as_secs_f64();
            if owed <= until_then || second > Self::LONGEST {
                return at + Duration::from_secs_f64(owed / rate);
            }
            (at, owed) = (doubles, owed - until_then);
        }
    }

    /// When the next place is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    pub(crate) fn is_over(&self, now: Instant, nobody_waits: bool) -> bool {
        now >= self.ends_at(nobody_waits)
    }

    pub(crate) fn ends_at(&self, nobody_waits: bool) -> Instant {
        let mut after = Duration::ZERO;
        let mut rate = self.start;
        while after < Self::LONGEST && (rate < self.before || !nobody_waits) {
            after += Duration::from_secs(1);
            rate *= 2.0;
        }
        self.began + after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)]
    fn zero() -> Instant {
        Instant::now()
    }

    /// Asks every millisecond for ten seconds, as a crowd does; how many went in each second.
    fn departures(before: f64) -> Vec<u32> {
        let t0 = zero();
        let mut ramp = Ramp::new(before, t0, t0);
        let mut seconds = vec![0; 10];
        for ms in 0..10_000_u32 {
            let now = t0 + Duration::from_millis(ms.into());
            assert!(!ramp.is_over(now, false), "over after {ms} ms though somebody waits");
            while ramp.take(now) {
                seconds[(ms / 1000) as usize] += 1;
            }
        }
        assert!(ramp.is_over(t0 + Ramp::LONGEST, false));
        seconds
    }

    #[test]
    fn c_ga_04_the_pace_doubles_each_second_from_one_or_a_quarter() {
        for (before, start) in [(0.0, 1), (3.0, 1), (40.0, 10), (4000.0, 1000)] {
            for (second, went) in departures(before).into_iter().enumerate() {
                let pace = start << second;
                // the probe went first, a place may fall on the other side of a second's edge, and a
                // nanosecond is the least that an interval can differ by
                assert!(
                    went <= pace + 1 + pace / 1000 && went + 2 + pace / 50 >= pace,
                    "{before}: {went} in {second}"
                );
            }
        }
    }

    #[test]
    fn an_idle_second_does_not_become_a_burst() {
        let t0 = zero();
        let mut ramp = Ramp::new(40.0, t0, t0);
        let later = t0 + Duration::from_millis(900);
        assert!(ramp.take(later));
        assert!(!ramp.take(later + Duration::from_millis(50)));
        assert!(ramp.take(later + Duration::from_millis(100)));
    }

    #[test]
    fn it_is_over_when_the_rate_is_back_and_nobody_waits() {
        let t0 = zero();
        let ramp = Ramp::new(40.0, t0, t0);
        assert_eq!(ramp.ends_at(true), t0 + Duration::from_secs(2));
        assert_eq!(ramp.ends_at(false), t0 + Duration::from_secs(10));
        assert!(Ramp::new(1.0, t0, t0).is_over(t0, true));
    }
}
