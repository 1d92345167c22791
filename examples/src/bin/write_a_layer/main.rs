//! An eighth layer, written against tower-intake-core alone: it counts what comes of requests.
//!
//! ```text
//! cargo run --release --bin write_a_layer
//! ```
//!
//! Its files are laid out as those of our own layers: `layer.rs` (configuration), `service.rs` (moves requests),
//! `future.rs` (named, nothing boxed), `counts.rs` (the handle: the shared state). None of them knows any layer of
//! ours; the words that layers share, `Outcome`, `Classify` and `Reply`, are core's.
//!
//! What it holds to:
//! - it is generic over bodies, and clones with the service inside;
//! - readiness is passed on as it is: the service that was ready is the one that is called;
//! - an error is boxed as it passes, so that its type is found again with `error::find`;
//! - a dropped future is counted as cancelled, so the books always agree;
//! - the user holds the state: clone the handle to share it, make another to keep things apart; each service of a
//!   layer writes to counters of its own.
//!
//! Here the layer stands twice around the standard stack: outside it sees operations, inside it sees what goes over
//! the wire.
#![allow(clippy::print_stdout)]

mod counts;
mod future;
mod layer;
mod service;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tower::{ServiceBuilder, ServiceExt as _};
use tower_intake::BoxError;
use tower_intake::client::Client;
use tower_intake::config::StackConfig;
use tower_intake::stack::Stack;
use tower_intake_core::{Outcome, StatusTable};
use tower_intake_tests::{Answer, Server, sequence};

use crate::counts::Counts;
use crate::layer::OutcomeCountLayer;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let answers = [
        Answer::new(503),
        Answer::new(503),
        Answer::ok(),
        Answer::new(404),
        Answer::hang(tower_intake_tests::Moment::Request),
    ];
    let server = Server::start(sequence(answers)).await?;
    let config: StackConfig = toml::from_str("retry = { backoff = { base = \"10ms\" } }")?;

    let (operations, attempts) = (Counts::new(), Counts::new());
    let service = ServiceBuilder::new()
        .layer(OutcomeCountLayer::new(operations.clone()))
        .layer(Stack::new(&config)?)
        // what counts as what is a policy here too
        .layer(OutcomeCountLayer::new(attempts.clone()).classify(StatusTable::default()))
        .service(Client::new(&config)?);

    let get = |path: &str| Request::get(server.url_of(path)).body(Full::<Bytes>::default());
    assert_eq!(service.clone().oneshot(get("/busy")?).await?.status(), 200);
    assert_eq!(service.clone().oneshot(get("/missing")?).await?.status(), 404);

    // one that is dropped on the way
    let call = tokio::spawn(service.oneshot(get("/slow")?));
    server.wait_for_requests(5, std::time::Duration::from_secs(5)).await?;
    call.abort();
    assert!(call.await.is_err());

    for (name, counts, expected) in
        [("operations", &operations, [1, 0, 1, 1]), ("attempts", &attempts, [1, 2, 1, 1])]
    {
        let of = |outcome| counts.of(outcome);
        let seen = [of(Outcome::Success), of(Outcome::Transient), of(Outcome::Permanent), counts.cancelled()];
        println!(
            "{name}: {} success, {} transient, {} permanent, {} cancelled",
            seen[0], seen[1], seen[2], seen[3]
        );
        assert_eq!(seen, expected);
    }
    assert_eq!(attempts.total(), 5, "every request has one entry");
    Ok(())
}
