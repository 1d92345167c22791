//! A gate before a server: when one answer says "not now, come again in a while", every request to that server
//! waits, and none is spent on hearing it again.
//!
//! ```
//! use http::{Request, Response};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//! use tokio::time::Instant;
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_intake_gate::{Gate, GateLayer};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! // a server that wants a pause after the first request
//! static REQUESTS: AtomicU32 = AtomicU32::new(0);
//! let server = service_fn(|_: Request<()>| async {
//!     let answer = match REQUESTS.fetch_add(1, Ordering::Relaxed) {
//!         0 => Response::builder().status(429).header("retry-after", "2").body(())?,
//!         _ => Response::new(()),
//!     };
//!     Ok::<_, BoxError>(answer)
//! });
//!
//! # let request = || Request::get("https://example.com/").body(());
//! let gate = Gate::per_authority();
//! let mut service = ServiceBuilder::new().layer(GateLayer::new(gate.clone())).service(server);
//!
//! let first = service.ready().await?.call(request()?).await?;
//! assert_eq!(first.status(), 429);
//!
//! // the next one is not sent until the two seconds are over
//! let began = Instant::now();
//! let second = service.ready().await?.call(request()?).await?;
//! assert_eq!(second.status(), 200);
//! assert_eq!(began.elapsed(), Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```
//!
//! The answer that closes the gate is returned as it is: to send that request again is a retry layer's work.
//! An open gate costs a look at one atomic that nobody writes.
//!
//! # Closing
//!
//! A Throttled answer (429) or a Transient one (5xx) with a usable Retry-After closes the gate of its key until
//! then, for at most [`max_retry_after`](GateBuilder::max_retry_after). Closings only ever extend. Answers to
//! requests of an earlier episode, that is from before the closing that came before, tell of a server that was,
//! and count no more.
//!
//! # Reopening
//!
//! When the closing is over, one request goes as a probe. If its answer is a throttle, or names another
//! delay, the gate closes again (for as long as before, where the throttle says nothing); any other answer
//! opens, and the others follow in order of arrival, at a pace that doubles each second from a quarter of the
//! rate before the closing, and from one a second at least. After ten seconds, or when the pace is that of
//! before and nobody waits any more, the gate is open. A probe that is dropped, or is not answered within
//! [`probe_lease`](GateBuilder::probe_lease), is replaced; one that a layer further in refused hands its place
//! on. [`Reopen::All`] lets everybody go at the very instant instead.
//!
//! The rate before is counted by each service on its own, and summed when the gate closes: it is that of the
//! last one or two seconds, or of the last 64 to 128 requests where those took longer. What was slow for a
//! pause is underrated then, and reopens the more gently. If nobody comes for a minute after a closing, there
//! is no crowd to be held back, and the gate is open.
//!
//! # Choosing a policy
//!
//! What an answer means is a [`Classify`](tower_intake_core::Classify), which requests share a gate a
//! [`Scope`](tower_intake_core::Scope):
//!
//! ```
//! use http::StatusCode;
//! use tower_intake_core::{Classify, Key, Outcome, Reply, RequestHead, Scope, StatusTable, classify_fn};
//! use tower_intake_gate::Gate;
//!
//! // a closure: one gate for each tenant
//! let tenants = Scope::by(|head: RequestHead<'_>| match head.headers.get("x-tenant") {
//!     Some(tenant) => Key::named(format!("tenant {tenant:?}")),
//!     None => Key::of(head),
//! });
//! // a closure: a gateway that says 403 when it means 429
//! let table = StatusTable::default();
//! let gateway = classify_fn(move |reply: Reply<'_>| match reply.status() {
//!     Some(StatusCode::FORBIDDEN) => Outcome::Throttled,
//!     _ => table.classify(reply),
//! });
//! let gate = Gate::builder().scope(tenants).classify(gateway).build()?;
//!
//! // a type of one's own
//! struct Only503(StatusTable);
//!
//! impl Classify for Only503 {
//!     fn classify(&self, reply: Reply<'_>) -> Outcome {
//!         match self.0.classify(reply) {
//!             Outcome::Transient if reply.status() != Some(StatusCode::SERVICE_UNAVAILABLE) => Outcome::Permanent,
//!             outcome => outcome,
//!         }
//!     }
//! }
//! let gate = Gate::builder().classify(Only503(StatusTable::default())).build()?;
//! # let _ = gate;
//! # Ok::<(), tower_intake_gate::GateError>(())
//! ```
//!
//! # Where it stands in a stack
//!
//! Inside retry, which learns from [`GateClosed`] when to come again and counts a wait at the gate in its
//! rate-limit episode; outside breaker and limit, because waiting for the server's permission is no failure and
//! must hold no probe and no permit. The inner service has to be `Clone`: while some key is not open, the layer
//! is ready without asking the inner service, gives back what that may have granted, and the future asks a
//! clone when the request's turn has come.
//!
//! A request that waited carries [`Waited`](tower_intake_core::Waited) on its answer or error.
//!
//! # What is shared
//!
//! The [`Gate`]: clone it into as many layers as you like, they close and reopen together, in one order of
//! arrival a key. At most 10 000 keys are kept; one that is not open is never forgotten. Each service that a
//! layer makes has a few counters of its own, which its clones share.
//!
//! While a key is not open a task on the current tokio runtime keeps its time, so that nobody waits for a
//! future which nobody polls. The runtime needs its timer.
//!
//! # Errors
//!
//! [`GateClosed`], in a [`BoxError`](tower_intake_core::BoxError), for a request that may not wait: the wait is
//! longer than [`max_wait`](GateBuilder::max_wait) or the call's [`Deadline`](tower_intake_core::Deadline), or
//! [`max_waiters`](GateBuilder::max_waiters) are waiting. It comes as soon as that is known, and nothing was
//! sent; its source is a [`Refused`](tower_intake_core::Refused). Errors of the inner service pass unchanged.
//! `poll_ready` fails with those of the inner service alone.
//!
//! # Cancellation
//!
//! A dropped future leaves the line at once; if it was the probe, or was about to be, the next one is.

mod builder;
mod clock;
mod common;
mod door;
mod driver;
mod error;
pub mod future;
mod gate;
mod inside;
mod layer;
mod line;
mod local;
mod machine;
mod news;
mod pass;
mod policy;
mod ramp;
mod service;
mod stripe;
mod wait;

pub use builder::{GateBuilder, GateError};
pub use error::{GateClosed, Reason};
pub use gate::{Gate, GateState};
pub use layer::GateLayer;
pub use machine::Reopen;
pub use service::Gated;
