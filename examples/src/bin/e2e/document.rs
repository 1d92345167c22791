use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::{Map, Value};
use tower_intake::config::{AuthConfig, Bound, Part, Span, StackConfig};

/// What stdin says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) base_url: String,
    #[serde(default)]
    pub(crate) stack: StackConfig,
    #[serde(default = "off")]
    pub(crate) auth: Part<AuthConfig>,
    #[serde(default)]
    pub(crate) requests: Option<Vec<Request>>,
    #[serde(default)]
    records: Option<Value>,
    #[serde(default)]
    pages: Option<Value>,
    #[serde(default = "sixteen")]
    pub(crate) concurrency: usize,
    #[serde(default = "seven")]
    pub(crate) seed: u64,
}

/// One request to be sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default = "post")]
    method: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) body: Option<String>,
    #[serde(default)]
    after: Span,
    #[serde(default)]
    pub(crate) idempotent: bool,
    #[serde(default)]
    deadline: Bound,
    #[serde(default)]
    cancel_after: Bound,
    #[serde(default)]
    pub(crate) stream_body: bool,
}

fn off() -> Part<AuthConfig> {
    Part::Off
}

fn sixteen() -> usize {
    16
}

fn seven() -> u64 {
    7
}

fn post() -> String {
    "POST".to_owned()
}

impl Document {
    /// Reads and checks it; an error is one line that names the key.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut document: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("stdin is not a JSON object: {error}"))?;
        collect_by_default(&mut document);
        let document: Self = serde_path_to_error::deserialize(Value::Object(document)).map_err(|error| {
            let path = error.path().to_string();
            let text = error.inner().to_string();
            match path.as_str() {
                "." => text,
                _ if path.starts_with("auth") => format!("{path}: {}", without_value(&text)),
                _ => format!("{path}: {text}"),
            }
        })?;
        let base: Uri = document.base_url.parse().map_err(|error| format!("base_url: {error}"))?;
        // its text is not shown: a password may stand in it
        if base.authority().is_none() || !matches!(base.scheme_str(), Some("http" | "https")) {
            return Err("base_url: is not absolute; write it with http:// or https://".to_owned());
        }
        if base.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("base_url: holds a user; say who asks under `auth`".to_owned());
        }
        if base.query().is_some() {
            return Err("base_url: holds a query; put it into each request's path".to_owned());
        }
        if document.concurrency == 0 {
            return Err("concurrency: 0 sends nothing; at least 1".to_owned());
        }
        for (key, there) in [("records", document.records.is_some()), ("pages", document.pages.is_some())] {
            if there {
                return Err(format!("{key}: not built yet; this driver sends `requests`"));
            }
        }
        if document.requests.is_none() {
            return Err("requests: is missing".to_owned());
        }
        Ok(document)
    }

    /// What `path` means: an absolute URL, or the base and the path with one slash between them.
    pub(crate) fn url(&self, request: &Request) -> String {
        if request.path.starts_with("http://") || request.path.starts_with("https://") {
            return request.path.clone();
        }
        format!("{}/{}", self.base_url.trim_end_matches('/'), request.path.trim_start_matches('/'))
    }
}

/// serde shows the value that it did not expect, and under `auth` that may be a secret.
fn without_value(text: &str) -> String {
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    match expected {
        Some(expected) if text.starts_with("invalid type: ") || text.starts_with("invalid value: ") => {
            format!("is not what it must be, {expected}")
        }
        _ => text.to_owned(),
    }
}

/// StackConfig leaves answers to be streamed; a driver that shows bodies wants to know that they came whole.
fn collect_by_default(document: &mut Map<String, Value>) {
    let stack = document.entry("stack").or_insert_with(|| Value::Object(Map::new()));
    if stack.is_null() {
        *stack = Value::Object(Map::new());
    }
    if let Value::Object(stack) = stack {
        stack.entry("collect").or_insert(Value::Bool(true));
    }
}

impl Request {
    pub(crate) fn method(&self) -> Result<Method, String> {
        Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("method: {:?} is no method", self.method))
    }

    /// A header's value is a string, or a list of them for several lines.
    pub(crate) fn headers(&self) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let key: HeaderName = name.parse().map_err(|_| format!("headers.{name}: is no header name"))?;
            let lines = match value {
                Value::Array(lines) => lines.iter().collect(),
                line => vec![line],
            };
            for line in lines {
                let text = line
                    .as_str()
                    .ok_or_else(|| format!("headers.{name}: is no string or list of strings"))?;
                let value = HeaderValue::from_str(text)
                    .map_err(|_| format!("headers.{name}: holds a control character"))?;
                headers.append(key.clone(), value);
            }
        }
        Ok(headers)
    }

    pub(crate) fn after(&self) -> Duration {
        self.after.0
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.deadline.0
    }

    pub(crate) fn cancel_after(&self) -> Option<Duration> {
        self.cancel_after.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(more: &str) -> String {
        let text = format!(r#"{{"base_url":"http://127.0.0.1","requests":[{{"path":"/"}}],{more}}}"#);
        Document::read(&text).unwrap_err()
    }

    #[test]
    fn c_au_10_a_secret_of_the_wrong_type_is_not_shown() {
        for auth in [
            r#""S3CRET""#,
            r#"["S3CRET"]"#,
            r#"{"bearer":"S3CRET"}"#,
            r#"{"bearer":{"token":["S3CRET"]}}"#,
            r#"{"basic":{"user":"u","password":5353535353}}"#,
            r#"{"headers":{"x-api-key":5353535353}}"#,
            r#"{"oauth2":"S3CRET, expected S3CRET"}"#,
        ] {
            let error = wrong(&format!(r#""auth":{auth}"#));
            assert!(error.starts_with("auth"), "{error}");
            assert!(!error.contains("5353") && !error.contains(r#""S3CRET"#), "{error}");
        }
        let error = wrong(r#""auth":{"bearer":{"token":"t","tokens":1}}"#);
        assert!(error.starts_with("auth.bearer.tokens: unknown field"), "{error}");
    }

    #[test]
    fn false_and_null_switch_off() {
        for off in ["false", "null"] {
            let text = format!(
                r#"{{"base_url":"http://127.0.0.1","auth":{off},
                     "stack":{{"retry":{{"budget":{off},"backoff_throttled":{off},"backoff_transport":{off}}},
                               "gate":{{"quota":{off}}},"pool":{{"max_connections":{off}}}}},
                     "requests":[{{"path":"/","deadline":{off},"cancel_after":{off}}}]}}"#
            );
            let document = Document::read(&text).unwrap();
            assert!(document.auth.on().is_none());
            let request = &document.requests.as_ref().unwrap()[0];
            assert_eq!((request.deadline(), request.cancel_after()), (None, None));
        }
    }

    #[test]
    fn a_base_that_is_no_origin_of_http_is_refused_and_not_shown() {
        for base in ["ftp://127.0.0.1", "me:S3CRET@127.0.0.1", "http://me:S3CRET@127.0.0.1", "/v1", ""] {
            let error = Document::read(&format!(r#"{{"base_url":"{base}","requests":[]}}"#)).unwrap_err();
            assert!(error.starts_with("base_url: ") && !error.contains("S3CRET"), "{error}");
        }
    }
}
