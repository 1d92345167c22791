//! Leaves an audit trail of outbound HTTP: a correlation id on every request, one event for each attempt and
//! one for each operation, never two and never none.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use http::{Request, Response};
//! use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
//! use tower_intake_audit::{AuditLayer, sink_fn};
//! use tower_intake_core::Event;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), tower_intake_core::BoxError> {
//! let lines = Arc::new(Mutex::new(Vec::new()));
//! let sink = {
//!     let lines = Arc::clone(&lines);
//!     Arc::new(sink_fn(move |event: &Event<'_>| {
//!         let line = (event.kind.as_str(), event.path.map(str::to_owned), event.status);
//!         lines.lock().unwrap().push((line, event.correlation_id.map(str::to_owned)));
//!     }))
//! };
//!
//! let server = service_fn(|request: Request<String>| async move {
//!     assert!(request.headers().contains_key("x-request-correlation-id"));
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! });
//! let mut service = ServiceBuilder::new()
//!     .layer(AuditLayer::operation().sink(sink.clone()))
//!     // retry stands here
//!     .layer(AuditLayer::attempt().sink(sink))
//!     .service(server);
//!
//! let request = Request::post("https://example.com/spots?token=abc").body("{}".to_owned())?;
//! service.ready().await?.call(request).await?;
//!
//! let lines = lines.lock().unwrap();
//! let path = Some("/spots?token=_".to_owned());
//! assert_eq!(lines[0].0, ("attempt", path.clone(), Some(200)));
//! assert_eq!(lines[1].0, ("operation", path, Some(200)));
//! assert_eq!(lines[0].1, lines[1].1, "one id ties them together");
//! # Ok(())
//! # }
//! ```
//!
//! The fields are those of [`Event`](tower_intake_core::Event). An attempt's event fires when the head of its
//! answer is there, an operation's when the call ends; with [`AuditLayer::at_end`] both wait for the end of
//! the answer's body. A future that is dropped before leaves an event too, with the state `cancelled`.
//!
//! | | `session_state` of an attempt | of an operation |
//! |---|---|---|
//! | success | as set, `unknown` by default | the same |
//! | refused by the gate | `rate_limited` | `rate_limited` |
//! | refused by the breaker | `circuit_open` | `circuit_open` |
//! | refused by another layer | `backoff` | `failed` |
//! | throttled | `rate_limited` | `failed` |
//! | transient | `backoff` | `failed` |
//! | unauthorized, and the credential was rotated | `reauthenticating` | `failed` |
//! | any other failure | `failed` | `failed` |
//! | dropped | `cancelled` | `cancelled` |
//!
//! `retry_count`, `stopped` and the waits of an operation are what retry reports; of one that was dropped
//! nobody can report, and they stand at zero: its attempts' events tell.
//!
//! # Choosing a policy
//!
//! Who takes the events is a [`Sink`](tower_intake_core::Sink): [`TracingSink`] by default, a closure with
//! [`sink_fn`] (above), or a type of your own. What a reply means is a
//! [`Classify`](tower_intake_core::Classify), the same as retry's:
//!
//! ```
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use tower_intake_audit::AuditLayer;
//! use tower_intake_core::{Event, Outcome, Sink, StatusTable};
//!
//! /// Counts what failed.
//! #[derive(Default)]
//! struct Failures(AtomicU64);
//!
//! impl Sink for Failures {
//!     fn record(&self, event: &Event<'_>) {
//!         if event.outcome != Some(Outcome::Success) {
//!             self.0.fetch_add(1, Ordering::Relaxed);
//!         }
//!     }
//! }
//!
//! let found_is_fine = StatusTable::builder().success(302).build()?;
//! let layer = AuditLayer::operation().sink(Failures::default()).classify(found_is_fine);
//! # let _ = layer;
//! # Ok::<(), tower_intake_core::StatusTableError>(())
//! ```
//!
//! With the feature `json`, `json_lines(writer)` is a layer for a `tracing` subscriber that writes each event
//! of all tower-intake's crates as one line of JSON. What happens to the session as a whole the application
//! says itself: [`lifecycle`].
//!
//! # Where it stands in a stack
//!
//! [`AuditLayer::operation`] outermost, so that the id is on the request before retry copies it;
//! [`AuditLayer::attempt`] inside retry and outside gate and breaker, so that their refusals leave events too.
//! Both take the same [`header`](AuditLayer::header). Alone, the attempt's layer makes no id: it shows the
//! one that it finds.
//!
//! # What is shared
//!
//! The sink, by all clones of the service. It is called on the task that serves the request, outside any lock
//! of ours. Whether it looks at all is asked once a call, before it begins: if not, nothing is remembered and
//! nothing allocated, but the id is set all the same.
//!
//! # Errors
//!
//! None of its own: an error of the service inside is boxed and passed on. A sink, classifier or clock that
//! panics harms no request.
//!
//! # Cancellation
//!
//! Dropping the future at any point leaves one event, `cancelled`, unless the event has fired already.
//!
//! # Features
//!
//! `json`: `json_lines` and `JsonLines`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod at_end;
pub mod future;
#[cfg(feature = "json")]
mod json;
mod layer;
mod lifecycle;
mod pending;
mod record;
mod service;
mod shield;
mod sink;
mod state;
mod trail;

pub use at_end::{AuditAtEndLayer, AuditedAtEnd, AuditedBody};
#[cfg(feature = "json")]
pub use json::{JsonLines, json_lines};
pub use layer::AuditLayer;
pub use lifecycle::lifecycle;
pub use service::Audited;
pub use sink::{SinkFn, TARGET, TracingSink, sink_fn};
