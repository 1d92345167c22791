//! What holds for the reader of HTTP-dates, whatever the bytes. Shared by the fuzz target and the replay of
//! its corpus.

#[path = "../../src/http_date.rs"]
mod reader;

use reader::parse_http_date;
use std::time::{Duration, UNIX_EPOCH};

pub(crate) fn check(data: &[u8]) {
    let year_10000 = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    // Fri, 21 Aug 2026 12:00:00 GMT
    let now = UNIX_EPOCH + Duration::from_secs(1_787_313_600);
    let read = parse_http_date(data, || now);

    // Ours takes whatever httpdate takes, but that it trims, and is lax in the RFC 850 form.
    let is_bare = |text: &&str| text.trim() == *text && !text.contains('-');
    let text = str::from_utf8(data).ok().filter(is_bare);
    if let Some(strict) = text.and_then(|text| httpdate::parse_http_date(text).ok()) {
        assert_eq!(read, Some(strict));
    }

    // Whatever ours takes has a canonical form that says the same.
    if let Some(time) = read {
        assert!(time < year_10000);
        if time >= UNIX_EPOCH {
            let canonical = httpdate::fmt_http_date(time);
            assert_eq!(parse_http_date(canonical.as_bytes(), || now), Some(time));
        }
    }
}
