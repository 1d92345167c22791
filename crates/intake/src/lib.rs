//! Resilient outbound HTTP out of small tower layers: a client that loses nothing, sends nothing twice that must
//! not be, never goes faster than the server allows, and leaves a trail.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use http_body_util::Full;
//! use tower::{ServiceExt, service_fn};
//! use tower_intake::config::StackConfig;
//! use tower_intake::{auth::{Bearer, Origins}, standard};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! // any hyper service; here one in the process that is busy at first
//! let server = service_fn(|request: Request<Full<Bytes>>| async move {
//!     let busy = !request.headers().contains_key("x-retry-count");
//!     assert_eq!(request.headers()["authorization"], "Bearer t0ken");
//!     let mut answer = Response::new(Full::<Bytes>::default());
//!     if busy {
//!         *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
//!         answer.headers_mut().insert("retry-after", "2".parse()?);
//!     }
//!     Ok::<_, tower_intake::BoxError>(answer)
//! });
//!
//! let origins = Origins::only(["https://api.example.com"])?;
//! let service = standard(&StackConfig::default(), Bearer::new("t0ken")?, origins, server)?;
//!
//! let request = Request::put("https://api.example.com/v1/spots/7").body(Full::from("{}"))?;
//! let answer = service.oneshot(request).await?;
//! assert_eq!(answer.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! Each layer is a module and a crate of its own: take one, take all, or swap a policy inside one. The order in which
//! they serve each other, and the same stack by hand, stand in [`stack`]; the settings in [`config`].
//!
//! # Choosing a policy
//!
//! Every layer's page begins with its policy: [`retry`] takes a closure or a type of yours in place of
//! [`retry::RetryPolicy`], every layer a [`core::Classify`], [`auth`] anything that is
//! [`auth::Credentials`], [`audit`] a [`core::Sink`].
//!
//! # What is shared
//!
//! The handles [`gate::Gate`] and [`breaker::Circuit`] (and `limit::Limit`): clone one into two stacks and they share it.
//!
//! # Errors
//!
//! A stack's error is a [`BoxError`]; [`core::error::find`] finds in its chain what a layer had to say: a
//! [`core::RetryError`] with the report, a [`core::Refused`] where nothing was sent, a [`core::TimedOut`].
//!
//! # Cancellation
//!
//! Dropping a call's future gives back every place, permit and probe that it held, and leaves a `cancelled` event.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `client` | [`client`](https://docs.rs/tower-intake): a hyper-util client |
//! | `tls` | `https` for it, by rustls |
//! | `limit` | the concurrency limit |
//! | `json` | audit events as JSON lines |
//! | `full` | all of them |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
pub mod client;
pub mod config;
pub mod stack;

mod builder_ext;
mod standard;

pub use builder_ext::ServiceBuilderExt;
pub use standard::standard;
pub use tower_intake_audit as audit;
pub use tower_intake_auth as auth;
pub use tower_intake_breaker as breaker;
pub use tower_intake_core as core;
pub use tower_intake_core::BoxError;
pub use tower_intake_gate as gate;
#[cfg(feature = "limit")]
pub use tower_intake_limit as limit;
pub use tower_intake_retry as retry;
pub use tower_intake_retry_count as retry_count;
