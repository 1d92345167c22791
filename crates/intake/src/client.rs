//! A hyper-util client for the stack to stand on: connect timeout, bounded pool, TCP keep-alive, `https`.
//!
//! ```
//! use bytes::Bytes;
//! use http_body_util::Full;
//! use tower_intake::client::Client;
//! use tower_intake::config::StackConfig;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client: Client<Full<Bytes>> = Client::new(&StackConfig::default())?;
//! # let _ = client;
//! # Ok(())
//! # }
//! ```
//!
//! # What it does on its own
//!
//! hyper-util sends a request again, on another connection, if the one it had chosen was closed before a
//! byte of the request was written to it. That is left on: the server has seen nothing of the first try, so
//! neither X-Retry-Count nor the audit trail has anything to tell. Redirects are not followed: a 3xx is an
//! answer like any other.

mod builder;
mod connector;
mod error;
mod io;
mod service;
#[cfg(feature = "tls")]
mod tls;

pub use builder::ClientBuilder;
pub use error::ClientError;
pub use service::{Client, ResponseFuture};
