//! Where tokens are asked for.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::issuer::Tokens;
use crate::answer::Answer;
use crate::recorded::Recorded;
use crate::script::Script;

/// The script of a token endpoint; made by [`Tokens::endpoint`].
///
/// It understands the client-credentials grant of OAuth 2.0 (RFC 6749 §4.4: a form, the client in `Basic` or in the
/// body) and its JSON sibling (`{"grant_type":"client_credentials","client_id":…,"api_key":…}`, or with
/// `client_secret`). Errors are those of RFC 6749 §5.2.
#[derive(Clone, Debug)]
pub struct TokenEndpoint {
    tokens: Tokens,
}

/// The `error` of a refused grant.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    InvalidRequest,
    InvalidClient,
    UnsupportedGrantType,
}

impl TokenEndpoint {
    pub(super) fn new(tokens: Tokens) -> Self {
        Self { tokens }
    }

    fn grant(&self, request: &Recorded) -> Result<Answer, Refusal> {
        let fields = fields(request)?;
        let (id, secret) = match request.header("authorization") {
            Some(line) => basic(line).map(|(id, secret)| (id, Some(secret))).ok_or(Refusal::InvalidClient)?,
            None => {
                let secret = fields.get("client_secret").or_else(|| fields.get("api_key"));
                (fields.get("client_id").cloned().unwrap_or_default(), secret.cloned())
            }
        };
        match fields.get("grant_type").map(String::as_str) {
            None => return Err(Refusal::InvalidRequest),
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::UnsupportedGrantType),
        }
        if !self.tokens.knows(&id, secret.as_deref()) {
            return Err(Refusal::InvalidClient);
        }
        let (token, expires_in) = self.tokens.issue();
        let mut grant = json!({ "access_token": token, "token_type": "Bearer", "expires_in": expires_in });
        if let (true, Value::Object(grant)) = (expires_in.is_null(), &mut grant) {
            grant.remove("expires_in");
        }
        if let (Some(scope), Value::Object(grant)) = (fields.get("scope"), &mut grant) {
            grant.insert("scope".to_owned(), scope.as_str().into());
        }
        Ok(Answer::json(&grant).header("cache-control", "no-store"))
    }
}

impl Script for TokenEndpoint {
    fn answer(&self, request: &Recorded) -> Answer {
        self.tokens.called();
        if request.method != http::Method::POST {
            return Answer::new(405).header("allow", "POST");
        }
        self.grant(request).unwrap_or_else(refuse)
    }
}

fn refuse(refusal: Refusal) -> Answer {
    let (status, error) = match refusal {
        Refusal::InvalidRequest => (400, "invalid_request"),
        Refusal::InvalidClient => (401, "invalid_client"),
        Refusal::UnsupportedGrantType => (400, "unsupported_grant_type"),
    };
    let answer = Answer::new(status)
        .header("content-type", "application/json")
        .body(json!({ "error": error }).to_string());
    if status == 401 { answer.header("www-authenticate", "Basic realm=\"token\"") } else { answer }
}

/// The fields of a form or of a JSON object whose values are strings.
fn fields(request: &Recorded) -> Result<HashMap<String, String>, Refusal> {
    let kind = request.header("content-type").unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(form_urlencoded::parse(&request.body).into_owned().collect());
    }
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::InvalidRequest);
    }
    let Ok(Value::Object(object)) = request.json() else { return Err(Refusal::InvalidRequest) };
    let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
    Ok(object.into_iter().filter_map(text).collect())
}

/// Id and secret of a `Basic` line; both were form-encoded before (RFC 6749 §2.3.1).
fn basic(line: &str) -> Option<(String, String)> {
    let (scheme, code) = line.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(STANDARD.decode(code.trim()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(text: &str) -> String {
    // A bare text is the name of a pair without value; `&` and `=` cannot stand in it, they are encoded.
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_form_decoded() {
        let line = format!("Basic {}", STANDARD.encode("my+id:p%3Aw%26%3D"));
        assert_eq!(basic(&line), Some(("my id".to_owned(), "p:w&=".to_owned())));
        assert_eq!(basic("Bearer abc"), None);
    }
}
