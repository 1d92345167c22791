use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

/// The wall clock: the one place that reads it.
///
/// Needed to read an HTTP-date from a server that sends no `Date` of its own, and for time stamps. Durations
/// never come from it.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_intake_core::WallClock;
///
/// let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000);
/// let clock = WallClock::from_fn(move || noon);
/// assert_eq!(clock.now(), noon);
/// ```
#[derive(Clone, Default)]
pub struct WallClock(Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>);

impl WallClock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock of your own, for tests and simulations.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    /// What it shows.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            #[allow(clippy::disallowed_methods)] // the seam itself
            None => SystemTime::now(),
            Some(now) => now(),
        }
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_none() { "WallClock::system" } else { "WallClock::from_fn" })
    }
}
