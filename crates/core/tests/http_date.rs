//! The reader of HTTP-dates against `httpdate` as its oracle. The file under test is private to the crate and
//! stands alone, so it is taken in here as it is.

#[path = "../src/http_date.rs"]
mod http_date;

use http_date::parse_http_date;
use proptest::prelude::*;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Fri, 21 Aug 2026 12:00:00 GMT
const NOW: u64 = 1_787_313_600;
/// 31 Dec 9999 23:59:59
const LAST: u64 = 253_402_300_799;
/// 49 years
const NEAR: u64 = 1_546_300_800;

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn at(unix: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(unix)
}

fn read(value: &str) -> Option<SystemTime> {
    parse_http_date(value.as_bytes(), || at(NOW))
}

/// An IMF-fixdate's parts: weekday, day, month, year, time.
fn parts(time: SystemTime) -> [String; 5] {
    let text = httpdate::fmt_http_date(time);
    [&text[..3], &text[5..7], &text[8..11], &text[12..16], &text[17..25]].map(str::to_owned)
}

fn long_name(weekday: &str) -> &'static str {
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    names.into_iter().find(|name| name.starts_with(weekday)).expect("a weekday")
}

#[test]
fn the_examples_of_rfc_9110() {
    let time = Some(at(784_111_777));
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), time);
    assert_eq!(read("Sunday, 06-Nov-94 08:49:37 GMT"), time);
    assert_eq!(read("Sun Nov  6 08:49:37 1994"), time);
    assert_eq!(read("Sun Nov 06 08:49:37 1994"), time);
}

#[test]
fn leap_years() {
    assert_eq!(read("Tue, 29 Feb 2000 00:00:00 GMT"), Some(at(951_782_400)));
    assert_eq!(read("Thu, 29 Feb 2024 00:00:00 GMT"), Some(at(1_709_164_800)));
    for year in ["1900", "2023", "2100", "0100"] {
        assert_eq!(read(&format!("Mon, 29 Feb {year} 00:00:00 GMT")), None);
    }
    assert!(read("Mon, 29 Feb 0000 00:00:00 GMT").is_some());
}

#[test]
fn before_1970() {
    assert_eq!(read("Wed, 31 Dec 1969 23:59:59 GMT"), Some(UNIX_EPOCH - Duration::from_secs(1)));
    assert_eq!(read("Mon, 01 Jan 1900 00:00:00 GMT"), Some(UNIX_EPOCH - Duration::from_secs(2_208_988_800)));
    assert_eq!(read("Sat, 01 Jan 0000 00:00:00 GMT"), Some(UNIX_EPOCH - Duration::from_secs(62_167_219_200)));
}

#[test]
fn the_reference_is_asked_for_two_digit_years_alone() {
    let unasked = || -> SystemTime { unreachable!("four digits say which year") };
    assert!(parse_http_date(b"Sun, 06 Nov 1994 08:49:37 GMT", unasked).is_some());
    assert!(parse_http_date(b"Sun Nov  6 08:49:37 1994", unasked).is_some());
    assert!(parse_http_date(b"Sunday, 06-Nov-94 08:49:37 EST", unasked).is_none());
    assert!(parse_http_date(b"", unasked).is_none());
}

