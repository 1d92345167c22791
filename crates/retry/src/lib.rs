//! (in the making)
mod builder;
mod cloned;
mod course;
mod drain;
mod error;
pub mod future;
mod held;
mod kept;
mod last;
mod layer;
mod log;
mod pause;
mod policy;
mod retry_policy;
mod safety;
mod service;

pub use builder::RetryPolicyBuilder;
pub use cloned::Cloned;
pub use error::RetryPolicyError;
pub use held::HeldBody;
pub use layer::RetryLayer;
pub use policy::{Cause, Decision, Policy, PolicyFn, Verdict, policy_fn};
pub use retry_policy::{OverCap, RetryCall, RetryPolicy};
pub use safety::Replays;
pub use service::Retry;
