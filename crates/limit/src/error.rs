use std::fmt;
use std::time::Duration;

use tower_intake_core::Refused;

use crate::limit::Limit;

/// A setting of a [`Limit`] makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitError {
    field: &'static str,
    text: &'static str,
}

impl LimitError {
    pub(crate) fn new(field: &'static str, text: &'static str) -> Self {
        Self { field, text }
    }

    /// The setting that is wrong.
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl std::error::Error for LimitError {}

/// The limit refused a call: no place was free, and none became free in time. Nothing was sent.
///
/// Its source is a [`Refused`] without a time: nobody knows when a place will be free.
#[derive(Clone, Debug)]
pub struct LimitFull {
    in_flight: usize,
    waiting: usize,
    waited: Duration,
    source: Refused,
}

impl LimitFull {
    /// Refused by `limit` after a wait of `waited`; the numbers are those of this moment.
    pub(crate) fn new(limit: &Limit, waited: Duration) -> Self {
        Self { in_flight: limit.in_flight(), waiting: limit.waiting(), waited, source: Refused::new("limit") }
    }

    /// How many calls were in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many others waited for a place.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// How long this call had waited; zero if it was refused at once.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl fmt::Display for LimitFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limit: no place was free")?;
        if !self.waited.is_zero() {
            write!(f, " within {:?}", self.waited)?;
        }
        write!(f, ", {} in flight and {} waiting", self.in_flight, self.waiting)
    }
}

impl std::error::Error for LimitFull {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}
