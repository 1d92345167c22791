//! Every mistake names its key.

use serde_json::{Value, json};
use tower_intake::config::{ConfigError, StackConfig};
use tower_intake::stack::Stack;

use crate::document::read;

/// What serde says.
fn unread(json: Value) -> String {
    serde_json::from_value::<StackConfig>(json.clone()).expect_err(&json.to_string()).to_string()
}

/// What construction says.
fn unbuilt(json: Value) -> ConfigError {
    Stack::new(&read(json.clone())).err().unwrap_or_else(|| panic!("{json} was accepted"))
}

/// The whole error, as a program with `serde_path_to_error` shows it; here the key must at least be in the text or
/// the line.
pub(crate) fn serde_path(json: Value) -> String {
    let text = serde_json::to_string_pretty(&json).unwrap();
    let error = serde_json::from_str::<StackConfig>(&text).unwrap_err();
    let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
    format!("{error} in {line}")
}

#[test]
fn unknown_keys_are_errors_at_every_level() {
    let levels: [&[&str]; 14] = [
        &[],
        &["retry"],
        &["retry", "backoff"],
        &["retry", "backoff_throttled"],
        &["retry", "budget"],
        &["status"],
        &["retry_count"],
        &["gate"],
        &["gate", "quota"],
        &["breaker"],
        &["limit"],
        &["collect"],
        &["pool"],
        &["audit"],
    ];
    for level in levels {
        let json = level.iter().rev().fold(json!({"surplus": 1}), |inner, key| json!({ *key: inner }));
        let error = unread(json);
        assert!(error.contains("surplus"), "{level:?}: {error}");
    }
    assert!(
        unread(json!({"limit": {"adaptive": {"initial": 1, "max": 2, "surplus": 1}}})).contains("surplus")
    );
    assert!(unread(json!({"idempotency_key": {"surplus": 1}})).contains("surplus"));
    assert!(unread(json!({"retry": {"backoff": {"jitter": {"surplus": 1}}}})).contains("surplus"));
    assert!(unread(json!({"retry": {"over_cap": "surplus"}})).contains("surplus"));
}

#[test]
fn values_that_mean_nothing_are_errors() {
    let wrong = [
        json!({"attempt_timeout": 30}),
        json!({"attempt_timeout": "30"}),
        json!({"attempt_timeout": "-5s"}),
        json!({"attempt_timeout": true}),
        json!({"retry": {"max_refused": "soon"}}),
        json!({"retry": {"max_retries": -1}}),
        json!({"retry": {"max_retries": 4_294_967_296_u64}}),
        json!({"retry": {"honour_on": ["permanent"]}}),
        json!({"retry": []}),
        json!({"breaker": {"consecutive": 1.5}}),
        json!({"collect": {"max_bytes": "1.5MiB"}}),
        json!({"collect": {"max_bytes": -1}}),
        json!({"status": {"retry": ["4xx"]}}),
        json!({"status": {"retry": [70_000]}}),
        json!({"status": {"retry": ["+410"]}}),
        json!({"gate": {"reopen": "both"}}),
    ];
    for json in wrong {
        unread(json);
    }
}

#[test]
fn c_re_17_cross_field_mistakes_name_the_field() {
    let backoff = |key: &str, value: Value| json!({"retry": {"backoff": {key: value}}});
    let cases = [
        (json!({"retry": {"max_rate_limited": "599s"}}), "retry.max_rate_limited"),
        (json!({"retry": {"max_attempts": 0}}), "retry.max_attempts"),
        (json!({"retry": {"max_retry_after": "0s"}}), "retry.max_retry_after"),
        (json!({"retry": {"retry_after_jitter": 1.5}}), "retry.retry_after_jitter"),
        (json!({"retry": {"retry_after_jitter": -0.1}}), "retry.retry_after_jitter"),
        (json!({"retry": {"backoff": {"base": "61s"}}}), "retry.backoff.base"),
        (
            json!({"retry": {"backoff_throttled": {"base": "2s", "cap": "1s"}}}),
            "retry.backoff_throttled.base",
        ),
        (json!({"retry": {"backoff_transport": {"factor": 0.0}}}), "retry.backoff_transport.factor"),
        (backoff("factor", json!(0)), "retry.backoff.factor"),
        (backoff("factor", json!(-2.0)), "retry.backoff.factor"),
        (backoff("jitter", json!({"proportional": -0.5})), "retry.backoff.jitter"),
        (json!({"breaker": {"ratio": 0.0}}), "breaker.ratio"),
        (json!({"breaker": {"ratio": 1.01}}), "breaker.ratio"),
        (json!({"breaker": {"consecutive": 0}}), "breaker.consecutive"),
        (json!({"breaker": {"min_calls": 0}}), "breaker.min_calls"),
        (json!({"breaker": {"window": "0s"}}), "breaker.window"),
        (json!({"breaker": {"open": "2m"}}), "breaker.open"),
        (json!({"breaker": {"probes": 0}}), "breaker.probes"),
        (json!({"gate": {"probe_lease": "0s"}}), "gate.probe_lease"),
        (json!({"gate": {"max_waiters": 0}}), "gate.max_waiters"),
        (json!({"limit": {"max": 0}}), "limit.max"),
        (json!({"limit": {}}), "limit.max"),
        (json!({"retry_count": {"header": "x retry"}}), "retry_count.header"),
        (json!({"idempotency_key": {"header": ""}}), "idempotency_key.header"),
        (json!({"audit": {"correlation_header": "x:y"}}), "audit.correlation_header"),
        (json!({"status": {"retry": [600]}}), "status.retry"),
        (json!({"status": {"permanent": ["50-70"]}}), "status.permanent"),
    ];
    for (json, field) in cases {
        let error = unbuilt(json.clone());
        assert_eq!(error.field(), field, "{json}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(field), "{text}");
        let repeated = field.rsplit('.').next().unwrap();
        assert!(!text.contains(&format!("{field}: {repeated}:")), "said twice: {text}");
    }
    // both fields of a pair are told
    let text = unbuilt(json!({"retry": {"max_rate_limited": "599s"}})).to_string();
    assert!(text.contains("max_retry_after"), "{text}");
    // unless nobody waits that long
    let given_up = json!({"retry": {"max_rate_limited": "599s", "over_cap": "give_up"}});
    assert!(Stack::new(&read(given_up)).is_ok());
    // NaN is no JSON, but it is TOML
    for factor in ["nan", "inf", "-inf"] {
        let config: StackConfig = toml::from_str(&format!("[retry.backoff]\nfactor = {factor}")).unwrap();
        assert_eq!(Stack::new(&config).unwrap_err().field(), "retry.backoff.factor", "{factor}");
    }
}

#[test]
fn c_status_a_code_stands_in_one_list() {
    let error = unbuilt(json!({"status": {"retry": [410, 460], "permanent": ["400-419"]}}));
    assert!(error.field().starts_with("status"), "{error}");
    assert!(error.to_string().contains("410"), "{error}");
    let config = read(json!({"status": {"retry": [410, 460], "permanent": [500], "success": ["300-399"]}}));
    let table = config.status.table().unwrap();
    let rows = [410, 460, 500, 304, 503].map(|status| table.status(status).as_str());
    assert_eq!(rows, ["transient", "transient", "permanent", "success", "transient"]);
}
