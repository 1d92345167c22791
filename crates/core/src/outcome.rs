/// What a reply means for the layers: the one word on which retry, gate, breaker, limit and audit agree.
///
/// It is carried nowhere: whoever needs it asks a [`Classify`](crate::Classify), which costs a few compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The server did what was asked.
    Success,
    /// The server asks for fewer requests (429).
    Throttled,
    /// It may go well another time: 503, a lost connection, a timeout.
    Transient,
    /// The credential was not accepted (401).
    Unauthorized,
    /// The same request will fail again.
    Permanent,
    /// A layer of our own said no and nothing was sent: no evidence about the server.
    Refused,
}

impl Outcome {
    /// The word in events: `success`, `throttled`, `transient`, `unauthorized`, `permanent`, `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Throttled => "throttled",
            Self::Transient => "transient",
            Self::Unauthorized => "unauthorized",
            Self::Permanent => "permanent",
            Self::Refused => "refused",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
