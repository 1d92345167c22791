//! A circuit breaker for outbound HTTP: a server that keeps failing is left alone for a while, then probed.
//!
//! ```
//! use http::{Request, Response};
//! use tower::{Service, ServiceBuilder, ServiceExt};
//! use tower_intake_breaker::{BreakerLayer, Circuit, CircuitOpen, State};
//! use tower_intake_core::{BoxError, Key, error};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), BoxError> {
//! let circuit = Circuit::per_authority();
//! let mut client = ServiceBuilder::new().layer(BreakerLayer::new(circuit.clone())).service_fn(
//!     // in earnest: a hyper client
//!     async |_: Request<()>| Ok::<_, BoxError>(Response::builder().status(503).body(())?),
//! );
//!
//! let request = || Request::get("https://api.example.com/v1").body(());
//! for _ in 0..5 {
//!     assert_eq!(client.ready().await?.call(request()?).await?.status(), 503);
//! }
//! // five failures in a row: the next call is not sent
//! let refused = client.ready().await?.call(request()?).await.unwrap_err();
//! let open = error::find::<CircuitOpen>(&*refused).expect("refused");
//! assert_eq!(open.to_string(), "the circuit of https://api.example.com:443 is open: 5 failures in a row");
//!
//! let key = Key::of_uri(&"https://api.example.com".parse()?).expect("it has a host");
//! circuit.reset(&key);
//! assert_eq!(circuit.state(&key), State::Closed);
//! # Ok(())
//! # }
//! ```
//!
//! A circuit opens on five failures in a row, or when half of the calls of the last 30 seconds failed, if those are
//! twenty or more; the ratio is looked at when a call fails. It is open for a second, and twice as long each time a
//! probe fails, up to a minute; then one call goes through as the probe, and its success closes it. A
//! `Retry-After` on the answer that opened it may make the wait longer. All of it can be set:
//! [`CircuitBuilder`].
//!
//! # Choosing a policy
//!
//! What a failure is, a [`Classify`](tower_intake_core::Classify) decides: `Transient` is one; `Success`,
//! `Permanent`, `Unauthorized` and `Throttled` show that the server works; `Refused` tells nothing. Only the head of
//! the answer is seen: a body that breaks off later counts where a layer further in has read it.
//!
//! ```
//! use tower_intake_breaker::Circuit;
//! use tower_intake_core::{Classify, Outcome, Reply, StatusTable, classify_fn};
//!
//! // by a closure
//! let table = StatusTable::default();
//! let circuit = Circuit::builder()
//!     .classify(classify_fn(move |reply: Reply<'_>| match reply.headers() {
//!         Some(headers) if headers.contains_key("x-degraded") => Outcome::Transient,
//!         _ => table.classify(reply),
//!     }))
//!     .build()?;
//!
//! // by a type of one's own
//! struct OnlyErrors;
//!
//! impl Classify for OnlyErrors {
//!     fn classify(&self, reply: Reply<'_>) -> Outcome {
//!         if reply.status().is_some() { Outcome::Success } else { Outcome::Transient }
//!     }
//! }
//!
//! let circuit = Circuit::builder().classify(OnlyErrors).build()?;
//! # let _ = circuit;
//! # Ok::<(), tower_intake_breaker::CircuitError>(())
//! ```
//!
//! # Where it stands in a stack
//!
//! Inside retry, which waits for the time that a refusal names; inside the gate, whose waiting is no failure;
//! outside the concurrency limit, so that what is refused takes no place for longer than the call itself; outside
//! auth, and outside the attempt timeout, whose error is a failure. It is right in any other order too.
//!
//! The service is ready when the inner service is. It refuses in `call`, never in `poll_ready`, and then replaces
//! the inner service by its clone, which is why that must be `Clone`: a place that `poll_ready` took is given back.
//!
//! # What is shared
//!
//! The [`Circuit`] is the state: clones of it, and every service of every layer made with one, share it. Each
//! server has its own circuit ([`Circuit::per_authority`]), or all share one ([`Circuit::global`]), or a function
//! of the request tells ([`CircuitBuilder::scope`]). At most 10 000 are kept.
//!
//! While a circuit is closed no call takes a lock, and a success writes only to the counters of its own
//! thread. What a service remembers of its server, its clones share: for no contention at all build the stack once a
//! worker, around clones of one handle.
//!
//! # Errors
//!
//! [`CircuitOpen`] says whose circuit it is, since when and why it is open; its source is
//! [`Refused`](tower_intake_core::Refused), with the time of the next try if an operator does not hold it open.
//! Every error of the inner service is passed on as it is.
//!
//! # Cancellation
//!
//! A call whose future is dropped counts as nothing; if it was a probe, the next call takes its place. A probe that
//! hangs is given up after its lease (30 s) and replaced; what it finds after that counts no more. Nor does
//! any result of a call that was let through before the circuit last changed.
//!
//! A lease runs on while a layer further in waits, auth for a token say; set
//! [`probe_lease`](CircuitBuilder::probe_lease) longer than such waits.

mod builder;
mod circuit;
mod circuit_error;
mod clock;
mod error;
mod fuse;
pub mod future;
mod layer;
mod machine;
mod permit;
mod ratio;
mod service;
mod settings;
mod shared;
mod state;
mod streak;
mod stripe;
mod transitions;
mod window;

pub use builder::CircuitBuilder;
pub use circuit::Circuit;
pub use circuit_error::CircuitError;
pub use error::CircuitOpen;
pub use layer::BreakerLayer;
pub use service::Breaker;
pub use state::{State, Transition, Why};
pub use transitions::Transitions;
