//! The standard stack as data; see [`StackConfig`].

mod auth;
#[cfg(feature = "client")]
mod auth_layer;
mod backoff;
mod breaker;
mod error;
mod gate;
mod limit;
mod parts;
mod retry;
mod size;
mod span;
mod stack;
mod status;
mod switch;

pub use auth::{AuthConfig, BasicConfig, BearerConfig, ClientAssertionConfig, JsonGrantConfig, OAuth2Config};
pub use backoff::{BackoffConfig, JitterConfig};
pub use breaker::{BreakerConfig, Count, Ratio};
pub use error::ConfigError;
pub use gate::{GateConfig, QuotaConfig, ReopenConfig, ScopeConfig};
pub use limit::{AdaptiveConfig, LimitConfig};
pub use parts::{AuditConfig, CollectConfig, IdempotencyKeyConfig, PoolConfig, RetryCountConfig};
pub use retry::{BudgetConfig, HonourOn, OverCapConfig, ReplaysConfig, RetryConfig};
pub use size::Size;
pub use span::Span;
pub use stack::StackConfig;
pub use status::{StatusCodes, StatusConfig};
pub use switch::{Bound, Part};
