use std::sync::Arc;
use std::time::Duration;

use http::Response;
use tower_intake_core::{BoxError, Held, Phase, Reply, TimedOut, Waited, error};

use crate::clock::{after, now};
use crate::door::Door;
use crate::machine::Word;
use crate::policy::Reading;
use crate::wait::Probe;

/// What a request that was let through carries until its answer is there.
pub(crate) struct Pass {
    door: Held<Arc<Door>>,
    episode: u64,
    extra: Option<Box<Extra>>,
}

/// For one that waited, or that is the probe.
#[derive(Debug)]
pub(crate) struct Extra {
    probe: Option<Probe>,
    waited: Duration,
}

impl Extra {
    pub(crate) fn new(probe: Option<Probe>, waited: Duration) -> Option<Box<Self>> {
        (probe.is_some() || !waited.is_zero()).then(|| Box::new(Self { probe, waited }))
    }
}

impl Pass {
    #[inline]
    pub(crate) fn new(door: Held<Arc<Door>>, episode: u64, extra: Option<Box<Extra>>) -> Self {
        Self { door, episode, extra }
    }

    /// Tells the gate what came back.
    #[inline]
    pub(crate) fn answered<B>(&mut self, result: &mut Result<Response<B>, BoxError>) {
        if self.extra.is_none()
            && let Ok(response) = result
            && self.door.common().policy.is_plain(response.status())
        {
            return;
        }
        self.look(result);
    }

    #[cold]
    fn look<B>(&mut self, result: &mut Result<Response<B>, BoxError>) {
        match self.extra.take() {
            None => self.plain(result),
            Some(extra) => self.with(*extra, result),
        }
    }

    fn plain<B>(&self, result: &Result<Response<B>, BoxError>) {
        let policy = &self.door.common().policy;
        // an error has no headers: it closes only where it may without a hint
        if result.is_err() && policy.without_hint.is_none() {
            return;
        }
        if let Reading::Close(delay) = policy.read(Reply::of(result), self.door.key()) {
            self.door.answered(self.episode, Word::Close(after(now(), delay)));
        }
    }

    fn with<B>(&self, extra: Extra, result: &mut Result<Response<B>, BoxError>) {
        match extra.probe {
            None => self.plain(result),
            Some(probe) => self.probe(probe, result),
        }
        Waited::gate(extra.waited).note(result);
    }

    fn probe<B>(&self, probe: Probe, result: &Result<Response<B>, BoxError>) {
        // its caller's deadline cut it, and no answer came: like a dropped one it is replaced, and opens nothing
        if let Err(error) = result
            && error::find::<TimedOut>(&**error).is_some_and(|cut| cut.phase() == Phase::Deadline)
        {
            return drop(probe);
        }
        match self.door.common().policy.read(Reply::of(result), self.door.key()) {
            Reading::Close(delay) => probe.answered(Word::Close(after(now(), delay))),
            Reading::Throttled => probe.answered(Word::Throttled),
            Reading::Other => probe.answered(Word::Other),
            Reading::Refused(until) => probe.refused(until),
        }
    }
}
