use std::fmt;

use crate::error::BoxError;

/// The head of an answer came, its body did not come whole: truncated, stalled, too long.
///
/// Made by whoever reads the body inside the attempt, so that retry sees a failure.
#[derive(Debug)]
pub struct BodyError {
    status: http::StatusCode,
    source: BoxError,
}

impl BodyError {
    /// The body of an answer with this `status` ended in `source`.
    pub fn new(status: http::StatusCode, source: impl Into<BoxError>) -> Self {
        Self { status, source: source.into() }
    }

    /// The status of the answer whose body failed.
    pub fn status(&self) -> http::StatusCode {
        self.status
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body of a {} answer did not come whole", self.status.as_u16())
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
