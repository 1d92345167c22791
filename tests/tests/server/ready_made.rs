//! The ready-made scripts, met by the hyper client: throttles, tokens, and the hostile server.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};
use tower_intake_tests::{
    Answer, Fault, Hostile, RateLimit, Rates, Routes, Server, Summary, Tokens, closed_for,
};

type Http = Client<HttpConnector, Full<Bytes>>;

fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

async fn post(
    http: &Http,
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<Response<Bytes>> {
    let mut request = Request::post(server.url_of(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = http.request(request.body(Full::from(body.to_owned())).unwrap()).await.ok()?;
    let (head, body) = answer.into_parts();
    Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
}

fn header<'a>(answer: &'a Response<Bytes>, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn closed_until_an_instant() {
    let closed = closed_for(Duration::from_millis(40)).millis().then(Answer::new(201));
    let (server, http) = (Server::start(closed.clone()).await.unwrap(), client());
    assert_eq!(closed.opens_at(), None);
    let answer = post(&http, &server, "/", &[], "").await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, "1"));
    let wait = header(&answer, "retry-after-ms").parse::<u64>().unwrap();
    assert!((1..=40).contains(&wait), "{wait}");
    sleep_until(closed.opens_at().unwrap()).await;
    assert_eq!(post(&http, &server, "/", &[], "").await.unwrap().status(), 201);
    assert_eq!(closed.refused(), 1);
    assert_eq!(server.connections(), 1, "throttled answers keep their connection");
}

#[tokio::test]
async fn so_many_in_a_window() {
    let limit = RateLimit::new(2, Duration::from_millis(150)).millis().quota_headers();
    let (server, http) = (Server::start(limit.clone()).await.unwrap(), client());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let answer = post(&http, &server, "/", &[], "").await.unwrap();
        seen.push((answer.status().as_u16(), header(&answer, "x-ratelimit-remaining").to_owned()));
    }
    assert_eq!(seen, [(200, "1".to_owned()), (200, "0".to_owned()), (429, "0".to_owned())]);
    sleep(Duration::from_millis(151)).await;
    assert_eq!(post(&http, &server, "/", &[], "").await.unwrap().status(), 200);
    assert_eq!((limit.served(), limit.refused()), (3, 1));
}

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn tokens_are_issued_checked_and_revoked() {
    let tokens = Tokens::new(Duration::from_secs(60)).client("an id", "s:1");
    let routes = Routes::new().at("/token", tokens.endpoint()).otherwise(tokens.guard(Answer::new(201)));
    let (server, http) = (Server::start(routes).await.unwrap(), client());

    let basic = format!("Basic {}", STANDARD.encode("an+id:s%3A1"));
    let in_body = "grant_type=client_credentials&client_id=an+id&client_secret=s%3A1";
    let api_key = json!({ "grant_type": "client_credentials", "client_id": "an id", "api_key": "s:1" });
    for (headers, body) in [
        (vec![FORM, ("authorization", basic.as_str())], "grant_type=client_credentials&scope=a".to_owned()),
        (vec![FORM], in_body.to_owned()),
        (vec![JSON], api_key.to_string()),
    ] {
        let answer = post(&http, &server, "/token", &headers, &body).await.unwrap();
        assert_eq!(answer.status(), 200, "{body}");
        let grant: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!((&grant["token_type"], &grant["expires_in"]), (&json!("Bearer"), &json!(60)));
        let bearer = format!("Bearer {}", grant["access_token"].as_str().unwrap());
        let answer = post(&http, &server, "/", &[("authorization", &bearer)], "").await.unwrap();
        assert_eq!(answer.status(), 201);
    }
    assert_eq!((tokens.calls(), tokens.issued()), (3, 3));

    for (headers, body, status, error) in [
        (vec![FORM], in_body.replace("s%3A1", "no"), 401, "invalid_client"),
        (vec![FORM], "grant_type=password".to_owned(), 400, "unsupported_grant_type"),
        (vec![FORM], String::new(), 400, "invalid_request"),
        (vec![], in_body.to_owned(), 400, "invalid_request"),
        (vec![FORM, ("authorization", "Basic !")], in_body.to_owned(), 401, "invalid_client"),
    ] {
        let answer = post(&http, &server, "/token", &headers, &body).await.unwrap();
        let said: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!((answer.status().as_u16(), &said["error"]), (status, &json!(error)), "{body}");
    }
    let denied = async |bearer: &str| {
        let answer = post(&http, &server, "/", &[("authorization", bearer)], "").await.unwrap();
        assert_eq!(answer.status(), 401);
        header(&answer, "www-authenticate").to_owned()
    };
    assert_eq!(denied("Bearer other").await, "Bearer error=\"invalid_token\"");
    assert_eq!(denied("Basic x").await, "Bearer");
    assert!(tokens.is_good("token-2"));
    tokens.revoke("token-2");
    assert!(!tokens.is_good("token-2") && tokens.is_good("token-3"));
    tokens.revoke_all();
    assert_eq!(denied("Bearer token-3").await, "Bearer error=\"invalid_token\"");
    assert_eq!(tokens.rejected(), 3);
    tokens.accept("mine");
    let answer = post(&http, &server, "/", &[("authorization", "bearer mine")], "").await.unwrap();
    assert_eq!(answer.status(), 201);
}

