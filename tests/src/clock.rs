//! The one place that reads the wall clock: the server's `Date` and dated `Retry-After` come from here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest time this server can name in a header: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Seconds since 1970 by the wall clock, rounded down as a `Date` header is.
#[allow(clippy::disallowed_methods)] // the seam itself: every other reader comes here
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The IMF-fixdate of a moment `skew` seconds away from `seconds`; it stays within 1970 to 9999.
pub(crate) fn http_date(seconds: u64, skew: i64) -> String {
    let moment = seconds.saturating_add_signed(skew).min(LAST_SECOND);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(moment))
}

/// Whole seconds that cover `wait`, at least one: what a `Retry-After` must say to be true.
pub(crate) fn ceil_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_imf_fixdates_and_saturate() {
        assert_eq!(http_date(784_111_777, 0), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(5, -10), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(u64::MAX, 1), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        assert_eq!(ceil_seconds(Duration::ZERO), 1);
        assert_eq!(ceil_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(ceil_seconds(Duration::from_secs(2)), 2);
    }
}
