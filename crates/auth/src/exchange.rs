//! One request to a token endpoint and what its answer says
//! ([RFC 6749 §5](https://www.rfc-editor.org/rfc/rfc6749#section-5)).

use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use serde_json::{Map, Value};
use tower_intake_core::{BoxError, RetryAfter, WallClock};
use tower_service::Service;

use crate::token::Token;
use crate::token_error::TokenError;

/// More than this of an answer is not read.
const LONGEST_ANSWER: usize = 1 << 20;

/// A client for token requests. Behind a lock so that it need not be `Sync`; taken to clone it, no longer.
pub(crate) struct Endpoint<S> {
    url: Uri,
    service: Mutex<S>,
}

impl<S, B> Endpoint<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(url: Uri, service: S) -> Self {
        Self { url, service: Mutex::new(service) }
    }

    /// Posts `body` and reads a token from the answer.
    pub(crate) async fn post(
        &self,
        content_type: &'static str,
        authorization: Option<HeaderValue>,
        body: Bytes,
    ) -> Result<Token, TokenError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = authorization {
            headers.insert(http::header::AUTHORIZATION, authorization);
        }
        let mut service = self.service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        poll_fn(|cx| service.poll_ready(cx)).await.map_err(TokenError::transport)?;
        let (head, body) = service.call(request).await.map_err(TokenError::transport)?.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        if !head.status.is_success() {
            // its body only tells more: it may be missing
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(refusal(head.status, &head.headers, &body));
        }
        match body {
            Ok(body) => read(&body.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                Err(TokenError::malformed("the token endpoint's answer is longer than 1 MiB"))
            }
            Err(error) => Err(TokenError::transport(error)),
        }
    }
}

/// What a status other than 2xx says.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> TokenError {
    let mut text = format!("the token endpoint answered {}", status.as_u16());
    if let Some(code) = error_code(body) {
        text.push_str(", ");
        text.push_str(&code);
    }
    let busy =
        matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS);
    if busy || status.is_server_error() {
        let asked = RetryAfter::of(headers, || WallClock::system().now()).ok().flatten();
        return TokenError::unavailable(text).retry_after(asked.and_then(RetryAfter::usable));
    }
    TokenError::refused(text)
}

/// The `error` of RFC 6749 §5.2, if it is a word. Not its description: some servers repeat the request there.
fn error_code(body: &[u8]) -> Option<String> {
    let answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let code = answer.get("error")?.as_str()?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (is_word && !code.is_empty()).then(|| code.to_owned())
}

/// The token in the body of a 2xx.
fn read(body: &[u8]) -> Result<Token, TokenError> {
    let mut answer: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|_| TokenError::malformed("the token endpoint's answer is not a JSON object"))?;
    let Some(Value::String(secret)) = ["access_token", "token"].iter().find_map(|name| answer.remove(*name))
    else {
        return Err(TokenError::malformed("the token endpoint's answer holds no access_token"));
    };
    let token = Token::new(secret)?;
    Ok(match answer.get("expires_in").and_then(life) {
        Some(life) => token.expires_in(life),
        None => token,
    })
}

/// Seconds, as a number or as the text of one; a negative number is zero. `None`: neither, as if it were missing.
fn life(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok().filter(|seconds| !seconds.is_nan())?,
        _ => return None,
    };
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_au_05_the_life_of_a_token_as_servers_write_it() {
        let seconds = |text: &str| {
            let body = format!(r#"{{"access_token":"t","expires_in":{text}}}"#);
            read(body.as_bytes()).unwrap().life().as_secs_f64()
        };
        let cases = [
            ("60", 60.0),
            (r#""60""#, 60.0),
            (r#"" 60 ""#, 60.0),
            ("59.5", 59.5),
            ("0", 1.0),
            ("-5", 1.0),
            (r#""-1""#, 1.0),
            ("null", 3600.0),
            (r#""soon""#, 3600.0),
            (r#""NaN""#, 3600.0),
            ("[]", 3600.0),
            ("1e300", 3_153_600_000.0),
            ("18446744073709551615", 3_153_600_000.0),
        ];
        for (text, expected) in cases {
            assert!((seconds(text) - expected).abs() < 1e-6, "{text}: {}", seconds(text));
        }
        let missing = read(br#"{"access_token":"t"}"#).unwrap();
        assert_eq!(missing.life(), Duration::from_secs(3600));
    }

    #[test]
    fn c_au_08_an_answer_without_a_token_is_an_error() {
        let bodies: [&[u8]; 9] = [
            b"",
            b"<html>",
            b"[]",
            b"{}",
            b"null",
            br#"{"access_token":1}"#,
            br#"{"access_token":""}"#,
            br#"{"access_token":"a\nb"}"#,
            "{\"access_token\":\"\u{e4}\"}".as_bytes(),
        ];
        for body in bodies {
            let error = read(body).unwrap_err();
            assert!(!error.is_refused() && !error.is_unavailable(), "{}", body.escape_ascii());
        }
    }

    #[test]
    fn c_au_08_which_statuses_are_worth_another_try() {
        let of = |status: u16| refusal(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), b"");
        for status in [400, 401, 403, 404, 415, 302] {
            assert!(of(status).is_refused(), "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503, 504, 599] {
            assert!(of(status).is_unavailable(), "{status}");
        }
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("7"));
        let asked = refusal(StatusCode::TOO_MANY_REQUESTS, &headers, b"").asked_delay();
        assert_eq!(asked, Some(Duration::from_secs(7)));
    }

    #[test]
    fn c_au_10_only_a_word_of_the_answer_is_shown() {
        let text =
            |body: &str| refusal(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes()).to_string();
        assert!(
            text(r#"{"error":"invalid_client","error_description":"s3cret"}"#)
                .ends_with("400, invalid_client")
        );
        assert!(text(r#"{"error":"client s3cret is wrong"}"#).ends_with("400"));
    }
}
