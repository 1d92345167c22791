//! The stack as data: every key, every switch, every mistake (the keys of the end-to-end driver's document).

use std::time::Duration;

use serde_json::{Value, json};
use tower_intake::config::{
    AuthConfig, Bound, ConfigError, JitterConfig, OverCapConfig, Part, ReopenConfig, ReplaysConfig,
    ScopeConfig, StackConfig,
};
use tower_intake::stack::Stack;
use tower_intake_core::Random;

/// The document as it is published, values that are marked as examples included.
const EVERY_KEY: &str = r#"{
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
const EVERY_KEY_TOML: &str = r#"
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

fn read(json: Value) -> StackConfig {
    serde_json::from_value(json).unwrap()
}

/// What serde says.
fn unread(json: Value) -> String {
    serde_json::from_value::<StackConfig>(json.clone()).expect_err(&json.to_string()).to_string()
}

/// What construction says.
fn unbuilt(json: Value) -> ConfigError {
    Stack::new(&read(json.clone())).err().unwrap_or_else(|| panic!("{json} was accepted"))
}

/// The defaults, with what the document marks as examples.
fn defaults_with_examples() -> StackConfig {
    read(json!({"limit": {"max": 4}, "collect": {"max_bytes": 67_108_864}}))
}

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

/// The whole error, as a program with `serde_path_to_error` shows it; here the key must at least be in the text or
/// the line.
fn serde_path(json: Value) -> String {
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

#[test]
fn c_au_01_credentials_are_one_kind_and_name_their_mistakes() {
    let layer = |json: Value| {
        let auth: AuthConfig = serde_json::from_value(json).unwrap();
        auth.layer("http://127.0.0.1:1/base", &StackConfig::default(), Random::seeded(1))
    };
    let field =
        |json: Value| layer(json.clone()).err().unwrap_or_else(|| panic!("{json}")).field().to_owned();
    assert!(layer(json!({"basic": {"user": "u"}})).is_ok(), "a password may be empty");
    assert!(layer(json!({"bearer": {"token": "t"}, "origins": ["https://a.example"]})).is_ok());
    let grant = json!({"token_url": "https://a.example/t", "client_id": "c", "api_key": "k", "rotate_on": [401, 403]});
    assert!(layer(json!({ "json_grant": grant })).is_ok());

    assert!(layer(json!({})).is_err());
    assert!(field(json!({"basic": {"user": "u"}, "bearer": {"token": "t"}})).contains("bearer"));
    assert!(field(json!({"bearer": {"token": ""}})).starts_with("bearer"));
    assert!(field(json!({"bearer": {"token": "a\nb"}})).starts_with("bearer"));
    assert!(field(json!({"headers": {"api-auth-id": "ä"}})).starts_with("headers"));
    assert!(field(json!({"bearer": {"token": "t"}, "origins": ["a.example"]})).contains("origins"));
    let oauth2 = |key: &str, value: Value| {
        let mut oauth2 = json!({"token_url": "https://a.example/t", "client_id": "c", "client_secret": "s"});
        oauth2[key] = value;
        json!({ "oauth2": oauth2 })
    };
    assert_eq!(field(oauth2("token_url", json!("not a url"))), "oauth2.token_url");
    assert_eq!(
        field(oauth2("token_url", json!("http://a.example/t"))),
        "oauth2.token_url",
        "a secret in the clear"
    );
    assert_eq!(field(oauth2("client_id", json!(""))), "oauth2.client_id");
    assert_eq!(field(oauth2("refresh_at", json!(1.5))), "oauth2.refresh_at");
    assert_eq!(field(oauth2("rotate_on", json!([42]))), "oauth2.rotate_on");
    let unknown = serde_json::from_value::<AuthConfig>(json!({"oauth2": {"surplus": 1}})).unwrap_err();
    assert!(unknown.to_string().contains("surplus"), "{unknown}");
    assert!(
        serde_json::from_value::<AuthConfig>(json!({"kerberos": {}}))
            .unwrap_err()
            .to_string()
            .contains("kerberos")
    );
}
