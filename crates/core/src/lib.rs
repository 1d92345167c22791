//! The words that the layers of tower-intake share.
//!
//! A layer of an outbound HTTP stack must know what an answer means, what an error proves, how long
//! a server asked to be left alone, and what the layers around it have already done. Those words
//! stand here, and only here: no tower, no runtime, no list of layers. Who writes a layer of their
//! own needs this crate and nothing else of ours.
//!
//! ```
//! use http::{Response, StatusCode};
//! use tower_intake_core::{Classify, Outcome, Reply, RetryAfter, StatusTable};
//! use std::time::{Duration, SystemTime};
//!
//! let mut answer = Response::new(());
//! *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
//! answer.headers_mut().insert("retry-after", "2".parse()?);
//!
//! let table = StatusTable::default();
//! assert_eq!(table.classify(Reply::answer(&answer)), Outcome::Throttled);
//!
//! let hint = RetryAfter::of(answer.headers(), || SystemTime::UNIX_EPOCH)?;
//! assert_eq!(hint.and_then(RetryAfter::usable), Some(Duration::from_secs(2)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Choosing a policy
//!
//! What an answer means is a [`Classify`]. Edit the rows of the default [`StatusTable`], write a closure
//! with [`classify_fn`], or implement the trait:
//!
//! ```
//! use tower_intake_core::{Classify, Outcome, Reply, StatusTable, classify_fn};
//!
//! // rows of the table
//! let table = StatusTable::builder().retry(410).permanent(500).success(300..=399).build()?;
//! assert_eq!(table.status(410), Outcome::Transient);
//!
//! // a closure, for what the status does not tell
//! let busy = classify_fn(move |reply: Reply<'_>| match reply.headers() {
//!     Some(headers) if headers.contains_key("x-busy") => Outcome::Throttled,
//!     _ => table.classify(reply),
//! });
//! # let _ = busy;
//! # Ok::<(), tower_intake_core::StatusTableError>(())
//! ```
//!
//! # Time
//!
//! This crate speaks [`std::time::Instant`] and never reads it: every decision takes the time as an
//! argument, and layers pass tokio's clock. The wall clock has one seam, [`WallClock`].
//!
//! # Features
//!
//! `hyper`: [`SendState::of`] and the default classification read the error types of hyper, hyper-util
//! and h2. Without it only this crate's own error types and [`std::io::Error`] are understood, and
//! everything else is taken as ambiguous.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attempt;
mod backoff;
mod body_error;
mod classify;
mod correlation_id;
mod deadline;
pub mod error;
mod event;
#[cfg(feature = "hyper")]
mod hyper_errors;

mod honour;
mod http_date;
mod ids;
mod key;
mod keyed;
mod local_keyed;
mod outcome;
mod permanent;
mod random;
mod redact;
mod refused;
mod replay;
mod reply;
mod report;
mod request_head;
mod retry_after;
mod rotated;
mod send_state;
mod session_state;
mod sink;
mod status_table;
mod timed_out;
mod waited;
mod wall_clock;

pub use attempt::Attempt;
pub use backoff::{Backoff, BackoffError, BackoffFn, Exponential, Jitter, backoff_fn};
pub use body_error::BodyError;
pub use classify::{Classify, ClassifyFn, classify_fn};
pub use correlation_id::CorrelationId;
pub use deadline::Deadline;
pub use error::BoxError;
pub use event::{Event, Kind};
pub use honour::Honour;
pub use ids::uuid_v7;
pub use key::{Key, KeyFn, Scope};
pub use keyed::Keyed;
pub use local_keyed::{Held, LocalKeyed};
pub use outcome::Outcome;
pub use permanent::Permanent;
pub use random::Random;
pub use redact::Redact;
pub use refused::Refused;
pub use replay::{Replay, Replayable};
pub use reply::Reply;
pub use report::{RetryError, RetryReport, Stopped};
pub use request_head::RequestHead;
pub use retry_after::{MalformedRetryAfter, RetryAfter};
pub use rotated::{Credential, Rotated};
pub use send_state::SendState;
pub use session_state::SessionState;
pub use sink::Sink;
pub use status_table::{Codes, StatusTable, StatusTableBuilder, StatusTableError};
pub use timed_out::{Phase, TimedOut};
pub use waited::{Waited, WaitedError};
pub use wall_clock::WallClock;
