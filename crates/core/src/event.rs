use std::time::Duration;

use http::Method;

use crate::outcome::Outcome;
use crate::report::Stopped;
use crate::session_state::SessionState;

/// What an [`Event`] tells of; its field `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A call as its caller sees it, all attempts together.
    Operation,
    /// One request that was handed to the client, or refused on the way there.
    Attempt,
    /// Something that happened to the session.
    Lifecycle,
}

impl Kind {
    /// The word in events: `operation`, `attempt`, `lifecycle`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Attempt => "attempt",
            Self::Lifecycle => "lifecycle",
        }
    }
}

/// One line of the audit trail, typed, borrowed from what it tells of. Nothing in it is secret: paths are
/// redacted and texts escaped before they get here.
///
/// Time stamp, level and target are added by whoever writes it down.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What it tells of.
    pub kind: Kind,
    /// Where the session stands.
    pub session_state: SessionState,
    /// The id that ties the events of one operation together.
    pub correlation_id: Option<&'a str>,
    /// Attempts that were sent before; for an operation, attempts − 1.
    pub retry_count: u32,
    /// The request's method.
    pub method: Option<&'a Method>,
    /// The request's scheme.
    pub scheme: Option<&'a str>,
    /// The server, `host:port`, without user and password.
    pub authority: Option<&'a str>,
    /// The path, query values redacted.
    pub path: Option<&'a str>,
    /// The answer's status.
    pub status: Option<u16>,
    /// What the reply means.
    pub outcome: Option<Outcome>,
    /// From the request to this event.
    pub elapsed: Duration,
    /// The part of it that was spent waiting.
    pub wait: Duration,
    /// What the server asked for.
    pub retry_after: Option<Duration>,
    /// Why retry gave up.
    pub stopped: Option<Stopped>,
    /// Length of the request's body, where it is known.
    pub request_bytes: Option<u64>,
    /// Length of the answer's body, where it is known.
    pub response_bytes: Option<u64>,
    /// The error, escaped.
    pub error: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event that tells nothing more yet.
    pub fn new(kind: Kind, session_state: SessionState) -> Self {
        Self {
            kind,
            session_state,
            correlation_id: None,
            retry_count: 0,
            method: None,
            scheme: None,
            authority: None,
            path: None,
            status: None,
            outcome: None,
            elapsed: Duration::ZERO,
            wait: Duration::ZERO,
            retry_after: None,
            stopped: None,
            request_bytes: None,
            response_bytes: None,
            error: None,
        }
    }
}