#[test]
fn the_pivot_is_fifty_years_ahead_of_the_reference() {
    for (reference, value, expected) in [
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 21-Aug-76 12:00:00 GMT", "Fri, 21 Aug 2076 12:00:00 GMT"),
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 21-Aug-76 12:00:01 GMT", "Sat, 21 Aug 1976 12:00:01 GMT"),
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 31-Dec-75 23:59:59 GMT", "Tue, 31 Dec 2075 23:59:59 GMT"),
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 01-Jan-70 00:00:00 GMT", "Wed, 01 Jan 2070 00:00:00 GMT"),
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 01-Jan-77 00:00:00 GMT", "Sat, 01 Jan 1977 00:00:00 GMT"),
        ("Fri, 21 Aug 2026 12:00:00 GMT", "Friday, 29-Feb-76 00:00:00 GMT", "Sat, 29 Feb 2076 00:00:00 GMT"),
        ("Thu, 31 Dec 1970 23:59:59 GMT", "Friday, 31-Dec-20 23:59:59 GMT", "Thu, 31 Dec 2020 23:59:59 GMT"),
        ("Fri, 21 Aug 2099 12:00:00 GMT", "Friday, 21-Aug-05 12:00:00 GMT", "Fri, 21 Aug 2105 12:00:00 GMT"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "Friday, 31-Dec-99 23:59:59 GMT", "Thu, 31 Dec 2099 23:59:59 GMT"),
        ("Thu, 31 Dec 2099 23:59:59 GMT", "Friday, 01-Jan-00 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ] {
        let reference = httpdate::parse_http_date(reference).expect("strict");
        let expected = httpdate::parse_http_date(expected).expect("strict");
        assert_eq!(parse_http_date(value.as_bytes(), || reference), Some(expected), "{value}");
    }
    // 2100 is the year meant, and it has no such day.
    let reference = httpdate::parse_http_date("Wed, 21 Aug 2069 12:00:00 GMT").expect("strict");
    assert_eq!(parse_http_date(b"Monday, 29-Feb-00 00:00:00 GMT", || reference), None);
}

#[test]
fn a_reference_beyond_all_years_does_no_harm() {
    let ends = [1 << 40, 1 << 60, i64::MAX.unsigned_abs()].map(Duration::from_secs);
    for reference in
        ends.into_iter().flat_map(|end| [UNIX_EPOCH.checked_add(end), UNIX_EPOCH.checked_sub(end)])
    {
        let reference = reference.unwrap_or(UNIX_EPOCH);
        assert!(parse_http_date(b"Sunday, 06-Nov-94 08:49:37 GMT", || reference).is_some());
    }
}

proptest! {
    #[test]
    fn what_httpdate_writes_is_read_back(unix in 0..=LAST) {
        prop_assert_eq!(read(&httpdate::fmt_http_date(at(unix))), Some(at(unix)));
    }

    #[test]
    fn the_other_forms_and_zones_say_the_same(
        unix in 0..=LAST, spaced: bool, zone in 0..4usize, wrong in 0..7usize,
    ) {
        let [weekday, day, month, year, time] = parts(at(unix));
        let short = day.strip_prefix('0').filter(|_| spaced).map(|digit| format!(" {digit}"));
        let asctime = format!("{weekday} {month} {} {time} {year}", short.as_ref().unwrap_or(&day));
        prop_assert_eq!(read(&asctime), Some(at(unix)));
        let zone = ["GMT", "UTC", "-0000", "+0000"][zone];
        let wrong = WEEKDAYS[wrong];
        prop_assert_eq!(read(&format!("{wrong}, {day} {month} {year} {time} {zone}")), Some(at(unix)));
        let leap_second = format!("{wrong}, {day} {month} {year} {}60 {zone}", &time[..6]);
        prop_assert_eq!(read(&leap_second), Some(at(unix / 60 * 60 + 59)));
    }

    /// Within 49 years on both sides two digits are enough.
    #[test]
    fn two_digit_years_near_the_reference(reference in NEAR..LAST - NEAR, distance in 0..NEAR, ahead: bool) {
        let time = at(if ahead { reference + distance } else { reference - distance });
        let [weekday, day, month, year, clock] = parts(time);
        let value = format!("{}, {day}-{month}-{} {clock} GMT", long_name(&weekday), &year[2..]);
        prop_assert_eq!(parse_http_date(value.as_bytes(), || at(reference)), Some(time));
    }

    /// Only real dates are read: day by day as the oracle has it, which needs the right weekday and so gets
    /// all seven.
    #[test]
    fn agrees_with_httpdate_on_which_dates_exist(
        day in 0..35u8, month in 0..12usize, year in 1970..=9999u16,
        hour in 0..27u8, minute in 0..63u8, second in 0..60u8,
    ) {
        let month = MONTHS[month];
        let rest = format!("{day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT");
        let oracle = WEEKDAYS.iter().find_map(|d| httpdate::parse_http_date(&format!("{d}, {rest}")).ok());
        prop_assert_eq!(read(&format!("Mon, {rest}")), oracle);
    }

    #[test]
    fn any_bytes_are_answered(value in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = parse_http_date(&value, || at(NOW));
    }

    /// One byte changed in a valid date: still no panic, and it is refused or a date of the calendar.
    #[test]
    fn a_garbled_date_is_answered(unix in 0..=LAST, place in 0..29usize, byte: u8, cut in 0..=29usize) {
        let mut value = httpdate::fmt_http_date(at(unix)).into_bytes();
        value[place] = byte;
        let _ = parse_http_date(&value[..cut], || at(NOW));
        if let Some(time) = parse_http_date(&value, || at(NOW)).filter(|time| *time >= UNIX_EPOCH) {
            prop_assert_eq!(read(&httpdate::fmt_http_date(time)), Some(time));
        }
    }
}
