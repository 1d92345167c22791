use std::fmt;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

use crate::credentials_error::CredentialsError;
use crate::secret_value::{apart, check_value, sensitive};

/// Any set of headers, each with its value: `api-auth-id` and `api-auth-signature`, `x-api-key`.
///
/// ```
/// use tower_intake_auth::Headers;
///
/// let headers = Headers::new().header("api-auth-id", "me")?.header("api-auth-signature", "c2lnbmVk")?;
/// assert!(!format!("{headers:?}").contains("c2lnbmVk"));
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    set: Vec<(HeaderName, HeaderValue)>,
}

/// These belong to the connection and the message, not to who sends it.
const FRAMING: [HeaderName; 7] = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE, TE, TRAILER];

impl Headers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// And `name: value`.
    ///
    /// # Errors
    /// A name that is none, is there already, or belongs to the connection (`host`, `content-length`, …); a
    /// value that is empty, not printable ASCII, or has a space at an end.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, CredentialsError> {
        let name = HeaderName::try_from(name)
            .map_err(|_| CredentialsError::new("header", "is not the name of a header"))?;
        if FRAMING.contains(&name) {
            return Err(CredentialsError::new("header", format!("{name} is not for credentials")));
        }
        if self.set.iter().any(|(known, _)| *known == name) {
            return Err(CredentialsError::new("header", format!("{name} is given twice")));
        }
        check_value(value).map_err(|must| CredentialsError::new(name.to_string(), must))?;
        self.set.push((name, sensitive("", value.as_bytes())));
        Ok(self)
    }

    pub(crate) fn authorization(prefix: &str, secret: &[u8]) -> Self {
        Self { set: vec![(AUTHORIZATION, sensitive(prefix, secret))] }
    }

    /// Each replaces what the caller had under its name.
    #[inline(always)]
    pub(crate) fn put(&self, headers: &mut HeaderMap) {
        match &*self.set {
            // the most frequent by far; the hash of a constant name is a constant
            [(name, value)] if *name == AUTHORIZATION => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            set => {
                for (name, value) in set {
                    headers.insert(name, value.clone());
                }
            }
        }
    }

    /// Whether any of them is there already.
    pub(crate) fn any_in(&self, headers: &HeaderMap) -> bool {
        self.set.iter().any(|(name, _)| headers.contains_key(name))
    }

    /// A copy in memory of its own.
    pub(crate) fn apart(&self) -> Self {
        Self { set: self.set.iter().map(|(name, value)| (name.clone(), apart(value))).collect() }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.set.iter().map(|(name, _)| name)).finish()
    }
}
