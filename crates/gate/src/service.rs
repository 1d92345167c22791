use std::mem::{replace, take};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{Request, Response};
use tower_intake_core::{BoxError, Deadline, Held, RequestHead};
use tower_service::Service;

use crate::clock::{after, now};
use crate::common::Place;
use crate::door::{Arrival, Door};
use crate::error::{GateClosed, Reason};
use crate::future::ResponseFuture;
use crate::line::Limit;
use crate::local::Local;
use crate::machine::Turn;
use crate::pass::Pass;
use crate::wait::{InLine, Probe, Stage, Wait};

/// A service behind a [`Gate`](crate::Gate); made by [`GateLayer`](crate::GateLayer).
///
/// While some key is not open it reports itself ready without asking the inner service: which key the next
/// request has is not known yet, and who may have to wait must hold no place further in.
#[derive(Debug)]
pub struct Gated<S> {
    inner: S,
    asked: Asked,
    local: Arc<Local>,
}

/// Whether `inner` was asked for readiness since the last call. It may hold a permit then, or a place in a
/// queue for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Asked {
    #[default]
    No,
    Pending,
    Ready,
}

impl<S> Gated<S> {
    pub(crate) fn new(inner: S, local: Arc<Local>) -> Self {
        Self { inner, asked: Asked::No, local }
    }
}

/// By hand: a clone of a ready service is not ready.
impl<S: Clone> Clone for Gated<S> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), asked: Asked::No, local: Arc::clone(&self.local) }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Gated<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    type Error = BoxError;
    type Future = ResponseFuture<S, ReqBody>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.local.common().all_open() {
            self.asked = Asked::Pending;
            ready!(self.inner.poll_ready(cx)).map_err(Into::into)?;
            self.asked = Asked::Ready;
        } else {
            self.local.common().drive_all();
            self.let_go();
        }
        Poll::Ready(Ok(()))
    }

    #[inline(always)]
    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let door = self.local.door(RequestHead::of(&request));
        if self.asked == Asked::Ready
            && let Some(episode) = door.open_in()
        {
            self.asked = Asked::No;
            self.local.count(&door);
            return ResponseFuture::sent(self.inner.call(request), Pass::new(door, episode, None));
        }
        match self.wait(request, door) {
            Ok(wait) => ResponseFuture::waiting(wait),
            Err(closed) => ResponseFuture::refused(closed),
        }
    }
}

impl<S: Clone> Gated<S> {
    /// Gives back what the inner service may hold for us.
    fn let_go(&mut self) {
        if take(&mut self.asked) != Asked::No {
            self.inner = self.inner.clone();
        }
    }

    /// What the future does where the request cannot go straight through.
    #[cold]
    fn wait<ReqBody>(
        &mut self,
        request: Request<ReqBody>,
        door: Held<Arc<Door>>,
    ) -> Result<Box<Wait<S, ReqBody>>, Box<GateClosed>> {
        let limit = self.limit(&request);
        let Some(place) = Place::take(self.local.common()) else {
            self.let_go();
            // nobody knows when the crowd will have gone: who is told an instant comes back at it, with all the others
            return Err(GateClosed::boxed(door.key(), Reason::TooManyWaiters, None));
        };
        let stage = match door.open_in() {
            Some(episode) => Stage::Turn(Turn { episode, probe: None }, None),
            None => match door.arrive(None, limit) {
                Arrival::Go(turn) => Stage::Turn(turn, Probe::of(&door, turn)),
                Arrival::Wait(ticket) => Stage::InLine(InLine::new(&door, ticket)),
                Arrival::Refused { reason, until } => {
                    self.let_go();
                    return Err(GateClosed::boxed(door.key(), reason, until));
                }
            },
        };
        if self.asked == Asked::Ready && matches!(stage, Stage::Turn(..)) {
            // the one that is ready goes with the request that has leave
            self.asked = Asked::No;
        } else {
            self.let_go();
        }
        let fresh = self.inner.clone();
        let service = replace(&mut self.inner, fresh);
        Ok(Box::new(Wait::new(service, request, door, limit, stage, place)))
    }

    /// How long this request may wait at all.
    fn limit<ReqBody>(&self, request: &Request<ReqBody>) -> Option<Limit> {
        let patience =
            self.local.common().max_wait.map(|max| Limit { at: after(now(), max), reason: Reason::MaxWait });
        // to leave at the deadline itself is too late
        let deadline = Deadline::of(request).map(|deadline| {
            let at = deadline.instant();
            Limit { at: at.checked_sub(Duration::from_nanos(1)).unwrap_or(at), reason: Reason::Deadline }
        });
        patience.into_iter().chain(deadline).min_by_key(|limit| limit.at)
    }
}
