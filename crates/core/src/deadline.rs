use std::time::{Duration, Instant};

/// When a call must have ended, with all its attempts and waits; a request extension.
///
/// Retry, gate and auth read it: a wait that does not fit what is left is not begun.
///
/// ```
/// use std::time::{Duration, Instant};
/// use tower_intake_core::Deadline;
///
/// # #[allow(clippy::disallowed_methods)]
/// let now = Instant::now(); // in a tokio program: tokio::time::Instant::now().into_std()
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Deadline::after(now, Duration::from_secs(30)));
/// assert_eq!(Deadline::of(&request).unwrap().remaining(now), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

impl Deadline {
    /// At `instant`.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// `timeout` after `now`; one that the clock cannot express is a hundred years.
    pub fn after(now: Instant, timeout: Duration) -> Self {
        Self(saturating_add(now, timeout))
    }

    /// The deadline that `request` carries.
    #[inline]
    pub fn of<B>(request: &http::Request<B>) -> Option<Self> {
        let extensions = request.extensions();
        if extensions.is_empty() {
            return None;
        }
        extensions.get().copied()
    }

    /// The moment itself.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left at `now`; zero once it has passed.
    pub fn remaining(self, now: Instant) -> Duration {
        self.0.saturating_duration_since(now)
    }

    /// Whether it has passed at `now`.
    pub fn has_passed(self, now: Instant) -> bool {
        self.0 <= now
    }

    /// The sooner of two.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        self.min(other)
    }
}

/// `now + duration`, where a sum that the clock cannot express becomes a hundred years: numbers from the
/// network must not meet `Instant`'s panicking `+`.
pub(crate) fn saturating_add(now: Instant, duration: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 366 * 86_400);
    now.checked_add(duration.min(CENTURY)).unwrap_or(now)
}
