//! A scripted server in the place of a client, on a paused clock.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // every test file uses a part of it

pub mod body;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower_intake_core::{Attempt, BoxError, Replayable, RetryError, RetryReport, error};
use tower_intake_retry::{Policy, Retry, RetryLayer};
use tower_layer::Layer;
use tower_service::Service;

pub type Reply<B = Full<Bytes>> = Result<Response<B>, BoxError>;

/// What the server saw of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Duration,
    pub attempt: u32,
    pub body: Bytes,
    pub headers: HeaderMap,
}

/// Answers the n-th request (from 1) as a closure says, after `latency`.
pub struct Server<F> {
    answer: Arc<F>,
    latency: Duration,
    seen: Arc<Mutex<Vec<Seen>>>,
    began: Instant,
}

pub fn server<F, B>(answer: F) -> Server<F>
where
    F: Fn(usize) -> Reply<B>,
{
    Server { answer: Arc::new(answer), latency: Duration::ZERO, seen: Arc::default(), began: Instant::now() }
}

impl<F> Server<F> {
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn times(&self) -> Vec<Duration> {
        self.seen().iter().map(|seen| seen.at).collect()
    }

    /// How long the server waited for the second request, the third, …
    pub fn gaps(&self) -> Vec<Duration> {
        self.times().windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    pub fn with<P: Policy + Clone>(&self, policy: P) -> Retry<Self, P> {
        RetryLayer::new(policy).layer(self.clone())
    }
}

impl<F> Clone for Server<F> {
    fn clone(&self) -> Self {
        Self {
            answer: Arc::clone(&self.answer),
            latency: self.latency,
            seen: Arc::clone(&self.seen),
            began: self.began,
        }
    }
}

impl<F> fmt::Debug for Server<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl<F, ReqBody, B> Service<Request<ReqBody>> for Server<F>
where
    F: Fn(usize) -> Reply<B> + Send + Sync + 'static,
    ReqBody: http_body::Body<Data = Bytes> + Send + 'static,
    ReqBody::Error: fmt::Debug,
    B: 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Reply<B>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let at = this.began.elapsed();
            let attempt = Attempt::of(&request).number();
            let headers = request.headers().clone();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let number = {
                let mut seen = this.seen.lock().unwrap();
                seen.push(Seen { at, attempt, body, headers });
                seen.len()
            };
            if !this.latency.is_zero() {
                tokio::time::sleep(this.latency).await;
            }
            (this.answer)(number)
        })
    }
}

pub fn status(code: u16) -> Reply {
    Ok(Response::builder().status(code).body(Full::default()).unwrap())
}

pub fn with(code: u16, name: &'static str, value: &str) -> Reply {
    Ok(Response::builder().status(code).header(name, value).body(Full::from(format!("{code}"))).unwrap())
}

/// `code` with a Retry-After.
pub fn after(code: u16, seconds: u64) -> Reply {
    with(code, "retry-after", &seconds.to_string())
}

pub fn get() -> Request<Full<Bytes>> {
    Request::get("http://h.test/p?q=1").body(Full::default()).unwrap()
}

pub fn post(body: &'static str) -> Request<Full<Bytes>> {
    Request::post("http://h.test/p").header("x-caller", "1").body(Full::from(body)).unwrap()
}

pub fn s(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Readies and calls.
pub async fn send<S, ReqBody, B>(service: &mut S, request: Request<ReqBody>) -> Result<Response<B>, BoxError>
where
    S: Service<Request<ReqBody>, Response = Response<B>, Error = BoxError>,
{
    std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(request).await
}

pub fn report<B>(reply: &Result<Response<B>, BoxError>) -> Option<RetryReport> {
    match reply {
        Ok(response) => response.extensions().get().copied(),
        Err(error) => error::find::<RetryError>(&**error).map(|error| *error.report()),
    }
}

pub fn code<B: fmt::Debug>(reply: &Result<Response<B>, BoxError>) -> u16 {
    reply.as_ref().unwrap().status().as_u16()
}

/// No answer, but `error`.
pub fn failure(error: impl Into<BoxError>) -> Reply {
    Err(error.into())
}

/// No connection was made: nothing was sent.
pub fn refused_connection() -> BoxError {
    std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into()
}

/// Lost on the way: nobody knows.
pub fn reset() -> BoxError {
    std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
}

/// A body that cannot be sent again.
#[derive(Debug)]
pub struct Once(pub Full<Bytes>);

impl Replayable for Once {
    fn try_replay(&self) -> Option<Self> {
        None
    }
}

impl http_body::Body for Once {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}
