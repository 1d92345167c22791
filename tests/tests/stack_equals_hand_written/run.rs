//! One run of a script through one stack.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use tokio::time::Instant;
use tower::ServiceExt as _;
use tower_intake::auth::{Origins, Token, Tokens, token_fn};
use tower_intake_core::{BoxError, Random, Reply, RetryReport, WallClock, error};
use tower_service::Service;

use crate::support::ms;

pub(crate) const SEED: u64 = 42;

/// What can be compared of a call.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) reply: Result<(u16, HeaderMap, Bytes), String>,
    pub(crate) report: Option<RetryReport>,
    pub(crate) elapsed: Duration,
}

/// A token source that counts.
pub(crate) fn tokens() -> Tokens {
    let fetched = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let source = token_fn(move || {
        let n = fetched.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        async move { Ok(Token::new(format!("t{n}"))?) }
    });
    Tokens::builder(source).random(Random::seeded(9)).build().unwrap()
}

pub(crate) fn origins() -> Origins {
    Origins::only(["http://api.test"]).unwrap().allow_plain_http()
}

pub(crate) fn noon() -> WallClock {
    WallClock::from_fn(|| std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_750_000_000))
}

/// Makes all calls at once, 10 ms apart.
pub(crate) async fn run<S, B>(service: S, calls: Vec<Request<Full<Bytes>>>) -> Vec<Outcome>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut tasks = Vec::new();
    for call in calls {
        let service = service.clone();
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            let reply = service.oneshot(call).await;
            let elapsed = began.elapsed();
            let report = Reply::of(&reply).report().copied();
            let reply = match reply {
                Err(error) => Err(error::describe(&*error)),
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    let body = body.collect().await.map_err(Into::into).unwrap().to_bytes();
                    Ok((head.status.as_u16(), head.headers, body))
                }
            };
            Outcome { reply, report, elapsed }
        }));
        tokio::time::sleep(ms(10)).await;
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}
