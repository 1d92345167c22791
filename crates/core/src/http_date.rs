//! Reads an HTTP-date as servers really write it ([RFC 9110
//! §5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
//!
//! The crate `httpdate` reads the three strict forms only. Each thing forgiven here (a wrong weekday, `:60`,
//! another name for GMT) and the rule for two-digit years need the fields, which it does not give out; once
//! they are read, all that is left is a few lines of calendar. So it serves the tests as their oracle
//! instead.
//!
//! The file takes nothing from the rest of the crate: its tests and its fuzz target include it as it stands.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SHORT_DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const LONG_DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const ZONES: [&str; 4] = ["GMT", "UTC", "-0000", "+0000"];

const DAY: i64 = 86_400;
const YEAR_0: i64 = -62_167_219_200;
const YEAR_10000: i64 = 253_402_300_800;

/// The time that `value` names, or `None` where it is no HTTP-date. Never panics, whatever the bytes; looks
/// at no more than the 36 bytes that the longest form has.
///
/// Takes IMF-fixdate, the RFC 850 form and asctime, case-sensitive as the RFC has them, without white space
/// around. `UTC`, `-0000` and `+0000` count as GMT, the weekday need not fit the date, and the leap second
/// `:60` is read as `:59`. A date that no calendar has is refused.
///
/// `reference` is about now, and is asked for the RFC 850 form alone: there a year of two digits that would
/// lie more than 50 years ahead of it belongs to the past century.
pub(crate) fn parse_http_date(value: &[u8], reference: impl FnOnce() -> SystemTime) -> Option<SystemTime> {
    let date = imf_fixdate(value).or_else(|| asctime(value)).or_else(|| rfc850(value, reference))?;
    date.exists().then(|| system_time(date.unix_seconds()))?
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(value: &[u8]) -> Option<Civil> {
    let mut rest = Reader(value);
    rest.one_of(&SHORT_DAYS)?;
    rest.literal(", ")?;
    let day = rest.number(2)?;
    rest.literal(" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(" ")?;
    let year = rest.number(4)?;
    rest.literal(" ")?;
    let second = rest.time()?;
    rest.literal(" ")?;
    rest.one_of(&ZONES)?;
    rest.end(Civil { year, month, day, second })
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(value: &[u8]) -> Option<Civil> {
    let mut rest = Reader(value);
    rest.one_of(&SHORT_DAYS)?;
    rest.literal(" ")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal(" ")?;
    let day = if rest.literal(" ").is_some() { rest.number(1)? } else { rest.number(2)? };
    rest.literal(" ")?;
    let second = rest.time()?;
    rest.literal(" ")?;
    let year = rest.number(4)?;
    rest.end(Civil { year, month, day, second })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(value: &[u8], reference: impl FnOnce() -> SystemTime) -> Option<Civil> {
    let mut rest = Reader(value);
    rest.one_of(&LONG_DAYS)?;
    rest.literal(", ")?;
    let day = rest.number(2)?;
    rest.literal("-")?;
    let month = rest.one_of(&MONTHS)?;
    rest.literal("-")?;
    let year = rest.number(2)?;
    rest.literal(" ")?;
    let second = rest.time()?;
    rest.literal(" ")?;
    rest.one_of(&ZONES)?;
    rest.end(Civil { year, month, day, second })?.of_century_near(unix_seconds(reference()))
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text.as_bytes())?;
        Some(())
    }

    /// The place of the name in `names`.
    fn one_of(&mut self, names: &[&str]) -> Option<usize> {
        names.iter().position(|name| self.literal(name).is_some())
    }

    /// Exactly so many ASCII digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (head, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        head.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
    }

    /// `08:49:37` as the second of its day.
    fn time(&mut self) -> Option<i64> {
        let hour = self.number(2).filter(|h| *h < 24)?;
        self.literal(":")?;
        let minute = self.number(2).filter(|m| *m < 60)?;
        self.literal(":")?;
        // SystemTime knows no leap second: it is the same instant as the second before, or one too early.
        let second = self.number(2).filter(|s| *s <= 60)?.min(59);
        Some(hour * 3600 + minute * 60 + second)
    }

    fn end<T>(&self, read: T) -> Option<T> {
        self.0.is_empty().then_some(read)
    }
}

/// A date as written, in the Gregorian calendar.
struct Civil {
    year: i64,
    /// January is 0
    month: usize,
    day: i64,
    /// of the day
    second: i64,
}

impl Civil {
    fn leap(&self) -> bool {
        self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0)
    }

    fn exists(&self) -> bool {
        let february = if self.leap() { 29 } else { 28 };
        let days = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][self.month];
        (1..=days).contains(&self.day)
    }

    /// A 29 February that does not exist counts as 1 March.
    fn unix_seconds(&self) -> i64 {
        const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let leap_day = i64::from(self.leap() && self.month > 1);
        let day_of_year = BEFORE_MONTH[self.month] + leap_day + self.day - 1;
        let days =
            365 * (self.year - 1970) + leap_days_before(self.year) - leap_days_before(1970) + day_of_year;
        days * DAY + self.second
    }

    /// Turns a year of two digits into the last such year that lies at most 50 years ahead of `now`.
    fn of_century_near(self, now: i64) -> Option<Self> {
        const MEAN_YEAR: i64 = 31_556_952;
        let now = now.clamp(YEAR_0, YEAR_10000 - 1);
        // May be off by one beside New Year: the three centuries tried cover that.
        let century = (1970 + now.div_euclid(MEAN_YEAR)).div_euclid(100);
        (century - 1..=century + 1)
            .rev()
            .map(|century| Self { year: century * 100 + self.year, ..self })
            // "More than 50 years ahead" in years, not in seconds: the same day 50 years earlier is still to
            // come.
            .find(|date| Self { year: date.year - 50, ..*date }.unix_seconds() <= now)
    }
}

fn leap_days_before(year: i64) -> i64 {
    let last = year - 1;
    last.div_euclid(4) - last.div_euclid(100) + last.div_euclid(400)
}

/// Whole seconds, rounded down.
fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX - 1);
            -whole - i64::from(before.subsec_nanos() > 0)
        }
    }
}

/// A platform whose clock does not reach so far back answers with the epoch: what matters is that it is over.
fn system_time(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance).or(Some(UNIX_EPOCH))
    } else {
        UNIX_EPOCH.checked_add(distance)
    }
}
