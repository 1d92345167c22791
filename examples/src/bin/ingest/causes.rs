//! Why a batch was sent again.

use std::fmt;

use serde::Serialize;
use tower_intake_core::{Event, Outcome};

/// What was wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server asked for fewer requests.
    Throttled,
    /// The server failed.
    Server,
    /// No answer came, or not the whole of it.
    Transport,
    /// The token was rejected and is another one now.
    Token,
}

impl Cause {
    /// What the event of an attempt tells; `None` if nothing was wrong, or nothing was sent.
    pub(crate) fn of(event: &Event<'_>) -> Option<Self> {
        match (event.outcome?, event.status) {
            (Outcome::Success | Outcome::Refused, _) => None,
            (Outcome::Throttled, _) => Some(Self::Throttled),
            (Outcome::Unauthorized, _) => Some(Self::Token),
            (_, Some(_)) => Some(Self::Server),
            (_, None) => Some(Self::Transport),
        }
    }
}

/// Retries by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Retries {
    pub(crate) throttled: u64,
    pub(crate) server: u64,
    pub(crate) transport: u64,
    pub(crate) token: u64,
}

impl Retries {
    pub(crate) fn count(&mut self, cause: Cause) {
        *match cause {
            Cause::Throttled => &mut self.throttled,
            Cause::Server => &mut self.server,
            Cause::Transport => &mut self.transport,
            Cause::Token => &mut self.token,
        } += 1;
    }

    pub(crate) fn total(self) -> u64 {
        self.throttled + self.server + self.transport + self.token
    }
}

impl fmt::Display for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { throttled, server, transport, token } = self;
        write!(f, "{throttled} throttled, {server} server, {transport} transport, {token} token")
    }
}
