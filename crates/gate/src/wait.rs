use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::Request;
use tower_intake_core::{BoxError, Held, Waited};
use tower_service::Service;

use crate::clock::now;
use crate::common::Place;
use crate::door::{Arrival, Door};
use crate::error::GateClosed;
use crate::line::{Call, Limit, Ticket};
use crate::machine::{Turn, Word};
use crate::pass::{Extra, Pass};

/// A request that could not go at once: it waits for its turn holding nothing, then for the inner service.
pub(crate) struct Wait<S, B> {
    service: S,
    request: Option<Request<B>>,
    door: Held<Arc<Door>>,
    limit: Option<Limit>,
    ticket: Option<Ticket>,
    step: Step,
    waited: Duration,
    _place: Place,
}

enum Step {
    InLine(InLine),
    /// It has leave, and the inner service is being made ready.
    Readying {
        turn: Turn,
        probe: Option<Probe>,
    },
}

impl<S, B> Wait<S, B> {
    /// `service` is a clone that nobody has asked whether it is ready.
    pub(crate) fn new(
        service: S,
        request: Request<B>,
        door: Held<Arc<Door>>,
        limit: Option<Limit>,
        stage: Stage,
        place: Place,
    ) -> Self {
        let (step, ticket) = match stage {
            Stage::Turn(turn, probe) => (Step::Readying { turn, probe }, None),
            Stage::InLine(in_line) => {
                let ticket = in_line.ticket;
                (Step::InLine(in_line), Some(ticket))
            }
        };
        Self {
            service,
            request: Some(request),
            door,
            limit,
            ticket,
            step,
            waited: Duration::ZERO,
            _place: place,
        }
    }
}

/// How far one has come who must wait.
pub(crate) enum Stage {
    InLine(InLine),
    Turn(Turn, Option<Probe>),
}

impl<S, B> Wait<S, B>
where
    S: Service<Request<B>> + Clone,
    S::Error: Into<BoxError>,
{
    /// Sends the request when it may go.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(S::Future, Pass), BoxError>> {
        loop {
            match &mut self.step {
                Step::InLine(in_line) => {
                    let call = ready!(in_line.poll(cx));
                    self.waited += now().saturating_duration_since(in_line.since);
                    match call {
                        Call::Go(turn) => self.go(turn),
                        Call::Refused { reason, until } => {
                            let closed = GateClosed::boxed(self.door.key(), reason, until);
                            return Poll::Ready(Err(self.noted(closed)));
                        }
                    }
                }
                Step::Readying { turn, probe } => {
                    if let Err(error) = ready!(self.service.poll_ready(cx)) {
                        return Poll::Ready(Err(self.noted(error.into())));
                    }
                    if self.door.departs(*turn) {
                        let Some(request) = self.request.take() else {
                            unreachable!("a future polled after it had sent its request")
                        };
                        let extra = Extra::new(probe.take(), self.waited);
                        let pass = Pass::new(self.door.clone(), turn.episode, extra);
                        self.door.count();
                        return Poll::Ready(Ok((self.service.call(request), pass)));
                    }
                    // It closed meanwhile. Back to the old place, with nothing in hand.
                    drop(probe.take());
                    self.service = self.service.clone();
                    match self.door.arrive(self.ticket, self.limit) {
                        Arrival::Go(turn) => self.go(turn),
                        Arrival::Wait(ticket) => {
                            self.ticket = Some(ticket);
                            self.step = Step::InLine(InLine::new(&self.door, ticket));
                        }
                        Arrival::Refused { reason, until } => {
                            let closed = GateClosed::boxed(self.door.key(), reason, until);
                            return Poll::Ready(Err(self.noted(closed)));
                        }
                    }
                }
            }
        }
    }

    fn go(&mut self, turn: Turn) {
        self.step = Step::Readying { turn, probe: Probe::of(&self.door, turn) };
    }

    fn noted(&self, error: BoxError) -> BoxError {
        let mut reply: Result<http::Response<()>, BoxError> = Err(error);
        Waited::gate(self.waited).note(&mut reply);
        match reply {
            Err(error) => error,
            Ok(_) => unreachable!("noting a wait makes no answer of an error"),
        }
    }
}

/// A place in the line; dropped, it is given up.
pub(crate) struct InLine {
    door: Arc<Door>,
    ticket: Ticket,
    since: Instant,
    called: bool,
}

impl InLine {
    pub(crate) fn new(door: &Arc<Door>, ticket: Ticket) -> Self {
        Self { door: Arc::clone(door), ticket, since: now(), called: false }
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Call> {
        let call = ready!(self.door.poll_call(self.ticket, cx));
        self.called = true;
        Poll::Ready(call)
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        if !self.called {
            self.door.leave(self.ticket);
        }
    }
}

/// The probe's place; dropped without an answer, it goes to the next.
#[derive(Debug)]
pub(crate) struct Probe {
    door: Arc<Door>,
    episode: u64,
    id: u64,
    /// When the next may take it, if this one is dropped.
    not_before: Option<Instant>,
    answered: bool,
}

impl Probe {
    pub(crate) fn of(door: &Arc<Door>, turn: Turn) -> Option<Self> {
        let (door, episode) = (Arc::clone(door), turn.episode);
        turn.probe.map(|id| Self { door, episode, id, not_before: None, answered: false })
    }

    pub(crate) fn answered(mut self, word: Word) {
        self.answered = true;
        self.door.answered(self.episode, word);
    }

    /// It was not even sent.
    pub(crate) fn refused(mut self, until: Option<Instant>) {
        self.not_before = until;
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if !self.answered {
            self.door.probe_lost(self.id, self.not_before);
        }
    }
}
