//! RA-2 and RA-3: the forms of a date, and the clock it is measured from.

use crate::{DATE, NOW, YEAR, assert_malformed, at, headers, read, secs};
use std::cell::Cell;
use std::time::Duration;
use tower_intake_core::RetryAfter;

#[test]
fn c_ra_02_the_three_forms_of_a_date() {
    for value in [
        "Fri, 21 Aug 2026 12:01:30 GMT",
        "Friday, 21-Aug-26 12:01:30 GMT",
        "Fri Aug 21 12:01:30 2026",
        "  Fri, 21 Aug 2026 12:01:30 GMT\t",
    ] {
        assert_eq!(read(&[("retry-after", value)]), secs(90), "{value:?}");
    }
    assert_eq!(read(&[DATE, ("retry-after", "Tue, 01 Sep 2026 12:00:00 GMT")]), secs(11 * 86_400));
    assert_eq!(read(&[DATE, ("retry-after", "Tue Sep  1 12:00:00 2026")]), secs(11 * 86_400));
}

#[test]
fn c_ra_02_what_is_forgiven_in_a_date() {
    for (value, seconds) in [
        ("Fri, 21 Aug 2026 12:01:30 UTC", 90),
        ("Fri, 21 Aug 2026 12:01:30 -0000", 90),
        ("Fri, 21 Aug 2026 12:01:30 +0000", 90),
        ("Friday, 21-Aug-26 12:01:30 UTC", 90),
        ("Mon, 21 Aug 2026 12:01:30 GMT", 90),
        ("Sunday, 21-Aug-26 12:01:30 GMT", 90),
        ("Sat Aug 21 12:01:30 2026", 90),
        ("Fri, 21 Aug 2026 12:01:60 GMT", 119),
        ("Friday, 21-Aug-26 12:01:60 GMT", 119),
        ("Fri Aug 21 12:01:60 2026", 119),
    ] {
        assert_eq!(read(&[("retry-after", value)]), secs(seconds), "{value:?}");
    }
}

#[test]
fn c_ra_02_two_digit_years() {
    // 2076 is fifty years ahead to the second; one second more, and it is 1976, so over long ago.
    let fifty_years = secs(18_263 * 86_400);
    assert_eq!(read(&[("retry-after", "Friday, 21-Aug-76 12:00:00 GMT")]), fifty_years);
    assert_eq!(read(&[("retry-after", "Friday, 21-Aug-76 12:00:01 GMT")]), secs(0));
    assert_eq!(read(&[("retry-after", "Sunday, 06-Nov-94 08:49:37 GMT")]), secs(0));
    // The server's clock says which century it is.
    let lines =
        [("date", "Fri, 21 Aug 2099 12:00:00 GMT"), ("retry-after", "Saturday, 21-Aug-00 12:00:00 GMT")];
    assert_eq!(read(&lines), secs(365 * 86_400));
}

#[test]
fn c_ra_02_impossible_dates_are_malformed() {
    assert_malformed(&[
        "Mon, 30 Feb 2026 12:00:00 GMT",
        "Sun, 29 Feb 2027 12:00:00 GMT",
        "Sat, 31 Apr 2027 12:00:00 GMT",
        "Fri, 00 Aug 2026 12:00:00 GMT",
        "Fri, 32 Aug 2026 12:00:00 GMT",
        "Fri, 21 Aug 2026 25:00:00 GMT",
        "Fri, 21 Aug 2026 24:00:00 GMT",
        "Fri, 21 Aug 2026 12:60:00 GMT",
        "Fri, 21 Aug 2026 12:00:61 GMT",
        "Monday, 30-Feb-26 12:00:00 GMT",
        "Mon Feb 30 12:00:00 2026",
    ]);
}

