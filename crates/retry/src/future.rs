//! The future of a call that may take several attempts.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time;
use tower_intake_core::{BoxError, Replayable, Reply, Stopped};
use tower_service::Service;

use crate::course::{Course, Step};
use crate::held::HeldBody;
use crate::kept::Kept;
use crate::last::{Last, finish};
use crate::log;
use crate::pause::{Alarm, Pause};
use crate::policy::Policy;

pin_project! {
    /// The future of [`Retry`](crate::Retry).
    ///
    /// Dropped, it drops the attempt that is under way, or the wait; nothing of it runs on.
    pub struct ResponseFuture<S, P, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
        P: Policy,
        ResBody: Body,
    {
        #[pin]
        state: State<S::Future>,
        // `None`: no attempt can follow the one under way
        inner: Option<S>,
        policy: Arc<P>,
        course: Course<P::Call>,
        kept: Option<Kept<ReqBody>>,
        cold: Option<Box<Cold<ReqBody, ResBody>>>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Attempt { #[pin] future: F },
        Waiting,
        // the wait is over, the service inside has not said that it is ready
        Unready,
        // the deadline had passed before there was an attempt
        Late,
        Done,
    }
}

/// What a call that succeeds at once never needs.
struct Cold<ReqBody, ResBody: Body> {
    pause: Pause,
    alarm: Alarm,
    /// The body of the next attempt.
    body: Option<ReqBody>,
    /// What the server said last.
    last: Option<Last<ResBody>>,
}

impl<ReqBody, ResBody: Body> Default for Cold<ReqBody, ResBody> {
    fn default() -> Self {
        Self { pause: Pause::default(), alarm: Alarm::default(), body: None, last: None }
    }
}

type Answer<B> = Result<Response<HeldBody<B>>, BoxError>;

impl<S, P, ReqBody, ResBody> ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    P: Policy,
    ResBody: Body,
{
    #[inline]
    pub(crate) fn new(
        inner: Option<S>,
        policy: Arc<P>,
        course: Course<P::Call>,
        future: S::Future,
        kept: Option<Kept<ReqBody>>,
    ) -> Self {
        Self { state: State::Attempt { future }, inner, policy, course, kept, cold: None }
    }

    pub(crate) fn late(policy: Arc<P>, course: Course<P::Call>) -> Self {
        Self { state: State::Late, inner: None, policy, course, kept: None, cold: None }
    }
}

impl<S, P, ReqBody, ResBody> Future for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
    P: Policy,
    ReqBody: Replayable,
    ResBody: Body,
{
    type Output = Answer<ResBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut this = self.as_mut().project();
            match this.state.as_mut().project() {
                StateProj::Attempt { future } => match future.poll(cx) {
                    Poll::Ready(Ok(response)) => {
                        let view = Reply::answer(&response);
                        if !this.course.settles(&**this.policy, view) {
                            if let Some(answer) = self.as_mut().failed(Ok(response)) {
                                return Poll::Ready(answer);
                            }
                            continue;
                        }
                        if this.course.is_first() {
                            // at once: no report, and no look at the clock for it
                            this.state.set(State::Done);
                            return Poll::Ready(Ok(response.map(HeldBody::live)));
                        }
                        let report = this.course.succeeded(view, now());
                        this.state.set(State::Done);
                        return Poll::Ready(finish(Ok(response), Some(report)));
                    }
                    Poll::Ready(Err(error)) => {
                        if let Some(answer) = self.as_mut().failed(Err(error.into())) {
                            return Poll::Ready(answer);
                        }
                    }
                    Poll::Pending => {
                        let Some(deadline) = this.course.deadline() else { return Poll::Pending };
                        ready!(this.cold.get_or_insert_default().alarm.poll(deadline, cx));
                        return Poll::Ready(self.end(Stopped::Deadline, None, true));
                    }
                },
                StateProj::Waiting => {
                    let cold = this.cold.get_or_insert_default();
                    ready!(cold.pause.poll(cold.last.as_mut(), cx));
                    this.state.set(State::Unready);
                }
                StateProj::Unready => {
                    let Some(inner) = this.inner else {
                        unreachable!("a retry is decided only where the request was kept, and so the service")
                    };
                    match inner.poll_ready(cx) {
                        Poll::Ready(Ok(())) => {}
                        Poll::Ready(Err(error)) => {
                            let error = error.into();
                            log::unready(&*error);
                            return Poll::Ready(self.end(Stopped::Refused, Some(error), false));
                        }
                        Poll::Pending => {
                            let Some(deadline) = this.course.deadline() else { return Poll::Pending };
                            ready!(this.cold.get_or_insert_default().alarm.poll(deadline, cx));
                            return Poll::Ready(self.end(Stopped::Deadline, None, false));
                        }
                    }
                    let body = this.cold.as_mut().and_then(|cold| cold.body.take());
                    let (Some(kept), Some(body)) = (this.kept.take(), body) else {
                        unreachable!("the wait for a retry begins with its request in hand")
                    };
                    let attempt = this.course.attempt();
                    let request = if this.course.may_retry(&**this.policy) {
                        let request = kept.copy(body, attempt);
                        *this.kept = Some(kept);
                        request
                    } else {
                        kept.give(body, attempt)
                    };
                    let future = inner.call(request);
                    this.state.set(State::Attempt { future });
                }
                StateProj::Late => return Poll::Ready(self.end(Stopped::Deadline, None, false)),
                StateProj::Done => unreachable!("a future is not polled after its end"),
            }
        }
    }
}

