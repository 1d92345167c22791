//! What a run leaves in logs, errors and `Debug`, searched for its secrets (CONTRACT AU-10).
//!
//! One test in a file of its own: who watches a scoped `tracing` subscriber must be alone in the process, or another
//! thread without one teaches the call sites that nobody listens.
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod api;
mod grants;
mod support;

use serde_json::json;
use tower_intake::audit::json_lines;
use tower_intake_core::{Random, error};
use tower_intake_tests::Tokens;
use tracing_subscriber::layer::SubscriberExt as _;

use api::Api;
use grants::{SECRET, auth, grants, guarded, quick};
use support::{SharedBuffer, secs};

/// Everything that a program could print, log or show: no secret and no token in it (AU-10).
#[tokio::test]
async fn c_au_10_no_secret_shows_anywhere() {
    let buffer = SharedBuffer::default();
    let lines = json_lines(buffer.clone()).every_target();
    let _guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(lines));
    let mut shown = String::new();

    // a run with all that happens to tokens: fetched, used, revoked, refused
    let tokens = Tokens::new(secs(3600)).client("me", SECRET);
    let server = guarded(&tokens).await;
    for auth in grants(&server.url_of("/token"), SECRET) {
        let api = Api::with_auth(&server.url(), &quick(), Some(&auth));
        assert_eq!(api.post("/data?api_key=s3cr3t").await.status(), 200);
        tokens.revoke_all();
        let answered = api.post("/data").await;
        shown += &format!("{auth:?} {:?} {:?} {:?}", api.service, api.stack, answered);
    }
    let strict = Tokens::new(secs(3600)).client("me", "another secret");
    let server = guarded(&strict).await;
    for auth in grants(&server.url_of("/token"), SECRET) {
        let api = Api::with_auth(&server.url(), &quick(), Some(&auth));
        let answered = api.post("/data").await;
        let error = answered.error();
        shown += &format!("{error} {error:?} {}", error::describe(&**error));
    }
    for json in [
        json!({"basic": {"user": "u", "password": SECRET}}),
        json!({"bearer": {"token": SECRET}}),
        json!({"headers": {"api-auth-signature": SECRET}}),
    ] {
        let auth = auth(json);
        let api = Api::with_auth(&server.url(), &quick(), Some(&auth));
        let answered = api.post("/data").await;
        shown +=
            &format!("{auth:?} {:?} {:?}", auth.layer(&server.url(), &quick(), Random::seeded(1)), answered);
    }
    // construction errors must not repeat what was wrong with a secret
    for json in [
        json!({"bearer": {"token": format!("{SECRET}\n")}}),
        json!({"basic": {"user": "u", "password": format!("{SECRET}\u{7}")}}),
        json!({"headers": {"api-auth-signature": format!("{SECRET}\r\n")}}),
        json!({"oauth2": {"token_url": server.url_of("/token"), "client_id": "", "client_secret": SECRET}}),
    ] {
        let error = auth(json).layer(&server.url(), &quick(), Random::seeded(1)).unwrap_err();
        shown += &format!("{error} {error:?}");
    }

    let log = buffer.text();
    assert!(log.contains("\"session_state\":\"authenticated\""), "the trail tells of tokens: {log}");
    assert!(log.contains("\"kind\":\"operation\""));
    for secret in [SECRET, "s3cr3t", "token-1", "token-2", "dTpzM2NyM3Q"] {
        assert!(!log.contains(secret), "{secret} in the log: {log}");
        assert!(!shown.contains(secret), "{secret} in: {shown}");
    }
}
