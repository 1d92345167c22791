//! Credentials and tokens over real sockets, through the standard stack (CONTRACT §6).
#![allow(clippy::needless_pass_by_value, clippy::unwrap_used)]

mod api;
mod grants;
mod support;

use futures_util::future::join_all;
use http::HeaderValue;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tower_intake::auth::AuthError;
use tower_intake_core::{Deadline, Permanent, Refused, SendState, error};
use tower_intake_tests::{Answer, Routes, Server, Tokens};

use api::{Answered, Api, config};
use grants::{SECRET, auth, grants, guarded, quick};
use support::{ms, secs};

async fn storm(api: &Api, calls: usize) -> Vec<Answered> {
    join_all((0..calls).map(|_| {
        let api = api.clone();
        tokio::spawn(async move { api.post("/data").await })
    }))
    .await
    .into_iter()
    .map(Result::unwrap)
    .collect()
}

fn data(server: &Server) -> Vec<tower_intake_tests::Recorded> {
    server.requests().into_iter().filter(|request| request.path() == "/data").collect()
}

#[tokio::test]
async fn c_au_03_a_token_is_fetched_once_and_used() {
    for kind in 0..2 {
        let tokens = Tokens::new(secs(3600)).client("me", SECRET);
        let server = guarded(&tokens).await;
        let grant = &grants(&server.url_of("/token"), SECRET)[kind];
        let api = Api::with_auth(&server.url(), &quick(), Some(grant));
        let answers = storm(&api, 20).await;
        assert!(
            answers.iter().all(|answered| answered.status() == 200 && answered.attempts() == 1),
            "{grant:?}"
        );
        assert_eq!((tokens.calls(), tokens.rejected()), (1, 0), "{grant:?}");
        assert!(
            data(&server).iter().all(|request| request.header("authorization") == Some("Bearer token-1"))
        );
        let asked = server.requests().into_iter().find(|request| request.path() == "/token").unwrap();
        assert!(asked.header("x-request-correlation-id").is_none(), "token calls never pass the data stack");
    }
}

/// Revoked: fifty are rejected together, one refresh, each is sent once more.
#[tokio::test]
async fn c_au_06_fifty_rejected_requests_cost_one_refresh() {
    for kind in 0..2 {
        let tokens = Tokens::new(secs(3600)).client("me", SECRET);
        let server = guarded(&tokens).await;
        let grant = &grants(&server.url_of("/token"), SECRET)[kind];
        let api = Api::with_auth(&server.url(), &quick(), Some(grant));
        assert_eq!(api.post("/data").await.status(), 200);
        tokens.revoke_all();

        let answers = storm(&api, 50).await;
        assert!(answers.iter().all(|answered| answered.status() == 200), "{grant:?}");
        assert_eq!(tokens.calls(), 2, "{grant:?}: the first, and one refresh");
        let seen = data(&server);
        let rejected = seen.iter().filter(|request| request.answered == Some(401)).count();
        assert_eq!(rejected, 50, "all fifty were under way with the old token");
        assert_eq!(seen.len(), 1 + 50 + 50, "each was sent once more");
        let again: Vec<_> = seen.iter().filter(|request| request.header("x-retry-count").is_some()).collect();
        assert_eq!(again.len(), 50);
        for request in again {
            assert_eq!(request.header("x-retry-count"), Some("1"), "re-authentication counts too");
            assert_eq!(request.header_all("authorization"), ["Bearer token-2"]);
            assert_eq!(request.text(), "{\"n\":1}");
        }
    }
}

/// Run out, by the word of who issued it: nobody is rejected, all wait for the next one.
#[tokio::test]
async fn c_au_05_a_token_is_not_used_beyond_its_life() {
    let tokens = Tokens::new(secs(3600)).client("me", SECRET).says_expires_in(json!("1"));
    let server = guarded(&tokens).await;
    let api = Api::with_auth(&server.url(), &quick(), Some(&grants(&server.url_of("/token"), SECRET)[1]));
    assert_eq!(api.post("/data").await.status(), 200);
    tokio::time::sleep(ms(1010)).await;
    tokens.revoke("token-1");
    let answers = storm(&api, 50).await;
    assert!(answers.iter().all(|answered| answered.status() == 200 && answered.attempts() == 1));
    assert_eq!(tokens.rejected(), 0);
    // a second more often on a machine that takes so long for fifty requests
    assert!((2..10).contains(&tokens.calls()), "{}", tokens.calls());
}

/// A server that rejects every token: two requests, and the 401 is the caller's.
#[tokio::test]
async fn c_re_10_a_token_that_does_not_help_is_not_fetched_for_ever() {
    let tokens = Tokens::new(secs(3600));
    let script = Routes::new().at("/token", tokens.endpoint()).otherwise(Answer::new(401).body("no"));
    let server = Server::start(script).await.unwrap();
    let api = Api::with_auth(&server.url(), &quick(), Some(&grants(&server.url_of("/token"), SECRET)[0]));
    let answered = api.post("/data").await;
    assert_eq!((answered.status(), answered.attempts(), answered.text()), (401, 2, "no"));
    assert_eq!((data(&server).len(), tokens.calls()), (2, 2));
}

