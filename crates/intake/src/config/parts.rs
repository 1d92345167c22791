//! The small parts of the stack.

use serde::{Deserialize, Serialize};

use crate::config::size::Size;
use crate::config::span::Span;
use crate::config::switch::{Bound, or_off};

/// X-Retry-Count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryCountConfig {
    /// The name of the header.
    pub header: String,
    /// Says `0` on the first attempt instead of nothing.
    pub send_zero: bool,
}

impl Default for RetryCountConfig {
    fn default() -> Self {
        Self { header: "x-retry-count".to_owned(), send_zero: false }
    }
}

/// A key for each operation that has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdempotencyKeyConfig {
    /// The name of the header.
    pub header: String,
}

impl Default for IdempotencyKeyConfig {
    fn default() -> Self {
        Self { header: "idempotency-key".to_owned() }
    }
}

/// Reads the answer's body inside the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollectConfig {
    /// The longest body; a longer one is an error.
    pub max_bytes: Size,
}

impl Default for CollectConfig {
    fn default() -> Self {
        Self { max_bytes: Size(64 << 20) }
    }
}

/// Connections of the client; used by [`Client`](crate::client::Client), not by the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PoolConfig {
    /// Connections at a time to all servers together; absent: no bound. An idle one to another server counts until
    /// `idle_timeout`: who speaks to several servers makes that shorter than `acquire_timeout`.
    #[serde(deserialize_with = "or_off")]
    pub max_connections: Option<usize>,
    /// How long a request waits for one of them.
    pub acquire_timeout: Bound,
    /// Idle connections kept for a server.
    pub max_idle_per_host: usize,
    /// How long they are kept.
    pub idle_timeout: Bound,
    /// TCP keep-alive.
    pub tcp_keepalive: Bound,
    /// HTTP/2: by prior knowledge over plain TCP, by ALPN over TLS.
    pub http2: bool,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_connections: None,
            acquire_timeout: Span::secs(10).0.into(),
            max_idle_per_host: 5,
            idle_timeout: Bound::secs(30),
            tcp_keepalive: Bound::secs(60),
            http2: false,
        }
    }
}

/// The audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// The name of the header that carries the correlation id.
    pub correlation_header: String,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { correlation_header: "x-request-correlation-id".to_owned() }
    }
}
