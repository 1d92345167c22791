//! Where the secret of a grant goes.

use http::Uri;

use crate::credentials_error::CredentialsError;
use crate::origins::{is_https, is_loopback};

const FIELD: &str = "token_url";

/// An absolute URI with https, or one on this machine.
pub(crate) fn check(url: &str, plain_http: bool) -> Result<Uri, CredentialsError> {
    let wrong = |must: &'static str| CredentialsError::new(FIELD, must);
    let uri = Uri::try_from(url).map_err(|_| wrong("is not a URI"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| wrong("must have a scheme and a host, like https://example.com/token"))?;
    if authority.as_str().contains('@') {
        return Err(wrong("holds a user; leave it out"));
    }
    match is_https(uri.scheme()) {
        Some(true) => Ok(uri),
        Some(false) if plain_http || is_loopback(authority.host()) => Ok(uri),
        Some(false) => {
            Err(wrong("a secret does not go over plain http; use https, or allow it with `allow_plain_http`"))
        }
        None => Err(wrong("must be http:// or https://")),
    }
}
