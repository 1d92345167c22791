//! Credentials that never change.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::zeroize::Zeroizing;
use tower_intake_core::RequestHead;

use crate::any_credentials::AnyCredentials;
use crate::credentials::Credentials;
use crate::credentials_error::CredentialsError;
use crate::grant::Grant;
use crate::headers::Headers;
use crate::query_key::QueryKey;
use crate::secret_value::{check_printable, check_token};

impl Credentials for Headers {
    #[inline]
    fn grant(&self, _: RequestHead<'_>) -> Grant<'_> {
        Grant::headers(self)
    }

    fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
        self.any_in(request.headers)
    }

    fn for_service(&self) -> Self {
        self.apart()
    }

    fn for_service_any(&self) -> Option<AnyCredentials> {
        Some(AnyCredentials::new(self.for_service()))
    }
}

impl Credentials for QueryKey {
    fn grant(&self, _: RequestHead<'_>) -> Grant<'_> {
        Grant::query(self)
    }

    fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
        self.is_in(request.uri)
    }
}

/// User and password, [RFC 7617](https://www.rfc-editor.org/rfc/rfc7617).
///
/// ```
/// let basic = tower_intake_auth::Basic::new("me", "")?; // an empty password is a password
/// assert_eq!(format!("{basic:?}"), "Basic(..)");
/// # Ok::<(), tower_intake_auth::CredentialsError>(())
/// ```
#[derive(Clone)]
pub struct Basic(Headers);

impl Basic {
    /// `user` with `password`, which may be empty.
    ///
    /// # Errors
    /// A user that is empty or holds a colon; either not printable ASCII.
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        check_printable(user).map_err(|must| CredentialsError::new("user", must))?;
        if user.contains(':') {
            return Err(CredentialsError::new("user", "holds a colon, which ends a user's name in Basic"));
        }
        if !password.is_empty() {
            check_printable(password).map_err(|must| CredentialsError::new("password", must))?;
        }
        let pair = Zeroizing::new([user, ":", password].concat());
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        Ok(Self(Headers::authorization("Basic ", encoded.as_bytes())))
    }
}

/// One token that never changes, [RFC 6750](https://www.rfc-editor.org/rfc/rfc6750). For one that does, see
/// [`Tokens`](crate::Tokens).
#[derive(Clone)]
pub struct Bearer(Headers);

impl Bearer {
    /// `token`, without a scheme in front.
    ///
    /// # Errors
    /// A token that is empty, holds a space, or is not printable ASCII.
    pub fn new(token: &str) -> Result<Self, CredentialsError> {
        check_token(token).map_err(|must| CredentialsError::new("token", must))?;
        Ok(Self(Headers::authorization("Bearer ", token.as_bytes())))
    }
}

macro_rules! as_headers {
    ($($name:ident)*) => {$(
        impl Credentials for $name {
            #[inline]
            fn grant(&self, request: RequestHead<'_>) -> Grant<'_> {
                self.0.grant(request)
            }

            fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
                self.0.is_carried_by(request)
            }

            fn for_service(&self) -> Self {
                Self(self.0.for_service())
            }

            fn for_service_any(&self) -> Option<AnyCredentials> {
                Some(AnyCredentials::new(self.for_service()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )*};
}

as_headers!(Basic Bearer);
