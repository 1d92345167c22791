use std::time::{Duration, Instant};

use http::Request;
use tower_intake_core::{
    Attempt, Deadline, Permanent, Phase, Refused, Reply, RequestHead, RetryReport, SendState, Stopped,
    TimedOut, Waited, error,
};

use crate::policy::{Cause, Decision, Policy, Verdict};
use crate::safety::may_repeat;

/// The course of one call: what has been tried, and what the laws of retrying say to the policy's wish. Pure.
#[derive(Debug)]
pub(crate) struct Course<C> {
    call: C,
    started: Instant,
    deadline: Option<Deadline>,
    /// Attempts of a retry layer further out.
    before: u32,
    sent: u32,
    /// Nothing on the first attempt.
    past: Option<Box<Past>>,
}

#[derive(Debug, Default)]
struct Past {
    waited: Waited,
    retry_after: Option<Duration>,
}

/// What follows a reply.
#[derive(Debug)]
pub(crate) enum Step {
    Return {
        report: Option<RetryReport>,
        /// The reply came from no server; an earlier one that did is what the caller gets.
        local: bool,
    },
    Retry {
        wait: Duration,
        cause: Cause,
        counted: bool,
        local: bool,
    },
}

impl<C> Course<C> {
    #[inline(always)]
    pub(crate) fn start<P, B>(policy: &P, request: &Request<B>, now: Instant) -> Self
    where
        P: Policy<Call = C>,
    {
        Self {
            call: policy.start(RequestHead::of(request), now),
            started: now,
            deadline: Deadline::of(request),
            before: Attempt::of(request).retries(),
            sent: 0,
            past: None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.has_passed(self.started))
    }

    /// The attempt that goes out next.
    pub(crate) fn attempt(&self) -> Attempt {
        Attempt::new(self.before.saturating_add(self.sent).saturating_add(1))
    }

    #[inline]
    pub(crate) fn may_retry<P: Policy<Call = C>>(&self, policy: &P) -> bool {
        policy.may_retry(&self.call)
    }

    /// Whether the call ends with a success; one that came at once needs no report, and so no time.
    #[inline(always)]
    pub(crate) fn settles<P: Policy<Call = C>>(&mut self, policy: &P, reply: Reply<'_>) -> bool {
        policy.settles(&mut self.call, reply)
    }

    pub(crate) fn is_first(&self) -> bool {
        self.past.is_none()
    }

    /// The report of a success that did not come at once.
    #[cold]
    pub(crate) fn succeeded(&mut self, reply: Reply<'_>, now: Instant) -> RetryReport {
        self.note(reply);
        // the answer that is returned asked for nothing, whatever the ones before it did
        self.past().retry_after = None;
        self.report(None, now)
    }

    /// What follows `reply`. `request` is what was kept of it, `repeat` makes its body ready to go again.
    pub(crate) fn next<P: Policy<Call = C>>(
        &mut self,
        policy: &P,
        reply: Reply<'_>,
        request: Option<RequestHead<'_>>,
        repeat: impl FnOnce() -> bool,
        now: Instant,
    ) -> (Step, Decision) {
        let first = self.is_first();
        let local = self.note(reply);
        let decision = self.decide(policy, reply, now);
        let hinted = decision.retry_after.is_some();
        if reply.status().is_some() {
            self.past().retry_after = decision.retry_after;
        }
        let stopped = match decision.verdict {
            Verdict::Return(stopped) => stopped,
            Verdict::Retry { wait, cause, counted } => {
                let safe =
                    request.is_some_and(|head| may_repeat(head, policy.replays(), reply, cause, hinted));
                if !safe {
                    Some(Stopped::NotReplayable)
                } else if !self.fits(wait, now) {
                    Some(Stopped::Deadline)
                } else if !repeat() {
                    Some(Stopped::NotReplayable)
                } else if !policy.charge(&mut self.call, now) {
                    Some(Stopped::Budget)
                } else {
                    return (Step::Retry { wait, cause, counted, local }, decision);
                }
            }
        };
        let plain = first && matches!(stopped, None | Some(Stopped::Permanent));
        let report = (!plain).then(|| self.report(stopped, now));
        (Step::Return { report, local }, decision)
    }

    fn decide<P: Policy<Call = C>>(&mut self, policy: &P, reply: Reply<'_>, now: Instant) -> Decision {
        if was_cut(reply) {
            return Decision::done(Stopped::Deadline);
        }
        if let Some(report) = reply.report() {
            let mut decision = Decision::done(Stopped::Nested);
            decision.retry_after = report.retry_after;
            return decision;
        }
        policy.decide(&mut self.call, reply, now)
    }

    /// The call ends although no reply came: `sent` tells whether the attempt that is cut was handed on.
    pub(crate) fn ended(&mut self, stopped: Stopped, sent: bool, now: Instant) -> RetryReport {
        self.sent = self.sent.saturating_add(sent.into());
        self.report(Some(stopped), now)
    }

    /// A wait ends before the deadline, or it makes no sense to begin it.
    fn fits(&self, wait: Duration, now: Instant) -> bool {
        self.deadline.is_none_or(|deadline| wait < deadline.remaining(now))
    }

    /// Counts the attempt; true if it ended on our side of the wire.
    fn note(&mut self, reply: Reply<'_>) -> bool {
        let refused = is_refused(reply);
        let (attempts, waited) = match reply.report() {
            Some(report) => (report.attempts, report.waited),
            None => (u32::from(!refused && !was_stopped(reply)), reply.waited()),
        };
        self.sent = self.sent.saturating_add(attempts);
        let past = self.past();
        past.waited = past.waited.and(waited);
        refused || was_cut(reply)
    }

    fn past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    fn report(&self, stopped: Option<Stopped>, now: Instant) -> RetryReport {
        let mut report = RetryReport::new(self.sent, now.saturating_duration_since(self.started), stopped);
        if let Some(past) = &self.past {
            report.waited = past.waited;
            report.retry_after = past.retry_after;
        }
        report
    }

    /// What the caller is told where there is nothing else to return.
    pub(crate) fn timed_out(&self) -> TimedOut {
        let allowed = self.deadline.map(|deadline| deadline.remaining(self.started));
        TimedOut::new(Phase::Deadline, allowed.unwrap_or_default())
    }
}

pub(crate) fn is_refused(reply: Reply<'_>) -> bool {
    refusal(reply).is_some()
}

pub(crate) fn refusal(reply: Reply<'_>) -> Option<&Refused> {
    match reply {
        Reply::Error(error) => error::find(error),
        _ => None,
    }
}

/// A layer of ours ended it for good before it was sent: credentials that the token endpoint refuses.
fn was_stopped(reply: Reply<'_>) -> bool {
    match reply {
        Reply::Error(error) => error::find::<Permanent>(error)
            .is_some_and(|permanent| permanent.send_state() == SendState::NotSent),
        _ => false,
    }
}

/// A timer further in read the same deadline as we do.
fn was_cut(reply: Reply<'_>) -> bool {
    match reply {
        Reply::Error(error) => {
            error::find::<TimedOut>(error).is_some_and(|timed_out| timed_out.phase() == Phase::Deadline)
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "course_model.rs"]
mod model;