#[test]
fn c_ra_02_what_is_no_http_date() {
    assert_malformed(&[
        "Fri, 21 Aug 2026 12:01:30",
        "Fri, 21 Aug 2026 12:01:30 gmt",
        "Fri, 21 Aug 2026 12:01:30 GMT+1",
        "Fri, 21 Aug 2026 12:01:30 +0100",
        "Fri, 21 Aug 2026 12:01:30 CEST",
        "Fri, 21 Aug 2026 12:01:30 GMT GMT",
        "Fri, 21 Aug 2026 12:01:30.5 GMT",
        "Fri, 21 Aug 2026 12:01 GMT",
        "Fri, 21 aug 2026 12:01:30 GMT",
        "Fri, 21 Abc 2026 12:01:30 GMT",
        "Abc, 21 Aug 2026 12:01:30 GMT",
        "Fri, 1 Aug 2026 12:01:30 GMT",
        "Fri,21 Aug 2026 12:01:30 GMT",
        "Fri, 21 Aug 26 12:01:30 GMT",
        "Fri, 21 Aug +026 12:01:30 GMT",
        "Friday, 21-Aug-2026 12:01:30 GMT",
        "21 Aug 2026 12:01:30 GMT",
        "2026-08-21T12:01:30Z",
        "2026-08-21 12:01:30",
        "Fri Aug 21 12:01:30 2026 GMT",
        "Fri, 21 Aug 2026 12:01:30 GM",
    ]);
}

#[test]
fn c_ra_03_a_date_is_measured_from_the_answers_own() {
    let date = "Fri, 21 Aug 2026 12:01:30 GMT";
    let wall_of = |wall: u64, lines: &[(&str, &[u8])]| {
        RetryAfter::of(&headers(lines), || at(wall)).expect("valid").map(RetryAfter::delay)
    };
    // However wrong our clock is.
    for wall in [0, NOW - YEAR, NOW, NOW + 3600, NOW + 40 * YEAR] {
        let lines: [(_, &[u8]); 2] = [("date", DATE.1.as_bytes()), ("retry-after", date.as_bytes())];
        assert_eq!(wall_of(wall, &lines), Some(Duration::from_secs(90)));
    }
    // Without a valid Date, our clock it is, to the nanosecond.
    for garbage in ["", "0", "yesterday", "Mon, 30 Feb 2026 12:00:00 GMT", "1787313600"] {
        let lines: [(_, &[u8]); 2] = [("date", garbage.as_bytes()), ("retry-after", date.as_bytes())];
        assert_eq!(wall_of(NOW + 60, &lines), Some(Duration::from_secs(30)), "{garbage:?}");
    }
    let wall = || at(NOW) + Duration::from_millis(250);
    let hint = RetryAfter::of(&headers(&[("retry-after", date.as_bytes())]), wall).expect("valid");
    assert_eq!(hint.map(RetryAfter::delay), Some(Duration::from_millis(89_750)));
    // A garbled Date beside a good one.
    let lines = [("date", "?"), ("date", "Fri, 21 Aug 2026 12:01:00 GMT"), ("retry-after", date)];
    assert_eq!(read(&lines), secs(30));
}

#[test]
fn c_ra_03_the_wall_clock_is_asked_once_and_only_where_it_matters() {
    let asked = |lines: &[(&str, &str)]| {
        let count = Cell::new(0);
        let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let _ = RetryAfter::of(&headers(&lines), || {
            count.set(count.get() + 1);
            at(NOW)
        });
        count.get()
    };
    let soon = ("retry-after", "Fri, 21 Aug 2026 12:01:30 GMT");
    let unix = ("retry-after", "1787313690");
    assert_eq!(asked(&[]), 0);
    assert_eq!(asked(&[("retry-after", "120")]), 0);
    assert_eq!(asked(&[("retry-after", "soon")]), 0);
    assert_eq!(asked(&[("retry-after-ms", "120"), soon]), 0);
    assert_eq!(asked(&[DATE, soon, unix]), 0);
    assert_eq!(asked(&[soon, unix, soon]), 1);
    assert_eq!(asked(&[("date", "Friday, 21-Aug-26 12:00:00 GMT"), soon, unix]), 1);
    assert_eq!(asked(&[("date", "?"), ("date", "?"), soon]), 1);
}
