//! AU-3 and AU-8: what goes to a token endpoint, and what its answers mean.
#![cfg(feature = "oauth")]
#![allow(clippy::unwrap_used)] // helpers of tests are tests

mod support;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use support::{MS, S, permanent, random, refused};
use tokio::time::Instant;
use tower::service_fn;
use tower::util::BoxCloneSyncService;
use tower_intake_auth::{AuthError, CredentialsError, JsonGrant, OAuth2, TokenError, TokenSource, Tokens};
use tower_intake_core::BoxError;

const URL: &str = "https://login.test/oauth/token";
const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":600}"#;

type Client = BoxCloneSyncService<Request<Full<Bytes>>, Response<Full<Bytes>>, BoxError>;

#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(http::request::Parts, Bytes)>>>);

impl Asked {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn last(&self) -> (String, HeaderMap, String) {
        let asked = self.0.lock().unwrap();
        let (head, body) = asked.last().unwrap();
        let target = format!("{} {}", head.method, head.uri);
        (target, head.headers.clone(), String::from_utf8(body.to_vec()).unwrap())
    }
}

/// Answers the n-th request, counted from 1.
fn client<F>(asked: &Asked, answer: F) -> Client
where
    F: Fn(usize) -> Result<Response<Full<Bytes>>, BoxError> + Clone + Send + Sync + 'static,
{
    let asked = asked.clone();
    BoxCloneSyncService::new(service_fn(move |request: Request<Full<Bytes>>| {
        let (asked, answer) = (asked.clone(), answer.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap_or_else(|never: Infallible| match never {}).to_bytes();
            asked.0.lock().unwrap().push((head, body));
            answer(asked.len())
        }
    }))
}

fn answer(status: u16, body: impl Into<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
    Ok(Response::builder().status(status).body(Full::new(body.into())).unwrap())
}

fn tokens(source: Result<impl TokenSource, CredentialsError>) -> Tokens {
    Tokens::builder(source.unwrap()).random(random()).build().unwrap()
}

#[tokio::test]
async fn c_au_03_client_credentials_in_the_header() {
    let asked = Asked::default();
    let oauth = OAuth2::client_credentials(URL, "my id", "p@ss:w/ö+").scope("a b").audience("https://x.test");
    tokens(oauth.over(client(&asked, |_| answer(200, TOKEN)))).authenticate().await.unwrap();
    let (target, headers, body) = asked.last();
    assert_eq!(target, format!("POST {URL}"));
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(headers["accept"], "application/json");
    // each form-encoded before they are joined (RFC 6749 §2.3.1): "my+id:p%40ss%3Aw%2F%C3%B6%2B"
    assert_eq!(headers["authorization"], "Basic bXkraWQ6cCU0MHNzJTNBdyUyRiVDMyVCNiUyQg==");
    assert!(headers["authorization"].is_sensitive());
    assert_eq!(body, "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fx.test");
}

#[tokio::test]
async fn c_au_03_client_credentials_in_the_body() {
    let asked = Asked::default();
    let oauth = OAuth2::client_credentials(URL, "my id", "p&=s").in_body();
    tokens(oauth.over(client(&asked, |_| answer(200, TOKEN)))).authenticate().await.unwrap();
    let (_, headers, body) = asked.last();
    assert!(!headers.contains_key("authorization"));
    assert_eq!(body, "grant_type=client_credentials&client_id=my+id&client_secret=p%26%3Ds");
}

#[tokio::test]
async fn c_au_03_the_json_grant() {
    let asked = Asked::default();
    let grant = JsonGrant::new(URL, "me", r#"k"ey"#);
    tokens(grant.over(client(&asked, |_| answer(201, TOKEN)))).authenticate().await.unwrap();
    let (_, headers, body) = asked.last();
    assert_eq!(headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "grant_type": "client_credentials", "client_id": "me", "api_key": r#"k"ey"#,
    });
    assert_eq!(body, expected);
}

