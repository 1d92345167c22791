use std::fmt;

use tower_intake_core::BoxError;

/// A client that cannot be built.
#[derive(Debug)]
pub struct ClientError {
    field: &'static str,
    source: BoxError,
}

impl ClientError {
    pub(crate) fn new(field: &'static str, source: impl Into<BoxError>) -> Self {
        Self { field, source: source.into() }
    }

    /// The setting that is wrong, `pool.max_connections`.
    pub fn field(&self) -> &str {
        self.field
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.source)
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}
