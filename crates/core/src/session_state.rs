/// Where a session of ingestion stands when an event fires; the field `session_state` of every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionState {
    /// Nobody has said.
    #[default]
    Unknown,
    /// The client has been built.
    Initialized,
    /// A credential was obtained.
    Authenticated,
    /// A credential was rejected; another is being obtained.
    Reauthenticating,
    /// Records or pages are moving.
    Streaming,
    /// Waiting after a failure.
    Backoff,
    /// Waiting because the server said so.
    RateLimited,
    /// A breaker refuses.
    CircuitOpen,
    /// A record was not what it must be.
    ValidationError,
    /// Given up on, and kept.
    DeadLettered,
    /// The server has it.
    Delivered,
    /// Ended without success.
    Failed,
    /// The caller dropped it.
    Cancelled,
    /// The session has ended.
    Terminated,
}

impl SessionState {
    /// The word in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Initialized => "initialized",
            Self::Authenticated => "authenticated",
            Self::Reauthenticating => "reauthenticating",
            Self::Streaming => "streaming",
            Self::Backoff => "backoff",
            Self::RateLimited => "rate_limited",
            Self::CircuitOpen => "circuit_open",
            Self::ValidationError => "validation_error",
            Self::DeadLettered => "dead_lettered",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Terminated => "terminated",
        }
    }
}

impl std::fmt::Display for SessionState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
