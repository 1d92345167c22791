//! Tells the server how many attempts of a call came before this one: `X-Retry-Count: 1, 2, …`, absent on
//! the first.
//!
//! ```
//! use http::{Request, Response};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_intake_core::Attempt;
//! use tower_intake_retry_count::RetryCountLayer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), std::convert::Infallible> {
//! // a server that says what it was told
//! let echo = service_fn(|request: Request<()>| async move {
//!     Ok::<_, std::convert::Infallible>(Response::new(request.headers().get("x-retry-count").cloned()))
//! });
//! let mut service = ServiceBuilder::new().layer(RetryCountLayer::new()).service(echo);
//!
//! let first = Request::new(());
//! assert_eq!(service.ready().await?.call(first).await?.into_body(), None);
//!
//! // what a retry layer further out does from the second attempt on
//! let mut third = Request::new(());
//! third.extensions_mut().insert(Attempt::new(3));
//! assert_eq!(service.ready().await?.call(third).await?.into_body().unwrap(), "2");
//! # Ok(())
//! # }
//! ```
//!
//! The count is that of [`Attempt`](tower_intake_core::Attempt), which the retry layer keeps: every attempt
//! that was handed to the client before counts, for whatever reason it was sent again (backoff, rate limit, a
//! failed connect, a new credential); one that a layer of ours refused does not. The header is set, never
//! appended; a value that the caller put there is removed on the first attempt, so the server never reads a
//! count that is not ours.
//!
//! # Where it stands in a stack
//!
//! Inside retry, so that it sees each attempt, and directly there: what is outside retry is copied for each
//! attempt. Without a retry layer around it every request is a first attempt.
//!
//! # What is shared
//!
//! Nothing. The count travels with the request, so two calls in flight never share one.
//!
//! # Errors
//!
//! None of its own: error and future are those of the service inside.
//!
//! # Cancellation
//!
//! Nothing is held: a dropped future is the inner service's alone.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod layer;
mod service;

pub use layer::RetryCountLayer;
pub use service::RetryCounted;
