//! A server in the process, for a paused clock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tower_intake_core::BoxError;
use tower_service::Service;

pub type Reply = Result<Response<Full<Bytes>>, BoxError>;

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// From 1.
    pub number: usize,
    pub at: Duration,
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Decides on each request when it arrives, and says so after `latency`.
#[derive(Clone)]
pub struct Fake {
    decide: Arc<dyn Fn(&Seen) -> Reply + Send + Sync>,
    latency: Duration,
    began: Instant,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub fn new(decide: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            decide: Arc::new(decide),
            latency: Duration::ZERO,
            began: Instant::now(),
            seen: Arc::default(),
        }
    }

    /// These replies in turn, then 200.
    pub fn script<const N: usize>(replies: [fn() -> Reply; N]) -> Self {
        Self::new(move |seen| replies.get(seen.number - 1).map_or_else(|| status(200), |reply| reply()))
    }

    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn times(&self) -> Vec<Duration> {
        self.seen().iter().map(|seen| seen.at).collect()
    }

    /// A header of every request in turn.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        self.seen().iter().map(|seen| seen.header(name).map(str::to_owned)).collect()
    }
}

impl<B> Service<Request<B>> for Fake
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: fmt::Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Reply> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let at = this.began.elapsed();
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = {
                let mut all = this.seen.lock().unwrap();
                let number = all.len() + 1;
                let seen =
                    Seen { number, at, method: head.method, uri: head.uri, headers: head.headers, body };
                all.push(seen.clone());
                seen
            };
            let reply = (this.decide)(&seen);
            if !this.latency.is_zero() {
                tokio::time::sleep(this.latency).await;
            }
            reply
        })
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("requests", &self.count()).finish_non_exhaustive()
    }
}

pub fn status(code: u16) -> Reply {
    Ok(Response::builder().status(code).body(Full::from(format!("a {code}"))).unwrap())
}

pub fn with(code: u16, name: &'static str, value: &str) -> Reply {
    let body = Full::from(format!("a {code}"));
    Ok(Response::builder().status(code).header(name, value).body(body).unwrap())
}

/// With a Retry-After.
pub fn after(code: u16, seconds: u64) -> Reply {
    with(code, "retry-after", &seconds.to_string())
}

pub fn failure(error: impl Into<BoxError>) -> Reply {
    Err(error.into())
}

/// The connection broke: the server may have acted or not.
pub fn lost() -> Reply {
    failure(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
}
