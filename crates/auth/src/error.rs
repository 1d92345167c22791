use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use tower_intake_core::{Permanent, Refused};

use crate::token_error::TokenError;

/// Auth did not send the request.
///
/// Its source says whether trying again can help: a [`Permanent`] where the credentials are refused or must not
/// go where the request goes, a [`Refused`] where a token may come later.
#[derive(Clone, Debug)]
pub struct AuthError {
    text: String,
    token_error: Option<TokenError>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Permanent(Permanent),
    Refused(Refused),
}

/// The name in [`Refused::by`].
const NAME: &str = "auth";

impl AuthError {
    /// The flight that this call waited for brought `error`; the next one begins not before `until`.
    pub(crate) fn no_token(error: &TokenError, until: Instant) -> Self {
        let text = format!("no token: {error}");
        let source = if error.is_refused() {
            Source::Permanent(Permanent::not_sent(text.clone()))
        } else {
            Source::Refused(Refused::new(NAME).until(until))
        };
        Self { text, token_error: Some(error.clone()), source }
    }

    /// An earlier flight brought `error`, and it is not asked again before `until`.
    pub(crate) fn cooling_down(error: &TokenError, until: Instant) -> Self {
        Self {
            text: format!("no token is asked for yet: {error}"),
            token_error: Some(error.clone()),
            source: Source::Refused(Refused::new(NAME).until(until)),
        }
    }

    /// No token came within `bound`.
    pub(crate) fn timed_out(bound: Duration) -> Self {
        Self::refused(format!("no token came within {bound:?}"))
    }

    pub(crate) fn refused(text: String) -> Self {
        Self { text, token_error: None, source: Source::Refused(Refused::new(NAME)) }
    }

    pub(crate) fn permanent(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            token_error: None,
            source: Source::Permanent(Permanent::not_sent(text)),
        }
    }

    /// What the token endpoint said, where it is that which failed.
    pub fn token_error(&self) -> Option<&TokenError> {
        self.token_error.as_ref()
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auth: {}", self.text)
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match &self.source {
            Source::Permanent(permanent) => permanent,
            Source::Refused(refused) => refused,
        })
    }
}
