use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use tower_intake_core::{BoxError, Permanent};

use crate::error::AuthError;
use crate::headers::Headers;
use crate::lease::Lease;
use crate::query_key::QueryKey;

/// An answer of [`Credentials`](crate::Credentials): what a request is to carry, or that it must not go.
pub struct Grant<'a>(pub(crate) Kind<'a>);

pub(crate) enum Kind<'a> {
    Headers(&'a Headers),
    Owned(Headers),
    Query(&'a QueryKey),
    Token(Arc<Lease>),
    Wait(Wait),
    Refused(BoxError),
}

/// A token that is being fetched.
pub(crate) type Wait = Pin<Box<dyn Future<Output = Result<Arc<Lease>, AuthError>> + Send>>;

impl<'a> Grant<'a> {
    /// These headers, which the credentials keep.
    #[inline]
    pub fn headers(headers: &'a Headers) -> Self {
        Self(Kind::Headers(headers))
    }

    /// These headers, made for this request.
    pub fn owned(headers: Headers) -> Self {
        Self(Kind::Owned(headers))
    }

    /// This key in the query.
    pub fn query(key: &'a QueryKey) -> Self {
        Self(Kind::Query(key))
    }

    /// Nothing: the request does not go, and its caller gets `error`. Where no retry can help, let a
    /// [`Permanent`] be in its chain.
    pub fn refused(error: impl Into<BoxError>) -> Self {
        Self(Kind::Refused(error.into()))
    }
}

impl Kind<'_> {
    /// On the request with it; a token's lease comes back, to tell of its rejection.
    #[inline(always)]
    pub(crate) fn put<B>(self, request: &mut Request<B>) -> Put {
        match self {
            Kind::Token(lease) => {
                lease.put(request.headers_mut());
                Put::Done(Some(lease))
            }
            Kind::Headers(headers) => {
                headers.put(request.headers_mut());
                Put::Done(None)
            }
            Kind::Owned(headers) => {
                headers.put(request.headers_mut());
                Put::Done(None)
            }
            Kind::Query(key) => match key.put(request.uri()) {
                Some(uri) => {
                    *request.uri_mut() = uri;
                    Put::Done(None)
                }
                None => Put::Refused(
                    Permanent::not_sent("auth: the URI is too long to take a key into its query").into(),
                ),
            },
            Kind::Wait(wait) => Put::Wait(wait),
            Kind::Refused(error) => Put::Refused(error),
        }
    }
}

pub(crate) enum Put {
    Done(Option<Arc<Lease>>),
    Wait(Wait),
    Refused(BoxError),
}

impl fmt::Debug for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Headers(_) | Kind::Owned(_) => "Grant::headers(..)",
            Kind::Query(_) => "Grant::query(..)",
            Kind::Token(_) => "Grant::token(..)",
            Kind::Wait(_) => "Grant::wait(..)",
            Kind::Refused(_) => "Grant::refused(..)",
        })
    }
}
