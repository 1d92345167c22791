//! `RetryAfter` against a naive model, and against whatever bytes may come.

use crate::{NOW, YEAR, at};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use std::time::{Duration, Instant, UNIX_EPOCH};
use tower_intake_core::RetryAfter;

fn read_one(name: &'static str, value: &str) -> Option<Duration> {
    let line = (HeaderName::from_static(name), value.parse().expect("a header's value"));
    RetryAfter::of(&HeaderMap::from_iter([line]), || at(NOW)).expect("valid").map(RetryAfter::delay)
}

/// The tests' own reading of a line, made from what the line was made of.
#[derive(Clone, Debug)]
enum Line {
    Seconds(u64),
    Unix(i64),
    Date(i64),
    Garbage(&'static str),
}

impl Line {
    fn any() -> impl Strategy<Value = Self> {
        let offset = -100_000_000..100_000_000i64;
        let garbage =
            proptest::sample::select(vec!["", "soon", "+5", "5.5", "1, 2", "Fri, 30 Feb 2026 12:00:00 GMT"]);
        prop_oneof![
            (0..10 * YEAR).prop_map(Line::Seconds),
            (0..100u64).prop_map(Line::Seconds),
            offset.clone().prop_map(Line::Unix),
            offset.prop_map(Line::Date),
            garbage.prop_map(Line::Garbage),
        ]
    }

    fn value(&self, now: u64) -> String {
        match self {
            Line::Seconds(n) => n.to_string(),
            Line::Unix(offset) => now.saturating_add_signed(*offset).to_string(),
            Line::Date(offset) => httpdate::fmt_http_date(at(now.saturating_add_signed(*offset))),
            Line::Garbage(value) => (*value).to_owned(),
        }
    }

    fn delay(&self) -> Option<Duration> {
        match self {
            Line::Seconds(n) => Some(Duration::from_secs(*n)),
            Line::Unix(offset) | Line::Date(offset) => {
                Some(Duration::from_secs(u64::try_from(*offset).unwrap_or(0)))
            }
            Line::Garbage(_) => None,
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_naive_model(
        lines in proptest::collection::vec(Line::any(), 0..5), skew in 0..YEAR, dated: bool,
    ) {
        let mut map = HeaderMap::new();
        for line in &lines {
            map.append("retry-after", line.value(NOW).parse().expect("a header's value"));
        }
        if dated {
            map.append("date", httpdate::fmt_http_date(at(NOW)).parse().expect("a header's value"));
        }
        let wall = if dated { NOW + skew } else { NOW };
        let hint = RetryAfter::of(&map, || at(wall)).map(|hint| hint.map(RetryAfter::delay)).map_err(drop);
        let expected = match lines.iter().filter_map(Line::delay).max() {
            None if !lines.is_empty() => Err(()),
            delay => Ok(delay),
        };
        prop_assert_eq!(hint, expected);
    }

    #[test]
    fn any_bytes_at_any_time_are_answered(
        values in proptest::collection::vec((0..4usize, proptest::collection::vec(any::<u8>(), 0..80)), 0..6),
        wall: i64,
    ) {
        let names = ["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "date"];
        let mut map = HeaderMap::new();
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                map.append(names[name], value);
            }
        }
        let distance = Duration::from_secs(wall.unsigned_abs());
        let wall = if wall < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        match RetryAfter::of(&map, || wall.unwrap_or(UNIX_EPOCH)) {
            Ok(Some(hint)) => prop_assert_eq!(hint.usable().unwrap_or_default(), hint.delay()),
            Ok(None) => prop_assert!(names[..3].iter().all(|name| !map.contains_key(*name))),
            Err(malformed) => {
                let value = malformed.value();
                prop_assert!(value.len() <= 128 && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic()));
            }
        }
    }

    #[test]
    fn a_number_is_its_digits(n: u64, zeros in 0..40usize) {
        let is_time = n.abs_diff(NOW) <= 10 * YEAR;
        let expected = if is_time { n.saturating_sub(NOW) } else { n.min(10_000 * YEAR) };
        let value = format!("{}{n}", "0".repeat(zeros));
        prop_assert_eq!(read_one("retry-after", &value), Some(Duration::from_secs(expected)));
        let expected = Duration::from_millis(n).min(Duration::from_secs(10_000 * YEAR));
        prop_assert_eq!(read_one("retry-after-ms", &value), Some(expected));
    }

    #[test]
    fn a_deadline_never_panics_and_is_early_only_a_century_on(seconds: u64, nanos in 0..1_000_000_000u32, ahead: u64) {
        #[expect(clippy::disallowed_methods, reason = "std has no other way to make an Instant")]
        let now = Instant::now();
        let now = now.checked_add(Duration::from_secs(ahead)).unwrap_or(now);
        let hint = RetryAfter::from_delay(Duration::new(seconds, nanos));
        let until = hint.deadline(now).duration_since(now);
        prop_assert!(until <= hint.delay());
        if until != hint.delay() {
            // Cut short: a century ahead, or where the clock itself ends.
            prop_assert!(until > Duration::from_secs(99 * YEAR) || now.checked_add(hint.delay()).is_none());
        }
    }
}
