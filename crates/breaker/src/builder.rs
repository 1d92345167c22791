use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_intake_core::{
    Backoff, BackoffError, Classify, Exponential, Jitter, Keyed, Random, Scope, WallClock,
};

use crate::circuit::Circuit;
use crate::circuit_error::CircuitError;
use crate::fuse::Fuse;
use crate::machine::Rules;
use crate::ratio::Ratio;
use crate::settings::{Classifier, RatioRule, Settings};
use crate::stripe;
use crate::window::Ring;

/// The numbers of a [`Circuit`]; made by [`Circuit::builder`].
///
/// ```
/// use std::time::Duration;
/// use tower_intake_breaker::Circuit;
///
/// let circuit = Circuit::builder()
///     .consecutive(None)
///     .ratio(0.25)
///     .min_calls(100)
///     .window(Duration::from_secs(60))
///     .open(Duration::from_secs(5))
///     .build()?;
/// # let _ = circuit;
/// let error = Circuit::builder().ratio(1.5).build().unwrap_err();
/// assert_eq!(error.field(), "ratio");
/// # Ok::<(), tower_intake_breaker::CircuitError>(())
/// ```
#[derive(Clone)]
pub struct CircuitBuilder {
    scope: Scope,
    max_keys: usize,
    consecutive: Option<u32>,
    ratio: Option<f64>,
    min_calls: u32,
    window: Duration,
    buckets: u32,
    open: Duration,
    max_open: Duration,
    jitter: Jitter,
    probes: u32,
    successes_to_close: u32,
    probe_lease: Duration,
    count_throttled: bool,
    honour_retry_after: bool,
    max_retry_after: Duration,
    classifier: Classifier,
    random: Random,
    wall_clock: WallClock,
}

impl Default for CircuitBuilder {
    fn default() -> Self {
        Self {
            scope: Scope::Authority,
            max_keys: Keyed::<Fuse>::BOUND,
            consecutive: Some(5),
            ratio: Some(0.5),
            min_calls: 20,
            window: Duration::from_secs(30),
            buckets: 10,
            open: Duration::from_secs(1),
            max_open: Duration::from_secs(60),
            jitter: Jitter::Equal,
            probes: 1,
            successes_to_close: 1,
            probe_lease: Duration::from_secs(30),
            count_throttled: false,
            honour_retry_after: true,
            max_retry_after: Duration::from_secs(300),
            classifier: Classifier::Default,
            random: Random::default(),
            wall_clock: WallClock::system(),
        }
    }
}

impl CircuitBuilder {
    /// Which requests share a circuit. Default: those to the same server.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// How many keys are kept, at least 1; the least recently used go first, and never one whose circuit is in
    /// force. Default: 10 000.
    #[must_use]
    pub fn max_keys(mut self, max_keys: usize) -> Self {
        self.max_keys = max_keys;
        self
    }

    /// Opens on so many failures in a row, at least 1; `None`: never for that. Default: 5.
    #[must_use]
    pub fn consecutive(mut self, failures: impl Into<Option<u32>>) -> Self {
        self.consecutive = failures.into();
        self
    }

    /// Opens when this share of the calls in the window failed, or more; between 0.000001 and 1; `None`: never for
    /// that, and then a success costs not even a look at the clock. Default: 0.5.
    ///
    /// The number is taken as the simplest fraction that is written so, and compared in whole numbers: 1 of 3
    /// reaches `1.0 / 3.0`, 2 of 20 reach `0.1`.
    #[must_use]
    pub fn ratio(mut self, ratio: impl Into<Option<f64>>) -> Self {
        self.ratio = ratio.into();
        self
    }

