//! Which fault a request meets: drawn from the seed and its place alone.

/// A fault of the hostile server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// 503 with a body, not processed.
    Unavailable,
    /// 503 without a body, not processed.
    UnavailableEmpty,
    /// 429 with `Retry-After` in seconds, for everybody.
    ThrottledSeconds,
    /// 429 with `Retry-After` as an HTTP-date by the server's own clock, which is wrong by up to an hour and says so
    /// in `Date`; for everybody.
    ThrottledDate,
    /// All tokens are revoked and the request gets 401. Nothing, where the server checks no tokens.
    Revoked,
    /// The connection is reset before the body is read.
    ResetBefore,
    /// The batch is processed, then the connection is reset: the client cannot know.
    ResetAfter,
    /// Processed, and answered late.
    Slow,
    /// Processed, and the body of the 200 breaks off.
    Truncated,
}

impl Fault {
    /// Every fault, in the order in which chances are laid side by side.
    pub const ALL: [Self; 9] = [
        Self::Unavailable,
        Self::UnavailableEmpty,
        Self::ThrottledSeconds,
        Self::ThrottledDate,
        Self::Revoked,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::Slow,
        Self::Truncated,
    ];

    /// A name for tables, in snake_case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::UnavailableEmpty => "unavailable_empty",
            Self::ThrottledSeconds => "throttled_seconds",
            Self::ThrottledDate => "throttled_date",
            Self::Revoked => "revoked",
            Self::ResetBefore => "reset_before",
            Self::ResetAfter => "reset_after",
            Self::Slow => "slow",
            Self::Truncated => "truncated",
        }
    }
}

/// The chance of each fault, from 0 to 1, for every request that is served at all. Their sum should not exceed 1:
/// what goes beyond is never drawn, from the last of [`Fault::ALL`] backwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates([f64; Fault::ALL.len()]);

impl Rates {
    /// No faults.
    #[must_use]
    pub fn none() -> Self {
        Self::all(0.0)
    }

    /// The same chance for every fault.
    #[must_use]
    pub fn all(chance: f64) -> Self {
        Self([clamped(chance); Fault::ALL.len()])
    }

    /// Another chance for one fault, brought into 0 to 1.
    #[must_use]
    pub fn of(mut self, fault: Fault, chance: f64) -> Self {
        for (own, slot) in Fault::ALL.iter().zip(&mut self.0) {
            if *own == fault {
                *slot = clamped(chance);
            }
        }
        self
    }

    /// The fault for a draw.
    pub(super) fn pick(&self, draw: Draw) -> Option<Fault> {
        let mut point = draw.fraction();
        for (fault, chance) in Fault::ALL.iter().zip(self.0) {
            if point < chance {
                return Some(*fault);
            }
            point -= chance;
        }
        None
    }
}

/// A bit less than every second request meets one: 8 % [`Fault::Unavailable`], 4 % [`Fault::UnavailableEmpty`],
/// 5 % each of the others.
impl Default for Rates {
    fn default() -> Self {
        Self::all(0.05).of(Fault::Unavailable, 0.08).of(Fault::UnavailableEmpty, 0.04)
    }
}

fn clamped(chance: f64) -> f64 {
    if chance.is_nan() { 0.0 } else { chance.clamp(0.0, 1.0) }
}

/// Random bits of one request: SplitMix64 of the seed and the place, so they stay the same with every release.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draw(u64);

impl Draw {
    pub(super) fn new(seed: u64, place: u64) -> Self {
        let mut z = seed.wrapping_add(place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    /// In [0, 1), by the upper bits.
    fn fraction(self) -> f64 {
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Seconds by which a clock is wrong, an hour at most; by the lower bits.
    pub(super) fn skew(self) -> i64 {
        i64::from(u16::try_from(self.0 % 7201).unwrap_or(0)) - 3600
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_as_published() {
        let draws: Vec<u64> = (0..3).map(|place| Draw::new(1_234_567, place).0).collect();
        assert_eq!(draws, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn faults_come_as_often_as_their_rates_say() {
        let rates =
            Rates::none().of(Fault::Slow, 0.3).of(Fault::Unavailable, 0.1).of(Fault::Truncated, f64::NAN);
        let mut counts = [0_u32; 3];
        for place in 0..20_000 {
            match rates.pick(Draw::new(7, place)) {
                None => counts[0] += 1,
                Some(Fault::Slow) => counts[1] += 1,
                Some(Fault::Unavailable) => counts[2] += 1,
                Some(other) => panic!("{other:?} has no chance"),
            }
        }
        for (count, share) in counts.iter().zip([12_000, 6_000, 2_000]) {
            assert!(count.abs_diff(share) < 300, "{counts:?}");
        }
        assert_eq!(Rates::none().pick(Draw(0)), None);
        assert_eq!(Rates::all(1.0).pick(Draw(u64::MAX)), Some(Fault::Unavailable));
    }

    #[test]
    fn a_clock_is_wrong_by_an_hour_at_most() {
        assert!((0..5000).all(|place| Draw::new(3, place).skew().abs() <= 3600));
    }
}