impl<S, P, ReqBody, ResBody> ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    P: Policy,
    ReqBody: Replayable,
    ResBody: Body,
{
    /// Takes the next step after a reply that is no success; `Some` ends the call.
    #[cold]
    fn failed(self: Pin<&mut Self>, reply: Result<Response<ResBody>, BoxError>) -> Option<Answer<ResBody>> {
        let mut this = self.project();
        let cold = this.cold.get_or_insert_default();
        let kept = this.kept.as_ref();
        let now = now();
        let repeat = || {
            cold.body = kept.and_then(Kept::repeat);
            cold.body.is_some()
        };
        let view = Reply::of(&reply);
        let (step, decision) = this.course.next(&**this.policy, view, kept.map(Kept::head), repeat, now);
        if let Some(malformed) = &decision.malformed {
            log::malformed(malformed);
        }
        match step {
            Step::Retry { wait, cause, counted, local } => {
                log::retry(wait, cause, counted, this.course.attempt(), view);
                cold.pause = Pause::new(now, wait);
                // an answer is worth more than an error that came after it, should the call end on our side
                if !local && (reply.is_ok() || !matches!(cold.last, Some(Last::Answer { .. }))) {
                    cold.last = Some(Last::of(reply));
                }
                this.state.set(State::Waiting);
                None
            }
            Step::Return { report, local } => {
                // what the server said goes before what we said ourselves
                let last = cold.last.take().filter(|_| local);
                this.state.set(State::Done);
                Some(match (last, report) {
                    (Some(last), Some(report)) => last.give(report),
                    (_, report) => finish(reply, report),
                })
            }
        }
    }

    /// Ends the call with what the server said last. `sent`: an attempt is being cut.
    #[cold]
    fn end(self: Pin<&mut Self>, stopped: Stopped, why: Option<BoxError>, sent: bool) -> Answer<ResBody> {
        let mut this = self.project();
        this.state.set(State::Done);
        let report = this.course.ended(stopped, sent, now());
        match this.cold.take().and_then(|cold| cold.last) {
            Some(last) => last.give(report),
            None => finish(Err(why.unwrap_or_else(|| this.course.timed_out().into())), Some(report)),
        }
    }
}

impl<S, P, ReqBody, ResBody> fmt::Debug for ResponseFuture<S, P, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
    P: Policy,
    ResBody: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

fn now() -> Instant {
    time::Instant::now().into_std()
}
