//! A scripted, hostile HTTP server: it answers by a script, breaks the protocol to the byte where the script says
//! so, and keeps a record of everything that clients did.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Empty;
//! use hyper_util::client::legacy::Client;
//! use hyper_util::rt::TokioExecutor;
//! use tower_intake_tests::{Answer, Moment, Server, sequence};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(sequence([
//!     Answer::new(503).retry_after(1),
//!     Answer::reset(Moment::Request), // read to its end, then the connection is reset
//!     Answer::ok().body("done"),
//! ]))
//! .await?;
//!
//! let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
//! assert_eq!(client.get(server.url_of("/a").parse()?).await?.status(), 503);
//! assert!(client.get(server.url_of("/b").parse()?).await.is_err());
//! assert_eq!(client.get(server.url_of("/c").parse()?).await?.status(), 200);
//!
//! let seen = server.requests();
//! assert_eq!(seen[1].path(), "/b");
//! assert_eq!((seen[1].answered, seen[2].answered), (None, Some(200)));
//! assert_eq!(server.connections(), 2);
//! # Ok(()) }
//! ```
//!
//! # What there is
//!
//! - [`Server`] listens on the loopback, speaks HTTP/1.1 or HTTP/2 without TLS ([`Builder::http2`]), and stops when it
//!   is dropped. [`Recorded`] is what it saw of a request.
//! - A [`Script`] decides: one [`Answer`], a [`sequence`], [`answer_fn`], [`early_fn`], [`Routes`], or your own type.
//! - [`Answer`] is what is sent, or the fault in its place.
//! - Ready-made: [`Closed`] and [`RateLimit`] throttle, [`Tokens`] issues and checks bearer tokens, [`Hostile`] is an
//!   ingestion server that does all of it by chance, from a seed, and keeps account.
//!
//! # Time
//!
//! Every duration runs on tokio's clock; the wall clock is read for `Date` headers alone. On a paused clock tokio
//! advances time whenever all tasks wait, for a socket too: a test that uses sockets should let the clock run.

mod answer;
mod builder;
mod clock;
mod closed;
mod connection;
mod goaway;
mod h1;
mod h2c;
mod hostile;
mod journal;
mod latch;
mod malformed;
mod moment;
mod rate_limit;
mod recorded;
mod response;
mod routes;
mod script;
mod server;
mod shared;
mod tokens;

pub use answer::Answer;
pub use builder::Builder;
pub use closed::{Closed, closed_for};
pub use goaway::GoAway;
pub use hostile::{Fault, Hostile, Rates, Summary};
pub use journal::WaitTimedOut;
pub use latch::Latch;
pub use malformed::{BadRequest, Malformed};
pub use moment::Moment;
pub use rate_limit::RateLimit;
pub use recorded::{HeaderLine, Recorded};
pub use routes::Routes;
pub use script::{AnswerFn, EarlyFn, Script, Sequence, answer_fn, early_fn, sequence};
pub use server::Server;
pub use tokens::{Guard, TokenEndpoint, Tokens};

/// The examples of the README, which must compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
