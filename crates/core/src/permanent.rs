use std::borrow::Cow;
use std::fmt;

use crate::send_state::SendState;

/// The same request will fail again: no retry mends it.
///
/// A layer puts it as the `source()` of its own error type where it knows so: credentials that the token
/// endpoint refuses, a certificate that is not trusted, a request for an origin that must not get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permanent {
    reason: Cow<'static, str>,
    send_state: SendState,
}

impl Permanent {
    /// Nothing was sent; `reason` says why and what to do, and holds no secret.
    pub fn not_sent(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), send_state: SendState::NotSent }
    }

    /// It failed after something was sent.
    pub fn ambiguous(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { reason: reason.into(), send_state: SendState::Ambiguous }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What is known of the request having been sent.
    pub const fn send_state(&self) -> SendState {
        self.send_state
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Permanent {}
