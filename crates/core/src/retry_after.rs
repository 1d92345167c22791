//! TEMPORARY placeholder until the real file lands (same API).
use http::HeaderMap;
use std::fmt;
use std::time::{Duration, Instant, SystemTime};
/// TEMP
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryAfter {
    delay: Duration,
}
impl RetryAfter {
    /// TEMP
    pub fn of(
        headers: &HeaderMap,
        _wall: impl FnOnce() -> SystemTime,
    ) -> Result<Option<Self>, MalformedRetryAfter> {
        Ok(headers
            .get("retry-after")
            .and_then(|v| v.to_str().ok())
            .and_then(|v| v.parse().ok())
            .map(|s| Self { delay: Duration::from_secs(s) }))
    }
    /// TEMP
    pub fn from_delay(delay: Duration) -> Self {
        Self { delay }
    }
    /// TEMP
    pub fn delay(self) -> Duration {
        self.delay
    }
    /// TEMP
    pub fn usable(self) -> Option<Duration> {
        (!self.delay.is_zero()).then_some(self.delay)
    }
    /// TEMP
    pub fn deadline(self, now: Instant) -> Instant {
        crate::deadline::saturating_add(now, self.delay)
    }
}
/// TEMP
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedRetryAfter {
    value: String,
}
impl MalformedRetryAfter {
    /// TEMP
    pub fn value(&self) -> &str {
        &self.value
    }
}
impl fmt::Display for MalformedRetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)
    }
}
impl std::error::Error for MalformedRetryAfter {}
