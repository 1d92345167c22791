use std::fmt;
use std::time::{Duration, Instant};

use tower_intake_core::{
    Classify, MalformedRetryAfter, Outcome, Reply, RequestHead, RetryAfter, StatusTable, Stopped,
};

use crate::safety::Replays;

/// Decides after each reply whether the request is sent again, and when. Pure: no clock of its own, no
/// sleep, no log.
///
/// Ours is [`RetryPolicy`](crate::RetryPolicy); a closure becomes one with [`policy_fn`]. Whatever the policy
/// says, the layer holds to what is true of every retry: nothing is sent twice that is not
/// [safe](Replays) to send twice, no wait is begun that does not fit the call's
/// [`Deadline`](tower_intake_core::Deadline), a retry layer further in is not repeated, and a body that cannot be
/// sent again is not.
pub trait Policy {
    /// What is remembered from one reply of a call to the next.
    type Call;

    /// A call begins.
    fn start(&self, request: RequestHead<'_>, now: Instant) -> Self::Call;

    /// Whether `reply` is a success, which ends the call whatever the time is. Asked before
    /// [`decide`](Self::decide), and worth an answer because a success then costs no look at the clock.
    fn settles(&self, call: &mut Self::Call, reply: Reply<'_>) -> bool {
        let _ = (call, reply);
        false
    }

    /// What follows `reply`, which is here at `now`.
    fn decide(&self, call: &mut Self::Call, reply: Reply<'_>, now: Instant) -> Decision;

    /// Whether the attempt that is about to go out could be followed by another one, whatever its reply. If not,
    /// no copy of the request is kept for it.
    fn may_retry(&self, call: &Self::Call) -> bool {
        let _ = call;
        true
    }

    /// Which requests are safe to send twice.
    fn replays(&self) -> Replays {
        Replays::Idempotent
    }

    /// Asked last, when all else allows the retry that was decided: `false` stops the call for
    /// [`Stopped::Budget`]. This is the place for what calls share.
    fn charge(&self, call: &mut Self::Call, now: Instant) -> bool {
        let _ = (call, now);
        true
    }
}

/// What a [`Policy`] says about a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decision {
    /// What happens now.
    pub verdict: Verdict,
    /// The delay that the answer asked for, as the server said it; it goes into the report.
    pub retry_after: Option<Duration>,
    /// A Retry-After that could not be read; the layer logs it.
    pub malformed: Option<MalformedRetryAfter>,
}

/// Return the reply or send the request again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The call ends with the reply, for this reason; `None` if there is nothing to explain: a success.
    Return(Option<Stopped>),
    /// The request is sent again.
    Retry {
        /// After this long; zero is at once, without a timer.
        wait: Duration,
        /// What was wrong with the attempt.
        cause: Cause,
        /// Whether it uses up one of the policy's retries; for the log.
        counted: bool,
    },
}

impl Decision {
    /// The call ends with the reply.
    pub fn done(stopped: impl Into<Option<Stopped>>) -> Self {
        Self { verdict: Verdict::Return(stopped.into()), retry_after: None, malformed: None }
    }

    /// The request is sent again after `wait`.
    pub fn retry(wait: Duration, cause: Cause) -> Self {
        Self { verdict: Verdict::Retry { wait, cause, counted: true }, retry_after: None, malformed: None }
    }

    /// Notes what the answer asked for.
    #[must_use]
    pub fn asked(mut self, hint: Result<Option<RetryAfter>, MalformedRetryAfter>) -> Self {
        match hint {
            Ok(hint) => self.retry_after = hint.map(RetryAfter::delay),
            Err(malformed) => self.malformed = Some(malformed),
        }
        self
    }
}

/// What was wrong with an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The server asked for fewer requests; it did not act on this one.
    Throttled,
    /// The server failed.
    Server,
    /// No answer came, or not the whole of it.
    Transport,
    /// The credential was rejected and is another one now; the server did not act on the request.
    Rotated,
    /// A layer of ours said no, and nothing was sent.
    Refused,
}

impl Cause {
    /// The word in events: `throttled`, `server`, `transport`, `rotated`, `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Server => "server",
            Self::Transport => "transport",
            Self::Rotated => "rotated",
            Self::Refused => "refused",
        }
    }

    /// What was wrong, given what the reply means.
    pub(crate) fn of(reply: Reply<'_>, outcome: Outcome) -> Self {
        match (outcome, reply) {
            (Outcome::Refused, _) => Self::Refused,
            (_, Reply::Error(_)) => Self::Transport,
            (Outcome::Throttled, _) => Self::Throttled,
            (Outcome::Unauthorized, _) => Self::Rotated,
            _ => Self::Server,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A [`Policy`] from a closure; made by [`policy_fn`].
#[derive(Clone, Copy)]
pub struct PolicyFn<F>(F);

/// Makes a [`Policy`] of a closure: given the number of the reply in its call, counted from 1, and the reply, how
/// long to wait before the request is sent again, or `None` to return the reply.
///
/// The closure sees every reply, successes and [refusals](tower_intake_core::Refused) too. A reply that it returns
/// after others is reported as [`Stopped::Exhausted`] where the default
/// [`StatusTable`] does not call it a success.
///
/// ```
/// use std::time::Duration;
/// use tower_intake_core::Reply;
/// use tower_intake_retry::{RetryLayer, policy_fn};
///
/// let thrice = policy_fn(|n: u32, reply: Reply<'_>| {
///     let failed = reply.status().is_none_or(|status| status.is_server_error());
///     (failed && n <= 3).then_some(Duration::from_millis(100))
/// });
/// # let _: RetryLayer<_> =
/// RetryLayer::new(thrice);
/// ```
pub fn policy_fn<F: Fn(u32, Reply<'_>) -> Option<Duration>>(f: F) -> PolicyFn<F> {
    PolicyFn(f)
}

impl<F: Fn(u32, Reply<'_>) -> Option<Duration>> Policy for PolicyFn<F> {
    type Call = u32;

    fn start(&self, _: RequestHead<'_>, _: Instant) -> u32 {
        0
    }

    fn decide(&self, replies: &mut u32, reply: Reply<'_>, _: Instant) -> Decision {
        *replies = replies.saturating_add(1);
        let outcome = StatusTable::default().classify(reply);
        match (self.0)(*replies, reply) {
            Some(wait) => Decision::retry(wait, Cause::of(reply, outcome)),
            None if outcome == Outcome::Success => Decision::done(None),
            None if *replies == 1 => Decision::done(Stopped::Permanent),
            None => Decision::done(Stopped::Exhausted),
        }
    }
}

impl<F> fmt::Debug for PolicyFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PolicyFn")
    }
}
