use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tower_intake_core::{
    Classify, MalformedRetryAfter, Outcome, Permanent, Phase, Random, Refused, Reply, RetryAfter, SendState,
    StatusTable, TimedOut, WallClock, error,
};

use crate::machine::Rules;
use crate::ratio::Ratio;
use crate::window::Ring;

/// What the circuits of one handle have in common, checked.
pub(crate) struct Settings {
    pub(crate) consecutive: Option<u32>,
    pub(crate) ratio: Option<RatioRule>,
    pub(crate) stripes: usize,
    pub(crate) rules: Rules,
    pub(crate) classifier: Classifier,
    pub(crate) count_throttled: bool,
    /// `None`: a Retry-After is not honoured
    pub(crate) max_retry_after: Option<Duration>,
    pub(crate) random: Random,
    pub(crate) wall_clock: WallClock,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RatioRule {
    pub(crate) ratio: Ratio,
    pub(crate) min_calls: u64,
    pub(crate) ring: Ring,
}

#[derive(Clone)]
pub(crate) enum Classifier {
    /// [`StatusTable::default`]; known here, so that what needs no look into it gets none.
    Default,
    Own(Arc<dyn Classify + Send + Sync>),
}

impl Classifier {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        match self {
            Self::Default => StatusTable::default().classify(reply),
            Self::Own(own) => own.classify(reply),
        }
    }
}

/// What an ended call tells the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server does its work.
    Well,
    /// It does not.
    Failed,
    /// It refuses work: counts in the ratio and fails a probe, but breaks no streak and adds to none.
    Throttled,
}

impl Settings {
    /// `None`: the reply tells nothing about the server.
    #[inline]
    pub(crate) fn verdict(&self, reply: Reply<'_>) -> Option<Verdict> {
        match (&self.classifier, reply.status()) {
            // a mark of auth's on it makes no difference to the breaker
            (Classifier::Default, Some(status)) if status.is_success() => Some(Verdict::Well),
            _ => self.other_verdict(reply),
        }
    }

    fn other_verdict(&self, reply: Reply<'_>) -> Option<Verdict> {
        // before a classifier that may take every error for the same: nothing was sent. The default one looks itself
        if let (Classifier::Own(_), Reply::Error(error)) = (&self.classifier, reply)
            && error::find::<Refused>(error).is_some()
        {
            return None;
        }
        match self.classifier.classify(reply) {
            // nothing reached the server, or the caller had no more time for it: neither tells of the server
            _ if says_nothing(reply) => None,
            Outcome::Success | Outcome::Permanent | Outcome::Unauthorized => Some(Verdict::Well),
            Outcome::Transient => Some(Verdict::Failed),
            Outcome::Throttled if self.count_throttled => Some(Verdict::Throttled),
            Outcome::Throttled => Some(Verdict::Well),
            _ => None,
        }
    }

    /// How long the server asked to be left alone, as far as that is followed.
    pub(crate) fn hint(&self, reply: Reply<'_>) -> Result<Option<Duration>, MalformedRetryAfter> {
        let (Some(cap), Some(headers)) = (self.max_retry_after, reply.headers()) else { return Ok(None) };
        let hint = RetryAfter::of(headers, || self.wall_clock.now())?;
        Ok(hint.and_then(RetryAfter::usable).map(|delay| delay.min(cap)))
    }
}

fn says_nothing(reply: Reply<'_>) -> bool {
    let Reply::Error(error) = reply else { return false };
    let unsent = |permanent: &Permanent| permanent.send_state() == SendState::NotSent;
    let cut = |timed_out: &TimedOut| timed_out.phase() == Phase::Deadline;
    error::find(error).is_some_and(unsent) || error::find(error).is_some_and(cut)
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("consecutive", &self.consecutive)
            .field("ratio", &self.ratio)
            .field("rules", &self.rules)
            .field("count_throttled", &self.count_throttled)
            .field("max_retry_after", &self.max_retry_after)
            .finish_non_exhaustive()
    }
}
