use std::fmt;
use std::time::Duration;

use jiff::fmt::friendly::{SpanParser, SpanPrinter};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A duration as people write it: `"500ms"`, `"30s"`, `"1m30s"`, `"12h"`. A bare number is refused, except
/// 0: it says no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

pub(crate) struct SpanVisitor;

pub(crate) const EXPECTED: &str = "a duration with its unit, like \"500ms\", \"30s\" or \"12h\"";

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Span, E> {
        match SpanParser::new().parse_unsigned_duration(text) {
            Ok(duration) => Ok(Span(duration)),
            Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Span, E> {
        if number == 0 {
            Ok(Span::default())
        } else {
            Err(E::invalid_value(Unexpected::Unsigned(number), &self))
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Span, E> {
        if number == 0 {
            Ok(Span::default())
        } else {
            Err(E::invalid_value(Unexpected::Signed(number), &self))
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&SpanPrinter::new().unsigned_duration_to_string(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_and_written_as_people_do() {
        let cases = [
            ("\"500ms\"", 500),
            ("\"30s\"", 30_000),
            ("\"1m30s\"", 90_000),
            ("\"12h\"", 43_200_000),
            ("0", 0),
        ];
        for (text, millis) in cases {
            let span: Span = serde_json::from_str(text).unwrap();
            assert_eq!(span, Span::millis(millis), "{text}");
            let again: Span = serde_json::from_str(&serde_json::to_string(&span).unwrap()).unwrap();
            assert_eq!(again, span);
        }
        for bad in ["30", "-5", "\"-5s\"", "\"soon\"", "\"30\"", "\"\"", "1.5", "true"] {
            let error = serde_json::from_str::<Span>(bad).unwrap_err().to_string();
            assert!(error.contains("duration with its unit"), "{bad}: {error}");
        }
    }
}