/// Static credentials cannot rotate: the 401 comes back from the first attempt.
#[tokio::test]
async fn c_au_01_static_credentials_as_the_server_sees_them() {
    let cases = [
        (json!({"basic": {"user": "u", "password": ""}}), vec![("authorization", "Basic dTo=")]),
        (json!({"bearer": {"token": "t"}}), vec![("authorization", "Bearer t")]),
        (
            json!({"headers": {"api-auth-id": "a", "api-auth-signature": "b"}}),
            vec![("api-auth-id", "a"), ("api-auth-signature", "b")],
        ),
    ];
    for (json, expected) in cases {
        let server = Server::start(Answer::new(401)).await.unwrap();
        let api = Api::with_auth(&server.url(), &quick(), Some(&auth(json)));
        let mut request = api.request("PUT", "/data");
        for (name, _) in &expected {
            request.headers_mut().insert(*name, HeaderValue::from_static("the caller's"));
        }
        let answered = api.send(request).await;
        assert_eq!((answered.status(), answered.report), (401, None));
        let seen = server.requests();
        assert_eq!(seen.len(), 1);
        for (name, value) in expected {
            assert_eq!(seen[0].header_all(name), [value], "one, ours");
        }
    }
}

/// Another origin gets nothing of ours; the caller's own headers stay.
#[tokio::test]
async fn c_au_09_credentials_do_not_go_to_another_origin() {
    let tokens = Tokens::new(secs(3600)).client("me", SECRET);
    let server = guarded(&tokens).await;
    let other = Server::start(Answer::new(401)).await.unwrap();
    let all = [
        grants(&server.url_of("/token"), SECRET)[0].clone(),
        auth(json!({"basic": {"user": "u", "password": SECRET}})),
        auth(json!({"headers": {"api-auth-id": "a", "api-auth-signature": SECRET}})),
    ];
    for auth in &all {
        let api = Api::with_auth(&server.url(), &quick(), Some(auth));
        let elsewhere = other.url_of("/steal");
        let answered = api.send(api.request("POST", &elsewhere)).await;
        assert_eq!((answered.status(), answered.attempts()), (401, 1), "{auth:?}: nothing to rotate");
        let mut request = api.request("POST", &elsewhere);
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer caller"));
        api.send(request).await;
        // the same host under another port is another origin; a redirect is not followed at all
    }
    let seen = other.requests();
    assert_eq!(seen.len(), 2 * all.len());
    for pair in seen.chunks(2) {
        assert_eq!(pair[0].header("authorization"), None);
        assert_eq!(pair[1].header_all("authorization"), ["Bearer caller"]);
        assert!(pair.iter().all(|request| request.header("api-auth-id").is_none()));
        assert!(pair.iter().all(|request| !String::from_utf8_lossy(&request.raw_head).contains(SECRET)));
    }
    assert_eq!(tokens.calls(), 0, "no token was fetched for somebody else");
}

/// A redirect to another origin is an answer like any other: nothing follows it.
#[tokio::test]
async fn c_au_09_a_redirect_is_not_followed() {
    let other = Server::start(Answer::ok()).await.unwrap();
    let away = Answer::new(307).header("location", other.url_of("/"));
    let server = Server::start(away).await.unwrap();
    let api = Api::with_auth(&server.url(), &quick(), Some(&auth(json!({"bearer": {"token": SECRET}}))));
    assert_eq!(api.post("/data").await.status(), 307);
    assert_eq!((server.request_count(), other.request_count()), (1, 0));
}

/// Nobody listens at the token endpoint: refused, nothing was sent, no evidence against the data server.
#[tokio::test]
async fn c_au_08_a_token_endpoint_that_is_down_is_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/token", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::start(Answer::ok()).await.unwrap();
    for auth in grants(&token_url, SECRET) {
        let mut settings = serde_json::to_value(quick()).unwrap();
        settings["retry"]["max_refused"] = json!("0s");
        let api = Api::with_auth(&server.url(), &config(settings), Some(&auth));
        let mut request = api.request("POST", "/data");
        request.extensions_mut().insert(Deadline::after(Instant::now().into_std(), ms(400)));
        let answered = api.send(request).await;
        let refused: &Refused = answered.find();
        assert_eq!(refused.by(), "auth");
        assert_eq!(SendState::of(&**answered.error()), SendState::NotSent);
        assert!(answered.elapsed < secs(5), "{:?}", answered.elapsed);
        assert_eq!(answered.report.map(|report| report.attempts), Some(0), "nothing was sent");
    }
    assert_eq!(server.request_count(), 0);
}

/// The token endpoint answers 503 at first: auth asks again, and the call never knows.
#[tokio::test]
async fn c_au_08_a_token_endpoint_that_stumbles_is_asked_again() {
    let tokens = Tokens::new(secs(3600)).client("me", SECRET);
    let busy = Answer::new(503).header("retry-after-ms", "100");
    let endpoint = tower_intake_tests::sequence([busy]).then(tokens.endpoint());
    let script = Routes::new().at("/token", endpoint).otherwise(tokens.guard(Answer::ok()));
    let server = Server::start(script).await.unwrap();
    let api = Api::with_auth(&server.url(), &quick(), Some(&grants(&server.url_of("/token"), SECRET)[1]));
    let answered = api.post("/data").await;
    assert_eq!((answered.status(), answered.attempts()), (200, 1));
}

/// The endpoint knows the client and not the secret: no retry mends that.
#[tokio::test]
async fn c_au_08_a_wrong_secret_is_permanent() {
    let tokens = Tokens::new(secs(3600)).client("me", "another secret");
    let server = guarded(&tokens).await;
    for (asked, auth) in grants(&server.url_of("/token"), SECRET).iter().enumerate() {
        let api = Api::with_auth(&server.url(), &quick(), Some(auth));
        let answered = api.put("/data").await;
        let permanent: &Permanent = answered.find();
        assert_eq!(permanent.send_state(), SendState::NotSent);
        assert!(error::find::<AuthError>(&**answered.error()).is_some());
        assert_eq!(tokens.calls(), asked + 1, "asked once");
        assert!(error::find::<Refused>(&**answered.error()).is_none());
    }
    assert!(data(&server).is_empty());
}
