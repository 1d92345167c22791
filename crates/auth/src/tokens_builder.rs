use std::fmt;
use std::time::Duration;

use http::StatusCode;
use tower_intake_core::Random;

use crate::credentials_error::CredentialsError;
use crate::settings::Settings;
use crate::source::TokenSource;
use crate::tokens::Tokens;

/// Settings of [`Tokens`]; made by [`Tokens::builder`].
pub struct TokensBuilder<T> {
    source: T,
    settings: Settings,
    header: Option<String>,
}

impl Tokens {
    /// To change a setting.
    pub fn builder<T: TokenSource>(source: T) -> TokensBuilder<T> {
        TokensBuilder { source, settings: Settings::default(), header: None }
    }
}

impl<T: TokenSource> TokensBuilder<T> {
    /// A token is renewed after this part of its life, give or take a twentieth of that; more than 0, less than
    /// 1, **0.8**. It is used while it is being renewed.
    #[must_use]
    pub fn refresh_at(mut self, part: f64) -> Self {
        self.settings.refresh_at = part;
        self
    }

    /// The answers that reject a token: **401**; 403 and 511 where the server means the token by them. With any
    /// but 401, a token that has replaced a rejected one, and is rejected again before it was once accepted,
    /// stays: it was something else. An answer that says `insufficient_scope` never rejects a token.
    #[must_use]
    pub fn rotate_on(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.settings.carriage.rotate_on = statuses.into_iter().collect();
        self
    }

    /// The longest wait of a request for a token, and the longest that the source is asked for one; **30 s**, at
    /// most an hour. A request's [`Deadline`](tower_intake_core::Deadline) shortens it.
    #[must_use]
    pub fn max_wait(mut self, bound: Duration) -> Self {
        self.settings.bounds.whole = bound;
        self
    }

    /// The longest that the source may take for one answer; **10 s**, at most an hour.
    #[must_use]
    pub fn attempt_timeout(mut self, bound: Duration) -> Self {
        self.settings.bounds.attempt = bound;
        self
    }

    /// The header that carries a token, and what stands before it: **`authorization`**, **`Bearer `** with its
    /// space. The prefix may be empty.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self.settings.carriage.prefix = prefix.into();
        self
    }

    /// Where the jitter comes from; else from the operating system.
    #[must_use]
    pub fn random(mut self, random: Random) -> Self {
        self.settings.random = Some(random);
        self
    }

    /// The handle.
    ///
    /// # Errors
    /// A setting out of its range.
    pub fn build(self) -> Result<Tokens, CredentialsError> {
        Ok(Tokens::make(self.source, self.settings.check(self.header.as_deref())?))
    }
}

impl<T> fmt::Debug for TokensBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokensBuilder")
            .field("refresh_at", &self.settings.refresh_at)
            .field("rotate_on", &self.settings.carriage.rotate_on)
            .field("max_wait", &self.settings.bounds.whole)
            .field("attempt_timeout", &self.settings.bounds.attempt)
            .finish_non_exhaustive()
    }
}
