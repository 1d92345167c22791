//! The standard stack: every layer, in the order in which they serve each other.
//!
//! ```text
//! audit (operation) → total deadline → idempotency key → retry → X-Retry-Count → audit (attempt)
//!   → gate → breaker → limit → auth → collect → attempt and read timeouts → client
//! ```
//!
//! - retry stands outside everything that must happen for each attempt: a fresh count, a fresh token.
//! - the gate stands before breaker and limit: waiting for the server's permission is no failure, and holds no
//!   place and no probe.
//! - the breaker stands before the limit: an open breaker takes no place. Auth stands within both: no token
//!   goes stale while its request waits, and no layer above it ever sees a secret.
//! - the timeouts of an attempt stand within retry, and do not run while the gate waits. Collecting stands around
//!   them, so that the attempt's timer ends with the head of the answer and the read timeout bounds each gap of what
//!   is collected.
//!
//! # By hand
//!
//! [`Stack`] does no more than this, and a test holds the two against each other:
//!
//! ```
//! use std::time::Duration;
//!
//! use tower::ServiceBuilder;
//! use tower_intake::audit::AuditLayer;
//! use tower_intake::auth::{AuthLayer, Bearer, Origins};
//! use tower_intake::breaker::{BreakerLayer, Circuit};
//! use tower_intake::gate::{Gate, GateLayer};
//! use tower_intake::retry::{AttemptTimeoutLayer, RetryLayer, RetryPolicy};
//! use tower_intake::retry_count::RetryCountLayer;
//!
//! let origins = Origins::only(["https://api.example.com"])?;
//! # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
//! #     Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::<bytes::Bytes>::default()))
//! # });
//! let service = ServiceBuilder::new()
//!     .layer(AuditLayer::operation())
//!     .layer(RetryLayer::new(RetryPolicy::default()))
//!     .layer(RetryCountLayer::new())
//!     .layer(AuditLayer::attempt())
//!     .layer(GateLayer::new(Gate::per_authority()))
//!     .layer(BreakerLayer::new(Circuit::per_authority()))
//!     .layer(AuthLayer::new(Bearer::new("t0ken")?, origins))
//!     .layer(AttemptTimeoutLayer::new(Duration::from_secs(30)).read_timeout(Duration::from_secs(30)))
//!     .service(client);
//! # let _ = service;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod optional;
mod stack_layer;
mod standard;

pub use optional::{Around, Changing, ChangingFuture, Optional, OptionalFuture};
pub use stack_layer::Stack;
pub use standard::{BoxedStandard, Standard, StandardBody};
