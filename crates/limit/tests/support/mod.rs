//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub)]

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tokio_test::task::Spawn;
use tower::Service;
use tower_intake_core::BoxError;
use tower_intake_limit::future::ResponseFuture;
use tower_intake_limit::{Limit, Limited, LimitedBody};
use tower_test::mock;

pub const S: Duration = Duration::from_secs(1);

/// A request's body is its number.
pub type Mock = mock::Mock<Request<u32>, Response<Script>>;
pub type Handle = mock::Handle<Request<u32>, Response<Script>>;
pub type Call = Spawn<ResponseFuture<Mock, <Mock as Service<Request<u32>>>::Future, u32>>;
pub type Answer = Result<Response<LimitedBody<Script>>, BoxError>;

/// A body that gives these frames.
#[derive(Debug)]
pub struct Script {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    /// It knows that it is over before it is asked for a frame that is not there.
    foresees_end: bool,
}

impl Script {
    pub fn new(frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>) -> Self {
        Self { frames: frames.into_iter().collect(), foresees_end: false }
    }

    pub fn foresees_end(mut self) -> Self {
        self.foresees_end = true;
        self
    }

    pub fn empty() -> Self {
        Self::new([]).foresees_end()
    }

    pub fn one() -> Self {
        Self::new([data("one")])
    }
}

pub fn data(text: &'static str) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(Bytes::from_static(text.as_bytes())))
}

pub fn trailers() -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::trailers(HeaderMap::new()))
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.foresees_end && self.frames.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frames.len() as u64)
    }
}

pub fn limited(limit: &Limit) -> (Limited<Mock>, Handle) {
    let (mock, handle) = mock::pair();
    (Limited::new(mock, limit.clone()), handle)
}

/// Asks for readiness as a caller must, and calls.
pub fn call(service: &mut Limited<Mock>, request: Request<u32>) -> Call {
    assert!(poll_ready(service).is_ready(), "the service should be ready");
    tokio_test::task::spawn(service.call(request))
}

pub fn number(service: &mut Limited<Mock>, number: u32) -> Call {
    call(service, Request::new(number))
}

pub fn poll_ready<S: Service<R>, R>(service: &mut S) -> Poll<Result<(), S::Error>> {
    tokio_test::task::spawn(()).enter(|cx, _| service.poll_ready(cx))
}

/// The number of the request that is being sent now, and the way to answer it.
#[track_caller]
pub fn sent(handle: &mut Handle) -> (u32, mock::SendResponse<Response<Script>>) {
    match handle.poll_request() {
        Poll::Ready(Some((request, answer))) => (request.into_body(), answer),
        other => panic!("nothing was sent: {other:?}"),
    }
}

#[track_caller]
pub fn nothing_sent(handle: &mut Handle) {
    assert!(handle.poll_request().is_pending(), "something was sent");
}

/// The answer of a call that has one.
#[track_caller]
pub fn answer(call: &mut Call) -> Answer {
    match call.poll() {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("the call is still pending"),
    }
}

/// `(in flight, waiting)`
pub fn counts(limit: &Limit) -> (usize, usize) {
    (limit.in_flight(), limit.waiting())
}
