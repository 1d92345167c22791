//! Sends a failed request again when that is safe and of use, by the server's own word where it gives one.
//!
//! ```
//! use std::convert::Infallible;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//! use tower_intake_core::RetryReport;
//! use tower_intake_retry::{RetryLayer, RetryPolicy};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // a server that is busy for the first two requests
//! static SEEN: AtomicU32 = AtomicU32::new(0);
//! let client = service_fn(async |_: Request<Full<Bytes>>| {
//!     let busy = SEEN.fetch_add(1, Ordering::SeqCst) < 2;
//!     let answer = Response::builder().status(if busy { 429 } else { 200 }).header("retry-after", 3);
//!     Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap_or_default())
//! });
//!
//! let policy = RetryPolicy::builder().retry_after_jitter(0.0).build()?;
//! let service = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(client);
//!
//! let answer = service.oneshot(Request::post("http://h.test/v1").body(Full::from("text"))?).await?;
//! let report = answer.extensions().get::<RetryReport>().ok_or("it did not succeed at once")?;
//! assert_eq!((answer.status().as_u16(), report.attempts), (200, 3));
//! assert_eq!(report.elapsed, Duration::from_secs(6)); // twice what the server asked for, to the millisecond
//! # Ok(())
//! # }
//! ```
//!
//! # Choosing a policy
//!
//! [`RetryPolicy`] is the default: a Retry-After is waited for and not counted, everything else backs off and is counted,
//! and each reason to wait has a budget of its own. Its settings are those of [`RetryPolicyBuilder`]; what an answer means
//! is a [`Classify`](tower_intake_core::Classify), how long a backoff is a [`Backoff`](tower_intake_core::Backoff), and both
//! can be a closure. The whole policy can be one too:
//!
//! ```
//! use std::time::Duration;
//! use tower_intake_core::Reply;
//! use tower_intake_retry::{RetryLayer, policy_fn};
//!
//! let layer = RetryLayer::new(policy_fn(|n: u32, reply: Reply<'_>| {
//!     (n < 4 && reply.status().is_none_or(|status| status.as_u16() == 503)).then_some(Duration::from_secs(1))
//! }));
//! # let _ = layer;
//! ```
//!
//! or a type of your own:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use tower_intake_core::{Reply, RequestHead, Stopped};
//! use tower_intake_retry::{Cause, Decision, Policy, RetryLayer};
//!
//! /// Once more, for everything that a server calls its own fault.
//! #[derive(Clone)]
//! struct OnceMore;
//!
//! impl Policy for OnceMore {
//!     type Call = bool;
//!
//!     fn start(&self, _: RequestHead<'_>, _: Instant) -> bool {
//!         false
//!     }
//!
//!     fn decide(&self, again: &mut bool, reply: Reply<'_>, _: Instant) -> Decision {
//!         match reply.status() {
//!             Some(status) if !status.is_server_error() => Decision::done(None),
//!             _ if std::mem::replace(again, true) => Decision::done(Stopped::Exhausted),
//!             _ => Decision::retry(Duration::from_secs(1), Cause::Server),
//!         }
//!     }
//! }
//!
//! let layer = RetryLayer::new(OnceMore);
//! # let _ = layer;
//! ```
//!
//! A policy decides; it cannot break the laws. Whatever it says, a request that may have taken effect is not sent twice
//! unless that is [safe](Replays), a wait that does not fit the call's [`Deadline`](tower_intake_core::Deadline) is neither
//! begun nor shortened, and a retry layer further in is not repeated.
//!
//! # Where it stands in a stack
//!
//! Outside everything that must happen anew for each attempt (numbering, gate, breaker, credentials, timeouts), inside
//! what happens once a call (the total deadline, the idempotency key). In order:
//!
//! [`DeadlineLayer`], [`IdempotencyKeyLayer`], [`RetryLayer`], … , [`CollectLayer`], [`WriteTimeoutLayer`],
//! [`AttemptTimeoutLayer`], the client.
//!
//! Request bodies are [`Replayable`](tower_intake_core::Replayable): `Full` and `Empty` are, [`Cloned`] makes any `Clone`
//! body so, [`ReplayBody`] keeps what a stream has sent. A body that cannot be sent again goes out once.
//!
//! Why it is not `tower::retry`: its policy sees no deadline, so a wait outlives the call; an error of readiness
//! replaces what the server said; it holds the inner service's readiness, a permit perhaps, through its own backoff; and an
//! answer that it discards is dropped unread, which closes its connection: five 503s are five connections. Here they are
//! one. A discarded answer is read to its end, 64 KiB and 1 s at most, while the backoff sleeps, and is kept until the
//! server says something else.
//!
//! # What is shared
//!
//! Nothing that one call leaves to another, but for the sequence from which jitter is drawn, and a [`RetryBudget`] where
//! one is set.
//! [`Layer::layer`](tower_layer::Layer::layer) copies the policy for each service; clones of a service share it.
//!
//! # Errors
//!
//! The last answer or error is returned as it came, with a [`RetryReport`](tower_intake_core::RetryReport): an extension of
//! the answer, or around the error a [`RetryError`](tower_intake_core::RetryError), whose text is that of the error. What
//! succeeds at once, or fails for good at once, carries none. An error of our own is only
//! [`TimedOut`](tower_intake_core::TimedOut), if the deadline passes before the server has said anything.
//!
//! # Cancellation
//!
//! A dropped future drops the attempt that is under way, or the wait, and the answer that was being read. Nothing runs on.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt_timeout;
mod budget;
mod builder;
mod cloned;
mod collect;
mod course;
mod deadline;
mod decide;
mod drain;
mod error;
pub mod future;
mod held;
mod idempotency_key;
mod kept;
mod last;
mod layer;
mod log;
mod pause;
mod policy;
mod replay_body;
mod retry_policy;
mod safety;
mod service;
mod write_timeout;

pub use attempt_timeout::{AttemptTimeout, AttemptTimeoutFuture, AttemptTimeoutLayer, ReadTimeout};
pub use budget::RetryBudget;
pub use builder::RetryPolicyBuilder;
pub use cloned::Cloned;
pub use collect::{Collect, CollectFuture, CollectLayer, CollectedBody};
pub use deadline::{DeadlineFuture, DeadlineLayer, WithDeadline};
pub use decide::RetryCall;
pub use error::RetryPolicyError;
pub use held::HeldBody;
pub use idempotency_key::{IdempotencyKey, IdempotencyKeyLayer};
pub use layer::RetryLayer;
pub use policy::{Cause, Decision, Policy, PolicyFn, Verdict, policy_fn};
pub use replay_body::ReplayBody;
pub use retry_policy::{OverCap, RetryPolicy};
pub use safety::Replays;
pub use service::Retry;
pub use write_timeout::{WatchedBody, WriteTimeout, WriteTimeoutFuture, WriteTimeoutLayer};
