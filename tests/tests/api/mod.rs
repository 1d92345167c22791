//! The standard stack over the real client.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // each file of tests uses a part of it

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_intake::client::Client;
use tower_intake::config::{AuthConfig, StackConfig};
use tower_intake::stack::{BoxedStandard, Stack};
use tower_intake_core::{BoxError, Random, Reply, RetryReport, Stopped, WallClock, error};
use tower_layer::Layer as _;

use crate::support::{self, PATIENCE};

/// A configuration from JSON: what a user's file would say.
pub fn config(json: Value) -> StackConfig {
    serde_json::from_value(json).unwrap()
}

/// A client of one server.
#[derive(Clone)]
pub struct Api {
    pub service: BoxedStandard<Full<Bytes>>,
    pub stack: Stack,
    base: String,
}

/// What became of one call.
#[derive(Debug)]
pub struct Answered {
    pub result: Result<(u16, HeaderMap), BoxError>,
    pub body: Result<String, BoxError>,
    pub report: Option<RetryReport>,
    pub elapsed: Duration,
}

impl Answered {
    #[track_caller]
    pub fn status(&self) -> u16 {
        self.result.as_ref().expect("an answer").0
    }

    #[track_caller]
    pub fn error(&self) -> &BoxError {
        self.result.as_ref().expect_err("an error")
    }

    #[track_caller]
    pub fn find<T: std::error::Error + 'static>(&self) -> &T {
        error::find(&**self.error()).expect("in the chain of the error")
    }

    pub fn attempts(&self) -> u32 {
        self.report.map_or(1, |report| report.attempts)
    }

    pub fn stopped(&self) -> Option<Stopped> {
        self.report.and_then(|report| report.stopped)
    }

    #[track_caller]
    pub fn text(&self) -> &str {
        self.body.as_ref().expect("a whole body")
    }
}

impl Api {
    pub fn new(base: &str, config: &StackConfig) -> Self {
        Self::with_auth(base, config, None)
    }

    pub fn with_auth(base: &str, config: &StackConfig, auth: Option<&AuthConfig>) -> Self {
        let random = Random::seeded(7);
        let stack = Stack::with(config, random.clone(), WallClock::system()).unwrap();
        let auth = auth.map(|auth| auth.layer(base, config, random).unwrap());
        Self::of(base, config, stack.auth(auth))
    }

    pub fn of(base: &str, config: &StackConfig, stack: Stack) -> Self {
        let client: Client<Full<Bytes>> = Client::new(config).unwrap();
        Self { service: stack.layer(client).boxed(), stack, base: base.to_owned() }
    }

    /// A request to a path of the server, or to an absolute URL.
    pub fn request(&self, method: &str, path: &str) -> Request<Full<Bytes>> {
        let url = if path.starts_with('/') { format!("{}{path}", self.base) } else { path.to_owned() };
        support::request(method, &url)
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answered {
        let began = Instant::now();
        tokio::time::timeout(PATIENCE, self.send_unbounded(request, began)).await.expect("no hang")
    }

    async fn send_unbounded(&self, request: Request<Full<Bytes>>, began: Instant) -> Answered {
        let result = self.service.clone().oneshot(request).await;
        let elapsed = began.elapsed();
        let report = Reply::of(&result).report().copied();
        match result {
            Err(error) => Answered { result: Err(error), body: Ok(String::new()), report, elapsed },
            Ok(answer) => {
                let (head, body) = answer.into_parts();
                let body =
                    body.collect().await.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned());
                Answered { result: Ok((head.status.as_u16(), head.headers)), body, report, elapsed }
            }
        }
    }

    pub async fn put(&self, path: &str) -> Answered {
        self.send(self.request("PUT", path)).await
    }

    pub async fn post(&self, path: &str) -> Answered {
        self.send(self.request("POST", path)).await
    }
}
