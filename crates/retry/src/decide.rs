use std::time::{Duration, Instant};

use http::StatusCode;
use tower_intake_core::{
    Backoff, Classify, Exponential, Outcome, Reply, RequestHead, RetryAfter, StatusTable, Stopped,
};

use crate::course::refusal;
use crate::policy::{Cause, Decision, Policy, Verdict};
use crate::retry_policy::{OverCap, RetryPolicy};
use crate::safety::Replays;

/// After a refusal even a backoff of nothing waits this long, or a layer that keeps refusing would spin.
const SHORTEST_REFUSED: Duration = Duration::from_millis(1);

/// The jitter above a Retry-After is at most this.
const LONGEST_JITTER: Duration = Duration::from_secs(1);

/// What a [`RetryPolicy`] remembers of one call; nothing until a reply fails.
#[derive(Debug, Default)]
pub struct RetryCall(Option<Box<Progress>>);

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    sent: u32,
    counted: u32,
    rotations: u32,
    /// The counted delay before.
    previous: Option<Duration>,
    first_counted: Option<Instant>,
    episode: Option<Instant>,
    refused: Duration,
    /// Retries that were taken out of the shared budget.
    charged: u32,
    /// What was decided last is for a refusal, and free.
    free: bool,
}

impl Policy for RetryPolicy {
    type Call = RetryCall;

    #[inline]
    fn start(&self, _: RequestHead<'_>, _: Instant) -> RetryCall {
        if let Some(budget) = &self.budget {
            budget.pay_in();
        }
        RetryCall(None)
    }

    #[inline(always)]
    fn settles(&self, call: &mut RetryCall, reply: Reply<'_>) -> bool {
        let success = match (&self.classify, reply.status()) {
            // what the default table says of it is known without a look
            (None, Some(status)) if status.is_success() => true,
            _ => self.classify(reply) == Outcome::Success,
        };
        let success = success && !reply.is_rotated();
        if let (true, Some(budget), Some(progress)) = (success, &self.budget, &call.0) {
            budget.pay_back(progress.charged);
        }
        success
    }

    fn decide(&self, call: &mut RetryCall, reply: Reply<'_>, now: Instant) -> Decision {
        let progress = &mut **call.0.get_or_insert_default();
        progress.free = false;
        if let Some(refused) = refusal(reply) {
            return self.refused(progress, refused.retry_at(), now);
        }
        progress.sent = progress.sent.saturating_add(1);
        let rotated = reply.is_rotated();
        let outcome = if rotated { Outcome::Unauthorized } else { self.classify(reply) };
        match outcome {
            Outcome::Unauthorized if rotated && progress.rotations < self.max_rotations => {
                progress.episode = None;
                self.rotated(progress)
            }
            // a proxy that wanted a login, got one, and still says no: that may pass
            _ if progress.rotations > 0
                && reply.status() == Some(StatusCode::NETWORK_AUTHENTICATION_REQUIRED) =>
            {
                self.failed(progress, reply, Outcome::Transient, Cause::Rotated, now)
            }
            Outcome::Throttled | Outcome::Transient => {
                self.failed(progress, reply, outcome, Cause::of(reply, outcome), now)
            }
            // a classifier's own word; whose refusal it is, and until when, is not known
            Outcome::Refused => self.refused(progress, None, now),
            Outcome::Success => Decision::done(None),
            _ => Decision::done(Stopped::Permanent),
        }
    }

    fn may_retry(&self, call: &RetryCall) -> bool {
        let (sent, counted, rotations) =
            call.0.as_ref().map_or((0, 0, 0), |past| (past.sent, past.counted, past.rotations));
        if self.max_retries > 0 && !self.max_refused.is_zero() {
            return true;
        }
        let backs_off = counted < self.max_retries && self.max_backoff != Some(Duration::ZERO);
        let waits = self.max_retries > 0 && self.max_rate_limited != Some(Duration::ZERO);
        let rotates = rotations < self.max_rotations;
        sent.saturating_add(1) < self.max_attempts && (backs_off || waits || rotates)
    }

    fn replays(&self) -> Replays {
        self.replays
    }

    fn charge(&self, call: &mut RetryCall, now: Instant) -> bool {
        let (Some(budget), Some(progress)) = (&self.budget, &mut call.0) else { return true };
        if progress.free {
            return true;
        }
        let taken = budget.take(now);
        progress.charged = progress.charged.saturating_add(taken.into());
        taken
    }
}

impl RetryPolicy {
    fn classify(&self, reply: Reply<'_>) -> Outcome {
        match &self.classify {
            None => StatusTable::default().classify(reply),
            Some(classify) => classify.classify(reply),
        }
    }