#[tokio::test]
async fn tokens_expire_and_grants_may_lie() {
    let tokens = Tokens::new(Duration::from_millis(150)).says_expires_in(Value::Null).always_the_same();
    let (server, http) = (Server::start(tokens.endpoint()).await.unwrap(), client());
    let grant = "{\"grant_type\":\"client_credentials\"}";
    for _ in 0..2 {
        let answer = post(&http, &server, "/", &[JSON], grant).await.unwrap();
        let said: Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!(said, json!({ "access_token": "token-1", "token_type": "Bearer" }));
    }
    assert!(tokens.is_good("token-1"));
    sleep(Duration::from_millis(151)).await;
    assert!(!tokens.is_good("token-1"));
}

/// One fault at a time, and what the server says of it afterwards.
async fn one(fault: Fault, batches: usize) -> (Vec<Option<Response<Bytes>>>, Summary) {
    let hostile = Hostile::new(1)
        .rates(Rates::none().of(fault, 1.0))
        .slow(Duration::from_millis(20))
        .grace(Duration::from_secs(1));
    let (server, http) = (Server::start(hostile.clone()).await.unwrap(), client());
    let mut answers = Vec::new();
    for _ in 0..batches {
        answers.push(post(&http, &server, "/", &[("idempotency-key", "k")], "{\"id\":1}\n{\"id\":2}").await);
    }
    (answers, hostile.summary())
}

#[tokio::test]
async fn each_fault_of_the_hostile_server() {
    for (fault, body) in [(Fault::Unavailable, true), (Fault::UnavailableEmpty, false)] {
        let (answers, summary) = one(fault, 1).await;
        let answer = answers[0].as_ref().unwrap();
        assert_eq!((answer.status().as_u16(), !answer.body().is_empty()), (503, body));
        assert_eq!((summary.records, summary.faults[&fault]), (0, 1));
    }
    let (answers, summary) = one(Fault::ThrottledSeconds, 2).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, "1"));
    }
    assert_eq!((summary.faults[&Fault::ThrottledSeconds], summary.refused_while_closed), (1, 1));
    assert_eq!(summary.rate_violations, 0, "the second was within the grace");
    let (answers, _) = one(Fault::ThrottledDate, 1).await;
    let answer = answers[0].as_ref().unwrap();
    let date = |name| httpdate::parse_http_date(header(answer, name)).unwrap();
    assert_eq!(date("retry-after").duration_since(date("date")).unwrap(), Duration::from_secs(1));
    let (answers, summary) = one(Fault::Revoked, 1).await;
    assert_eq!((answers[0].as_ref().unwrap().status().as_u16(), summary.fault_count()), (200, 0));

    // hyper's client sends a request again by itself where it was not written, and only then.
    let (answers, summary) = one(Fault::ResetBefore, 1).await;
    assert!(answers[0].is_none() && summary.records == 0);
    let (answers, summary) = one(Fault::ResetAfter, 2).await;
    assert!(answers.iter().all(Option::is_none));
    assert_eq!((summary.records, summary.batches, summary.repeated_batches), (2, 1, 1));
    assert_eq!((summary.duplicates, summary.faults[&Fault::ResetAfter]), (0, 2));
    let (answers, summary) = one(Fault::Truncated, 1).await;
    assert!(answers[0].is_none() && summary.records == 2);
    let begin = Instant::now();
    let (answers, summary) = one(Fault::Slow, 1).await;
    assert!(answers[0].as_ref().unwrap().status() == 200 && begin.elapsed() >= Duration::from_millis(20));
    assert_eq!((summary.records, summary.requests), (2, 1));
}

#[tokio::test]
async fn a_client_that_does_not_listen_is_seen() {
    let rates = Rates::none().of(Fault::ThrottledSeconds, 1.0);
    let hostile = Hostile::new(1).rates(rates).grace(Duration::from_millis(5));
    let (server, http) = (Server::start(hostile.clone()).await.unwrap(), client());
    post(&http, &server, "/", &[], "{}").await.unwrap();
    sleep(Duration::from_millis(10)).await;
    post(&http, &server, "/", &[], "{}").await.unwrap();
    assert_eq!(hostile.summary().rate_violations, 1);
}

#[tokio::test]
async fn a_patient_client_delivers_everything_once() {
    let tokens = Tokens::new(Duration::from_secs(60));
    let rates = Rates::default().of(Fault::ThrottledSeconds, 0.0).of(Fault::ThrottledDate, 0.0);
    let hostile = Hostile::new(42).rates(rates).slow(Duration::from_millis(1)).tokens("/token", &tokens);
    let (server, http) = (Server::start(hostile.clone()).await.unwrap(), client());
    let mut bearer = String::new();
    for batch in 0..40 {
        let body: String = (0..5).map(|n| format!("{{\"id\":\"{batch}-{n}\"}}\n")).collect();
        let key = batch.to_string();
        loop {
            let headers = [("idempotency-key", key.as_str()), ("authorization", bearer.as_str())];
            match post(&http, &server, "/v1", &headers, &body).await.map(|answer| answer.status().as_u16()) {
                Some(200) => break,
                Some(401) => {
                    let grant = "{\"grant_type\":\"client_credentials\"}";
                    let answer = post(&http, &server, "/token", &[JSON], grant).await.unwrap();
                    let grant: Value = serde_json::from_slice(answer.body()).unwrap();
                    bearer = format!("Bearer {}", grant["access_token"].as_str().unwrap());
                }
                _ => {}
            }
        }
    }
    let summary = hostile.summary();
    assert_eq!((summary.records, summary.batches, summary.duplicates), (200, 40, 0), "{summary}");
    assert!(summary.repeated_batches > 0 && summary.faults.len() == 7, "{summary}");
    assert!(hostile.has("39-4") && hostile.ids().len() == 200);
    assert_eq!(summary.unauthorized, tokens.rejected() as u64);
    assert!(server.malformed().is_empty());
}
