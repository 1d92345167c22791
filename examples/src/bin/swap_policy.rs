//! Another policy in the place of ours: for retries by a closure and by a type, for the meaning of an answer by a
//! closure.
//!
//! ```text
//! cargo run --release --bin swap_policy
//! ```
//!
//! A policy decides and does nothing else: it is given the reply and the time, and has no clock, no sleep and no log
//! of its own. Whatever it says, the layer holds to what is true of every retry: nothing is sent twice that must not
//! be, and no wait is begun that does not fit the call's deadline.
#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_intake::client::Client;
use tower_intake::config::StackConfig;
use tower_intake::retry::{Cause, Decision, Policy, RetryLayer, RetryPolicy, policy_fn};
use tower_intake::{BoxError, ServiceBuilderExt as _};
use tower_intake_core::{
    Classify as _, Exponential, Outcome, Reply, RequestHead, RetryReport, StatusTable, Stopped, classify_fn,
};
use tower_intake_tests::{Answer, Server, sequence};

/// Waits for its turn: the server says where in its queue we stand, and serves ten a second.
#[derive(Clone, Debug)]
struct InLine {
    longest: u32,
}

/// How many times one call may be told to wait.
const PATIENCE: u32 = 5;

impl Policy for InLine {
    /// How often this call was told to wait.
    type Call = u32;

    fn start(&self, _: RequestHead<'_>, _: Instant) -> u32 {
        0
    }

    fn decide(&self, told: &mut u32, reply: Reply<'_>, _: Instant) -> Decision {
        let place =
            reply.headers().and_then(|headers| headers.get("x-place-in-line")?.to_str().ok()?.parse().ok());
        match (reply.status(), place) {
            (Some(status), _) if status.is_success() => Decision::done(None),
            (Some(StatusCode::SERVICE_UNAVAILABLE), Some(place))
                if place <= self.longest && *told < PATIENCE =>
            {
                *told += 1;
                Decision::retry(Duration::from_millis(100) * place, Cause::Throttled)
            }
            _ => Decision::done(Stopped::Exhausted),
        }
    }
}

/// Asks `server` once through `policy`; gives the status and what was done for it.
async fn ask<P>(server: &Server, policy: P) -> Result<(u16, Option<RetryReport>), BoxError>
where
    P: Policy + Clone + Send + Sync + 'static,
    P::Call: Send,
{
    let client = Client::<Full<Bytes>>::new(&StackConfig::default())?;
    let service = ServiceBuilder::new().layer(RetryLayer::new(policy)).retry_count().service(client);
    let answer = service.oneshot(Request::get(server.url_of("/")).body(Full::default())?).await?;
    Ok((answer.status().as_u16(), answer.extensions().get().copied()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    by_closure().await?;
    by_own_type().await?;
    a_classifier_by_closure().await
}

async fn by_closure() -> Result<(), BoxError> {
    let server = Server::start(sequence([Answer::new(500), Answer::new(500), Answer::ok()])).await?;

    // the number of the reply, counted from 1, and the reply: how long to wait, or `None` to return it
    let twice = policy_fn(|n: u32, reply: Reply<'_>| {
        let failed = reply.status().is_none_or(|status| status.is_server_error());
        (failed && n <= 2).then_some(Duration::from_millis(20))
    });

    let (status, report) = ask(&server, twice).await?;
    assert_eq!((status, report.map(|report| report.attempts)), (200, Some(3)));
    println!("a closure: 500, 500, then 200 after two waits of 20 ms");
    Ok(())
}

async fn by_own_type() -> Result<(), BoxError> {
    let in_line = |place: u32| Answer::new(503).header("x-place-in-line", place.to_string());
    let server = Server::start(sequence([in_line(3), in_line(1), Answer::ok()])).await?;
    let (status, report) = ask(&server, InLine { longest: 9 }).await?;
    let report = report.ok_or("a call that was retried carries a report")?;
    assert_eq!((status, report.attempts), (200, 3));
    assert!(report.elapsed >= Duration::from_millis(400), "{report:?}");
    println!("a type: third in line, then first, served after {:?}", report.elapsed);

    let server = Server::start(in_line(50)).await?;
    let (status, _) = ask(&server, InLine { longest: 9 }).await?;
    assert_eq!((status, server.request_count()), (503, 1), "a line that is too long is not joined");
    Ok(())
}

async fn a_classifier_by_closure() -> Result<(), BoxError> {
    // a server that says 200 and means that it is not done
    let pending = Answer::ok().header("x-job", "pending");
    let server =
        Server::start(sequence([pending.clone(), pending, Answer::ok().header("x-job", "done")])).await?;

    let table = StatusTable::default();
    let jobs =
        classify_fn(move |reply: Reply<'_>| match reply.headers().and_then(|headers| headers.get("x-job")) {
            Some(job) if job == "pending" => Outcome::Transient,
            _ => table.classify(reply),
        });
    let policy = RetryPolicy::builder()
        .classify(jobs)
        .backoff(Exponential::new(Duration::from_millis(20)))
        .max_retries(5)
        .build()?;

    let (status, report) = ask(&server, policy).await?;
    assert_eq!((status, report.map(|report| report.attempts)), (200, Some(3)));
    println!("a classifier: two answers of 200 were not yet what was asked for, the third was");
    Ok(())
}
