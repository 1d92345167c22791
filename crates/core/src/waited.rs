use std::fmt;
use std::time::Duration;

use crate::error::BoxError;

/// How long one request waited in the layers below retry before it was sent.
///
/// The layer that waited puts it into the answer's extensions, or wraps the error in a [`WaitedError`],
/// only when it did wait; retry sums it into its [`RetryReport`](crate::RetryReport).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waited {
    /// In the gate, for the server's permission.
    pub gate: Duration,
    /// In the concurrency limit, for a place.
    pub limit: Duration,
    /// In auth, for a token.
    pub auth: Duration,
}

impl Waited {
    /// Waited in the gate.
    pub fn gate(gate: Duration) -> Self {
        Self { gate, ..Self::default() }
    }

    /// Waited in the limit.
    pub fn limit(limit: Duration) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Waited in auth.
    pub fn auth(auth: Duration) -> Self {
        Self { auth, ..Self::default() }
    }

    /// All of it; saturates.
    pub fn total(self) -> Duration {
        self.gate.saturating_add(self.limit).saturating_add(self.auth)
    }

    /// Both together; saturates.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            gate: self.gate.saturating_add(other.gate),
            limit: self.limit.saturating_add(other.limit),
            auth: self.auth.saturating_add(other.auth),
        }
    }

    /// Adds this to what a reply already carries: an extension of the answer, a wrapper around the error.
    pub fn note<B>(self, reply: &mut Result<http::Response<B>, BoxError>) {
        if self == Self::default() {
            return;
        }
        match reply {
            Ok(response) => {
                let before = response.extensions().get::<Self>().copied().unwrap_or_default();
                response.extensions_mut().insert(before.and(self));
            }
            Err(error) => {
                let source = std::mem::replace(error, Box::new(Placeholder));
                *error = match source.downcast::<WaitedError>() {
                    Ok(mut known) => {
                        known.waited = known.waited.and(self);
                        known
                    }
                    Err(source) => Box::new(WaitedError { waited: self, source }),
                };
            }
        }
    }
}

/// An error of a request that had waited before it was sent. Its text is that of what it wraps.
#[derive(Debug)]
pub struct WaitedError {
    waited: Waited,
    source: BoxError,
}

impl WaitedError {
    /// How long it waited, and where.
    pub fn waited(&self) -> Waited {
        self.waited
    }
}

impl fmt::Display for WaitedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl std::error::Error for WaitedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// Stands in an error's place while it is being wrapped; nobody sees it.
#[derive(Debug)]
struct Placeholder;

impl fmt::Display for Placeholder {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Placeholder {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Reply;
    use crate::timed_out::{Phase, TimedOut};

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn two_layers_that_waited_add_up_on_answers_and_errors() {
        let mut answer: Result<http::Response<()>, BoxError> = Ok(http::Response::new(()));
        Waited::auth(S).note(&mut answer);
        Waited::gate(2 * S).note(&mut answer);
        assert_eq!(Reply::of(&answer).waited().total(), 3 * S);

        let mut error: Result<http::Response<()>, BoxError> = Err(TimedOut::new(Phase::Attempt, S).into());
        Waited::auth(S).note(&mut error);
        Waited::gate(2 * S).note(&mut error);
        let reply = Reply::of(&error);
        assert_eq!((reply.waited().auth, reply.waited().gate), (S, 2 * S));
        let error = error.unwrap_err();
        assert!(crate::error::find::<TimedOut>(&*error).is_some());
        assert_eq!(crate::error::chain(&*error).count(), 2, "wrapped once");
    }

    #[test]
    fn no_wait_leaves_no_trace() {
        let mut answer: Result<http::Response<()>, BoxError> = Ok(http::Response::new(()));
        Waited::default().note(&mut answer);
        assert!(answer.unwrap().extensions().is_empty());
    }
}