    fn failed(
        &self,
        progress: &mut Progress,
        reply: Reply<'_>,
        outcome: Outcome,
        cause: Cause,
        now: Instant,
    ) -> Decision {
        let honoured = self.honour_on.covers(outcome);
        let mut hint =
            reply.headers().map_or(Ok(None), |headers| RetryAfter::of(headers, || self.wall_clock.now()));
        if !honoured && hint.is_err() {
            hint = Ok(None);
        }
        let usable = hint.as_ref().ok().and_then(|hint| *hint).and_then(RetryAfter::usable);
        let decision = match usable.filter(|_| honoured) {
            Some(delay) => self.rate_limited(progress, delay, cause, reply.waited().gate, now),
            None => {
                // an error is no answer: it does not tell that the server is content again
                if reply.status().is_some() {
                    progress.episode = None;
                }
                self.counted(progress, cause, now)
            }
        };
        decision.asked(hint)
    }

    fn rate_limited(
        &self,
        progress: &mut Progress,
        asked: Duration,
        cause: Cause,
        gate: Duration,
        now: Instant,
    ) -> Decision {
        if self.max_retries == 0 || progress.sent >= self.max_attempts {
            return Decision::done(Stopped::Exhausted);
        }
        let gives_up = self.over_cap == OverCap::GiveUp && asked > self.max_retry_after;
        if gives_up || self.max_rate_limited == Some(Duration::ZERO) {
            return Decision::done(Stopped::RateLimitBudget);
        }
        // the wait in the gate before the first such answer was for the same rate limit
        let began = *progress.episode.get_or_insert_with(|| now.checked_sub(gate).unwrap_or(now));
        let wait = self.jittered(asked.min(self.max_retry_after));
        if exceeds(self.max_rate_limited, began, now, wait) {
            return Decision::done(Stopped::RateLimitBudget);
        }
        uncounted(wait, cause)
    }

    fn counted(&self, progress: &mut Progress, cause: Cause, now: Instant) -> Decision {
        if progress.counted >= self.max_retries || progress.sent >= self.max_attempts {
            return Decision::done(Stopped::Exhausted);
        }
        if self.max_backoff == Some(Duration::ZERO) {
            return Decision::done(Stopped::BackoffBudget);
        }
        let began = *progress.first_counted.get_or_insert(now);
        let wait = self.backoff_for(cause).delay(
            progress.counted.saturating_add(1),
            progress.previous,
            &mut self.random.clone(),
        );
        if exceeds(self.max_backoff, began, now, wait) {
            return Decision::done(Stopped::BackoffBudget);
        }
        progress.counted = progress.counted.saturating_add(1);
        progress.previous = Some(wait);
        Decision::retry(wait, cause)
    }

    fn rotated(&self, progress: &mut Progress) -> Decision {
        if progress.sent >= self.max_attempts {
            return Decision::done(Stopped::Exhausted);
        }
        progress.rotations = progress.rotations.saturating_add(1);
        uncounted(Duration::ZERO, Cause::Rotated)
    }

    fn refused(&self, progress: &mut Progress, retry_at: Option<Instant>, now: Instant) -> Decision {
        if self.max_retries == 0 {
            return Decision::done(Stopped::Exhausted);
        }
        let wait = match retry_at {
            Some(at) => self.jittered(at.saturating_duration_since(now)),
            None => self.backoff_for(Cause::Refused).delay(
                progress.counted.saturating_add(1),
                progress.previous,
                &mut self.random.clone(),
            ),
        };
        let wait = wait.max(SHORTEST_REFUSED);
        let waits = progress.refused.saturating_add(wait);
        if waits > self.max_refused {
            return Decision::done(Stopped::Refused);
        }
        progress.refused = waits;
        progress.free = true;
        uncounted(wait, Cause::Refused)
    }

    fn backoff_for(&self, cause: Cause) -> &(dyn Backoff + Send + Sync) {
        let own = match cause {
            Cause::Throttled => self.backoff_throttled.as_ref(),
            Cause::Transport => self.backoff_transport.as_ref(),
            _ => None,
        };
        &**own.unwrap_or(&self.backoff)
    }

    /// Never below `wait`: the server, or the layer that refused, meant it.
    fn jittered(&self, wait: Duration) -> Duration {
        let most = Duration::try_from_secs_f64(wait.as_secs_f64() * self.retry_after_jitter)
            .unwrap_or(LONGEST_JITTER)
            .min(LONGEST_JITTER);
        // full jitter of one step is U(0, most)
        wait.saturating_add(Exponential::new(most).delay(1, None, &mut self.random.clone()))
    }
}

fn uncounted(wait: Duration, cause: Cause) -> Decision {
    let mut decision = Decision::retry(wait, cause);
    decision.verdict = Verdict::Retry { wait, cause, counted: false };
    decision
}

/// Whether `wait`, begun at `now`, ends later than `budget` after `began`.
fn exceeds(budget: Option<Duration>, began: Instant, now: Instant, wait: Duration) -> bool {
    budget.is_some_and(|budget| now.saturating_duration_since(began).saturating_add(wait) > budget)
}
