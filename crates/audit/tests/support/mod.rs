//! What the tests share: a sink that keeps what it was told, and an inner service that follows a script.
#![allow(dead_code, clippy::unwrap_used)] // not every file of tests needs all of it

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use tower_intake_audit::AuditLayer;
use tower_intake_core::{BoxError, Event, Kind, Outcome, SessionState, Sink, Stopped};

/// An event, kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    pub(crate) state: SessionState,
    pub(crate) id: Option<String>,
    pub(crate) retries: u32,
    pub(crate) method: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) elapsed: Duration,
    pub(crate) wait: Duration,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) stopped: Option<Stopped>,
    pub(crate) request_bytes: Option<u64>,
    pub(crate) response_bytes: Option<u64>,
    pub(crate) error: Option<String>,
}

/// A sink that keeps all events.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<Mutex<Vec<Seen>>>);

impl Kept {
    /// What came since the last look.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// The one event that came since the last look.
    pub(crate) fn one(&self) -> Seen {
        let seen = self.take();
        assert_eq!(seen.len(), 1, "exactly one event: {seen:#?}");
        seen.into_iter().next().unwrap()
    }
}

impl Sink for Kept {
    fn record(&self, event: &Event<'_>) {
        let own = |text: Option<&str>| text.map(str::to_owned);
        self.0.lock().unwrap().push(Seen {
            kind: event.kind,
            state: event.session_state,
            id: own(event.correlation_id),
            retries: event.retry_count,
            method: event.method.map(ToString::to_string),
            scheme: own(event.scheme),
            authority: own(event.authority),
            path: own(event.path),
            status: event.status,
            outcome: event.outcome,
            elapsed: event.elapsed,
            wait: event.wait,
            retry_after: event.retry_after,
            stopped: event.stopped,
            request_bytes: event.request_bytes,
            response_bytes: event.response_bytes,
            error: own(event.error),
        });
    }
}

/// Both uses of the layer, one sink.
pub(crate) fn layers() -> (AuditLayer, AuditLayer, Kept) {
    let kept = Kept::default();
    (AuditLayer::operation().sink(kept.clone()), AuditLayer::attempt().sink(kept.clone()), kept)
}

pub(crate) fn get(uri: &str) -> Request<String> {
    Request::get(uri).body(String::new()).unwrap()
}

pub(crate) fn answer(status: u16) -> Response<String> {
    Response::builder().status(status).body(String::new()).unwrap()
}

pub(crate) type Reply = Result<Response<String>, BoxError>;

/// A service that gives these replies, one a request.
pub(crate) fn script(
    replies: impl IntoIterator<Item = Reply>,
) -> impl tower::Service<
    Request<String>,
    Response = Response<String>,
    Error = BoxError,
    Future = std::future::Ready<Reply>,
> + Clone {
    let replies: Arc<Mutex<VecDeque<Reply>>> = Arc::new(Mutex::new(replies.into_iter().collect()));
    tower::service_fn(move |_| {
        std::future::ready(
            replies.lock().unwrap().pop_front().unwrap_or_else(|| Err("no more replies".into())),
        )
    })
}

/// A service whose every answer is an empty 200.
pub(crate) fn well() -> impl tower::Service<
    Request<String>,
    Response = Response<String>,
    Error = Infallible,
    Future = std::future::Ready<Result<Response<String>, Infallible>>,
> + Clone {
    tower::service_fn(|_| std::future::ready(Ok(answer(200))))
}
