use std::fmt;

use http::header::AUTHORIZATION;
use tower_intake_core::{BoxError, RequestHead};

use crate::any_credentials::AnyCredentials;
use crate::grant::Grant;
use crate::headers::Headers;

/// What is to be put on a request so that the server knows who asks.
///
/// Ours are [`Basic`](crate::Basic), [`Bearer`](crate::Bearer), [`Headers`], [`QueryKey`](crate::QueryKey) and, for tokens that
/// are fetched and rotated, [`Tokens`](crate::Tokens). A closure becomes one with [`credentials_fn`]; a type of
/// your own answers [`grant`](Self::grant). Who obtains tokens in a way of their own writes a
/// [`TokenSource`](crate::TokenSource) and leaves the rotation to `Tokens`.
pub trait Credentials {
    /// What this request is to carry. Called for each attempt; returns at once.
    fn grant(&self, request: RequestHead<'_>) -> Grant<'_>;

    /// Whether the caller has put credentials on the request that would be replaced.
    fn is_carried_by(&self, request: RequestHead<'_>) -> bool {
        request.headers.contains_key(AUTHORIZATION)
    }

    /// The same credentials for one more service, which its clones share. An implementation that is read on
    /// every request makes a copy in memory of its own here, so that services on other threads do not contend.
    #[must_use]
    fn for_service(&self) -> Self
    where
        Self: Sized + Clone,
    {
        self.clone()
    }

    /// The same for credentials whose type is not known any more. `None`: the one object serves them all.
    fn for_service_any(&self) -> Option<AnyCredentials> {
        None
    }
}

/// [`Credentials`] from a closure; made by [`credentials_fn`].
#[derive(Clone, Copy)]
pub struct CredentialsFn<F>(F);

/// Makes [`Credentials`] of a closure that gives each request its headers, or an error that its caller gets.
///
/// ```
/// use tower_intake_auth::{Headers, credentials_fn};
/// use tower_intake_core::{Permanent, RequestHead};
///
/// let by_tenant = credentials_fn(|request: RequestHead<'_>| match request.headers.get("x-tenant") {
///     Some(tenant) if tenant == "acme" => Ok(Headers::new().header("x-api-key", "k-acme")?),
///     _ => Err(Permanent::not_sent("no key for this tenant").into()),
/// });
/// # let _ = by_tenant;
/// ```
pub fn credentials_fn<F>(f: F) -> CredentialsFn<F>
where
    F: Fn(RequestHead<'_>) -> Result<Headers, BoxError>,
{
    CredentialsFn(f)
}

impl<F> Credentials for CredentialsFn<F>
where
    F: Fn(RequestHead<'_>) -> Result<Headers, BoxError>,
{
    fn grant(&self, request: RequestHead<'_>) -> Grant<'_> {
        match (self.0)(request) {
            Ok(headers) => Grant::owned(headers),
            Err(error) => Grant::refused(error),
        }
    }
}

impl<F> fmt::Debug for CredentialsFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsFn")
    }
}
