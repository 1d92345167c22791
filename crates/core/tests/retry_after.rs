//! CONTRACT rows RA-1 to RA-8, header value by header value.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_intake_core::RetryAfter;

#[path = "retry_after/dates.rs"]
mod dates;
#[path = "retry_after/properties.rs"]
mod properties;

/// Fri, 21 Aug 2026 12:00:00 GMT
const NOW: u64 = 1_787_313_600;
const DATE: (&str, &str) = ("date", "Fri, 21 Aug 2026 12:00:00 GMT");
const YEAR: u64 = 31_557_600;

fn at(unix: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(unix)
}

fn headers(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        map.append(name, HeaderValue::from_bytes(value).expect("a header's value"));
    }
    map
}

/// The delay, read at `NOW`; `Err` holds the escaped value.
fn read(lines: &[(&str, &str)]) -> Result<Option<Duration>, String> {
    let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    match RetryAfter::of(&headers(&lines), || at(NOW)) {
        Ok(hint) => Ok(hint.map(RetryAfter::delay)),
        Err(malformed) => Err(malformed.value().to_owned()),
    }
}

fn secs(n: u64) -> Result<Option<Duration>, String> {
    Ok(Some(Duration::from_secs(n)))
}

fn millis(n: u64) -> Result<Option<Duration>, String> {
    Ok(Some(Duration::from_millis(n)))
}

/// Each value is malformed, and reported as it stands but for the bytes that had to be escaped.
fn assert_malformed<V: AsRef<[u8]>>(values: &[V]) {
    for value in values {
        let value = value.as_ref();
        let malformed = RetryAfter::of(&headers(&[("retry-after", value)]), || at(NOW))
            .expect_err(&format!("{} is malformed", value.escape_ascii()));
        assert_eq!(malformed.value(), value.escape_ascii().to_string());
    }
}

#[test]
fn c_ra_01_digits_are_seconds() {
    for (value, seconds) in [
        ("1", 1),
        ("0", 0),
        ("7", 7),
        ("60", 60),
        ("120", 120),
        ("3600", 3600),
        ("86400", 86_400),
        ("007", 7),
        ("00000000000000000000000000000000000000000000000000000000000000000000000000000005", 5),
        (" 5", 5),
        ("5 ", 5),
        ("\t5\t", 5),
        (" \t 120 \t ", 120),
        ("4294967295", 4_294_967_295),
        ("4294967296", 4_294_967_296),
        ("99999999999", 99_999_999_999),
    ] {
        assert_eq!(read(&[("retry-after", value)]), secs(seconds), "{value:?}");
    }
}

#[test]
fn c_ra_01_overflow_saturates() {
    let ten_thousand_years = secs(10_000 * YEAR);
    for value in
        ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999"]
    {
        assert_eq!(read(&[("retry-after", value)]), ten_thousand_years, "{value}");
    }
    assert_eq!(read(&[("retry-after", &"9".repeat(10_000))]), ten_thousand_years);
}

#[test]
fn c_ra_01_nothing_but_digits() {
    assert_malformed(&[
        "",
        "+5",
        "-5",
        "-0",
        "5.0",
        "5.",
        ".5",
        "1,5",
        "1_000",
        "1 000",
        "0x10",
        "0b1",
        "1e3",
        "5s",
        "5 s",
        "10m",
        "5 seconds",
        "PT5S",
        "5;",
        "5; comment",
        "(5)",
        "\"5\"",
        "'5'",
        "=5",
        "5%",
        "inf",
        "NaN",
        "null",
        "true",
        "soon",
        "never",
    ]);
    let not_ascii: [&[u8]; 6] =
        ["٥".as_bytes(), "５".as_bytes(), "²".as_bytes(), "5\u{a0}".as_bytes(), b"\xa05", b"\xff\xfe5"];
    assert_malformed(&not_ascii);
}

#[test]
fn c_ra_04_a_number_near_now_is_a_unix_time() {
    for (number, seconds) in [
        (NOW, 0),
        (NOW + 1, 1),
        (NOW + 90, 90),
        (NOW - 1, 0),
        (NOW - 9 * YEAR, 0),
        (NOW - 10 * YEAR, 0),
        (NOW + 10 * YEAR, 10 * YEAR),
        // beyond ten years it is a delay after all, as absurd as it stands there
        (NOW + 10 * YEAR + 1, NOW + 10 * YEAR + 1),
        (NOW - 10 * YEAR - 1, NOW - 10 * YEAR - 1),
        (NOW * 1000, NOW * 1000),
        (10 * YEAR, 10 * YEAR),
    ] {
        let value = number.to_string();
        let expected = secs(seconds.min(10_000 * YEAR));
        assert_eq!(read(&[("retry-after", &value)]), expected, "{value}");
        assert_eq!(read(&[DATE, ("retry-after", &value)]), expected, "{value}");
    }
    // "now" is the server's now
    let lines = [("date", "Fri, 21 Aug 2026 11:59:00 GMT"), ("retry-after", "1787313600")];
    assert_eq!(read(&lines), secs(60));
}

#[test]
fn c_ra_04_a_delay_stays_one_where_the_clock_stands_at_1970() {
    for date in
        ["Thu, 01 Jan 1970 00:00:10 GMT", "Wed, 31 Dec 1969 23:59:59 GMT", "Tue, 01 Jan 1980 00:00:00 GMT"]
    {
        assert_eq!(read(&[("date", date), ("retry-after", "120")]), secs(120), "{date}");
    }
}

