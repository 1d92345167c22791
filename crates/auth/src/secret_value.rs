//! What a secret must look like to go into a header, and how it gets there.

use bytes::Bytes;
use http::HeaderValue;
use secrecy::zeroize::Zeroizing;

/// What is wrong with a value, said without showing it.
type Wrong = Result<(), String>;

/// What may stand in a header's value: printable ASCII, no space at either end (HTTP would cut it off, and the
/// secret would be another one).
pub(crate) fn check_value(value: &str) -> Wrong {
    check_printable(value)?;
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err("begins or ends with a space; cut it off".to_owned());
    }
    Ok(())
}

/// Printable ASCII, not empty.
pub(crate) fn check_printable(value: &str) -> Wrong {
    if value.is_empty() {
        return Err("is empty".to_owned());
    }
    match value.bytes().position(|byte| !matches!(byte, b' '..=b'~')) {
        Some(at) => Err(format!("byte {at} is not printable ASCII (a newline, say)")),
        None => Ok(()),
    }
}

/// A bearer token: visible ASCII without spaces (RFC 6750 §2.1 allows less).
pub(crate) fn check_token(value: &str) -> Wrong {
    check_printable(value)?;
    if value.contains(' ') {
        return Err("holds a space; give the token alone, without a scheme".to_owned());
    }
    Ok(())
}

/// `prefix` and `secret` as one value: marked sensitive, and wiped when its last clone goes.
///
/// Both have been checked.
pub(crate) fn sensitive(prefix: &str, secret: &[u8]) -> HeaderValue {
    // room for both from the start: a vector that grows leaves a copy behind
    let mut whole = Zeroizing::new(Vec::with_capacity(prefix.len() + secret.len()));
    whole.extend_from_slice(prefix.as_bytes());
    whole.extend_from_slice(secret);
    match HeaderValue::from_maybe_shared(Bytes::from_owner(whole)) {
        Ok(mut value) => {
            value.set_sensitive(true);
            value
        }
        Err(_) => unreachable!("what goes into a header was checked to be printable ASCII"),
    }
}

/// A copy in memory of its own: clones of one value count their users on one cache line.
pub(crate) fn apart(value: &HeaderValue) -> HeaderValue {
    sensitive("", value.as_bytes())
}