    /// The ratio counts only where the window has so many calls, at least 1. Default: 20.
    #[must_use]
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls;
        self
    }

    /// How far back the ratio looks, at least 100 ms; a bucket at a time is forgotten. Default: 30 s.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Into how many buckets the window is cut, 1 to 64. Default: 10.
    #[must_use]
    pub fn buckets(mut self, buckets: u32) -> Self {
        self.buckets = buckets;
        self
    }

    /// How long it is open the first time, before jitter; doubles with each probe that fails. Default: 1 s.
    #[must_use]
    pub fn open(mut self, open: Duration) -> Self {
        self.open = open;
        self
    }

    /// The longest it is open, after jitter; only a Retry-After may be longer. Default: 60 s.
    #[must_use]
    pub fn max_open(mut self, max_open: Duration) -> Self {
        self.max_open = max_open;
        self
    }

    /// How the open times are spread. Default: [`Jitter::Equal`], half to whole.
    #[must_use]
    pub fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many probes may be under way at a time, at least 1. Default: 1.
    #[must_use]
    pub fn probes(mut self, probes: u32) -> Self {
        self.probes = probes;
        self
    }

    /// How many probes must succeed before it closes, at least 1. Default: 1.
    #[must_use]
    pub fn successes_to_close(mut self, successes: u32) -> Self {
        self.successes_to_close = successes;
        self
    }

    /// After how long a probe without an answer is given up and replaced, more than zero. Default: 30 s.
    #[must_use]
    pub fn probe_lease(mut self, lease: Duration) -> Self {
        self.probe_lease = lease;
        self
    }

    /// Whether a Throttled answer counts as a failure in the ratio and fails a probe. Default: no.
    #[must_use]
    pub fn count_throttled(mut self, count: bool) -> Self {
        self.count_throttled = count;
        self
    }

    /// Whether a Retry-After on the answer that opens it lengthens the open time. Default: yes.
    #[must_use]
    pub fn honour_retry_after(mut self, honour: bool) -> Self {
        self.honour_retry_after = honour;
        self
    }

    /// A longer Retry-After is taken as this. Default: 300 s.
    #[must_use]
    pub fn max_retry_after(mut self, max: Duration) -> Self {
        self.max_retry_after = max;
        self
    }

    /// What a reply means. Default: [`StatusTable`](tower_intake_core::StatusTable).
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + Send + Sync + 'static) -> Self {
        self.classifier = Classifier::Own(Arc::new(classify));
        self
    }

    /// Where jitter comes from. Default: seeded by the operating system.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.random = random;
        self
    }

    /// The clock by which a date in Retry-After is read where the answer has no `Date`. Default: the system's.
    #[must_use]
    pub fn wall_clock(mut self, clock: WallClock) -> Self {
        self.wall_clock = clock;
        self
    }

    /// The handle.
    ///
    /// # Errors
    /// A number outside its range; the error names the setter.
    pub fn build(self) -> Result<Circuit, CircuitError> {
        let at_least_one = |field, number: u64| match number {
            0 => Err(CircuitError::new(field, "0 must be 1 or more")),
            _ => Ok(()),
        };
        at_least_one("max_keys", self.max_keys as u64)?;
        if self.consecutive == Some(0) {
            return Err(CircuitError::new("consecutive", "0 must be 1 or more, or none to switch it off"));
        }
        at_least_one("min_calls", self.min_calls.into())?;
        at_least_one("probes", self.probes.into())?;
        at_least_one("successes_to_close", self.successes_to_close.into())?;
        if let Some(ratio) = self.ratio
            && Ratio::new(ratio).is_none()
        {
            let text = format!("{ratio} must be between 0.000001 and 1, or none to switch it off");
            return Err(CircuitError::new("ratio", text));
        }
        if self.window < Duration::from_millis(100) {
            return Err(CircuitError::new("window", format!("{:?} must be 100 ms or more", self.window)));
        }
        if !(1..=64).contains(&self.buckets) {
            return Err(CircuitError::new("buckets", format!("{} must be between 1 and 64", self.buckets)));
        }
        for (field, time) in [("open", self.open), ("probe_lease", self.probe_lease)] {
            if time.is_zero() {
                return Err(CircuitError::new(field, "zero must be more than zero"));
            }
        }
        self.backoff().validate().map_err(|error| self.wrong_open_time(&error))?;
        Ok(self.make())
    }

    pub(crate) fn with_defaults(scope: Scope) -> Circuit {
        Self::default().scope(scope).make()
    }

    fn wrong_open_time(&self, error: &BackoffError) -> CircuitError {
        match error.field() {
            "base" => {
                let text = format!("{:?} is more than `max_open`, {:?}", self.open, self.max_open);
                CircuitError::new("open", text)
            }
            field => {
                let text = error.to_string();
                let bare = text.strip_prefix(field).and_then(|text| text.strip_prefix(": "));
                CircuitError::new(field, bare.unwrap_or(&text))
            }
        }
    }

    fn backoff(&self) -> Exponential {
        Exponential::new(self.open).cap(self.max_open).jitter(self.jitter)
    }

    fn make(self) -> Circuit {
        let rules = Rules {
            open: self.backoff(),
            probes: usize::try_from(self.probes).unwrap_or(usize::MAX),
            successes_to_close: self.successes_to_close,
            probe_lease: self.probe_lease,
        };
        let ring = Ring::new(self.window, self.buckets);
        let min_calls = self.min_calls.into();
        let settings = Settings {
            consecutive: self.consecutive,
            ratio: self.ratio.and_then(Ratio::new).map(|ratio| RatioRule { ratio, min_calls, ring }),
            stripes: stripe::count(),
            rules,
            classifier: self.classifier,
            count_throttled: self.count_throttled,
            max_retry_after: self.honour_retry_after.then_some(self.max_retry_after),
            random: self.random,
            wall_clock: self.wall_clock,
        };
        Circuit::new(self.scope, self.max_keys, settings)
    }
}

impl fmt::Debug for CircuitBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBuilder")
            .field("scope", &self.scope)
            .field("consecutive", &self.consecutive)
            .field("ratio", &self.ratio)
            .field("min_calls", &self.min_calls)
            .field("window", &self.window)
            .field("open", &self.open)
            .field("max_open", &self.max_open)
            .finish_non_exhaustive()
    }
}
