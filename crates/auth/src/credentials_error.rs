use std::borrow::Cow;
use std::fmt;

/// A setting of auth makes no sense. Names the setting and what it must be, and never shows its value: it may
/// be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsError {
    field: Cow<'static, str>,
    must: Cow<'static, str>,
}

impl CredentialsError {
    /// The setting `field` is wrong; `must` says what it must be, without its value.
    pub fn new(field: impl Into<Cow<'static, str>>, must: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), must: must.into() }
    }

    /// The setting that is wrong: `user`, `token`, `origins`, `token_url`, or the
    /// name of a header.
    pub fn field(&self) -> &str {
        &self.field
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.must)
    }
}

impl std::error::Error for CredentialsError {}
