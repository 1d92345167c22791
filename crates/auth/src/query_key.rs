use std::fmt::{self, Write as _};

use http::Uri;
use http::uri::PathAndQuery;
use secrecy::{ExposeSecret as _, SecretString};

use crate::credentials_error::CredentialsError;
use crate::secret_value::check_printable;

/// A key in the query, `?api_key=…`, for servers that know no better: a URI is written to many logs. The
/// layers of this workspace do not show it.
#[derive(Clone)]
pub struct QueryKey {
    name: String,
    value: SecretString,
}

impl QueryKey {
    /// The parameter `name` with `value`; both are percent-encoded as needed.
    ///
    /// # Errors
    /// One that is empty or not printable ASCII.
    pub fn new(name: &str, value: &str) -> Result<Self, CredentialsError> {
        check_printable(name).map_err(|must| CredentialsError::new("name", must))?;
        check_printable(value).map_err(|must| CredentialsError::new("value", must))?;
        Ok(Self { name: encode(name), value: encode(value).into() })
    }

    /// Adds the parameter, in place of the caller's own of that name. `None`: the URI would grow longer than
    /// a URI may be.
    pub(crate) fn put(&self, uri: &Uri) -> Option<Uri> {
        let mut whole = String::from(uri.path());
        whole.push('?');
        for pair in
            uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty() && !self.is(pair))
        {
            whole.push_str(pair);
            whole.push('&');
        }
        whole.push_str(&self.name);
        whole.push('=');
        whole.push_str(self.value.expose_secret());
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(whole).ok()?);
        Uri::from_parts(parts).ok()
    }

    /// Whether the query has a parameter of that name.
    pub(crate) fn is_in(&self, uri: &Uri) -> bool {
        uri.query().is_some_and(|query| query.split('&').any(|pair| self.is(pair)))
    }

    fn is(&self, pair: &str) -> bool {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        encode_decoded(name) == self.name
    }
}

impl fmt::Debug for QueryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryKey({}, ..)", self.name)
    }
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), push_encoded)
}

fn push_encoded(mut encoded: String, byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        encoded.push(char::from(byte));
    } else {
        // writing to a String does not fail
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}

/// One spelling of a name that may be encoded in many.
fn encode_decoded(name: &str) -> String {
    let mut bytes = name.as_bytes();
    let mut encoded = String::with_capacity(name.len());
    while let [first, rest @ ..] = bytes {
        let (byte, rest) = match (first, rest) {
            (b'%', [high, low, rest @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (high << 4 | low, rest),
                _ => (b'%', &bytes[1..]),
            },
            (b'+', rest) => (b' ', rest),
            (byte, rest) => (*byte, rest),
        };
        encoded = push_encoded(encoded, byte);
        bytes = rest;
    }
    encoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
