use std::error::Error;
use std::fmt;
use std::time::Duration;

use rand::{Rng, RngExt};

/// How long to wait after the n-th failure in a row. Pure: the randomness is an argument.
///
/// Ours is [`Exponential`]; a closure becomes one with [`backoff_fn`].
pub trait Backoff {
    /// The delay after failure number `failure`, counted from 1. `previous` is the delay before this one,
    /// `None` at the first failure.
    fn delay(&self, failure: u32, previous: Option<Duration>, random: &mut dyn Rng) -> Duration;

    /// Checks its numbers; a layer asks when it is built.
    ///
    /// # Errors
    /// A setting that makes no sense.
    fn validate(&self) -> Result<(), BackoffError> {
        Ok(())
    }
}

impl<B: Backoff + ?Sized> Backoff for std::sync::Arc<B> {
    fn delay(&self, failure: u32, previous: Option<Duration>, random: &mut dyn Rng) -> Duration {
        (**self).delay(failure, previous, random)
    }

    fn validate(&self) -> Result<(), BackoffError> {
        (**self).validate()
    }
}

/// A [`Backoff`] from a closure; made by [`backoff_fn`].
#[derive(Clone, Copy)]
pub struct BackoffFn<F>(F);

/// Makes a [`Backoff`] of a closure over the number of the failure, counted from 1.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_core::{Backoff, Random, backoff_fn};
///
/// let linear = backoff_fn(|failure| Duration::from_secs(failure.into()));
/// assert_eq!(linear.delay(3, None, &mut Random::seeded(1)), Duration::from_secs(3));
/// ```
pub fn backoff_fn<F: Fn(u32) -> Duration>(f: F) -> BackoffFn<F> {
    BackoffFn(f)
}

impl<F: Fn(u32) -> Duration> Backoff for BackoffFn<F> {
    fn delay(&self, failure: u32, _: Option<Duration>, _: &mut dyn Rng) -> Duration {
        (self.0)(failure)
    }
}

impl<F> fmt::Debug for BackoffFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackoffFn")
    }
}

/// `min(cap, base · factor^(n − 1))`, with jitter; the cap bounds what comes out after the jitter.
///
/// Never negative, never an overflow, at any number of failures.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_core::{Backoff, Exponential, Jitter, Random};
///
/// let backoff = Exponential::new(Duration::from_millis(500)).cap(Duration::from_secs(60)).jitter(Jitter::None);
/// backoff.validate()?;
/// let mut random = Random::seeded(1);
/// assert_eq!(backoff.delay(3, None, &mut random), Duration::from_secs(2));
/// assert_eq!(backoff.delay(1_000_000, None, &mut random), Duration::from_secs(60));
/// # Ok::<(), tower_intake_core::BackoffError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exponential {
    base: Duration,
    factor: f64,
    cap: Option<Duration>,
    jitter: Jitter,
}

/// How a delay `d` is spread, so that those who failed together do not come back together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// `d`.
    None,
    /// U(0, d).
    #[default]
    Full,
    /// d/2 + U(0, d/2).
    Equal,
    /// d ± this part of it, 0 to 1.
    Proportional(f64),
    /// d + U(0, this).
    Additive(Duration),
    /// U(base, 3 · the delay before); the exponent plays no part.
    Decorrelated,
}

impl Exponential {
    /// Begins at `base` and doubles; no cap, full jitter.
    pub const fn new(base: Duration) -> Self {
        Self { base, factor: 2.0, cap: None, jitter: Jitter::Full }
    }

    /// Grows by `factor` each time; more than 0, 1 keeps the delay.
    #[must_use]
    pub const fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// No delay is longer than `cap`; `None`: no bound.
    #[must_use]
    pub fn cap(mut self, cap: impl Into<Option<Duration>>) -> Self {
        self.cap = cap.into();
        self
    }

    /// Spreads the delays.
    #[must_use]
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// The first delay, before jitter.
    pub const fn base(&self) -> Duration {
        self.base
    }

    /// The bound of every delay.
    pub const fn max(&self) -> Option<Duration> {
        self.cap
    }

    /// The delay after failure number `failure` before jitter.
    pub fn nominal(&self, failure: u32) -> Duration {
        let cap = self.cap.unwrap_or(Duration::MAX);
        if self.base.is_zero() {
            // nothing times infinity would be no number
            return Duration::ZERO;
        }
        let exponent = failure.saturating_sub(1);
        let scaled = self.base.as_secs_f64() * self.factor.powf(f64::from(exponent));
        // NaN, infinity and what a Duration cannot hold are the cap
        Duration::try_from_secs_f64(scaled).unwrap_or(cap).min(cap)
    }
}

impl Default for Exponential {
    /// 500 ms, doubling, at most 60 s, full jitter.
    fn default() -> Self {
        Self::new(Duration::from_millis(500)).cap(Duration::from_secs(60))
    }
}

impl Backoff for Exponential {
    fn delay(&self, failure: u32, previous: Option<Duration>, random: &mut dyn Rng) -> Duration {
        let nominal = self.nominal(failure);
        let cap = self.cap.unwrap_or(Duration::MAX);
        let spread = match self.jitter {
            Jitter::None => nominal,
            Jitter::Full => between(Duration::ZERO, nominal, random),
            Jitter::Equal => {
                let half = nominal / 2;
                half.saturating_add(between(Duration::ZERO, nominal - half, random))
            }
            Jitter::Proportional(part) => {
                let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
                let swing =
                    Duration::try_from_secs_f64(nominal.as_secs_f64() * part).unwrap_or(Duration::MAX);
                between(nominal.saturating_sub(swing), nominal.saturating_add(swing), random)
            }
            Jitter::Additive(max) => nominal.saturating_add(between(Duration::ZERO, max, random)),
            Jitter::Decorrelated => {
                let longest = previous.unwrap_or(self.base).saturating_mul(3);
                between(self.base, longest.max(self.base), random)
            }
        };
        spread.min(cap)
    }

    /// # Errors
    /// A factor that is NaN, infinite, zero or negative; a base above the cap; a proportional jitter that is not
    /// between 0 and 1.
    fn validate(&self) -> Result<(), BackoffError> {
        if !self.factor.is_finite() || self.factor <= 0.0 {
            return Err(BackoffError::new(
                "factor",
                format!("{} must be a number greater than 0", self.factor),
            ));
        }
        if let Some(cap) = self.cap
            && self.base > cap
        {
            return Err(BackoffError::new("base", format!("{:?} is more than `cap`, {cap:?}", self.base)));
        }
        if let Jitter::Proportional(part) = self.jitter
            && !(0.0..=1.0).contains(&part)
        {
            return Err(BackoffError::new("jitter", format!("proportional {part} must be between 0 and 1")));
        }
        Ok(())
    }
}

/// Uniform in `low..=high`, to the nanosecond; 584 years and more are the same to it.
fn between(low: Duration, high: Duration, random: &mut dyn Rng) -> Duration {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (low, high) = (nanos(low), nanos(high));
    Duration::from_nanos(if low >= high { low } else { random.random_range(low..=high) })
}

/// The numbers of a backoff make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackoffError {
    field: &'static str,
    text: String,
}

impl BackoffError {
    /// The setting `field` is wrong; `text` tells its value and what it must be.
    pub fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    /// The setting that is wrong: `base`, `factor`, `jitter`.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for BackoffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl Error for BackoffError {}
