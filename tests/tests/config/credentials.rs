//! Credentials as data.

use serde_json::{Value, json};
use tower_intake::config::{AuthConfig, StackConfig};
use tower_intake_core::Random;

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
