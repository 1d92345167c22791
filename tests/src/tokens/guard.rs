//! Who checks tokens.

use std::fmt;
use std::sync::Arc;

use super::issuer::Tokens;
use crate::answer::Answer;
use crate::moment::Moment;
use crate::recorded::Recorded;
use crate::script::Script;

/// Lets requests with a good bearer token through to another script; made by [`Tokens::guard`].
///
/// The rest get 401 with `WWW-Authenticate: Bearer error="invalid_token"`, without the error where there was no
/// token at all (RFC 6750 §3).
#[derive(Clone)]
pub struct Guard {
    tokens: Tokens,
    then: Arc<dyn Script>,
}

impl Guard {
    pub(super) fn new(tokens: Tokens, then: Arc<dyn Script>) -> Self {
        Self { tokens, then }
    }
}

impl Tokens {
    /// The 401 for a request without a good token, counted as rejected; `None` if its token is good.
    #[must_use]
    pub fn check(&self, request: &Recorded) -> Option<Answer> {
        let token = request.header("authorization").and_then(bearer);
        if token.is_some_and(|token| self.is_good(token)) {
            return None;
        }
        self.reject();
        let challenge = if token.is_some() { "Bearer error=\"invalid_token\"" } else { "Bearer" };
        Some(Answer::new(401).header("www-authenticate", challenge))
    }
}

fn bearer(line: &str) -> Option<&str> {
    let (scheme, token) = line.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

impl Script for Guard {
    fn answer(&self, request: &Recorded) -> Answer {
        self.tokens.check(request).unwrap_or_else(|| self.then.answer(request))
    }

    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        self.then.answer_connection(connection, moment)
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}
