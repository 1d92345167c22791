//! What holds for `RetryAfter::of`, whatever the headers. Shared by the fuzz target and the replay of its
//! corpus.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower_intake_core::RetryAfter;

const NAMES: [&str; 4] = ["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "date"];

/// `data` is lines as on the wire, `name: value`. What is no such line is left out.
pub(crate) fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    // Fri, 21 Aug 2026 12:00:00 GMT; and a clock that was never set.
    for wall in [UNIX_EPOCH + Duration::from_secs(1_787_313_600), UNIX_EPOCH] {
        check_at(&headers, wall);
    }
}

fn check_at(headers: &HeaderMap, wall: SystemTime) {
    let asked = Cell::new(0);
    let read = RetryAfter::of(headers, || {
        asked.set(asked.get() + 1);
        wall
    });
    assert!(asked.get() <= 1);
    let is_there = NAMES[..3].iter().any(|name| headers.contains_key(*name));
    match read {
        Ok(None) => assert!(!is_there),
        Ok(Some(hint)) => {
            assert!(is_there);
            assert!(hint.delay() <= Duration::from_secs(10_000 * 31_557_600));
            assert_eq!(hint.usable(), Some(hint.delay()).filter(|delay| !delay.is_zero()));
            assert_eq!(RetryAfter::from_delay(hint.delay()), hint);
        }
        Err(malformed) => {
            assert!(is_there);
            assert!(malformed.value().len() <= 128);
            assert!(malformed.value().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        }
    }
}
