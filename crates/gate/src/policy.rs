use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use tower_intake_core::{
    Classify, Honour, Key, Outcome, Refused, Reply, RetryAfter, StatusTable, WallClock, error,
};

use crate::news::{LIFECYCLE, TARGET};

/// What a reply says to the gate.
pub(crate) struct Policy {
    /// `None`: [`StatusTable::default`], known here, so that a success needs no look into it.
    pub(crate) classify: Option<Arc<dyn Classify + Send + Sync>>,
    pub(crate) honour: Honour,
    pub(crate) cap: Duration,
    pub(crate) without_hint: Option<Duration>,
    pub(crate) wall: WallClock,
}

/// It, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Nothing that concerns the gate.
    Other,
    /// Stay away for so long.
    Close(Duration),
    /// Stay away, without a word how long.
    Throttled,
    /// A layer further in refused: no evidence about the server.
    Refused(Option<Instant>),
}

impl Policy {
    /// Whether an answer of this status can have nothing to say.
    #[inline]
    pub(crate) fn is_plain(&self, status: StatusCode) -> bool {
        self.classify.is_none() && status.is_success()
    }

    fn classify(&self, reply: Reply<'_>) -> Outcome {
        match &self.classify {
            None => StatusTable::default().classify(reply),
            Some(classify) => classify.classify(reply),
        }
    }

    pub(crate) fn read(&self, reply: Reply<'_>, key: &Key) -> Reading {
        // before the classifier, which may take every error for the same: nothing was sent
        if let Reply::Error(error) = reply
            && let Some(refused) = error::find::<Refused>(error)
        {
            return Reading::Refused(refused.retry_at());
        }
        match self.classify(reply) {
            outcome @ (Outcome::Throttled | Outcome::Transient) => self.read_hint(outcome, reply, key),
            // the classifier's own word, which tells no time
            Outcome::Refused => Reading::Refused(None),
            _ => Reading::Other,
        }
    }

    #[cold]
    fn read_hint(&self, outcome: Outcome, reply: Reply<'_>, key: &Key) -> Reading {
        if let Some(headers) = reply.headers().filter(|_| self.honour.covers(outcome)) {
            match RetryAfter::of(headers, || self.wall.now()) {
                Ok(hint) => {
                    if let Some(delay) = hint.and_then(RetryAfter::usable) {
                        return Reading::Close(delay.min(self.cap));
                    }
                }
                Err(malformed) => {
                    tracing::warn!(target: TARGET, kind = LIFECYCLE, %key, value = malformed.value(), "malformed Retry-After: the gate stays as it is");
                }
            }
        }
        match (outcome, self.without_hint) {
            (Outcome::Throttled, Some(delay)) => Reading::Close(delay),
            (Outcome::Throttled, None) => Reading::Throttled,
            _ => Reading::Other,
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("honour_on", &self.honour)
            .field("max_retry_after", &self.cap)
            .field("close_without_hint", &self.without_hint)
            .finish_non_exhaustive()
    }
}
