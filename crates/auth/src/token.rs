use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use crate::credentials_error::CredentialsError;
use crate::secret_value::check_token;

/// How long a token lives whose server does not say.
const UNSAID: Duration = Duration::from_secs(3600);

/// The shortest life of a token. A server that gives one out as already expired means something by it, but not
/// that it cannot be used at all.
const SHORTEST: Duration = Duration::from_secs(1);

/// More than any server means, and little enough to reckon with.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// What a [`TokenSource`](crate::TokenSource) obtained: the token and how long it lives.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_auth::Token;
///
/// let token = Token::new("abc")?.expires_in(Duration::from_secs(600));
/// assert_eq!(format!("{token:?}"), "Token { life: 600s, .. }");
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
pub struct Token {
    secret: SecretString,
    life: Duration,
}

impl Token {
    /// A token that lives for an hour.
    ///
    /// # Errors
    /// It is empty, holds a space, or is not printable ASCII.
    pub fn new(secret: impl Into<String>) -> Result<Self, CredentialsError> {
        let secret = SecretString::from(secret.into());
        check_token(secret.expose_secret()).map_err(|must| CredentialsError::new("token", must))?;
        Ok(Self { secret, life: UNSAID })
    }

    /// It lives for `life`, counted from the moment it was asked for; less than a second is a second,
    /// more than a hundred years a hundred years.
    #[must_use]
    pub fn expires_in(mut self, life: Duration) -> Self {
        self.life = life.clamp(SHORTEST, LONGEST);
        self
    }

    /// How long it lives.
    pub const fn life(&self) -> Duration {
        self.life
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("life", &self.life).finish_non_exhaustive()
    }
}
