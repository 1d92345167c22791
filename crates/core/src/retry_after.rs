//! What a server asked for in `Retry-After` ([RFC 9110
//! §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).

use crate::deadline::saturating_add;
use crate::http_date::parse_http_date;
use http::header::{DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use std::cell::LazyCell;
use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// These carry milliseconds, and are more exact than `retry-after` where a server sends both.
static IN_MILLISECONDS: [HeaderName; 2] =
    [HeaderName::from_static("retry-after-ms"), HeaderName::from_static("x-ms-retry-after-ms")];

const YEAR: u64 = 31_557_600;

/// Up to this many seconds a number is a delay without further question; beyond it may be a Unix time.
const TEN_YEARS: u64 = 10 * YEAR;

/// More than any HTTP-date can say, and little enough that one can add to it without a thought of overflow.
const LONGEST: Duration = Duration::from_secs(10_000 * YEAR);

/// How long a server asked to be left alone.
///
/// Read from the headers of an answer by [`RetryAfter::of`]. It is the server's word and no more: whether to
/// follow it, and up to which length, is for the layer to decide.
///
/// ```
/// use http::HeaderMap;
/// use http::header::{DATE, RETRY_AFTER};
/// use std::time::{Duration, UNIX_EPOCH};
/// use tower_intake_core::RetryAfter;
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(RetryAfter::of(&headers, || UNIX_EPOCH)?, None);
///
/// headers.insert(RETRY_AFTER, "120".parse()?);
/// let hint = RetryAfter::of(&headers, || UNIX_EPOCH)?.expect("there is one");
/// assert_eq!(hint.usable(), Some(Duration::from_secs(120)));
///
/// // A date is measured from the server's own clock, so it does not matter that ours is wrong.
/// headers.insert(DATE, "Fri, 21 Aug 2026 12:00:00 GMT".parse()?);
/// headers.insert(RETRY_AFTER, "Fri, 21 Aug 2026 12:01:30 GMT".parse()?);
/// let hint = RetryAfter::of(&headers, || UNIX_EPOCH)?.expect("there is one");
/// assert_eq!(hint.delay(), Duration::from_secs(90));
///
/// headers.insert(RETRY_AFTER, "soon".parse()?);
/// let malformed = RetryAfter::of(&headers, || UNIX_EPOCH).unwrap_err();
/// assert_eq!(malformed.value(), "soon");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RetryAfter {
    delay: Duration,
}

impl RetryAfter {
    /// Reads the hint from the headers of an answer; `None` where there is none.
    ///
    /// `wall` tells the wall clock at the receipt of the answer. It is asked at most once, and only where
    /// that matters: for a date, or for a number above ten years, in an answer whose own `Date` is missing or
    /// malformed (or of the RFC 850 form, whose two-digit year needs to know the century).
    ///
    /// What is taken for valid, white space (space, tab) around it aside:
    ///
    /// - **Seconds**, digits and nothing else: no sign, fraction or unit. However many digits: leading zeros
    ///   mean nothing, and what is too large saturates at [`RetryAfter::delay`]'s longest.
    /// - **An HTTP-date** in any of the three forms of [RFC 9110 §5.6.7][dates], read with some tolerance:
    ///   `UTC`, `-0000` and `+0000` count as GMT, the weekday may be wrong, a leap second `:60` is `:59`. It
    ///   is measured from the answer's own `Date`, so that the skew of our clock cancels out, else from
    ///   `wall`. A date in the past is a delay of zero.
    /// - **A Unix time** in place of seconds, as Docker Hub sends it: a number that is above ten years as a
    ///   delay, and within ten years of that same reference as a time. (Below, a number is always a delay,
    ///   even if the server's clock says 1970.)
    /// - **Milliseconds** in `retry-after-ms` or `x-ms-retry-after-ms`, digits again. Where one is valid it
    ///   wins, even if it is zero; otherwise `retry-after` decides.
    ///
    /// Of several header lines the largest valid one counts, and the malformed beside it are forgiven. Values
    /// joined by a comma in one line are malformed.
    ///
    /// The work is one pass over the values, and nothing is allocated unless all of them are malformed.
    ///
    /// # Errors
    ///
    /// [`MalformedRetryAfter`] if the hint is there but no line of it is valid. No call should fail for that:
    /// it is as if the server had said nothing, and worth one warning.
    ///
    /// [dates]: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
    pub fn of(
        headers: &HeaderMap,
        wall: impl FnOnce() -> SystemTime,
    ) -> Result<Option<Self>, MalformedRetryAfter> {
        let wall = LazyCell::new(wall);
        let reference = LazyCell::new(|| {
            let mut dates = headers.get_all(DATE).iter();
            dates.find_map(|line| parse_http_date(trim(line), || *wall)).unwrap_or_else(|| *wall)
        });

        let milliseconds = || IN_MILLISECONDS.iter().flat_map(|name| headers.get_all(name));
        let lines = || headers.get_all(RETRY_AFTER).iter();
        let delay = milliseconds()
            .filter_map(|line| digits(trim(line)).map(Duration::from_millis))
            .max()
            .or_else(|| lines().filter_map(|line| seconds_or_date(trim(line), || *reference)).max());

        if let Some(delay) = delay {
            return Ok(Some(Self::from_delay(delay)));
        }
        match (lines().next(), milliseconds().next()) {
            (Some(value), _) => Err(MalformedRetryAfter::new(value, "whole seconds or an HTTP-date")),
            (None, Some(value)) => Err(MalformedRetryAfter::new(value, "whole milliseconds")),
            (None, None) => Ok(None),
        }
    }

