//! What the tests of this crate have in common.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tokio::time::{Instant, sleep};
use tower::util::BoxCloneSyncService;
use tower_intake_auth::{Origins, Token, TokenError, TokenSource};
use tower_intake_core::{BoxError, Permanent, Random, Refused, error};

pub const S: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

pub fn origins() -> Origins {
    Origins::only(["https://api.test"]).unwrap()
}

pub fn request() -> Request<()> {
    to("https://api.test/v1")
}

pub fn to(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

pub fn random() -> Random {
    Random::seeded(7)
}

/// What a token source does when it is asked for the n-th time, counted from 1.
#[derive(Clone, Debug)]
pub enum Then {
    /// A token of this name and life, after so long.
    Give(String, Duration, Duration),
    Fail(TokenError),
    Hang,
    Panic,
}

pub fn give(name: impl Into<String>, life: Duration) -> Then {
    Then::Give(name.into(), life, Duration::ZERO)
}

/// A token source after a script; the clones share what they record.
#[derive(Clone)]
pub struct Script {
    script: Arc<dyn Fn(usize) -> Then + Send + Sync>,
    asked: Arc<Mutex<Vec<Instant>>>,
    pub running: Arc<AtomicUsize>,
}

impl Script {
    pub fn new(script: impl Fn(usize) -> Then + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), asked: Arc::default(), running: Arc::default() }
    }

    /// `t1`, `t2`, … with this life, each after `delay`.
    pub fn numbered(life: Duration, delay: Duration) -> Self {
        Self::new(move |n| Then::Give(format!("t{n}"), life, delay))
    }

    pub fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub fn times(&self) -> Vec<Instant> {
        self.asked.lock().unwrap().clone()
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl TokenSource for Script {
    async fn token(&self) -> Result<Token, TokenError> {
        let n = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Instant::now());
            asked.len()
        };
        assert_eq!(self.running.fetch_add(1, Ordering::SeqCst), 0, "one flight at a time");
        let _running = Running(Arc::clone(&self.running));
        match (self.script)(n) {
            Then::Give(name, life, delay) => {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                Ok(Token::new(name)?.expires_in(life))
            }
            Then::Fail(error) => Err(error),
            Then::Hang => std::future::pending().await,
            Then::Panic => panic!("the script says so"),
        }
    }
}

/// The requests that a server has seen: their authorization.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Option<String>>>>);

impl Seen {
    pub fn all(&self) -> Vec<Option<String>> {
        self.0.lock().unwrap().clone()
    }

    pub fn last(&self) -> String {
        self.all().last().cloned().flatten().unwrap_or_default()
    }

    pub fn len(&self) -> usize {
        self.all().len()
    }

    pub fn take<B>(&self, request: &Request<B>) -> String {
        let values: Vec<_> = request.headers().get_all("authorization").iter().collect();
        assert!(values.len() < 2, "never two");
        let value = values.first().map(|value| value.to_str().unwrap().to_owned());
        self.0.lock().unwrap().push(value.clone());
        value.unwrap_or_default()
    }
}

pub type Server = BoxCloneSyncService<Request<()>, Response<()>, Infallible>;

/// A server that answers each request by what its authorization is, after `delay`.
pub fn server<F>(seen: &Seen, delay: Duration, answer: F) -> Server
where
    F: Fn(&str) -> StatusCode + Clone + Send + Sync + 'static,
{
    let seen = seen.clone();
    BoxCloneSyncService::new(tower::service_fn(move |request: Request<()>| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            let authorization = seen.take(&request);
            if !delay.is_zero() {
                sleep(delay).await;
            }
            let mut response = Response::new(());
            *response.status_mut() = answer(&authorization);
            Ok(response)
        }
    }))
}

/// One that is content with everything.
pub fn ok(seen: &Seen) -> Server {
    server(seen, Duration::ZERO, |_| StatusCode::OK)
}

pub fn refused(error: &BoxError) -> &Refused {
    error::find(&**error).unwrap_or_else(|| panic!("{error:?}"))
}

pub fn permanent(error: &BoxError) -> &Permanent {
    error::find(&**error).unwrap_or_else(|| panic!("{error:?}"))
}
