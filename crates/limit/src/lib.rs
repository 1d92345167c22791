//! At most so many calls in flight at once, each until the end of its answer's body; the others wait their
//! turn.
//!
//! A limit whose permit comes back with the answer's head bounds nothing where answers are long: the
//! connections are still in use. Here the place goes along in the body.
//!
//! ```
//! use std::convert::Infallible;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt, Full};
//! use tower::{ServiceBuilder, ServiceExt};
//! use tower_intake_limit::{AdaptiveLimitLayer, Limit};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let limit = Limit::fixed(1)?;
//! let client = ServiceBuilder::new()
//!     .layer(AdaptiveLimitLayer::new(limit.clone()))
//!     .service_fn(|_: Request<()>| async {
//!         Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("long")))
//!     });
//!
//! let answer = client.clone().oneshot(Request::new(())).await?;
//! assert_eq!(limit.in_flight(), 1, "its body is still to come");
//! let second = tokio::spawn(client.oneshot(Request::new(())));
//! tokio::task::yield_now().await;
//! assert_eq!(limit.waiting(), 1);
//!
//! let body = answer.into_body().collect().await?.to_bytes();
//! assert_eq!(body, "long");
//! second.await??; // its turn came with the end of that body
//! assert_eq!((limit.in_flight(), limit.waiting()), (0, 0));
//! # Ok(())
//! # }
//! ```
//!
//! # Choosing a policy
//!
//! The level is fixed, by [`Limit::fixed`]. Who waits goes in the order of arrival, at most `max_waiters`, and
//! for at most `max_wait`; see [`Limit::builder`].
//!
//! # Where it stands in a stack
//!
//! Inside the gate and the breaker: who waits for the server's permission, or is refused, needs no place.
//! Outside auth and the attempt's timeout: a token is fetched for a call that can go, and the wait for a place
//! is no slowness of the server. A place is held for one attempt; between two attempts retry holds none, but
//! an answer that it drains keeps its place until it is drained.
//!
//! While every place is taken the service says that it is ready without asking the service inside, and the
//! call waits in its future: a queue of calls holds no permit of a layer further in. In its place, a call that
//! had to wait brings a clone of the service inside to readiness, and goes.
//!
//! # What is shared
//!
//! All layers, services and clones that got a clone of one [`Limit`] share its places and its queue. Another
//! limit is made anew. A place is taken and given back with one compare-and-swap each; only when calls wait
//! is there a lock.
//!
//! # Errors
//!
//! [`LimitError`] when a limit is built. A call that finds the queue full, or whose `max_wait` or
//! [`Deadline`](tower_intake_core::Deadline) passes before a place is free, fails with [`LimitFull`]: nothing
//! was sent, and its source is a [`Refused`](tower_intake_core::Refused) by `limit` without a time, so that
//! retry tries again after a backoff step. A call that waited carries [`Waited`](tower_intake_core::Waited), on
//! its answer or around its error. Nothing is refused in `poll_ready`. Find the types with
//! [`core::error::find`](tower_intake_core::error::find).
//!
//! # Cancellation
//!
//! A dropped future leaves the queue, or gives its place to the next; a dropped body does so too. The
//! counts are exact at every moment. A body that is kept and not read keeps its place: put a bound on the time
//! between frames where answers are read by others. A connection that was upgraded is counted until the head
//! of its answer, which has no body.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod error;
pub mod future;
mod layer;
mod limit;
mod places;
mod service;
mod waiting;

pub use body::LimitedBody;
pub use error::{LimitError, LimitFull};
pub use layer::AdaptiveLimitLayer;
pub use limit::{Limit, LimitBuilder};
pub use service::Limited;
