use std::fmt;
use std::time::Instant;

/// A layer of our own said no, and nothing was sent.
///
/// It stands as the `source()` of the layer's own error type; [`error::find`](crate::error::find) finds it.
/// It tells nothing about the server: no layer counts it as a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    by: &'static str,
    retry_at: Option<Instant>,
}

impl Refused {
    /// Refused by the layer called `by`, who cannot tell until when.
    pub const fn new(by: &'static str) -> Self {
        Self { by, retry_at: None }
    }

    /// Not before `at`.
    #[must_use]
    pub const fn until(mut self, at: Instant) -> Self {
        self.retry_at = Some(at);
        self
    }

    /// The name of the layer.
    pub const fn by(&self) -> &'static str {
        self.by
    }

    /// When a request may be tried again, if the layer knows.
    pub const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by {}, nothing was sent", self.by)
    }
}

impl std::error::Error for Refused {}
