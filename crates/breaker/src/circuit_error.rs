use std::error::Error;
use std::fmt;

/// A setting of a [`CircuitBuilder`](crate::CircuitBuilder) makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitError {
    field: &'static str,
    text: String,
}

impl CircuitError {
    pub(crate) fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field, text: text.into() }
    }

    /// The setter that got the number: `open`, `ratio`, …
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for CircuitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl Error for CircuitError {}
