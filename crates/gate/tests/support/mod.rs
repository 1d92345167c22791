//! A server in memory that writes down who came when.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each file of tests uses what it needs

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};
use tower_intake_core::BoxError;
use tower_intake_gate::{Gate, GateLayer, Gated};

pub type Answer = Result<Response<()>, BoxError>;
type Behaviour = dyn Fn(usize, &Request<()>) -> (Duration, Answer) + Send + Sync;

/// Answers request number n (from 0) after a delay, as `behaviour` says.
#[derive(Clone)]
pub struct Server {
    began: Instant,
    behaviour: Arc<Behaviour>,
    log: Arc<Mutex<Vec<(u64, String)>>>,
}

impl Server {
    pub fn new(
        behaviour: impl Fn(usize, &Request<()>) -> (Duration, Answer) + Send + Sync + 'static,
    ) -> Self {
        Self { began: Instant::now(), behaviour: Arc::new(behaviour), log: Arc::default() }
    }

    /// The first answers in order, `ok` for all that follow; each after 10 ms.
    pub fn script(answers: Vec<fn() -> Answer>) -> Self {
        Self::new(move |n, _| (ms(10), answers.get(n).map_or_else(ok, |answer| answer())))
    }

    /// When requests came, in milliseconds since the server began.
    pub fn times(&self) -> Vec<u64> {
        self.log.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    /// The paths in the order in which they came.
    pub fn paths(&self) -> Vec<String> {
        self.log.lock().unwrap().iter().map(|(_, path)| path.clone()).collect()
    }

    pub fn at(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

impl Service<Request<()>> for Server {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let n = {
            let mut log = self.log.lock().unwrap();
            log.push((millis(self.began.elapsed()), request.uri().path().to_owned()));
            log.len() - 1
        };
        let (delay, answer) = (self.behaviour)(n, &request);
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            answer
        })
    }
}

pub fn gated<S>(gate: &Gate, inner: S) -> Gated<S> {
    GateLayer::new(gate.clone()).layer(inner)
}

pub fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// Sends one request through a clone, in a task of its own.
pub fn send<S>(service: &Gated<S>, uri: &str) -> tokio::task::JoinHandle<Answer>
where
    S: Service<Request<()>, Response = Response<()>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    tokio::spawn(service.clone().oneshot(get(uri)))
}

pub fn status(code: u16, headers: &[(&'static str, &str)]) -> Answer {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    for (name, value) in headers {
        response.headers_mut().append(*name, value.parse().unwrap());
    }
    Ok(response)
}

pub fn ok() -> Answer {
    status(200, &[])
}

/// 429 with Retry-After: 1
pub fn throttled() -> Answer {
    status(429, &[("retry-after", "1")])
}

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

/// Lets all tasks run that can, without the clock moving.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
