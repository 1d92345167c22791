use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use tower_intake_core::BackoffError;

/// The settings of a [`RetryPolicy`](crate::RetryPolicy) make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicyError {
    field: Cow<'static, str>,
    text: String,
}

impl RetryPolicyError {
    pub(crate) fn new(field: &'static str, text: impl Into<String>) -> Self {
        Self { field: field.into(), text: text.into() }
    }

    /// A fault of the backoff that stands in `field`.
    pub(crate) fn backoff(field: &'static str, error: &BackoffError) -> Self {
        let text = error.to_string();
        let text = text.split_once(": ").map_or(text.as_str(), |(_, text)| text).to_owned();
        Self { field: format!("{field}.{}", error.field()).into(), text }
    }

    /// The setting that is wrong: `max_rate_limited`, `backoff.factor`, …
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for RetryPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl Error for RetryPolicyError {}