    /// A hint of one's own making: from a body, from another dialect of headers, or in a test.
    #[must_use]
    pub const fn from_delay(delay: Duration) -> Self {
        // `Ord::min` is not const
        if delay.as_secs() >= LONGEST.as_secs() { Self { delay: LONGEST } } else { Self { delay } }
    }

    /// The delay as the server said it, zero included; at most ten thousand years.
    #[must_use]
    pub const fn delay(self) -> Duration {
        self.delay
    }

    /// The delay if there is something to wait for: `None` for zero, and so for a date in the past. To retry
    /// at once is what no server means by it, so that is as if it had said nothing.
    #[must_use]
    pub const fn usable(self) -> Option<Duration> {
        if self.delay.is_zero() { None } else { Some(self.delay) }
    }

    /// When the delay is over, on the monotonic clock, `now` being the receipt of the answer. Never panics,
    /// and is at most a hundred years ahead.
    #[must_use]
    pub fn deadline(self, now: Instant) -> Instant {
        saturating_add(now, self.delay)
    }
}

/// A server's hint of which no line is valid. Carries the first of them for one warning.
///
/// ```
/// # use http::{HeaderMap, header::RETRY_AFTER};
/// # use tower_intake_core::RetryAfter;
/// let headers = HeaderMap::from_iter([(RETRY_AFTER, "+5".parse()?)]);
/// let malformed = RetryAfter::of(&headers, || std::time::UNIX_EPOCH).unwrap_err();
/// assert_eq!(malformed.to_string(), "malformed Retry-After \"+5\": expected whole seconds or an HTTP-date");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedRetryAfter {
    escaped: Box<str>,
    expected: &'static str,
}

impl MalformedRetryAfter {
    const LONGEST_VALUE: usize = 128;

    fn new(value: &HeaderValue, expected: &'static str) -> Self {
        const CUT: &str = "...";
        let mut escaped = String::new();
        for byte in value.as_bytes() {
            let byte = byte.escape_ascii();
            if escaped.len() + byte.len() + CUT.len() > Self::LONGEST_VALUE {
                escaped.push_str(CUT);
                break;
            }
            escaped.extend(byte.map(char::from));
        }
        Self { escaped: escaped.into(), expected }
    }

    /// The value, safe to log: printable ASCII with all else escaped as in a Rust byte string, at most 128
    /// characters (a longer one ends with `...`).
    #[must_use]
    pub fn value(&self) -> &str {
        &self.escaped
    }
}

impl fmt::Display for MalformedRetryAfter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed Retry-After \"{}\": expected {}", self.escaped, self.expected)
    }
}

impl Error for MalformedRetryAfter {}

/// The value without optional white space (OWS): space and tab.
fn trim(line: &HeaderValue) -> &[u8] {
    let mut value = line.as_bytes();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// `1*DIGIT`, saturating. (`str::parse` would take a plus sign too.)
fn digits(value: &[u8]) -> Option<u64> {
    let digit = |n: u64, byte: &u8| {
        byte.is_ascii_digit().then(|| n.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    };
    if value.is_empty() { None } else { value.iter().try_fold(0, digit) }
}

/// `reference` is about now, by the clock that the value was written by, as far as is known.
fn seconds_or_date(value: &[u8], reference: impl Fn() -> SystemTime) -> Option<Duration> {
    let time = match digits(value) {
        Some(n) => match unix_time(n, &reference) {
            Some(time) => time,
            None => return Some(Duration::from_secs(n)),
        },
        None => parse_http_date(value, &reference)?,
    };
    Some(time.duration_since(reference()).unwrap_or(Duration::ZERO))
}

fn unix_time(n: u64, reference: impl Fn() -> SystemTime) -> Option<SystemTime> {
    if n <= TEN_YEARS {
        return None;
    }
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(n))?;
    let distance = time.duration_since(reference()).unwrap_or_else(|past| past.duration());
    (distance <= Duration::from_secs(TEN_YEARS)).then_some(time)
}
