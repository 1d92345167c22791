use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::Request;
use tokio::time::{Sleep, sleep_until};
use tower_intake_core::{BoxError, Deadline};
use tower_service::Service;

use crate::error::LimitFull;
use crate::limit::Limit;
use crate::places::{Asked, Permit, Ticket};

/// A call that could not be made at once: first it waits for a place, then, in that place, for its service.
pub(crate) struct Waiting<S, ReqBody> {
    // before `place`, so that what it holds comes back first
    inner: S,
    /// `None` once it was sent.
    request: Option<Request<ReqBody>>,
    place: Place,
    waited: Duration,
}

enum Place {
    Queued(Queued),
    Taken(Permit),
    /// It went with the call.
    Gone,
}

struct Queued {
    ticket: Ticket,
    since: Instant,
    patience: Option<Pin<Box<Sleep>>>,
    limit: Limit,
}

impl<S, ReqBody> Waiting<S, ReqBody> {
    /// In the place `permit`, for `inner`.
    pub(crate) fn placed(inner: S, request: Request<ReqBody>, permit: Permit) -> Box<Self> {
        let place = Place::Taken(permit);
        Box::new(Self { inner, request: Some(request), place, waited: Duration::ZERO })
    }

    /// In the queue of `limit`, and then for a clone of `inner`; or refused, because the queue is full or no
    /// time is left to wait.
    pub(crate) fn queued(inner: &S, request: Request<ReqBody>, limit: &Limit) -> Result<Box<Self>, LimitFull>
    where
        S: Clone,
    {
        let now = tokio::time::Instant::now().into_std();
        let until = limit.wait_until(now, Deadline::of(&request));
        if until.is_some_and(|until| until <= now) {
            return Err(LimitFull::new(limit, Duration::ZERO));
        }
        let place = match limit.places().ask() {
            // one became free just now
            Asked::Taken(permit) => Place::Taken(permit),
            Asked::Queued(ticket) => {
                let patience = until.map(|until| Box::pin(sleep_until(until.into())));
                Place::Queued(Queued { ticket, since: now, patience, limit: limit.clone() })
            }
            Asked::Full => return Err(LimitFull::new(limit, Duration::ZERO)),
        };
        Ok(Box::new(Self { inner: inner.clone(), request: Some(request), place, waited: Duration::ZERO }))
    }

    /// How long it waited for its place.
    pub(crate) fn waited(&self) -> Duration {
        self.waited
    }

    /// The call, and the place it is made in. After an error this is to be dropped: it may still hold a place.
    pub(crate) fn poll<ResBody>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(S::Future, Permit), BoxError>>
    where
        S: Service<Request<ReqBody>, Response = http::Response<ResBody>>,
        S::Error: Into<BoxError>,
    {
        if let Place::Queued(queued) = &mut self.place {
            let turn = ready!(queued.poll(cx));
            self.waited = tokio::time::Instant::now().into_std().saturating_duration_since(queued.since);
            match turn {
                Some(permit) => self.place = Place::Taken(permit),
                None => return Poll::Ready(Err(LimitFull::new(&queued.limit, self.waited).into())),
            }
        }
        ready!(self.inner.poll_ready(cx)).map_err(Into::into)?;
        match (std::mem::replace(&mut self.place, Place::Gone), self.request.take()) {
            (Place::Taken(permit), Some(request)) => Poll::Ready(Ok((self.inner.call(request), permit))),
            _ => unreachable!("a future is not polled after it has ended"),
        }
    }
}

impl Queued {
    /// A place, or `None` when there was none in time.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Permit>> {
        if let Poll::Ready(permit) = self.ticket.poll(cx) {
            return Poll::Ready(Some(permit));
        }
        match &mut self.patience {
            Some(patience) => {
                ready!(patience.as_mut().poll(cx));
                // a place that was handed over at the last moment is not refused
                Poll::Ready(self.ticket.leave())
            }
            None => Poll::Pending,
        }
    }
}

impl<S, ReqBody> fmt::Debug for Waiting<S, ReqBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Queued(_) => "Waiting for a place",
            Place::Taken(_) => "Waiting for the service",
            Place::Gone => "Waiting no more",
        })
    }
}