/// The error of one flight, how many requests it took, and how long.
async fn fails<F>(answer: F) -> (AuthError, usize, Duration)
where
    F: Fn(usize) -> Result<Response<Full<Bytes>>, BoxError> + Clone + Send + Sync + 'static,
{
    let asked = Asked::default();
    let start = Instant::now();
    let grant = JsonGrant::new(URL, "me", "s3cret").over(client(&asked, answer));
    let error = tokens(grant).authenticate().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    (error, asked.len(), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn c_au_08_refusals_surface_at_once() {
    for status in [400, 401, 403, 404, 415, 301] {
        let (error, asked, took) = fails(move |_| answer(status, r#"{"error":"invalid_client"}"#)).await;
        assert_eq!((asked, took), (1, Duration::ZERO), "{status}");
        let error: BoxError = error.into();
        let text = permanent(&error).reason();
        assert!(text.contains(&status.to_string()) && text.contains("invalid_client"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn c_au_08_outages_are_asked_again() {
    let network = |_| Err::<Response<Full<Bytes>>, BoxError>("connection reset".into());
    for (error, asked, took) in [fails(|_| answer(503, "")).await, fails(network).await] {
        assert!((5..20).contains(&asked) && took <= 30 * S && took > 10 * S, "{asked} in {took:?}");
        assert!(error.token_error().is_some_and(TokenError::is_unavailable));
        assert!(refused(&error.into()).retry_at().is_some());
    }
    // and once one comes, all is well
    let asked = Asked::default();
    let grant = JsonGrant::new(URL, "me", "key");
    let client = client(&asked, move |n| match n {
        1 => network(n),
        2 => answer(500, "oops"),
        3 => Ok(Response::builder().status(429).header("retry-after", "5").body(Full::default()).unwrap()),
        _ => answer(200, TOKEN),
    });
    let start = Instant::now();
    tokens(grant.over(client)).authenticate().await.unwrap();
    assert_eq!(asked.len(), 4);
    let took = start.elapsed();
    assert!((5750 * MS..=6501 * MS).contains(&took), "the third wait is the server's: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn c_au_08_a_success_without_a_token_is_an_error_after_one_call() {
    let long = format!(r#"{{"access_token":"abc","padding":"{}"}}"#, "x".repeat(1 << 20));
    for body in ["", "<html>", "{}", "[1]", &long] {
        let body = Bytes::from(body.to_owned());
        let (error, asked, _) = fails(move |_| answer(200, body.clone())).await;
        assert_eq!(asked, 1);
        assert!(refused(&error.into()).retry_at().is_some(), "a page of maintenance is not for ever");
    }
    // just under the bound is read
    let asked = Asked::default();
    let padding = "x".repeat((1 << 20) - 100);
    let body = Bytes::from(format!(r#"{{"padding":"{padding}","access_token":"abc"}}"#));
    let client = client(&asked, move |_| answer(200, body.clone()));
    tokens(JsonGrant::new(URL, "me", "key").over(client)).authenticate().await.unwrap();
}

#[test]
fn c_au_09_a_secret_goes_to_no_token_endpoint_in_plain_http() {
    let asked = Asked::default();
    let client = || client(&asked, |_| answer(200, TOKEN));
    for url in
        ["http://login.test/token", "login.test", "/token", "ftp://login.test/", "https://a:s3cret@b/", ""]
    {
        let error = OAuth2::client_credentials(url, "id", "s3cret").over(client()).map(drop).unwrap_err();
        assert_eq!(error.field(), "token_url");
        assert!(!error.to_string().contains("s3cret"));
        let error = JsonGrant::new(url, "id", "s3cret").over(client()).map(drop).unwrap_err();
        assert_eq!(error.field(), "token_url");
    }
    for url in ["http://127.0.0.1:8080/token", "http://localhost/token", "http://[::1]/token"] {
        assert!(JsonGrant::new(url, "id", "key").over(client()).is_ok(), "{url}");
    }
    let plain = OAuth2::client_credentials("http://login.test/token", "id", "secret").allow_plain_http();
    assert!(plain.over(client()).is_ok());
}

#[test]
fn c_au_01_bad_settings_name_their_field_and_show_nothing() {
    let asked = Asked::default();
    let client = || client(&asked, |_| answer(200, TOKEN));
    let oauth = |id: &str, secret: &str| OAuth2::client_credentials(URL, id, secret);
    let field = |result: Result<(), CredentialsError>| {
        let error = result.unwrap_err();
        assert!(!format!("{error:?}").contains("s3c"));
        error.field().to_owned()
    };
    assert_eq!(field(oauth("", "x").over(client()).map(drop)), "client_id");
    assert_eq!(field(oauth("x", "").over(client()).map(drop)), "client_secret");
    assert_eq!(field(oauth("x", "s3c\n").over(client()).map(drop)), "client_secret");
    assert_eq!(field(oauth("x", "x").scope("").over(client()).map(drop)), "scope");
    assert_eq!(field(oauth("x", "x").audience("a\0").over(client()).map(drop)), "audience");
    assert_eq!(field(JsonGrant::new(URL, "x", "s3c\r").over(client()).map(drop)), "api_key");
    assert_eq!(field(JsonGrant::new(URL, "", "x").over(client()).map(drop)), "client_id");
}

#[test]
fn c_au_10_nothing_shows_the_secret_of_a_grant() {
    let asked = Asked::default();
    let client = || client(&asked, |_| answer(200, TOKEN));
    let oauth = OAuth2::client_credentials(URL, "id", "s3cret");
    let json = JsonGrant::new(URL, "id", "s3cret");
    let texts = [
        format!("{oauth:?}"),
        format!("{json:?}"),
        format!("{:?}", oauth.over(client()).unwrap()),
        format!("{:?}", json.clone().over(client()).unwrap()),
        format!("{:?}", Tokens::builder(json.clone().over(client()).unwrap())),
        format!("{:?}", Tokens::new(json.over(client()).unwrap())),
    ];
    for text in texts {
        assert!(!text.contains("s3cret"), "{text}");
    }
}
