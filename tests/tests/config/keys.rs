//! Every key is read, and written as it is read.

use std::time::Duration;

use serde_json::{Value, json};
use tower_intake::config::{
    Bound, JitterConfig, OverCapConfig, Part, ReopenConfig, ReplaysConfig, ScopeConfig, StackConfig,
};
use tower_intake::stack::Stack;

use crate::document::{EVERY_KEY, EVERY_KEY_TOML, defaults_with_examples, read};
use crate::mistakes::serde_path;

#[test]
fn every_key_of_the_document_is_read_and_says_the_default() {
    let config: StackConfig = serde_json::from_str(EVERY_KEY).unwrap();
    assert_eq!(config, defaults_with_examples());
    assert!(Stack::new(&config).is_ok());
    assert_eq!(serde_json::from_str::<StackConfig>("{}").unwrap(), StackConfig::default());
}

#[test]
fn every_key_in_toml() {
    assert_eq!(toml::from_str::<StackConfig>(EVERY_KEY_TOML).unwrap(), defaults_with_examples());
    assert_eq!(toml::from_str::<StackConfig>("").unwrap(), StackConfig::default());
    let error = toml::from_str::<StackConfig>("[breaker]\nconsecutve = 5").unwrap_err().to_string();
    assert!(error.contains("consecutve"), "{error}");
}

/// Values that differ from the defaults come through, each in its place.
#[test]
fn values_are_read() {
    let config = read(json!({
        "retry": {
            "max_retries": 3, "max_attempts": 7,
            "backoff": {"base": "1m30s", "factor": 1.5, "cap": null, "jitter": {"proportional": 0.25}},
            "backoff_throttled": {"jitter": {"additive": "1s"}}, "backoff_transport": {"jitter": "decorrelated"},
            "max_backoff": null, "max_rate_limited": false, "max_retry_after": "12h", "over_cap": "give_up",
            "retry_after_jitter": 0, "max_refused": 0, "honour_on": ["throttled"], "replays": "all", "max_rotations": 0,
        },
        "gate": {"scope": "global", "reopen": "all", "max_wait": null},
        "breaker": {"consecutive": null, "ratio": 0.25},
        "attempt_timeout": null, "total_timeout": "10m",
    }));
    let retry = config.retry.on().unwrap();
    assert_eq!((retry.max_retries, retry.max_attempts), (3, 7));
    assert_eq!(retry.backoff.base.0, Duration::from_secs(90));
    assert_eq!((retry.backoff.cap, retry.backoff.jitter), (Bound::NONE, JitterConfig::Proportional(0.25)));
    assert!(matches!(retry.backoff_throttled.unwrap().jitter, JitterConfig::Additive(_)));
    assert_eq!(retry.backoff_transport.unwrap().jitter, JitterConfig::Decorrelated);
    assert_eq!((retry.max_backoff, retry.max_rate_limited), (Bound::NONE, Bound::NONE));
    assert_eq!((retry.over_cap, retry.replays), (OverCapConfig::GiveUp, ReplaysConfig::All));
    assert_eq!(retry.max_refused.0, Duration::ZERO);
    let gate = config.gate.on().unwrap();
    assert_eq!(
        (gate.scope, gate.reopen, gate.max_wait),
        (ScopeConfig::Global, ReopenConfig::All, Bound::NONE)
    );
    let breaker = config.breaker.on().unwrap();
    assert_eq!((breaker.consecutive.on(), breaker.ratio.on().unwrap().0), (None, 0.25));
    assert_eq!((config.attempt_timeout, config.total_timeout), (Bound::NONE, Bound::secs(600)));
    assert!(Stack::new(&config).is_ok());
}

#[test]
fn false_and_null_switch_off_true_is_the_default() {
    for part in ["retry", "retry_count", "gate", "breaker", "limit", "idempotency_key", "collect", "audit"] {
        for off in [json!(false), Value::Null] {
            let value = serde_json::to_value(read(json!({ part: off }))).unwrap();
            assert_eq!(value[part], json!(false), "{part}");
        }
        let on = serde_json::to_value(read(json!({ part: true }))).unwrap();
        assert!(on[part].is_object(), "{part}: {on}");
    }
    for bound in ["attempt_timeout", "read_timeout", "write_timeout", "total_timeout", "connect_timeout"] {
        for off in [json!(false), Value::Null] {
            let value = serde_json::to_value(read(json!({ bound: off }))).unwrap();
            assert_eq!(value[bound], json!(false), "{bound}");
        }
    }
    // false is no way to say nothing to a number
    for (wrong, key) in
        [(json!({"retry": {"max_retries": false}}), "max_retries"), (json!({"pool": false}), "pool")]
    {
        let path = serde_path(wrong);
        assert!(path.contains(key), "{path}");
    }
    // off is off: the stack is built without it
    let stack = Stack::new(&read(json!({"gate": false, "breaker": null}))).unwrap();
    assert!(stack.gate().is_none() && stack.circuit().is_none());
    let stack = Stack::new(&StackConfig::default()).unwrap();
    assert!(stack.gate().is_some() && stack.circuit().is_some() && stack.limit().is_none());
}

#[test]
fn what_is_written_is_read_again() {
    let configs = [
        StackConfig::default(),
        serde_json::from_str(EVERY_KEY).unwrap(),
        read(json!({
            "retry": {"backoff": {"cap": null, "jitter": {"additive": "250ms"}}, "max_backoff": null,
                      "backoff_throttled": {"base": "3s"}, "honour_on": []},
            "status": {"retry": [410, "420-429"], "success": ["300-399"]},
            "gate": {"close_without_hint": "1s"}, "breaker": {"consecutive": null},
            "limit": {"adaptive": {"initial": 4, "max": 200}}, "collect": {"max_bytes": 7},
            "pool": {"max_connections": 8, "http2": true}, "total_timeout": "1ms", "audit": null,
        })),
        read(
            json!({"retry": false, "gate": false, "breaker": false, "retry_count": false, "read_timeout": false}),
        ),
    ];
    for config in configs {
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<StackConfig>(&json).unwrap(), config, "{json}");
        assert!(matches!(config.collect, Part::Off) || json.contains("max_bytes"));
    }
}
