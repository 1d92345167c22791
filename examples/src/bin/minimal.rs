//! A client that survives a busy server, in fifteen lines: the standard stack around a hyper client.
//!
//! ```text
//! cargo run --release --bin minimal
//! ```
//!
//! The server on the other side is scripted: it is busy once, then answers. It is asked twice, the second time with
//! `X-Retry-Count: 1`, and the caller sees the answer alone.
#![allow(clippy::print_stdout)]

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tower::ServiceExt as _;
use tower_intake::BoxError;
use tower_intake::auth::{Bearer, Origins};
use tower_intake::client::Client;
use tower_intake::config::StackConfig;
use tower_intake_tests::{Answer, Server, sequence};

async fn put(url: String) -> Result<Bytes, BoxError> {
    let config = StackConfig::default();
    let client = Client::new(&config)?;
    let origins = Origins::only([url.as_str()])?;
    let service = tower_intake::standard(&config, Bearer::new("t0ken")?, origins, client)?;

    let request = Request::put(url).body(Full::<Bytes>::from("{}"))?;
    let answer = service.oneshot(request).await?;
    assert_eq!(answer.status(), 200);
    Ok(answer.into_body().collect().await?.to_bytes())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let server = Server::start(sequence([Answer::new(503), Answer::ok().body("done")])).await?;

    assert_eq!(put(server.url_of("/v1/spots/7")).await?, "done");

    let seen = server.requests();
    assert_eq!(seen.len(), 2);
    assert_eq!((seen[0].header("x-retry-count"), seen[1].header("x-retry-count")), (None, Some("1")));
    assert_eq!(seen[1].header("authorization"), Some("Bearer t0ken"));
    assert_eq!(
        server.connections(),
        1,
        "what the server says when it is busy is read, so its connection serves again"
    );
    println!("503, then 200: the caller saw the 200, the server saw {} requests", seen.len());
    Ok(())
}