#[test]
fn c_ra_05_the_largest_valid_line() {
    let line = |value| ("retry-after", value);
    let date = "Fri, 21 Aug 2026 12:01:30 GMT";
    assert_eq!(read(&[line("5"), line("30"), line("10")]), secs(30));
    assert_eq!(read(&[line("5"), line(date)]), secs(90));
    assert_eq!(read(&[line("100"), line(date)]), secs(100));
    assert_eq!(read(&[line("5"), line("1787313700")]), secs(100));
    assert_eq!(read(&[line("0"), line("1")]), secs(1));
    // the malformed are forgiven
    assert_eq!(read(&[line("soon"), line("5")]), secs(5));
    assert_eq!(read(&[line("5"), line("99 years")]), secs(5));
    assert_eq!(read(&[line("soon"), line("later")]), Err("soon".to_owned()));
}

#[test]
fn c_ra_05_joined_lines_are_malformed() {
    assert_malformed(&[
        "5, 10",
        "5,10",
        "5,",
        ",5",
        "5, 5",
        "5, Fri, 21 Aug 2026 12:01:30 GMT",
        "Fri, 21 Aug 2026 12:01:30 GMT, 5",
        "Fri, 21 Aug 2026 12:01:30 GMT, Fri, 21 Aug 2026 12:01:30 GMT",
    ]);
}

#[test]
fn c_ra_06_milliseconds_win_where_valid() {
    let date = "Fri, 21 Aug 2026 12:01:30 GMT";
    for name in ["retry-after-ms", "x-ms-retry-after-ms", "Retry-After-Ms"] {
        assert_eq!(read(&[(name, "1500")]), millis(1500));
        assert_eq!(read(&[(name, " 20 "), ("retry-after", "1")]), millis(20));
        assert_eq!(read(&[("retry-after", date), (name, "250")]), millis(250));
        assert_eq!(read(&[("retry-after", "soon"), (name, "250")]), millis(250));
        assert_eq!(read(&[(name, "0"), ("retry-after", "5")]), secs(0));
        assert_eq!(read(&[(name, "10"), (name, "x"), (name, "30"), (name, "20")]), millis(30));
        // a number is a delay here, whatever it looks like
        assert_eq!(read(&[(name, "1787313690")]), millis(1_787_313_690));
        assert_eq!(read(&[(name, "99999999999999999999")]), secs(10_000 * YEAR));
    }
    assert_eq!(read(&[("x-ms-retry-after-ms", "7"), ("retry-after-ms", "6")]), millis(7));
}

#[test]
fn c_ra_06_malformed_milliseconds_leave_it_to_retry_after() {
    for value in ["", "+5", "1.5", "5ms", "5, 6", "Fri, 21 Aug 2026 12:01:30 GMT"] {
        for name in ["retry-after-ms", "x-ms-retry-after-ms"] {
            assert_eq!(read(&[(name, value), ("retry-after", "5")]), secs(5), "{value:?}");
            assert_eq!(read(&[(name, value), ("retry-after", "soon")]), Err("soon".to_owned()));
            assert_eq!(read(&[(name, value)]), Err(value.to_owned()));
        }
    }
    let malformed =
        RetryAfter::of(&headers(&[("retry-after-ms", b"1.5")]), || at(NOW)).expect_err("malformed");
    assert_eq!(malformed.to_string(), "malformed Retry-After \"1.5\": expected whole milliseconds");
}

#[test]
fn c_ra_07_absent_is_none() {
    assert_eq!(read(&[]), Ok(None));
    assert_eq!(read(&[DATE, ("x-retry-after", "5"), ("ratelimit-reset", "5")]), Ok(None));
}

#[test]
fn c_ra_07_the_malformed_value_is_escaped_and_bounded() {
    let value = |bytes: &[u8]| {
        let malformed =
            RetryAfter::of(&headers(&[("retry-after", bytes)]), || at(NOW)).expect_err("malformed");
        malformed.value().to_owned()
    };
    assert_eq!(value(b"a\tb"), r"a\tb");
    assert_eq!(value(b"say \"5\""), r#"say \"5\""#);
    assert_eq!(value(b"\x80\xff"), r"\x80\xff");
    assert_eq!(value("fünf".as_bytes()), r"f\xc3\xbcnf");
    assert_eq!(value(&[b'x'; 125]), "x".repeat(125));
    assert_eq!(value(&[b'x'; 4000]), "x".repeat(125) + "...");
    assert_eq!(value(&[0xff; 4000]), r"\xff".repeat(31) + "...");
}

#[test]
fn c_ra_08_zero_or_past_is_no_usable_hint() {
    for value in [
        "0",
        "000",
        "Fri, 21 Aug 2026 12:00:00 GMT",
        "Fri, 21 Aug 2026 11:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Mon, 01 Jan 0001 00:00:00 GMT",
        "Sat, 01 Jan 0000 00:00:00 GMT",
        "1787313600",
        "1787313599",
    ] {
        let hint = RetryAfter::of(&headers(&[("retry-after", value.as_bytes())]), || at(NOW));
        let hint = hint.expect("valid").expect("there");
        assert_eq!((hint.delay(), hint.usable()), (Duration::ZERO, None), "{value}");
    }
    assert_eq!(RetryAfter::from_delay(Duration::ZERO).usable(), None);
    let shortest = Duration::from_nanos(1);
    assert_eq!(RetryAfter::from_delay(shortest).usable(), Some(shortest));
}
