#![allow(dead_code, unreachable_pub)] // each file of tests uses a part of it

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::sync::oneshot;
use tower::{Layer, Service, ServiceExt};
use tower_intake_breaker::{Breaker, BreakerLayer, Circuit, CircuitBuilder, CircuitOpen, State};
use tower_intake_core::{BoxError, Jitter, Key, Refused, error};

pub const S: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

/// One server under test; all clones are the same server.
#[derive(Clone, Debug, Default)]
pub struct Server {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Answer>,
    arrived: Vec<String>,
}

#[derive(Debug)]
pub enum Answer {
    Status(u16),
    RetryAfter(u16, &'static str),
    Broken,
    Refused,
    /// when the other end says so
    Later(oneshot::Receiver<u16>),
}

#[derive(Debug)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset")
    }
}

impl std::error::Error for Broken {}

impl Server {
    /// The next answers; after the last of them every answer is 200.
    pub fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().unwrap().answers.extend(answers);
    }

    pub fn fails(&self, times: usize) {
        self.will((0..times).map(|_| Answer::Status(503)));
    }

    /// An answer that comes when one sends it.
    pub fn later(&self) -> oneshot::Sender<u16> {
        let (now, later) = oneshot::channel();
        self.will([Answer::Later(later)]);
        now
    }

    pub fn calls(&self) -> usize {
        self.script.lock().unwrap().arrived.len()
    }
}

impl Service<Request<()>> for Server {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let mut script = self.script.lock().unwrap();
        script.arrived.push(request.uri().to_string());
        let answer = script.answers.pop_front().unwrap_or(Answer::Status(200));
        Box::pin(async move {
            let mut response = Response::new(());
            let status = match answer {
                Answer::Status(status) => status,
                Answer::RetryAfter(status, value) => {
                    response.headers_mut().insert("retry-after", value.parse()?);
                    status
                }
                Answer::Broken => return Err(Broken.into()),
                Answer::Refused => return Err(Refused::new("limit").into()),
                Answer::Later(later) => later.await?,
            };
            *response.status_mut() = status.try_into()?;
            Ok(response)
        })
    }
}

/// No jitter, so that times are exact.
pub fn exact() -> CircuitBuilder {
    Circuit::builder().jitter(Jitter::None)
}

pub fn client(circuit: &Circuit, server: &Server) -> Breaker<Server> {
    BreakerLayer::new(circuit.clone()).layer(server.clone())
}

pub const URI: &str = "http://api.test/v1";

pub fn key() -> Key {
    Key::of_uri(&URI.parse().unwrap()).unwrap()
}

pub fn request(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// One call to [`URI`] on a clone, as servers do.
pub async fn send<S>(client: &S) -> Result<u16, BoxError>
where
    S: Service<Request<()>, Response = Response<()>, Error = BoxError> + Clone,
{
    send_to(client, URI).await
}

pub async fn send_to<S>(client: &S, uri: &str) -> Result<u16, BoxError>
where
    S: Service<Request<()>, Response = Response<()>, Error = BoxError> + Clone,
{
    client.clone().oneshot(request(uri)).await.map(|response| response.status().as_u16())
}

pub async fn send_times(client: &Breaker<Server>, times: usize) {
    for _ in 0..times {
        assert!(refusal(&send(client).await).is_none(), "refused too early");
    }
}

/// The refusal, if that is what came back; any other error is not one.
pub fn refusal<T>(reply: &Result<T, BoxError>) -> Option<&CircuitOpen> {
    error::find::<CircuitOpen>(&**reply.as_ref().err()?)
}

pub async fn assert_refused(client: &Breaker<Server>, server: &Server) -> CircuitOpen {
    let before = server.calls();
    let reply = send(client).await;
    assert_eq!(server.calls(), before, "something was sent");
    refusal(&reply).unwrap_or_else(|| panic!("not refused: {reply:?}")).clone()
}

pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Time stands at `to`, exactly.
pub async fn at(to: Instant) {
    tokio::time::advance(to.saturating_duration_since(now())).await;
    assert_eq!(now(), to);
}

pub fn is_open(state: State) -> bool {
    matches!(state, State::Open { .. })
}

pub fn is_half_open(state: State) -> bool {
    matches!(state, State::HalfOpen { .. })
}
