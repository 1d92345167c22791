//! A server that issues tokens and wants them, and the ways of asking it for one.
#![allow(unreachable_pub)]

use serde_json::{Value, json};
use tower_intake::config::{AuthConfig, StackConfig};
use tower_intake_tests::{Answer, Routes, Server, Tokens};

use crate::api::config;

pub const SECRET: &str = "s3cr3t/with+special=chars";

pub fn auth(json: Value) -> AuthConfig {
    serde_json::from_value(json).unwrap()
}

/// The two ways of asking for a token.
pub fn grants(token_url: &str, secret: &str) -> [AuthConfig; 2] {
    [
        auth(json!({"json_grant": {"token_url": token_url, "client_id": "me", "api_key": secret}})),
        auth(
            json!({"oauth2": {"token_url": token_url, "client_id": "me", "client_secret": secret, "scope": "a b"}}),
        ),
    ]
}

pub fn quick() -> StackConfig {
    config(json!({"retry": {"backoff": {"base": "20ms", "factor": 1.0, "jitter": "none"}}}))
}

/// A server that issues tokens at `/token` and wants one everywhere else.
pub async fn guarded(tokens: &Tokens) -> Server {
    let script =
        Routes::new().at("/token", tokens.endpoint()).otherwise(tokens.guard(Answer::ok().body("in")));
    Server::start(script).await.unwrap()
}
