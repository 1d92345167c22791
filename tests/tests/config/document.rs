//! The document as it is published.

use serde_json::{Value, json};
use tower_intake::config::StackConfig;

/// The document as it is published, values that are marked as examples included.
pub(crate) const EVERY_KEY: &str = r#"{
    "retry": {
      "max_retries": 10, "max_attempts": 1000,
      "backoff": { "base": "500ms", "factor": 2.0, "cap": "60s", "jitter": "full" },
      "backoff_throttled": null, "backoff_transport": null,
      "max_backoff": "43200s", "max_rate_limited": "43200s",
      "max_retry_after": "300s", "over_cap": "clamp", "retry_after_jitter": 0.1,
      "max_refused": "60s", "honour_on": ["throttled", "transient"],
      "replays": "idempotent", "max_rotations": 1, "budget": null
    },
    "status": { "retry": [], "permanent": [], "success": [], "throttled": [] },
    "retry_count": { "header": "x-retry-count", "send_zero": false },
    "gate": { "scope": "authority", "reopen": "probe", "max_wait": "43200s", "quota": null },
    "breaker": { "consecutive": 5, "ratio": 0.5, "min_calls": 20, "window": "30s", "open": "1s", "max_open": "60s", "jitter": "equal", "probes": 1 },
    "limit": { "max": 4 },
    "attempt_timeout": "30s", "read_timeout": "30s", "write_timeout": "10s", "total_timeout": null, "connect_timeout": "5s",
    "idempotency_key": false,
    "collect": { "max_bytes": "64MiB" },
    "pool": { "max_connections": null, "acquire_timeout": "10s", "max_idle_per_host": 5, "idle_timeout": "30s", "tcp_keepalive": "60s", "http2": false },
    "audit": { "correlation_header": "x-request-correlation-id" }
}"#;

/// The same in TOML, which has no null: `false` in its place.
pub(crate) const EVERY_KEY_TOML: &str = r#"
    attempt_timeout = "30s"
    read_timeout = "30s"
    write_timeout = "10s"
    total_timeout = false
    connect_timeout = "5s"
    idempotency_key = false
    limit = { max = 4 }
    collect = { max_bytes = "64MiB" }
    audit = { correlation_header = "x-request-correlation-id" }
    retry_count = { header = "x-retry-count", send_zero = false }
    gate = { scope = "authority", reopen = "probe", max_wait = "43200s" }
    status = { retry = [], permanent = [], success = [], throttled = [] }

    [retry]
    max_retries = 10
    max_attempts = 1000
    backoff = { base = "500ms", factor = 2.0, cap = "60s", jitter = "full" }
    max_backoff = "43200s"
    max_rate_limited = "43200s"
    max_retry_after = "300s"
    over_cap = "clamp"
    retry_after_jitter = 0.1
    max_refused = "60s"
    honour_on = ["throttled", "transient"]
    replays = "idempotent"
    max_rotations = 1

    [breaker]
    consecutive = 5
    ratio = 0.5
    min_calls = 20
    window = "30s"
    open = "1s"
    max_open = "60s"
    jitter = "equal"
    probes = 1

    [pool]
    acquire_timeout = "10s"
    max_idle_per_host = 5
    idle_timeout = "30s"
    tcp_keepalive = "60s"
    http2 = false
"#;

pub(crate) fn read(json: Value) -> StackConfig {
    serde_json::from_value(json).unwrap()
}

/// The defaults, with what the document marks as examples.
pub(crate) fn defaults_with_examples() -> StackConfig {
    read(json!({"limit": {"max": 4}, "collect": {"max_bytes": 67_108_864}}))
}
