use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use tower_intake_core::error::describe;
use tower_intake_core::{BoxError, Redact};

use crate::credentials_error::CredentialsError;

/// A [`TokenSource`](crate::TokenSource) has no token to give. What it says is read in logs: it holds no
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenError {
    kind: Kind,
    text: Cow<'static, str>,
    retry_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Refused,
    Unavailable,
    Malformed,
}

impl TokenError {
    /// The credentials are not accepted: asking again with the same ones will not help. The calls that waited
    /// for this token fail for good; later calls ask again, after the cool-down.
    pub fn refused(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Refused, text)
    }

    /// The server is down, unreachable or overloaded: worth asking again, within the bound of the wait.
    pub fn unavailable(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unavailable, text)
    }

    /// The server answered, but with no token: asked again after the cool-down only.
    pub fn malformed(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Malformed, text)
    }

    /// The transport failed with `error`, whose texts become this one's.
    pub fn transport(error: impl Into<BoxError>) -> Self {
        let text = describe(&*error.into());
        Self::unavailable(Redact::text(&text, 500).into_owned())
    }

    fn new(kind: Kind, text: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, text: text.into(), retry_after: None }
    }

    /// The server asked to be left alone for `delay`.
    #[must_use]
    pub fn retry_after(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.retry_after = delay.into();
        self
    }

    /// Whether the credentials themselves were refused.
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether it is worth asking again soon.
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// What the server asked for.
    pub fn asked_delay(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl From<CredentialsError> for TokenError {
    /// A token that cannot go into a header.
    fn from(error: CredentialsError) -> Self {
        Self::malformed(format!("the token cannot be sent: {error}"))
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for TokenError {}
