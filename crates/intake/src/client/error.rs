use std::fmt;

use tower_intake_core::{BoxError, Refused};

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

/// All connections were in use for too long: a refusal of ours, of which no server knows.
#[derive(Debug)]
pub(crate) struct PoolFull {
    why: BoxError,
    refused: Refused,
}

impl PoolFull {
    pub(crate) fn new(why: BoxError) -> Self {
        Self { why, refused: Refused::new("pool") }
    }
}

impl fmt::Display for PoolFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl std::error::Error for PoolFull {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.refused)
    }
}
